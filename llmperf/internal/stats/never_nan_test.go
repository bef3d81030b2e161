package stats_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

// oddValues are latencies that calculations trip over.
var oddValues = []float64{0, 0, math.SmallestNonzeroFloat64, 1e-9, 1, 1, 1, 2.5, 1e300, math.MaxFloat64, math.Inf(1), math.Inf(1)}

// requireOrdered fails the test unless the interval holds no NaN, nothing negative, and its estimate.
func requireOrdered(t *testing.T, i stats.Interval, of ...any) {
	t.Helper()
	require.True(t, 0 <= i.Low && i.Low <= i.High, "%v of %v", i, of)
	require.False(t, math.IsNaN(i.Estimate), "%v of %v", i, of)
}

func TestIntervalsOfOddValuesAreOrdered(t *testing.T) {
	r := newRand(51)
	odd := func() stats.Interval {
		values := curve(r.IntN(120), func(int) float64 { return oddValues[r.IntN(len(oddValues))] })
		slices.Sort(values)
		p := []float64{0.01, 0.5, 0.95, 0.999}[r.IntN(4)]
		q := stats.Quantile(values, p, []float64{0.5, 0.95, 0.999}[r.IntN(3)], r.IntN(140)-10)
		requireOrdered(t, q, values, p)
		require.True(t, q.Low <= q.Estimate && q.Estimate <= q.High, "%v of %v", q, values)
		return q
	}
	for range 3000 {
		num, den := odd(), odd()
		requireOrdered(t, stats.Ratio(num, den), num, den)
		ratio, _ := stats.Regression(num, den, 1.1)
		requireOrdered(t, ratio, num, den)
		if tau, ok := stats.Spread(num, r.IntN(100), conf); ok {
			require.True(t, tau >= 0, "%v", num)
		}
	}
}

func TestFailureBoundsAreOrdered(t *testing.T) {
	r := newRand(52)
	for range 1000 {
		n := r.IntN(1 << r.IntN(25))
		failed := r.IntN(n + 1)
		b := stats.FailureBoundsEffective(failed, n, r.IntN(n+1), 0.95)
		requireOrdered(t, b, failed, n)
		require.True(t, b.Low <= b.Estimate && b.Estimate <= b.High && b.High <= 1, "%v of %d of %d", b, failed, n)
	}
}

func TestFindingsOnOddLevelsAreNumbers(t *testing.T) {
	r := newRand(53)
	for range 2000 {
		levels := make([]stats.Level, r.IntN(7))
		for i := range levels {
			sorted := curve(r.IntN(4)*20, func(int) float64 { return oddValues[r.IntN(len(oddValues))] })
			slices.Sort(sorted)
			failed := r.IntN(3) * 30
			levels[i] = stats.Level{
				Load: float64(i / 2), Sorted: sorted, N: len(sorted), NEff: r.IntN(80), Quantile: stats.Quantile(sorted, 0.95, conf, 0),
				Requests: len(sorted) + failed, Failed: failed, NEffFailed: r.IntN(80),
			}
		}
		s := stats.LocateSaturation(levels, 2, 0.01, conf)
		require.Equal(t, s.Found, s.Index >= 0)
		for i := range levels {
			requireOrdered(t, s.Ratios[i], levels)
			requireOrdered(t, s.Failures[i], levels)
			require.False(t, math.IsNaN(s.FittedRatios[i]), "%v", levels)
			require.False(t, math.IsNaN(s.FittedFailures[i]), "%v", levels)
		}
		growth := stats.ClassifyGrowth(levels, 0.95, 0.01, conf)
		require.True(t, growth >= stats.Unclear && growth <= stats.Shedding)
	}
}

func TestSeriesOfOddValuesGiveNumbers(t *testing.T) {
	r := newRand(54)
	for range 2000 {
		series := curve(r.IntN(80), func(int) float64 { return oddValues[r.IntN(len(oddValues))] })
		cut := stats.MSER5(series)
		require.True(t, cut >= 0 && 2*cut <= len(series) && cut%5 == 0, "%v", series)
		for _, v := range stats.Isotonic(series, mapped(series, func(float64) float64 { return float64(r.IntN(3)) + 1 })) {
			require.False(t, math.IsNaN(v), "%v", series)
		}
		at, _ := stats.Plateau(series, series)
		require.False(t, math.IsNaN(at), "%v", series)
		x := curve(len(series), func(i int) float64 { return float64(i) })
		require.False(t, math.IsNaN(stats.Crossing(x, mapped(series, math.Log), nil)), "%v", series)

		observations := make([]stats.Observation, len(series))
		for i, v := range series {
			observations[i] = stats.Observation{User: r.IntN(5), Value: v}
		}
		parts := make([]stats.Part, len(series))
		for i, v := range series {
			parts[i] = stats.Part{User: r.IntN(9), At: r.Float64()*1.2 - 0.1, Value: min(v, 1e9)}
		}
		sum, effect := stats.SumBounds(parts, 0.95)
		requireOrdered(t, sum, parts)
		require.True(t, sum.Low <= sum.Estimate && sum.Estimate <= sum.High, "%v of %v", sum, parts)
		require.True(t, effect >= 1 && !math.IsInf(effect, 1), "%v", parts)

		deff := stats.QuantileDesignEffect(observations, 0.95)
		require.True(t, deff >= 1 && !math.IsInf(deff, 1), "%v", series)
	}
}
