package llmperf_test

import (
	"math"
	"testing"

	"llmperf.dev/llmperf"
)

// A shape is how a service slows with load, over ten steps of 10, 20 … 100
// users, and what is true of it.
type shape struct {
	name   string
	slower func(i int) float64 // multiples of the latency of the first step
	fails  func(i int) float64 // nil for none
	knee   int                 // index of the first step past twice the first one's p95; -1 for none
	growth llmperf.Growth

	allowed float64 // share of runs in which the knee may be missed, or seen where there is none; 0 for no requirement
	beside  bool    // a step beside the knee is no miss
}

const stepsOfShape = 10

// The shapes at which finding the saturation point is measured.
var (
	level      = shape{name: "none (flat)", slower: func(int) float64 { return 1 }, knee: -1, allowed: falseSaturation}
	healthy    = shape{name: "none (at most 1.8x)", slower: func(i int) float64 { return 1 + 0.8*float64(i)/9 }, knee: -1, allowed: falseSaturation}
	sharpKnee  = shape{name: "sharp knee (1.2x, then 3x)", slower: func(i int) float64 { return max(1+0.05*float64(i), 3*float64(i-4)) }, knee: 5, allowed: missedSharp}
	mediumKnee = shape{name: "medium knee (1.56x, then 2.26x)", slower: func(i int) float64 { return max(1+0.05*float64(i), 1+0.7*(float64(i)-3.2)) }, knee: 5, allowed: missedMedium, beside: true}
	gradual    = shape{name: "gradual (1.9x, then 2.2x)", slower: func(i int) float64 { return 1 + 0.3*float64(i) }, knee: 4}
	lastEdge   = shape{name: "on the edge at the last step (2x)", slower: func(i int) float64 { return 1 + float64(i)/9 }, knee: -1}
	longEdge   = shape{name: "on the edge from 60 users on (2x)", slower: func(i int) float64 { return min(2, 1+0.2*float64(i)) }, knee: -1}
)

// The shapes at which naming the pattern of growth is measured.
var growthShapes = []shape{
	{name: "flat", slower: func(int) float64 { return 1 }, growth: llmperf.Flat},
	{name: "line to 4x", slower: func(i int) float64 { return 1 + 3*float64(i)/9 }, growth: llmperf.Linear},
	{name: "knee at 60 users, to 4x", slower: kneeTo4(5), growth: llmperf.Accelerating},
	{name: "early knee at 40 users, to 4x", slower: kneeTo4(3), growth: llmperf.Accelerating},
	{name: "exponential to 8x", slower: func(i int) float64 { return math.Pow(8, float64(i)/9) }, growth: llmperf.Accelerating},
	{
		name: "shedding: 1.3x, failures to 24 %", slower: func(i int) float64 { return min(1.3, 1+0.1*float64(i)) },
		fails: func(i int) float64 { return max(0, 0.06*float64(i-5)) }, growth: llmperf.Shedding,
	},
}

// kneeTo4 is flat up to step at, then rises along a line to 4.
func kneeTo4(at int) func(i int) float64 {
	return func(i int) float64 { return max(1, 1+3*float64(i-at)/float64(stepsOfShape-1-at)) }
}

// service is a service of this shape that is loaded with about n requests a
// step, and whose speed varies by noise.
func (s shape) service(n int, noise float64) knownService {
	k := knownService{own: 0.5, drift: noise}
	slower := make([]float64, stepsOfShape)
	for i := range slower {
		slower[i] = s.slower(i)
	}
	k.steps = rising(n, slower...)
	for i := range k.steps {
		if s.fails != nil {
			k.steps[i].fails = s.fails(i)
		}
	}
	return k
}

// located is where a rule found the saturation point: a step's index, or -1.
type located struct{ ours, perStep, cumulative int }

// locate looks for a run's saturation point by three rules: llmperf's; bare
// figures step by step; and those accumulated since the start of the run, which
// is how a load test with Locust usually does it.
func locate(res *llmperf.Result, run *serviceRun) located {
	at := located{-1, -1, -1}
	if res.Saturation.Found {
		at.ours = res.Saturation.Users/10 - 1
	}
	const latencyLimit, failureLimit = 2, 0.01
	first, _ := run.cumulativeP95(res.Steps[0].Until)
	for i := len(res.Steps) - 1; i > 0; i-- {
		step := &res.Steps[i]
		if float64(step.Latency.P95) > latencyLimit*float64(res.Steps[0].Latency.P95) || step.FailureRate > failureLimit {
			at.perStep = i
		}
		if p95, failed := run.cumulativeP95(step.Until); float64(p95) > latencyLimit*float64(first) || failed > failureLimit {
			at.cumulative = i
		}
	}
	return at
}

// hits is how often a rule found the true step, one beside it, another one, or
// none.
type hits struct{ exact, near, wrong, none int }

func (h *hits) add(found, truth int) {
	switch {
	case found < 0:
		h.none++
	case found == truth:
		h.exact++
	case truth >= 0 && (found == truth-1 || found == truth+1):
		h.near++
	default:
		h.wrong++
	}
}

// A search is what became of looking for one shape's saturation point, and of
// naming its pattern of growth, in many runs.
type search struct {
	shape       shape
	n           int
	noise       float64
	repetitions int

	ours, perStep, cumulative hits
	verdicts                  tally // of NoSaturationBelow the last step's users
	growth                    map[llmperf.Growth]int
}

func (s shape) search(t *testing.T, n int, noise float64, repetitions int) search {
	type found struct {
		located
		verdict llmperf.Verdict
		growth  llmperf.Growth
	}
	k := s.service(n, noise)
	out := search{shape: s, n: n, noise: noise, repetitions: repetitions, growth: map[llmperf.Growth]int{}}
	for _, f := range repeat(repetitions, func(i int) found {
		res, run := k.measure(t, uint64(i+1))
		return found{locate(res, run), res.Check(llmperf.NoSaturationBelow(10 * stepsOfShape))[0].Verdict, res.Growth}
	}) {
		out.ours.add(f.ours, s.knee)
		out.perStep.add(f.perStep, s.knee)
		out.cumulative.add(f.cumulative, s.knee)
		out.verdicts.add(f.verdict)
		out.growth[f.growth]++
	}
	return out
}

// wrong is how often a rule was wrong about the saturation point, and in which
// way.
func (s search) wrong(h hits) (count int, way string) {
	switch {
	case s.shape.knee < 0:
		return s.repetitions - h.none, "false alarm"
	case s.shape.beside:
		return s.repetitions - h.exact - h.near, "neither the step nor one beside it"
	default:
		return s.repetitions - h.exact, "not the very step"
	}
}
