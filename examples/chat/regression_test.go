package chat_test

import (
	"testing"
	"time"

	"llmperf.dev/llmperf"
)

// TestRegressionSimulated asks whether a change has made the service slower than
// it was, which a limit in seconds does not show until it is reached. What it was
// is in the file. After a change that is meant to be slower, make it anew with the
// command below; after one that sends another load, delete the file first:
//
//	LLMPERF_UPDATE=1 go test -count=1 -run RegressionSimulated ./examples/chat
//
// and look at the diff.
func TestRegressionSimulated(t *testing.T) {
	llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
		scenario := serve(t, model)
		scenario.Profile = llmperf.StepProfile{StepUsers: 20, StepTime: time.Minute, MaxUsers: 60}
		return scenario
	},
		llmperf.NoRegression("testdata/regression.json", llmperf.Latency.P95SlowerBy(0.10), llmperf.TTFT.P95SlowerBy(0.20)),
	)
}
