package llmperf_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A junitReport is what gotestsum writes, as far as the tests look at it.
type junitReport struct {
	Suites []struct {
		Cases []struct {
			Name       string `xml:"name,attr"`
			Properties []struct {
				Name  string `xml:"name,attr"`
				Value string `xml:"value,attr"`
			} `xml:"properties>property"`
			Failure string `xml:"failure"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

// A reported is what gotestsum made of a subject.
type reported struct {
	properties map[string]map[string]string // by test, then by name
	failures   map[string]string            // by test
	printed    string                       // by gotestsum itself
	events     []testEvent
}

// A testEvent is one of go test -json.
type testEvent struct{ Action, Test, Key, Value, Output string }

// reportSubject runs a subject below gotestsum, as CI does.
func reportSubject(t *testing.T, name string, env ...string) reported {
	t.Helper()
	dir := t.TempDir()
	junit, events := filepath.Join(dir, "junit.xml"), filepath.Join(dir, "events.json")
	cmd := exec.CommandContext(t.Context(), "go", "tool", "gotestsum", "--junitfile", junit, "--jsonfile", events, "--raw-command", "--",
		"go", "tool", "test2json", "-p", "llmperf.dev/llmperf", os.Args[0], "-test.run=^TestSubject$", "-test.v=test2json")
	cmd.Env = append(append(os.Environ(), "LLMPERF_SUBJECT="+name, "GOTESTSUM_FORMAT="), env...)
	printed, err := cmd.CombinedOutput()
	r := reported{properties: map[string]map[string]string{}, failures: map[string]string{}, printed: string(printed)}
	data, readErr := os.ReadFile(junit)
	require.NoError(t, readErr, "%v: %s", err, printed)
	var report junitReport
	require.NoError(t, xml.Unmarshal(data, &report))
	for _, suite := range report.Suites {
		for _, c := range suite.Cases {
			r.failures[c.Name] = c.Failure
			r.properties[c.Name] = map[string]string{}
			for _, p := range c.Properties {
				r.properties[c.Name][p.Name] = p.Value
			}
		}
	}
	data, err = os.ReadFile(events)
	require.NoError(t, err)
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		var e testEvent
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		r.events = append(r.events, e)
	}
	return r
}

func TestJUnitHoldsTheFiguresOfARun(t *testing.T) {
	dir := t.TempDir()
	r := reportSubject(t, "verdicts in virtual time", "LLMPERF_OUT="+dir)

	for test, verdict := range map[string]string{
		"TestSubject/users=2/latency_p50": "pass", "TestSubject/users=2/latency_p90": "fail",
		"TestSubject/users=2/latency_p99": "inconclusive", "TestSubject/failure_rate": "inconclusive",
	} {
		p := r.properties[test]
		assert.Equal(t, verdict, p["llmperf.verdict"], test)
		assert.Contains(t, p["llmperf.message"], strings.ToUpper(verdict)+" (n="+p["llmperf.n"], "the sentence, of a pass too: %s", test)
		assert.Contains(t, p["llmperf.message"], p["llmperf.seen"], test)
		assert.NotEmpty(t, p["llmperf.want"], test)
		assert.Equal(t, "0.95", p["llmperf.confidence"], test)
	}
	_, first, _ := strings.Cut(r.failures["TestSubject/users=2/latency_p90"], "\n")
	assert.Regexp(t, `^    run_test.go:\d+: latency p90 at 2 users: .* FAIL `, first, "the sentence is a failure's first line")

	step := r.properties["TestSubject/users=2"]
	for _, name := range []string{"requests", "failed", "failure_rate", "rps", "throughput", "in_flight", "tail_ratio", "latency_p50", "latency_p95", "latency_p99", "ttfb_p95"} {
		assert.NotEmpty(t, step["llmperf."+name], name)
	}
	assert.NotContains(t, step, "llmperf.ttft_p95", "what was not measured is no 0")

	run := r.properties["TestSubject"]
	assert.Regexp(t, `^5 verdicts: 2 pass, 1 fail, 2 inconclusive `, run["llmperf.verdicts"])
	assert.Equal(t, []string{"2", "1", "2"}, []string{run["llmperf.verdicts_pass"], run["llmperf.verdicts_fail"], run["llmperf.verdicts_inconclusive"]})
	assert.Equal(t, "1", run["llmperf.seed"])
	assert.Equal(t, "unclear", run["llmperf.growth"])
	for _, name := range []string{"target", "started", "elapsed", "requests", "saturation", "warnings", "health_failure_rate", "health_p99_p50_ratio"} {
		assert.NotEmpty(t, run["llmperf."+name], name)
	}
	for name, file := range map[string]string{"result": "result.json", "hlog": "latency.hlog", "bench": "bench.txt", "summary": "summary.md"} {
		assert.Equal(t, filepath.Join(dir, "TestSubject", file), run["llmperf."+name])
		assert.FileExists(t, run["llmperf."+name])
	}
}

// TestNoAttributeIsTooLongForJUnit: test2json takes no line of more than 4,096
// bytes for an attribute, and cuts it up.
func TestNoAttributeIsTooLongForJUnit(t *testing.T) {
	r := reportSubject(t, "a long name")
	longest := 0
	for _, e := range r.events {
		if e.Action == "attr" {
			longest = max(longest, len("=== ATTR  ")+len(e.Test)+1+len(e.Key)+1+len(e.Value))
		}
	}
	assert.InDelta(t, 3998, longest, 2, "4,000, less what a letter of two bytes may leave")
	target := r.properties["TestSubject"]["llmperf.target"]
	assert.True(t, strings.HasPrefix(target, "a service with a näme of many lines a service"), "%.80s", target)
	assert.True(t, strings.HasSuffix(target, "…"))
	assert.NotContains(t, r.properties["TestSubject"], "llmperf.result", "a file that goes with the test is nowhere")
}

func TestWhatFailsIsAnnotatedHoweverTestsAreRun(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	env := []string{"GITHUB_ACTIONS=true", "GITHUB_WORKSPACE=" + root}
	const command = `(?m)^::error file=llmperf/run_test\.go,line=\d+,title=TestSubject/users=2/latency_p90::latency p90 at 2 users: .* FAIL \(n=\d+.*\)$`
	for how, printed := range map[string]string{
		"go test -v":                        runSubject(t, "verdicts", env...),
		"go test -v, simulated":             runSubject(t, "verdicts in virtual time", env...),
		"gotestsum":                         reportSubject(t, "verdicts in virtual time", env...).printed,
		"gotestsum --format github-actions": reportSubject(t, "verdicts in virtual time", append(env, "GOTESTSUM_FORMAT=github-actions")...).printed,
		"gotestsum --format testname":       reportSubject(t, "verdicts in virtual time", append(env, "GOTESTSUM_FORMAT=testname")...).printed,
	} {
		assert.Regexp(t, command, printed, how)
	}
	assert.NotContains(t, runSubject(t, "verdicts in virtual time"), "::error")
}
