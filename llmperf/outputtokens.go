package llmperf

import (
	"fmt"
	"math"

	"llmperf.dev/llmperf/internal/record"
)

// OutputTokensAbove holds where the output tokens of successful requests come to
// more than perSecond, all users together, in every step in scope.
//
// Tokens come in answers of random length, which are what the bounds rest on: a
// sum of random length and random parts (compound Poisson) is as sure as a count
// of (Σ tokens)²/Σ tokens² answers, and is bounded as one (Fay and Feuer,
// Statistics in Medicine 16, 1997). Where stretches of the step, or users, bring
// more or fewer tokens than by chance, bounds are wider by what their sums show
// (batch means, and users as clusters, by Student's t).
func OutputTokensAbove(perSecond float64) SLO {
	c := check{name: "output_tokens", want: fmt.Sprintf("output > %g tokens/s", perSecond), tokens: true}
	if !(perSecond > 0) || math.IsInf(perSecond, 1) {
		c.err = fmt.Errorf("OutputTokensAbove(%v): want output tokens per second above 0", perSecond)
	}
	c.step = func(c check, s *Step, j judge) Outcome {
		return c.above(s, j, "output tokens", perSecond, func(conf float64) evidence {
			return s.rateOf(conf, func(r *record.Sample) float64 {
				if r.Class != record.OK {
					return 0
				}
				return float64(r.OutputTokens())
			})
		})
	}
	return c
}
