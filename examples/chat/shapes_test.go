package chat_test

import (
	"testing"
	"time"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

var model = llmperftest.Engine{MaxBatch: 64, Output: llmperftest.Uniform(80, 120)}

// TestRateSimulated asks how many requests per second the service takes, which
// come whether or not it keeps up: an open loop.
func TestRateSimulated(t *testing.T) {
	llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
		scenario := serve(t, model)
		scenario.Profile = llmperf.StepProfile{StepRate: 3, StepTime: 2 * time.Minute, MaxRate: 24}
		return scenario
	},
		llmperf.NoSaturationBelowRate(15),
		llmperf.UpToRate(15,
			llmperf.FailureRateBelow(0.001),
			llmperf.TTFT.P95Below(100*time.Millisecond),
			llmperf.Latency.P95Below(5*time.Second),
		),
	)
}

// TestUsersSimulated asks how many users the service takes, in the fewest minutes
// of load, and requires fifty.
func TestUsersSimulated(t *testing.T) {
	llmperf.SimulateCapacity(t, func(t *testing.T) llmperf.Scenario { return serve(t, model) },
		llmperf.Search{MaxUsers: 200, AtLeast: 50},
		llmperf.TTFT.P95Below(100*time.Millisecond),
		llmperf.FailureRateBelow(0.01),
	)
}

// TestSpikeSimulated looks at what a rush does to the service, and at how soon it
// is over.
func TestSpikeSimulated(t *testing.T) {
	llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
		scenario := serve(t, model)
		scenario.Profile = llmperf.SpikeProfile{
			Users: 30, PeakUsers: 150, Before: 2 * time.Minute, Peak: time.Minute, After: 2 * time.Minute,
		}
		return scenario
	},
		llmperf.FailureRateBelow(0.001),
		llmperf.RecoversWithin(30*time.Second),
		llmperf.UpTo(30, llmperf.TTFT.P95Below(100*time.Millisecond)),
	)
}
