package stats_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

func TestMSER5(t *testing.T) {
	noise := curve(100, func(i int) float64 { return float64(i%5) + float64(i/5%2) }) // batch means alternate between 2 and 3
	ramp := curve(20, func(i int) float64 { return float64(100 - 5*i) })
	inf := math.Inf(1)
	for _, row := range []struct {
		name   string
		x      []float64
		want   int
		reason string
	}{
		{"empty", nil, 0, "nothing to cut"},
		{"too short", ramp[:14], 0, "two batches cannot be told from a trend"},
		{"constant", slices.Repeat([]float64{0.1}, 100), 0, "of equally good cuts the shortest"},
		{"settled", noise, 0, "there is no warm-up"},
		{"ramp", slices.Concat(ramp, noise), 20, "exactly the ramp goes"},
		{"ramp within a batch", slices.Concat(ramp[:18], noise), 20, "whole batches are cut"},
		{"change in the second half", slices.Concat(noise, ramp), 0, "a minimum there would say that the series never settled"},
		{"infinite at the start", slices.Concat([]float64{inf}, noise), 5, "what never finished cannot be kept"},
		{"infinite at the end", slices.Concat(noise, slices.Repeat([]float64{inf}, 5)), 0, "no cut allowed removes it"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, stats.MSER5(row.x), row.reason)
		})
	}
}

func TestMSER5MatchesItsDefinition(t *testing.T) {
	r := newRand(12)
	for range 100 {
		x := curve(15+r.IntN(60), func(i int) float64 { return 10*math.Exp(-float64(i)/8) + r.NormFloat64() })
		batches := curve(len(x)/5, func(b int) float64 { return (x[5*b] + x[5*b+1] + x[5*b+2] + x[5*b+3] + x[5*b+4]) / 5 })
		want, least := 0, math.Inf(1)
		for d := 0; 2*d < len(batches); d++ {
			kept := batches[d:]
			mean, sum := 0.0, 0.0
			for _, y := range kept {
				mean += y / float64(len(kept))
			}
			for _, y := range kept {
				sum += (y - mean) * (y - mean)
			}
			if statistic := sum / float64(len(kept)*len(kept)); statistic < least {
				want, least = 5*d, statistic
			}
		}
		require.Equal(t, want, stats.MSER5(x))
	}
}
