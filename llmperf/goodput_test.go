package llmperf_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// patterned is a service whose answers to a user differ in turn, for users who
// send one request a second: of a step of 40 s measured, every kind of answer
// gets its exact share.
func patterned(answers ...llmperf.TargetFunc) func(*testing.T) llmperf.Scenario {
	return func(*testing.T) llmperf.Scenario {
		return llmperf.Scenario{
			Target: llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
				return answers[c.Number()%len(answers)](ctx, c)
			}),
			Profile: hold(12, 50*time.Second), // 10 s to settle
			Think:   llmperf.Pacing(time.Second), Warmup: llmperf.NoWarmup,
		}
	}
}

// answered is an answer of so many chunks of a token, the first after ttft and
// the others after gap each.
func answered(ttft, gap time.Duration, chunks int) llmperf.TargetFunc {
	return func(_ context.Context, c *llmperf.Call) error {
		time.Sleep(ttft)
		for i := range chunks {
			if i > 0 {
				time.Sleep(gap)
			}
			c.FirstByte()
			c.Tokens(1)
		}
		return nil
	}
}

func failing(of llmperf.TargetFunc) llmperf.TargetFunc {
	return func(ctx context.Context, c *llmperf.Call) error {
		return errors.Join(of(ctx, c), errors.New("as it was told to"))
	}
}

func TestGoodputCountsWhatIsWithinEveryLimit(t *testing.T) {
	const ms = time.Millisecond
	var (
		quick   = answered(100*ms, 10*ms, 11) // 200 ms
		late    = answered(500*ms, 10*ms, 11) // 600 ms
		slow    = answered(100*ms, 50*ms, 11) // 600 ms
		single  = answered(100*ms, 0, 1)
		silent  = llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { time.Sleep(100 * ms); return nil })
		exactly = answered(300*ms, 10*ms, 2)
	)
	tests := []struct {
		name, reason string
		answers      []llmperf.TargetFunc
		limits       []llmperf.RequestLimit
		want         float64 // requests per second, of 12
	}{
		{"all", "nothing is past the limit", []llmperf.TargetFunc{quick, quick, late, slow}, []llmperf.RequestLimit{llmperf.Latency.Within(time.Second)}, 12},
		{"latency", "two of four take too long", []llmperf.TargetFunc{quick, quick, late, slow}, []llmperf.RequestLimit{llmperf.Latency.Within(400 * ms)}, 6},
		{"TTFT", "one of four begins late", []llmperf.TargetFunc{quick, quick, late, slow}, []llmperf.RequestLimit{llmperf.TTFT.Within(400 * ms)}, 9},
		{"TTFB", "one of four begins late", []llmperf.TargetFunc{quick, quick, late, slow}, []llmperf.RequestLimit{llmperf.TTFB.Within(400 * ms)}, 9},
		{"ITL", "one of four goes on slowly", []llmperf.TargetFunc{quick, quick, late, slow}, []llmperf.RequestLimit{llmperf.ITL.Within(20 * ms)}, 9},
		{"TPOT", "one of four goes on slowly", []llmperf.TargetFunc{quick, quick, late, slow}, []llmperf.RequestLimit{llmperf.TPOT.Within(20 * ms)}, 9},
		{"several", "each limit rules out another", []llmperf.TargetFunc{quick, quick, late, slow}, []llmperf.RequestLimit{llmperf.TTFT.Within(400 * ms), llmperf.ITL.Within(20 * ms)}, 6},
		{"failures", "what fails is never good", []llmperf.TargetFunc{quick, quick, quick, failing(quick)}, []llmperf.RequestLimit{llmperf.Latency.Within(time.Second)}, 9},
		{"on the limit", "within 300 ms is 300 ms, too", []llmperf.TargetFunc{exactly}, []llmperf.RequestLimit{llmperf.TTFT.Within(300 * ms)}, 12},
		{"just past the limit", "and no longer", []llmperf.TargetFunc{exactly}, []llmperf.RequestLimit{llmperf.TTFT.Within(300*ms - 1)}, 0},
		{"a single token", "nobody waits between the tokens of one", []llmperf.TargetFunc{quick, single}, []llmperf.RequestLimit{llmperf.ITL.Within(20 * ms), llmperf.TPOT.Within(20 * ms)}, 12},
		{"no token seen", "that it came in time was not seen either", []llmperf.TargetFunc{quick, silent}, []llmperf.RequestLimit{llmperf.TTFT.Within(400 * ms)}, 6},
		{"no byte seen", "likewise", []llmperf.TargetFunc{quick, silent}, []llmperf.RequestLimit{llmperf.TTFB.Within(400 * ms)}, 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := virtually(t, patterned(tt.answers...))
			o := res.Check(llmperf.GoodputAbove(1, tt.limits...))[0]
			assert.InDelta(t, tt.want, o.Seen, 1e-9, "%s: %s", tt.reason, o.Message)
			assert.Equal(t, 480, o.N, "all requests are evidence")
		})
	}
}

func TestGoodputOfWhatWasNeverMeasuredIsNone(t *testing.T) {
	silent := llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { time.Sleep(time.Second / 10); return nil })
	res := virtually(t, patterned(silent))
	for _, limit := range []llmperf.RequestLimit{llmperf.TTFT.Within(time.Second), llmperf.ITL.Within(time.Second)} {
		o := res.Check(llmperf.GoodputAbove(1, limit))[0]
		assert.Equal(t, llmperf.Fail, o.Verdict, o.Message)
		assert.Contains(t, o.Message, "the target never reported")
	}
}

func TestGoodputOfOneTargetOfAMix(t *testing.T) {
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		s := patterned(nil)(t)
		s.Target = llmperf.Mix{
			{Name: "quick", Weight: 1, Target: answered(100*time.Millisecond, 0, 1)},
			{Name: "slow", Weight: 1, Target: answered(800*time.Millisecond, 0, 1)},
		}
		return s
	})
	require.Len(t, res.Targets, 2)
	limit := llmperf.Latency.Within(400 * time.Millisecond)
	all := res.Check(llmperf.GoodputAbove(1, limit))[0]
	quick := res.Check(llmperf.OnTarget("quick", llmperf.GoodputAbove(1, limit)))[0]
	slow := res.Check(llmperf.OnTarget("slow", llmperf.GoodputAbove(1, limit)))[0]
	assert.Equal(t, res.Targets[0].Throughput, quick.Seen)
	assert.Equal(t, res.Targets[0].Throughput, all.Seen)
	assert.Zero(t, slow.Seen)
	assert.Equal(t, llmperf.Fail, slow.Verdict, slow.Message)
	assert.Equal(t, llmperf.Pass, quick.Verdict, quick.Message)
}

// TestGoodputOfAStepThatIsHeldIsOfAllOfIt, also of what was sent after its
// planned end.
func TestGoodputOfAStepThatIsHeldIsOfAllOfIt(t *testing.T) {
	slo := llmperf.GoodputAbove(11.9, llmperf.Latency.Within(time.Second))
	res := llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
		s := patterned(answered(100*time.Millisecond, 0, 1))(t)
		s.HoldUntilDecided = true
		s.Strictness = llmperf.PassInconclusive
		return s
	}, slo)
	require.Len(t, res.Outcomes, 1)
	assert.Equal(t, 4*480, res.Outcomes[0].N, "held to four times its length, since 12 is near 11.9")
	assert.InDelta(t, 12, res.Outcomes[0].Seen, 1e-9)
}
