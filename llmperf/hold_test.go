package llmperf_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// z95 is the normal quantile of 0.95.
const z95 = 1.6449

// spread is a service whose latency has a lognormal distribution with the given
// p95, independent from request to request.
func spread(p95 time.Duration) llmperf.TargetFunc {
	const sigma = 0.3
	median := float64(p95) / math.Exp(sigma*z95)
	return func(_ context.Context, c *llmperf.Call) error {
		time.Sleep(time.Duration(median * math.Exp(sigma*c.Rand().NormFloat64())))
		return nil
	}
}

func TestAnUndecidedStepIsHeldOn(t *testing.T) {
	const limit = time.Second
	tests := []struct {
		name, reason string
		p95          time.Duration
		hold         bool
		times        float64 // as long as planned
	}{
		{"far below", "the first look decides", 500 * time.Millisecond, true, 1},
		{"at the limit", "no look decides, and the third is the last", limit, true, 4},
		{"at the limit, not held", "it is for who asks for it", limit, false, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := llmperf.Simulate(t, func(*testing.T) llmperf.Scenario {
				return llmperf.Scenario{
					Target: spread(tt.p95), Profile: llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 20},
					HoldUntilDecided: tt.hold, Strictness: llmperf.PassInconclusive,
				}
			}, llmperf.Latency.P95Below(limit))
			last := res.Steps[1]
			planned := last.Load.Hold - 10*time.Second // settling
			assert.InDelta(t, tt.times, (last.Until-last.From).Seconds()/planned.Seconds(), 0.01, tt.reason)
			for _, o := range res.Outcomes {
				if o.Step != "" && tt.hold {
					assert.InDelta(t, 1-0.05/3, o.Confidence, 1e-9, "every look takes a third of the error")
				}
			}
		})
	}
}

func TestTheFirstOfSeveralStepsIsHeldForEnoughRequests(t *testing.T) {
	tests := []struct {
		name, reason string
		users, steps int
		hold         time.Duration
		requests     [2]int // of the first step: at least, at most
		length       time.Duration
	}{
		{"enough", "a busy first step ends when planned", 20, 2, time.Minute, [2]int{300, 2000}, time.Minute},
		{"too few", "it is held until it has 300", 4, 2, time.Minute, [2]int{300, 320}, 0},
		{"far too few", "four times its length is the most", 1, 2, time.Minute, [2]int{100, 299}, 4 * time.Minute},
		{"alone", "nothing is compared with it", 4, 1, time.Minute, [2]int{100, 299}, time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := virtually(t, func(*testing.T) llmperf.Scenario {
				return llmperf.Scenario{
					Target:  spread(time.Second),
					Profile: llmperf.StepProfile{StepUsers: tt.users, StepTime: tt.hold, MaxUsers: tt.users * tt.steps},
				}
			})
			first := res.Steps[0]
			require.Len(t, res.Steps, tt.steps)
			assert.GreaterOrEqual(t, first.Requests, tt.requests[0], tt.reason)
			assert.LessOrEqual(t, first.Requests, tt.requests[1], tt.reason)
			if tt.length > 0 {
				assert.InDelta(t, tt.length.Seconds(), (first.Until - first.From).Seconds(), 1, tt.reason)
			}
			if tt.steps > 1 {
				assert.Equal(t, first.Until, res.Steps[1].Begin, "the next step follows")
			}
			assert.Equal(t, first.Requests, first.Latency.N)
		})
	}
}

func TestHoldingOnLeavesTimeForTheStepsToCome(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	res, err := llmperf.Measure(ctx, llmperf.Scenario{
		Target:  llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { return nil }),
		Profile: llmperf.StepProfile{StepUsers: 1, StepTime: time.Second, MaxUsers: 2},
		Warmup:  llmperf.NoWarmup, Think: llmperf.Constant(20 * time.Millisecond), Timeout: 100 * time.Millisecond,
	})
	require.NoError(t, err, "the run was not cut off at its deadline")
	require.Len(t, res.Steps, 2)
	assert.Less(t, res.Steps[0].Requests, 300, "four times its second would not have been enough")
	assert.Greater(t, res.Steps[0].Until-res.Steps[0].Begin, 2*time.Second, "and yet it was held on")
	assert.Less(t, res.Steps[1].Until, 4*time.Second)
}
