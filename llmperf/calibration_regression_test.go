package llmperf_test

import (
	"math"
	"testing"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperf/internal/stats"
)

// A comparison is what became of comparing runs with stored ones, of a service
// that was faster then by a known ratio.
type comparison struct {
	ratio       float64 // true p95 now over that of the stored run
	repetitions int
	cell
}

// tolerated is the ratio from which on a regression is one.
const tolerated = 1.1

// compareAll measures pairs of runs of a service, the second of which is slower
// by each of the ratios.
func compareAll(t *testing.T, k knownService, ratios []float64, repetitions int) []comparison {
	t.Helper()
	measure := func(k knownService, first int) []stats.Interval {
		return repeat(repetitions, func(i int) stats.Interval {
			res, _ := k.measure(t, uint64(first+i+1))
			return p95Of(res)
		})
	}
	stored := measure(k, 0)
	var out []comparison
	for r, ratio := range ratios {
		changed := k
		changed.steps = []knownStep{k.steps[0]}
		changed.steps[0].slower *= ratio
		c := comparison{ratio: ratio, repetitions: repetitions}
		for i, now := range measure(changed, (r+1)*repetitions) {
			_, v := stats.Regression(now, stored[i], tolerated)
			c.ours.add(llmperf.Verdict(v.String()))
			naive := llmperf.Pass
			if now.Estimate/stored[i].Estimate > tolerated {
				naive = llmperf.Fail
			}
			c.naive.add(naive)
		}
		out = append(out, c)
	}
	return out
}

// p95Of is the p95 latency of a run of one step with the bounds that a verdict
// has whose limit is near it.
func p95Of(res *llmperf.Result) stats.Interval {
	o := res.Check(llmperf.Latency.P95Below(res.Steps[0].Latency.P95))[0]
	b := stats.Interval{Low: o.Low, Estimate: o.Seen, High: o.High}
	if o.High == 0 {
		b.High = math.Inf(1)
	}
	return b
}
