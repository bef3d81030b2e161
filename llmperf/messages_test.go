package llmperf

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

// lognormal is n times of the given median whose logarithms have standard
// deviation sigma, the same in every run.
func lognormal(n int, median time.Duration, sigma float64) Distribution {
	return newDistribution(logNormals(n, median, sigma))
}

func logNormals(n int, median time.Duration, sigma float64) []float64 {
	r := rand.New(rand.NewPCG(uint64(n), uint64(median)+uint64(1e6*sigma)))
	values := make([]float64, n)
	for i := range values {
		values[i] = float64(median) * math.Exp(sigma*r.NormFloat64())
	}
	return values
}

// bursts is like lognormal, but length requests in a row, each of another user,
// are about as slow as each other.
func bursts(n, length int, median time.Duration, sigma float64) Distribution {
	values := logNormals(n, median, sigma)
	slices.Sort(values)
	order := rand.New(rand.NewPCG(1, 1)).Perm(n / length)
	var measured []stats.Observation
	for _, burst := range order {
		for i, v := range values[burst*length:][:length] {
			measured = append(measured, stats.Observation{User: i, Value: v})
		}
	}
	return observe(measured)
}

// A load of made-up requests, from which madeStep makes a step.
type made struct {
	users, requests, failed int
	median                  time.Duration // of latency; other metrics are shares of it
	sigma                   float64
	bursts                  int // so many requests in a row are as slow as each other; 0 for one
}

// madeStep is a step of a minute, of which 50 s were measured.
func madeStep(m made) Step {
	ok := m.requests - m.failed
	s := Step{
		Name: fmt.Sprintf("users=%d", m.users), Load: Load{Users: m.users, Hold: time.Minute},
		Until: time.Minute, From: 10 * time.Second,
		Stats: Stats{
			Requests: m.requests, Failed: m.failed, Seconds: 50, RPS: float64(m.requests) / 50, Throughput: float64(ok) / 50,
			Latency: lognormal(ok, m.median, m.sigma), TTFB: lognormal(ok, m.median/10, m.sigma), TTFT: lognormal(ok, m.median/8, m.sigma),
			ITL: lognormal(ok, m.median/100, m.sigma/4), TPOT: lognormal(ok, m.median/90, m.sigma/4),
		},
	}
	if m.bursts > 0 {
		s.Latency = bursts(ok, m.bursts, m.median, m.sigma)
	}
	s.samples = madeSamples(m, s.From, s.Until)
	for i := range s.samples {
		s.OutputTokens += s.samples[i].OutputTokens()
	}
	s.OutputTokensPerSecond = float64(s.OutputTokens) / s.Seconds
	s.TailRatio = float64(s.Latency.P99) / float64(max(s.Latency.P50, 1))
	if m.failed > 0 {
		s.FailureRate = float64(m.failed) / float64(m.requests)
		s.Failures = map[string]int{"timeout": (m.failed + 1) / 2}
		if m.failed > 1 {
			s.Failures["status 503"] = m.failed / 2
		}
	}
	return s
}

// madeSamples are the requests of a made-up load, sent evenly by users in turn.
// Where they come in bursts, every other burst is twice as slow and half as long.
func madeSamples(m made, from, until time.Duration) []record.Sample {
	samples := make([]record.Sample, m.requests)
	latencies := logNormals(m.requests, m.median, m.sigma)
	lengths := logNormals(m.requests, 100, 0.5)
	for i := range samples {
		latency, tokens := int64(latencies[i]), int32(lengths[i])
		if m.bursts > 0 && i/m.bursts%2 == 1 {
			latency, tokens = 2*latency, tokens/2
		}
		sent := int64(from) + int64(until-from)*int64(i)/int64(m.requests)
		samples[i] = record.Sample{
			User: int32(i % m.users), Number: int32(i / m.users), Sent: sent, FirstByte: sent + latency/10, FirstToken: sent + latency/8,
			LastToken: sent + latency, End: sent + latency, Chunks: tokens, Tokens: tokens, FirstTokens: 1,
		}
		if m.failed > 0 && i%max(1, m.requests/m.failed) == 0 && i/max(1, m.requests/m.failed) < m.failed {
			samples[i].Class, samples[i].Tokens = record.Timeout, 0
		}
	}
	return samples
}

// madeResult is the result of the given loads at the default confidence.
func madeResult(loads ...made) *Result {
	r := &Result{Schema: SchemaVersion, Target: "made up", scenario: Scenario{Target: idle}.withDefaults()}
	for i, m := range loads {
		s := madeStep(m)
		s.Index = i
		r.Steps = append(r.Steps, s)
		r.Total.Requests += s.Requests
		r.Total.Failed += s.Failed
	}
	return r
}

// golden compares text with a file below testdata, or writes the file.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("LLMPERF_GOLDEN") == "1" {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "LLMPERF_GOLDEN=1 go test writes it")
	assert.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), text)
}

// usual is a step with enough requests for every percentile.
var usual = made{users: 50, requests: 1200, median: 2 * time.Second, sigma: 0.3}

// beside changes a copy of m.
func beside(m made, change func(*made)) made {
	change(&m)
	return m
}

// A messageTest is what a made-up run makes an SLO say.
type messageTest struct {
	file, reason string
	result       *Result
	slo          SLO
	want         Verdict // of the last outcome
}

func TestMessages(t *testing.T) {
	thin := func(m made, requests int) made { return beside(m, func(m *made) { m.requests = requests }) }
	failing := func(requests, failed int) made {
		return beside(usual, func(m *made) { m.requests, m.failed = requests, failed })
	}
	// At a median of m and a sigma of 0.3, p95 is near 1.64 m and p99 near 2.01 m.
	step := func(users int, slower float64) made {
		return beside(usual, func(m *made) { m.users, m.median = users, time.Duration(slower*float64(m.median)) })
	}
	ms := time.Millisecond
	tests := []messageTest{
		{"latency_p95_pass", "the limit is far above", madeResult(usual), Latency.P95Below(5 * time.Second), Pass},
		{"latency_p95_fail", "the limit is far below", madeResult(usual), Latency.P95Below(2 * time.Second), Fail},
		{"latency_p95_inconclusive", "the limit is just there", madeResult(usual), Latency.P95Below(3280 * ms), Inconclusive},
		{"latency_p95_few", "40 requests are fewer than the 59 that p95 takes", madeResult(thin(usual, 40)), Latency.P95Below(5 * time.Second), Inconclusive},
		{"latency_p99_few", "120 requests are fewer than the 299 that p99 takes", madeResult(thin(usual, 120)), Latency.P99Below(10 * time.Second), Inconclusive},
		{"latency_p95_few_fail", "few requests still refute what is far off", madeResult(thin(usual, 40)), Latency.P95Below(time.Second), Fail},
		{"latency_p95_none", "all requests failed", madeResult(failing(80, 80)), Latency.P95Below(time.Second), Inconclusive},
		{"latency_p50_pass", "the median is proved by few", madeResult(thin(usual, 40)), Latency.P50Below(4 * time.Second), Pass},
		{"latency_p90_long", "times above 10 s are shown in seconds", madeResult(step(50, 20)), Latency.P90Below(58 * time.Second), Inconclusive},
		{"latency_p95_one_of_many", "one step is past the limit, but not surely enough for one among twenty", oneOfMany(), UpTo(10, Latency.P95Below(3180*ms)), Inconclusive},
		{"ttfb_p90_pass", "another metric", madeResult(usual), TTFB.P90Below(800 * ms), Pass},
		{"ttft_p95_fail", "another metric", madeResult(usual), TTFT.P95Below(200 * ms), Fail},
		{"itl_p99_inconclusive", "another metric", madeResult(usual), ITL.P99Below(23800 * time.Microsecond), Inconclusive},
		{"tpot_p50_fail", "times below 10 ms are shown to three digits", madeResult(beside(usual, func(m *made) { m.median = 300 * ms })), TPOT.P50Below(2500 * time.Microsecond), Fail},

		{"latency_p95_effective", "requests that depend on each other a little are worth fewer", madeResult(beside(usual, func(m *made) { m.bursts = 4 })), Latency.P95Below(2900 * ms), Fail},
		{"latency_p95_dependent", "requests that depend on each other much are warned of", madeResult(beside(usual, func(m *made) { m.bursts = 20 })), Latency.P95Below(3400 * ms), Inconclusive},
		{"latency_p95_few_effective", "of 100 requests too few are independent", madeResult(beside(usual, func(m *made) { m.requests, m.bursts = 100, 4 })), Latency.P95Below(5 * time.Second), Inconclusive},
		{"latency_p95_cut_off", "requests that were cut off may have been slow, for all that is known", cutOff(60), Latency.P95Below(5 * time.Second), Inconclusive},
		{"latency_p95_cut_off_fail", "requests that were cut off had been slow already", cutOff(200), Latency.P95Below(5 * time.Second), Fail},
		{"latency_p95_held", "three looks at a step each take a third of the error", held(madeResult(usual)), Latency.P95Below(5 * time.Second), Pass},

		{"guard_pass", "what is not refuted passes", madeResult(usual), Guard(Latency.P95Below(3280 * ms)), Pass},
		{"guard_proved", "what is proved passes as without a guard", madeResult(usual), Guard(Latency.P95Below(5 * time.Second)), Pass},
		{"guard_fail", "what is refuted fails all the same", madeResult(usual), Guard(Latency.P95Below(2 * time.Second)), Fail},
		{"guard_few", "few requests refute nothing", madeResult(thin(usual, 40)), UpTo(50, Guard(TailRatioBelow(2), FailureRateBelow(0.001))), Pass},
		{"guard_none", "nothing was measured", madeResult(failing(80, 80)), Guard(Latency.P95Below(time.Second)), Inconclusive},

		{"tail_ratio_pass", "a steady service", madeResult(usual), TailRatioBelow(3), Pass},
		{"tail_ratio_fail", "a service with a tail", madeResult(beside(usual, func(m *made) { m.sigma = 0.8 })), TailRatioBelow(2), Fail},
		{"tail_ratio_inconclusive", "the limit is just there", madeResult(usual), TailRatioBelow(2), Inconclusive},
		{"tail_ratio_few", "120 requests are fewer than the 299 that p99 takes", madeResult(thin(usual, 120)), TailRatioBelow(3), Inconclusive},

		{"failure_rate_pass", "3,000 requests without a failure prove 0.1 %", madeResult(failing(3000, 0)), FailureRateBelow(0.001), Pass},
		{"failure_rate_fail", "1 in 30 is far above 0.1 %", madeResult(failing(600, 20)), FailureRateBelow(0.001), Fail},
		{"failure_rate_few", "600 requests without a failure don't prove 0.1 %", madeResult(failing(600, 0)), FailureRateBelow(0.001), Inconclusive},
		{"failure_rate_one", "with a failure it takes more requests", madeResult(failing(3000, 1)), FailureRateBelow(0.001), Inconclusive},
		{"failure_rate_inconclusive", "as many failures as the limit allows", madeResult(failing(3000, 4)), FailureRateBelow(0.001), Inconclusive},
		{"failure_rate_together", "no step proves it, all together do", madeResult(failing(1000, 0), failing(1000, 0), failing(1500, 0)), FailureRateBelow(0.001), Pass},
		{"failure_rate_none", "nothing was measured", madeResult(failing(0, 0)), FailureRateBelow(0.001), Inconclusive},

		{"throughput_pass", "24 requests/s were seen", madeResult(usual), ThroughputAbove(20), Pass},
		{"throughput_fail", "24 requests/s were seen", madeResult(usual), ThroughputAbove(30), Fail},
		{"throughput_inconclusive", "24 requests/s were seen", madeResult(usual), ThroughputAbove(24), Inconclusive},

		{"output_tokens_pass", "2,700 tokens/s were seen", madeResult(usual), OutputTokensAbove(2000), Pass},
		{"output_tokens_fail", "2,700 tokens/s were seen", madeResult(usual), OutputTokensAbove(3500), Fail},
		{"output_tokens_inconclusive", "2,700 tokens/s were seen", madeResult(usual), OutputTokensAbove(2650), Inconclusive},
		{"output_tokens_dependent", "the length of answers changes from time to time", madeResult(beside(usual, func(m *made) { m.bursts = 240 })), OutputTokensAbove(1900), Inconclusive},
		{"output_tokens_none", "all requests failed", madeResult(failing(80, 80)), OutputTokensAbove(100), Inconclusive},
		{"output_tokens_never", "the target counts no tokens", tokenless(madeResult(usual)), OutputTokensAbove(100), Fail},

		{"goodput_pass", "four in five requests are good", madeResult(usual), GoodputAbove(15, TTFT.Within(400*ms), Latency.Within(2600*ms)), Pass},
		{"goodput_fail", "half the requests are good", madeResult(usual), GoodputAbove(15, Latency.Within(2*time.Second)), Fail},
		{"goodput_inconclusive", "half the requests are good", madeResult(usual), GoodputAbove(11.8, Latency.Within(2*time.Second)), Inconclusive},
		{"goodput_all", "every request is good", madeResult(usual), GoodputAbove(20, ITL.Within(time.Second)), Pass},
		{"goodput_failures", "failed requests are never good, whatever they took", madeResult(failing(1200, 300)), GoodputAbove(20, TPOT.Within(time.Second), TTFB.Within(time.Second)), Fail},
		{"goodput_dependent", "slow moments slow all", madeResult(beside(usual, func(m *made) { m.bursts = 240 })), GoodputAbove(13, Latency.Within(3*time.Second)), Inconclusive},
		{"goodput_none_good", "no request is fast enough", madeResult(thin(usual, 40)), GoodputAbove(0.1, Latency.Within(100*ms)), Fail},
		{"goodput_all_failed", "nothing succeeded", madeResult(failing(80, 80)), GoodputAbove(1, Latency.Within(time.Second)), Fail},
		{"goodput_one_of_many", "one step is past the limit, but not surely enough for one among twenty", oneOfMany(), UpTo(10, GoodputAbove(18.9, Latency.Within(2450*ms))), Inconclusive},
		{"goodput_guard", "what is not refuted passes", madeResult(usual), Guard(GoodputAbove(12, Latency.Within(2*time.Second))), Pass},

		{"custom_words", "its own words come through", madeResult(usual), Custom("answers", func(s Step) Outcome {
			return Outcome{Verdict: Pass, Want: "answers > 100", Message: fmt.Sprintf("%d answers, want > 100: PASS", s.Succeeded())}
		}), Pass},
		{"custom_bare", "a verdict is enough", madeResult(usual), Custom("answers", func(Step) Outcome { return Outcome{Verdict: Fail} }), Fail},
		{"custom_guard", "what is not refuted passes", madeResult(usual), Guard(Custom("answers", func(Step) Outcome { return Outcome{Verdict: Inconclusive} })), Pass},
		{"custom_guard_words", "what is not refuted passes, and says so", madeResult(usual), Guard(Custom("answers", func(Step) Outcome {
			return Outcome{Verdict: Inconclusive, Message: "too few answers to tell"}
		})), Pass},
		{"custom_no_verdict", "to say nothing would look like a pass", madeResult(usual), Custom("answers", func(Step) Outcome { return Outcome{} }), Fail},
		{"custom_wrong_verdict", "nobody knows what it means", madeResult(usual), Custom("answers", func(Step) Outcome { return Outcome{Verdict: "ok"} }), Fail},
		{"custom_wrong_name", "it would be another test's", madeResult(usual), Custom("answers", func(Step) Outcome { return Outcome{Verdict: Pass, Name: "a/b"} }), Fail},
		{"custom_ended", "as require does", madeResult(usual), Custom("answers", func(Step) Outcome { runtime.Goexit(); return Outcome{} }), Fail},
		{"custom_nothing", "nothing was measured", madeResult(failing(0, 0)), Custom("answers", func(Step) Outcome { return Outcome{Verdict: Pass} }), Fail},

		{"saturation_fail", "p95 rises to four times the first step's", madeResult(step(10, 1), step(20, 1.1), step(30, 2.5), step(40, 4)), NoSaturationBelow(40), Fail},
		{"saturation_fail_by_failures", "latency stays, and failures don't", madeResult(step(10, 1), step(20, 1), beside(step(30, 1), func(m *made) { m.failed = 60 })), NoSaturationBelow(30), Fail},
		{"saturation_pass", "p95 hardly rises", madeResult(step(10, 1), step(20, 1.1), step(30, 1.2), step(40, 1.3)), NoSaturationBelow(40), Pass},
		{"saturation_inconclusive", "p95 about doubles", madeResult(step(10, 1), step(20, 1.1), step(30, 1.95)), NoSaturationBelow(30), Inconclusive},
		{"saturation_at_the_limit", "the step of just so many users counts", madeResult(step(10, 1), step(20, 1.1), step(30, 1.2), step(40, 4)), NoSaturationBelow(40), Fail},
		{"saturation_few", "no step has the 29 requests that p90 takes", madeResult(thin(step(10, 1), 20), thin(step(20, 1.1), 20)), NoSaturationBelow(20), Inconclusive},
		{"saturation_few_later", "the first step has enough requests, the second has not", madeResult(step(10, 1), thin(step(20, 1.1), 40)), NoSaturationBelow(20), Inconclusive},
		{"saturation_p90", "40 requests are enough for p90 and not for p95", madeResult(thin(step(10, 1), 40), thin(step(20, 1.9), 40)), NoSaturationBelow(20), Inconclusive},
		{"saturation_one_step", "there is nothing to compare with", madeResult(step(10, 1)), NoSaturationBelow(10), Inconclusive},

		{"growth_pass", "latency grows along a line", madeResult(step(10, 1), step(20, 1.5), step(30, 2), step(40, 2.5), step(50, 3)), GrowthAtMost(Linear), Pass},
		{"growth_fail", "latency shoots up at the end", madeResult(step(10, 1), step(20, 1.02), step(30, 1.05), step(40, 1.1), step(50, 4), step(60, 9)), GrowthAtMost(Linear), Fail},
		{"growth_fail_by_shedding", "latency stays, and failures don't", madeResult(step(10, 1), step(20, 1), beside(step(30, 1), func(m *made) { m.failed = 60 }), beside(step(40, 1), func(m *made) { m.failed = 90 })), GrowthAtMost(Linear), Fail},
		{"growth_flat", "latency does not grow", madeResult(step(10, 1), step(20, 1), step(30, 1.02), step(40, 1.03)), GrowthAtMost(Flat), Pass},
		{"growth_few_steps", "three steps have no sure shape", madeResult(step(10, 1), step(20, 1.5), step(30, 2)), GrowthAtMost(Linear), Inconclusive},
		{"growth_unclear", "the shape hangs on one step", madeResult(step(10, 1), step(20, 1.05), step(30, 2.6), step(40, 2.7)), GrowthAtMost(Linear), Inconclusive},

		{"not_run_step", "what was run of the SLO is judged", stopped(madeResult(step(10, 1)), 20, 30), UpTo(20, Latency.P95Below(5*time.Second)), NotRun},
		{"not_run_failure_rate", "what was seen would be a pass, were it all", stopped(madeResult(failing(3000, 0)), 60, 70), FailureRateBelow(0.001), NotRun},
		{"not_run_failed", "what was seen refutes it, whatever comes", stopped(madeResult(failing(600, 20)), 60), FailureRateBelow(0.001), Fail},
		{"not_run_inconclusive", "what was seen decides nothing yet", stopped(madeResult(failing(600, 0)), 60), FailureRateBelow(0.001), Inconclusive},
		{"not_run_in_scope", "all that the SLO is about was run", stopped(madeResult(step(10, 1), step(20, 1.1)), 30), NoSaturationBelow(20), Pass},
		{"not_run_saturation", "the highest load was not run", stopped(madeResult(step(10, 1), step(20, 1.1)), 30, 40), NoSaturationBelow(30), NotRun},
		{"not_run_saturated", "a lower load saturates it already", stopped(madeResult(step(10, 1), step(20, 4)), 30, 40), NoSaturationBelow(30), Fail},
		{"not_run_reach", "the profile decides as it goes, and did not get there", stopped(madeResult(step(10, 1), step(20, 1.1))), NoSaturationBelow(30), NotRun},
		{"not_run_growth", "the shape of all steps may be another", stopped(madeResult(step(10, 1), step(20, 1.5), step(30, 2), step(40, 2.5), step(50, 3)), 60), GrowthAtMost(Linear), NotRun},
		{"not_run_guard", "what is not refuted may yet be", stopped(madeResult(failing(600, 0)), 60), Guard(FailureRateBelow(0.001)), NotRun},
		{"not_run_none", "the run ended in the warm-up", stopped(madeResult(), 10, 20), UpTo(10, FailureRateBelow(0.01)), NotRun},
		{"not_run_aborted", "an error prevents as a stop does", aborted(madeResult(failing(3000, 0)), 60), FailureRateBelow(0.001), NotRun},
		{"growth_one_load", "in a soak test there is no load to grow over", madeResult(step(10, 1), step(10, 1.2), step(10, 1.4), step(10, 3)), GrowthAtMost(Linear), Inconclusive},

		{"recovery_pass", "13 s, the upper bound, is what was asked for", recovering(60, 0), RecoversWithin(13 * time.Second), Pass},
		{"recovery_fail", "until 12 s it had not recovered", recovering(60, 0), RecoversWithin(11 * time.Second), Fail},
		{"recovery_almost_fail", "to fail one step of three takes a stronger proof", recovering(60, 0), RecoversWithin(12 * time.Second), Inconclusive},
		{"recovery_between", "half of those sent in the second from 12 s on were slow", recovering(60, 0), RecoversWithin(12500 * ms), Inconclusive},
		{"recovery_not_seen", "the step ends before it has recovered", recovering(13, 0), RecoversWithin(13 * time.Second), Inconclusive},
		{"recovery_few", "seven seconds have 70 requests of the 72 that it takes", recovering(20, 0), RecoversWithin(15 * time.Second), Inconclusive},
		{"recovery_just_enough", "eight seconds have 80", recovering(21, 0), RecoversWithin(15 * time.Second), Pass},
		{"recovery_thin", "2.6 % of a few hundred requests are not proved to be fewer than 5 %", recovering(40, 3), RecoversWithin(15 * time.Second), Inconclusive},
		{"recovery_no_reference", "nobody knows what is slow", withoutReference(), RecoversWithin(15 * time.Second), Fail},
		{"recovery_nowhere", "the load only rises", madeResult(step(10, 1), step(20, 1)), RecoversWithin(15 * time.Second), Fail},
		{"saturation_after_a_spike", "what is slow after it is not slow of its own load", recovering(60, 0), NoSaturationBelow(200), Pass},

		{"never_measured", "the metric never came", madeResult(usual), ICL.P95Below(time.Second), Fail},
		{"no_step_in_scope", "no step is that small", madeResult(usual), UpTo(10, TailRatioBelow(2)), Fail},
		{"no_step_so_high", "no step is that large", madeResult(usual), NoSaturationBelow(80), Fail},
	}
	files := map[string]bool{}
	for _, tt := range tests {
		files[tt.file+".txt"] = true
		t.Run(tt.file, func(t *testing.T) {
			outcomes := tt.result.Check(tt.slo)
			require.NotEmpty(t, outcomes)
			var text strings.Builder
			for _, o := range outcomes {
				fmt.Fprintln(&text, o.Message)
			}
			assert.Equal(t, tt.want, outcomes[len(outcomes)-1].Verdict, "%s: %s", tt.reason, text.String())
			assert.NotContains(t, text.String(), "%!", "a format verb is wrong")
			assert.NotContains(t, text.String(), "NaN")
			assert.NotContains(t, text.String(), "Inf")
			golden(t, filepath.Join("messages", tt.file+".txt"), text.String())
		})
	}
	for _, tt := range capacityMessages {
		files[tt.file+".txt"] = true
	}
	for _, tt := range invalidMessages {
		files[tt.file+".txt"] = true
	}
	stored, err := os.ReadDir(filepath.Join("testdata", "messages"))
	require.NoError(t, err)
	for _, f := range stored {
		assert.True(t, files[f.Name()], "testdata/messages/%s belongs to no test", f.Name())
	}
}

// oneOfMany is a run of twenty steps, the first of which is judged by the
// confidence that a failure of one among twenty takes.
func oneOfMany() *Result {
	loads := make([]made, 20)
	for i := range loads {
		loads[i] = beside(usual, func(m *made) { m.users = 10 * (i + 1) })
	}
	return madeResult(loads...)
}

// cutOff is a run that had to end with so many requests in flight, which had
// waited for ten seconds.
func cutOff(n int) *Result {
	r := madeResult(usual)
	s := &r.Steps[0]
	for range n {
		s.Latency.cutOff = append(s.Latency.cutOff, 10e9)
	}
	s.Requests, s.Failed = s.Requests+n, n
	s.Failures = map[string]int{"unfinished": n}
	return r
}

// tokenless is a run whose answers have no tokens.
func tokenless(r *Result) *Result {
	r.Steps[0].OutputTokens = 0
	for i := range r.Steps[0].samples {
		r.Steps[0].samples[i].Tokens = 0
	}
	return r
}

// stopped is a run that stopped before it came to steps of so many users.
func stopped(r *Result, users ...int) *Result {
	r.Stopped = "the budget of 6,000 requests is spent"
	for _, n := range users {
		r.NotRun = append(r.NotRun, Load{Users: n, Hold: time.Minute})
	}
	return r
}

// aborted is the same of a run that was aborted.
func aborted(r *Result, users ...int) *Result {
	r = stopped(r, users...)
	r.Stopped, r.Aborted = "", "a target did not return"
	return r
}

// held is a run whose steps were held until they were decided.
func held(r *Result) *Result {
	r.scenario.HoldUntilDecided = true
	return r
}
