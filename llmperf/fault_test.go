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
