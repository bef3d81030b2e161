package stats

import (
	"math"
	"sort"
)

// tie is the rounding error forgiven in a comparison of probabilities or counts, so that an exact tie falls on the right side of it.
const tie = 1e-12

// NearestRank returns the 1-based rank of the p-quantile of n sorted values by the nearest-rank definition, ⌈n·p⌉ within [1, n], or 0
// if n is 0. Rounding error in n·p does not count: the 0.95-quantile of 20 values is the 19th. p may be 0 or 1 here.
func NearestRank(n int, p float64) int {
	if n <= 0 {
		return 0
	}
	return min(max(ceil(float64(n)*p), 1), n)
}

// UpperRank returns the 1-based rank k of the order statistic that is an upper confidence bound of the p-quantile: the smallest k with
// P(Bin(n, p) <= k-1) >= conf. There is none, and ok is false, if n < MinSamples(p, conf). No distribution is assumed.
// Source: Hahn and Meeker, Statistical Intervals, section 5.2 (order statistics).
func UpperRank(n int, p, conf float64) (k int, ok bool) {
	requireFraction("p", p)
	requireFraction("conf", conf)
	k = 1 + sort.Search(max(n, 0), func(i int) bool { return binomialCDF(i, n, p) >= conf-tie })
	return k, k <= n
}

// LowerRank returns the 1-based rank k of the order statistic that is a lower confidence bound of the p-quantile: the largest k with
// P(Bin(n, p) <= k-1) <= 1-conf. There is none, and ok is false, if even the smallest value is too likely to be above the quantile.
// Source: Hahn and Meeker, Statistical Intervals, section 5.2 (order statistics).
func LowerRank(n int, p, conf float64) (k int, ok bool) {
	requireFraction("p", p)
	requireFraction("conf", conf)
	k = sort.Search(max(n, 0), func(i int) bool { return binomialCDF(i, n, p) > 1-conf+tie })
	return k, k >= 1
}

// MinSamples returns the smallest n at which the p-quantile has an upper confidence bound: the smallest n with 1-p^n >= conf.
// At a confidence of 0.95 that is 5 for the median, 59 for p95 and 299 for p99.
func MinSamples(p, conf float64) int {
	requireFraction("p", p)
	requireFraction("conf", conf)
	return max(ceil(math.Log1p(-conf)/math.Log(p)), 1)
}

// Quantile returns the p-quantile of sorted, by nearest rank, with its bounds by [UpperRank] and [LowerRank]. Each bound holds with
// confidence conf.
//
// The values ascend, in any one unit. +Inf stands for a request that was censored: it had not finished when measuring ended, so that all
// that is known is that it was slow. NaN must not occur.
//
// nEff is how many independent values sorted is worth (see [EffectiveN]); 0, a negative number or more than len(sorted) mean
// len(sorted). The ranks are taken at nEff and stretched to the real length, away from the estimate: ⌈kU·n/nEff⌉ and ⌊kL·n/nEff⌋. A
// handful of independent values stretched that far could put a bound on the wrong side of the estimate, and stop there.
//
// High is +Inf, or Low 0, where there are too few values for a bound. Without any value the result is {0, 0, +Inf}.
func Quantile(sorted []float64, p, conf float64, nEff int) Interval {
	n := len(sorted)
	if n == 0 {
		return Interval{High: math.Inf(1)}
	}
	nEff = effective(nEff, n)
	nearest := NearestRank(n, p)
	bounds := Interval{Estimate: sorted[nearest-1], High: math.Inf(1)}
	stretch := float64(n) / float64(nEff)
	if k, ok := UpperRank(nEff, p, conf); ok {
		bounds.High = sorted[min(max(ceil(float64(k)*stretch), nearest), n)-1]
	}
	if k, ok := LowerRank(nEff, p, conf); ok {
		bounds.Low = sorted[min(floor(float64(k)*stretch), nearest)-1]
	}
	return bounds
}

// ceil returns ⌈x⌉ for x >= 0, taking an x that is above a whole number only by rounding error as that number.
func ceil(x float64) int { return int(math.Ceil(x * (1 - tie))) }

// floor returns ⌊x⌋ for x >= 0, taking an x that is below a whole number only by rounding error as that number.
func floor(x float64) int { return int(math.Floor(x * (1 + tie))) }
