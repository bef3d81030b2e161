package llmperf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"llmperf.dev/llmperf/internal/bubble"
	"llmperf.dev/llmperf/internal/record"
)

// Simulate puts a scenario's load on its target in virtual time and judges it
// as [Run] does, with the same subtests, attributes and files, once the load is
// over. Fifteen minutes of load take seconds, and the same seed gives the same
// result to the last bit.
//
// The load runs in a [testing/synctest] bubble, whose clock jumps to the next
// moment at which something happens. Nothing in a bubble can wait for anything
// outside: setup builds the service and what is behind it, in memory, with
// [llmperf.dev/llmperftest]:
//
//	llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
//		llm := llmperftest.NewServer(t, llmperftest.Engine{MaxBatch: 32})
//		svc := llmperftest.Serve(t, chat.NewHandler(chat.Config{Upstream: llm.URL + "/v1", Client: llm.Client(), Limit: 32}))
//		return llmperf.Scenario{
//			Target:  llmperf.OpenAI{BaseURL: svc.URL + "/v1", Model: "any", Client: svc.Client()},
//			Profile: llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 100},
//		}
//	}, slos...)
//
// Setup is given the bubble's own t: use that one, and its Cleanup to stop what
// setup starts. The bubble's time begins at midnight UTC of 1 January 2030.
//
// # What it proves
//
// Waiting costs virtual time and work costs none. So Simulate shows queueing,
// limits, timeouts, retries, streaming and shedding, and how a service behaves
// in front of a model of a given speed; only Run shows what CPU, garbage
// collection, sockets and the real model cost.
//
// # What cannot run in it
//
// A service that does one of the following would stop the clock, or never end;
// Simulate fails and says which, where in the code, and what to do:
//
//   - wait for a real socket, file or process: a database, another service, DNS.
//     Give it a fake of that dependency, served with llmperftest.Serve, or
//     measure it with Run.
//   - wait on a channel, timer or sync.WaitGroup made outside setup, such as a
//     package variable or a worker pool started in an init function: make it in
//     setup.
//   - hold a sync.Mutex, or a sync.Once, while it sleeps or waits, with others
//     waiting for it: use a channel as semaphore.
//   - leave goroutines behind: stop them in t.Cleanup.
//
// A service that decides by chance, or by which of two goroutines comes first
// at one instant, gives other results from run to run. With the environment
// variable LLMPERF_TWICE set, Simulate runs everything twice and fails with the
// first request that differs.
func Simulate(t *testing.T, setup func(t *testing.T) Scenario, slos ...SLO) *Result {
	t.Helper()
	needOwnBubble(t, "Simulate", "llmperf.Measure and Result.Check")
	refuseInterrupted(t)
	checks := uniqueNames(SLOs(slos).checks())
	out := prepareOutput(t)
	sim := simulate(t, setup, out, task{
		plan: func(s Scenario) (Scenario, error) {
			if testing.Short() && s.Short != 0 {
				s, checks = shorten(s, checks, s.Short)
			}
			return plan(stoppedByFailFast(s), checks, time.Time{})
		},
		prepare: func(m *measurement) { m.judgeBy(checks, newJudge(m.scenario, plannedSteps(m.scenario.Profile))) },
	})
	res := sim.result
	j := newJudge(res.scenario, plannedSteps(res.scenario.Profile))
	var outcomes []Outcome
	for i := range res.Steps {
		outcomes = append(outcomes, reportStep(t, &res.Steps[i], checks, j, res.scenario.Strictness)...)
	}
	outcomes = append(outcomes, reportNotRun(t, res, checks)...)
	conclude(t, out, res, append(outcomes, reportRun(t, res, checks, j)...))
	storeRun(t, res, checks)
	sim.complain(t)
	return res
}

// needOwnBubble ends a test that calls what in a bubble.
func needOwnBubble(t *testing.T, what, inside string) {
	t.Helper()
	if bubble.Inside() {
		t.Fatalf("llmperf: %s makes a testing/synctest bubble of its own and cannot run in another: call it outside, or %s inside", what, inside)
	}
}

// A task is what a simulation is for: plan fills in what the scenario leaves open
// and says what is wrong with it, and prepare readies the measurement.
type task struct {
	plan    func(Scenario) (Scenario, error)
	prepare func(*measurement)
}

// simulate runs a scenario's load in virtual time, twice if LLMPERF_TWICE is set.
// It does not return if there was none to report.
func simulate(t *testing.T, setup func(t *testing.T) Scenario, out *output, of task) *simulation {
	t.Helper()
	ctx, restore := untilInterrupted(context.Background())
	defer restore()
	begin := time.Now()
	out.begin(t)
	sim := simulateOnce(ctx, t, setup, out.samples, of)
	if os.Getenv("LLMPERF_TWICE") != "" && sim.stuck == nil && ctx.Err() == nil {
		again := simulateOnce(ctx, t, setup, nil, of)
		if ctx.Err() != nil {
			t.Errorf("llmperf: the second of two simulations was %v", context.Cause(ctx))
		} else if diff := firstDifference(sim.log, again.log); diff != "" {
			t.Errorf("two runs of the same seed differ, first in %s; something in the service decides by chance or by which goroutine comes first", diff)
		}
	}
	logOpening(t, sim.result.scenario)
	t.Logf("simulated %v of load in %.2g s, digest %s", sim.result.Elapsed.Round(time.Second), time.Since(begin).Seconds(), sim.result.Digest)
	return sim
}

// complain fails a test whose simulation could not end once its load was over.
func (sim *simulation) complain(t *testing.T) {
	t.Helper()
	if sim.stuck != nil && sim.result.Aborted == "" {
		t.Errorf("llmperf: the load is over, and the simulation cannot end: %v", sim.stuck)
	}
}

// A simulation is what one run in virtual time left behind.
type simulation struct {
	stuck *bubble.Stuck // why it could not come to its end

	mu      sync.Mutex // what follows is written inside the bubble and read outside while it runs
	m       *measurement
	refused error // what is wrong with the scenario
	last    *progress
	steps   []*stepRun // complete
	result  *Result
	log     []record.Sample
}

func simulateOnce(ctx context.Context, t *testing.T, setup func(t *testing.T) Scenario, samples *samplesFile, of task) *simulation {
	t.Helper()
	sim := new(simulation)
	deadline, limited := t.Deadline()
	printed := time.Now()
	err := bubble.Run(t, bubble.Options{Tick: func() {
		sim.mu.Lock()
		defer sim.mu.Unlock()
		if sim.m != nil && ctx.Err() != nil {
			sim.m.interrupt("%v", context.Cause(ctx))
		}
		if limited && sim.m != nil && time.Until(deadline) < deadlineMargin {
			sim.m.interrupt("the test's deadline is near: give go test a longer -timeout")
		}
		if sim.last != nil && time.Since(printed) > progressEvery {
			printed = time.Now()
			fmt.Fprintln(t.Output(), sim.last.line())
		}
	}}, func(t *testing.T, beat func()) {
		s, err := of.plan(setup(t))
		m := newMeasurement(s, sim.note)
		m.beat, m.digest, m.keepLog = beat, new(digest), os.Getenv("LLMPERF_TWICE") != ""
		refused := errors.Join(err, planVirtual(s))
		sim.mu.Lock()
		sim.m, sim.refused = m, refused
		sim.mu.Unlock()
		if refused != nil {
			return
		}
		of.prepare(m)
		m.samples = samples
		result := m.run(context.Background())
		sim.mu.Lock()
		sim.result, sim.log = result, m.log
		sim.mu.Unlock()
	})
	sim.mu.Lock()
	defer sim.mu.Unlock()
	switch {
	case sim.refused != nil:
		t.Fatalf("llmperf: nothing was sent, since this cannot work:\n%s", indent(sim.refused))
	case errors.As(err, &sim.stuck):
		sim.giveUp(t)
	case errors.Is(err, bubble.ErrSkipped):
		t.SkipNow()
	case err != nil && sim.result == nil:
		t.FailNow()
	}
	return sim
}

// note keeps what the run tells of itself.
func (sim *simulation) note(e event) {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	if e.progress != nil {
		sim.last = e.progress
	}
	if e.step != nil {
		sim.steps = append(sim.steps, e.step)
	}
}

// giveUp makes a result of the steps that were complete when the bubble got
// stuck. It does not return if there were none.
func (sim *simulation) giveUp(t *testing.T) {
	t.Helper()
	if sim.result != nil {
		return
	}
	if sim.m == nil || len(sim.steps) == 0 {
		t.Fatalf("llmperf: the simulation cannot go on: %v", sim.stuck)
	}
	stopped := unfinished(sim.m, sim.steps)
	stopped.abort("the simulation cannot go on: %v", sim.stuck)
	sim.result = stopped.result(sim.steps[len(sim.steps)-1].Until)
	sim.result.Virtual = true
}

// planVirtual says why a scenario cannot run in virtual time.
func planVirtual(s Scenario) error {
	if v, ok := s.Target.(virtualizer); ok {
		return v.virtual()
	}
	return nil
}

// A virtualizer is a target that knows whether it can work in virtual time.
type virtualizer interface{ virtual() error }

// virtualClient refuses a client that would wait for sockets.
func virtualClient(field string, c *http.Client) error {
	const want = "want a client of servers in memory, such as svc.Client() of svc := llmperftest.Serve(t, handler); in virtual time nobody can wait for a socket"
	if c == nil {
		return fmt.Errorf("%s is nil: %s", field, want)
	}
	transport, ok := c.Transport.(*http.Transport)
	//lint:ignore SA1019 whoever still sets Dial does not dial sockets either
	if c.Transport == nil || ok && transport.DialContext == nil && transport.Dial == nil {
		return fmt.Errorf("%s dials real addresses: %s", field, want)
	}
	return nil
}

// firstDifference describes the first request, by time, in which two runs
// differ, or is empty.
func firstDifference(a, b []record.Sample) string {
	for _, log := range [][]record.Sample{a, b} {
		slices.SortFunc(log, func(x, y record.Sample) int { return compareSamples(&x, &y) })
	}
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return fmt.Sprintf("%s, which only the second run sent", describeSample(&b[i]))
		case i >= len(b):
			return fmt.Sprintf("%s, which only the first run sent", describeSample(&a[i]))
		case digestOf(&a[i]) != digestOf(&b[i]):
			return fmt.Sprintf("%s in one run and %s in the other", describeSample(&a[i]), describeSample(&b[i]))
		}
	}
	return ""
}

func describeSample(s *record.Sample) string {
	return fmt.Sprintf("request %d of user %d, sent at %v, with %s after %v and %d tokens", s.Number, s.User, time.Duration(s.Sent), failureName(s), time.Duration(s.Latency()), s.OutputTokens())
}
