package llmperf_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// subjects are capacity tests that a test binary of its own runs, so that what
// Run does to its test can be looked at from outside.
var subjects = map[string]func(t *testing.T){
	"verdicts": func(t *testing.T) {
		llmperf.Run(t, undecided(), everyVerdict)
	},
	"verdicts in virtual time": func(t *testing.T) {
		llmperf.Simulate(t, func(*testing.T) llmperf.Scenario { return undecided() }, everyVerdict)
	},
	"too short before": func(t *testing.T) {
		llmperf.Run(t, steady(5*time.Millisecond), llmperf.FailureRateBelow(0.001))
	},
	"too short after the warm-up": func(t *testing.T) {
		llmperf.Run(t, steady(5*time.Millisecond), llmperf.TailRatioBelow(2))
	},
	"a long name": func(t *testing.T) {
		llmperf.Simulate(t, func(*testing.T) llmperf.Scenario {
			s := steady(5 * time.Millisecond)
			s.Target = longWinded{s.Target}
			return s
		}, loose)
	},
	"guarded": func(t *testing.T) {
		llmperf.Run(t, steady(5*time.Millisecond), llmperf.Guard(llmperf.TailRatioBelow(20), llmperf.FailureRateBelow(0.001)))
	},
	"no tokens": func(t *testing.T) {
		llmperf.Run(t, steady(5*time.Millisecond), llmperf.TTFT.P95Below(time.Second))
	},
	"no time": func(t *testing.T) {
		s := steady(5 * time.Millisecond)
		s.Profile = llmperf.Stress
		llmperf.Run(t, s, llmperf.Latency.P95Below(time.Second))
	},
}

// everyVerdict is SLOs with every verdict on the scenario undecided: two that pass,
// one that fails, and two that stay open.
var everyVerdict = llmperf.SLOs{
	llmperf.Latency.P50Below(time.Second),
	llmperf.Latency.P90Below(2 * time.Millisecond),
	llmperf.Latency.P99Below(time.Second),
	llmperf.FailureRateBelow(0.0107),
}

// undecided is a scenario without warm-up. Before the run it could be that answers
// take no time; then there would be enough requests for every SLO.
func undecided() llmperf.Scenario {
	s := steady(5 * time.Millisecond)
	s.Warmup = llmperf.NoWarmup
	return s
}

// A climber remembers how far it was, and what it was asked.
type climber struct{ asked []int }

func (c *climber) Next(done []llmperf.Step) (llmperf.Load, bool) {
	c.asked = append(c.asked, len(done))
	return llmperf.Load{Users: 1 + len(done), Hold: 300 * time.Millisecond}, len(done) < 3
}

// TestAProfileIsAskedInOrder by one goroutine: it may decide by what it has seen.
func TestAProfileIsAskedInOrder(t *testing.T) {
	s, c := undecided(), new(climber)
	s.Profile = c
	llmperf.Run(t, s, llmperf.Guard(llmperf.Latency.P50Below(time.Minute)))
	assert.IsNonDecreasing(t, c.asked)
	assert.Equal(t, 3, c.asked[len(c.asked)-1])
}

// longWinded is a target with a name of many lines.
type longWinded struct{ llmperf.Target }

func (longWinded) String() string {
	return strings.Repeat("a service with a näme of many lines\n", 1000)
}

// steady is a scenario of 150 to 250 requests in a second and a half, each of
// which takes at least d.
func steady(d time.Duration) llmperf.Scenario {
	return llmperf.Scenario{
		Target: llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
			time.Sleep(d)
			c.FirstByte()
			return ctx.Err()
		}),
		Profile: hold(2, 1500*time.Millisecond), Warmup: 100 * time.Millisecond, Think: llmperf.Constant(8 * time.Millisecond),
	}
}

func TestSubject(t *testing.T) {
	subject := subjects[os.Getenv("LLMPERF_SUBJECT")]
	if subject == nil {
		t.Skip("for tests that run it in a process of its own")
	}
	subject(t)
}

// runSubject runs a subject and returns what go test -v prints.
func runSubject(t *testing.T, name string, env ...string) string {
	t.Helper()
	return runSubjectWithin(t, 2*time.Minute, name, env...)
}

// runSubjectWithin runs a subject under a -timeout of its own.
func runSubjectWithin(t *testing.T, timeout time.Duration, name string, env ...string) string {
	t.Helper()
	return runSubjectWith(t, []string{"-test.timeout=" + timeout.String()}, name, env...)
}

// runSubjectWith runs a subject with flags of its own.
func runSubjectWith(t *testing.T, flags []string, name string, env ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"-test.run=^TestSubject$", "-test.v"}, flags...)...)
	cmd.Env = append(append(os.Environ(), "LLMPERF_SUBJECT="+name), env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit, "%s", out)
	}
	return string(out)
}

func TestRunReportsEverySLOAsASubtest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := runSubject(t, "verdicts", "LLMPERF_OUT="+dir)
	for _, line := range []string{
		`--- FAIL: TestSubject `,
		`    --- FAIL: TestSubject/users=2 `,
		`        --- PASS: TestSubject/users=2/latency_p50 `,
		`        --- FAIL: TestSubject/users=2/latency_p90 `,
		`        --- SKIP: TestSubject/users=2/latency_p99 `,
		`        --- PASS: TestSubject/users=2/failure_rate `,
		`    --- SKIP: TestSubject/failure_rate `,
		`=== ATTR  TestSubject/users=2/latency_p90 llmperf.verdict fail`,
	} {
		assert.Contains(t, out, line)
	}
	sentence := regexp.MustCompile(`run_test.go:\d+: latency p90 at 2 users: \S+ ms \[\S+ ms, (\S+ ms|no upper bound)\], want < 2 ms: FAIL \(n=\d+(, effective \d+)?, 95 % confidence\)`)
	assert.Regexp(t, sentence, out, "the verdict in one sentence, with the caller's place")
	assert.Regexp(t, `0 of \d+ requests failed in 1 step: .* INCONCLUSIVE .* with 0 failed it takes 279 requests to prove < 1.07 %`, out)
	assert.Regexp(t, `run_test.go:\d+: 5 verdicts: 2 pass, 1 fail, 2 inconclusive \(undecided: users=2/latency_p99, failure_rate\)`, out, "hidden skips are named on the test itself")
	files, err := filepath.Glob(filepath.Join(dir, "TestSubject", "*"))
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		names = append(names, filepath.Base(file))
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.EqualValues(t, 0o444, info.Mode().Perm()&0o444, "others may look at %s", file)
		assert.Contains(t, out, " "+file+"\n", "an attribute says where it is")
	}
	assert.Equal(t, []string{"bench.txt", "latency.hlog", "report.html", "result.json", "summary.md"}, names, "no temporary file is left")
	page, err := os.ReadFile(filepath.Join(dir, "TestSubject", "report.html"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "<h1>1 of 4 SLOs does not hold: latency p90 &lt; 2\u00a0ms at 2\u00a0users; 2 more lack evidence.</h1>")

	data, err := os.ReadFile(filepath.Join(dir, "TestSubject", "result.json"))
	require.NoError(t, err)
	var res llmperf.Result
	require.NoError(t, json.Unmarshal(data, &res))
	assert.Equal(t, llmperf.SchemaVersion, res.Schema)
	assert.Len(t, res.Outcomes, 5)
	assert.Positive(t, res.Steps[0].Latency.P95)
}

func TestStrictnessDecidesWhatIsUndecided(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]string{"": "SKIP", "skip": "SKIP", "fail": "FAIL", "pass": "PASS"} {
		out := runSubject(t, "verdicts", "LLMPERF_INCONCLUSIVE="+env)
		assert.Contains(t, out, "--- "+want+": TestSubject/users=2/latency_p99 ", "LLMPERF_INCONCLUSIVE=%s", env)
		assert.Contains(t, out, "--- "+want+": TestSubject/failure_rate ", "LLMPERF_INCONCLUSIVE=%s", env)
		assert.Contains(t, out, "TestSubject/failure_rate llmperf.verdict inconclusive", "the verdict stays what it is")
	}
	assert.Contains(t, runSubject(t, "verdicts", "LLMPERF_INCONCLUSIVE=maybe"), `LLMPERF_INCONCLUSIVE is "maybe": want skip, fail or pass`)
}

func TestARunGoesIntoTheStepSummary(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "summary.md")
	require.NoError(t, os.WriteFile(path, []byte("# Build\n"), 0o666))
	dir := t.TempDir()
	runSubject(t, "verdicts", "GITHUB_STEP_SUMMARY="+path, "LLMPERF_OUT="+dir, "LLMPERF_SAMPLES=")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	before, run, found := strings.Cut(string(data), "## TestSubject: FAIL\n\n5 verdicts: 2 pass, 1 fail, 2 inconclusive ")
	require.True(t, found, "%s", data)
	assert.Equal(t, "# Build\n", before, "what is there stays")
	for _, o := range []string{"users=2/latency_p90", "users=2/latency_p99", "failure_rate"} {
		assert.Contains(t, run, "** | `"+o+"` | ")
	}
	assert.Contains(t, run, "Files in `"+filepath.Join(dir, "TestSubject")+"`: result.json, report.html, latency.hlog, bench.txt, summary.md.")
	file, err := os.ReadFile(filepath.Join(dir, "TestSubject", "summary.md"))
	require.NoError(t, err)
	assert.Equal(t, "# Build\n"+string(file)+"\n", string(data), "it is summary.md")
}

func TestARunTooShortForItsSLOsIsNotBegun(t *testing.T) {
	t.Parallel()
	out := runSubject(t, "too short before")
	assert.Contains(t, out, "nothing was sent")
	assert.Contains(t, out, "if answers took no time, this plan yields about 281 requests in 1 step; proving failure rate < 0.1 % takes 2,995; it can prove < 1.07 %: hold the steps 11x as long")
	out = runSubject(t, "too short after the warm-up")
	assert.Regexp(t, `the run was aborted: tail_ratio: with answers of \S+ ms, the step of 2 users yields about \d+ requests; proving p99/p50 < 2x takes 299 in every step: hold it \S+x as long, so for \S+, set scenario.HoldUntilDecided, or ask for less with llmperf.Guard`, out)
	out = runSubject(t, "guarded")
	assert.Contains(t, out, "--- PASS: TestSubject ")
	assert.Regexp(t, `want < 20x: NOT REFUTED`, out)
}

func TestRunEndsAfterTheWarmupIfAnSLOCannotBeJudged(t *testing.T) {
	out := runSubject(t, "no tokens")
	assert.Contains(t, out, "the target never reported TTFT")
	assert.Contains(t, out, "the run was aborted")
	assert.NotContains(t, out, "--- PASS: TestSubject/users=2")
}

func TestRunRefusesAProfileThatOutlastsTheTest(t *testing.T) {
	out := runSubject(t, "no time")
	assert.Contains(t, out, "nothing was sent")
	assert.Contains(t, out, "-timeout")
	assert.Less(t, strings.Count(out, "\n"), 12, out)
}
