package stats_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

func TestRequestsToProve(t *testing.T) {
	for _, row := range []struct {
		limit float64
		want  []int // by number of failures
	}{
		{0.001, []int{2995, 4742, 6294, 7752}},
		{0.01, []int{299, 473, 628, 773}},
	} {
		for failed, want := range row.want {
			t.Run(fmt.Sprintf("%d failures below %v", failed, row.limit), func(t *testing.T) {
				n := stats.RequestsToProve(failed, row.limit, conf)
				require.Equal(t, want, n)
				require.Less(t, stats.FailureBounds(failed, n, conf).High, row.limit, "so many requests prove it")
				require.GreaterOrEqual(t, stats.FailureBounds(failed, n-1, conf).High, row.limit, "one fewer does not")
			})
		}
	}
}

func TestFailureBounds(t *testing.T) {
	for _, row := range []struct {
		name      string
		failed, n int
		conf      float64
		low, high float64
		reason    string
	}{
		{"no request", 0, 0, 0.95, 0, 1, "anything is possible"},
		{"none of 600", 0, 600, 0.95, 0, -math.Expm1(math.Log(0.05) / 600), "1-0.05^(1/600), about 0.50 %"},
		{"all of 20", 20, 20, 0.95, math.Pow(0.05, 1.0/20), 1, "the mirror image of none"},
		{"one of one", 1, 1, 0.95, 0.05, 1, "one request proves almost nothing"},
		{"10 of 100, two-sided 95 %", 10, 100, 0.975, 0.0490047, 0.1762226, "the textbook interval"},
		{"one of ten million", 1, 10_000_000, 0.95, 5.129329e-9, 4.743865e-7, "the Poisson limits 0.05129 and 4.744, over n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := stats.FailureBounds(row.failed, row.n, row.conf)
			require.InDelta(t, row.low, b.Low, 1e-6*row.low+1e-12, row.reason)
			require.InDelta(t, row.high, b.High, 1e-6*row.high+1e-12, row.reason)
			require.InDelta(t, float64(row.failed)/max(float64(row.n), 1), b.Estimate, 1e-15)
		})
	}
}

// TestFailureBoundsCoverage adds up the exact probability of every outcome whose bounds miss the true rate.
func TestFailureBoundsCoverage(t *testing.T) {
	for _, n := range []int{10, 100, 300} {
		for _, rate := range []float64{0.003, 0.01, 0.05, 0.2, 0.5} {
			tooLow, tooHigh := 0.0, 0.0
			for failed := range n + 1 {
				b := stats.FailureBounds(failed, n, conf)
				if b.High < rate {
					tooLow += binomialTerm(failed, n, rate)
				}
				if b.Low > rate {
					tooHigh += binomialTerm(failed, n, rate)
				}
			}
			require.LessOrEqual(t, tooLow, 0.05, "n=%d rate=%v", n, rate)
			require.LessOrEqual(t, tooHigh, 0.05, "n=%d rate=%v", n, rate)
			if n == 300 && rate >= 0.05 {
				require.GreaterOrEqual(t, min(tooLow, tooHigh), 0.03, "n=%d rate=%v: bounds are needlessly wide", n, rate)
			}
		}
	}
}

func TestEffectiveFailureBounds(t *testing.T) {
	plain := stats.FailureBounds(6, 600, conf)
	require.Equal(t, plain, stats.FailureBoundsEffective(6, 600, 0, conf), "0 means independent")
	require.Equal(t, plain, stats.FailureBoundsEffective(6, 600, 601, conf), "no more than n can be independent")

	half := stats.FailureBoundsEffective(6, 600, 300, conf)
	require.Equal(t, stats.FailureBounds(3, 300, conf), half, "6 of 600, worth 300, are as sure as 3 of 300")

	fraction := stats.FailureBoundsEffective(6, 600, 250, conf) // 2.5 failures
	require.Less(t, fraction.Low, half.Low)
	require.Greater(t, fraction.High, half.High)
	require.Equal(t, 0.01, fraction.Estimate, "the estimate stays")
}

func TestImpossibleArgumentsPanic(t *testing.T) {
	require.PanicsWithValue(t, "stats: 3 failures of 2 requests; count every failed request as a request too",
		func() { stats.FailureBounds(3, 2, conf) })
	require.PanicsWithValue(t, "stats: -1 failures of 2 requests; count every failed request as a request too",
		func() { stats.FailureBounds(-1, 2, conf) })
	require.PanicsWithValue(t, "stats: conf is 1; it must lie strictly between 0 and 1", func() { stats.FailureBounds(1, 2, 1) })
	require.PanicsWithValue(t, "stats: p is 95; it must lie strictly between 0 and 1", func() { stats.MinSamples(95, conf) })
	require.PanicsWithValue(t, "stats: p is NaN; it must lie strictly between 0 and 1", func() { stats.UpperRank(9, math.NaN(), conf) })
	require.PanicsWithValue(t, "stats: limit is 0; it must lie strictly between 0 and 1", func() { stats.RequestsToProve(0, 0, conf) })
	require.PanicsWithValue(t, "stats: -1 failures; a count cannot be negative", func() { stats.RequestsToProve(-1, 0.1, conf) })
}
