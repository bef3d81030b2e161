package browser

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"llmperf.dev/examples/chat"
	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// minutes is a profile of a minute for each of so many users.
func minutes(users ...int) llmperf.Profile {
	var l []llmperf.Load
	for _, n := range users {
		l = append(l, llmperf.Load{Users: n, Hold: time.Minute})
	}
	return llmperf.Steps(l...)
}

// A kind is a run in virtual time whose report looks different from others'.
type kind struct {
	name, reason string
	scenario     func(t *testing.T) llmperf.Scenario
	slos         llmperf.SLOs
	search       *llmperf.Search // instead of the scenario's profile
	aborts       bool
	charts       []string // those that are drawn; of the others there is a sentence or nothing
}

var kinds = []kind{
	{
		name: "chat", reason: "the run in README.md: one SLO fails, the service saturates by its own limit, its overhead is known",
		scenario: func(t *testing.T) llmperf.Scenario {
			s := chatting(t, llmperftest.Engine{MaxBatch: 64, Output: llmperftest.Uniform(80, 120)})
			s.Profile = llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 100}
			return s
		},
		slos: llmperf.SLOs{
			llmperf.NoSaturationBelow(50),
			llmperf.FailureRateBelow(0.001),
			llmperf.UpTo(50,
				llmperf.Latency.P95Below(5*time.Second),
				llmperf.TTFT.P95Below(50*time.Millisecond),
				llmperf.ITL.P95Below(50*time.Millisecond),
				llmperf.Overhead.P95Below(time.Millisecond),
			),
		},
		charts: []string{"latency", "throughput", "timeline", "distribution", "ttft", "itl", "overhead"},
	},
	{
		name: "healthy", reason: "everything holds, or is undecided for want of requests",
		scenario: func(t *testing.T) llmperf.Scenario {
			s := chatting(t, llmperftest.Engine{MaxBatch: 64, Jitter: 0.1})
			s.Profile = minutes(5, 10, 15)
			return s
		},
		slos:   llmperf.SLOs{llmperf.NoSaturationBelow(15), llmperf.TailRatioBelow(2), llmperf.TTFT.P95Below(200 * time.Millisecond), llmperf.Guard(llmperf.FailureRateBelow(0.001))},
		charts: []string{"latency", "throughput", "timeline", "distribution", "ttft", "itl", "overhead"},
	},
	{
		name: "shedding", reason: "a full queue sheds, and faults of several classes come on top; answers are noisy",
		scenario: func(t *testing.T) llmperf.Scenario {
			llm := llmperftest.NewServer(t, llmperftest.Engine{MaxBatch: 24, MaxQueue: 6, Jitter: 0.3, Output: llmperftest.Uniform(20, 200)})
			llm.Fail(llmperftest.CutMidStream(20).Rate(0.01), llmperftest.Status(500).Rate(0.01), llmperftest.Stall(5, 3*time.Minute).Rate(0.002))
			return llmperf.Scenario{Target: openAI(llm), Profile: llmperf.StepProfile{StepUsers: 8, StepTime: time.Minute, MaxUsers: 64}}
		},
		slos:   llmperf.SLOs{llmperf.FailureRateBelow(0.01), llmperf.TailRatioBelow(2), llmperf.GrowthAtMost(llmperf.Linear), llmperf.Latency.P99Below(20 * time.Second)},
		charts: []string{"latency", "failures", "throughput", "timeline", "distribution", "ttft", "itl"},
	},
	{
		name: "open loop", reason: "requests come at a rate that the service cannot keep up with, and some are held back",
		scenario: func(t *testing.T) llmperf.Scenario {
			s := chatting(t, llmperftest.Engine{MaxBatch: 32, Output: llmperftest.Uniform(50, 150)})
			s.MaxInFlight, s.Upstreams = 60, nil
			s.Profile = llmperf.StepProfile{StepRate: 2.5, StepTime: time.Minute, MaxRate: 15}
			return s
		},
		slos:   llmperf.SLOs{llmperf.NoSaturationBelowRate(10), llmperf.UpToRate(10, llmperf.TTFT.P95Below(time.Second))},
		charts: []string{"latency", "throughput", "timeline", "distribution", "ttft", "itl", "generator"},
	},
	{
		name: "one step", reason: "no curve over load, no tokens, no SLO",
		scenario: func(t *testing.T) llmperf.Scenario {
			return llmperf.Scenario{Target: taking(80*time.Millisecond, 0), Profile: minutes(20)}
		},
		charts: []string{"timeline", "distribution"},
	},
	{
		name: "fifty steps", reason: "many steps, many users, thousands of verdicts",
		scenario: func(t *testing.T) llmperf.Scenario {
			return llmperf.Scenario{Target: crowded(), Profile: llmperf.StepProfile{StepUsers: 4, StepTime: 30 * time.Second, MaxUsers: 200}}
		},
		slos:   llmperf.SLOs{llmperf.Latency.P95Below(700 * time.Millisecond), llmperf.Latency.P50Below(500 * time.Millisecond), llmperf.TailRatioBelow(2), llmperf.FailureRateBelow(0.001), llmperf.ThroughputAbove(20)},
		charts: []string{"latency", "throughput", "timeline", "distribution", "ttft"},
	},
	{
		name: "mix", reason: "two targets, one of which has tokens",
		scenario: func(t *testing.T) llmperf.Scenario {
			return llmperf.Scenario{
				Target: llmperf.Mix{
					{Name: "chat", Weight: 3, Target: taking(400*time.Millisecond, 10)},
					{Name: "embed", Weight: 1, Target: taking(30*time.Millisecond, 0)},
				},
				Profile: minutes(10, 20, 30, 40),
			}
		},
		slos:   llmperf.SLOs{llmperf.OnTarget("embed", llmperf.Latency.P95Below(100*time.Millisecond)), llmperf.OnTarget("chat", llmperf.Latency.P95Below(100*time.Millisecond))},
		charts: []string{"latency", "throughput", "timeline", "distribution", "ttft"},
	},
	{
		name: "ramps", reason: "the load rises evenly, stays, comes back to a level that was there before, and falls",
		scenario: func(t *testing.T) llmperf.Scenario {
			s := chatting(t, llmperftest.Engine{MaxBatch: 32, Output: llmperftest.Uniform(50, 150)})
			s.Upstreams = nil
			s.Profile = llmperf.Steps([]llmperf.Load{
				{FromUsers: 1, Users: 60, Hold: 2 * time.Minute}, {Users: 60, Hold: time.Minute}, {Users: 20, Hold: time.Minute},
				{Users: 60, Hold: time.Minute}, {FromUsers: 60, Users: 5, Hold: time.Minute},
			}...)
			return s
		},
		slos:   llmperf.SLOs{llmperf.Latency.P95Below(10 * time.Second)},
		charts: []string{"latency", "throughput", "timeline", "distribution", "ttft", "itl"},
	},
	{
		name: "search", reason: "the steps are probes, and the capacity is what there is to say",
		scenario: func(t *testing.T) llmperf.Scenario {
			return chatting(t, llmperftest.Engine{MaxBatch: 32, Output: llmperftest.Uniform(50, 150)})
		},
		search: &llmperf.Search{MaxUsers: 100},
		slos:   llmperf.SLOs{llmperf.TTFT.P95Below(time.Second), llmperf.Latency.P95Below(5 * time.Second)},
		charts: []string{"latency", "throughput", "timeline", "distribution", "ttft", "itl", "overhead"},
	},
	{
		name: "aborted at once", reason: "no step, since nothing works", aborts: true,
		scenario: func(t *testing.T) llmperf.Scenario {
			return llmperf.Scenario{Target: failing("the service is down"), Profile: minutes(10, 20)}
		},
		slos: llmperf.SLOs{llmperf.FailureRateBelow(0.01)},
	},
	{
		name: "all failed", reason: "steps in which nothing succeeded, after a warm-up in which it did",
		scenario: func(t *testing.T) llmperf.Scenario {
			begin := time.Now()
			return llmperf.Scenario{Profile: minutes(10, 20), Target: llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
				if time.Since(begin) < 25*time.Second {
					return taking(time.Second, 0).Send(ctx, c)
				}
				return failing("the service is down").Send(ctx, c)
			})}
		},
		slos:   llmperf.SLOs{llmperf.FailureRateBelow(0.01), llmperf.Latency.P95Below(time.Second)},
		charts: []string{"failures", "throughput", "timeline"},
	},
	{
		name: "hostile", reason: "texts that a server chose try to become a part of the page",
		scenario: func(t *testing.T) llmperf.Scenario {
			return llmperf.Scenario{Target: hostile{failing(evil)}, Profile: minutes(4, 8)}
		},
		slos:   llmperf.SLOs{llmperf.FailureRateBelow(0.01)},
		charts: []string{"latency", "failures", "throughput", "timeline", "distribution"},
	},
}

const evil = `</script><img src=x onerror="document.title='owned'"><script>document.title='owned'</script><!--`

// hostile is a target with an evil name, of which every other request fails.
type hostile struct{ fails llmperf.Target }

func (h hostile) String() string { return evil }

func (h hostile) Send(ctx context.Context, c *llmperf.Call) error {
	if c.Number()%2 == 0 {
		return taking(time.Second, 0).Send(ctx, c)
	}
	return h.fails.Send(ctx, c)
}

// taking is a target whose answers take about d and have tokens at their end.
func taking(d time.Duration, tokens int) llmperf.Target {
	return llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
		time.Sleep(time.Duration((0.8 + 0.4*c.Rand().Float64()) * float64(d)))
		if tokens > 0 {
			c.Tokens(tokens)
		}
		return nil
	})
}

// crowded is a target that grows slower with the number of its users.
func crowded() llmperf.Target {
	inFlight := make(chan struct{}, 10_000)
	return llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
		inFlight <- struct{}{}
		defer func() { <-inFlight }()
		time.Sleep(time.Duration((0.5 + c.Rand().ExpFloat64()) * (200 + 1.5*float64(len(inFlight))) * float64(time.Millisecond)))
		c.Tokens(5)
		return nil
	})
}

// failing is a target that never works.
func failing(text string) llmperf.Target {
	return llmperf.TargetFunc(func(context.Context, *llmperf.Call) error {
		time.Sleep(200 * time.Millisecond)
		return &llmperf.Failure{Class: llmperf.FailStatus, Status: 503, Err: errors.New(text)}
	})
}

func openAI(llm *llmperftest.Server) llmperf.OpenAI {
	return llmperf.OpenAI{BaseURL: llm.URL + "/v1", Model: "any", Client: llm.Client()}
}

// chatting is a scenario of the service in examples/chat; it lacks only its load.
func chatting(t *testing.T, model llmperftest.Engine) llmperf.Scenario {
	llm := llmperftest.NewServer(t, model)
	svc := llmperftest.Serve(t, chat.NewHandler(chat.Config{
		Upstream: llm.URL + "/v1", Client: llm.Client(), Model: "small", Limit: model.MaxBatch, Timeout: 30 * time.Second,
	}))
	return llmperf.Scenario{
		Target:    llmperf.OpenAI{BaseURL: svc.URL + "/v1", Model: "any", Client: svc.Client(), Prompts: llmperf.PromptFile("../../../../testdata/prompts.jsonl")},
		Upstreams: []llmperf.Upstream{llm},
	}
}

// resultOf is the result of a run of one kind, judged.
func (k *kind) resultOf(t *testing.T) *llmperf.Result {
	t.Helper()
	var res *llmperf.Result
	synctest.Test(t, func(t *testing.T) {
		var err error
		if k.search != nil {
			var found *llmperf.Capacity
			found, err = llmperf.MeasureCapacity(t.Context(), k.scenario(t), *k.search, k.slos...)
			res = found.Result
		} else {
			res, err = llmperf.Measure(t.Context(), k.scenario(t))
		}
		if k.aborts {
			require.Error(t, err)
		} else {
			require.NoError(t, err)
		}
	})
	res.Name, res.Virtual = "TestCapacity/"+k.name, true
	if k.search == nil {
		res.Outcomes = res.Check(k.slos...)
	}
	return res
}

func kindNamed(t *testing.T, name string) *kind {
	t.Helper()
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	require.GreaterOrEqual(t, i, 0, "a kind named %q", name)
	return &kinds[i]
}
