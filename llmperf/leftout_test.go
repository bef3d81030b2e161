package llmperf_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

func init() {
	steps := func(*testing.T) llmperf.Scenario {
		s := steady(5 * time.Millisecond)
		s.Profile, s.Warmup = llmperf.StepProfile{StepUsers: 2, StepTime: 20 * time.Second, MaxUsers: 6}, llmperf.NoWarmup
		return s
	}
	subjects["steps that fail"] = func(t *testing.T) {
		llmperf.Simulate(t, steps, llmperf.Latency.P50Below(time.Second), llmperf.Latency.P90Below(2*time.Millisecond), llmperf.NoSaturationBelow(6))
	}
	unknown := llmperf.Custom("answers", func(llmperf.Step) llmperf.Outcome {
		return llmperf.Outcome{Verdict: llmperf.Inconclusive, Message: "too few to tell"}
	})
	subjects["steps that are undecided"] = func(t *testing.T) {
		llmperf.Simulate(t, steps, llmperf.Latency.P50Below(time.Second), unknown)
	}
	subjects["steps that are to be decided"] = func(t *testing.T) {
		llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
			s := steps(t)
			s.Strictness = llmperf.FailInconclusive
			return s
		}, llmperf.Latency.P50Below(time.Second), unknown)
	}
	subjects["steps that pass"] = func(t *testing.T) {
		llmperf.Simulate(t, steps, llmperf.Latency.P50Below(time.Second), llmperf.NoSaturationBelow(6))
	}
}

func TestGoTestsFlagsChooseWhatIsReportedAndNotWhatIsRun(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, subject string
		flags         []string
		want, not     []string
		verdicts      int
		reason        string
	}{
		{"an SLO of a step", "steps that fail", []string{"-test.run=^TestSubject$/^users=4$/^latency_p50$"},
			[]string{
				"--- PASS: TestSubject ", "    --- PASS: TestSubject/users=4 ", "        --- PASS: TestSubject/users=4/latency_p50 ",
				"-run, -skip or -failfast left out 6 of 7 verdicts; this test does not fail by them, but would by users=2/latency_p90 (fail), users=4/latency_p90 (fail), users=6/latency_p90 (fail)",
			},
			[]string{"TestSubject/users=2/", "TestSubject/saturation"}, 7, "others are judged, and named where they fail"},
		{"an SLO that fails", "steps that fail", []string{"-test.run=^TestSubject$/^users=4$/^latency_p90$"},
			[]string{"--- FAIL: TestSubject ", "        --- FAIL: TestSubject/users=4/latency_p90 ", "left out 6 of 7 verdicts"},
			nil, 7, "it fails, as in the whole run"},
		{"an SLO of the run", "steps that pass", []string{"-test.run=^TestSubject$/^saturation$"},
			[]string{"--- PASS: TestSubject ", "    --- PASS: TestSubject/saturation ", "p95 1.00x [1.00x, 1.00x] of the first step's"},
			[]string{"left out"}, 4, "all steps were run, the baseline too"},
		{"none", "steps that pass", []string{"-test.run=^TestSubject$/^users=5$"},
			[]string{"--- FAIL: TestSubject ", "left out all of the 4 verdicts, so that a pass would prove nothing; their tests are named as in TestSubject/users=2/latency_p50"},
			nil, 4, "a pattern that matches nothing proves nothing"},
		{"an SLO that is undecided", "steps that are undecided", []string{"-test.run=^TestSubject$/^users=4$/^answers$"},
			[]string{"--- FAIL: TestSubject ", "        --- SKIP: TestSubject/users=4/answers ", "chose 1 of 6 verdicts, none of which is decided, so that a pass would prove nothing"},
			nil, 6, "it may have failed before, and is run again"},
		{"one that is undecided, and one that is", "steps that are undecided", []string{"-test.run=^TestSubject$/^users=4$"},
			[]string{"--- PASS: TestSubject ", "        --- SKIP: TestSubject/users=4/answers ", "        --- PASS: TestSubject/users=4/latency_p50 "},
			[]string{"none of which"}, 6, "as in the whole run"},
		{"skip", "steps that fail", []string{"-test.skip=^TestSubject$/./^latency_p90$"},
			[]string{"--- PASS: TestSubject ", "    --- PASS: TestSubject/saturation ", "left out 3 of 7 verdicts"},
			nil, 7, "-skip is the same"},
		{"fail fast", "steps that fail", []string{"-test.failfast"},
			[]string{
				"--- FAIL: TestSubject ", "        --- FAIL: TestSubject/users=2/latency_p90 ",
				"stopped after users=2: an SLO has failed for good: latency p90 < 2 ms at 2 users; not run: users=4, users=6\n",
			},
			[]string{"TestSubject/users=4/latency_p90 ", "TestSubject/saturation "}, 7, "no further step is begun"},
		{"fail fast, where what is undecided fails", "steps that are to be decided", []string{"-test.failfast"},
			[]string{"--- FAIL: TestSubject ", "        --- FAIL: TestSubject/users=2/answers ", "; not run: users=4, users=6\n"},
			[]string{"TestSubject/users=4/"}, 6, "nobody would hear of a further step"},
		{"fail fast, and nothing fails", "steps that pass", []string{"-test.failfast"},
			[]string{"--- PASS: TestSubject ", "        --- PASS: TestSubject/users=6/latency_p50 "},
			[]string{"left out"}, 4, "there is no reason to stop"},
		{"three times in any order", "steps that pass", []string{"-test.count=3", "-test.shuffle=7"},
			[]string{"--- PASS: TestSubject "}, []string{"--- FAIL"}, 4, "each time is a run of its own"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			out := runSubjectWith(t, tt.flags, tt.subject, "LLMPERF_OUT="+dir)
			for _, want := range tt.want {
				assert.Contains(t, out, want, tt.reason)
			}
			for _, not := range tt.not {
				assert.NotContains(t, out, not, tt.reason)
			}
			data, err := os.ReadFile(filepath.Join(dir, "TestSubject", "result.json"))
			require.NoError(t, err)
			var res llmperf.Result
			require.NoError(t, json.Unmarshal(data, &res))
			assert.Len(t, res.Outcomes, tt.verdicts, "result.json has them all: %s", tt.reason)
		})
	}
}
