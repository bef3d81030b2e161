package stats_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

func TestIsotonic(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, row := range []struct {
		name   string
		y, w   []float64
		want   []float64
		reason string
	}{
		{"empty", nil, nil, []float64{}, "nothing to fit"},
		{"rising", []float64{1, 2, 4}, nil, []float64{1, 2, 4}, "already fits"},
		{"one violation", []float64{1, 4, 2, 5}, nil, []float64{1, 3, 3, 5}, "the two are averaged"},
		{"falling", []float64{3, 2, 1}, nil, []float64{2, 2, 2}, "all are averaged"},
		{"weighted", []float64{4, 1}, []float64{1, 2}, []float64{2, 2}, "(4·1 + 1·2)/3"},
		{"weight zero", []float64{9, 1, 2}, []float64{0, 1, 1}, []float64{1, 1, 2}, "what weighs nothing is not there"},
		{"missing", []float64{nan, 1, nan, 3, nan}, nil, []float64{1, 1, 1, 3, 3}, "the predecessor's fit, or the first there is"},
		{"missing in a pool", []float64{3, nan, 1}, nil, []float64{2, 2, 2}, "it does not keep its neighbours apart"},
		{"infinite", []float64{1, inf, 2, 3}, nil, []float64{1, inf, inf, inf}, "no finite value can follow"},
		{"negative infinite", []float64{1, -inf, 2}, nil, []float64{-inf, -inf, 2}, "no finite value can come before"},
		{"both infinite", []float64{inf, -inf}, nil, []float64{inf, inf}, "+Inf prevails"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, stats.Isotonic(row.y, row.w), row.reason)
		})
	}
	for _, v := range stats.Isotonic([]float64{nan, nan}, nil) {
		require.True(t, math.IsNaN(v), "nothing is known about any of them")
	}
}

// TestIsotonicMatchesBruteForce compares with the min-max formula: the fit at i is the greatest over s <= i of the least over t >= i of
// the weighted mean of s to t.
func TestIsotonicMatchesBruteForce(t *testing.T) {
	r := newRand(11)
	for range 300 {
		n := 1 + r.IntN(9)
		y := curve(n, func(int) float64 { return float64(r.IntN(6)) })
		w := curve(n, func(int) float64 { return float64(1 + r.IntN(4)) })
		want := curve(n, func(i int) float64 {
			greatest := math.Inf(-1)
			for from := 0; from <= i; from++ {
				least, sum, weight := math.Inf(1), 0.0, 0.0
				for to := from; to < n; to++ {
					sum, weight = sum+w[to]*y[to], weight+w[to]
					if to >= i {
						least = min(least, sum/weight)
					}
				}
				greatest = max(greatest, least)
			}
			return greatest
		})
		require.InDeltaSlice(t, want, stats.Isotonic(y, w), 1e-9, "y=%v w=%v", y, w)
	}
}
