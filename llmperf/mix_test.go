package llmperf_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// taking is a target whose answers take d and have tokens at their end.
func taking(d time.Duration, tokens int) llmperf.Target {
	return llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
		time.Sleep(d)
		c.Tokens(tokens)
		return nil
	})
}

var mixed = llmperf.Mix{
	{Name: "chat", Weight: 3, Target: taking(400*time.Millisecond, 10)},
	{Name: "embed", Weight: 1, Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error {
		time.Sleep(30 * time.Millisecond)
		return nil
	})},
}

func mix(m llmperf.Mix) func(*testing.T) llmperf.Scenario {
	return func(*testing.T) llmperf.Scenario {
		return llmperf.Scenario{
			Target: m, Warmup: llmperf.NoWarmup,
			Profile: llmperf.StepProfile{StepUsers: 10, StepTime: 2 * time.Minute, MaxUsers: 20},
		}
	}
}

func TestAMixDrawsByWeightAndTellsTargetsApart(t *testing.T) {
	res := virtually(t, mix(mixed))
	for _, step := range res.Steps {
		require.Len(t, step.Targets, 2)
		chat, embed := step.Targets[0], step.Targets[1]
		assert.Equal(t, "chat", chat.Name)
		assert.Equal(t, "embed", embed.Name)
		assert.Equal(t, step.Requests, chat.Requests+embed.Requests)
		assert.InDelta(t, 400, chat.Latency.P50.Seconds()*1000, 0.1)
		assert.InDelta(t, 30, embed.Latency.P95.Seconds()*1000, 0.1)
		assert.Equal(t, 10*chat.Requests, chat.OutputTokens)
		assert.Zero(t, embed.TTFT.N)
		// Three standard deviations of a binomial share.
		n := float64(step.Requests)
		assert.InDelta(t, 0.75, float64(chat.Requests)/n, 3*math.Sqrt(0.75*0.25/n))
	}
	require.Len(t, res.Targets, 2)
	assert.Equal(t, res.Total.Requests, res.Targets[0].Requests+res.Targets[1].Requests)
	assert.InDelta(t, res.Total.Throughput, res.Targets[0].Throughput+res.Targets[1].Throughput, 1e-9)
	first, err := json.Marshal(res)
	require.NoError(t, err)
	again, err := json.Marshal(virtually(t, mix(mixed)))
	require.NoError(t, err)
	assert.Equal(t, string(first), string(again), "the same targets are drawn in every run")
}

func TestOnTargetJudgesOneTarget(t *testing.T) {
	res := virtually(t, mix(mixed))
	verdicts := map[string]llmperf.Verdict{}
	for _, o := range res.Check(
		llmperf.OnTarget("embed", llmperf.Latency.P95Below(100*time.Millisecond), llmperf.FailureRateBelow(0.05), llmperf.NoSaturationBelow(20)),
		llmperf.OnTarget("chat", llmperf.Latency.P95Below(100*time.Millisecond), llmperf.TTFT.P95Below(time.Second)),
		llmperf.Latency.P95Below(100*time.Millisecond),
	) {
		verdicts[o.Step+"/"+o.Name] = o.Verdict
		t.Log(o.Message)
		if o.Name == "latency_p95_embed" && o.Step == "users=10" {
			assert.Contains(t, o.Message, "embed: latency p95 at 10 users: 30 ms [30 ms, 30 ms], want < 100 ms: PASS")
		}
	}
	assert.Equal(t, llmperf.Pass, verdicts["users=10/latency_p95_embed"])
	assert.Equal(t, llmperf.Pass, verdicts["/failure_rate_embed"])
	assert.Equal(t, llmperf.Pass, verdicts["/saturation_embed"])
	assert.Equal(t, llmperf.Fail, verdicts["users=20/latency_p95_chat"])
	assert.Equal(t, llmperf.Pass, verdicts["users=20/ttft_p95_chat"])
	assert.Equal(t, llmperf.Fail, verdicts["users=20/latency_p95"], "of all together, most are slow")

	for _, o := range res.Check(llmperf.OnTarget("embed", llmperf.TTFT.P95Below(time.Second))) {
		assert.Equal(t, llmperf.Fail, o.Verdict, "embeddings have no tokens")
		assert.Contains(t, o.Message, "never reported TTFT")
	}
}

func TestMixRefusesWhatCannotWork(t *testing.T) {
	good := llmperf.Share{Name: "chat", Weight: 1, Target: taking(time.Millisecond, 1)}
	for name, tt := range map[string]struct {
		mix  llmperf.Mix
		want string
	}{
		"empty":     {llmperf.Mix{}, "Mix is empty"},
		"no name":   {llmperf.Mix{{Weight: 1, Target: good.Target}}, `Mix[0].Name is ""`},
		"slash":     {llmperf.Mix{{Name: "a/b", Weight: 1, Target: good.Target}}, `Mix[0].Name is "a/b"`},
		"twice":     {llmperf.Mix{good, good}, `Mix[1].Name is "chat", as that of a target before it`},
		"weight":    {llmperf.Mix{{Name: "chat", Target: good.Target}}, "Mix[0].Weight is 0"},
		"infinite":  {llmperf.Mix{{Name: "chat", Weight: math.Inf(1), Target: good.Target}}, "Mix[0].Weight is +Inf"},
		"no target": {llmperf.Mix{{Name: "chat", Weight: 1}}, "Mix[0].Target is nil"},
		"nil":       {llmperf.Mix{{Name: "chat", Weight: 1, Target: (*llmperf.OpenAI)(nil)}}, "Mix[0].Target is nil"},
		"nested":    {llmperf.Mix{{Name: "chat", Weight: 1, Target: llmperf.Mix{good}}}, "list its targets in the outer one"},
		"bad inner": {llmperf.Mix{{Name: "chat", Weight: 1, Target: llmperf.OpenAI{}}}, "Mix[0] (chat): OpenAI.BaseURL is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			s := mix(tt.mix)(t)
			_, err := llmperf.Measure(t.Context(), s)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

// TestAPointerToATargetIsAsGood as the target: all that looks at what it is sees that.
func TestAPointerToATargetIsAsGood(t *testing.T) {
	_, err := llmperf.Measure(t.Context(), llmperf.Scenario{Target: (*llmperf.HTTP)(nil), Profile: hold(1, time.Second)})
	require.ErrorContains(t, err, "scenario.Target is a nil *llmperf.HTTP")

	share := llmperf.Share{Name: "chat", Weight: 1, Target: taking(time.Millisecond, 1)}
	res := virtually(t, mix(llmperf.Mix{share}))
	pointed := virtually(t, func(t *testing.T) llmperf.Scenario {
		s := mix(llmperf.Mix{share})(t)
		to := s.Target.(llmperf.Mix)
		s.Target = &to
		return s
	})
	require.Len(t, pointed.Targets, 1)
	assert.Equal(t, res.Digest, pointed.Digest)
}

func TestOnTargetRefusesUnknownTargets(t *testing.T) {
	out := runSubject(t, "unknown target")
	assert.Contains(t, out, "nothing was sent")
	assert.Contains(t, out, `the mix has no target "cat": want one of chat, embed`)
	assert.Contains(t, out, "OnTarget(\"chat\") holds no SLO")
	assert.Contains(t, out, "latency_p95_chat is limited to target chat within OnTarget(\"embed\", …)")
}

func init() {
	subjects["unknown target"] = func(t *testing.T) {
		llmperf.Simulate(t, mix(mixed),
			llmperf.OnTarget("cat", llmperf.Latency.P95Below(time.Second)),
			llmperf.OnTarget("chat"),
			llmperf.OnTarget("embed", llmperf.OnTarget("chat", llmperf.Latency.P95Below(time.Second))),
		)
	}
}
