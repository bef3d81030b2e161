package llmperf_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"llmperf.dev/llmperf"
)

// The load of a test: 10 users for a minute, then 20, then 30.
func ExampleStepProfile() {
	profile := llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 30}
	var done []llmperf.Step
	for {
		load, ok := profile.Next(done)
		if !ok {
			break
		}
		fmt.Println(load.Users, "users for", load.Hold)
		done = append(done, llmperf.Step{Load: load})
	}
	// Output:
	// 10 users for 1m0s
	// 20 users for 1m0s
	// 30 users for 1m0s
}

// A capacity test of a service that is up.
func ExampleRun() {
	var _ = func(t *testing.T) {
		llmperf.Run(t, llmperf.Scenario{
			Target:  llmperf.OpenAI{BaseURL: "http://localhost:8080/v1", Model: "llama-3.1-8b"},
			Profile: llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 50},
		}, llmperf.TailRatioBelow(2))
	}
}

// Without a test around it, a run is measured first and judged after.
func ExampleMeasure() {
	res, err := llmperf.Measure(context.Background(), llmperf.Scenario{
		Target: llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
			time.Sleep(time.Millisecond)
			c.FirstByte()
			c.Tokens(3)
			return nil
		}),
		Profile: llmperf.StepProfile{StepUsers: 2, StepTime: 500 * time.Millisecond, MaxUsers: 2},
		Think:   llmperf.Constant(2 * time.Millisecond),
		Warmup:  llmperf.NoWarmup,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range res.Check(llmperf.Latency.P50Below(time.Second)) {
		fmt.Println(o.Step, o.Want, o.Verdict)
	}
	fmt.Println(res.Total.OutputTokens == 3*res.Total.Requests)
	// Output:
	// users=2 latency p50 < 1 s pass
	// true
}

// A TargetFunc drives anything: call an SDK, and say when tokens arrive.
func ExampleTargetFunc() {
	answer := func(context.Context) []string { return []string{"Hello", " there"} } // an SDK's stream
	target := llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
		tokens := 0
		for _, chunk := range answer(ctx) {
			n := len(strings.Fields(chunk))
			c.Tokens(n)
			tokens += n
		}
		c.Usage(12, 0, tokens)
		return nil
	})
	fmt.Println(llmperf.Scenario{Target: target}.Target != nil)
	// Output: true
}

// Any endpoint can be loaded; each SSE event or NDJSON line is a token unless
// Tokens says otherwise.
func ExampleHTTP() {
	target := llmperf.HTTP{
		New: func(ctx context.Context, c *llmperf.Call) (*http.Request, error) {
			body := strings.NewReader(fmt.Sprintf(`{"question": "What is %d plus 2?"}`, c.Number()))
			return http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost:8080/ask", body)
		},
		Tokens: func(name string, data []byte) (int, error) {
			if name != "delta" {
				return 0, nil
			}
			return 1, nil
		},
	}
	n, _ := target.Tokens("delta", []byte("Four"))
	fmt.Println(n)
	// Output: 1
}

// The key of a target is in no text made of it.
func ExampleOpenAI() {
	target := llmperf.OpenAI{BaseURL: "https://llm.example/v1", Model: "small", APIKey: "secret", MaxTokens: 100}
	fmt.Println(target)
	// Output: OpenAI small at https://llm.example/v1
}

// SLOs can be shared between tests, and limited to the load they are promised
// for.
func ExampleUpTo() {
	promised := llmperf.SLOs{
		llmperf.NoSaturationBelow(50),
		llmperf.UpTo(50,
			llmperf.TailRatioBelow(2),
			llmperf.FailureRateBelow(0.001),
			llmperf.TTFT.P95Below(800*time.Millisecond),
			llmperf.ThroughputAbove(5),
		),
	}
	fmt.Println(len(promised))
	// Output: 2
}

// A failure says under which class a request is counted.
func ExampleFailure() {
	fmt.Println(&llmperf.Failure{Class: llmperf.FailStatus, Status: 503, Err: fmt.Errorf("the model is loading")})
	// Output: status 503: the model is loading
}

func ExampleBetween() {
	fmt.Println(llmperf.Between(100*time.Millisecond, 500*time.Millisecond), llmperf.Constant(time.Second), llmperf.NoThink)
	// Output: 100ms to 500ms 1s none
}

// Health grades admit two grades where the evidence allows both.
func ExampleStats_FailureHealth() {
	few, many := llmperf.Stats{Requests: 600}, llmperf.Stats{Requests: 10_000}
	fmt.Println(few.FailureHealth(0.95), many.FailureHealth(0.95))
	// Output: healthy–warning healthy
}
