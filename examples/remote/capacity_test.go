// Package remote_test runs a capacity test against a server that is already up.
package remote_test

import (
	"os"
	"testing"
	"time"

	"llmperf.dev/llmperf"
)

// TestCapacity loads the server that LLMPERF_BASE_URL names, such as
// http://localhost:8000/v1 for vLLM or http://localhost:11434/v1 for Ollama:
//
//	LLMPERF_BASE_URL=http://localhost:8000/v1 LLMPERF_MODEL=llama-3.1-8b go test -v -count=1 -timeout 30m -run Capacity ./examples/remote
//
// A server that is not in a private network must be named in the scenario's
// PublicHosts, since the load goes past 20 users.
func TestCapacity(t *testing.T) {
	base := os.Getenv("LLMPERF_BASE_URL")
	if base == "" {
		t.Skip("LLMPERF_BASE_URL is not set: set it to a server that is up, such as http://localhost:8000/v1")
	}
	model := os.Getenv("LLMPERF_MODEL")
	if model == "" {
		model = "any"
	}
	llmperf.Run(t, llmperf.Scenario{
		Target:  llmperf.OpenAI{BaseURL: base, Model: model, APIKey: os.Getenv("LLMPERF_API_KEY"), MaxTokens: 100},
		Profile: llmperf.StepProfile{StepUsers: 10, StepTime: 2 * time.Minute, MaxUsers: 50},
	},
		llmperf.NoSaturationBelow(30),
		llmperf.UpTo(30,
			llmperf.TailRatioBelow(2),
			llmperf.FailureRateBelow(0.005),
			llmperf.TTFT.P95Below(800*time.Millisecond),
		),
	)
}
