package llmperf

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// gaps are the first n of a run, as multiples of the mean gap.
func gaps(a Arrivals, seed uint64, n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = a.gap(seed, i)
	}
	return values
}

// shapes are arrivals at random and the shape of their gaps' distribution.
var shapes = []struct {
	arrivals Arrivals
	shape    float64
}{
	{Poisson, 1}, {Gamma(0.25), 0.25}, {Gamma(0.5), 0.5}, {Gamma(1), 1}, {Gamma(4), 4}, {Gamma(20), 20},
}

func TestGapsComeFromTheirDistribution(t *testing.T) {
	const n = 10_000
	for _, tt := range shapes {
		t.Run(tt.arrivals.String(), func(t *testing.T) {
			for seed := uint64(1); seed <= 8; seed++ {
				values := gaps(tt.arrivals, seed, n)
				p := kolmogorov(values, func(gap float64) float64 { return gammaCDF(tt.shape, gap*tt.shape) })
				mean, variance, serial := moments(values)
				t.Logf("seed %d: p %.3f, mean %.3f, variance %.4f, serial correlation %.3f", seed, p, mean, variance, serial)
				assert.Greater(t, p, byLuck, "seed %d", seed)
				deviation := 1 / math.Sqrt(tt.shape)
				assert.InDelta(t, 1, mean, byLuckErrors*deviation/math.Sqrt(n), "the standard error of a mean")
				assert.InDelta(t, 1/tt.shape, variance, byLuckErrors/tt.shape*math.Sqrt((2+6/tt.shape)/n), "that of a variance, where the excess kurtosis is 6/shape")
				assert.InDelta(t, 0, serial, byLuckErrors/math.Sqrt(n), "that of a correlation")
			}
		})
	}
}

// TestWrongGapsAreTold shows that the test above can fail.
func TestWrongGapsAreTold(t *testing.T) {
	const n = 10_000
	for _, row := range []struct {
		name    string
		gaps    []float64
		shape   float64
		refuted bool
	}{
		{"Poisson taken for Gamma(0.5)", gaps(Poisson, 1, n), 0.5, true},
		{"Gamma(0.5) taken for Poisson", gaps(Gamma(0.5), 1, n), 1, true},
		{"Gamma(4) taken for Gamma(5)", gaps(Gamma(4), 1, n), 5, true},
		{"evenly taken for Gamma(20)", gaps(Evenly, 1, n), 20, true},
		{"Poisson taken for Gamma(1)", gaps(Poisson, 1, n), 1, false},
	} {
		p := kolmogorov(row.gaps, func(gap float64) float64 { return gammaCDF(row.shape, gap*row.shape) })
		assert.Equal(t, row.refuted, p < byLuck, "%s: p is %.3g", row.name, p)
	}
}

func TestGapsAreEvenWhereTheyAreToBe(t *testing.T) {
	for i, gap := range gaps(Evenly, 1, 100) {
		assert.Equal(t, 1.0, gap, "gap %d", i)
	}
}

func TestEachGapDependsOnSeedAndNumberAlone(t *testing.T) {
	for _, tt := range shapes {
		first, other := gaps(tt.arrivals, 1, 1000), gaps(tt.arrivals, 2, 1000)
		for i := len(first) - 1; i >= 0; i-- {
			assert.Equal(t, first[i], tt.arrivals.gap(1, i), "asked for again, in another order")
		}
		both := make([]float64, 0, 2*len(first))
		for i := range first {
			assert.NotEqual(t, first[i], other[i], "%v: gap %d of two seeds", tt.arrivals, i)
			both = append(both, first[i], other[i])
		}
		_, _, serial := moments(both)
		assert.InDelta(t, 0, serial, byLuckErrors/math.Sqrt(float64(len(both))), "%v: two seeds resemble each other", tt.arrivals)
	}
}

// TestGapsAtTheBounds are numbers, and of the right mean.
func TestGapsAtTheBounds(t *testing.T) {
	const n = 100_000
	for _, burstiness := range []float64{leastBurstiness, mostBurstiness} {
		sum := 0.0
		for _, gap := range gaps(Gamma(burstiness), 1, n) {
			assert.True(t, gap >= 0 && gap < 1e4, "%v", gap)
			sum += gap / n
		}
		assert.InDelta(t, 1, sum, byLuckErrors/math.Sqrt(burstiness*n), "burstiness %v: the standard error of a mean", burstiness)
	}
}

func TestArrivalsCompare(t *testing.T) {
	assert.Equal(t, Poisson, Scenario{}.withDefaults().Arrivals, "the default")
	assert.Equal(t, Evenly, Scenario{Arrivals: Evenly}.withDefaults().Arrivals)
	assert.True(t, Gamma(0.5) == Gamma(0.5))
	assert.False(t, Gamma(0.5) == Gamma(2))
	assert.NotEqual(t, Arrivals{}, Gamma(0), "a mistake is not the default")
}

// TestArrivalsAreDrawnAsTheyAre holds the drawing in the documentation against
// the gaps.
func TestArrivalsAreDrawnAsTheyAre(t *testing.T) {
	const columns, perGap = 60, 2
	var drawing strings.Builder
	for _, row := range []struct {
		name     string
		arrivals Arrivals
	}{{"Evenly", Evenly}, {"Gamma(10)", Gamma(10)}, {"Poisson", Poisson}, {"Gamma(0.25)", Gamma(0.25)}} {
		var requests [columns]int
		at := 0.0
		for i := 0; ; i++ {
			at += row.arrivals.gap(1, i) * perGap
			if at >= columns {
				break
			}
			requests[int(at)]++
		}
		line := ""
		for _, n := range requests {
			switch {
			case n == 0:
				line += " "
			case n == 1:
				line += "|"
			default:
				line += fmt.Sprint(n)
			}
		}
		fmt.Fprintf(&drawing, "//\t%-11s  %s\n", row.name, strings.TrimRight(line, " "))
	}
	assertDrawn(t, "arrivals.go", drawing.String())
}
