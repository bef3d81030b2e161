package stats

import "math"

// Plateau returns the load at which throughput stops growing: k of the curve c·min(users, k) that fits throughput best, by least squares
// on logarithms. users ascend, and throughput has the same length; levels at which either is not positive and finite are left out.
//
// ok is false if throughput does not level off: unless at least two levels lie beyond k, and the slope of ln throughput on ln users over
// them is below 0.25; at means nothing then. Otherwise it is never below the first level or above the last but one; if it is the first,
// throughput has not been seen to grow at all.
// Source: the curve is the asymptotic bound of a closed system, Lazowska et al., Quantitative System Performance (1984), chapter 5.
func Plateau(users, throughput []float64) (at float64, ok bool) {
	const maxSlope = 0.25
	var x, y []float64
	for i, n := range users {
		if n > 0 && throughput[i] > 0 && !math.IsInf(n, 1) && !math.IsInf(throughput[i], 1) {
			x, y = append(x, math.Log(n)), append(y, math.Log(throughput[i]))
		}
	}
	best, beyond := math.Inf(1), 0
	for i := 1; i <= len(x)-2; i++ { // x[:i] rises, x[i:] is flat
		knee := min(max(mean(y[i:])-mean(y[:i])+mean(x[:i]), x[i-1]), x[i])
		if e := kneeError(x, y, knee); e < best {
			best, beyond, at = e, i, math.Exp(knee)
		}
	}
	return at, beyond > 0 && slope(x[beyond:], y[beyond:]) < maxSlope
}

// kneeError returns the least sum of squares that y = a + min(x, knee) leaves over all a.
func kneeError(x, y []float64, knee float64) float64 {
	residuals := make([]float64, len(x))
	for i := range x {
		residuals[i] = y[i] - min(x[i], knee)
	}
	a, sum := mean(residuals), 0.0
	for _, r := range residuals {
		sum += (r - a) * (r - a)
	}
	return sum
}

// slope returns the least-squares slope of y on x, or 0 if all x are equal.
func slope(x, y []float64) float64 {
	mx, my := mean(x), mean(y)
	xx, xy := 0.0, 0.0
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
	}
	if xx == 0 {
		return 0
	}
	return xy / xx
}

// mean returns the arithmetic mean of values, of which there is at least one.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
