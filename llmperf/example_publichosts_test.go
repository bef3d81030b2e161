package llmperf_test

import (
	"context"
	"fmt"
	"time"

	"llmperf.dev/llmperf"
)

// A host outside of private networks is not loaded by mistake.
func ExampleScenario_publicHosts() {
	_, err := llmperf.Measure(context.Background(), llmperf.Scenario{
		Target:      llmperf.OpenAI{BaseURL: "https://203.0.113.7/v1", Model: "llama-3.1-8b"},
		Profile:     llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 50},
		PublicHosts: []string{"staging.example.com"},
	})
	fmt.Println(err)
	// Output:
	// llmperf: 203.0.113.7 is a public host, and the load goes up to 50 users, past 20 users or 10 requests/s: if it is yours to load, set scenario.PublicHosts to []string{"203.0.113.7"}; else load less
}
