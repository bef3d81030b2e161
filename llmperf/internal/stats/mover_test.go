package stats_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

func TestRatioFollowsTheFormula(t *testing.T) {
	e := math.E
	ratio := stats.Ratio(
		stats.Interval{Low: math.Pow(e, 2-0.3), Estimate: e * e, High: math.Pow(e, 2+0.6)},
		stats.Interval{Low: math.Pow(e, 1-0.8), Estimate: e, High: math.Pow(e, 1+0.4)},
	)
	require.InDelta(t, e, ratio.Estimate, 1e-12)
	require.InDelta(t, math.Exp(1+1.0), ratio.High, 1e-12, "√(0.6² + 0.8²) = 1: the numerator's upper and the denominator's lower side")
	require.InDelta(t, math.Exp(1-0.5), ratio.Low, 1e-12, "√(0.3² + 0.4²) = 0.5: the numerator's lower and the denominator's upper side")
}

func TestRatioWithoutAllBounds(t *testing.T) {
	inf := math.Inf(1)
	whole := stats.Interval{Low: 1, Estimate: 2, High: 4}
	for _, row := range []struct {
		name     string
		num, den stats.Interval
		want     stats.Interval
		reason   string
	}{
		{"numerator unbounded above", stats.Interval{Low: 2, Estimate: 2, High: inf}, stats.Interval{Low: 2, Estimate: 2, High: 2},
			stats.Interval{Low: 1, Estimate: 1, High: inf}, "the lower side is unaffected"},
		{"denominator unbounded above", stats.Interval{Low: 2, Estimate: 2, High: 2}, stats.Interval{Low: 2, Estimate: 2, High: inf},
			stats.Interval{Low: 0, Estimate: 1, High: 1}, "the upper side is unaffected"},
		{"denominator unbounded below", whole, stats.Interval{Low: 0, Estimate: 2, High: inf},
			stats.Interval{Low: 0, Estimate: 1, High: inf}, "neither side has its bounds"},
		{"nothing known", stats.Interval{High: inf}, stats.Interval{High: inf}, stats.Interval{Low: 0, Estimate: 1, High: inf}, "0/0 counts as 1"},
		{"censored numerator", stats.Interval{Low: 8, Estimate: inf, High: inf}, whole,
			stats.Interval{Low: 2, Estimate: inf, High: inf}, "without a logarithm the lower bound is the quotient of bounds, 8/4"},
		{"censored denominator", whole, stats.Interval{Low: 8, Estimate: inf, High: inf},
			stats.Interval{Low: 0, Estimate: 0, High: 0.5}, "without a logarithm the upper bound is the quotient of bounds, 4/8"},
		{"both censored", stats.Interval{Low: inf, Estimate: inf, High: inf}, stats.Interval{Low: inf, Estimate: inf, High: inf},
			stats.Interval{Low: 0, Estimate: 1, High: inf}, "two unknown slownesses cannot be compared"},
		{"zero numerator", stats.Interval{}, whole, stats.Interval{}, "0 over something is 0"},
		{"zero denominator", whole, stats.Interval{}, stats.Interval{Low: inf, Estimate: inf, High: inf}, "something over a certain 0"},
		{"zero over zero", stats.Interval{}, stats.Interval{}, stats.Interval{Low: 0, Estimate: 1, High: inf}, "nothing can be said"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, stats.Ratio(row.num, row.den), row.reason)
		})
	}
}

func TestRatioMissesNoMoreThanItClaims(t *testing.T) {
	distributions := map[string]func(float64) float64{
		"lognormal 0.5": lognormal(0.5),
		"lognormal 1.2": lognormal(1.2),
		"exponential":   func(u float64) float64 { return -math.Log1p(-u) },
		"Pareto 2":      func(u float64) float64 { return math.Pow(1-u, -0.5) },
		"shifted":       func(u float64) float64 { return 5 + u },
		"two modes": func(u float64) float64 { // 7 % of the requests take ten times as long
			if u < 0.93 {
				return 1 + 0.1*u
			}
			return 10 + u
		},
	}
	for _, row := range []struct {
		name     string
		num, den float64 // the quantiles compared
		n        int     // requests in the numerator's sample
		base     int     // requests in the denominator's own sample; 0 if it is the same one
		reason   string
	}{
		{"p95 of a step over a short baseline", 0.95, 0.95, 100, 100, "saturation"},
		{"p95 of a step over the baseline", 0.95, 0.95, 100, 300, "saturation"},
		{"p99 over p50", 0.99, 0.50, 300, 0, "the tail ratio, at almost the fewest requests"},
		{"p99 over p50 of a long step", 0.99, 0.50, 1000, 0, "the tail ratio"},
	} {
		t.Run(row.name, func(t *testing.T) {
			const repetitions = 2000
			r := newRand(uint64(row.n + row.base))
			tooLow, tooHigh := map[string]int{}, map[string]int{}
			for range repetitions {
				sample := uniforms(r, row.n)
				other := sample
				if row.base > 0 {
					other = uniforms(r, row.base)
				}
				num, den := stats.Quantile(sample, row.num, conf, 0), stats.Quantile(other, row.den, conf, 0)
				for name, f := range distributions {
					ratio, truth := stats.Ratio(through(f, num), through(f, den)), f(row.num)/f(row.den)
					if ratio.High < truth {
						tooLow[name]++
					}
					if ratio.Low > truth {
						tooHigh[name]++
					}
				}
			}
			for name := range distributions {
				t.Logf("%-14s the upper bound misses %.1f %%, the lower %.1f %%", name,
					100*float64(tooLow[name])/repetitions, 100*float64(tooHigh[name])/repetitions)
				require.LessOrEqual(t, tooLow[name], repetitions*65/1000, "%s, upper bound: %s", name, row.reason)
				require.LessOrEqual(t, tooHigh[name], repetitions*65/1000, "%s, lower bound: %s", name, row.reason)
			}
		})
	}
}

// through returns the interval of f of a quantity, f being increasing.
func through(f func(float64) float64, i stats.Interval) stats.Interval {
	return stats.Interval{Low: f(i.Low), Estimate: f(i.Estimate), High: f(i.High)}
}

func TestTailRatioVerdicts(t *testing.T) {
	for _, row := range []struct {
		name       string
		truth      float64 // p99/p50
		want       stats.Verdict
		atLeast    float64 // percent of runs
		other      stats.Verdict
		otherBelow float64
		reason     string
	}{
		{"healthy", 1.5, stats.Pass, 95, stats.Fail, 0.1, "far within the limit of 2"},
		{"at the limit", 2.0, stats.Inconclusive, 85, stats.Fail, 6.5, "a run exactly at the limit must rarely fail"},
		{"bad", 2.6, stats.Fail, 90, stats.Pass, 0.1, "far past the limit of 2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			const repetitions = 500
			r := newRand(7)
			f := lognormal(math.Log(row.truth) / normalQuantile(0.99))
			seen := map[stats.Verdict]float64{}
			for range repetitions {
				sample := uniforms(r, 300)
				p99, p50 := stats.Quantile(sample, 0.99, conf, 0), stats.Quantile(sample, 0.5, conf, 0)
				seen[stats.Ratio(through(f, p99), through(f, p50)).Below(2)] += 100.0 / repetitions
			}
			t.Logf("%v", seen)
			require.GreaterOrEqual(t, seen[row.want], row.atLeast, row.reason)
			require.LessOrEqual(t, seen[row.other], row.otherBelow, row.reason)
		})
	}
}
