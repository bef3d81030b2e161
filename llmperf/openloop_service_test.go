package llmperf_test

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// rates is a profile of steps of a minute, open loop.
func rates(perSecond ...float64) llmperf.Profile {
	var steps []llmperf.Load
	for _, r := range perSecond {
		steps = append(steps, llmperf.Load{Rate: r, Hold: time.Minute})
	}
	return llmperf.Steps(steps...)
}

// crowded is the busy service in an open loop that it cannot keep up with.
func crowded(t *testing.T, opts ...llmperftest.Option) llmperf.Scenario {
	s := busy(t, 1, opts...)
	s.Profile, s.MaxInFlight = rates(10, 25), 30
	return s
}

func TestAnOpenLoopRepeatsToTheLastBit(t *testing.T) {
	var digest string
	for _, procs := range []int{1, 2} {
		before := runtime.GOMAXPROCS(procs)
		defer runtime.GOMAXPROCS(before)
		for _, opts := range [][]llmperftest.Option{nil, {llmperftest.Wire{}}} {
			res := llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario { return crowded(t, opts...) }, loose)
			if digest == "" {
				digest = res.Digest
				require.Greater(t, len(res.Total.Failures), 2, "%v: the run has seen a good deal", res.Total.Failures)
				require.Positive(t, res.Steps[1].Arrivals.Held)
			}
			require.Equal(t, digest, res.Digest, "GOMAXPROCS=%d, %v", procs, opts)
		}
	}
}

func TestAnOpenLoopIsTheServersOwnRecord(t *testing.T) {
	var server *llmperftest.Server
	var due []time.Duration
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		server = llmperftest.NewServer(t, llmperftest.Engine{MaxBatch: 4, Output: llmperftest.Uniform(10, 30)})
		return llmperf.Scenario{
			Target: target(server), Profile: rates(4, 8, 16), Warmup: 10 * time.Second,
			Observers: []llmperf.Observer{{Sample: func(s llmperf.Sample) { due = append(due, s.Sent) }}},
		}
	})
	records := server.Requests()
	require.Len(t, due, len(records), "one request for each that was due, the warm-up's included")
	for _, step := range res.Steps {
		var ttft []time.Duration
		for _, r := range records {
			if at := r.Arrived.Sub(res.Started); at >= step.From && at < step.Until && r.Outcome == llmperftest.Completed {
				ttft = append(ttft, r.Chunks[0].At.Sub(r.Arrived))
			}
		}
		require.Len(t, ttft, step.Requests)
		slices.Sort(ttft)
		assert.Equal(t, ttft[(95*len(ttft)+99)/100-1], step.TTFT.P95, "%s", step.Name)
		assert.InEpsilon(t, step.Load.Rate, step.Arrivals.Sent, 0.25)
		assert.Zero(t, step.Arrivals.Delay.Max, "in virtual time nothing is late")
	}
	assert.Less(t, res.Steps[0].Latency.P95*2, res.Steps[2].Latency.P95, "beyond what four at a time can be answered the queue grows")
	assert.Equal(t, "rate=16", res.Steps[2].Name)
	assert.EqualValues(t, 16, res.Saturation.Rate)
}

func TestAnOpenLoopInRealTime(t *testing.T) {
	server := llmperftest.NewServer(t, quick)
	res, err := llmperf.Measure(context.Background(), llmperf.Scenario{
		Target: target(server), Profile: llmperf.Steps(llmperf.Load{Rate: 200, Hold: 2 * time.Second}), Warmup: 500 * time.Millisecond, Timeout: 10 * time.Second,
	})
	require.NoError(t, err)
	step := res.Steps[0]
	assert.InDelta(t, 200*step.Seconds, step.Requests, 5*17.3, "five standard deviations of a Poisson count")
	assert.Equal(t, step.Requests, step.Succeeded(), "%v %v", step.Failures, step.Examples)
	assert.Equal(t, step.Requests, step.Arrivals.Delay.N)
}
