package stats

import "math"

// binomialCDF returns P(X <= k) for X ~ Bin(n, p), by the identity with the incomplete beta function (DLMF 8.17.5).
func binomialCDF(k, n int, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n:
		return 1
	default:
		return regularizedBeta(1-p, float64(n-k), float64(k+1))
	}
}

// regularizedBeta returns I_x(a, b), the distribution function of Beta(a, b) at x, for a, b > 0. It keeps to the side of the mean where
// the continued fraction converges, in about √(a+b) terms.
func regularizedBeta(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - lowerBeta(1-x, b, a)
	default:
		return lowerBeta(x, a, b)
	}
}

// lowerBeta returns I_x(a, b) for an x at most a little above the mean of Beta(a, b).
func lowerBeta(x, a, b float64) float64 {
	return math.Exp(logBetaDensity(x, a, b)) * betaFraction(x, a, b) / a
}

// logBetaDensity returns ln(x^a (1-x)^b / B(a, b)) for an x at most a little above the mean of Beta(a, b). Gamma functions of 10^7 would
// leave only eight digits of it after they cancel, so their leading terms are cancelled by hand: what remains is the deviance from the
// mean and Stirling's small corrections, the saddle-point form of Loader, "Fast and accurate computation of binomial probabilities" (2000).
func logBetaDensity(x, a, b float64) float64 {
	n := a + b
	d := x*n - a
	below, above := math.Log1p(d/a), math.Log1p(-d/b)
	if d < -a/2 {
		below = math.Log(x * n / a) // d is close to -a and has lost the digits of x
	}
	return a*below + b*above + 0.5*math.Log(a/n*b/(2*math.Pi)) + stirlingError(n) - stirlingError(a) - stirlingError(b)
}

// stirlingError returns ln Γ(z) minus Stirling's approximation of it, (z-½) ln z - z + ½ ln 2π, for z > 0 (DLMF 5.11.1).
func stirlingError(z float64) float64 {
	if z < 16 {
		lgamma, _ := math.Lgamma(z)
		return lgamma - ((z-0.5)*math.Log(z) - z + 0.5*math.Log(2*math.Pi))
	}
	s := 1 / (z * z)
	return (1.0/12 - s*(1.0/360-s*(1.0/1260-s*(1.0/1680-s/1188)))) / z
}

// betaFraction returns the continued fraction of I_x(a, b) (DLMF 8.17.22) by the modified Lentz method, for an x at most a little above
// the mean of Beta(a, b).
func betaFraction(x, a, b float64) float64 {
	const (
		tiny     = 1e-300 // stands in for a zero denominator
		epsilon  = 1e-15
		maxTerms = 1_000_000 // far beyond what a+b = 10^9 needs
	)
	nonzero := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/nonzero(1-(a+b)*x/(a+1))
	fraction := d
	for m := 1.0; m < maxTerms; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/nonzero(1+even*d), nonzero(1+even/c)
		fraction *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/nonzero(1+odd*d), nonzero(1+odd/c)
		fraction *= d * c
		if math.Abs(d*c-1) < epsilon {
			break
		}
	}
	return fraction
}

// betaQuantile returns the x at which I_x(a, b) = q, by bisection down to neighbouring floating-point numbers or a relative 1e-14.
func betaQuantile(q, a, b float64) float64 {
	low, high := 0.0, 1.0
	for high-low > 1e-14*high {
		middle := low + (high-low)/2
		if middle == low || middle == high {
			break
		}
		if regularizedBeta(middle, a, b) < q {
			low = middle
		} else {
			high = middle
		}
	}
	return low + (high-low)/2
}
