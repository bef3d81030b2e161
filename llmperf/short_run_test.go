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
	slos := llmperf.SLOs{llmperf.Latency.P95Below(time.Second), llmperf.FailureRateBelow(0.001), llmperf.NoSaturationBelow(4)}
	lasting := func(short float64) func(t *testing.T) llmperf.Scenario {
		return func(*testing.T) llmperf.Scenario {
			s := steady(5 * time.Millisecond)
			s.Profile, s.Warmup = llmperf.StepProfile{StepUsers: 2, StepTime: 12 * time.Second, MaxUsers: 4}, 0
			s.Short = short
			return s
		}
	}
	subjects["short"] = func(t *testing.T) { llmperf.Run(t, lasting(0)(t), slos...) }
	subjects["shorter than can be"] = func(t *testing.T) { llmperf.Run(t, lasting(-0.5)(t), slos...) }
	subjects["short search"] = func(t *testing.T) {
		s := lasting(0.05)(t)
		s.Profile = nil
		llmperf.FindCapacity(t, s, llmperf.Search{MaxUsers: 8, First: 4, AtLeast: 8}, llmperf.Latency.P95Below(time.Second))
	}
	subjects["simulated, never short"] = func(t *testing.T) { llmperf.Simulate(t, lasting(0), slos...) }
	subjects["simulated, short"] = func(t *testing.T) { llmperf.Simulate(t, lasting(0.25), slos...) }
}

// runShort runs a subject under go test -short, and returns its result too.
func runShort(t *testing.T, name string) (string, llmperf.Result) {
	t.Helper()
	dir := t.TempDir()
	out := runSubjectWith(t, []string{"-test.short", "-test.timeout=10m"}, name, "LLMPERF_OUT="+dir)
	var res llmperf.Result
	data, err := os.ReadFile(filepath.Join(dir, "TestSubject", "result.json"))
	require.NoError(t, err, "%s", out)
	require.NoError(t, json.Unmarshal(data, &res))
	return out, res
}

func TestRunIsShortUnderGoTestShort(t *testing.T) {
	t.Parallel()
	out, res := runShort(t, "short")
	assert.Regexp(t, `^=== RUN   TestSubject\n    \S+: go test -short: warm-up and steps are held for 10 % of their time, though at least 1s, and SLOs fail only on proof\n`, out, "it is the first thing said")
	assert.Contains(t, out, "=== ATTR  TestSubject llmperf.short true")
	assert.True(t, res.Short)
	require.Len(t, res.Steps, 2)
	assert.Equal(t, 3*time.Second, res.Steps[0].Begin, "a tenth of a warm-up of 30 s")
	for _, s := range res.Steps {
		assert.Equal(t, 1200*time.Millisecond, s.Load.Hold)
		assert.InDelta(t, 1.2, (s.Until - s.Begin).Seconds(), 0.1, "the first is not held on for 300 requests either")
	}
	assert.Contains(t, out, "--- PASS: TestSubject ")
	assert.Regexp(t, `0 of \d+ requests failed in 2 steps: .*, want < 0.1 %: NOT REFUTED`, out)
}

func TestASearchIsShortUnderGoTestShort(t *testing.T) {
	t.Parallel()
	out, res := runShort(t, "short search")
	assert.Regexp(t, `^=== RUN   TestSubject\n    \S+: go test -short: warm-up and steps are held for 5 % of their time`, out)
	require.Len(t, res.Steps, 2)
	for _, s := range res.Steps {
		assert.InDelta(t, 1.5, (s.Until - s.From).Seconds(), 0.1, "a twentieth of 30 s")
	}
	assert.Contains(t, out, "--- PASS: TestSubject/capacity ")
}

func TestSimulateIsShortOnlyWhereAsked(t *testing.T) {
	out, res := runShort(t, "simulated, never short")
	assert.False(t, res.Short)
	assert.NotContains(t, out, "-short")
	assert.Equal(t, 12*time.Second, res.Steps[0].Load.Hold)

	out, res = runShort(t, "simulated, short")
	assert.True(t, res.Short)
	assert.Regexp(t, `^=== RUN   TestSubject\n    \S+: go test -short: warm-up and steps are held for 25 % of their time`, out)
	assert.Equal(t, 3*time.Second, res.Steps[0].Load.Hold)
	assert.Contains(t, out, "NOT REFUTED")

	out = runSubject(t, "simulated, short")
	assert.NotContains(t, out, "-short", "without the flag it is whole")
}

func TestABadShareOfTheTimeIsRefused(t *testing.T) {
	out := runSubjectWith(t, []string{"-test.short"}, "shorter than can be")
	assert.Contains(t, out, "nothing was sent")
	assert.Contains(t, out, "scenario.Short is -0.5: want a share of the time between 0 and 1, such as 0.1, or 1 for all of it")
}
