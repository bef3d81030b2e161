package llmperf

import (
	"context"
	"math"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// idle is a target that answers at once.
var idle = TargetFunc(func(context.Context, *Call) error { return nil })

// sound is a scenario and SLOs without anything wrong.
func sound() (Scenario, []SLO) {
	return Scenario{Target: idle, Profile: StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 30}},
		[]SLO{Latency.P95Below(time.Second)}
}

// planOf is what a run says before it sends anything.
func planOf(s Scenario, slos []SLO, deadline time.Time) error {
	_, err := plan(s, uniqueNames(SLOs(slos).checks()), deadline)
	return err
}

// deciding is a profile whose steps are not known before the run.
type deciding struct{}

func (deciding) Next([]Step) (Load, bool) { return Load{}, false }

func TestPlanAcceptsWhatCanWork(t *testing.T) {
	tests := []struct {
		name, reason string
		change       func(*Scenario, *[]SLO)
		deadline     time.Duration // from now; 0 for none
	}{
		{"defaults", "only target, profile and an SLO are required", func(*Scenario, *[]SLO) {}, 0},
		{"no warm-up", "NoWarmup is negative and yet no mistake", func(s *Scenario, _ *[]SLO) { s.Warmup = NoWarmup }, 0},
		{"no think time", "a user may send without a pause", func(s *Scenario, _ *[]SLO) { s.Think = NoThink }, 0},
		{"a constant pause of nothing", "that is no pause, said in another way", func(s *Scenario, _ *[]SLO) { s.Think = Constant(0) }, 0},
		{"exponential pauses", "any mean above the grain", func(s *Scenario, _ *[]SLO) { s.Think = Exponential(time.Second) }, 0},
		{"pacing", "any time above the grain", func(s *Scenario, _ *[]SLO) { s.Think = Pacing(time.Second / 2) }, 0},
		{"streaming target", "a streaming target reports every metric", func(s *Scenario, slos *[]SLO) {
			s.Target = OpenAI{BaseURL: "https://llm.example/v1", Model: "m"}
			*slos = []SLO{TTFT.P95Below(time.Second), TPOT.P50Below(time.Millisecond)}
		}, 0},
		{"target of unknown metrics", "what a function reports shows only in the warm-up", func(_ *Scenario, slos *[]SLO) { *slos = []SLO{TTFT.P95Below(time.Second)} }, 0},
		{"latency without streaming", "a whole answer has latency and a first byte", func(s *Scenario, slos *[]SLO) {
			s.Target = OpenAI{BaseURL: "https://llm.example/v1", Model: "m", NoStream: true}
			*slos = []SLO{Latency.P95Below(time.Second), TTFB.P95Below(time.Second)}
		}, 0},
		{"rates that can be", "ten users that pause 0.3 s send 33 requests/s", func(_ *Scenario, slos *[]SLO) {
			*slos = []SLO{GoodputAbove(30, Latency.Within(time.Second)), ThroughputAbove(30), OutputTokensAbove(1e6)}
		}, 0},
		{"rates without a pause", "nobody knows how many requests there will be", func(s *Scenario, slos *[]SLO) {
			s.Think, *slos = NoThink, []SLO{ThroughputAbove(1000)}
		}, 0},
		{"scope between steps", "UpTo(15) covers the step of 10 users", func(_ *Scenario, slos *[]SLO) { *slos = []SLO{UpTo(15, TailRatioBelow(2))} }, 0},
		{"scope above the profile", "UpTo limits from above only", func(_ *Scenario, slos *[]SLO) { *slos = []SLO{UpTo(500, TailRatioBelow(2))} }, 0},
		{"saturation at the last step", "some step has exactly as many users", func(_ *Scenario, slos *[]SLO) { *slos = []SLO{NoSaturationBelow(30)} }, 0},
		{"shortest limit", "100 µs is a limit that can be meant", func(_ *Scenario, slos *[]SLO) { *slos = []SLO{TTFB.P50Below(100 * time.Microsecond)} }, 0},
		{"deciding profile", "its steps can't be looked at before the run", func(s *Scenario, slos *[]SLO) { s.Profile, *slos = deciding{}, []SLO{NoSaturationBelow(999)} }, time.Minute},
		{"far deadline", "three minutes and a warm-up fit in ten", func(*Scenario, *[]SLO) {}, 10 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, slos := sound()
			tt.change(&s, &slos)
			var deadline time.Time
			if tt.deadline > 0 {
				deadline = time.Now().Add(tt.deadline)
			}
			assert.NoError(t, planOf(s, slos, deadline), tt.reason)
		})
	}
}

// TestPlanRefusesWhatCannotWork looks for three things in each refusal: what is
// wrong by name, the value that was given, and what would do instead.
func TestPlanRefusesWhatCannotWork(t *testing.T) {
	profile := func(p StepProfile) func(*Scenario, *[]SLO) {
		return func(s *Scenario, _ *[]SLO) { s.Profile = p }
	}
	openAI := func(o OpenAI) func(*Scenario, *[]SLO) {
		return func(s *Scenario, _ *[]SLO) { s.Target = o }
	}
	judged := func(by ...SLO) func(*Scenario, *[]SLO) {
		return func(_ *Scenario, slos *[]SLO) { *slos = by }
	}
	scenario := func(change func(*Scenario)) func(*Scenario, *[]SLO) {
		return func(s *Scenario, _ *[]SLO) { change(s) }
	}
	tests := []struct {
		name, reason string
		change       func(*Scenario, *[]SLO)
		want         []string
	}{
		{"nil target", "there is nothing to load", scenario(func(s *Scenario) { s.Target = nil }), []string{"scenario.Target", "nil", "llmperf.OpenAI{"}},
		{"nil profile", "there is no load", scenario(func(s *Scenario) { s.Profile = nil }), []string{"scenario.Profile", "nil", "llmperf.StepProfile{"}},
		{"HTTP without New", "there is no request to send", scenario(func(s *Scenario) { s.Target = HTTP{} }), []string{"HTTP.New", "nil", "http.NewRequestWithContext"}},

		{"zero StepUsers", "a step of no users tests nothing", profile(StepProfile{StepTime: time.Minute, MaxUsers: 10}), []string{"StepProfile.StepUsers", "is 0", "such as 10"}},
		{"negative StepUsers", "it would go on for ever", profile(StepProfile{StepUsers: -5, StepTime: time.Minute, MaxUsers: 10}), []string{"StepProfile.StepUsers", "is -5", "such as 10"}},
		{"zero StepTime", "a step needs time", profile(StepProfile{StepUsers: 5, MaxUsers: 10}), []string{"StepProfile.StepTime", "is 0s", "such as time.Minute"}},
		{"negative StepTime", "a step needs time", profile(StepProfile{StepUsers: 5, StepTime: -time.Second, MaxUsers: 10}), []string{"StepProfile.StepTime", "is -1s", "such as time.Minute"}},
		{"StepTime without unit", "60 is 60 ns", profile(StepProfile{StepUsers: 5, StepTime: 60, MaxUsers: 10}), []string{"StepProfile.StepTime", "is 60ns", "such as time.Minute"}},
		{"zero MaxUsers", "a profile of no users tests nothing", profile(StepProfile{StepUsers: 5, StepTime: time.Minute}), []string{"StepProfile.MaxUsers", "is 0", "StepUsers = 5"}},
		{"negative MaxUsers", "a profile of no users tests nothing", profile(StepProfile{StepUsers: 5, StepTime: time.Minute, MaxUsers: -1}), []string{"StepProfile.MaxUsers", "is -1", "StepUsers = 5"}},
		{"MaxUsers below StepUsers", "not even one step fits", profile(StepProfile{StepUsers: 50, StepTime: time.Minute, MaxUsers: 10}), []string{"StepProfile.MaxUsers", "is 10", "StepUsers = 50"}},
		{"negative Duration", "time does not run backwards", profile(StepProfile{StepUsers: 5, StepTime: time.Minute, MaxUsers: 10, Duration: -time.Minute}), []string{"StepProfile.Duration", "is -1m0s", "StepTime of 1m0s", "or 0"}},
		{"Duration below StepTime", "not even one step fits", profile(StepProfile{StepUsers: 5, StepTime: time.Minute, MaxUsers: 10, Duration: time.Second}), []string{"StepProfile.Duration", "is 1s", "StepTime of 1m0s", "or 0"}},
		{"negative SpawnRate", "users can't begin at a negative rate", profile(StepProfile{StepUsers: 5, StepTime: time.Minute, MaxUsers: 10, SpawnRate: -2}), []string{"spawn rate", "-2", "users per second, or 0"}},
		{"slow SpawnRate", "the step is over before its users run", profile(StepProfile{StepUsers: 60, StepTime: time.Minute, MaxUsers: 60, SpawnRate: 0.5}), []string{"60 users", "0.5 users per second", "2m0s", "at least 2.0 users per second"}},

		{"no SLOs", "nothing would be judged", judged(), []string{"no SLOs", "at least one", "llmperf.TailRatioBelow(2)", "llmperf.Measure"}},
		{"nil SLO", "it judges nothing", judged(nil), []string{"SLO is nil", "leave it out", "llmperf.TailRatioBelow(2)"}},
		{"nil SLO in a set", "sets are looked into", judged(SLOs{TailRatioBelow(2), UpTo(10, nil)}), []string{"SLO is nil", "leave it out"}},
		{"limit without unit", "800 is 800 ns", judged(TTFT.P95Below(800)), []string{"TTFT.P95Below", "800ns", "800*time.Millisecond"}},
		{"zero limit", "no time is below 0", judged(Latency.P50Below(0)), []string{"P50Below", "(0s)", "time.Millisecond"}},
		{"negative limit", "no time is below 0", judged(Latency.P99Below(-time.Second)), []string{"P99Below", "(-1s)", "time.Millisecond"}},
		{"tail ratio of 1", "p99 is never below p50", judged(TailRatioBelow(1)), []string{"TailRatioBelow(1)", "above 1", "such as 2"}},
		{"tail ratio NaN", "nothing compares with it", judged(TailRatioBelow(math.NaN())), []string{"TailRatioBelow(NaN)", "above 1", "such as 2"}},
		{"failure rate of 0", "no run proves it", judged(FailureRateBelow(0)), []string{"FailureRateBelow(0)", "between 0 and 1", "0.001 for 0.1 %"}},
		{"failure rate in percent", "1 is 100 %", judged(FailureRateBelow(1)), []string{"FailureRateBelow(1)", "between 0 and 1", "0.001 for 0.1 %"}},
		{"throughput of 0", "every service holds it", judged(ThroughputAbove(0)), []string{"ThroughputAbove(0)", "above 0"}},
		{"output tokens of 0", "every service holds it", judged(OutputTokensAbove(0)), []string{"OutputTokensAbove(0)", "above 0"}},
		{"output tokens NaN", "nothing compares with it", judged(OutputTokensAbove(math.NaN())), []string{"OutputTokensAbove(NaN)", "above 0"}},
		{"goodput of 0", "every service holds it", judged(GoodputAbove(0, TTFT.Within(time.Second))), []string{"GoodputAbove(0", "above 0"}},
		{"endless goodput", "no service holds it", judged(GoodputAbove(math.Inf(1), TTFT.Within(time.Second))), []string{"GoodputAbove(+Inf", "above 0"}},
		{"goodput without limits", "it is throughput", judged(GoodputAbove(2)), []string{"GoodputAbove(2)", "no limit", "llmperf.TTFT.Within(", "ThroughputAbove"}},
		{"goodput by gaps", "a request has many of them", judged(GoodputAbove(2, ICL.Within(time.Second))), []string{"ICL.Within", "one value", "ITL or TPOT"}},
		{"goodput by overhead", "it is the service's, and known only beside upstreams", judged(GoodputAbove(2, Overhead.Within(time.Second))), []string{"overhead.Within", "one value", "Latency, TTFB"}},
		{"goodput limit without unit", "800 is 800 ns", judged(GoodputAbove(2, TTFT.Within(800))), []string{"TTFT.Within(800ns)", "800*time.Millisecond"}},
		{"empty goodput limit", "it limits nothing", judged(GoodputAbove(2, RequestLimit{})), []string{"RequestLimit is empty", "llmperf.TTFT.Within("}},
		{"goodput of whole answers by TTFT", "a whole answer has no first token", func(s *Scenario, slos *[]SLO) {
			s.Target = OpenAI{BaseURL: "https://llm.example/v1", Model: "m", NoStream: true}
			*slos = []SLO{GoodputAbove(2, Latency.Within(time.Second), TTFT.Within(time.Second))}
		}, []string{"goodput", "never reports TTFT", "let it stream"}},
		{"goodput above what is sent", "ten users that pause 0.3 s send 33 requests/s at most", judged(GoodputAbove(40, Latency.Within(time.Second))),
			[]string{"goodput: the step of 10 users sends 33.3 requests/s if answers took no time", "goodput > 40 requests/s (latency within 1 s) cannot hold", "ask for less, or begin with a higher load"}},
		{"throughput above what is sent", "and 4.3 with answers of 2 s", func(s *Scenario, slos *[]SLO) {
			s.ExpectedLatency = 2 * time.Second
			*slos = []SLO{ThroughputAbove(5)}
		}, []string{"throughput: the step of 10 users sends 4.35 requests/s with answers of 2 s"}},
		{"goodput of one target above what it is sent", "half of 33 requests/s", func(s *Scenario, slos *[]SLO) {
			s.Target = Mix{{Name: "a", Weight: 1, Target: idle}, {Name: "b", Weight: 1, Target: idle}}
			*slos = []SLO{OnTarget("a", GoodputAbove(20, Latency.Within(time.Second)))}
		}, []string{"goodput_a: the step of 10 users sends 16.7 requests/s"}},
		{"custom without a name", "its tests would have none", judged(Custom("", func(Step) Outcome { return Outcome{} })), []string{"Custom(\"\"", "letters, digits", "tokens_per_answer"}},
		{"custom with a slash", "it would be another test's", judged(Custom("a/b c", func(Step) Outcome { return Outcome{} })), []string{"Custom(\"a/b c\"", "becomes a test's"}},
		{"custom without a function", "nobody judges", judged(Custom("mine", nil)), []string{"Custom(\"mine\", nil)", "a function that judges a step"}},
		{"saturation below 0 users", "no step is that small", judged(NoSaturationBelow(0)), []string{"NoSaturationBelow(0)", "at least 1"}},
		{"metric without stream", "a whole answer has no first token", func(s *Scenario, slos *[]SLO) {
			s.Target = OpenAI{BaseURL: "https://llm.example/v1", Model: "m", NoStream: true}
			*slos = []SLO{TTFT.P95Below(time.Second)}
		}, []string{"ttft_p95", "OpenAI m at https://llm.example/v1", "never reports TTFT", "let it stream", "latency instead"}},
		{"UpTo nobody", "no step is that small", judged(UpTo(0, TailRatioBelow(2))), []string{"UpTo(0", "at least 1"}},
		{"UpTo nothing", "it judges nothing", judged(UpTo(10)), []string{"UpTo(10)", "no SLO", "at least one"}},
		{"scope below the profile", "the smallest step has 10 users", judged(UpTo(5, TailRatioBelow(2))), []string{"tail_ratio", "at most 5 users", "smallest step has 10", "raise the limit", "smaller steps"}},
		{"saturation above the profile", "no step shows how 200 users fare", judged(NoSaturationBelow(200)), []string{"saturation", "200 users", "highest has 30", "raise the profile's users"}},

		{"empty base URL", "there is nowhere to send to", openAI(OpenAI{Model: "m"}), []string{"OpenAI.BaseURL", "empty", "http://localhost:8080/v1"}},
		{"base URL without scheme", "http or https can't be guessed", openAI(OpenAI{BaseURL: "localhost:8080/v1", Model: "m"}), []string{"OpenAI.BaseURL", "localhost:8080/v1", "scheme and host", "http://localhost:8080/v1"}},
		{"base URL that is none", "it can't be parsed", openAI(OpenAI{BaseURL: "http://%zz", Model: "m"}), []string{"OpenAI.BaseURL", "not a URL", "http://localhost:8080/v1"}},
		{"base URL too long", "the path is added", openAI(OpenAI{BaseURL: "http://localhost/v1/chat/completions/", Model: "m"}), []string{"OpenAI.BaseURL", "http://localhost/v1/chat/completions", "leave out /chat/completions"}},
		{"missing model", "servers want one", openAI(OpenAI{BaseURL: "http://localhost/v1"}), []string{"OpenAI.Model", "empty", `such as "any"`}},
		{"negative MaxTokens", "no answer is that short", openAI(OpenAI{BaseURL: "http://localhost/v1", Model: "m", MaxTokens: -1}), []string{"OpenAI.MaxTokens", "is -1", "or 0 for none"}},
		{"missing prompt file", "it is read before any load", openAI(OpenAI{BaseURL: "http://localhost/v1", Model: "m", Prompts: PromptFile("testdata/no such file.jsonl")}), []string{"OpenAI.Prompts", "prompt file", "testdata/no such file.jsonl"}},
		{"no prompt texts", "there is nothing to ask", openAI(OpenAI{BaseURL: "http://localhost/v1", Model: "m", Prompts: PromptTexts()}), []string{"OpenAI.Prompts", "PromptTexts has no texts", "at least one"}},

		{"think time upside down", "the least is above the most", scenario(func(s *Scenario) { s.Think = Between(time.Second, time.Millisecond) }), []string{"scenario.Think", "Between(1s, 1ms)", "0 <= min <= max"}},
		{"negative think time", "users can't think for less than no time", scenario(func(s *Scenario) { s.Think = Constant(-time.Second) }), []string{"scenario.Think", "-1s", "0 <= min <= max"}},
		{"exponential pauses without a mean", "that would be no pause", scenario(func(s *Scenario) { s.Think = Exponential(0) }), []string{"scenario.Think", "Exponential(0s)", "a mean of at least 20µs", "time.Second", "llmperf.NoThink"}},
		{"exponential pauses of a negative mean", "users can't think for less than no time", scenario(func(s *Scenario) { s.Think = Exponential(-time.Second) }), []string{"scenario.Think", "Exponential(-1s)", "a mean of at least"}},
		{"pacing without a time", "users would send without end", scenario(func(s *Scenario) { s.Think = Pacing(0) }), []string{"scenario.Think", "Pacing(0s)", "from one request of a user to its next", "time.Second", "llmperf.NoThink"}},
		{"negative pacing", "time does not run backwards", scenario(func(s *Scenario) { s.Think = Pacing(-time.Second) }), []string{"scenario.Think", "Pacing(-1s)", "at least 20µs"}},
		{"pacing without unit", "2 is 2 ns", scenario(func(s *Scenario) { s.Think = Pacing(2) }), []string{"scenario.Think", "Pacing(2ns)", "time.Second"}},
		{"no burstiness", "all requests would come at once", scenario(func(s *Scenario) { s.Arrivals = Gamma(0) }), []string{"scenario.Arrivals", "Gamma(0)", "from 0.01 to 1000", "such as 0.5", "llmperf.Poisson", "llmperf.Evenly"}},
		{"negative burstiness", "no distribution has such a shape", scenario(func(s *Scenario) { s.Arrivals = Gamma(-1) }), []string{"scenario.Arrivals", "Gamma(-1)", "from 0.01 to 1000"}},
		{"too little burstiness", "gaps would vary by nothing", scenario(func(s *Scenario) { s.Arrivals = Gamma(math.Inf(1)) }), []string{"scenario.Arrivals", "Gamma(+Inf)", "llmperf.Evenly"}},
		{"negative warm-up", "only NoWarmup is", scenario(func(s *Scenario) { s.Warmup = -time.Second }), []string{"scenario.Warmup", "-1s", "llmperf.NoWarmup"}},
		{"timeout without unit", "30 is 30 ns", scenario(func(s *Scenario) { s.Timeout = 30 }), []string{"scenario.Timeout", "30ns", "30*time.Second"}},
		{"negative timeout", "every request would fail", scenario(func(s *Scenario) { s.Timeout = -time.Second }), []string{"scenario.Timeout", "-1s", "at least 1ms"}},
		{"confidence in percent", "95 is not a share", scenario(func(s *Scenario) { s.Confidence = 95 }), []string{"scenario.Confidence", "is 95", "between 0.5 and 1", "0.95"}},
		{"confidence of a coin", "half proves nothing", scenario(func(s *Scenario) { s.Confidence = 0.5 }), []string{"scenario.Confidence", "is 0.5", "between 0.5 and 1", "0.95"}},
		{"certainty", "no sample gives it", scenario(func(s *Scenario) { s.Confidence = 1 }), []string{"scenario.Confidence", "is 1", "between 0.5 and 1", "0.95"}},
		{"saturation ratio of 1", "the baseline itself would be saturated", scenario(func(s *Scenario) { s.SaturationRatio = 1 }), []string{"scenario.SaturationRatio", "is 1", "such as 2"}},
		{"zero stop", "it says nothing", scenario(func(s *Scenario) { s.Stop = []Stop{WhenSaturated, {}} }), []string{"scenario.Stop[1]", "the zero Stop", "llmperf.WhenFailing(0.3)"}},
		{"stop when failing in percent", "30 is 3,000 %", scenario(func(s *Scenario) { s.Stop = []Stop{WhenFailing(30)} }), []string{"scenario.Stop[0]", "WhenFailing(30)", "between 0 and 1", "0.3 for 30 %"}},
		{"stop when anything fails", "one failure proves more than nothing", scenario(func(s *Scenario) { s.Stop = []Stop{WhenFailing(0)} }), []string{"WhenFailing(0)", "between 0 and 1"}},
		{"negative budget of requests", "less than none can't be sent", scenario(func(s *Scenario) { s.Budget.Requests = -5 }), []string{"scenario.Budget.Requests", "is -5", "0 for no limit"}},
		{"negative budget of tokens", "less than none can't be had", scenario(func(s *Scenario) { s.Budget.Tokens = -5 }), []string{"scenario.Budget.Tokens", "is -5", "0 for no limit"}},
		{"budget of less than a request", "the first would not be sent", scenario(func(s *Scenario) { s.Budget.Tokens = 400 }), []string{"scenario.Budget.Tokens", "is 400", "not even the first request", "reckoned with 1,000", "MaxTokens"}},
		{"cost without price", "nobody knows what anything costs", scenario(func(s *Scenario) { s.Budget.Cost = 5 }), []string{"scenario.Budget.Cost", "is 5", "scenario.Price is not set", "llmperf.Price{Input"}},
		{"cost of less than a request", "the first would not be sent", scenario(func(s *Scenario) { s.Budget.Cost, s.Price.Output = 0.001, 15 }), []string{"scenario.Budget.Cost", "is 0.001", "reckoned with 1,000 tokens, for 0.0075"}},
		{"negative cost", "nothing is that cheap", scenario(func(s *Scenario) { s.Budget.Cost, s.Price.Output = -1, 15 }), []string{"scenario.Budget.Cost", "is -1", "0 for no limit"}},
		{"negative price", "nobody pays for being asked", scenario(func(s *Scenario) { s.Price.CachedInput = -1 }), []string{"scenario.Price.CachedInput", "is -1", "a million tokens"}},
		{"budget of the warm-up", "no step would be measured", scenario(func(s *Scenario) { s.Budget.Requests, s.ExpectedLatency = 200, time.Second }), []string{"scenario.Budget.Requests", "is 200", "about 230 requests", "raise it", "scenario.Warmup"}},
		{"short by ten", "no run gets shorter by getting longer", scenario(func(s *Scenario) { s.Short = 10 }), []string{"scenario.Short", "is 10", "between 0 and 1", "such as 0.1"}},
		{"saturation failures in percent", "1 is 100 %", scenario(func(s *Scenario) { s.SaturationFailures = 1 }), []string{"scenario.SaturationFailures", "is 1", "0.01 for 1 %"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, slos := sound()
			tt.change(&s, &slos)
			err := planOf(s, slos, time.Time{})
			require.Error(t, err, tt.reason)
			for _, want := range tt.want {
				assert.ErrorContains(t, err, want, tt.reason)
			}
			assert.NotContains(t, err.Error(), "%!", "a format verb is wrong")
		})
	}
}

// TestPlanRefusesNaN holds because a comparison with NaN is false whichever way
// it goes, and a verdict by it means nothing.
func TestPlanRefusesNaN(t *testing.T) {
	nan := math.NaN()
	for field, change := range map[string]func(*Scenario){
		"scenario.Confidence":         func(s *Scenario) { s.Confidence = nan },
		"scenario.Arrivals":           func(s *Scenario) { s.Arrivals = Gamma(nan) },
		"scenario.SaturationRatio":    func(s *Scenario) { s.SaturationRatio = nan },
		"scenario.SaturationFailures": func(s *Scenario) { s.SaturationFailures = nan },
		"scenario.Stop":               func(s *Scenario) { s.Stop = []Stop{WhenFailing(nan)} },
		"scenario.Budget.Cost":        func(s *Scenario) { s.Budget.Cost, s.Price.Input = nan, 1 },
		"scenario.Price.Input":        func(s *Scenario) { s.Price.Input = nan },
		"scenario.Short":              func(s *Scenario) { s.Short = nan },
	} {
		t.Run(field, func(t *testing.T) {
			s, slos := sound()
			change(&s)
			assert.ErrorContains(t, planOf(s, slos, time.Time{}), field)
		})
	}
}

func TestPlanRefusesANearDeadline(t *testing.T) {
	s, slos := sound()
	err := planOf(s, slos, time.Now().Add(3*time.Minute+30*time.Second))
	require.Error(t, err, "three minutes, a warm-up of 30 s, and no time for reports")
	assert.ErrorContains(t, err, "the profile takes 3m30s")
	// Go test's time runs since before the first test: with what was spent of it by now.
	advice := regexp.MustCompile(`-timeout (\S+), or shorten the profile`).FindStringSubmatch(err.Error())
	require.NotNil(t, advice, "%v", err)
	enough, wrong := time.ParseDuration(advice[1])
	require.NoError(t, wrong)
	assert.GreaterOrEqual(t, enough, 7*time.Minute)
	assert.NoError(t, planOf(s, slos, time.Now().Add(7*time.Minute)), "which would do")
}

func TestPlanTellsAllMistakesAtOnce(t *testing.T) {
	err := planOf(Scenario{Target: OpenAI{}, Timeout: 5, Profile: StepProfile{}}, []SLO{TTFT.P95Below(3), nil}, time.Time{})
	for _, want := range []string{"OpenAI.BaseURL", "OpenAI.Model", "scenario.Timeout", "StepProfile.StepUsers", "StepProfile.StepTime", "StepProfile.MaxUsers", "TTFT.P95Below", "SLO is nil"} {
		assert.ErrorContains(t, err, want)
	}
}

func TestPlannedSteps(t *testing.T) {
	assert.Equal(t, 10, plannedSteps(StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 100}))
	assert.Equal(t, 20, plannedSteps(deciding{}), "of an unknown profile many steps are assumed")
}

func TestMeasurable(t *testing.T) {
	checks := SLOs{TTFT.P95Below(time.Second), Latency.P95Below(time.Second), FailureRateBelow(0.01)}.checks()
	warm := &Step{Stats: Stats{Requests: 5, Latency: newDistribution([]float64{1, 2, 3, 4, 5})}}
	err := measurable(checks, warm)
	require.Error(t, err, "a run on a metric that never comes would be vain")
	assert.ErrorContains(t, err, "ttft_p95")
	assert.ErrorContains(t, err, "TTFT in the 5 successful requests")
	assert.NotContains(t, err.Error(), "latency", "the other SLOs are fine")
	checks = SLOs{OutputTokensAbove(1), GoodputAbove(1, Latency.Within(time.Second), ITL.Within(time.Second))}.checks()
	err = measurable(checks, warm)
	assert.ErrorContains(t, err, "output_tokens cannot be judged: the target never reported output tokens in the 5 successful requests of the warm-up")
	assert.ErrorContains(t, err, "goodput cannot be judged: the target never reported ITL in the 5 successful requests of the warm-up")
	assert.NoError(t, measurable(checks, &Step{Stats: Stats{Requests: 5, Failed: 5}}), "without a success nothing is known of the metrics")
}
