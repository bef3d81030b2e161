package llmperf_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// An api is one way to ask a fake server.
type api struct {
	name    string
	target  func(s *llmperftest.Server) llmperf.Target
	streams bool
	tokens  bool
}

// apis are all that both sides speak.
func apis() []api {
	openAI := func(api llmperf.API, whole bool) func(s *llmperftest.Server) llmperf.Target {
		return func(s *llmperftest.Server) llmperf.Target {
			return llmperf.OpenAI{BaseURL: s.URL + "/v1", Model: "fake", API: api, NoStream: whole, Client: s.Client()}
		}
	}
	anthropic := func(whole bool) func(s *llmperftest.Server) llmperf.Target {
		return func(s *llmperftest.Server) llmperf.Target {
			return llmperf.Anthropic{BaseURL: s.URL, Model: "fake", NoStream: whole, Client: s.Client()}
		}
	}
	ollama := func(generate, whole bool) func(s *llmperftest.Server) llmperf.Target {
		return func(s *llmperftest.Server) llmperf.Target {
			return llmperf.Ollama{BaseURL: s.URL, Model: "fake", Generate: generate, NoStream: whole, Client: s.Client()}
		}
	}
	return []api{
		{"chat completions", openAI(llmperf.ChatCompletions, false), true, true},
		{"responses", openAI(llmperf.Responses, false), true, true},
		{"completions", openAI(llmperf.Completions, false), true, true},
		{"messages", anthropic(false), true, true},
		{"ollama chat", ollama(false, false), true, true},
		{"ollama generate", ollama(true, false), true, true},
		{"whole chat completions", openAI(llmperf.ChatCompletions, true), false, true},
		{"whole responses", openAI(llmperf.Responses, true), false, true},
		{"whole completions", openAI(llmperf.Completions, true), false, true},
		{"whole messages", anthropic(true), false, true},
		{"whole ollama chat", ollama(false, true), false, true},
		{"whole ollama generate", ollama(true, true), false, true},
		{"embeddings", openAI(llmperf.Embeddings, false), false, false},
	}
}

func TestEveryAPIMeasuresTheServersOwnRecord(t *testing.T) {
	t.Parallel()
	for _, engine := range []struct {
		name   string
		engine llmperftest.Engine
	}{
		{"plain", llmperftest.Engine{Output: llmperftest.Uniform(5, 15)}},
		{"reasoning", llmperftest.Engine{Output: llmperftest.Uniform(5, 15), Reasoning: llmperftest.Uniform(3, 9)}},
		{"three tokens a chunk", llmperftest.Engine{TokensPerChunk: 3, Output: llmperftest.Empirical(6, 9, 12, 15)}},
	} {
		for _, api := range apis() {
			t.Run(engine.name+"/"+api.name, func(t *testing.T) {
				var server *llmperftest.Server
				res := virtually(t, func(t *testing.T) llmperf.Scenario {
					e := engine.engine
					e.StepBase, e.MaxBatch = 10*time.Millisecond, 64
					server = llmperftest.NewServer(t, e)
					return llmperf.Scenario{Target: api.target(server), Profile: hold(20, 10*time.Second), Warmup: time.Second}
				})
				step, is := res.Steps[0], truthOf(server, res)
				require.Zero(t, step.Failed, "%v %v", step.Failures, step.Examples)
				require.Greater(t, step.Requests, 100)
				assert.Equal(t, is.requests, step.Requests)
				assert.Equal(t, is.tokens, step.OutputTokens)
				assert.Equal(t, is.prompt, step.PromptTokens)
				assert.Equal(t, api.tokens, step.OutputTokens > 0)
				assert.Equal(t, is.latency, step.Latency.P95, "in virtual time nothing comes between the server and the client")
				if !api.streams {
					assert.Zero(t, step.TTFT.N+step.ITL.N+step.ICL.N)
					return
				}
				assert.Equal(t, is.chunks-is.requests, step.ICL.N, "a gap for every chunk but the first of each answer")
				assert.Equal(t, at(is.ttft, .50), step.TTFT.P50)
				assert.Equal(t, at(is.ttft, .99), step.TTFT.P99)
				assert.InDelta(t, at(is.itl, .50), step.ITL.P50, 1, "but for the rounding of a mean")
				assert.InDelta(t, at(is.itl, .99), step.ITL.P99, 1)
			})
		}
	}
}

// TestTimesAgreeInEveryAPI needs a machine with nothing else to do, like
// TestTimesAgreeWithTheServersOwnRecord, and like it tries three times.
func TestTimesAgreeInEveryAPI(t *testing.T) {
	if os.Getenv("LLMPERF_ACCURACY") == "" {
		t.Skip("LLMPERF_ACCURACY is not set: set it on a machine that is otherwise idle")
	}
	for _, api := range apis() {
		if !api.streams {
			continue
		}
		t.Run(api.name, func(t *testing.T) {
			agree(t, func() (*llmperftest.Server, llmperf.Scenario) {
				engine := quick
				engine.StepBase = 10 * time.Millisecond
				server := llmperftest.NewServer(t, engine)
				return server, llmperf.Scenario{
					Target: api.target(server), Profile: hold(50, 3*time.Second), Warmup: time.Second, Timeout: 10 * time.Second,
				}
			})
		})
	}
}

func TestEachFaultLandsInItsClassInEveryAPI(t *testing.T) {
	faults := []struct {
		fault          llmperftest.Fault
		streamed, json string // classes; "" for a success, "-" where it has no meaning
	}{
		{llmperftest.Status(429).RetryAfter(time.Second), "status 429", "status 429"},
		{llmperftest.Status(500).Body("<html>no</html>"), "status 500", "status 500"},
		{llmperftest.Reset(), "reset", "reset"},
		{llmperftest.CutMidStream(2), "truncated", "-"},
		{llmperftest.ErrorEvent(1), "in_band_error", "-"},
		{llmperftest.Malformed(1), "malformed", "-"},
		{llmperftest.Misframed(1), "malformed", "-"},
		{llmperftest.LongLine(1, 5<<20).First(40), "malformed", "-"},
		{llmperftest.Hang(), "timeout", "timeout"},
		{llmperftest.Stall(2, time.Minute), "timeout", "-"},
		{llmperftest.Stall(2, time.Second), "", "-"},
		{llmperftest.SlowHeaders(time.Minute), "timeout", "timeout"},
		{llmperftest.SlowHeaders(time.Second), "", ""},
		{llmperftest.Empty(), "empty", "empty"},
		{llmperftest.WrongType(), "malformed", "malformed"},
		{llmperftest.Buffered(), "", "-"},
		{llmperftest.Burst(2), "", "-"},
		{llmperftest.NoTerminator(), "truncated", "-"},
		{llmperftest.TwoTerminators(), "", "-"},
	}
	for _, api := range apis() {
		if !api.tokens {
			continue
		}
		for _, f := range faults {
			want := f.streamed
			if !api.streams {
				want = f.json
			}
			if want == "-" {
				continue
			}
			var server *llmperftest.Server
			res := virtually(t, func(t *testing.T) llmperf.Scenario {
				server = llmperftest.NewServer(t, quick)
				server.Fail(f.fault.Every(2))
				return llmperf.Scenario{
					Target: api.target(server), Profile: hold(4, 20*time.Second), Warmup: llmperf.NoWarmup,
					Think: llmperf.Constant(500 * time.Millisecond), Timeout: 10 * time.Second,
				}
			})
			name := ""
			for _, r := range server.Requests() {
				name = max(name, r.Fault)
			}
			require.NotEmpty(t, name, "the fault struck")
			failures := map[string]int{}
			if want != "" {
				failures[want] = res.Total.Failed
				assert.Positive(t, res.Total.Failed, "%s of %s", name, api.name)
			}
			for class, n := range res.Total.Failures {
				assert.Equal(t, failures[class], n, "%s of %s: %s, %v", name, api.name, class, res.Total.Examples)
			}
		}
	}
}
