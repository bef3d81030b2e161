package stats_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

// measured returns a level of 300 requests whose quantile is known to ±10 %.
func measured(quantile float64, failed int) stats.Level {
	return stats.Level{
		Quantile: stats.Interval{Low: quantile / 1.1, Estimate: quantile, High: quantile * 1.1},
		N:        300 - failed, Requests: 300, Failed: failed,
	}
}

// vague returns a level of 300 requests whose quantile has no bounds.
func vague(quantile float64) stats.Level {
	return stats.Level{Quantile: stats.Interval{Estimate: quantile, High: math.Inf(1)}, N: 300, Requests: 300}
}

func TestLocateSaturation(t *testing.T) {
	down := stats.Level{Requests: 300, Failed: 300} // no request succeeds
	type finding struct {
		found                        bool
		index, lastBelow, firstAbove int
	}
	for _, row := range []struct {
		name   string
		levels []stats.Level
		want   finding
		reason string
	}{
		{"no level", nil, finding{false, -1, -1, -1}, "nothing was measured"},
		{"baseline alone", []stats.Level{measured(1, 0)}, finding{false, -1, 0, -1}, "the baseline is its own measure"},
		{"flat", []stats.Level{measured(1, 0), measured(1.1, 0), measured(1, 0)}, finding{false, -1, 2, -1}, "no candidate"},
		{"knee", []stats.Level{measured(1, 0), measured(1.1, 0), measured(3, 0), measured(5, 0)}, finding{true, 2, 1, 2},
			"candidate and confirmation coincide"},
		{"confirmed later", []stats.Level{measured(1, 0), measured(1.2, 0), measured(2.1, 0), measured(3, 0)}, finding{true, 2, 1, 3},
			"2.1 ± 14 % is not proved to exceed 2, but 3 after it is, and the fit exceeds 2 at 2.1"},
		{"not confirmed", []stats.Level{measured(1, 0), measured(1.2, 0), measured(2.1, 0), measured(2.2, 0)}, finding{false, -1, 1, -1},
			"a candidate alone is no finding"},
		{"confirmed before the candidate", []stats.Level{measured(1, 0), measured(2.6, 0), measured(1.4, 0), vague(2.5)}, finding{true, 1, 0, 1},
			"2.6 is proved, pooling with 1.4 takes the fit to 1.9, and 2.5 has no bounds: the last confirmed level counts"},
		{"a disturbance", []stats.Level{measured(1, 0), measured(3, 0), measured(1, 0), measured(1, 0)}, finding{false, -1, 0, 1},
			"the fit over all levels stays below 2"},
		{"failures", []stats.Level{measured(1, 0), measured(1, 1), measured(1, 30), measured(1, 60)}, finding{true, 2, 1, 2},
			"10 % failures are past 1 %, however fast the rest is"},
		{"failures of a small level", []stats.Level{measured(1, 0), {Requests: 10, Failed: 1}, {Requests: 1000, Failed: 5}, {Requests: 1000, Failed: 30}},
			finding{true, 3, 0, 3}, "1 of 10 weighs little against 5 of 1000: pooled they are 0.6 %"},
		{"failures not yet proved", []stats.Level{measured(1, 0), measured(1, 5), measured(1, 30)}, finding{true, 1, 0, 2},
			"1.7 % failures are past 1 %: that latency copes there brackets nothing"},
		{"few failures", []stats.Level{measured(1, 0), measured(1, 0), measured(1, 4)}, finding{false, -1, 2, -1},
			"4 of 300 do not prove more than 1 %"},
		{"no successes", []stats.Level{measured(1, 0), measured(1.2, 0), down, down}, finding{true, 2, 1, 2}, "it has no latency, but fails"},
		{"no successes at the baseline", []stats.Level{down, down}, finding{true, 0, -1, 0}, "it is saturated from the start"},
		{"latencies unknown at the baseline", []stats.Level{{}, measured(1, 0), measured(9, 0)}, finding{false, -1, -1, -1},
			"there is nothing to compare with"},
		{"baseline without bounds", []stats.Level{vague(1), measured(9, 0)}, finding{false, -1, 0, -1}, "the baseline was too short to prove a ratio"},
		{"a level skipped", []stats.Level{measured(1, 0), {}, measured(3, 0)}, finding{true, 2, 0, 2}, "nothing is known about it"},
		{"baseline of zero", []stats.Level{{N: 300, Requests: 300}, measured(1, 0)}, finding{true, 1, 0, 1},
			"any time is more than twice no time, as it can be in simulated runs"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := stats.LocateSaturation(row.levels, 2, 0.01, conf)
			require.Equal(t, row.want, finding{s.Found, s.Index, s.LastBelow, s.FirstAbove}, row.reason)
			require.Len(t, s.Ratios, len(row.levels))
			require.Len(t, s.Failures, len(row.levels))
			require.Len(t, s.FittedRatios, len(row.levels))
			require.Len(t, s.FittedFailures, len(row.levels))
		})
	}
}

func TestNoSaturation(t *testing.T) {
	for _, row := range []struct {
		name   string
		levels []stats.Level
		want   stats.Verdict
		reason string
	}{
		{"healthy", []stats.Level{measured(1, 0), measured(1.2, 0)}, stats.Pass, "0 of 600 prove less than 1 %, and 1.2 ± 14 % is below 2"},
		{"saturated", []stats.Level{measured(1, 0), measured(3, 0)}, stats.Fail, "found and confirmed"},
		{"near the limit", []stats.Level{measured(1, 0), measured(1.9, 0)}, stats.Inconclusive, "1.9 ± 14 % may be 2"},
		{"some failures", []stats.Level{measured(1, 0), measured(1, 3)}, stats.Inconclusive, "3 of 600 do not prove less than 1 %"},
		{"failures in bursts", []stats.Level{
			{Quantile: measured(1, 0).Quantile, N: 300, Requests: 300, NEffFailed: 100},
			{Quantile: measured(1, 0).Quantile, N: 300, Requests: 300, NEffFailed: 100},
		}, stats.Inconclusive, "600 requests worth 200 do not prove less than 1 %"},
		{"baseline alone", []stats.Level{measured(1, 0)}, stats.Inconclusive, "nothing was compared"},
		{"nothing", nil, stats.Inconclusive, "nothing was measured"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, verdict := stats.NoSaturation(row.levels, 2, 0.01, conf)
			require.Equal(t, row.want, verdict, row.reason)
		})
	}
}

func TestSaturationIsRarelyFoundOnHealthyServers(t *testing.T) {
	for _, row := range []struct {
		name   string
		noise  float64
		reason string
	}{
		{"quiet", 0, "p95 grows to 1.8 times the baseline's, within the limit of 2"},
		{"noisy", 0.15, "the same with a speed that drifts by 15 %"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRand(21)
			healthy := server{p95: curve(10, func(i int) float64 { return 1 + 0.8*float64(i)/9 }), noise: row.noise, baseline: 300, n: 100}
			naive := 0.0
			alarms := share(300, func() bool {
				levels := healthy.levels(r)
				for _, l := range levels {
					if l.Quantile.Estimate > 2*levels[0].Quantile.Estimate {
						naive += 100.0 / 300
						break
					}
				}
				return stats.LocateSaturation(levels, 2, 0.01, conf).Found
			})
			t.Logf("false alarms %.1f %%, of estimates alone %.1f %%", alarms, naive)
			require.LessOrEqual(t, alarms, 2.0, row.reason)
			require.Greater(t, naive, 10.0, "the case must tempt")
		})
	}
}

func TestSaturationIsLocated(t *testing.T) {
	for _, row := range []struct {
		name          string
		p95           func(i int) float64
		n             int
		truth         int
		exact, within float64 // percent, at the true level and at most one beside it
		reason        string
	}{
		{"sharp knee", func(i int) float64 { return max(1+0.05*float64(i), 3*float64(i-4)) }, 100, 5, 98, 100,
			"1.2, then 3: few requests suffice"},
		{"medium knee", func(i int) float64 { return max(1+0.05*float64(i), 1+0.7*(float64(i)-3.2)) }, 300, 5, 90, 98,
			"1.56, then 2.26"},
		{"gradual", func(i int) float64 { return 1 + 0.3*float64(i) }, 300, 4, 50, 95,
			"1.9, then 2.2: the level is a matter of luck, its neighbourhood is not"},
	} {
		t.Run(row.name, func(t *testing.T) {
			const repetitions = 150
			r := newRand(22)
			saturating := server{p95: curve(10, row.p95), baseline: 300, n: row.n}
			near := 0.0
			exact := share(repetitions, func() bool {
				s := stats.LocateSaturation(saturating.levels(r), 2, 0.01, conf)
				if s.Found && s.Index >= row.truth-1 && s.Index <= row.truth+1 {
					near += 100.0 / repetitions
				}
				return s.Found && s.Index == row.truth
			})
			t.Logf("exact %.0f %%, within one level %.0f %%", exact, near)
			require.GreaterOrEqual(t, exact, row.exact, row.reason)
			require.GreaterOrEqual(t, near, row.within-1e-9, row.reason)
		})
	}
}
