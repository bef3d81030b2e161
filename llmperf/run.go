package llmperf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"llmperf.dev/llmperf/internal/bubble"
)

// deadlineMargin is kept free before the test's deadline, for reports.
const deadlineMargin = 10 * time.Second

// Run puts the scenario's load on its target in real time and judges it. Every
// step is a subtest, with a subtest for each SLO, reported as soon as the
// step's last request is in while the load goes on; what is judged over all
// steps follows at the end:
//
//	TestCapacity/users=50/tail_ratio
//	TestCapacity/users=50/ttft_p95
//	TestCapacity/saturation
//
// A failed SLO fails its subtest, and one on which the evidence is too thin is
// skipped with the reason, what was seen, and what would decide it. Figures go
// out as test attributes, and files into the test's artifact directory and into
// the folder that the environment variable LLMPERF_OUT names; the package's
// documentation lists them. The environment variable LLMPERF_UI asks for a page to
// watch the run on. In GitHub Actions the run is also in the step's summary, and
// what failed is an annotation at the line that called Run.
//
// Under go test -short the run is shortened, as [Scenario].Short has it. What was
// not run, since the run ended early by a [Stop], its [Budget] or an error, is
// skipped.
//
// A scenario or SLO that cannot work fails the test before any load. A run that
// is aborted fails the test too, after reporting what was measured: as by SIGINT,
// which Ctrl-C sends, by SIGTERM, and ten seconds before the test's deadline. After
// such a signal no other load of the process begins: what would put one on fails at
// once.
func Run(t *testing.T, s Scenario, slos ...SLO) *Result {
	t.Helper()
	needRealTime(t, "Run", "llmperf.Simulate, or llmperf.Measure and Result.Check inside the bubble")
	refuseInterrupted(t)
	checks := uniqueNames(SLOs(slos).checks())
	if testing.Short() {
		s, checks = shorten(s, checks, orDefault(s.Short, defaultShort))
	}
	s, err := plan(stoppedByFailFast(s), checks, deadlineOf(t))
	if err != nil {
		t.Fatalf("llmperf: nothing was sent, since this cannot work:\n%s", indent(err))
	}
	out := prepareOutput(t)
	logOpening(t, s)
	j := newJudge(s, plannedSteps(s.Profile))
	var outcomes []Outcome
	res := live(t, s, out, func(m *measurement) { m.judgeBy(checks, j) }, func(step *Step) {
		t.Helper()
		outcomes = append(outcomes, reportStep(t, step, checks, j, s.Strictness)...)
	}, func(r *Result) {
		r.Outcomes = outcomes
		out.keep(t, "result.json", r)
	})
	outcomes = append(outcomes, reportNotRun(t, res, checks)...)
	conclude(t, out, res, append(outcomes, reportRun(t, res, checks, j)...))
	storeRun(t, res, checks)
	return res
}

// needRealTime ends a test that calls what in a bubble.
func needRealTime(t *testing.T, what, instead string) {
	t.Helper()
	if bubble.Inside() {
		t.Fatalf("llmperf: %s needs real time and cannot run in a testing/synctest bubble: use %s", what, instead)
	}
	refuseParallel(t, what)
}

// deadlineOf is the test's deadline, or zero if it has none.
func deadlineOf(t *testing.T) time.Time {
	deadline, limited := t.Deadline()
	if !limited {
		return time.Time{}
	}
	return deadline
}

// live runs a scenario that was found to work in real time, with its progress in
// the test's output and on a live page. Prepare readies the measurement; tell is
// called for each step that is complete, while the load goes on, and then keep
// with the result so far.
func live(t *testing.T, s Scenario, out *output, prepare func(*measurement), tell func(*Step), keep func(*Result)) *Result {
	t.Helper()
	neverCached(t)
	defer alone(t, leastTime(s))()
	out.begin(t)
	ctx, cancel := t.Context(), func() {}
	if deadline, limited := t.Deadline(); limited {
		ctx, cancel = context.WithDeadlineCause(ctx, deadline.Add(-deadlineMargin), errors.New("the test's deadline is near: give go test a longer -timeout"))
	}
	defer cancel()
	ctx, restore := untilInterrupted(ctx)
	defer restore()

	events := make(chan event, 4096) // more than the steps of any run; progress is dropped rather than waited for
	results := make(chan *Result, 1)
	m := newMeasurement(s, func(e event) {
		if e.step != nil {
			events <- e
			return
		}
		select {
		case events <- e:
		default:
		}
	})
	prepare(m)
	m.samples = out.samples
	out.page = follow(t, m)
	go func() {
		defer close(events)
		results <- m.run(ctx)
	}()

	var steps []*stepRun
	var timeline []Window
	for e := range events {
		switch {
		case e.moment != nil:
			out.page.tell(e.moment, func() *Result { return soFar(t, m, nil, nil) })
		case e.progress != nil:
			timeline = append(timeline, e.progress.Window)
			fmt.Fprintln(t.Output(), e.progress.line())
			out.page.extend(e.progress.Window)
		case e.step != nil:
			tell(&e.step.Step)
			steps = append(steps, e.step)
			r := soFar(t, m, steps, timeline)
			keep(r)
			out.page.show(r)
		}
	}
	return <-results
}

// logOpening says what is to be known of a run before anything else.
func logOpening(t *testing.T, s Scenario) {
	t.Helper()
	if s.short {
		t.Logf("go test -short: warm-up and steps are held for %s of their time, though at least %v, and SLOs fail only on proof",
			percent(orDefault(s.Short, defaultShort)), shortest)
		t.Attr("llmperf.short", "true")
	}
	if note, _ := overdraft(s); note != "" {
		t.Log(note)
	}
}

// Check judges the result by SLOs: one outcome for each step in an SLO's scope,
// and one for what is judged over all of them. An SLO that cannot be judged,
// such as one on a metric that was never measured, is an outcome with verdict
// fail that says so. So is each of a result that was read from a file, which holds
// figures and not the requests that bounds are made of; what was judged when it was
// measured is in Outcomes.
func (r *Result) Check(slos ...SLO) []Outcome {
	checks := uniqueNames(SLOs(slos).checks())
	if r.scenario.Confidence == 0 {
		return r.unread(checks)
	}
	r.scenario.tellSecrets(checks)
	_ = openRegressions(checks, r.scenario, r.Virtual || bubble.Inside(), false) // the checks themselves say what is wrong
	j := newJudge(r.scenario, len(r.Steps)+len(r.NotRun))
	var outcomes []Outcome
	for i := range r.Steps {
		for _, c := range checks {
			if c.step != nil && c.covers(&r.Steps[i]) {
				outcomes = append(outcomes, judgeStep(c, &r.Steps[i], j))
			}
		}
	}
	outcomes = append(outcomes, r.stepsNotRun(checks)...)
	for _, c := range checks {
		if c.run != nil || c.err != nil || len(r.inScope(c)) == 0 && r.missing(c) == "" {
			outcomes = append(outcomes, judgeRun(c, r, j))
		}
	}
	return outcomes
}

// unread are the outcomes of checks of a result that was not measured here.
func (r *Result) unread(checks []check) []Outcome {
	var outcomes []Outcome
	for _, c := range checks {
		outcomes = append(outcomes, refused(c, "", "this result was not measured by this process: one that is read from a file has no requests to judge by, but its Outcomes"))
	}
	return outcomes
}

func (r *Result) inScope(c check) []Step {
	var steps []Step
	for i := range r.Steps {
		if c.covers(&r.Steps[i]) {
			steps = append(steps, *c.view(&r.Steps[i]))
		}
	}
	return steps
}

// refused is the outcome of a check that cannot be judged.
func refused(c check, step, why string) Outcome {
	return Outcome{Name: c.name, Step: step, Want: c.want, Verdict: Fail, lasts: true, Message: fmt.Sprintf("%s cannot be judged: %s", c.name, why)}
}

func judgeStep(c check, s *Step, j judge) Outcome {
	held := s.Arrivals.Held // whichever target of a mix they were for
	s = c.view(s)
	if c.err != nil {
		return refused(c, s.Name, c.err.Error())
	}
	if missing := c.unmeasured(s); missing != "" {
		return refused(c, s.Name, missing)
	}
	return c.about(c.step(c, s, j).ofGenerator(s).unless(held).cutShort(s))
}

// unmeasured says what the check is about and no successful request of s reported;
// "" if there is nothing, or no such request.
func (c check) unmeasured(s *Step) string {
	if s.Succeeded() == 0 {
		return ""
	}
	for _, m := range c.metrics {
		if m.of(&s.Stats).N > 0 {
			continue
		}
		why := "the target never reported " + m.title()
		if m == Overhead {
			why = s.Overhead.unknown()
		}
		return fmt.Sprintf("%s in the %s successful requests", why, count(s.Succeeded()))
	}
	if c.tokens && s.OutputTokens == 0 {
		return fmt.Sprintf("the target never reported output tokens in the %s successful requests", count(s.Succeeded()))
	}
	return ""
}

// about adds to an outcome's sentence which target it is about.
func (c check) about(o Outcome) Outcome {
	if c.target != "" {
		o.Message = c.target + ": " + o.Message
	}
	return o
}

func judgeRun(c check, r *Result, j judge) Outcome {
	steps := r.inScope(c)
	c.missing = r.missing(c)
	switch {
	case c.err != nil:
		return refused(c, "", c.err.Error())
	case len(steps) == 0 && c.missing != "":
		return r.nothingRun(c)
	case len(r.Steps) == 0:
		return refused(c, "", "no step was measured")
	case len(steps) == 0 && c.recovery > 0:
		return refused(c, "", "no step in its scope fell back to the load of an earlier one")
	case len(steps) == 0:
		return refused(c, "", fmt.Sprintf("no step in its scope, of at most %v, was measured", c.scope))
	case c.reach != loadLimit{} && r.reached(c.reach.open) < c.reach.level && c.missing == "":
		return refused(c, "", fmt.Sprintf("no step was loaded to %v; the highest had %s", c.reach, number(r.reached(c.reach.open))))
	}
	held := 0
	for i := range r.Steps {
		if c.covers(&r.Steps[i]) {
			held += r.Steps[i].Arrivals.Held
		}
	}
	o := c.about(c.overValid(r, steps, j).unless(held))
	if c.missing != "" && o.Verdict != Fail {
		o.more(fmt.Sprintf("not run: %s; the run was %s", c.missing, r.ended()))
	}
	return o
}

// reached is the highest load of any step.
func (r *Result) reached(open bool) float64 {
	most := 0.0
	for i := range r.Steps {
		if l := r.Steps[i].Load; l.open() == open {
			most = max(most, l.level())
		}
	}
	return most
}

// reportStep makes the subtests of a step. What go test's flags leave out of them
// is judged all the same.
func reportStep(t *testing.T, s *Step, checks []check, j judge, strictness Strictness) []Outcome {
	t.Helper()
	var outcomes []Outcome
	for _, c := range checks {
		if s.Requests > 0 && c.step != nil && c.covers(s) {
			outcomes = append(outcomes, judgeStep(c, s, j))
		}
	}
	t.Run(s.Name, func(t *testing.T) {
		t.Helper()
		t.Log(stepLine(s, j))
		stepAttrs(t, s)
		if s.Invalid != "" {
			t.Logf("%s: INVALID: %s", s.Name, s.Invalid)
		}
		if s.Requests == 0 && s.GeneratorFailures == 0 {
			longer := "a user's think time and answer take"
			if s.Load.open() {
				longer = "the gaps between its requests, or give it a higher rate"
			}
			t.Errorf("no request was sent while this step was measured (%v): make it longer than %s", s.Until-s.From, longer)
			return
		}
		if s.Succeeded() == 0 && s.Requests > 0 {
			t.Errorf("none of the step's %s requests succeeded; %s; for example: %s", count(s.Requests), failureList(&s.Stats), strings.Join(s.Examples, "; "))
		}
		for i := range outcomes {
			reportOutcome(t, &outcomes[i], strictness)
		}
	})
	return outcomes
}

// reportRun makes the subtests of what is judged over all steps.
func reportRun(t *testing.T, res *Result, checks []check, j judge) []Outcome {
	t.Helper()
	var outcomes []Outcome
	if len(res.Steps) == 0 && len(res.NotRun) == 0 {
		return nil
	}
	for _, c := range checks {
		if c.run != nil || len(res.inScope(c)) == 0 && res.missing(c) == "" {
			o := judgeRun(c, res, j)
			reportOutcome(t, &o, res.scenario.Strictness)
			outcomes = append(outcomes, o)
		}
	}
	return outcomes
}

// reportOutcome makes the subtest of one outcome.
func reportOutcome(t *testing.T, o *Outcome, strictness Strictness) {
	t.Helper()
	t.Run(o.Name, func(t *testing.T) {
		t.Helper()
		o.reported = true
		// The sentence comes first: JUnit shows a failure's output from its start.
		t.Log(o.Message)
		outcomeAttrs(t, o)
		switch {
		case strictness.fails(o):
			t.Fail()
		case (o.Verdict == Inconclusive || o.Verdict == Invalid) && strictness == SkipInconclusive, o.Verdict == NotRun:
			t.SkipNow()
		}
	})
}

// conclude ends the test: table, files, and what went wrong with the run.
func conclude(t *testing.T, out *output, res *Result, outcomes []Outcome) {
	t.Helper()
	res.Outcomes = outcomes
	t.Log(summarize(outcomes))
	sayWhatWasLeftOut(t, res)
	sumUpRun(t, out, res, table(res))
}

// sumUpRun ends the test of a run whose outcomes are known: tables, files, what
// the CI is told, and what went wrong with the run itself.
func sumUpRun(t *testing.T, out *output, res *Result, tables string) {
	t.Helper()
	at := caller()
	res.Name, res.pkg = t.Name(), at.pkg
	annotate(os.Stdout, res, at)
	runAttrs(t, res)
	fmt.Fprint(t.Output(), tables)
	out.write(t, res)
	out.page.end(res)
	if err := appendStepSummary(res); err != nil {
		t.Errorf("llmperf: %v", err)
	}
	if trouble := res.trouble(); trouble != "" {
		t.Error(trouble)
	}
}

// trouble is what went wrong with the run itself; "" for nothing.
func (r *Result) trouble() string {
	switch {
	case r.Aborted != "":
		return "the run was aborted: " + r.Aborted
	case len(r.Steps) > 0 && len(validSteps(r.Steps)) == 0:
		return "no step says anything of the service, so nothing was proved: " + r.Steps[0].Invalid
	case r.Total.Requests == 0:
		return "no request was measured, so nothing was proved"
	default:
		return ""
	}
}

// summarize is the verdicts in one sentence, which names those that are
// undecided: go test hides skipped subtests.
func summarize(outcomes []Outcome) string {
	counts := map[Verdict]int{}
	var open, invalid []string
	for _, o := range outcomes {
		counts[o.Verdict]++
		switch o.Verdict {
		case Inconclusive:
			open = append(open, o.path())
		case Invalid:
			invalid = append(invalid, o.path())
		}
	}
	text := fmt.Sprintf("%d verdicts: %d pass, %d fail, %d inconclusive", len(outcomes), counts[Pass], counts[Fail], counts[Inconclusive])
	if n := counts[NotRun]; n > 0 {
		text += fmt.Sprintf(", %d not run", n)
	}
	if n := counts[Invalid]; n > 0 {
		text += fmt.Sprintf(", %d invalid", n)
	}
	return text + listed("undecided", open) + listed("invalid, since the generator was the bottleneck", invalid)
}

// listed names the first of some outcomes; "" of none.
func listed(what string, paths []string) string {
	const most = 10
	if len(paths) > most {
		paths = append(paths[:most], fmt.Sprintf("and %d more", len(paths)-most))
	}
	if len(paths) == 0 {
		return ""
	}
	return " (" + what + ": " + strings.Join(paths, ", ") + ")"
}

func indent(err error) string { return "  " + strings.ReplaceAll(err.Error(), "\n", "\n  ") }
