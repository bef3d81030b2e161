package llmperf_test

import (
	"testing"
	"time"

	"llmperf.dev/llmperf"
)

// A claim is one kind of SLO, and what is true of a known service.
type claim struct {
	name  string
	truth func(k knownService) float64
	slo   func(limit float64) llmperf.SLO
	above bool // the SLO holds above its limit
}

// limited gives an SLO with a limit in seconds.
func limited(slo func(time.Duration) llmperf.SLO) func(float64) llmperf.SLO {
	return func(limit float64) llmperf.SLO { return slo(time.Duration(limit * float64(time.Second))) }
}

var (
	claimP50  = claim{name: "latency p50", truth: func(k knownService) float64 { return k.latency(0.50).Seconds() }, slo: limited(llmperf.Latency.P50Below)}
	claimP95  = claim{name: "latency p95", truth: func(k knownService) float64 { return k.latency(0.95).Seconds() }, slo: limited(llmperf.Latency.P95Below)}
	claimP99  = claim{name: "latency p99", truth: func(k knownService) float64 { return k.latency(0.99).Seconds() }, slo: limited(llmperf.Latency.P99Below)}
	claimTTFT = claim{name: "TTFT p95", truth: func(k knownService) float64 { return k.ttft(0.95).Seconds() }, slo: limited(llmperf.TTFT.P95Below)}
	claimTail = claim{name: "p99/p50", truth: knownService.tailRatio, slo: llmperf.TailRatioBelow}
	claimFail = claim{name: "failure rate", truth: func(k knownService) float64 { return k.fails }, slo: llmperf.FailureRateBelow}
	claimRate = claim{name: "throughput", truth: knownService.throughput, slo: llmperf.ThroughputAbove, above: true}

	allClaims = []claim{claimP50, claimP95, claimP99, claimTTFT, claimTail, claimFail, claimRate}
)

// ratios are those of the true figure to the limit at which claims are judged,
// or, for a claim of more than the limit, of the limit to the true figure. Below
// 1 the claim is true.
var ratios = []float64{0.8, 0.9, 1, 1.1, 1.25}

// limit is where the claim's limit is at a ratio.
func (c claim) limit(k knownService, ratio float64) float64 {
	if c.above {
		return c.truth(k) * ratio
	}
	return c.truth(k) / ratio
}

// judge is what llmperf makes of a claim about a run, over all its steps, and
// what comparing the bare figures with the limit makes of it; and how many
// requests the last outcome says it rests on.
func (c claim) judge(res *llmperf.Result, limit float64) (v verdicts) {
	v = verdicts{ours: llmperf.Pass, naive: llmperf.Pass}
	for _, o := range res.Check(c.slo(limit)) {
		if o.Verdict == llmperf.Fail || v.ours == llmperf.Pass {
			v.ours = o.Verdict
		}
		if c.above && o.Seen <= limit || !c.above && o.Seen >= limit {
			v.naive = llmperf.Fail
		}
		v.requests, v.effective = o.N, o.Effective
	}
	return v
}

// verdicts are those of two rules on the same run.
type verdicts struct {
	ours, naive         llmperf.Verdict
	requests, effective int
}

// A tally is how often a rule came to which verdict.
type tally struct{ pass, fail, open int }

func (t *tally) add(v llmperf.Verdict) {
	switch v {
	case llmperf.Pass:
		t.pass++
	case llmperf.Fail:
		t.fail++
	default:
		t.open++
	}
}

// A cell is what became of one claim at one ratio.
type cell struct{ ours, naive tally }

// A grid is what became of claims at ratios, over many runs of one service.
type grid struct {
	claims      []claim
	ratios      []float64
	repetitions int
	cells       [][]cell // by claim and ratio

	// How many requests the verdicts on a claim rest on, on average, and how many
	// independent ones they are worth.
	requests, effective []float64
}

// judgeAll measures a service again and again, and judges every run by every
// claim at every ratio.
func judgeAll(t *testing.T, k knownService, claims []claim, ratios []float64, repetitions int) grid {
	t.Helper()
	judged := repeat(repetitions, func(i int) (vs []verdicts) {
		res, _ := k.measure(t, uint64(i+1))
		for _, c := range claims {
			for _, ratio := range ratios {
				vs = append(vs, c.judge(res, c.limit(k, ratio)))
			}
		}
		return vs
	})
	g := grid{claims: claims, ratios: ratios, repetitions: repetitions, requests: make([]float64, len(claims)), effective: make([]float64, len(claims))}
	for i := range claims {
		g.cells = append(g.cells, make([]cell, len(ratios)))
		for j := range ratios {
			for _, vs := range judged {
				v := vs[i*len(ratios)+j]
				g.cells[i][j].ours.add(v.ours)
				g.cells[i][j].naive.add(v.naive)
				g.requests[i] += float64(v.requests) / float64(repetitions*len(ratios))
				g.effective[i] += float64(v.effective) / float64(repetitions*len(ratios))
			}
		}
	}
	return g
}

// independent is a service whose requests have nothing to do with each other.
func independent(n int) knownService {
	return knownService{own: 0.5, fails: 0.02, steps: oneStep(n)}
}

// The services whose requests depend on each other. What a request has of its
// own is half of that of the independent ones, so that the rest shows.
func drifting(n int) knownService {
	return knownService{own: 0.25, drift: 0.1, fails: 0.02, steps: oneStep(n)}
}

func personal(n int) knownService {
	return knownService{own: 0.25, person: 0.3, fails: 0.02, steps: oneStep(n)}
}

func bursting(n int) knownService {
	return knownService{own: 0.25, fails: 0.05, burst: 150 * time.Millisecond, steps: oneStep(n)}
}

// manySteps is an independent service of five steps, alike but for the third,
// which is slower than the others by the given factor.
func manySteps(n int, third float64) knownService {
	return knownService{own: 0.5, fails: 0.02, steps: rising(n, 1, 1, third, 1, 1)}
}
