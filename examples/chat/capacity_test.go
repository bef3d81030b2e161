package chat_test

import (
	"testing"
	"time"

	"llmperf.dev/examples/chat"
	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// TestCapacity puts load on the service with a fake model behind it. The
// model's pace is that of a small GPU speeded up, so that the test takes half a
// minute; a real one would hold its steps for minutes.
func TestCapacity(t *testing.T) {
	llm := llmperftest.NewServer(t, llmperftest.Engine{
		MaxBatch: 32, StepBase: 4 * time.Millisecond, StepPerSequence: 20 * time.Microsecond, Output: llmperftest.Uniform(18, 22),
	})
	svc := llmperftest.Serve(t, chat.NewHandler(chat.Config{
		Upstream: llm.URL + "/v1", Client: llm.Client(), Model: "small", Limit: 32, Timeout: 10 * time.Second,
	}))
	llmperf.Run(t, llmperf.Scenario{
		Target:  llmperf.OpenAI{BaseURL: svc.URL + "/v1", Model: "any", Client: svc.Client(), Prompts: llmperf.PromptFile("../../testdata/prompts.jsonl")},
		Profile: llmperf.StepProfile{StepUsers: 10, StepTime: 15 * time.Second, MaxUsers: 30},
		Think:   llmperf.Between(50*time.Millisecond, 100*time.Millisecond),
		Warmup:  2 * time.Second,
	},
		llmperf.NoSaturationBelow(20),
		llmperf.FailureRateBelow(0.001),
		llmperf.UpTo(20,
			llmperf.TailRatioBelow(2),
			llmperf.TTFT.P95Below(100*time.Millisecond),
			llmperf.ITL.P95Below(50*time.Millisecond),
		),
	)
}
