package llmperf_test

import (
	"context"
	"fmt"
	"time"

	"llmperf.dev/llmperf"
)

// What to do when a run is over, and on the way there: an observer is told.
func ExampleObserver() {
	scenario := moment
	slow := 0
	scenario.Observers = []llmperf.Observer{{
		Start: func(s llmperf.Scenario) { fmt.Println("timeout of a request:", s.Timeout) },
		Sample: func(s llmperf.Sample) {
			if s.Measured && s.Latency() > time.Minute {
				slow++
			}
		},
		Step: func(s llmperf.Step) { fmt.Println(s.Name, "is over") },
		Stop: func(r *llmperf.Result) { fmt.Println("failed:", r.Total.Failed, "slow:", slow) },
	}}
	if _, err := llmperf.Measure(context.Background(), scenario); err != nil {
		fmt.Println(err)
	}
	// Output:
	// timeout of a request: 2m0s
	// users=4 is over
	// failed: 0 slow: 0
}
