package llmperf_test

import (
	"fmt"
	"time"

	"llmperf.dev/llmperf"
)

// A trace replayed at twice its speed, in steps of half a minute. As the profile
// and the prompts of one scenario it sends each request at its time, with its
// lengths.
func ExampleTrace() {
	trace := &llmperf.Trace{File: "../testdata/traces/azure.csv", Speed: 2, Step: 30 * time.Second}
	scenario := llmperf.Scenario{
		Target:  llmperf.OpenAI{BaseURL: "http://localhost:8080/v1", Model: "llama-3.1-8b", Prompts: trace},
		Profile: trace,
	}
	fmt.Println(trace)
	for done := []llmperf.Step{}; ; done = append(done, llmperf.Step{}) {
		load, ok := scenario.Profile.Next(done)
		if !ok {
			break
		}
		fmt.Printf("%s: %v for %v\n", load.Name, load, load.Hold)
	}
	// Output:
	// trace azure.csv: 12 requests in 1m51s at 2x speed
	// at=0s: 0.133 requests/s for 30s
	// at=1m0s: 0.0833 requests/s for 1m0s
	// at=3m0s: 0.143 requests/s for 21s
}
