package stats

import (
	"fmt"
	"math"
	"sort"
)

// FailureBounds returns the failure rate failed/n with its exact bounds; each side holds with confidence conf on its own. Without any
// request it returns {0, 0, 1}. It panics unless 0 <= failed <= n.
// Source: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26 (1934).
func FailureBounds(failed, n int, conf float64) Interval {
	return FailureBoundsEffective(failed, n, n, conf)
}

// FailureBoundsEffective is [FailureBounds] for requests whose failures come in bursts, so that n of them are worth only nEff independent
// ones (see [EffectiveN]); 0, a negative number or more than n mean n. It bounds the same rate as seen in nEff requests, the number of
// failures among them being a fraction.
// Source: Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated from survey
// data", Survey Methodology 24 (1998).
func FailureBoundsEffective(failed, n, nEff int, conf float64) Interval {
	requireFraction("conf", conf)
	if failed < 0 || failed > n {
		panic(fmt.Sprintf("stats: %d failures of %d requests; count every failed request as a request too", failed, n))
	}
	if n == 0 {
		return Interval{High: 1}
	}
	nEff = effective(nEff, n)
	rate := float64(failed) / float64(n)
	failures := rate * float64(nEff)
	successes := float64(n-failed) / float64(n) * float64(nEff)
	bounds := Interval{Low: 0, Estimate: rate, High: 1}
	if failed > 0 {
		bounds.Low = betaQuantile(1-conf, failures, successes+1)
	}
	if failed < n {
		bounds.High = betaQuantile(conf, failures+1, successes)
	}
	return bounds
}

// RequestsToProve returns how many requests it takes to prove a failure rate below limit when failed of them fail: the smallest n at
// which FailureBounds(failed, n, conf).High < limit. To prove less than 0.1 % at a confidence of 0.95 that is 2,995 requests without a
// failure and 4,742 with one. limit lies strictly between 0 and 1.
func RequestsToProve(failed int, limit, conf float64) int {
	requireFraction("limit", limit)
	requireFraction("conf", conf)
	if failed < 0 {
		panic(fmt.Sprintf("stats: %d failures; a count cannot be negative", failed))
	}
	proved := func(n int) bool { return binomialCDF(failed, n, limit) < 1-conf-tie }
	enough := failed + 1
	for !proved(enough) && enough < math.MaxInt/2 {
		enough *= 2
	}
	return sort.Search(enough, proved)
}
