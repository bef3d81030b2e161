package stats

import "math"

// A Level is what was measured at one load. Levels are given in ascending order of load; the first is the baseline.
type Level struct {
	Load       float64   // users, or requests per second
	Quantile   Interval  // the latency quantile under study, with its bounds (see ScalingQuantile); ignored if N is 0
	N          int       // successful requests behind Quantile; with 0 the level's latency is unknown
	NEff       int       // how many independent requests N is worth (see EffectiveN); 0 means N
	Sorted     []float64 // latencies of the successful requests, ascending; only ClassifyGrowth needs them
	Requests   int       // all requests; with 0 the level's failure rate is unknown
	Failed     int       // how many of Requests failed
	NEffFailed int       // how many independent requests Requests is worth to the failure rate; 0 means Requests
}

// ScalingQuantile returns the latency quantile whose change with load can be judged when the baseline has n independent successful
// requests: 0.95, or 0.90 if n is too small to bound p95 from above at confidence conf. With too few for either, ok is false.
func ScalingQuantile(n int, conf float64) (p float64, ok bool) {
	for _, p := range []float64{0.95, 0.90} {
		if n >= MinSamples(p, conf) {
			return p, true
		}
	}
	return 0, false
}

// failures returns the bounds of the level's failure rate.
func (l Level) failures(conf float64) Interval {
	return FailureBoundsEffective(l.Failed, l.Requests, l.NEffFailed, conf)
}

// pooledFailures returns the bounds of the failure rate of all levels taken together.
func pooledFailures(levels []Level, conf float64) Interval {
	var all Level
	for _, l := range levels {
		all.Failed += l.Failed
		all.Requests += l.Requests
		all.NEffFailed += effective(l.NEffFailed, l.Requests)
	}
	return all.failures(conf)
}

// fitQuantiles returns the isotonic fit of the levels' latency quantiles, on a logarithmic scale and weighted by successful requests; a
// level without any takes its neighbour's fit. It is NaN throughout if no level has any.
func fitQuantiles(levels []Level) []float64 {
	logs, weights := make([]float64, len(levels)), make([]float64, len(levels))
	for i, l := range levels {
		logs[i], weights[i] = math.Log(l.Quantile.Estimate), float64(l.N)
	}
	fit := Isotonic(logs, weights)
	for i, v := range fit {
		fit[i] = math.Exp(v)
	}
	return fit
}
