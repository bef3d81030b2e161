package chat_test

import (
	"testing"
	"time"

	"llmperf.dev/examples/chat"
	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// TestCapacitySimulated puts load on the service in virtual time, with a fake
// model behind it that keeps the pace of a real one: eleven minutes of load in
// seconds, the same on every machine. It is what every pull request runs.
func TestCapacitySimulated(t *testing.T) {
	llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
		scenario := serve(t, llmperftest.Engine{MaxBatch: 64, Output: llmperftest.Uniform(80, 120)})
		scenario.Profile = llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 100}
		return scenario
	},
		llmperf.NoSaturationBelow(50),
		llmperf.FailureRateBelow(0.001),
		llmperf.UpTo(50,
			llmperf.Latency.P95Below(5*time.Second),
			llmperf.TTFT.P95Below(100*time.Millisecond),
			llmperf.ITL.P95Below(50*time.Millisecond),
			llmperf.Overhead.P95Below(time.Millisecond), // no waiting in the service itself
		),
	)
}

// TestCapacity does it in real time, where the service's own work counts too.
// The fake model is several times as fast as a real one, so that the test takes
// less than a minute; in front of a real one steps would last for minutes.
func TestCapacity(t *testing.T) {
	scenario := serve(t, llmperftest.Engine{
		MaxBatch: 32, StepBase: 4 * time.Millisecond, StepPerSequence: 20 * time.Microsecond, Output: llmperftest.Uniform(18, 22),
	})
	scenario.Profile = llmperf.StepProfile{StepUsers: 10, StepTime: 15 * time.Second, MaxUsers: 30}
	scenario.Think = llmperf.Between(50*time.Millisecond, 100*time.Millisecond)
	scenario.Warmup = 2 * time.Second
	llmperf.Run(t, scenario,
		llmperf.NoSaturationBelow(20),
		llmperf.FailureRateBelow(0.001),
		llmperf.UpTo(20,
			llmperf.TailRatioBelow(2),
			llmperf.TTFT.P95Below(100*time.Millisecond),
			llmperf.ITL.P95Below(50*time.Millisecond),
			llmperf.Overhead.P95Below(30*time.Millisecond),
		),
	)
}

// serve starts the service in front of a fake model, and returns a scenario
// that lacks only its load.
func serve(t *testing.T, model llmperftest.Engine) llmperf.Scenario {
	llm := llmperftest.NewServer(t, model)
	svc := llmperftest.Serve(t, chat.NewHandler(chat.Config{
		Upstream: llm.URL + "/v1", Client: llm.Client(), Model: "small", Limit: model.MaxBatch, Timeout: 30 * time.Second,
	}))
	return llmperf.Scenario{
		Target: llmperf.OpenAI{BaseURL: svc.URL + "/v1", Model: "any", Client: svc.Client(), Prompts: llmperf.PromptFile("../../testdata/prompts.jsonl")},
		// The fake model knows how long it had each request; the rest of a request's time is the service's own.
		Upstreams: []llmperf.Upstream{llm},
	}
}
