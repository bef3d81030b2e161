package llmperf_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"llmperf.dev/llmperf"
)

func TestOutputTokensAreThoseOfSuccessfulRequests(t *testing.T) {
	tokens := func(chunks, counted int) llmperf.TargetFunc {
		return func(_ context.Context, c *llmperf.Call) error {
			time.Sleep(time.Second / 10)
			for range chunks {
				c.Tokens(1)
			}
			if counted > 0 {
				c.Usage(50, 0, counted)
			}
			return nil
		}
	}
	tests := []struct {
		name, reason string
		answers      []llmperf.TargetFunc
		want         float64 // per second, of 12 requests
	}{
		{"one length", "12 times 20", []llmperf.TargetFunc{tokens(20, 0)}, 240},
		{"several lengths", "12 times the mean of 10, 20, 30 and 40", []llmperf.TargetFunc{tokens(10, 0), tokens(20, 0), tokens(30, 0), tokens(40, 0)}, 300},
		{"counted by the server", "its count takes the place of chunks", []llmperf.TargetFunc{tokens(5, 50), tokens(10, 0)}, 360},
		{"failures", "what fails brings nothing", []llmperf.TargetFunc{tokens(20, 0), failing(tokens(20, 0))}, 120},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := virtually(t, patterned(tt.answers...))
			o := res.Check(llmperf.OutputTokensAbove(1))[0]
			assert.InDelta(t, tt.want, o.Seen, 1e-9, "%s: %s", tt.reason, o.Message)
			assert.InDelta(t, res.Steps[0].OutputTokensPerSecond, o.Seen, 1e-9, "as in the result")
			assert.Less(t, o.Low, tt.want)
			assert.Greater(t, o.High, tt.want)
			assert.Equal(t, llmperf.Pass, res.Check(llmperf.OutputTokensAbove(0.7 * tt.want))[0].Verdict)
			assert.Equal(t, llmperf.Fail, res.Check(llmperf.OutputTokensAbove(1.4 * tt.want))[0].Verdict)
			assert.Equal(t, llmperf.Inconclusive, res.Check(llmperf.OutputTokensAbove(tt.want))[0].Verdict)
		})
	}
}

func TestOutputTokensThatNobodyCountsAreNone(t *testing.T) {
	silent := llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { time.Sleep(time.Second / 10); return nil })
	o := virtually(t, patterned(silent)).Check(llmperf.OutputTokensAbove(1))[0]
	assert.Equal(t, llmperf.Fail, o.Verdict)
	assert.Contains(t, o.Message, "the target never reported output tokens in the 480 successful requests")
}
