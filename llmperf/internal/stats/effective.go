package stats

import "slices"

// An Observation is one request: who sent it, and what was measured.
type Observation struct {
	User  int     // any number that tells users apart
	Value float64 // a latency, in any one unit; +Inf for a censored request
}

// DesignEffect returns by how much correlation inflates the variance of a proportion: the variance of mean(hits) over what it would be
// were the requests independent, and at least 1. hits says for each request, in order of start time, whether it had the property counted:
// slower than a quantile, or failed. users names the user of each; nil means unknown. With p the mean, it is the greatest of
//
//   - (n/m)·S²/(p(1-p)) with S² the variance between the means of m contiguous batches, for m = 5 and m = 10: correlation in time,
//     by batch means (Law, Simulation Modeling and Analysis, section 9.5.3);
//   - M/(M-1)·Σ(k - p·c)²/(n·p(1-p)) over the M users, of whose c requests k were hits: correlation within a user, by the
//     linearised variance of a cluster sample (Kish, Survey Sampling, 1965);
//   - 1.
//
// What cannot be measured is left out: m batches of fewer than 2 requests each, and users if there is only one or if none sent two
// requests. If no request or every request is a hit there is no variance to look at, and the result is 1.
// Correlation over times longer than the whole of hits cannot be seen in it.
func DesignEffect(hits []bool, users []int) float64 {
	n := float64(len(hits))
	p := float64(count(hits)) / max(n, 1)
	if p == 0 || p == 1 {
		return 1
	}
	effect := 1.0
	for _, m := range []int{5, 10} {
		if len(hits) >= 2*m {
			effect = max(effect, n/float64(m)*batchVariance(hits, m)/(p*(1-p)))
		}
	}
	if users != nil {
		effect = max(effect, userEffect(hits, users, p))
	}
	return effect
}

// QuantileDesignEffect returns the [DesignEffect] that matters to the p-quantile of the observations, which are in order of start time:
// that of being slower than the nearest-rank estimate. Without observations it is 1.
func QuantileDesignEffect(observations []Observation, p float64) float64 {
	if len(observations) == 0 {
		return 1
	}
	values := make([]float64, len(observations))
	for i, o := range observations {
		values[i] = o.Value
	}
	slices.Sort(values)
	return ExceedanceEffect(observations, values[NearestRank(len(values), p)-1])
}

// ExceedanceEffect returns the [DesignEffect] of being above threshold, of the observations in order of start time.
func ExceedanceEffect(observations []Observation, threshold float64) float64 {
	slower, users := make([]bool, len(observations)), make([]int, len(observations))
	for i, o := range observations {
		slower[i], users[i] = o.Value > threshold, o.User
	}
	return DesignEffect(slower, users)
}

// EffectiveN returns how many independent requests n correlated ones are worth, ⌊n/deff⌋, where deff is their [DesignEffect]. Of one
// or more requests at least one is left; a deff below 1 counts as 1.
func EffectiveN(n int, deff float64) int {
	if n <= 0 {
		return 0
	}
	return max(floor(float64(n)/max(deff, 1)), 1)
}

// effective returns nEff as the effective number of n requests, or n if nEff is not set or more than n.
func effective(nEff, n int) int {
	if nEff <= 0 || nEff > n {
		return n
	}
	return nEff
}

// batchVariance returns the sample variance between the hit rates of m contiguous batches that differ in length by at most one.
func batchVariance(hits []bool, m int) float64 {
	rates, mean := make([]float64, m), 0.0
	for i := range rates {
		batch := hits[i*len(hits)/m : (i+1)*len(hits)/m]
		rates[i] = float64(count(batch)) / float64(len(batch))
		mean += rates[i] / float64(m)
	}
	sum := 0.0
	for _, rate := range rates {
		sum += (rate - mean) * (rate - mean)
	}
	return sum / float64(m-1)
}

// userEffect returns the design effect of users as clusters, or 1 if there is nothing to learn from them; p is the overall hit rate.
func userEffect(hits []bool, users []int, p float64) float64 {
	index := indexOf(users)
	var excess []float64 // a user's hits above what p makes of its requests
	for i, hit := range hits {
		u := index(users[i])
		if u == len(excess) {
			excess = append(excess, 0)
		}
		excess[u] -= p
		if hit {
			excess[u]++
		}
	}
	m, n := float64(len(excess)), float64(len(hits))
	if m == 1 || m == n {
		return 1
	}
	sum := 0.0
	for _, e := range excess {
		sum += e * e
	}
	return m / (m - 1) * sum / (n * p * (1 - p))
}

// indexOf returns a function that numbers users in the order in which they are first
// asked for. Where their own numbers are small, as they nearly always are, they are
// looked up in a table.
func indexOf(users []int) func(user int) int {
	seen := 0
	if low, high := slices.Min(users), slices.Max(users); low >= 0 && high < 4*len(users)+1000 {
		table := make([]int, high+1)
		return func(user int) int {
			if table[user] == 0 {
				seen++
				table[user] = seen
			}
			return table[user] - 1
		}
	}
	table := map[int]int{}
	return func(user int) int {
		if table[user] == 0 {
			seen++
			table[user] = seen
		}
		return table[user] - 1
	}
}

// count returns how many of hits are true.
func count(hits []bool) int {
	c := 0
	for _, hit := range hits {
		if hit {
			c++
		}
	}
	return c
}
