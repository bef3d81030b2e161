package llmperf_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// How many users can the service take? The search decides the load, so that the
// scenario has no profile. This takes minutes, so it is only compiled here.
func ExampleFindCapacity() {
	var _ = func(t *testing.T) {
		llmperf.FindCapacity(t, llmperf.Scenario{
			Target: llmperf.OpenAI{BaseURL: "http://localhost:8080/v1", Model: "llama-3.1-8b"},
		},
			llmperf.Search{MaxUsers: 200, AtLeast: 50}, // fewer than 50 fail the test
			llmperf.TTFT.P95Below(800*time.Millisecond),
			llmperf.FailureRateBelow(0.01),
		)
	}
}

// In virtual time the same search takes a second.
func ExampleSimulateCapacity() {
	var _ = func(t *testing.T) {
		c := llmperf.SimulateCapacity(t, func(t *testing.T) llmperf.Scenario {
			llm := llmperftest.NewServer(t, llmperftest.Engine{MaxBatch: 32})
			return llmperf.Scenario{Target: llmperf.OpenAI{BaseURL: llm.URL + "/v1", Model: "any", Client: llm.Client()}}
		}, llmperf.Search{MaxUsers: 200}, llmperf.TTFT.P95Below(800*time.Millisecond))
		t.Log(c.Users, c.Low, c.High, c.LimitedBy)
	}
}

// A service that lets eight requests in at once and has the others fail.
func ExampleMeasureCapacity() {
	places := make(chan struct{}, 8)
	scenario := llmperf.Scenario{
		Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error {
			select {
			case places <- struct{}{}:
			default:
				return errors.New("no place left")
			}
			time.Sleep(20 * time.Millisecond)
			<-places
			return nil
		}),
		Think: llmperf.Constant(time.Millisecond), Warmup: 100 * time.Millisecond,
	}
	search := llmperf.Search{
		MaxUsers: 64, First: 4, Precision: 0.5,
		Settle: 100 * time.Millisecond, Looks: []time.Duration{400 * time.Millisecond}, // minutes are usual
	}
	c, err := llmperf.MeasureCapacity(context.Background(), scenario, search, llmperf.FailureRateBelow(0.1))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("limited by", c.LimitedBy)
	fmt.Println("from 4 to 16 users:", c.Users >= 4 && c.Users < 16)
	for _, p := range c.Probes[:3] {
		fmt.Println(p.Users, p.Held)
	}
	// Output:
	// limited by failure_rate
	// from 4 to 16 users: true
	// 4 true
	// 8 true
	// 16 false
}

// A search is by users, or in an open loop by requests per second.
func ExampleSearch() {
	users := llmperf.Search{MaxUsers: 200, First: 20}
	rate := llmperf.Search{MaxRate: 50, AtLeast: 12.5}
	fmt.Println(users.MaxUsers, "users,", rate.MaxRate, "requests a second")
	// Output: 200 users, 50 requests a second
}

// A capacity says of any load whether the service takes it, as far as that is
// proved.
func ExampleCapacity_AtLeast() {
	c := llmperf.Capacity{Users: 87, Low: 80, High: 90, LimitedBy: "ttft_p95", Minutes: 7.5, Probes: []llmperf.Probe{
		{Users: 80, Held: true, Verdict: llmperf.Pass, Requests: 1000, Confidence: 0.9},
		{Users: 90, Verdict: llmperf.Fail, Requests: 1100, Confidence: 0.9},
	}}
	for _, load := range []float64{50, 85, 100} {
		fmt.Println(load, c.AtLeast(load).Verdict)
	}
	fmt.Println(c.String())
	// Output:
	// 50 pass
	// 85 inconclusive
	// 100 fail
	// capacity: 87 users [80, 90], limited by ttft_p95, in 7.5 minutes of load and 2 probes
}
