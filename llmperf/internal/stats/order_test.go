package stats_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

func TestRanksMatchPublishedVectors(t *testing.T) {
	for _, row := range []struct {
		name                  string
		n                     int
		p                     float64
		lower, nearest, upper int
		reason                string
	}{
		{"p95 of 59", 59, 0.95, 53, 57, 59, "the smallest n with an upper bound: it is the maximum"},
		{"p95 of 100", 100, 0.95, 91, 95, 99, "100·0.95 must not round up to 96"},
		{"p95 of 300", 300, 0.95, 279, 285, 292, "a usual step"},
		{"p95 of 600", 600, 0.95, 561, 570, 580, "a long step"},
		{"p99 of 300", 300, 0.99, 294, 297, 300, "just above the 299 that p99 takes"},
		{"p99 of 1000", 1000, 0.99, 985, 990, 996, "a usual run"},
	} {
		t.Run(row.name, func(t *testing.T) {
			lower, ok := stats.LowerRank(row.n, row.p, conf)
			require.True(t, ok)
			upper, ok := stats.UpperRank(row.n, row.p, conf)
			require.True(t, ok)
			require.Equal(t, []int{row.lower, row.nearest, row.upper}, []int{lower, stats.NearestRank(row.n, row.p), upper}, row.reason)
		})
	}
}

func TestNearestRankSurvivesRounding(t *testing.T) {
	for _, row := range []struct {
		name   string
		n      int
		p      float64
		want   int
		reason string
	}{
		{"none", 0, 0.95, 0, "there is no value"},
		{"one", 1, 0.01, 1, "ranks start at 1"},
		{"p95 of 20", 20, 0.95, 19, "an exact product"},
		{"p95 of 21", 21, 0.95, 20, "19.95 rounds up"},
		{"p55 of 100", 100, 0.55, 55, "100·0.55 is 55.000000000000007 in floating point"},
		{"p99.9 of 1000", 1000, 0.999, 999, "an exact product"},
		{"p95 of ten million", 10_000_000, 0.95, 9_500_000, "rounding error grows with n"},
		{"p99.99 of ten million and one", 10_000_001, 0.9999, 9_999_001, "but 9,999,000.9999 is not rounding error"},
		{"minimum", 7, 0, 1, "p may be 0"},
		{"maximum", 7, 1, 7, "p may be 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, stats.NearestRank(row.n, row.p), row.reason)
		})
	}
}

// TestRanksMatchTheirDefinition compares every n of a range with the definition, summed term by term.
func TestRanksMatchTheirDefinition(t *testing.T) {
	for _, p := range []float64{0.1, 0.5, 0.9, 0.95, 0.99} {
		for n := 1; n <= 200; n++ {
			wantLower, wantUpper := 0, n+1
			below := 0.0 // P(Bin(n, p) <= k-1)
			for k := 1; k <= n; k++ {
				below += binomialTerm(k-1, n, p)
				if below <= 1-conf+1e-9 {
					wantLower = k
				}
				if below >= conf-1e-9 && wantUpper > n {
					wantUpper = k
				}
			}
			lower, hasLower := stats.LowerRank(n, p, conf)
			upper, hasUpper := stats.UpperRank(n, p, conf)
			require.Equal(t, wantLower > 0, hasLower, "n=%d p=%v", n, p)
			require.Equal(t, wantUpper <= n, hasUpper, "n=%d p=%v", n, p)
			require.Equal(t, n >= stats.MinSamples(p, conf), hasUpper, "n=%d p=%v", n, p)
			if hasLower {
				require.Equal(t, wantLower, lower, "n=%d p=%v", n, p)
			}
			if hasUpper {
				require.Equal(t, wantUpper, upper, "n=%d p=%v", n, p)
			}
		}
	}
}

// binomialTerm returns P(Bin(n, p) = k).
func binomialTerm(k, n int, p float64) float64 {
	choose := func(v int) float64 { l, _ := math.Lgamma(float64(v + 1)); return l }
	return math.Exp(choose(n) - choose(k) - choose(n-k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

func TestMinSamples(t *testing.T) {
	for p, want := range map[float64]int{0.5: 5, 0.9: 29, 0.95: 59, 0.99: 299, 0.999: 2995} {
		require.Equal(t, want, stats.MinSamples(p, 0.95), "p=%v", p)
	}
	require.Equal(t, 459, stats.MinSamples(0.99, 0.99), "the queries that MLPerf's early stopping asks for without a slow one")
	require.Equal(t, 2, stats.MinSamples(0.5, 0.75), "an exact tie: 1-0.5² is 0.75")
	upper, ok := stats.UpperRank(2, 0.5, 0.75)
	require.True(t, ok, "the same tie")
	require.Equal(t, 2, upper)
}

func TestQuantileCoverage(t *testing.T) {
	const repetitions = 2000
	for _, n := range []int{59, 100, 300, 1000} {
		r := newRand(uint64(n))
		tooLow, tooHigh := 0, 0
		for range repetitions {
			q := stats.Quantile(uniforms(r, n), 0.95, conf, 0)
			require.LessOrEqual(t, q.Low, q.Estimate)
			require.LessOrEqual(t, q.Estimate, q.High)
			if q.High < 0.95 {
				tooLow++
			}
			if q.Low > 0.95 {
				tooHigh++
			}
		}
		t.Logf("n=%d: the upper bound misses %.1f %%, the lower %.1f %%", n, 100*float64(tooLow)/repetitions, 100*float64(tooHigh)/repetitions)
		for _, missed := range []int{tooLow, tooHigh} {
			require.LessOrEqual(t, missed, repetitions*60/1000, "n=%d: bounds miss more than 5 %%", n)
			require.GreaterOrEqual(t, missed, repetitions*15/1000, "n=%d: bounds are needlessly wide", n)
		}
	}
}

func TestQuantileStretchesEffectiveRanks(t *testing.T) {
	values := curve(300, func(i int) float64 { return float64(i + 1) }) // each value is its own rank
	inf := math.Inf(1)
	for _, row := range []struct {
		name   string
		nEff   int
		want   stats.Interval
		reason string
	}{
		{"independent", 300, stats.Interval{Low: 279, Estimate: 285, High: 292}, "the ranks of n=300"},
		{"unset", 0, stats.Interval{Low: 279, Estimate: 285, High: 292}, "0 means independent"},
		{"more than there are", 301, stats.Interval{Low: 279, Estimate: 285, High: 292}, "no more than n can be independent"},
		{"a third", 100, stats.Interval{Low: 273, Estimate: 285, High: 297}, "ranks 91 and 99 of 100, times three"},
		{"not a divisor", 59, stats.Interval{Low: 269, Estimate: 285, High: 300}, "⌊53·300/59⌋ = ⌊269.5⌋"},
		{"too few", 58, stats.Interval{Low: 268, Estimate: 285, High: inf}, "no upper bound below 59; ⌊52·300/58⌋ = ⌊268.97⌋"},
		{"one", 1, stats.Interval{Low: 285, Estimate: 285, High: inf}, "one value is above p95 with a chance of just 0.05, but 1·300 is past the estimate"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, stats.Quantile(values, 0.95, conf, row.nEff), row.reason)
		})
	}
}

func TestQuantileBoundsStopAtTheEstimate(t *testing.T) {
	values := curve(300, func(i int) float64 { return float64(i + 1) })
	require.Equal(t, stats.Interval{Low: 285, Estimate: 285, High: 285}, stats.Quantile(values, 0.95, 0.01, 0),
		"a confidence of 1 % would put the upper bound below the estimate and the lower above it")
}

func TestQuantileOfCensoredRequests(t *testing.T) {
	inf := math.Inf(1)
	values := slices.Concat(curve(290, func(i int) float64 { return float64(i + 1) }), slices.Repeat([]float64{inf}, 10))
	require.Equal(t, stats.Interval{Low: 279, Estimate: 285, High: inf}, stats.Quantile(values, 0.95, conf, 0),
		"10 of 300 requests never finished: the upper bound is rank 292, one of them")
	require.Equal(t, stats.Interval{Low: 0, Estimate: 0, High: inf}, stats.Quantile(nil, 0.95, conf, 0), "nothing was measured")
}
