package llmperf

import (
	"math"
	"slices"
	"time"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

// A Distribution sums up one metric; all zero if it was never measured.
type Distribution struct {
	N    int           `json:"n"` // requests, or gaps for ICL
	Min  time.Duration `json:"min_ns"`
	Mean time.Duration `json:"mean_ns"`
	P50  time.Duration `json:"p50_ns"`
	P90  time.Duration `json:"p90_ns"`
	P95  time.Duration `json:"p95_ns"`
	P99  time.Duration `json:"p99_ns"`
	Max  time.Duration `json:"max_ns"`

	sorted    []float64           // nanoseconds, of metrics with a value a request
	measured  []stats.Observation // the same in the order in which the requests were sent; nil if they are independent
	cutOff    []float64           // what requests had waited that were still in flight when measuring ended
	histogram *record.Histogram   // of ICL
	requests  int                 // behind histogram
}

// An evidence is a figure between its bounds, and what it rests on.
type evidence struct {
	stats.Interval
	n         int // requests
	effective int // as many independent ones are they worth
}

// quantile returns the p-quantile in nanoseconds between its bounds, each at
// confidence conf.
func (d *Distribution) quantile(p, conf float64) evidence {
	return d.quantileAgainst(valueAt(d.sorted, p), p, conf)
}

// quantileAgainst is quantile, for comparison with a limit.
//
// Requests that depend on each other count as fewer (see effectAgainst). The
// gaps of one request, in ICL, are worth one.
//
// A request that was cut off when the run had to end is as slow as it had become
// by then for the lower bound, and slower than any for the upper.
func (d *Distribution) quantileAgainst(limit, p, conf float64) evidence {
	if d.histogram != nil {
		return evidence{histogramQuantile(d.histogram, p, conf, d.requests), d.requests, d.requests}
	}
	e := evidence{n: len(d.sorted) + len(d.cutOff)}
	e.effective = stats.EffectiveN(e.n, d.effectAgainst(limit, p))
	if len(d.cutOff) == 0 {
		e.Interval = stats.Quantile(d.sorted, p, conf, e.effective)
		return e
	}
	least := slices.Concat(d.sorted, d.cutOff)
	slices.Sort(least)
	most := slices.Clone(d.sorted)
	for range d.cutOff {
		most = append(most, math.Inf(1))
	}
	e.Interval = stats.Quantile(least, p, conf, e.effective)
	e.High = max(e.Estimate, stats.Quantile(most, p, conf, e.effective).High)
	return e
}

// fewestEach is how many requests must be above and how many not above a
// threshold for dependence to be measured there.
const fewestEach = 5

// effectAgainst is the design effect that matters when the p-quantile is compared
// with a limit: whether being slower than the limit, or than the quantile, comes
// in bursts or with certain users. Where hardly any request is slower than the
// limit, it is that of being among the slowest, and where hardly any is not, of
// being among the fastest: being a little slower than others may well come in
// bursts, or grow as a queue does, and says nothing about a limit far off.
func (d *Distribution) effectAgainst(limit, p float64) float64 {
	n := len(d.sorted)
	if n <= 2*fewestEach {
		return stats.ExceedanceEffect(d.measured, valueAt(d.sorted, p))
	}
	if limit >= d.sorted[n-fewestEach] {
		// The highest value that so many are above, which those that tie with each other are not.
		highest := d.sorted[0]
		if i, _ := slices.BinarySearch(d.sorted, d.sorted[n-fewestEach]); i > 0 {
			highest = d.sorted[i-1]
		}
		return stats.ExceedanceEffect(d.measured, highest)
	}
	if fastest := d.sorted[fewestEach-1]; limit < fastest {
		return stats.ExceedanceEffect(d.measured, fastest)
	}
	return max(stats.ExceedanceEffect(d.measured, limit), stats.ExceedanceEffect(d.measured, valueAt(d.sorted, p)))
}

func histogramQuantile(h *record.Histogram, p, conf float64, requests int) stats.Interval {
	n := h.N()
	q := stats.Interval{High: math.Inf(1)}
	if n == 0 {
		return q
	}
	estimate := stats.NearestRank(n, p)
	_, high := h.AtRank(estimate)
	q.Estimate = float64(high)
	stretch := float64(n) / float64(requests)
	if k, ok := stats.LowerRank(requests, p, conf); ok {
		low, _ := h.AtRank(max(1, min(estimate, int(float64(k)*stretch))))
		q.Low = float64(low)
	}
	if k, ok := stats.UpperRank(requests, p, conf); ok {
		_, high := h.AtRank(min(n, max(estimate, int(math.Ceil(float64(k)*stretch)))))
		q.High = float64(high)
	}
	return q
}

// observe sums up what was measured of requests, in the order in which they
// were sent.
func observe(measured []stats.Observation) Distribution {
	values := make([]float64, len(measured))
	for i, o := range measured {
		values[i] = o.Value
	}
	d := newDistribution(values)
	d.measured = measured
	return d
}

// newDistribution sums up independent values in nanoseconds, which it sorts in
// place.
func newDistribution(values []float64) Distribution {
	if len(values) == 0 {
		return Distribution{}
	}
	slices.Sort(values)
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	at := func(p float64) time.Duration { return time.Duration(math.Round(valueAt(values, p))) }
	return Distribution{
		N: len(values), Min: at(0), Mean: time.Duration(math.Round(sum / float64(len(values)))), Max: at(1),
		P50: at(0.50), P90: at(0.90), P95: at(0.95), P99: at(0.99),
		sorted: values,
	}
}

// valueAt is the p-quantile of ascending values, by nearest rank; 0 of none.
func valueAt(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[stats.NearestRank(len(sorted), p)-1]
}

func gapDistribution(h *record.Histogram, requests int) Distribution {
	n := h.N()
	if n == 0 {
		return Distribution{}
	}
	at := func(p float64) time.Duration {
		_, high := h.AtRank(max(1, stats.NearestRank(n, p)))
		return time.Duration(high)
	}
	low, _ := h.AtRank(1)
	return Distribution{
		N: n, Min: time.Duration(low), Mean: time.Duration(h.Mean()), Max: time.Duration(h.Max()),
		P50: at(0.50), P90: at(0.90), P95: at(0.95), P99: at(0.99),
		histogram: h, requests: requests,
	}
}
