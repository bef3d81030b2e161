package llmperf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"llmperf.dev/llmperf/internal/load"
)

// notRun are the planned steps that were not run, under the names that they would
// have had. Of a profile that decides as it goes there is no telling.
func (m *measurement) notRun() []Load {
	known, ok := m.scenario.Profile.(planner)
	if !ok {
		return nil
	}
	var left []Load
	same := map[string]int{}
	for i, l := range known.plan() {
		same[l.name()]++
		if i >= len(m.steps) {
			l.Name = numbered(l.name(), same[l.name()])
			left = append(left, l)
		}
	}
	return left
}

// ended says how a run ended before its profile did; "" if it did not.
func (r *Result) ended() string {
	how, why := "stopped", r.Stopped
	if r.Aborted != "" {
		how, why = "aborted", r.Aborted
	}
	if why == "" {
		return ""
	}
	where := "before the first step"
	if len(r.Steps) > 0 {
		last := &r.Steps[len(r.Steps)-1]
		where = "after " + last.Name
		if !last.whole() {
			where = "during " + last.Name
		}
	}
	return fmt.Sprintf("%s %s: %s", how, where, why)
}

// endLine is how a run ended before its profile did, and what was not run, in one
// line; "" if it ended as planned.
func (r *Result) endLine() string {
	line := r.ended()
	if line != "" && len(r.NotRun) > 0 {
		line += "; not run: " + stepNames(r.NotRun)
	}
	return line
}

func stepNames(loads []Load) string {
	names := make([]string, len(loads))
	for i, l := range loads {
		names[i] = l.name()
	}
	return strings.Join(names, ", ")
}

// missing names what a check is about and was not run: "" for nothing.
func (r *Result) missing(c check) string {
	var missing []Load
	for i, l := range r.NotRun {
		if r.coversNotRun(c, i) {
			missing = append(missing, l)
		}
	}
	names := stepNames(missing)
	if n := len(r.Steps); n > 0 && c.covers(&r.Steps[n-1]) && r.Steps[n-1].partial() {
		names = strings.TrimSuffix("the rest of "+r.Steps[n-1].Name+", "+names, ", ")
	}
	switch {
	case names != "":
		return names
	case r.ended() != "" && r.reached(c.reach.open) < c.reach.level:
		return fmt.Sprintf("any step of %v", c.reach)
	default:
		return ""
	}
}

// coversNotRun reports whether a check is about a step that was not run.
func (r *Result) coversNotRun(c check, i int) bool {
	var loads []Load
	for j := range r.Steps {
		loads = append(loads, r.Steps[j].Load)
	}
	return c.coversPlanned(append(loads, r.NotRun...), len(loads)+i)
}

// stepNotRun is the outcome of a check in a step that was not run.
func (r *Result) stepNotRun(c check, l Load) Outcome {
	return Outcome{
		Name: c.name, Step: l.name(), Want: c.want, Verdict: NotRun,
		Message: fmt.Sprintf("%s at %v: NOT RUN: the run was %s", c.want, l, r.ended()),
	}
}

// nothingRun is the outcome of a check over steps none of which was run.
func (r *Result) nothingRun(c check) Outcome {
	return Outcome{
		Name: c.name, Want: c.want, Verdict: NotRun,
		Message: fmt.Sprintf("%s: NOT RUN: no step in its scope was run (%s); the run was %s", c.want, r.missing(c), r.ended()),
	}
}

// stepsNotRun are the outcomes of all checks in the steps that were not run.
func (r *Result) stepsNotRun(checks []check) []Outcome {
	var outcomes []Outcome
	for i, l := range r.NotRun {
		for _, c := range checks {
			if c.step != nil && r.coversNotRun(c, i) {
				outcomes = append(outcomes, r.stepNotRun(c, l))
			}
		}
	}
	return outcomes
}

// reportNotRun makes the subtests of the steps that were not run.
func reportNotRun(t *testing.T, r *Result, checks []check) []Outcome {
	t.Helper()
	all := r.stepsNotRun(checks)
	for _, l := range r.NotRun {
		t.Run(l.name(), func(t *testing.T) {
			t.Helper()
			t.Logf("%s was not run: the run was %s", l.name(), r.ended())
			for i := range all {
				if all[i].Step == l.name() {
					reportOutcome(t, &all[i], r.scenario.Strictness)
				}
			}
			t.SkipNow()
		})
	}
	return all
}

// concludeSteps looks at how the steps of a run that ended early ended. A last one
// of which no request was measured was not run. And where the very last look at the
// last planned step gave reason to stop, there was nothing left to stop.
func (m *measurement) concludeSteps() {
	if len(m.steps) == 0 || m.stop == "" && m.aborted == "" {
		return
	}
	step := m.steps[len(m.steps)-1]
	sent := len(step.bucket.samples) + len(step.bucket.own)
	m.crowd.Pending(func(q load.Request) {
		if step.measures(q.Sent) {
			sent++
		}
	})
	if sent == 0 && !(step.Until > step.From && m.crowd.Waiting(step.Until)) {
		m.steps = m.steps[:len(m.steps)-1]
		return
	}
	if known, ok := m.scenario.Profile.(planner); ok && len(m.steps) == len(known.plan()) && step.whole() {
		m.stop = ""
	}
}

// partial reports whether a step ended before all of its load was put on, since
// that changes with time.
func (s *Step) partial() bool { return s.Load.timed() && !s.whole() }

// cutShort takes a pass back that only a part of a step's load supports.
func (o Outcome) cutShort(s *Step) Outcome {
	if !s.partial() {
		return o
	}
	return o.takenBack(NotRun, fmt.Sprintf("the step ended after %v of %v, before all of its load was put on", (s.Until-s.Begin).Round(time.Millisecond), s.Load.Hold))
}

// whole reports whether a step was held for as long as was planned.
func (s *Step) whole() bool { return s.Until >= load.OnGrid(s.Begin+s.Load.Hold) }
