package llmperf_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// watched is a scenario of two steps, with a failure now and then.
func watched(o ...llmperf.Observer) func(*testing.T) llmperf.Scenario {
	return func(*testing.T) llmperf.Scenario {
		return llmperf.Scenario{
			Target: llmperf.Mix{{Name: "only", Weight: 1, Target: llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
				time.Sleep(100 * time.Millisecond)
				c.Tokens(3)
				c.Usage(20, 5, 4)
				if c.Number() == 7 {
					return &llmperf.Failure{Class: llmperf.FailStatus, Status: 503, Err: errors.New("busy")}
				}
				return nil
			})}},
			Profile: llmperf.StepProfile{StepUsers: 2, StepTime: 20 * time.Second, MaxUsers: 4}, Warmup: 5 * time.Second,
			Observers: o,
		}
	}
}

func TestAnObserverSeesEverythingInOrder(t *testing.T) {
	var calls []string
	var samples []llmperf.Sample
	var steps []llmperf.Step
	var stopped *llmperf.Result
	res := virtually(t, watched(llmperf.Observer{}, llmperf.Observer{
		Start: func(s llmperf.Scenario) {
			calls = append(calls, "start")
			assert.Equal(t, 2*time.Minute, s.Timeout, "with its defaults")
		},
		Sample: func(s llmperf.Sample) { samples = append(samples, s) },
		Step: func(s llmperf.Step) {
			calls = append(calls, s.Name)
			steps = append(steps, s)
		},
		Stop: func(r *llmperf.Result) {
			calls = append(calls, "stop")
			stopped = r
		},
	}))
	assert.Equal(t, []string{"start", "users=2", "users=4", "stop"}, calls)
	assert.Same(t, res, stopped)
	assert.Equal(t, res.Steps, steps)

	counts, failed := map[string]int{}, 0
	for _, s := range samples {
		require.Equal(t, "only", s.Target)
		require.Equal(t, 100*time.Millisecond, s.Latency().Round(time.Microsecond))
		require.Equal(t, s.End, s.FirstToken)
		require.Equal(t, []int{4, 20, 5, 1}, []int{s.OutputTokens, s.PromptTokens, s.CachedTokens, s.Chunks})
		if s.Failure != "" {
			failed++
			require.Equal(t, "status 503", s.Failure)
			require.Equal(t, "status 503: busy", s.Detail)
			require.Equal(t, 7, s.Number)
		}
		at := res.Steps[0]
		switch s.Step {
		case "":
			require.Less(t, s.Sent, at.Begin)
			counts["warm-up"]++
			continue
		case "users=4":
			at = res.Steps[1]
		}
		require.GreaterOrEqual(t, s.Sent, at.Begin)
		if s.Measured {
			counts[s.Step]++
		}
	}
	assert.Equal(t, res.Warmup.Requests, counts["warm-up"])
	assert.Equal(t, res.Steps[0].Requests, counts["users=2"])
	assert.Equal(t, res.Steps[1].Requests, counts["users=4"])
	assert.Equal(t, 4, failed, "each user's eighth request")
}

func TestAPanicOfAnObserverAbortsTheRunAndLosesNothing(t *testing.T) {
	for name, o := range map[string]llmperf.Observer{
		"start":  {Start: func(llmperf.Scenario) { panic("boom") }},
		"sample": {Sample: func(s llmperf.Sample) { panic("boom") }},
		"step":   {Step: func(llmperf.Step) { panic("boom") }},
		"stop":   {Stop: func(*llmperf.Result) { panic("boom") }},
	} {
		t.Run(name, func(t *testing.T) {
			var res *llmperf.Result
			told := 0
			inBubble(t, func(t *testing.T) {
				s := watched(o, llmperf.Observer{Stop: func(*llmperf.Result) { told++ }})(t)
				var err error
				res, err = llmperf.Measure(t.Context(), s)
				assert.ErrorContains(t, err, "an observer panicked: boom, at ")
				assert.ErrorContains(t, err, "observer_test.go:")
			})
			assert.Zero(t, told, "no observer is called after one has panicked")
			if name == "step" || name == "stop" {
				require.NotEmpty(t, res.Steps)
				assert.Greater(t, res.Steps[0].Requests, 50, "what was measured is reported")
			}
			if name == "start" {
				assert.Empty(t, res.Steps, "nothing was sent")
			}
		})
	}
}

func TestAnObserverThatEndsItsGoroutineAbortsTheRun(t *testing.T) {
	for name, o := range map[string]llmperf.Observer{
		"start":  {Start: func(llmperf.Scenario) { runtime.Goexit() }},
		"sample": {Sample: func(llmperf.Sample) { runtime.Goexit() }},
		"step":   {Step: func(llmperf.Step) { runtime.Goexit() }},
		"stop":   {Stop: func(*llmperf.Result) { runtime.Goexit() }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				_, err := llmperf.Measure(t.Context(), watched(o)(t))
				assert.ErrorContains(t, err, "an observer ended its goroutine, as t.FailNow and require do")
			})
		})
	}
}

func TestATargetThatEndsItsGoroutineAbortsTheRun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := watched()(t)
		s.Target = llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
			time.Sleep(100 * time.Millisecond)
			if c.Number() == 20 && c.User() == 1 {
				runtime.Goexit()
			}
			return nil
		})
		res, err := llmperf.Measure(t.Context(), s)
		assert.ErrorContains(t, err, "the target ended its goroutine, as t.FailNow and require do")
		all := res.Warmup.Failures["target"] + res.Total.Failures["target"]
		assert.Equal(t, 1, all, "the request is counted once: %v %v", res.Warmup.Failures, res.Total.Failures)
		assert.Less(t, res.Elapsed, 20*time.Second)
	})
}
