package llmperf_test

import (
	"context"
	"fmt"
	"testing"

	"llmperf.dev/llmperf"
)

// A test compares the service with what it was when runs were stored, by
// LLMPERF_UPDATE=1 go test -count=3. Where there are none, it says how to make
// them; examples/chat has some.
func ExampleNoRegression() {
	same := llmperf.NoRegression("testdata/none.json", llmperf.Latency.P95SlowerBy(0.10))
	var _ = func(t *testing.T) { llmperf.Run(t, moment, llmperf.FailureRateBelow(0.01), same) }

	res, err := llmperf.Measure(context.Background(), moment)
	if err != nil {
		fmt.Println(err)
		return
	}
	o := res.Check(same)[0]
	fmt.Printf("%s: %s\n", o.Want, o.Verdict)
	// Output: latency p95 < 1.1x that of testdata/none.json: fail
}

// A slowdown is of any metric, at p50, p90, p95 or p99.
func ExampleSlowdown() {
	fmt.Println(llmperf.TTFT.P90SlowerBy(0.2))
	// Output: TTFT p90 slower by 20 %
}
