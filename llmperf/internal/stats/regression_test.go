package stats_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

func TestRegression(t *testing.T) {
	stored := stats.Interval{Low: 0.97, Estimate: 1, High: 1.04}
	sure := func(q float64) stats.Interval { return stats.Interval{Low: q, Estimate: q, High: q} }
	for _, row := range []struct {
		name        string
		now, stored stats.Interval
		want        stats.Verdict
		reason      string
	}{
		{"slower", stats.Interval{Low: 1.25, Estimate: 1.3, High: 1.35}, stored, stats.Fail, "1.3 ± 5 % is past 1.10"},
		{"the same", stats.Interval{Low: 0.97, Estimate: 1, High: 1.04}, stored, stats.Pass, "1 ± 5 % is within 1.10"},
		{"a little slower", stats.Interval{Low: 1.05, Estimate: 1.1, High: 1.15}, stored, stats.Inconclusive, "1.1 ± 6 % may be either"},
		{"exactly at the limit", sure(1.1), sure(1), stats.Inconclusive, "neither above nor below, as simulated runs can be"},
		{"nothing stored", sure(1.1), stats.Interval{High: math.Inf(1)}, stats.Inconclusive, "there is nothing to compare with"},
	} {
		t.Run(row.name, func(t *testing.T) {
			ratio, verdict := stats.Regression(row.now, row.stored, 1.1)
			require.Equal(t, stats.Ratio(row.now, row.stored), ratio)
			require.Equal(t, row.want, verdict, row.reason)
		})
	}
}

func TestRegressionAtKnownRatios(t *testing.T) {
	f := lognormal(0.5)
	// The standard error of a quantile is √(p(1-p))/density, here of the logarithm, which is normal.
	trueTau := 0.5 * math.Sqrt(0.95*0.05) / (math.Exp(-normalQuantile(0.95)*normalQuantile(0.95)/2) / math.Sqrt(2*math.Pi))
	tau, ok := stats.Spread(through(f, stats.Quantile(curve(300, func(i int) float64 { return (float64(i) + 0.5) / 300 }), 0.95, conf, 0)), 300, conf)
	require.True(t, ok)
	needed, ok := stats.RequestsForPower(tau, 1.3, 1.1)
	require.True(t, ok)
	t.Logf("τ %.3f from an interval, %.3f true; %d requests needed", tau, trueTau, needed)

	for _, row := range []struct {
		name        string
		ratio       float64
		want        stats.Verdict
		least, most float64 // percent
		reason      string
	}{
		{"at the limit", 1.1, stats.Fail, 1.5, 6.5, "a false alarm"},
		{"at the limit, passing", 1.1, stats.Pass, 1.5, 6.5, "a false reassurance"},
		{"at the ratio planned for", 1.3, stats.Fail, 74, 88, "the power that RequestsForPower promises is 80 %"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRand(41)
			taus := 0.0
			seen := share(600, func() bool {
				stored := through(f, stats.Quantile(uniforms(r, needed), 0.95, conf, 0))
				now := through(func(u float64) float64 { return row.ratio * f(u) }, stats.Quantile(uniforms(r, needed), 0.95, conf, 0))
				tau, ok := stats.Spread(stored, needed, conf)
				require.True(t, ok)
				taus += tau / 600
				_, verdict := stats.Regression(now, stored, 1.1)
				return verdict == row.want
			})
			t.Logf("%.1f %%; τ %.3f measured, %.3f true", seen, taus, trueTau)
			require.GreaterOrEqual(t, seen, row.least, row.reason)
			require.LessOrEqual(t, seen, row.most, row.reason)
			require.InEpsilon(t, trueTau, taus, 0.1, "the spread estimated from intervals")
		})
	}
}

func TestRequestsForPowerAndSpreadAtTheEdges(t *testing.T) {
	for _, row := range []struct {
		name                  string
		tau, trueRatio, limit float64
		reason                string
	}{
		{"at the limit", 1, 1.1, 1.1, "no number of requests tells 1.1 from 1.1"},
		{"zero ratio", 1, 0, 1.1, "its logarithm is infinite"},
		{"negative ratio", 1, -1, 1.1, "it has no logarithm"},
		{"infinite ratio", 1, math.Inf(1), 1.1, "its logarithm is infinite"},
		{"infinite spread", math.Inf(1), 1.3, 1.1, "nothing can be told apart"},
		{"hairbreadth", 1, 1.1000001, 1.1, "more requests than can be sent"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, ok := stats.RequestsForPower(row.tau, row.trueRatio, row.limit)
			require.False(t, ok, row.reason)
		})
	}
	n, ok := stats.RequestsForPower(1, 1.2, 1.1)
	require.True(t, ok)
	require.Equal(t, 1638, n, "12.4/ln²(1.2/1.1)")
	n, ok = stats.RequestsForPower(0, 1.3, 1.1)
	require.True(t, ok)
	require.Equal(t, 1, n, "latency that never varies is known from one request")

	for _, q := range []stats.Interval{{High: 1}, {Low: 1, High: math.Inf(1)}} {
		_, ok := stats.Spread(q, 300, conf)
		require.False(t, ok, "a bound is missing")
	}
	_, ok = stats.Spread(stats.Interval{Low: 1, High: 2}, 0, conf)
	require.False(t, ok, "nothing was measured")
	_, ok = stats.Spread(stats.Interval{Low: 1, High: 2}, 300, 0.5)
	require.False(t, ok, "at a confidence of 0.5 the bounds are the estimate")
}
