package stats

import "math"

// CountBounds returns the bounds of the expectation of a Poisson count of n events, each at confidence conf. Source: Garwood, "Fiducial
// limits for the Poisson distribution", Biometrika 28 (1936). A count less variable than Poisson's, such as the answers a fixed number of
// users get in a closed loop, has narrower bounds than these.
func CountBounds(n int, conf float64) Interval {
	requireFraction("conf", conf)
	b := Interval{Estimate: float64(n)}
	// The lower bound λ has P(N >= n) = 1-conf, the upper one P(N <= n) = 1-conf.
	if n > 0 {
		b.Low = bisect(0, float64(n), func(mean float64) bool { return 1-poissonCDF(n-1, mean) < 1-conf })
	}
	b.High = bisect(float64(n), float64(n)+10*math.Sqrt(float64(n)+1)+10, func(mean float64) bool { return poissonCDF(n, mean) > 1-conf })
	return b
}

// poissonCDF returns P(N <= n) of a Poisson variable with the given mean. It sums the terms on n's side of the mean, from n on, where they
// shrink: those on the other side begin too small to be a number if n is some thousands.
func poissonCDF(n int, mean float64) float64 {
	if mean == 0 {
		return 1
	}
	lgamma, _ := math.Lgamma(float64(n) + 1)
	term := math.Exp(float64(n)*math.Log(mean) - mean - lgamma)
	sum := 0.0
	if float64(n) < mean {
		for k := n; k >= 0 && term > sum*1e-17; k-- {
			sum += term
			term *= float64(k) / mean
		}
		return min(sum, 1)
	}
	for k := n + 1; ; k++ {
		term *= mean / float64(k)
		if term <= sum*1e-17 {
			return 1 - sum
		}
		sum += term
	}
}

// bisect returns where below turns from true to false between low and high.
func bisect(low, high float64, below func(float64) bool) float64 {
	for range 60 {
		if mid := (low + high) / 2; below(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}
