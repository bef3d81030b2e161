package llmperf

import (
	"fmt"
	"math"

	"llmperf.dev/llmperf/internal/stats"
)

// ThroughputAbove holds where successful requests per second are above limit,
// in every step in scope. A run with a step that does not even send so many is
// refused. The bounds are those of a Poisson count (Garwood, Biometrika 28,
// 1936), which are too wide for a closed loop rather than too narrow.
func ThroughputAbove(limit float64) SLO {
	c := check{name: "throughput", want: fmt.Sprintf("throughput > %g requests/s", limit), leastRate: limit}
	if !(limit > 0) || math.IsInf(limit, 1) {
		c.err = fmt.Errorf("ThroughputAbove(%v): want successful requests per second above 0", limit)
	}
	c.step = func(c check, s *Step, j judge) Outcome {
		n := s.Succeeded()
		return c.above(s, j, "throughput", limit, func(conf float64) evidence {
			b := stats.CountBounds(n, conf)
			return evidence{stats.Interval{Low: b.Low / s.Seconds, Estimate: s.Throughput, High: b.High / s.Seconds}, n, n}
		})
	}
	return c
}
