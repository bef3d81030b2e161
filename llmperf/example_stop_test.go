package llmperf_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"llmperf.dev/llmperf"
)

// A run ends early where going on would tell nothing new.
func ExampleStop() {
	scenario := moment
	scenario.Stop = []llmperf.Stop{llmperf.WhenSaturated, llmperf.WhenFailing(0.3), llmperf.WhenLost}
	fmt.Println(scenario.Stop)
	// Output: [WhenSaturated WhenFailing(0.3) WhenLost]
}

// A service that fails is not loaded on.
func ExampleWhenFailing() {
	scenario := moment
	scenario.Target = llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
		if c.Number()%3 == 0 {
			return nil
		}
		return errors.New("out of memory")
	})
	scenario.Profile = llmperf.StepProfile{StepUsers: 4, StepTime: time.Hour, MaxUsers: 8}
	scenario.Warmup = 100 * time.Millisecond // with which the step is measured from its beginning
	scenario.Stop = []llmperf.Stop{llmperf.WhenFailing(0.3)}
	res, err := llmperf.Measure(context.Background(), scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, proved, _ := strings.Cut(res.Stopped, ", ")
	fmt.Println(proved)
	fmt.Println("run:", res.Steps[0].Name, "in less than a minute:", res.Elapsed < time.Minute)
	fmt.Println("not run:", res.NotRun[0].Name)
	// Output:
	// which proves more than 30 %
	// run: users=4 in less than a minute: true
	// not run: users=8
}

// Before a release one wants to see how far the service goes, and one step more.
func ExampleWhenSaturated() {
	var _ = func(t *testing.T) {
		llmperf.Run(t, llmperf.Scenario{
			Target:  llmperf.OpenAI{BaseURL: "http://localhost:8080/v1", Model: "llama-3.1-8b"},
			Profile: llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 500},
			Stop:    []llmperf.Stop{llmperf.WhenSaturated},
		}, llmperf.NoSaturationBelow(50))
	}
	fmt.Println(llmperf.WhenSaturated)
	// Output: WhenSaturated
}

// A pull request that cannot pass any more need not use up the machine.
func ExampleWhenLost() {
	scenario := moment
	scenario.Stop = []llmperf.Stop{llmperf.WhenLost}
	_, err := llmperf.Measure(context.Background(), scenario)
	fmt.Println(err)
	// Output: llmperf: scenario.Stop has WhenLost, and Measure knows no SLOs: use llmperf.Run or llmperf.Simulate, or another Stop
}

// A budget of requests is kept exactly. What it left undone does not pass.
func ExampleBudget() {
	scenario := moment
	scenario.Profile = llmperf.StepProfile{StepUsers: 4, StepTime: time.Second, MaxUsers: 8}
	scenario.Budget = llmperf.Budget{Requests: 300}
	res, err := llmperf.Measure(context.Background(), scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Spent.Requests, "requests were sent:", res.Stopped)
	for _, o := range res.Check(llmperf.FailureRateBelow(0.1)) {
		fmt.Println(o.Name, o.Step, o.Verdict)
	}
	// Output:
	// 300 requests were sent: the budget of 300 requests is spent
	// failure_rate users=4 pass
	// failure_rate users=8 not run
	// failure_rate  not run
}

// A budget may be one of money: here, of 5 cents.
func ExamplePrice() {
	scenario := moment
	scenario.Price = llmperf.Price{Input: 3, Output: 15}
	scenario.Budget = llmperf.Budget{Cost: 0.05}
	res, err := llmperf.Measure(context.Background(), scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	cost := float64(res.Spent.PromptTokens)*3/1e6 + float64(res.Spent.OutputTokens)*15/1e6
	fmt.Println("within the budget:", res.Spent.Cost <= 0.05)
	fmt.Println("as reckoned by hand:", fmt.Sprintf("%.6f", res.Spent.Cost) == fmt.Sprintf("%.6f", cost))
	// Output:
	// within the budget: true
	// as reckoned by hand: true
}

// What a run takes is counted without a budget too.
func ExampleSpending() {
	fmt.Println(llmperf.Spending{Requests: 1500, PromptTokens: 90_000, CachedTokens: 30_000, OutputTokens: 150_000, Cost: 2.52})
	// Output: 1,500 requests, 90,000 prompt tokens (30,000 of them cached), 150,000 output tokens, at a cost of 2.52
}
