package llmperf

import (
	"fmt"
	"math"
	"time"

	"llmperf.dev/llmperf/internal/stats"
)

// TailRatioBelow holds where p99/p50 of latency is below limit: a measure of
// consistency. Below 2 is healthy, above 5 critical. Proving it takes at least
// 299 successful requests a step at 95 % confidence. The bounds are log-MOVER
// (Zou and Donner, Statistics in Medicine 27, 2008).
func TailRatioBelow(limit float64) SLO {
	c := check{name: "tail_ratio", want: fmt.Sprintf("p99/p50 < %gx", limit), metrics: []Metric{Latency}, limit: limit}
	if !(limit > 1) || math.IsInf(limit, 1) {
		c.err = fmt.Errorf("TailRatioBelow(%v): want a ratio above 1, such as 2; p99 is never below p50", limit)
	}
	least := func(j judge) int { return stats.MinSamples(0.99, j.pass) }
	c.leastStep = least
	c.step = func(c check, s *Step, j judge) Outcome {
		shown, strict := s.tailRatioAgainst(limit, j.pass), s.tailRatioAgainst(limit, j.fail)
		o := c.outcome(s, j.pass, shown, ratio)
		o.Verdict = verdict(shown.Interval, strict.Interval, limit)
		o.figure = time.Duration(max(limit, s.TailRatio) * float64(s.Latency.P50))
		o.sentence("latency p99/p50")
		o.explain(least(j), "a p99/p50", shown, strict, limit)
		return o
	}
	return c
}
