package llmperf_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html"
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

// A capacity test of a service that is up. It takes minutes, so it is only
// compiled here; examples/chat runs one.
func ExampleRun() {
	var _ = func(t *testing.T) {
		llmperf.Run(t, llmperf.Scenario{
			Target:  llmperf.OpenAI{BaseURL: "http://localhost:8080/v1", Model: "llama-3.1-8b"},
			Profile: llmperf.Stress,
		}, llmperf.TailRatioBelow(2))
	}
}

// answer is a service that takes a few milliseconds for three tokens.
func answer(ctx context.Context, c *llmperf.Call) error {
	for range 3 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
			c.FirstByte()
			c.Tokens(1)
		}
	}
	c.Usage(12, 0, 3)
	return nil
}

// moment is a scenario that is over at once: four users for half a second.
var moment = llmperf.Scenario{
	Target:  llmperf.TargetFunc(answer),
	Profile: llmperf.StepProfile{StepUsers: 4, StepTime: 500 * time.Millisecond, MaxUsers: 4},
	Think:   llmperf.Constant(2 * time.Millisecond),
	Warmup:  llmperf.NoWarmup,
}

// Without a test around it, a run is measured first and judged after.
func ExampleMeasure() {
	res, err := llmperf.Measure(context.Background(), moment)
	if err != nil {
		fmt.Println(err)
		return
	}
	step := res.Steps[0]
	fmt.Println(step.Name, step.Failed, "failed")
	fmt.Println("latency is at least 3 ms:", step.Latency.Min >= 3*time.Millisecond)
	fmt.Println("the first token comes before the last:", step.TTFT.P50 < step.Latency.P50)
	// Output:
	// users=4 0 failed
	// latency is at least 3 ms: true
	// the first token comes before the last: true
}

// A TargetFunc drives anything: call an SDK, and say when tokens arrive.
func ExampleTargetFunc() {
	sdk := func(context.Context) []string { return []string{"Hello", "there,", "Ann"} } // an SDK's stream
	scenario := moment
	scenario.Target = llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
		for range sdk(ctx) {
			c.Tokens(1)
		}
		return nil
	})
	res, err := llmperf.Measure(context.Background(), scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("tokens a request:", res.Total.OutputTokens/res.Total.Requests)
	// Output: tokens a request: 3
}

// SLOs can be shared between tests, and limited to the load they are promised
// for. One that no step can answer does not pass.
func ExampleResult_Check() {
	res, err := llmperf.Measure(context.Background(), moment)
	if err != nil {
		fmt.Println(err)
		return
	}
	promised := llmperf.SLOs{
		llmperf.FailureRateBelow(0.2),
		llmperf.ThroughputAbove(1),
		llmperf.UpTo(4, llmperf.TTFT.P50Below(time.Second)),
		llmperf.UpTo(2, llmperf.TailRatioBelow(100)),
		llmperf.NoSaturationBelow(4),
	}
	for _, o := range res.Check(promised) {
		fmt.Println(cmp.Or(o.Step, "all"), o.Want+":", o.Verdict)
	}
	// Output:
	// users=4 failure rate < 20 %: pass
	// users=4 throughput > 1 requests/s: pass
	// users=4 TTFT p50 < 1 s: pass
	// all failure rate < 20 %: pass
	// all p99/p50 < 100x: fail
	// all no saturation up to 4 users: inconclusive
}

// The page that Run leaves behind can be written of any result; outcomes are
// shown if it has any.
func ExampleResult_WriteReport() {
	res, err := llmperf.Measure(context.Background(), moment)
	if err != nil {
		fmt.Println(err)
		return
	}
	res.Outcomes = res.Check(llmperf.TTFT.P50Below(time.Second))
	var page strings.Builder // or a file
	if err := res.WriteReport(&page); err != nil {
		fmt.Println(err)
		return
	}
	_, headline, _ := strings.Cut(page.String(), "<h1>")
	headline, _, _ = strings.Cut(headline, "</h1>")
	fmt.Println(strings.ReplaceAll(html.UnescapeString(headline), "\u00a0", " "))
	// Output: The SLO holds: TTFT p50 < 1 s.
}

// What an earlier run measured is in its result.json.
func ExampleResult_UnmarshalJSON() {
	var res llmperf.Result
	err := json.Unmarshal([]byte(`{"schema": 1, "steps": [{"name": "users=10", "requests": 1200, "failed": 3, "latency": {"p95_ns": 1500000000}}]}`), &res)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range res.Steps {
		fmt.Println(step.Name, step.Failed, "of", step.Requests, step.Latency.P95)
	}
	// Output: users=10 3 of 1200 1.5s
}

// UpTo limits SLOs to the steps of at most so many users.
func ExampleUpTo() {
	var _ llmperf.SLO = llmperf.UpTo(50,
		llmperf.TailRatioBelow(2),
		llmperf.FailureRateBelow(0.001),
		llmperf.TTFT.P95Below(800*time.Millisecond),
	)
}

// An outcome can be asserted as testify asserts: a failure is reported at the
// caller's line.
func ExampleOutcome_Assert() {
	o := llmperf.Outcome{Verdict: llmperf.Inconclusive, Message: "too few requests"}
	fmt.Println(o.Assert(new(testing.T)), "since it is no failure")
	// Output: true since it is no failure
}

// halving is a profile of its own: every step has half the users of the last.
type halving struct{ from int }

func (h halving) Next(done []llmperf.Step) (llmperf.Load, bool) {
	users := h.from >> len(done)
	return llmperf.Load{Users: users, Hold: 100 * time.Millisecond}, users > 0
}

// Any load can be a profile: it is asked for one step at a time.
func ExampleProfile() {
	scenario := moment
	scenario.Profile = halving{4}
	res, err := llmperf.Measure(context.Background(), scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range res.Steps {
		fmt.Println(step.Name)
	}
	// Output:
	// users=4
	// users=2
	// users=1
}

// The key of a target is in no text made of it.
func ExampleOpenAI() {
	target := llmperf.OpenAI{BaseURL: "https://llm.example/v1", Model: "small", APIKey: "secret", MaxTokens: 100}
	fmt.Println(target)
	// Output: OpenAI small at https://llm.example/v1
}

// A failure says under which class a request is counted.
func ExampleFailure() {
	fmt.Println(&llmperf.Failure{Class: llmperf.FailStatus, Status: 503, Err: fmt.Errorf("the model is loading")})
	// Output: status 503: the model is loading
}

// Users pause between requests.
func ExampleThink() {
	for _, think := range []llmperf.Think{
		llmperf.Between(100*time.Millisecond, 500*time.Millisecond),
		llmperf.Constant(time.Second),
		llmperf.Exponential(2 * time.Second),
		llmperf.Pacing(time.Minute / 10),
		llmperf.NoThink,
	} {
		fmt.Println(think)
	}
	// Output:
	// 100ms to 500ms
	// 1s
	// exponential, 2s on average
	// a request every 6s
	// none
}

// Thirty users of whom each sends a request every six seconds send five a
// second, as long as answers take less than that.
func ExamplePacing() {
	scenario := moment
	scenario.Profile = llmperf.StepProfile{StepUsers: 30, StepTime: time.Minute, MaxUsers: 30}
	scenario.Think = llmperf.Pacing(6 * time.Second)
	fmt.Println(scenario.Think)
	// Output: a request every 6s
}

// Requests of an open loop come as those of many users do, unless the scenario
// says otherwise.
func ExampleArrivals() {
	for _, arrivals := range []llmperf.Arrivals{llmperf.Poisson, llmperf.Evenly, llmperf.Gamma(0.5)} {
		scenario := llmperf.Scenario{Arrivals: arrivals}
		fmt.Println(scenario.Arrivals)
	}
	// Output:
	// Poisson
	// evenly
	// gamma, burstiness 0.5
}

// Health grades admit two grades where the evidence allows both.
func ExampleStats_FailureHealth() {
	few, many := llmperf.Stats{Requests: 600}, llmperf.Stats{Requests: 10_000}
	fmt.Println(few.FailureHealth(0.95), many.FailureHealth(0.95))
	// Output: healthy–warning healthy
}

// Of the requests that a service answers, only those that come in time are good.
func ExampleGoodputAbove() {
	res, err := llmperf.Measure(context.Background(), moment)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range res.Check(
		llmperf.GoodputAbove(10, llmperf.TTFT.Within(time.Second), llmperf.Latency.Within(10*time.Second)),
		llmperf.GoodputAbove(10, llmperf.Latency.Within(time.Millisecond)), // its answers take 3 ms
	) {
		fmt.Println(o.Want+":", o.Verdict)
	}
	// Output:
	// goodput > 10 requests/s (TTFT within 1 s, latency within 10 s): pass
	// goodput > 10 requests/s (latency within 1 ms): fail
}

// A limit of single requests, which goodput is counted by.
func ExampleRequestLimit() {
	fmt.Println(llmperf.TTFT.Within(800 * time.Millisecond))
	// Output: TTFT within 800 ms
}

// Tokens per second, of all users together.
func ExampleOutputTokensAbove() {
	res, err := llmperf.Measure(context.Background(), moment)
	if err != nil {
		fmt.Println(err)
		return
	}
	o := res.Check(llmperf.OutputTokensAbove(50))[0]
	fmt.Println(o.Want+":", o.Verdict)
	// Output: output > 50 tokens/s: pass
}

// What no SLO of this package says can be said in a function.
func ExampleCustom() {
	res, err := llmperf.Measure(context.Background(), moment)
	if err != nil {
		fmt.Println(err)
		return
	}
	full := llmperf.Custom("tokens_per_answer", func(s llmperf.Step) llmperf.Outcome {
		o := llmperf.Outcome{Verdict: llmperf.Pass, Seen: float64(s.OutputTokens) / float64(max(1, s.Succeeded())), Unit: "tokens"}
		if o.Seen < 3 {
			o.Verdict = llmperf.Fail
		}
		o.Message = fmt.Sprintf("answers of %.3g tokens on average, want at least 3", o.Seen)
		return o
	})
	for _, o := range res.Check(llmperf.UpTo(4, full)) {
		fmt.Println(o.Step, o.Message, o.Verdict)
	}
	// Output: users=4 answers of 3 tokens on average, want at least 3 pass
}

// Guard asks for less than proof: a run too short to prove an SLO can still
// refute it.
func ExampleGuard() {
	scenario := moment
	res, err := llmperf.Measure(context.Background(), scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	rare := llmperf.FailureRateBelow(0.0001)
	for _, slo := range []llmperf.SLO{rare, llmperf.Guard(rare)} {
		outcomes := res.Check(slo)
		last := outcomes[len(outcomes)-1]
		fmt.Println(last.Verdict, strings.Contains(last.Message, "NOT REFUTED"))
	}
	// Output:
	// inconclusive false
	// pass true
}

// How latency grows with load says what a service does when it is asked for
// more than it has.
func ExampleGrowthAtMost() {
	var _ llmperf.SLO = llmperf.SLOs{
		llmperf.GrowthAtMost(llmperf.Accelerating),             // it may hit a bottleneck, and sheds no load
		llmperf.UpTo(50, llmperf.GrowthAtMost(llmperf.Linear)), // up to 50 users it only gets slower
	}
	fmt.Println(llmperf.Linear, llmperf.Accelerating)
	// Output: linear accelerating
}

// A nightly run fails where the evidence is too thin, rather than skip.
func ExampleStrictness() {
	nightly := moment
	nightly.Strictness = llmperf.FailInconclusive // or LLMPERF_INCONCLUSIVE=fail
	fmt.Println(nightly.Strictness)
	// Output: fail
}
