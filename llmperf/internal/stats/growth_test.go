package stats_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

// exactly returns levels of 10, 20, 30 … users that were measured without any error: each holds the 300 mid-quantiles of a lognormal
// distribution with the given p95.
func exactly(p95 ...float64) []stats.Level {
	levels := make([]stats.Level, len(p95))
	for i, q := range p95 {
		sorted := curve(300, func(j int) float64 {
			return q * math.Exp(0.3*(normalQuantile((float64(j)+0.5)/300)-normalQuantile(0.95)))
		})
		levels[i] = stats.Level{
			Load: float64(10 * (i + 1)), Sorted: sorted, Quantile: stats.Quantile(sorted, 0.95, conf, 0), N: 300, Requests: 300,
		}
	}
	return levels
}

// failing returns levels with 30 more failures at each from index from on.
func failing(levels []stats.Level, from int) []stats.Level {
	for i := from; i < len(levels); i++ {
		levels[i].Requests += 30
		levels[i].Failed += 30
	}
	return levels
}

func TestClassifyGrowth(t *testing.T) {
	inf := math.Inf(1)
	down := stats.Level{Load: 60, Requests: 300, Failed: 300}
	repeated := exactly(1, 2, 3, 4, 5)
	for i := range repeated {
		repeated[i].Load = 10
	}
	censored := exactly(1, 2, 3, 4, 5)
	censored[4].Quantile = stats.Interval{Low: 4, Estimate: inf, High: inf}
	few := exactly(1, 1.1, 1.3, 1.4, 1.45)
	fewer := exactly(1, 1.5, 2, 2.5, 3)
	for i := range few {
		few[i].NEff, fewer[i].NEff = 5, 5
	}
	for _, row := range []struct {
		name   string
		levels []stats.Level
		want   stats.Growth
		reason string
	}{
		{"flat", exactly(1, 1.05, 1, 1.1, 1.2), stats.Flat, "less than 1.25 times"},
		{"line", exactly(1, 2, 3, 4, 5), stats.Linear, "the area under a line is 0.5"},
		{"knee", exactly(1, 1, 1, 1, 2, 4), stats.Accelerating, "flat, then steep"},
		{"levelling off", exactly(1, 3, 3.6, 3.8, 3.9, 4), stats.Decelerating, "steep, then flat"},
		{"one jump", exactly(1, 1, 1, 4, 4), stats.Unclear, "an area of 0.375, but 0.5 without the third level"},
		{"shedding", failing(exactly(1, 1.1, 1.3, 1.3, 1.3), 2), stats.Shedding, "requests fail from the third level on, latency stays"},
		{"shedding from the start", failing(exactly(1, 1.1, 1.2, 1.2), 0), stats.Shedding, "there is no level before the first"},
		{"failing and growing", failing(exactly(1, 2, 3, 4, 5), 2), stats.Linear, "2.5 times from the second level on is not flat"},
		{"too thin, small", few, stats.Flat, "1.45 times, but not proved to grow at all"},
		{"too thin, large", fewer, stats.Unclear, "3 times, but not proved to grow at all: flat would be a lie"},
		{"last level down", append(exactly(1, 2, 3, 4, 5), down), stats.Shedding, "where the last level fails altogether, no latency grows"},
		{"all down", []stats.Level{down, down, down}, stats.Unclear, "there is no latency"},
		{"two levels, flat", exactly(1, 1), stats.Flat, "flat takes no shape"},
		{"two levels", exactly(1, 5), stats.Unclear, "two levels have no shape"},
		{"three levels", exactly(1, 2, 5), stats.Unclear, "without the middle one there is no shape"},
		{"four levels", exactly(1, 2, 3, 4), stats.Linear, "enough for a shape"},
		{"one level", exactly(1), stats.Unclear, "nothing to compare"},
		{"none", nil, stats.Unclear, "nothing was measured"},
		{"one load", repeated, stats.Unclear, "growth with load takes different loads"},
		{"censored", censored, stats.Unclear, "nobody knows where the curve ends"},
		{"all censored", exactly(inf, inf, inf, inf), stats.Unclear, "two unknown latencies are not alike"},
		{"all censored and failing", failing(exactly(inf, inf, inf, inf), 2), stats.Unclear, "nor is that flat"},
		{"a level not measured", append(exactly(1, 2, 3, 4), stats.Level{Load: 200}), stats.Linear, "it must not stretch the curve to its load"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want.String(), stats.ClassifyGrowth(row.levels, 0.95, 0.01, conf).String(), row.reason)
		})
	}
}

func TestGrowthIsRecognised(t *testing.T) {
	knee := func(at float64) func(i int) float64 { // flat up to level at, then along a line to 4
		return func(i int) float64 { return max(1, 1+3*(float64(i)-at)/(9-at)) }
	}
	for _, row := range []struct {
		name     string
		p95      func(i int) float64
		failures func(i int) float64
		want     stats.Growth
		right    float64 // percent, at least
		wrong    float64 // percent, at most; the rest is Unclear
	}{
		{"flat", func(int) float64 { return 1 }, nil, stats.Flat, 93, 1},
		{"line to 4", func(i int) float64 { return 1 + 3*float64(i)/9 }, nil, stats.Linear, 85, 8},
		{"knee to 4", knee(5), nil, stats.Accelerating, 97, 1},
		{"early knee to 4", knee(3), nil, stats.Accelerating, 68, 10},
		{"exponential to 8", func(i int) float64 { return math.Pow(8, float64(i)/9) }, nil, stats.Accelerating, 80, 6},
		{"shedding", func(i int) float64 { return min(1.3, 1+0.1*float64(i)) }, func(i int) float64 { return max(0, 0.06*float64(i-5)) },
			stats.Shedding, 91, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			const repetitions = 100
			r := newRand(31)
			s := server{p95: curve(10, row.p95), baseline: 100, n: 100}
			if row.failures != nil {
				s.failures = curve(10, row.failures)
			}
			unclear := 0.0
			right := share(repetitions, func() bool {
				growth := stats.ClassifyGrowth(s.levels(r), 0.95, 0.01, conf)
				if growth == stats.Unclear {
					unclear += 100.0 / repetitions
				}
				return growth == row.want
			})
			t.Logf("right %.0f %%, unclear %.0f %%", right, unclear)
			require.GreaterOrEqual(t, right, row.right)
			require.LessOrEqual(t, 100-right-unclear, row.wrong)
		})
	}
}
