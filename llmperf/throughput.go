package llmperf

import (
	"fmt"
	"math"

	"llmperf.dev/llmperf/internal/stats"
)

// ThroughputAbove holds where successful requests per second are above limit,
// in every step in scope. The bounds are those of a Poisson count (Garwood,
// Biometrika 28, 1936), which are too wide for a closed loop rather than too
// narrow.
func ThroughputAbove(limit float64) SLO {
	c := check{name: "throughput", want: fmt.Sprintf("throughput > %g requests/s", limit)}
	if !(limit > 0) || math.IsInf(limit, 1) {
		c.err = fmt.Errorf("ThroughputAbove(%v): want successful requests per second above 0", limit)
	}
	c.step = func(c check, s *Step, j judge) Outcome {
		n := s.Succeeded()
		rate := func(conf float64) evidence {
			b := stats.CountBounds(n, conf)
			return evidence{stats.Interval{Low: b.Low / s.Seconds, Estimate: s.Throughput, High: b.High / s.Seconds}, n, n}
		}
		shown, strict := rate(j.pass), rate(j.fail)
		o := c.outcome(s, j.pass, shown, perSecond)
		switch {
		case s.Seconds == 0:
			o.Verdict = Inconclusive
		case shown.Low > limit:
			o.Verdict = Pass
		case strict.High <= limit:
			o.Verdict = Fail
		}
		o.sentence("throughput")
		if o.Verdict == Inconclusive && n > 0 {
			// From below: a higher rate passes.
			turned := func(e evidence) stats.Interval {
				return stats.Interval{Low: -e.High, Estimate: -e.Estimate, High: -e.Low}
			}
			o.more(undecided(turned(shown), turned(strict), -limit))
		}
		return o
	}
	return c
}
