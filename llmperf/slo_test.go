package llmperf

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

func TestVerdictRules(t *testing.T) {
	inf := math.Inf(1)
	between := func(low, high float64) stats.Interval { return stats.Interval{Low: low, Estimate: low, High: high} }
	tests := []struct {
		name, reason  string
		shown, strict stats.Interval
		want          Verdict
	}{
		{"below", "even the upper bound is within the limit of 10", between(5, 9), between(4, 11), Pass},
		{"above", "even the stricter lower bound is past it", between(12, 15), between(11, 16), Fail},
		{"lower bound on the limit", "below 10 is claimed, and 10 is not", between(11, 15), between(10, 16), Fail},
		{"upper bound on the limit", "10 itself would not be below 10", between(5, 10), between(4, 11), Inconclusive},
		{"around", "either may be true", between(9, 11), between(8, 12), Inconclusive},
		{"past at the shown confidence only", "a failure takes the stricter bound", between(10.5, 12), between(9.5, 13), Inconclusive},
		{"no upper bound", "too few requests prove nothing", between(5, inf), between(4, inf), Inconclusive},
		{"no upper bound and far above", "few requests still refute", between(50, inf), between(40, inf), Fail},
		{"no bounds at all", "nothing was measured", between(0, inf), between(0, inf), Inconclusive},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, verdict(tt.shown, tt.strict, 10), tt.reason)
		})
	}
}

// TestQuantileVerdictsByHand uses latencies of 1 to 100 ms, for which the ranks
// of the bounds are known: P(Bin(100, 0.5) ≤ 57) = 0.933 and of 58 0.956, so
// that the 59th bounds the median from above and the 42nd from below.
func TestQuantileVerdictsByHand(t *testing.T) {
	values := make([]float64, 100)
	for i := range values {
		values[i] = float64(time.Duration(i+1) * time.Millisecond)
	}
	r := &Result{Steps: []Step{{Name: "users=1", Load: Load{Users: 1}, Stats: Stats{Requests: 100, Latency: newDistribution(values)}}}}
	r.scenario = Scenario{}.withDefaults()
	for limit, want := range map[time.Duration]Verdict{
		60 * time.Millisecond: Pass, 59 * time.Millisecond: Inconclusive, 50 * time.Millisecond: Inconclusive,
		43 * time.Millisecond: Inconclusive, 42 * time.Millisecond: Fail, 41 * time.Millisecond: Fail,
	} {
		o := r.Check(Latency.P50Below(limit))[0]
		assert.Equal(t, want, o.Verdict, "limit %v", limit)
		assert.InDelta(t, 0.050, o.Seen, 1e-9)
		assert.InDelta(t, 0.042, o.Low, 1e-9)
		assert.InDelta(t, 0.059, o.High, 1e-9)
		assert.Equal(t, 100, o.N)
		assert.Equal(t, "s", o.Unit)
		assert.Equal(t, "users=1", o.Step)
		assert.Equal(t, 0.95, o.Confidence)
	}
}

func TestFailureOfOneStepIsGuard(t *testing.T) {
	r := madeResult(made{users: 10, requests: 500, median: time.Second, sigma: 0.1}, made{users: 20, requests: 3000, median: time.Second, sigma: 0.1})
	o := r.Check(FailureRateBelow(0.001))
	require.Len(t, o, 3)
	assert.Equal(t, Pass, o[0].Verdict)
	assert.True(t, o[0].Guard, "500 requests refute nothing, and prove nothing either")
	assert.Equal(t, Pass, o[1].Verdict)
	assert.False(t, o[1].Guard, "3,000 requests without a failure are a proof")
	assert.Equal(t, Pass, o[2].Verdict)
	assert.Empty(t, o[2].Step, "the last outcome is of the whole run")
	assert.Equal(t, 3500, o[2].N)
}

func TestTheErrorIsSharedAmongStepsAndLooks(t *testing.T) {
	once := Scenario{Confidence: 0.95}
	held := Scenario{Confidence: 0.94, HoldUntilDecided: true}
	assert.Equal(t, judge{pass: 0.95, fail: 0.95, run: 0.95}, roundJudge(newJudge(once, 1)))
	assert.Equal(t, judge{pass: 0.95, fail: 0.995, run: 0.95}, roundJudge(newJudge(once, 10)))
	assert.Equal(t, judge{pass: 0.95, fail: 0.95, run: 0.95}, roundJudge(newJudge(once, 0)), "no step is no division by zero")
	assert.Equal(t, judge{pass: 0.98, fail: 0.998, run: 0.94}, roundJudge(newJudge(held, 10)), "a third for each look")
}

func roundJudge(j judge) judge {
	round := func(v float64) float64 { return math.Round(v*1e9) / 1e9 }
	return judge{round(j.pass), round(j.fail), round(j.run)}
}

func TestUpTo(t *testing.T) {
	tests := []struct {
		name, reason string
		slo          SLO
		want         []string // name, and the most users of its scope
	}{
		{"none", "the default scope is every step", TailRatioBelow(2), []string{"tail_ratio 0"}},
		{"several", "one scope holds for all of them", UpTo(20, TailRatioBelow(2), FailureRateBelow(0.01)), []string{"tail_ratio 20", "failure_rate 20"}},
		{"nested wider inside", "both limits hold", UpTo(20, UpTo(50, TailRatioBelow(2))), []string{"tail_ratio 20"}},
		{"nested narrower inside", "both limits hold", UpTo(50, UpTo(20, TailRatioBelow(2)), FailureRateBelow(0.01)), []string{"tail_ratio 20", "failure_rate 50"}},
		{"set", "a set is an SLO", UpTo(20, SLOs{TailRatioBelow(2), SLOs{ThroughputAbove(1)}}), []string{"tail_ratio 20", "throughput 20"}},
		{"set of scopes", "sets keep the scopes in them", SLOs{UpTo(10, TailRatioBelow(2)), ThroughputAbove(1)}, []string{"tail_ratio 10", "throughput 0"}},
		{"saturation", "it has a scope of its own", UpTo(50, NoSaturationBelow(30)), []string{"saturation 30"}},
		{"empty set", "it holds nothing", SLOs{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range tt.slo.checks() {
				require.NoError(t, c.err)
				got = append(got, fmt.Sprintf("%s %d", c.name, int(c.scope.level)))
			}
			assert.Equal(t, tt.want, got, tt.reason)
		})
	}
}

func TestUpToLeavesASharedSetAlone(t *testing.T) {
	shared := SLOs{TailRatioBelow(2)}
	_ = UpTo(10, shared).checks()
	assert.Zero(t, shared.checks()[0].scope, "several tests may share one set")
}

func TestUniqueNames(t *testing.T) {
	checks := SLOs{UpTo(10, TTFT.P95Below(time.Second)), TTFT.P95Below(2 * time.Second), TTFT.P99Below(time.Second), TTFT.P95Below(3 * time.Second)}.checks()
	var names []string
	for _, c := range uniqueNames(checks) {
		names = append(names, c.name)
	}
	assert.Equal(t, []string{"ttft_p95", "ttft_p95_2", "ttft_p99", "ttft_p95_3"}, names)
	assert.Equal(t, "ttft_p95", checks[1].name, "the given checks stay as they are")
}

func TestCheck(t *testing.T) {
	load := func(users int) made {
		return made{users: users, requests: 1000, median: time.Second, sigma: 0.1}
	}
	r := madeResult(load(10), load(20), load(30))
	tests := []struct {
		name, reason string
		slo          SLO
		want         []string // name, step, verdict
		fragment     string   // of the last message
	}{
		{"every step", "the default scope", Latency.P95Below(2 * time.Second), []string{"latency_p95 users=10 pass", "latency_p95 users=20 pass", "latency_p95 users=30 pass"}, "PASS"},
		{"some steps", "the step of 30 is out of scope", UpTo(20, Latency.P95Below(time.Second)), []string{"latency_p95 users=10 fail", "latency_p95 users=20 fail"}, "FAIL"},
		{"whole run", "saturation compares steps", NoSaturationBelow(30), []string{"saturation  pass"}, "PASS"},
		{"never measured", "to say nothing would look like a pass", UpTo(10, ICL.P95Below(time.Second)), []string{"icl_p95 users=10 fail"}, "never reported ICL in the 1,000 successful requests"},
		{"no step in scope", "to say nothing would look like a pass", UpTo(5, Latency.P95Below(time.Second)), []string{"latency_p95  fail"}, "at most 5 users"},
		{"no step so high", "nobody knows how 50 users fare", NoSaturationBelow(50), []string{"saturation  fail"}, "no step was loaded to 50 users; the highest had 30"},
		{"nil", "there is no such SLO", nil, []string{"nil  fail"}, "an SLO is nil"},
		{"no limit", "an SLO that can't be is told so", UpTo(10, TTFT.P95Below(800)), []string{"ttft_p95 users=10 fail", "ttft_p95  fail"}, "800*time.Millisecond"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			outcomes := r.Check(tt.slo)
			var got []string
			for _, o := range outcomes {
				got = append(got, fmt.Sprintf("%s %s %s", o.Name, o.Step, o.Verdict))
			}
			require.Equal(t, tt.want, got, tt.reason)
			assert.Contains(t, outcomes[len(outcomes)-1].Message, tt.fragment, tt.reason)
		})
	}
}

func TestCheckOfARunWithoutSteps(t *testing.T) {
	r := madeResult()
	for _, slo := range []SLO{Latency.P95Below(time.Second), TailRatioBelow(2), FailureRateBelow(0.1), ThroughputAbove(1), NoSaturationBelow(10)} {
		outcomes := r.Check(slo)
		require.Len(t, outcomes, 1)
		assert.Equal(t, Fail, outcomes[0].Verdict, "nothing measured must not pass: %s", outcomes[0].Message)
	}
}

// fakeT keeps what an assertion reports.
type fakeT struct{ errors []string }

func (f *fakeT) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

func TestOutcomeAssert(t *testing.T) {
	tests := []struct {
		name, reason string
		verdict      Verdict
		ok           bool
	}{
		{"pass", "nothing is wrong", Pass, true},
		{"inconclusive", "thin evidence is no failure", Inconclusive, true},
		{"fail", "the SLO is refuted", Fail, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var f fakeT
			o := Outcome{Verdict: tt.verdict, Message: "TTFT p95 is too high"}
			assert.Equal(t, tt.ok, o.Assert(&f, "model %s", "m"), tt.reason)
			if tt.ok {
				assert.Empty(t, f.errors)
				return
			}
			require.Len(t, f.errors, 1)
			assert.Contains(t, f.errors[0], "TTFT p95 is too high")
			assert.Contains(t, f.errors[0], "model m")
			assert.Contains(t, f.errors[0], "slo_test.go", "the caller's place")
		})
	}
}
