package stats

import "math"

// Ratio returns num/den with the bounds of both carried over by log-MOVER, the method of variance estimates recovery on logarithms:
// each distance from an estimate to its bound stands for that side's standard error, and they add as squares. With q and m the
// logarithms of num and den,
//
//	ln High = q - m + √((qHigh-q)² + (m-mLow)²)
//	ln Low  = q - m - √((q-qLow)² + (mHigh-m)²)
//
// Each bound holds with the confidence of the intervals given. The formula assumes independent estimates; for two quantiles of one
// sample, which rise and fall together, it errs on the wide side. Source: Zou and Donner, "Construction of confidence limits about effect
// measures: a general approach", Statistics in Medicine 27 (2008).
//
// A side that has lost a bound it needs claims nothing: High is +Inf if num.High is +Inf or den.Low is 0, Low is 0 if num.Low is 0 or
// den.High is +Inf. Where an estimate is 0 or +Inf and has no logarithm, the side's bound is the wider quotient of the two bounds. The
// estimate of 0/0 and of +Inf/+Inf is 1. The result is never NaN.
func Ratio(num, den Interval) Interval {
	ratio := Interval{Low: 0, Estimate: quotient(num.Estimate, den.Estimate), High: math.Inf(1)}
	q, m := math.Log(num.Estimate), math.Log(den.Estimate)
	hasLogs := !math.IsInf(q, 0) && !math.IsInf(m, 0)

	if bounded := !math.IsInf(num.High, 1) && den.Low > 0; bounded && hasLogs {
		ratio.High = math.Exp(q - m + math.Hypot(math.Log(num.High)-q, m-math.Log(den.Low)))
	} else if bounded {
		ratio.High = num.High / den.Low
	}
	if bounded := num.Low > 0 && !math.IsInf(den.High, 1); bounded && hasLogs {
		ratio.Low = math.Exp(q - m - math.Hypot(q-math.Log(num.Low), math.Log(den.High)-m))
	} else if bounded {
		ratio.Low = num.Low / den.High
	}
	return ratio
}

// quotient returns a/b, with 0/0 and +Inf/+Inf taken as the ratio of equals, 1.
func quotient(a, b float64) float64 {
	if a == b {
		return 1
	}
	return a / b
}
