package stats

import "math"

// Regression compares a quantile with that of a stored run: ratio is now/stored, and the verdict is Fail if ratio.Low > limit, Pass if
// ratio.High < limit, otherwise Inconclusive. limit is the ratio tolerated, such as 1.10. Both intervals hold with the same confidence, and
// so does the verdict. What drifts between runs without a change of the service is in neither interval.
func Regression(now, stored Interval, limit float64) (ratio Interval, verdict Verdict) {
	ratio = Ratio(now, stored)
	switch {
	case ratio.Low > limit:
		return ratio, Fail
	case ratio.High < limit:
		return ratio, Pass
	default:
		return ratio, Inconclusive
	}
}

// Spread returns τ, the standard error of the logarithm of a quantile times the square root of the number of independent requests, from
// the quantile's bounds at nEff requests and confidence conf: √nEff·ln(High/Low)/2z, z being the normal quantile of conf (2z is 3.29 at
// 0.95). It depends on the latencies' distribution only, so it predicts how many requests a comparison takes: see [RequestsForPower].
// ok is false if a bound is missing, if nEff is not positive, or if conf is 0.5 or less.
func Spread(quantile Interval, nEff int, conf float64) (tau float64, ok bool) {
	requireFraction("conf", conf)
	if nEff <= 0 || conf <= 0.5 || quantile.Low <= 0 || math.IsInf(quantile.High, 1) {
		return 0, false
	}
	z := math.Sqrt2 * math.Erfinv(2*conf-1)
	return math.Sqrt(float64(nEff)) * math.Log(quantile.High/quantile.Low) / (2 * z), true
}

// RequestsForPower returns how many independent requests each of two runs needs for [Regression] to decide, with a probability of 80 % at a
// confidence of 0.95, when the true ratio is trueRatio: 12.4·τ²/ln²(trueRatio/limit), rounded up, with τ from [Spread]. The factor is
// 2(1.645+0.842)², the normal quantiles of 0.95 and 0.80 over two runs. Requests never decide a ratio that is exactly at the limit, nor a
// ratio that is not positive and finite: ok is then false.
func RequestsForPower(tau, trueRatio, limit float64) (n int, ok bool) {
	distance := math.Log(trueRatio / limit)
	needed := 12.4 * tau * tau / (distance * distance)
	if !(needed < math.MaxInt32) || math.IsInf(distance, 0) {
		return 0, false
	}
	return max(ceil(needed), 1), true
}
