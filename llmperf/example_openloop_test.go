package llmperf_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"llmperf.dev/llmperf"
)

// oneAtATime measures, in virtual time, a service that answers one request after
// the other, 100 ms each, under 4 and then 11 requests per second, whoever waits.
func oneAtATime() (res *llmperf.Result) {
	synctest.Test(new(testing.T), func(*testing.T) {
		model := make(chan struct{}, 1)
		res, _ = llmperf.Measure(context.Background(), llmperf.Scenario{
			Target: llmperf.TargetFunc(func(ctx context.Context, _ *llmperf.Call) error {
				select {
				case model <- struct{}{}:
				case <-ctx.Done():
					return ctx.Err()
				}
				time.Sleep(100 * time.Millisecond)
				<-model
				return nil
			}),
			Profile: llmperf.Steps(llmperf.Load{Rate: 4, Hold: 3 * time.Minute}, llmperf.Load{Rate: 11, Hold: 3 * time.Minute}),
		})
	})
	return res
}

// An open loop goes on at its rate whatever the service does: beyond ten requests
// a second the queue before this one grows until the step is over.
func ExampleLoad() {
	for _, step := range oneAtATime().Steps {
		fmt.Printf("%s: median above a second: %v\n", step.Name, step.Latency.P50 > time.Second)
	}
	// Output:
	// rate=4: median above a second: false
	// rate=11: median above a second: true
}

// Nothing kept the requests from being sent when they were due.
func ExampleArrivalStats() {
	step := oneAtATime().Steps[1]
	fmt.Println("sent as they were due:", step.Arrivals.Sent == step.Arrivals.Due && step.Arrivals.Delay.Max == 0)
	fmt.Println("held back:", step.Arrivals.Held)
	// Output:
	// sent as they were due: true
	// held back: 0
}

// Limits of an open loop are in requests per second.
func ExampleUpToRate() {
	res := oneAtATime()
	for _, o := range res.Check(
		llmperf.UpToRate(4, llmperf.Latency.P95Below(600*time.Millisecond)),
		llmperf.NoSaturationBelowRate(11),
	) {
		fmt.Println(o.Want, "is a", o.Verdict)
	}
	fmt.Println("saturated at", res.Saturation.At())
	// Output:
	// latency p95 < 600 ms is a pass
	// no saturation up to 11 requests/s is a fail
	// saturated at 11 requests/s
}
