package llmperf_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// strict are limits that any lateness exceeds.
var strict = llmperf.GeneratorLimits{Share: 1e-9, Floor: time.Microsecond}

func init() {
	subjects["a generator that is always late"] = func(t *testing.T) {
		s := steady(5 * time.Millisecond)
		s.Generator = strict
		llmperf.Run(t, s, llmperf.Latency.P50Below(time.Second), llmperf.Guard(llmperf.FailureRateBelow(0.1)))
	}
	subjects["no ports at 4 users"] = func(t *testing.T) {
		llmperf.Simulate(t, func(*testing.T) llmperf.Scenario { return withoutPorts(4, 2) },
			llmperf.Latency.P50Below(time.Second), llmperf.Guard(llmperf.FailureRateBelow(0.1)))
	}
	subjects["too few files"] = func(t *testing.T) {
		lowerFilesLimit(t, 24)
		s := steady(0)
		s.Target = llmperf.HTTP{New: func(ctx context.Context, _ *llmperf.Call) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("LLMPERF_SUBJECT_URL"), nil)
		}}
		s.Profile = hold(40, 2*time.Second)
		llmperf.Run(t, s, llmperf.Latency.P50Below(time.Minute), llmperf.Guard(llmperf.FailureRateBelow(0.1)))
	}
}

// refusedPort is the error of a connection for which there is no local port.
var refusedPort = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)}

// withoutPorts is a scenario of steps of 2, 4 and 6 users whose machine has no port
// for every so-many-th request while more than from users are there.
func withoutPorts(from, every int) llmperf.Scenario {
	var most atomic.Int32
	return llmperf.Scenario{
		Target: llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
			most.Store(max(most.Load(), int32(c.User()+1)))
			if int(most.Load()) >= from && most.Load() < 5 && c.Number()%every == 0 {
				return fmt.Errorf("Post: %w", refusedPort)
			}
			time.Sleep(100 * time.Millisecond)
			return nil
		}),
		Profile: llmperf.StepProfile{StepUsers: 2, StepTime: 30 * time.Second, MaxUsers: 6}, Warmup: 2 * time.Second,
		Think: llmperf.Constant(100 * time.Millisecond),
	}
}

// measured measures a scenario in virtual time.
func measured(t *testing.T, s llmperf.Scenario) (res *llmperf.Result, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { res, err = llmperf.Measure(t.Context(), s) })
	return res, err
}

func TestTheGeneratorIsMeasuredInRealTimeAlone(t *testing.T) {
	s := steady(5 * time.Millisecond)
	res, err := llmperf.Measure(t.Context(), s)
	require.NoError(t, err)
	for _, g := range []llmperf.GeneratorStats{res.Steps[0].Generator, res.Generator} {
		assert.LessOrEqual(t, g.Lag.N, 151, "a look every 10 ms of what was measured")
		assert.Greater(t, g.Lag.N, 50, "and if the machine did nothing at its end, less")
		assert.Positive(t, g.Lag.P99)
		assert.Equal(t, res.Steps[0].Requests, g.Delay.N)
		assert.Equal(t, runtime.GOMAXPROCS(0), g.Cores)
		if runtime.GOOS == "linux" {
			assert.Positive(t, g.CPU)
			assert.Positive(t, g.Files)
			assert.Greater(t, g.FilesLimit, g.Files)
			assert.Greater(t, g.Ports, 1000)
		}
	}
	assert.Empty(t, res.Steps[0].Invalid, "a calm run")

	virtual, err := measured(t, s)
	require.NoError(t, err)
	assert.Zero(t, virtual.Generator)
	data, err := json.Marshal(virtual)
	require.NoError(t, err)
	assert.NotContains(t, string(data), `"lag"`)
	assert.NotContains(t, string(data), `"invalid"`)
}

// TestALateGeneratorMakesItsStepInvalid lets goroutines that never wait have the one
// core: Go takes it from each after 10 ms, so that requests are sent late, and their
// answers are seen late.
func TestALateGeneratorMakesItsStepInvalid(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var over atomic.Bool
	for range 4 {
		go func() {
			for !over.Load() { // has the only core until Go takes it away
			}
		}()
	}
	defer over.Store(true)
	s := steady(5 * time.Millisecond)
	s.Profile = hold(2, 3*time.Second)
	s.Generator.Floor = 5 * time.Millisecond
	res, err := llmperf.Measure(t.Context(), s)
	over.Store(true)
	require.NoError(t, err)
	step := res.Steps[0]
	assert.Greater(t, step.Generator.Lag.P99, 5*time.Millisecond)
	assert.Greater(t, step.Generator.Delay.P99, 5*time.Millisecond, "requests are sent as late as goroutines wake")
	assert.Regexp(t, `^the generator was the bottleneck: it read answers \S+ m?s late at p99 \(limit \S+ m?s\)`, step.Invalid)
	for _, o := range res.Check(llmperf.Latency.P50Below(time.Minute), llmperf.Latency.P90Below(time.Millisecond), llmperf.ThroughputAbove(1)) {
		assert.Equal(t, llmperf.Invalid, o.Verdict, "be it a pass or a failure: %s", o.Message)
	}
}

func TestTimeToMakeUpAPromptIsInTheDispatchDelay(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer server.Close()
	const made = 20 * time.Millisecond
	s := steady(0)
	s.Target = llmperf.HTTP{Client: server.Client(), New: func(ctx context.Context, _ *llmperf.Call) (*http.Request, error) {
		time.Sleep(made)
		return http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	}}
	res, err := llmperf.Measure(t.Context(), s)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, res.Steps[0].Generator.Delay.Min, made)
}

// TestEveryRequestIsInOnePlace: they succeeded, failed by some class, or failed on
// this machine.
func TestEveryRequestIsInOnePlace(t *testing.T) {
	s := withoutPorts(1, 3)
	target := s.Target
	s.Target = llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
		if c.Number()%3 == 1 {
			return &llmperf.Failure{Class: llmperf.FailStatus, Status: 503}
		}
		return target.Send(ctx, c)
	})
	s.Profile, s.Warmup = hold(4, 30*time.Second), llmperf.NoWarmup
	tried, own, sent := 0, 0, 0
	s.Observers = []llmperf.Observer{{Sample: func(s llmperf.Sample) {
		if s.Measured {
			tried++
		}
		if s.Measured && s.Failure == string(llmperf.FailGenerator) {
			own++
		}
		if s.Failure != string(llmperf.FailGenerator) {
			sent++
		}
	}}}
	s.Stop = []llmperf.Stop{llmperf.WhenFailing(0.6)} // of those sent, half fail
	res, err := measured(t, s)
	require.NoError(t, err)
	assert.Empty(t, res.Stopped, "what was not sent is no failure")
	step := res.Steps[0]
	require.Greater(t, own, 100)
	assert.Equal(t, own, step.GeneratorFailures)
	assert.Equal(t, map[string]int{"local ports": own}, step.Generator.Failures)
	assert.Equal(t, tried, step.Requests+step.GeneratorFailures)
	assert.Equal(t, step.Requests, step.Succeeded()+step.Failed)
	assert.Equal(t, map[string]int{"status 503": step.Failed}, step.Failures)
	assert.InDelta(t, 0.5, step.FailureRate, 0.01, "of those that were sent")
	assert.InDelta(t, float64(step.Requests)/step.Seconds, step.RPS, 1e-9)
	assert.Contains(t, step.Invalid, "requests failed on this machine, which lacked local ports (Post: dial tcp: connect: ")
	assert.Contains(t, step.Invalid, "net.ipv4.ip_local_port_range")
	for _, w := range res.Timeline {
		assert.LessOrEqual(t, float64(w.Failed), 0.6*float64(w.Requests), "nor at %v", w.At)
	}
	assert.Equal(t, step.GeneratorFailures, res.Total.GeneratorFailures)
	assert.Equal(t, sent, res.Spent.Requests, "what was not sent takes nothing of the target")
}

// TestAnErrorOfThisMachineIsToldFromOneOfTheService, over each way that it may take
// through the client.
func TestAnErrorOfThisMachineIsToldFromOneOfTheService(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(5 * time.Millisecond)
		fmt.Fprint(w, "hello")
	})
	for name, server := range map[string]*httptest.Server{"http": httptest.NewServer(handler), "https": httptest.NewTLSServer(handler)} {
		for errno, lack := range map[syscall.Errno]string{syscall.EMFILE: "file descriptors", syscall.ENOBUFS: "memory for sockets", syscall.EADDRNOTAVAIL: "local ports", syscall.EPERM: "permission to connect"} {
			t.Run(name+"/"+lack, func(t *testing.T) {
				var dials atomic.Int32
				transport := server.Client().Transport.(*http.Transport).Clone()
				transport.DisableKeepAlives = true
				transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
					if dials.Add(1)%4 == 0 {
						return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", errno)}
					}
					return new(net.Dialer).DialContext(ctx, network, address)
				}
				defer transport.CloseIdleConnections()
				s := steady(0)
				s.Target = llmperf.HTTP{Client: &http.Client{Transport: transport}, New: func(ctx context.Context, _ *llmperf.Call) (*http.Request, error) {
					return http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
				}}
				s.Profile = hold(2, 500*time.Millisecond)
				res, err := llmperf.Measure(t.Context(), s)
				require.NoError(t, err)
				step := res.Steps[0]
				assert.Zero(t, step.Failed, "%v", step.Failures)
				assert.Positive(t, step.Succeeded())
				assert.Equal(t, map[string]int{lack: step.GeneratorFailures}, step.Generator.Failures)
				assert.Contains(t, step.Invalid, lack)
			})
		}
		server.Close()
	}
}

func TestARunInWhichNothingLeavesThisMachineSaysSo(t *testing.T) {
	s := withoutPorts(1, 1)
	_, err := measured(t, s)
	assert.ErrorContains(t, err, "the run was aborted: the generator is the bottleneck: all of the first ")
	assert.ErrorContains(t, err, " requests failed on this machine, which lacked local ports (Post: dial tcp: connect: ")
	assert.ErrorContains(t, err, "let the client keep connections alive")

	target := s.Target
	s.Target = llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
		if c.User() == 0 {
			return &llmperf.Failure{Class: llmperf.FailStatus, Status: 503}
		}
		return target.Send(ctx, c)
	})
	_, err = measured(t, s)
	assert.ErrorContains(t, err, "requests failed, and ")
	assert.ErrorContains(t, err, "more failed on this machine, which lacked local ports")
	assert.ErrorContains(t, err, "of those sent, for example: status 503")
}

func TestASearchEndsWhereTheGeneratorDoes(t *testing.T) {
	var c *llmperf.Capacity
	var err error
	synctest.Test(t, func(t *testing.T) {
		var most atomic.Int32
		c, err = llmperf.MeasureCapacity(t.Context(), llmperf.Scenario{
			Target: llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
				most.Store(max(most.Load(), int32(c.User()+1)))
				if most.Load() > 40 && c.Number()%10 == 0 {
					return refusedPort
				}
				time.Sleep(100 * time.Millisecond)
				return nil
			}),
			Think: llmperf.Constant(100 * time.Millisecond), Warmup: time.Second,
		}, llmperf.Search{MaxUsers: 64}, llmperf.Latency.P95Below(time.Second))
	})
	require.Error(t, err)
	assert.Regexp(t, `the search was aborted: at \d+ users the generator was the bottleneck: [0-9,]+ requests failed on this machine, which lacked local ports`, err.Error())
	require.NotNil(t, c)
	assert.Positive(t, c.Low, "what was proved stands")
	assert.LessOrEqual(t, c.Low, 40.0)
	assert.Zero(t, c.High, "and no more is claimed of the service")
}

func TestARunWhoseStepsAreAllInvalidFails(t *testing.T) {
	t.Parallel()
	for env, verdict := range map[string]string{"skip": "SKIP", "pass": "PASS", "fail": "FAIL"} {
		dir := t.TempDir()
		out := runSubject(t, "a generator that is always late", "LLMPERF_INCONCLUSIVE="+env, "LLMPERF_OUT="+dir)
		assert.Contains(t, out, "--- "+verdict+": TestSubject/users=2/latency_p50 ", "an invalid SLO is as one that is undecided")
		assert.Contains(t, out, "--- "+verdict+": TestSubject/failure_rate ")
		assert.Contains(t, out, "--- FAIL: TestSubject ", "but nothing at all was measured of the service")
		assert.Regexp(t, `generator_test.go:\d+: no step says anything of the service, so nothing was proved: the generator was the bottleneck: it read answers \S+ m?s late at p99`, out)
		assert.Regexp(t, `=== ATTR  TestSubject/users=2/latency_p50 llmperf.verdict invalid\n`, out)
		assert.Contains(t, out, "=== ATTR  TestSubject llmperf.steps_invalid 1\n")
		assert.Contains(t, out, "=== ATTR  TestSubject llmperf.verdicts_invalid 3\n")
		assert.Contains(t, out, "3 verdicts: 0 pass, 0 fail, 0 inconclusive, 3 invalid (invalid, since the generator was the bottleneck: users=2/latency_p50, users=2/failure_rate, failure_rate)")
		for file, text := range map[string]string{
			"summary.md":  "## TestSubject: INVALID",
			"bench.txt":   "\n# BenchmarkSubject/users=2 is invalid: the generator was the bottleneck",
			"report.html": `<h1>The generator, not the service, was the bottleneck in every step.</h1>`,
			"result.json": `"verdict": "invalid"`,
		} {
			data, err := os.ReadFile(filepath.Join(dir, "TestSubject", file))
			require.NoError(t, err)
			assert.Contains(t, string(data), text, file)
			assert.NotContains(t, string(data), "ns/op\n")
		}
		page, err := os.ReadFile(filepath.Join(dir, "TestSubject", "report.html"))
		require.NoError(t, err)
		assert.Contains(t, string(page), `<span class="mark" data-verdict="invalid" aria-hidden="true">!</span>invalid`)
		assert.Contains(t, string(page), "<h2>The generator itself</h2>")
		assert.Contains(t, string(page), `<p data-kind="invalid"><strong>invalid</strong> At 2 users the generator was the bottleneck`)
	}
}

func TestAnInvalidStepAmongOthersIsSkippedByDefault(t *testing.T) {
	out := runSubject(t, "no ports at 4 users")
	for _, line := range []string{
		"--- PASS: TestSubject ", "--- PASS: TestSubject/users=2/latency_p50 ", "--- SKIP: TestSubject/users=4/latency_p50 ", "--- PASS: TestSubject/users=6/latency_p50 ",
		"--- SKIP: TestSubject/failure_rate ", "=== ATTR  TestSubject/users=4 llmperf.invalid the generator was the bottleneck: ", "=== ATTR  TestSubject/users=4 llmperf.generator_failures ",
		"INVALID users=4: the generator was the bottleneck: ",
	} {
		assert.Contains(t, out, line)
	}
	out = runSubject(t, "no ports at 4 users", "LLMPERF_INCONCLUSIVE=fail")
	assert.Contains(t, out, "--- FAIL: TestSubject/users=4/latency_p50 ")
	assert.Contains(t, out, "--- PASS: TestSubject/users=6/latency_p50 ")
}

func TestAProcessThatMayNotOpenMoreFilesSaysSo(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(200 * time.Millisecond)
		fmt.Fprint(w, "hello")
	}))
	defer server.Close()
	out := runSubject(t, "too few files", "LLMPERF_SUBJECT_URL="+server.URL)
	if strings.Contains(out, "cannot be lowered") {
		t.Skip("the system has no such limit")
	}
	assert.Regexp(t, `INVALID \(n=\d.*the generator was the bottleneck: [0-9,]+ requests failed on this machine, which lacked file descriptors \(.*too many open files\): let it open more files \(ulimit -n\)`, out)
	assert.Contains(t, out, "users=40 llmperf.failed 0\n", "the service failed nobody")
	assert.Contains(t, out, "--- FAIL: TestSubject ")
	assert.Contains(t, out, "no step says anything of the service")
}

func TestGeneratorLimitsThatMakeNoSenseAreRefused(t *testing.T) {
	for want, limits := range map[string]llmperf.GeneratorLimits{
		"scenario.Generator.Share is 10: want a share of the time judged between 0 and 1, such as 0.1, or Off": {Share: 10},
		"scenario.Generator.Floor is -1ms: want a time such as 10ms":                                           {Floor: -time.Millisecond},
		"scenario.Generator.CPU is 95: want a share of its cores between 0 and 1, such as 0.95":                {CPU: 95},
	} {
		s := steady(time.Millisecond)
		s.Generator = limits
		_, err := llmperf.Measure(t.Context(), s)
		assert.ErrorContains(t, err, want)
	}
}
