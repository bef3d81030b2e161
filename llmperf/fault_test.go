package llmperf_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// The functions of a test's own, each of which can go wrong.
type (
	faultyProfile  struct{ wrong func() }
	faultyPrompts  struct{ wrong func() }
	faultyUpstream struct{ wrong func() }
	faultyName     struct {
		llmperf.Target
		wrong func()
	}
)

func (p faultyProfile) Next(done []llmperf.Step) (llmperf.Load, bool) {
	if len(done) == 2 {
		p.wrong()
	}
	return llmperf.Load{Users: 2, Hold: 20 * time.Second}, len(done) < 5
}

func (p faultyPrompts) Messages(c *llmperf.Call) ([]llmperf.Message, error) {
	if c.Number() == 30 {
		p.wrong()
	}
	return []llmperf.Message{{Role: "user", Content: "Why?"}}, nil
}

func (u faultyUpstream) EachCall(time.Time, func(origin, correlation string, arrived, firstToken, lastToken, ended time.Time)) {
	u.wrong()
}

func (n faultyName) String() string {
	n.wrong()
	return "never"
}

// deep is a panic far down the stack.
func deep(n int, counts map[string]int) {
	if n > 0 {
		deep(n-1, counts)
		return
	}
	counts["one"]++
}

func TestWhatTheTestsOwnFunctionsDoLosesNothing(t *testing.T) {
	oops := func() { panic("oops, with sk-0123456789abcdef") }
	tests := []struct {
		name     string
		wrong    func(s *llmperf.Scenario, wrong func())
		aborted  string // by a panic and by a Goexit
		requests int    // at least
		reason   string
	}{
		{"profile", func(s *llmperf.Scenario, wrong func()) { s.Profile = faultyProfile{wrong} }, "the profile ", 100, "two steps were over"},
		{"upstream", func(s *llmperf.Scenario, wrong func()) { s.Upstreams = []llmperf.Upstream{faultyUpstream{wrong}} }, "an upstream ", 1, "it is asked for what it saw of a step"},
		{"name", func(s *llmperf.Scenario, wrong func()) { s.Target = faultyName{s.Target, wrong} }, "the target's String method ", 200, "it is asked at the end"},
		{"observer", func(s *llmperf.Scenario, wrong func()) {
			s.Observers = []llmperf.Observer{{Step: func(llmperf.Step) { wrong() }}}
		}, "an observer ", 50, "a step was over"},
		{"target", func(s *llmperf.Scenario, wrong func()) {
			s.Target = llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
				time.Sleep(100 * time.Millisecond)
				if c.Number() == 50 {
					wrong()
				}
				return nil
			})
		}, "the target ", 50, "one request is not the run"},
		{"prompts", func(s *llmperf.Scenario, wrong func()) {
			to := s.Target.(llmperf.OpenAI)
			to.Prompts = faultyPrompts{wrong}
			s.Target = to
		}, "the target ", 10, "the target asks for them"},
		{"request", func(s *llmperf.Scenario, wrong func()) {
			s.Target = llmperf.HTTP{Client: s.Target.(llmperf.OpenAI).Client, New: func(context.Context, *llmperf.Call) (*http.Request, error) {
				wrong()
				return nil, nil
			}}
		}, "the target ", 0, "the target calls it"},
	}
	for _, tt := range tests {
		measure := func(t *testing.T, wrong func()) (res *llmperf.Result) {
			inBubble(t, func(t *testing.T) {
				s := llmperf.Scenario{
					Target: target(llmperftest.NewServer(t, quick)), Profile: llmperf.StepProfile{StepUsers: 2, StepTime: 20 * time.Second, MaxUsers: 4},
					Warmup: llmperf.NoWarmup,
				}
				tt.wrong(&s, wrong)
				res, _ = llmperf.Measure(t.Context(), s)
			})
			require.NotNil(t, res)
			assert.GreaterOrEqual(t, res.Total.Requests, tt.requests, tt.reason)
			return res
		}
		said := func(res *llmperf.Result) string { return res.Aborted + strings.Join(res.Total.Examples, "") }
		t.Run(tt.name+" panics", func(t *testing.T) {
			res := measure(t, oops)
			assert.Contains(t, said(res), tt.aborted+"panicked: oops, with [redacted], at ")
			assert.Contains(t, said(res), "fault_test.go:")
			require.NotEmpty(t, res.Warnings)
			stack := res.Warnings[len(res.Warnings)-1]
			assert.Regexp(t, `^the stack of the first panic:\nllmperf.dev/llmperf_test.TestWhatTheTestsOwnFunctionsDoLosesNothing.func1\n\t\S+/fault_test.go:\d+\nllmperf.dev/llmperf`, stack)
			assert.NotContains(t, stack, "0x", "addresses would differ from run to run")
			assert.NotContains(t, strings.Join(res.Warnings[:len(res.Warnings)-1], ""), "the stack of", "there is one")
		})
		t.Run(tt.name+" ends its goroutine", func(t *testing.T) {
			res := measure(t, runtime.Goexit)
			assert.Contains(t, res.Aborted, tt.aborted+"ended its goroutine, as t.FailNow and require do: ")
		})
	}
}

// A brokenError is one whose text cannot be had.
type brokenError struct{ wrong func() }

func (b brokenError) Error() string {
	b.wrong()
	return "never"
}

func TestAnErrorWhoseMethodsPanicFailsItsRequest(t *testing.T) {
	measure := func(t *testing.T, err error) (res *llmperf.Result, bad error) {
		inBubble(t, func(t *testing.T) {
			res, bad = llmperf.Measure(t.Context(), llmperf.Scenario{
				Target: llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
					time.Sleep(100 * time.Millisecond)
					if c.Number() == 20 {
						return err
					}
					return nil
				}),
				Profile: hold(2, 20*time.Second), Warmup: llmperf.NoWarmup,
			})
		})
		return res, bad
	}
	var none *llmperf.Failure
	for name, err := range map[string]error{"nil in an interface": none, "panic": brokenError{func() { panic("oops") }}} {
		t.Run(name, func(t *testing.T) {
			res, bad := measure(t, err)
			require.NoError(t, bad)
			assert.Equal(t, map[string]int{"target": 2}, res.Total.Failures)
			assert.Contains(t, strings.Join(res.Total.Examples, ""), "the error that the target returned panicked: ")
			assert.Greater(t, res.Total.Requests, 60, "and the run goes on")
		})
	}
	t.Run("ends its goroutine", func(t *testing.T) {
		res, bad := measure(t, brokenError{runtime.Goexit})
		require.ErrorContains(t, bad, "the target ended its goroutine")
		assert.Positive(t, res.Total.Failures["target"])
	})
}

// TestATargetThatNeverReturnsEndsTheRunSoon: no step could be reported any more.
func TestATargetThatNeverReturnsEndsTheRunSoon(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		never := make(chan bool)
		defer time.Sleep(time.Minute) // until the last has left
		defer close(never)
		answer := func(context.Context, *llmperf.Call) error { time.Sleep(100 * time.Millisecond); return nil }
		res, err := llmperf.Measure(t.Context(), llmperf.Scenario{
			Target: llmperf.Mix{
				{Name: "good", Weight: 1, Target: llmperf.TargetFunc(answer)},
				{Name: "bad", Weight: 1, Target: llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
					if c.User() == 1 && c.Number() >= 30 {
						<-never
					}
					return answer(ctx, c)
				})},
			},
			Profile: llmperf.StepProfile{StepUsers: 2, StepTime: 20 * time.Second, MaxUsers: 200}, Warmup: llmperf.NoWarmup, Timeout: 5 * time.Second,
		})
		require.ErrorContains(t, err, "a target did not return within 10s of its context's end")
		assert.Len(t, res.Steps, 2, "of a hundred")
		assert.Equal(t, 1, res.Steps[0].Failures["unfinished"])
		for _, part := range res.Targets {
			assert.Equal(t, part.Name == "bad", part.Failures["unfinished"] == 1, "%s: %v", part.Name, part.Failures)
		}
	})
}

func TestALongStackIsCut(t *testing.T) {
	res, err := llmperf.Measure(t.Context(), llmperf.Scenario{
		Target:  llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { deep(500, nil); return nil }),
		Profile: hold(1, time.Second), Warmup: llmperf.NoWarmup, Think: llmperf.Constant(time.Millisecond),
	})
	require.ErrorContains(t, err, "the target panicked: assignment to entry in nil map, at ")
	stack := res.Warnings[len(res.Warnings)-1]
	assert.Regexp(t, `^the stack of the first panic:\nllmperf.dev/llmperf_test.deep\n\t\S+/fault_test.go:\d+\n`, stack, "the function that panicked, not those of the runtime")
	assert.Less(t, len(stack), 3100)
}
