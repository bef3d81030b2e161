package llmperf

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

// looked is how late looks were, one every 10 ms for 50 s, of which some were late:
// those for which late is true of their number.
func looked(by time.Duration, late func(i int) bool) Distribution {
	var looks []stats.Observation
	for i := range 5000 {
		l := stats.Observation{Value: float64(300 * time.Microsecond)}
		if late(i) {
			l.Value = float64(by)
		}
		looks = append(looks, l)
	}
	return observe(looks)
}

// dialling is the error of a connection that was not made, in words that are the
// same on every system.
func dialling(err syscall.Errno, text string) error {
	return worded{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}, text}
}

type worded struct {
	error
	text string
}

func (w worded) Error() string { return w.text }
func (w worded) Unwrap() error { return w.error }

var (
	tooManyFiles = dialling(syscall.EMFILE, "dial tcp 10.0.0.1:80: socket: too many open files")
	noPort       = dialling(syscall.EADDRNOTAVAIL, "dial tcp 10.0.0.1:80: connect: cannot assign requested address")
	forbidden    = dialling(syscall.EPERM, "dial tcp 10.0.0.1:80: connect: operation not permitted")
)

func often(i int) bool { return i%20 == 0 }

// behind is the i-th step of r with a generator that was late by so much every now
// and then, and used so much of two cores.
func behind(r *Result, i int, by time.Duration, cpu float64) *Result {
	return lagging(r, i, looked(by, often), cpu)
}

func lagging(r *Result, i int, lag Distribution, cpu float64) *Result {
	s := &r.Steps[i]
	s.Generator = GeneratorStats{Lag: lag, CPU: cpu, Cores: 2, limits: GeneratorLimits{Floor: 10 * time.Millisecond}.withDefaults(), confidence: 0.95}
	s.Invalid = s.invalid()
	return r
}

// heldBack is a result whose first step's generator was held back by others.
func heldBack(r *Result, stolen float64, throttled time.Duration) *Result {
	s := &r.Steps[0]
	s.Generator.Stolen, s.Generator.Throttled = stolen, throttled
	s.Invalid = s.invalid()
	return r
}

// lacking is the i-th step of r with requests that this machine could not send.
func lacking(r *Result, i int, errs ...error) *Result {
	s := &r.Steps[i]
	for _, err := range errs {
		class, lack := classify(context.Background(), err, false)
		s.Generator.lacked(&record.Sample{Class: class, Status: lack, Detail: describe(err)})
		s.GeneratorFailures++
	}
	s.Invalid = s.invalid()
	return r
}

var invalidMessages = func() []messageTest {
	ms := time.Millisecond
	step := func(users int, slower float64) made {
		return beside(usual, func(m *made) { m.users, m.median = users, time.Duration(slower*float64(m.median)) })
	}
	failing := beside(usual, func(m *made) { m.requests, m.failed = 600, 20 })
	open := func(delay Distribution) *Result {
		r := behind(madeResult(usual), 0, ms, 0.5)
		s := &r.Steps[0]
		s.Load, s.Arrivals.Delay, s.Generator.sending = Load{Rate: 24, Hold: time.Minute}, delay, delay
		s.Invalid = s.invalid()
		return r
	}
	refused := func(r *Result) *Result { // by what the service answered
		r.Steps[0].Failures = map[string]int{"status 503": 20}
		return r
	}
	allFailed := func(failures map[string]int) *Result {
		r := madeResult(beside(usual, func(m *made) { m.requests, m.failed = 600, 600 }))
		r.Steps[0].Failures = failures
		return behind(r, 0, 800*ms, 0.98)
	}
	notSent := func(r *Result) *Result {
		r.Steps[0].Failures = map[string]int{"not_sent": 20}
		return r
	}
	rising := func() *Result { return madeResult(step(10, 1), step(20, 1.1), step(30, 1.2), step(40, 1.3)) }
	return []messageTest{
		{"invalid_latency_pass", "answers of 2 s, and half a second late", behind(madeResult(usual), 0, 500*ms, 0.98), Latency.P95Below(5 * time.Second), Invalid},
		{"invalid_latency_fail", "nor is a failure the service's", behind(madeResult(usual), 0, 500*ms, 0.6), Latency.P95Below(2 * time.Second), Invalid},
		{"invalid_latency_few", "nor would more requests decide it", behind(madeResult(beside(usual, func(m *made) { m.requests = 40 })), 0, 500*ms, 0), Latency.P95Below(5 * time.Second), Invalid},
		{"invalid_throttled", "a container with a limit", heldBack(behind(madeResult(usual), 0, 500*ms, 0.6), 0, 4*time.Second), Latency.P95Below(5 * time.Second), Invalid},
		{"invalid_stolen", "a machine that shares its processors", heldBack(behind(madeResult(usual), 0, 500*ms, 0.3), 0.18, 0), Latency.P95Below(5 * time.Second), Invalid},
		{"invalid_not_throttled", "a limit that hardly ever bound", heldBack(behind(madeResult(usual), 0, 500*ms, 0.3), 0.01, ms), Latency.P95Below(5 * time.Second), Invalid},
		{"invalid_guard", "nor is it not refuted", behind(madeResult(usual), 0, 500*ms, 0.6), Guard(Latency.P95Below(3280 * ms)), Invalid},
		{"invalid_busy", "no CPU time to spare, and 20 ms late", behind(madeResult(usual), 0, 20*ms, 0.97), Latency.P95Below(5 * time.Second), Invalid},
		{"invalid_not_by_cpu", "the service may be what uses it", behind(madeResult(usual), 0, 9*ms, 1), Latency.P95Below(5 * time.Second), Pass},
		{"invalid_not_by_little", "35 ms are nothing to answers of 2 s", behind(madeResult(usual), 0, 35*ms, 0.6), Latency.P95Below(5 * time.Second), Pass},
		{"invalid_not_by_a_moment", "a second in which the machine did nothing", lagging(madeResult(usual), 0, looked(time.Second, func(i int) bool { return i/100 == 20 }), 0.6), Latency.P95Below(5 * time.Second), Pass},
		{"invalid_short_metric", "35 ms are much to a first token within 20 ms", behind(madeResult(beside(usual, func(m *made) { m.median = 800 * ms })), 0, 35*ms, 0.6), TTFT.P50Below(20 * ms), Invalid},
		{"invalid_not_a_mean", "35 ms are little to a mean over the tokens of 8 s", behind(madeResult(beside(usual, func(m *made) { m.median = 8 * time.Second })), 0, 35*ms, 0.6), ITL.P95Below(200 * ms), Pass},
		{"invalid_tail_ratio", "of 200 ms 35 are enough to make a tail", behind(madeResult(beside(usual, func(m *made) { m.median = 100 * ms })), 0, 35*ms, 0.6), TailRatioBelow(3), Invalid},
		{"invalid_goodput", "its shortest limit is what counts", behind(madeResult(usual), 0, 35*ms, 0.6), GoodputAbove(15, TTFT.Within(300*ms), Latency.Within(2600*ms)), Invalid},
		{"invalid_throughput", "a generator that is late sends less", behind(madeResult(usual), 0, 500*ms, 0.98), ThroughputAbove(30), Invalid},
		{"invalid_custom", "its own words are kept", behind(madeResult(usual), 0, 500*ms, 0.98), Custom("answers", func(Step) Outcome { return Outcome{Verdict: Pass, Message: "enough answers"} }), Invalid},
		{"invalid_custom_error", "an SLO that is wrong is wrong", behind(madeResult(usual), 0, 500*ms, 0.98), Custom("answers", func(Step) Outcome { return Outcome{} }), Fail},
		{"invalid_failure_rate_pass", "the step's load was not put on", behind(madeResult(beside(usual, func(m *made) { m.requests = 3000 })), 0, 500*ms, 0.98), FailureRateBelow(0.001), Invalid},
		{"invalid_failure_rate_fail", "no lateness makes a status 503", refused(behind(madeResult(failing), 0, 500*ms, 0.98)), UpTo(50, stepFailureRate(0.001)), Fail},
		{"invalid_timeouts", "it may make a timeout", behind(madeResult(beside(failing, func(m *made) { m.failed = 1 })), 0, 500*ms, 0.98), stepFailureRate(0.00001), Invalid},
		{"invalid_not_sent", "nobody answered what was not sent", notSent(behind(madeResult(failing), 0, 500*ms, 0.98)), UpTo(50, stepFailureRate(0.001)), Invalid},
		{"invalid_all_timeouts", "with one answer in time it would be invalid too", allFailed(map[string]int{"timeout": 400, "status 503": 200}), stepFailureRate(0.5), Invalid},
		{"invalid_not_if_refused", "a service that is down is down", allFailed(map[string]int{"timeout": 200, "status 503": 400}), stepFailureRate(0.5), Fail},
		{"invalid_late_sending", "requests are sent late though goroutines run in time", open(looked(300*ms, often)), Latency.P95Below(5 * time.Second), Invalid},
		{"invalid_files", "no more files", lacking(madeResult(usual), 0, tooManyFiles, tooManyFiles, tooManyFiles), Latency.P95Below(5 * time.Second), Invalid},
		{"invalid_ports", "no more ports, and files once", lacking(madeResult(usual), 0, noPort, tooManyFiles, noPort), Latency.P95Below(2 * time.Second), Invalid},
		{"invalid_firewall", "the machine forbids it", lacking(madeResult(usual), 0, forbidden), Latency.P95Below(2 * time.Second), Invalid},
		{"invalid_said_so", "the target says so itself", lacking(madeResult(usual), 0, failf(FailGenerator, "the SDK's pool is empty")), Latency.P95Below(2 * time.Second), Invalid},

		{"invalid_run", "one step of three says nothing", behind(madeResult(beside(usual, func(m *made) { m.requests = 3000 }), usual, usual), 1, 500*ms, 0.98), FailureRateBelow(0.001), Invalid},
		{"invalid_run_fail", "the others refute it", refused(behind(madeResult(beside(usual, func(m *made) { m.requests, m.failed = 3000, 100 }), usual), 1, 500*ms, 0.98)), FailureRateBelow(0.001), Fail},
		{"invalid_saturation", "at 30 users it is not known", behind(rising(), 2, 500*ms, 0.98), NoSaturationBelow(40), Invalid},
		{"invalid_saturation_baseline", "there is nothing to compare with", behind(rising(), 0, 500*ms, 0.98), NoSaturationBelow(40), Invalid},
		{"invalid_saturation_by_it", "the step that would prove it says nothing", behind(madeResult(step(10, 1), step(20, 1.1), step(30, 4)), 2, 2*time.Second, 0.98), NoSaturationBelow(30), Invalid},
		{"invalid_saturation_fail", "another proves it", behind(madeResult(step(10, 1), step(20, 1.1), step(30, 4), step(40, 5)), 1, 500*ms, 0.98), NoSaturationBelow(40), Fail},
		{"invalid_growth", "its shape may be another", behind(madeResult(step(10, 1), step(20, 1.5), step(30, 2), step(40, 2.5), step(50, 3)), 4, 2*time.Second, 0.98), GrowthAtMost(Linear), Invalid},
	}
}()

// stepFailureRate is FailureRateBelow, judged step by step alone.
func stepFailureRate(limit float64) SLO {
	c := FailureRateBelow(limit).checks()[0]
	c.run, c.leastRun = nil, nil
	return c
}

func TestInvalidMessages(t *testing.T) {
	for _, tt := range invalidMessages {
		t.Run(tt.file, func(t *testing.T) {
			outcomes := tt.result.Check(tt.slo)
			require.NotEmpty(t, outcomes)
			var text strings.Builder
			for _, o := range outcomes {
				fmt.Fprintln(&text, o.Message)
			}
			assert.Equal(t, tt.want, outcomes[len(outcomes)-1].Verdict, "%s: %s", tt.reason, text.String())
			if tt.want == Invalid {
				assert.NotContains(t, text.String(), "as long", "more of it would not decide it")
			}
			golden(t, filepath.Join("messages", tt.file+".txt"), text.String())
		})
	}
}

func TestWithTheLimitsOffAStepIsValidHoweverLateTheGenerator(t *testing.T) {
	r := behind(madeResult(usual), 0, 500*time.Millisecond, 0.98)
	s := &r.Steps[0]
	s.Generator.limits.Off = true
	s.Invalid = s.invalid()
	assert.Equal(t, Pass, r.Check(Latency.P95Below(5 * time.Second))[0].Verdict)
	assert.Equal(t, Invalid, lacking(r, 0, noPort).Check(Latency.P95Below(5 * time.Second))[0].Verdict, "what was not sent was not sent")
}

// TestNothingIsClaimedOfInvalidSteps: saturation, growth and the plateau of a result
// are those of the steps that say something of the service.
func TestNothingIsClaimedOfInvalidSteps(t *testing.T) {
	r := behind(madeResult(
		beside(usual, func(m *made) { m.users = 10 }), beside(usual, func(m *made) { m.users = 20 }),
		beside(usual, func(m *made) { m.users, m.median = 30, 8*time.Second }),
	), 2, 2*time.Second, 0.98)
	assert.False(t, locateSaturation(r.Steps, r.scenario).Found)
	valid := slices.Clone(r.Steps)
	valid[2].Invalid = ""
	assert.True(t, locateSaturation(valid, r.scenario).Found, "it would be")
	valid[0].Invalid = "some reason"
	assert.False(t, locateSaturation(valid, r.scenario).Found, "there is no baseline")
	assert.Equal(t, Unclear, growthOf(valid, r.scenario))
}

func TestASearchMakesNothingOfAnInvalidProbe(t *testing.T) {
	assert.Equal(t, Invalid, together([]Outcome{{Verdict: Pass}, {Verdict: Invalid}, {Verdict: Inconclusive}}))
	assert.Equal(t, Fail, together([]Outcome{{Verdict: Invalid}, {Verdict: Fail}}), "what was answered")
	assert.Equal(t, "the generator was the bottleneck", trial{}.found(Invalid))
}
