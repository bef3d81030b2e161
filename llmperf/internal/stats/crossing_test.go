package stats_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

func TestCrossing(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, row := range []struct {
		name    string
		x, y, w []float64
		want    float64
		reason  string
	}{
		{"nothing", nil, nil, nil, inf, "nothing is known to reach 0"},
		{"between two", []float64{10, 20}, []float64{-1, 3}, nil, 12.5, "a quarter of the way from -1 to 3"},
		{"at one", []float64{10, 20, 30}, []float64{-1, 0, 3}, nil, 20, "there it is 0"},
		{"never", []float64{10, 20}, []float64{-3, -1}, nil, inf, "it stays below 0"},
		{"always", []float64{10, 20}, []float64{0, 1}, nil, -inf, "it was there before the first"},
		{"one wrong", []float64{10, 20, 30, 40}, []float64{-4, 1, -3, 3}, nil, 32.5, "20 and 30 together are at -1"},
		{"one wrong, heavy", []float64{10, 20, 30, 40}, []float64{-4, 2, -1, 3}, []float64{1, 2, 1, 1}, 18, "20 and 30 together are at 1"},
		{"one missing", []float64{10, 20, 30}, []float64{-1, nan, 1}, nil, 25, "20 is taken for as low as 10"},
		{"all missing", []float64{10, 20}, []float64{nan, nan}, nil, inf, "nothing is known to reach 0"},
		{"to infinity", []float64{10, 20}, []float64{-1, inf}, nil, 10, "a line that steep is past 0 at once"},
		{"from negative infinity", []float64{10, 20}, []float64{-inf, 1}, nil, 20, "a line that steep is at 0 only at its end"},
		{"from one infinity to the other", []float64{10, 20}, []float64{-inf, inf}, nil, 15, "there is no saying where"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.InDelta(t, 1, quotientOrSame(stats.Crossing(row.x, row.y, row.w), row.want), 1e-9, row.reason)
		})
	}
}

// quotientOrSame is a/b, or 1 if they are the same infinity.
func quotientOrSame(a, b float64) float64 {
	if a == b {
		return 1
	}
	return a / b
}

// TestCrossingFindsTheRootOfALine measures a line with errors, which are to cancel out.
func TestCrossingFindsTheRootOfALine(t *testing.T) {
	r := newRand(61)
	bias, square := 0.0, 0.0
	const repetitions = 2000
	for range repetitions {
		var x, y []float64
		for at := 50.0; at <= 150; at += 5 {
			x, y = append(x, at), append(y, math.Log(at/100)+0.03*r.NormFloat64())
		}
		miss := stats.Crossing(x, y, nil) - 100
		bias += miss / repetitions
		square += miss * miss / repetitions
	}
	require.InDelta(t, 0, bias, 0.5, "0.03 of the logarithm are 3 of x")
	require.Less(t, math.Sqrt(square), 3.0, "the fit is better than a single measurement")
}
