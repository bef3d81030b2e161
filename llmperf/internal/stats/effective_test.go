package stats_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

func TestDesignEffect(t *testing.T) {
	block := func(hits, of int) []bool { // hits first, then misses
		return slices.Concat(slices.Repeat([]bool{true}, hits), slices.Repeat([]bool{false}, of-hits))
	}
	spread := slices.Repeat([]bool{true, false, false, false, false, false, false, false, false, false}, 10)
	for _, row := range []struct {
		name   string
		hits   []bool
		users  []int
		want   float64
		reason string
	}{
		{"no requests", nil, nil, 1, "nothing to measure"},
		{"no hit", block(0, 100), nil, 1, "no variance to look at"},
		{"all hits", block(100, 100), nil, 1, "no variance to look at"},
		{"too few for batches", block(2, 9), nil, 1, "five batches of two take ten requests"},
		{"evenly spread", spread, nil, 1, "never below 1, though every batch is alike"},
		{"one burst", block(10, 100), nil, 1 / 0.09, "one batch of ten is all hits: S² is 0.1, and (100/10)·0.1/(0.1·0.9)"},
		{"a long burst", block(20, 100), nil, 25, "five batches see it whole, where ten see two that are alike: S² is 0.2, and (100/5)·0.2/(0.2·0.8)"},
		{"short bursts", slices.Repeat(block(10, 20), 5), nil, 100.0 / 9, "each of five batches holds one, but of ten every other: S² is 0.25·10/9"},
		{"one slow user of ten", spread, rotating(100, 10), 1 / 0.09, "10/9·(9² + 9·1²)/(100·0.1·0.9)"},
		{"one user", spread, rotating(100, 1), 1, "a single user cannot be compared with another"},
		{"a user a request", spread, rotating(100, 100), 1, "no user sent two requests that might resemble each other"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.InDelta(t, row.want, stats.DesignEffect(row.hits, row.users), 1e-9, row.reason)
		})
	}
}

// rotating returns n users that take turns, numbered from 0.
func rotating(n, users int) []int {
	result := make([]int, n)
	for i := range result {
		result[i] = i % users
	}
	return result
}

func TestEffectiveN(t *testing.T) {
	for _, row := range []struct {
		name   string
		n      int
		deff   float64
		want   int
		reason string
	}{
		{"none", 0, 1, 0, "nothing is worth nothing"},
		{"independent", 300, 1, 300, "all count"},
		{"half", 301, 2, 150, "rounded down"},
		{"rounding error", 49, 49 * (1.0 / 49), 49, "a deff of 1 give or take rounding error"},
		{"a quotient rounded down", 9, 9.0 / 7, 7, "9/(9/7) is 6.999999999999999 in floating point"},
		{"below one", 300, 0.5, 300, "a request is worth no more than one"},
		{"hopeless", 10, 50, 1, "0 would mean that all are independent"},
		{"infinite", 10, math.Inf(1), 1, "0 would mean that all are independent"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, stats.EffectiveN(row.n, row.deff), row.reason)
		})
	}
}

func TestDesignEffectRestoresCoverage(t *testing.T) {
	const users, n, repetitions = 30, 300, 600
	type world func(userSpeed, ownSpeed, drift float64) float64
	for _, row := range []struct {
		name       string
		latency    world
		sigma      float64 // of the latency's logarithm over users, requests and drift
		plainAbove float64 // percent that bounds for independent requests miss
		reason     string
	}{
		{"a fixed prompt a user", func(u, o, _ float64) float64 { return math.Exp(0.4*u + 0.3*o) }, 0.5, 9,
			"the tail is the same few users' all along"},
		{"speed that drifts", func(_, o, d float64) float64 { return math.Exp(0.3*d + 0.4*o) }, 0.5, 9,
			"slow requests come together"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRand(13)
			truth := math.Exp(row.sigma * normalQuantile(0.95))
			plain, corrected, deffs := [2]int{}, [2]int{}, 0.0
			count := func(missed *[2]int, q stats.Interval) {
				if q.High < truth {
					missed[0]++
				}
				if q.Low > truth {
					missed[1]++
				}
			}
			for range repetitions {
				speeds := curve(users, func(int) float64 { return r.NormFloat64() })
				drift := r.NormFloat64()
				observations := make([]stats.Observation, n)
				sorted := make([]float64, n)
				for i := range observations {
					drift = 0.9*drift + math.Sqrt(1-0.9*0.9)*r.NormFloat64()
					user := r.IntN(users)
					sorted[i] = row.latency(speeds[user], r.NormFloat64(), drift)
					observations[i] = stats.Observation{User: user, Value: sorted[i]}
				}
				slices.Sort(sorted)
				deff := stats.QuantileDesignEffect(observations, 0.95)
				deffs += deff
				count(&plain, stats.Quantile(sorted, 0.95, conf, 0))
				count(&corrected, stats.Quantile(sorted, 0.95, conf, stats.EffectiveN(n, deff)))
			}
			percent := func(missed int) float64 { return 100 * float64(missed) / repetitions }
			t.Logf("mean deff %.1f; too low/too high: plain %.1f/%.1f %%, corrected %.1f/%.1f %%", deffs/repetitions,
				percent(plain[0]), percent(plain[1]), percent(corrected[0]), percent(corrected[1]))
			require.Greater(t, percent(plain[0]), row.plainAbove, "the case must need a correction: %s", row.reason)
			require.LessOrEqual(t, percent(corrected[0]), 7.0, row.reason)
			require.LessOrEqual(t, percent(corrected[1]), 9.0, row.reason)
		})
	}
}

func TestDesignEffectOfIndependentRequests(t *testing.T) {
	r := newRand(14)
	const repetitions = 300
	var effects []float64
	for range repetitions {
		observations := make([]stats.Observation, 300)
		for i := range observations {
			observations[i] = stats.Observation{User: r.IntN(20), Value: r.Float64()}
		}
		effects = append(effects, stats.QuantileDesignEffect(observations, 0.95))
	}
	slices.Sort(effects)
	t.Logf("median %.2f, p95 %.2f", effects[repetitions/2], effects[repetitions*95/100])
	require.Less(t, effects[repetitions/2], 1.5, "what is measured in a handful of batches is noisy, but must not halve n as a rule")
	require.Less(t, effects[repetitions*95/100], 4.0, "the warning at 4 must be rare without correlation")
}
