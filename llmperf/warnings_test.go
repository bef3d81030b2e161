package llmperf_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// slowed is a service whose latency is 500 ms, give or take, times a factor of
// the time since it began.
func slowed(factor func(since time.Duration) float64) func(t *testing.T) llmperf.Scenario {
	return func(*testing.T) llmperf.Scenario {
		begin := time.Now()
		return llmperf.Scenario{
			Target: llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
				select {
				case <-time.After(time.Duration((0.4 + 0.2*c.Rand().Float64()) * factor(time.Since(begin)) * float64(time.Second))):
				case <-ctx.Done():
				}
				return ctx.Err()
			}),
			Profile: llmperf.StepProfile{StepUsers: 20, StepTime: time.Minute, MaxUsers: 40}, Warmup: llmperf.NoWarmup,
		}
	}
}

func TestADoubtfulMeasurementIsWarnedOf(t *testing.T) {
	tests := []struct {
		name, reason string
		factor       func(since time.Duration) float64
		want         string // "" for no warning
	}{
		{"steady", "there is nothing to warn of", func(time.Duration) float64 { return 1 }, ""},
		{"warming up", "the service gets faster for half of the first step", func(since time.Duration) float64 {
			return max(1, 4-since.Seconds()/10)
		}, "the first step had not settled: by the MSER-5 rule its first"},
		{"long answers", "answers of 30 s span steps of a minute", func(time.Duration) float64 { return 60 }, "p95 is 35"},
		{"slow spells", "every so often everything is slow", func(since time.Duration) float64 {
			if int(since.Seconds())%20 < 2 {
				return 3
			}
			return 1
		}, "its requests depend on each other so much that"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := virtually(t, slowed(tt.factor))
			if tt.want == "" {
				assert.Empty(t, res.Warnings, tt.reason)
				return
			}
			assert.Contains(t, strings.Join(res.Warnings, "\n"), tt.want, tt.reason)
		})
	}
}

func TestAPrefixCacheThatAnswersIsWarnedOf(t *testing.T) {
	using := func(prompt, cached int) llmperf.Target {
		return llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
			time.Sleep(100 * time.Millisecond)
			c.Usage(prompt, cached, 1)
			return nil
		})
	}
	warnings := func(target llmperf.Target) []string {
		return virtually(t, func(*testing.T) llmperf.Scenario {
			return llmperf.Scenario{Target: target, Profile: hold(4, time.Minute), Warmup: time.Second}
		}).Warnings
	}
	cached := func(prompt, cached int) []string { return warnings(using(prompt, cached)) }
	assert.Contains(t, strings.Join(cached(200, 150), "\n"), "the server's prefix cache answered up to 75 % of a step's prompt tokens")
	assert.Empty(t, cached(200, 16), "the service's own instructions may be cached")
	assert.Empty(t, cached(0, 0))
	assert.NotEmpty(t, warnings(llmperf.Mix{
		{Name: "cached", Weight: 1, Target: using(100, 100)}, {Name: "long", Weight: 1, Target: using(10000, 0)},
	}), "one target of a mix")
}

func TestSignalsAreReadAsAnOperatorWould(t *testing.T) {
	t.Parallel()
	const think = 25 * time.Millisecond
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		return llmperf.Scenario{
			Target: target(llmperftest.NewServer(t, saturating)), Profile: llmperf.StepProfile{StepUsers: 4, StepTime: time.Minute, MaxUsers: 32},
			Think: llmperf.Constant(think),
		}
	})
	require.Len(t, res.Health, 3)
	names, grades := []string{}, []llmperf.Health{}
	for _, s := range res.Health {
		names, grades = append(names, s.Name), append(grades, s.Grade)
	}
	assert.Equal(t, []string{"p99/p50 ratio", "failure rate", "p95 growth pattern"}, names)
	assert.Equal(t, llmperf.Healthy, grades[0], "%v", res.Health)
	assert.Equal(t, llmperf.Healthy, grades[1], "%v", res.Health)
	assert.Equal(t, llmperf.Linear, res.Growth, "past the knee a closed loop's latency rises along a line")
	// Eight sequences take 100 ms, so 80 requests a second get through, which users who think for 25 ms reach at 80 x 125 ms.
	assert.InDelta(t, 10, res.Plateau, 2)
}
