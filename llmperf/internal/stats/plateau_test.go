package stats_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

func TestPlateau(t *testing.T) {
	tens := curve(10, func(i int) float64 { return float64(10 * (i + 1)) })
	over := func(f func(n float64) float64) []float64 { return mapped(tens, f) }
	for _, row := range []struct {
		name       string
		users      []float64
		throughput []float64
		at         float64
		ok         bool
		reason     string
	}{
		{"knee at a level", tens, over(func(n float64) float64 { return 0.4 * min(n, 50) }), 50, true, "the curve itself"},
		{"knee between levels", tens, over(func(n float64) float64 { return 0.4 * min(n, 47) }), 47, true, "k need not be a level"},
		{"rounded knee", tens, over(func(n float64) float64 { return n / math.Pow(1+math.Pow(n/50, 8), 1.0/8) }), 49.6, true, "close enough"},
		{"slow growth beyond", tens, over(func(n float64) float64 { return min(n, 40*math.Pow(n/40, 0.2)) }), 45.0, true, "a slope of 0.2 is a plateau"},
		{"growth beyond", tens, over(func(n float64) float64 { return min(n, 40*math.Pow(n/40, 0.3)) }), 0, false, "a slope of 0.3 is not"},
		{"linear", tens, over(func(n float64) float64 { return n / 3 }), 0, false, "throughput grows to the end"},
		{"square root", tens, over(math.Sqrt), 0, false, "throughput grows to the end, ever slower"},
		{"flat from the start", tens, over(func(float64) float64 { return 7 }), 10, true, "it stopped growing at or before the first level"},
		{"slow fall beyond", tens, over(func(n float64) float64 { return min(n, 40*math.Pow(n/40, -0.1)) }), 38.1, true, "falling is not growing"},
		{"two levels", tens[:2], []float64{5, 5}, 0, false, "two must lie beyond k, and one before"},
		{"levels without throughput", []float64{0, 10, 20, 30, 40, 50}, []float64{0, 1, 2, math.Inf(1), 2, 2}, 20, true, "they are left out"},
		{"nothing", nil, nil, 0, false, "nothing was measured"},
	} {
		t.Run(row.name, func(t *testing.T) {
			at, ok := stats.Plateau(row.users, row.throughput)
			require.Equal(t, row.ok, ok, row.reason)
			if row.ok {
				require.InEpsilon(t, row.at, at, 0.01, row.reason)
			}
		})
	}
}
