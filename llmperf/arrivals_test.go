package llmperf

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gapsOf are the first n gaps of arrivals.
func gapsOf(a Arrivals, seed uint64, n int) []float64 {
	gaps := make([]float64, n)
	for i := range gaps {
		gaps[i] = a.gap(seed, i)
	}
	return gaps
}

// ksDistance is the Kolmogorov–Smirnov distance of values from a distribution.
func ksDistance(values []float64, cdf func(float64) float64) float64 {
	values = slices.Clone(values)
	slices.Sort(values)
	n, most := float64(len(values)), 0.0
	for i, v := range values {
		p := cdf(v)
		most = max(most, float64(i+1)/n-p, p-float64(i)/n)
	}
	return most
}

// ksCritical is the distance that n values of the distribution exceed in one case
// of so many: √(ln(2·cases)/2n), by Massart's bound on Kolmogorov's.
func ksCritical(n int, cases float64) float64 {
	return math.Sqrt(math.Log(2*cases) / (2 * float64(n)))
}

// gammaCDF is the regularised incomplete gamma function P(shape, x), by its series.
func gammaCDF(shape, x float64) float64 {
	if x <= 0 {
		return 0
	}
	logGamma, _ := math.Lgamma(shape)
	term := 1 / shape
	sum := term
	for k := 1.0; term > sum*1e-15; k++ {
		term *= x / (shape + k)
		sum += term
	}
	return min(1, sum*math.Exp(shape*math.Log(x)-x-logGamma))
}

func TestGammaCDFAgreesWithErlangs(t *testing.T) {
	for _, x := range []float64{0.01, 0.3, 1, 2.5, 8, 20} {
		assert.InDelta(t, 1-math.Exp(-x), gammaCDF(1, x), 1e-12)
		assert.InDelta(t, 1-math.Exp(-x)*(1+x), gammaCDF(2, x), 1e-12)
		assert.InDelta(t, math.Erf(math.Sqrt(x)), gammaCDF(0.5, x), 1e-12, "a squared normal")
	}
}

// each arrivals with the shape of its gaps.
var shapes = map[Arrivals]float64{Poisson: 1, Gamma(0.1): 0.1, Gamma(0.25): 0.25, Gamma(0.5): 0.5, Gamma(1): 1, Gamma(4): 4, Gamma(20): 20, Gamma(500): 500}

func TestGapsFitTheirDistribution(t *testing.T) {
	const n = 10_000
	for a, shape := range shapes {
		for seed := range uint64(5) {
			t.Run(fmt.Sprintf("%v seed %d", a, seed), func(t *testing.T) {
				gaps := gapsOf(a, seed, n)
				d := ksDistance(gaps, func(v float64) float64 { return gammaCDF(shape, shape*v) })
				// Of 40 such tests with fixed seeds, one in 2,500 times the whole set would exceed it by chance.
				assert.Less(t, d, ksCritical(n, 100_000), "Kolmogorov–Smirnov distance")

				mean, square, serial := 0.0, 0.0, 0.0
				for _, g := range gaps {
					mean += g / n
				}
				for i, g := range gaps {
					square += (g - mean) * (g - mean) / n
					if i > 0 {
						serial += (g - mean) * (gaps[i-1] - mean) / n
					}
				}
				const sigmas = 5 // of what chance does, for each of these
				assert.InDelta(t, 1, mean, sigmas/math.Sqrt(shape*n))
				// The kurtosis of a gamma distribution is 3 + 6/shape.
				assert.InDelta(t, 1/shape, square, sigmas/shape*math.Sqrt((2+6/shape)/n))
				assert.InDelta(t, 0, serial/square, sigmas/math.Sqrt(n), "a gap says nothing about the next")
			})
		}
	}
}

func TestTheTestOfGapsTellsDistributionsApart(t *testing.T) {
	const n = 10_000
	for _, wrong := range []struct {
		a     Arrivals
		shape float64
	}{{Poisson, 0.8}, {Poisson, 1.25}, {Gamma(0.5), 1}, {Gamma(4), 3}, {Evenly, 20}} {
		d := ksDistance(gapsOf(wrong.a, 1, n), func(v float64) float64 { return gammaCDF(wrong.shape, wrong.shape*v) })
		assert.Greater(t, d, ksCritical(n, 100_000), "%v is no gamma distribution of shape %v", wrong.a, wrong.shape)
	}
}

func TestGapsDeriveFromTheSeed(t *testing.T) {
	assert.Equal(t, gapsOf(Gamma(0.5), 7, 100), gapsOf(Gamma(0.5), 7, 100))
	assert.NotEqual(t, gapsOf(Gamma(0.5), 7, 100), gapsOf(Gamma(0.5), 8, 100))
	for _, gap := range gapsOf(Evenly, 7, 100) {
		assert.EqualValues(t, 1, gap)
	}
}

// TestTheDrawingOfArrivals holds the picture in the documentation to the gaps
// that are really drawn.
func TestTheDrawingOfArrivals(t *testing.T) {
	var picture strings.Builder
	for _, a := range []Arrivals{Evenly, Gamma(4), Poisson, Gamma(0.25)} {
		line, at := slices.Repeat([]string{" "}, 60), 0.0
		for i := range 100 {
			at += a.gap(192, i) * 5
			if at < 60 {
				line[int(at)] = "|"
			}
		}
		fmt.Fprintf(&picture, "//\t%-11s %s\n", a, strings.TrimRight(strings.Join(line, ""), " "))
	}
	source, err := os.ReadFile("arrivals.go")
	require.NoError(t, err)
	require.Contains(t, string(source), picture.String())
}

func TestBurstinessThatCannotBe(t *testing.T) {
	for _, a := range []Arrivals{Gamma(0), Gamma(-1), Gamma(0.01), Gamma(1e6), Gamma(math.NaN())} {
		err := plannedError(t, Scenario{Target: takes(1), Profile: loads{{Rate: 1, Hold: 1e9}}, Arrivals: a})
		assert.ErrorContains(t, err, "want a burstiness from 0.05 to 1000")
	}
}
