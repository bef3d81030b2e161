package llmperf

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"llmperf.dev/llmperf/internal/stats"
)

// A Growth is how p95 latency grows with load. In the order of how little they
// are wanted: Flat, Decelerating, Linear, Accelerating, Shedding.
type Growth string

// The patterns of growth.
const (
	Flat         Growth = "flat"         // latency hardly grows
	Decelerating Growth = "decelerating" // it grows ever less
	Linear       Growth = "linear"       // it grows in proportion: the service is slower, and handles requests fairly
	Accelerating Growth = "accelerating" // it grows ever faster: a bottleneck was hit. In a closed loop it then goes on along a steep line; only an open loop shows it explode
	Shedding     Growth = "shedding"     // it stays flat, and requests fail: the service protects itself
	Unclear      Growth = "unclear"      // the evidence is too thin, or hangs on a single step
)

var growthOrder = []Growth{Flat, Decelerating, Linear, Accelerating, Shedding}

// growthOf classifies the growth over steps.
func growthOf(steps []Step, s Scenario) Growth {
	steps = withBaseline(steps)
	if len(steps) == 0 {
		return Unclear
	}
	rising := byLoad(steps)
	if oneLoad(rising) {
		return Unclear
	}
	p := scalingQuantile(&rising[0], s.Confidence)
	return Growth(stats.ClassifyGrowth(levelsOf(rising, p, 1, s.Confidence), p, s.SaturationFailures, s.Confidence).String())
}

// stepsForGrowth is how many steps a shape takes.
const stepsForGrowth = 4

// GrowthAtMost holds where p95 latency grows with load as most or in a gentler
// way: GrowthAtMost(Linear) fails if growth accelerates, or if requests fail
// while latency stays flat. It is judged over all steps in scope, of which it
// takes four; where one step alone decides, it is inconclusive.
func GrowthAtMost(most Growth) SLO {
	c := check{name: "growth", want: fmt.Sprintf("growth at most %s", most), metrics: []Metric{Latency}, compares: true}
	limit := slices.Index(growthOrder, most)
	if limit < 0 || most == Shedding {
		c.err = fmt.Errorf("GrowthAtMost(%q): want Flat, Decelerating, Linear or Accelerating", string(most))
	}
	c.run = func(c check, r *Result, steps []Step, j judge) Outcome {
		seen := growthOf(steps, r.scenario)
		rising, e := byLoad(steps), evidence{}
		for i := range rising {
			e.n += rising[i].Requests
			e.effective += rising[i].Latency.quantile(0.95, j.run).effective + rising[i].Failed
		}
		e.effective = min(e.effective, e.n)
		first, last := &rising[0], &rising[len(rising)-1]
		if first.Latency.P95 > 0 {
			b := stats.Ratio(last.Latency.quantile(0.95, j.run).Interval, first.Latency.quantile(0.95, j.run).Interval)
			e.Interval = b
		}
		o := c.outcome(nil, j.run, e, ratio)
		switch at := slices.Index(growthOrder, seen); {
		case at < 0 || e.n == 0:
			o.Verdict = Inconclusive
		case at <= limit:
			o.Verdict = Pass
		default:
			o.Verdict = Fail
		}
		o.Message = fmt.Sprintf("growth pattern of latency p95: %s, %s from %s to %v, want at most %s: %s",
			seen, o.figures(), number(first.Load.level()), last.Load, most, o.said())
		if o.Verdict == Inconclusive {
			switch {
			case oneLoad(rising):
				o.more("all steps have one load, and growth is over loads: use steps of several, or NoSaturationBelow to see whether latency grows with time")
			case len(rising) < stepsForGrowth:
				o.more(fmt.Sprintf("a shape takes %d steps and there are %d: use more, smaller steps", stepsForGrowth, len(rising)))
			default:
				o.more("the shape hangs on a single step, or its ends cannot be told apart: longer steps, or more of them, decide")
			}
		}
		return o
	}
	return c
}

// oneLoad reports whether there are several steps, of the same load.
func oneLoad(steps []Step) bool {
	return len(steps) > 1 && !slices.ContainsFunc(steps, func(s Step) bool { return s.Load.level() != steps[0].Load.level() })
}

// throughputPlateau is the load from which on throughput levels off; 0 if it does
// not.
func throughputPlateau(steps []Step) float64 {
	rising := slices.Clone(underTheirOwnLoad(validSteps(steps)))
	slices.SortStableFunc(rising, func(a, b Step) int { return cmp.Compare(a.Load.level(), b.Load.level()) })
	var loads, throughput []float64
	for _, s := range rising {
		loads, throughput = append(loads, s.Load.level()), append(throughput, s.Throughput)
	}
	at, ok := stats.Plateau(loads, throughput)
	switch {
	case !ok || oneLoad(rising):
		return 0
	case steps[0].Load.open():
		return at
	default:
		return math.Round(at)
	}
}
