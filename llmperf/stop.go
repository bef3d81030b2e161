package llmperf

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"llmperf.dev/llmperf/internal/load"
	"llmperf.dev/llmperf/internal/stats"
)

// A Stop is a condition on which a run ends before its profile does, since going
// on would cost time and money and tell nothing new:
//
//	Stop: []llmperf.Stop{llmperf.WhenSaturated, llmperf.WhenFailing(0.3)}
//
// The current step ends, or no further one begins, and the run comes to its end as
// it always does: the load goes on until the measured requests are home. That by
// itself fails no test: [Result].Stopped says why, and what the step measured until
// then is judged; but a ramp, a shape or a trace, of which a part is not the load,
// passes nothing then. What was planned and not run is no pass either. Each such step
// is a skipped subtest, its SLOs have verdict [NotRun], and so has an SLO over
// several steps that holds in those that were run; it may still fail by them. A
// step that ended before any request of it was measured counts as not run.
//
// Stopping depends on what was seen, and that costs the other verdicts little.
// WhenSaturated and WhenLost look at steps that are complete, and so change none.
// WhenFailing cuts a step where its failures are proved, which makes a verdict on
// the failure rate of it fail rather than pass; a percentile's bounds hold for as
// many requests as were measured.
type Stop struct {
	kind string
	rate float64 // of failing
}

// The kinds of stops, as they are written.
const (
	stopSaturated = "WhenSaturated"
	stopFailing   = "WhenFailing"
	stopLost      = "WhenLost"
)

// WhenSaturated stops a run once the steps that were run prove that the service
// saturates, by the scenario's SaturationRatio and SaturationFailures and as
// [Saturation] has it. One more step is run beyond, for the picture.
var WhenSaturated = Stop{kind: stopSaturated}

// WhenLost stops a run once it cannot pass any more: some step is complete and has
// failed an SLO, or saturation is proved below the load of [NoSaturationBelow]. It
// is for [Run] and [Simulate]; [Measure] knows no SLOs.
var WhenLost = Stop{kind: stopLost}

// WhenFailing stops a run as soon as the failure rate of a step is proved to be
// above rate: WhenFailing(0.3) is above 30 %. It is looked at twice a second, over
// the measured requests that were sent until then. Those in flight count as
// successes, since failures are often the first to come home. A burst of failures
// stops a run too, if it comes when there is little else in the step yet.
//
// The proof is the lower bound of Clopper and Pearson (Biometrika 26, 1934), at a
// confidence that looking so often does not spoil: where verdicts may err in a
// share α of runs, each look may in α/1000. By Bonferroni's inequality that is α
// at most over a thousand looks, which are eight minutes of load; and as looks at
// one step share most of its requests, and so err together, it is no more over
// half an hour of steps of a minute: see
// TestLookingTwiceASecondSeldomStopsARunByChance.
func WhenFailing(rate float64) Stop { return Stop{kind: stopFailing, rate: rate} }

// looksAtFailures is how many looks at the failure rate share the error that the
// scenario's confidence allows.
const looksAtFailures = 1000

// String is the stop as it is written.
func (s Stop) String() string {
	if s.kind == stopFailing {
		return fmt.Sprintf("%s(%v)", s.kind, s.rate)
	}
	return s.kind
}

func (s Stop) validate() error {
	switch {
	case s.kind == "":
		return errors.New("the zero Stop: want llmperf.WhenSaturated, llmperf.WhenFailing(0.3) or llmperf.WhenLost")
	case s.kind == stopFailing && !(s.rate > 0 && s.rate < 1):
		return fmt.Errorf("%v: want a share of failed requests between 0 and 1, such as 0.3 for 30 %%", s)
	}
	return nil
}

// validateStops says what is wrong with a scenario's stops.
func validateStops(stops []Stop) error {
	var errs []error
	for i, s := range stops {
		if err := s.validate(); err != nil {
			errs = append(errs, fmt.Errorf("scenario.Stop[%d] is %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// validateWithoutSLOs refuses a stop on SLOs where there are none.
func validateWithoutSLOs(stops []Stop) error {
	if slices.Contains(stops, WhenLost) {
		return errors.New("scenario.Stop has WhenLost, and Measure knows no SLOs: use llmperf.Run or llmperf.Simulate, or another Stop")
	}
	return nil
}

// stopEarly reports whether the run is to stop here, within a step or between two
// of them, and notes why.
func (m *measurement) stopEarly(between bool) bool {
	if m.overBudget() {
		return true
	}
	for _, s := range m.scenario.Stop {
		switch {
		case s.kind == stopFailing:
			m.stop = m.failing(s.rate)
		case s.kind == stopLost && m.told > m.looked:
			m.stop = m.lost(m.complete(m.told), m.looked)
		case s.kind == stopSaturated && between:
			m.stop = m.saturated()
		}
		if m.stop != "" {
			return true
		}
	}
	m.looked = m.told
	return false
}

// saturated says where the steps prove the service to saturate. The last one has
// only just ended, and is not among those that are complete: it is the one that is
// run beyond.
func (m *measurement) saturated() string {
	found := locateSaturation(m.complete(m.told), m.scenario)
	if !found.Found {
		return ""
	}
	return fmt.Sprintf("saturated at %s (%s)", found.At(), bracket(found))
}

// complete are the first n steps, all of whose requests are home.
func (m *measurement) complete(n int) []Step {
	var steps []Step
	for _, step := range m.steps[:n] {
		steps = append(steps, step.Step)
	}
	return steps
}

// lostBy says which of the checks steps have failed for good. Those before the
// given one have been looked at.
func lostBy(checks []check, steps []Step, from int, s Scenario, j judge) string {
	const lost = "an SLO has failed for good: "
	for i := from; i < len(steps); i++ {
		for _, c := range checks {
			if c.step != nil && c.covers(&steps[i]) {
				if o := judgeStep(c, &steps[i], j); o.Verdict == Fail || testFlag("failfast") && s.Strictness.fails(&o) {
					return fmt.Sprintf("%s%s at %v", lost, c.want, steps[i].Load)
				}
			}
		}
	}
	seen := &Result{Steps: steps, scenario: s}
	for _, c := range checks {
		if c.failsForGood {
			if steps := seen.inScope(c); len(steps) > 0 && c.overValid(seen, steps, j).Verdict == Fail {
				return lost + c.want
			}
		}
	}
	return ""
}

// failing says of which step the failure rate is proved to be above rate: of the
// current one, or of one whose last requests have come home only now.
func (m *measurement) failing(rate float64) string {
	for _, step := range m.steps[m.looked:] {
		if why := m.failingIn(step, rate); why != "" {
			return why
		}
	}
	return ""
}

func (m *measurement) failingIn(step *stepRun, rate float64) string {
	b, conf := step.bucket, m.scenario.Confidence
	failed := func() int { return len(b.samples) - b.succeeded() }
	if !provedAbove(rate, failed(), len(b.samples), conf) {
		return "" // and those in flight only make it less sure
	}
	n := 0
	m.crowd.Pending(func(q load.Request) {
		if step.measures(q.Sent) {
			n++
		}
	})
	m.collect() // only now, so that none that comes home meanwhile is missed
	n += len(b.samples)
	if !provedAbove(rate, failed(), n, conf) {
		return ""
	}
	return fmt.Sprintf("%d of the first %s requests at %v failed, which proves more than %s", failed(), count(n), step.Load, percent(rate))
}

// provedAbove reports whether so many failures of n requests prove a failure rate
// above rate in one of many looks.
func provedAbove(rate float64, failed, n int, confidence float64) bool {
	alpha := (1 - confidence) / looksAtFailures
	return failed > 0 && stats.FailureBounds(failed, n, 1-alpha).Low > rate
}

// measures reports whether a request that was sent at the given time counts in
// the step.
func (s *stepRun) measures(sent time.Duration) bool {
	return sent >= s.From && (s.open || sent < s.Until)
}
