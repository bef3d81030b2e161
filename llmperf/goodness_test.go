package llmperf

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Goodness of fit: whether values come from a distribution.

// byLuck is how seldom a test of a correct generator may fail. Seeds are fixed,
// so that what passes once passes always; this bounds how likely a correct
// generator is to be suspected when a seed is first chosen.
const byLuck = 0.0001

// byLuckErrors is the same in standard errors: the normal quantile of
// 1 - byLuck/2.
var byLuckErrors = math.Sqrt2 * math.Erfinv(1-byLuck)

// kolmogorov is the probability that n values from a distribution are at least
// as far from it as values are, by the greatest distance between its CDF and
// theirs (the test of Kolmogorov and Smirnov). The limiting distribution is
// corrected for n as by Stephens, Journal of the Royal Statistical Society B 32
// (1970), which is exact to a few per mille from n = 10 on.
func kolmogorov(values []float64, cdf func(float64) float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n, far := float64(len(sorted)), 0.0
	for i, v := range sorted {
		p := cdf(v)
		far = max(far, p-float64(i)/n, float64(i+1)/n-p)
	}
	return kolmogorovTail((math.Sqrt(n) + 0.12 + 0.11/math.Sqrt(n)) * far)
}

// kolmogorovTail is the probability that Kolmogorov's distribution exceeds x:
// 2 Σ (-1)^(k-1) exp(-2 k² x²).
func kolmogorovTail(x float64) float64 {
	if x < 0.3 {
		return 1 // to nine digits, where the series converges slowly
	}
	sum, sign := 0.0, 2.0
	for k := 1.0; k <= 20; k++ {
		sum += sign * math.Exp(-2*k*k*x*x)
		sign = -sign
	}
	return sum
}

// gammaCDF is the probability that a gamma-distributed value of the given shape
// and scale 1 is at most x, which is the regularised incomplete gamma function
// P(shape, x): by its series below shape + 1 and by its continued fraction above
// (Numerical Recipes, section 6.2).
func gammaCDF(shape, x float64) float64 {
	if x <= 0 {
		return 0
	}
	lgamma, _ := math.Lgamma(shape)
	front := math.Exp(shape*math.Log(x) - x - lgamma)
	if x < shape+1 {
		term := 1 / shape
		sum := term
		for k := 1.0; term > sum*1e-16; k++ {
			term *= x / (shape + k)
			sum += term
		}
		return front * sum
	}
	const tiny = 1e-300 // Lentz's method does not divide by 0
	b := x + 1 - shape
	c, d := 1/tiny, 1/b
	fraction := d
	for k, change := 1.0, 0.0; math.Abs(change-1) > 1e-15; k++ {
		a := k * (shape - k)
		b += 2
		d = 1 / nonZero(a*d+b, tiny)
		c = nonZero(b+a/c, tiny)
		change = d * c
		fraction *= change
	}
	return 1 - front*fraction
}

func nonZero(v, otherwise float64) float64 {
	if math.Abs(v) < otherwise {
		return otherwise
	}
	return v
}

// moments are the mean and the variance of values, and the correlation of each
// with the one before.
func moments(values []float64) (mean, variance, serial float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	for i, v := range values {
		variance += (v - mean) * (v - mean) / n
		if i > 0 {
			serial += (v - mean) * (values[i-1] - mean) / n
		}
	}
	return mean, variance, serial / variance
}

func TestKolmogorovTail(t *testing.T) {
	// The critical values of the limiting distribution, as in every table of it;
	// for small levels √(-ln(level/2)/2), the first term of the series.
	for level, x := range map[float64]float64{0.20: 1.0727, 0.10: 1.2238, 0.05: 1.3581, 0.01: 1.6276, 0.001: 1.9495} {
		assert.InDelta(t, level, kolmogorovTail(x), 1e-4*5, "at %v", x)
	}
	assert.InEpsilon(t, byLuck, kolmogorovTail(math.Sqrt(-math.Log(byLuck/2)/2)), 1e-9)
}

func TestGammaCDF(t *testing.T) {
	for x := 0.001; x < 40; x *= 1.3 {
		assert.InDelta(t, 1-math.Exp(-x), gammaCDF(1, x), 1e-14, "shape 1 is the exponential distribution, at %v", x)
		assert.InDelta(t, 1-math.Exp(-x)*(1+x), gammaCDF(2, x), 1e-14, "shape 2 is Erlang's, at %v", x)
		assert.InDelta(t, math.Erf(math.Sqrt(x)), gammaCDF(0.5, x), 1e-14, "shape 1/2 is chi-squared of one degree, at %v", x)
		poisson, term := 0.0, math.Exp(-x)
		for k := 1.0; k <= 20; k++ {
			poisson += term
			term *= x / k
		}
		assert.InDelta(t, 1-poisson, gammaCDF(20, x), 1e-13, "shape 20 is the twentieth arrival of a Poisson process, at %v", x)
	}
}
