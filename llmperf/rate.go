package llmperf

import (
	"errors"
	"fmt"
	"time"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

// What the SLOs of something per second have in common.

// above judges a rate of a step that is to be above limit.
func (c check) above(s *Step, j judge, subject string, limit float64, rate func(conf float64) evidence) Outcome {
	var shown, strict evidence
	measured := s.Requests > 0 && s.Seconds > 0
	if measured {
		shown, strict = rate(j.pass), rate(j.fail)
	}
	o := c.outcome(s, j.pass, shown, perSecond)
	switch {
	case !measured:
		o.Verdict = Inconclusive
	case shown.Low > limit:
		o.Verdict = Pass
	case strict.High <= limit:
		o.Verdict = Fail
	}
	o.sentence(subject)
	switch {
	case o.Verdict != Inconclusive || !measured:
	case s.Succeeded() == 0:
		o.more("no request succeeded")
	default:
		// From below: a higher rate passes.
		turned := func(e evidence) stats.Interval {
			return stats.Interval{Low: -e.High, Estimate: -e.Estimate, High: -e.Low}
		}
		o.more(undecided(turned(shown), turned(strict), -limit))
		o.more(dependence(shown))
	}
	return o
}

// rateOf is what a step's requests add up to per second, between its bounds,
// each at confidence conf.
func (s *Step) rateOf(conf float64, add func(*record.Sample) float64) evidence {
	parts := make([]stats.Part, len(s.samples))
	for i := range s.samples {
		r := &s.samples[i]
		parts[i] = stats.Part{
			User: int(r.User), At: float64(time.Duration(r.Sent)-s.From) / float64(s.Until-s.From), Value: add(r),
		}
	}
	sum, effect := stats.SumBounds(parts, conf)
	return evidence{
		Interval:  stats.Interval{Low: sum.Low / s.Seconds, Estimate: sum.Estimate / s.Seconds, High: sum.High / s.Seconds},
		n:         len(parts),
		effective: stats.EffectiveN(len(parts), effect),
	}
}

// checkRates refuses an SLO on requests per second in steps that do not even
// send so many. Answers take the expected latency, or no time.
func checkRates(s Scenario, steps []Load, checks []check) error {
	var errs []error
	for _, c := range checks {
		for _, l := range steps {
			if c.leastRate == 0 || !c.coversLoad(l) {
				continue
			}
			if l.whole != nil {
				l = *l.whole // of a trace, a part says nothing of the rate
			}
			sends, with := l.meanRate(), ""
			if !l.open() {
				cycle := s.Think.cycle(s.ExpectedLatency)
				if cycle == 0 {
					continue
				}
				sends, with = l.meanUsers()/cycle.Seconds(), " if answers took no time"
				if s.ExpectedLatency > 0 {
					with = " with answers of " + duration(s.ExpectedLatency)
				}
			}
			if sends *= c.shareOf(s.Target); sends <= c.leastRate {
				errs = append(errs, fmt.Errorf("%s: the step of %v sends %s requests/s%s, so that %s cannot hold in it, and it is to hold in every step: ask for less, or begin with a higher load",
					c.name, l, number(sends), with, c.want))
				break
			}
		}
	}
	return errors.Join(errs...)
}
