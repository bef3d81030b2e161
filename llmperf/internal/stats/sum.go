package stats

import "math"

// A Part is what one request adds to a sum over the time measured: the tokens it brought, or 1 if it counts and 0 if it does not.
type Part struct {
	User  int     // any number that tells users apart
	At    float64 // when the request was sent, as a share of the time measured
	Value float64 // not negative
}

// fewestSums is how many sums of parts it takes to say how much such a sum varies.
const fewestSums = 5

// SumBounds returns the sum of parts as an estimate of its expectation, with its bounds, and the effect by which they are wider than those
// of requests that have nothing to do with each other. Both the number of requests and what each adds are random.
//
// Of independent requests that come at random the sum is compound Poisson, and its variance is estimated by Σ v², as it is of the n of a
// Poisson count, for which every v is 1. What varies as much as a count of (Σ v)²/Σ v² is bounded as one, in proportion: by [CountBounds].
// Source: Fay and Feuer, "Confidence intervals for directly standardized rates: a method based on the gamma distribution", Statistics in
// Medicine 16 (1997), for weighted sums of Poisson counts; where all weights are 1 these are Garwood's bounds. A closed loop, whose users
// wait for each other's answers, sends more regularly than at random, and its bounds are wider than they need be.
//
// Requests that depend on each other make it vary more. The effect is the greatest of
//
//   - m·S²·f/Σ v² with S² the variance between the sums of m equal stretches of the time, for m = 5 and m = 10: batch means (Law,
//     Simulation Modeling and Analysis, section 9.5.3), which see also how unevenly requests come;
//   - M·S²·f/Σ v² with S² the variance between the sums of the M users: users as clusters (Kish, Survey Sampling, 1965);
//   - 1.
//
// f is what Student's t for that many values costs over the normal distribution, squared: a variance known from five values is hardly
// known. What cannot be measured is left out: m stretches of fewer than 2 requests each on average, and users if there are fewer than
// five or if none sent two requests. Dependence over times longer than the whole cannot be seen.
//
// Without a part above 0 the result is {0, 0, +Inf}.
func SumBounds(parts []Part, conf float64) (sum Interval, effect float64) {
	requireFraction("conf", conf)
	total, squares := 0.0, 0.0
	for _, p := range parts {
		total += p.Value
		squares += p.Value * p.Value
	}
	if total == 0 {
		return Interval{High: math.Inf(1)}, 1
	}
	effect = 1
	for _, sums := range [][]float64{stretchSums(parts, 5), stretchSums(parts, 10), userSums(parts)} {
		if n := len(sums); n >= fewestSums {
			effect = max(effect, float64(n)*sampleVariance(sums)*studentCost(n-1, conf)/squares)
		}
	}
	worth := max(floor(total*total/(squares*effect)), 1)
	count := CountBounds(worth, conf)
	each := total / float64(worth)
	return Interval{Low: count.Low * each, Estimate: total, High: count.High * each}, effect
}

// stretchSums returns the sums of m equal stretches of the time; none if there are too few parts for them.
func stretchSums(parts []Part, m int) []float64 {
	if len(parts) < 2*m {
		return nil
	}
	sums := make([]float64, m)
	for _, p := range parts {
		sums[min(max(int(p.At*float64(m)), 0), m-1)] += p.Value
	}
	return sums
}

// userSums returns the sum of each user, in the order of their first parts; none if every part is of a user of its own.
func userSums(parts []Part) []float64 {
	var sums []float64
	index := map[int]int{}
	for _, p := range parts {
		u, seen := index[p.User]
		if !seen {
			u = len(sums)
			index[p.User] = u
			sums = append(sums, 0)
		}
		sums[u] += p.Value
	}
	if len(sums) == len(parts) {
		return nil
	}
	return sums
}

// sampleVariance returns the variance of a population from which two or more values were drawn.
func sampleVariance(values []float64) float64 {
	n, mean, sum := float64(len(values)), 0.0, 0.0
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		sum += (v - mean) * (v - mean)
	}
	return sum / (n - 1)
}

// studentCost returns the square of the ratio of the quantile of Student's t to that of the normal distribution; the first by the identity
// with the incomplete beta function (DLMF 8.17, Abramowitz and Stegun 26.7.1). At a confidence of 0.5 or less both claim nothing.
func studentCost(degrees int, conf float64) float64 {
	if conf <= 0.5 {
		return 1
	}
	df, z := float64(degrees), math.Sqrt2*math.Erfinv(2*conf-1)
	return df * (1/betaQuantile(2*(1-conf), df/2, 0.5) - 1) / (z * z)
}
