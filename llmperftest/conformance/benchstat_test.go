package conformance_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/perf/benchfmt"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// benchOf simulates a capacity test against an engine and returns its bench.txt.
func benchOf(t *testing.T, engine llmperftest.Engine) (path string, res *llmperf.Result) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("LLMPERF_OUT", dir)
	res = llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
		llm := llmperftest.NewServer(t, engine)
		return llmperf.Scenario{
			Target:  llmperf.OpenAI{BaseURL: llm.URL + "/v1", Model: "any", Client: llm.Client()},
			Profile: llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 20},
		}
	}, llmperf.Latency.P50Below(time.Minute))
	return filepath.Join(dir, t.Name(), "bench.txt"), res
}

// TestBenchstatComparesRuns: of two engines, of which the second takes twice as
// long for a step, benchstat says so.
func TestBenchstatComparesRuns(t *testing.T) {
	engine := llmperftest.Engine{StepBase: 10 * time.Millisecond, Output: llmperftest.Uniform(40, 80)}
	before, _ := benchOf(t, engine)
	engine.StepBase *= 2
	after, _ := benchOf(t, engine)

	stat := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "go", append([]string{"tool", "benchstat"}, args...)...)
		var warnings bytes.Buffer
		cmd.Stderr = &warnings
		out, err := cmd.Output()
		require.NoError(t, err, "%s", warnings.String())
		assert.Empty(t, warnings.String())
		return string(out)
	}
	table := stat("old="+before, "new="+after)
	assert.Contains(t, table, "pkg: llmperf.dev/llmperftest/conformance\ntarget: OpenAI any at http://127.0.0.1/v1\ntime: virtual\n")
	for _, unit := range []string{"sec/op", "p50-sec", "p95-sec", "ttft-p50-sec", "ttft-p95-sec", "itl-p50-sec", "itl-p95-sec", "req/s", "tokens/s", "failed-%"} {
		assert.Contains(t, table, " "+unit+" ", "a table for each figure")
	}
	_, latency, _ := strings.Cut(table, "sec/op")
	assert.Regexp(t, `BenchstatComparesRuns/users=10 +[\d.]+m? ± +\d+% +[\d.]+m? ± +\d+% +\+\d+\.\d\d% \(p=0\.002 n=6\)`, latency, "six samples are enough for benchstat")
	assert.NotContains(t, table, "need >=", "nor does it ask for more")

	same := stat("old="+before, "new="+before)
	assert.Contains(t, same, "~ (p=1.000 n=6)", "a run does not differ from itself")
	assert.NotRegexp(t, `[+-]\d+\.\d+% \(p=`, same)
}

func TestABenchmarkFileIsReadToTheLastLine(t *testing.T) {
	path, res := benchOf(t, llmperftest.Engine{Output: llmperftest.Uniform(40, 80)})
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	requests := map[string]int{}
	better := map[string]string{}
	reader := benchfmt.NewReader(f, "bench.txt")
	for reader.Scan() {
		switch r := reader.Result().(type) {
		case *benchfmt.Result:
			base, parts := r.Name.Parts()
			require.Equal(t, "ABenchmarkFileIsReadToTheLastLine", string(base))
			require.Len(t, parts, 1)
			requests[strings.TrimPrefix(string(parts[0]), "/")] += r.Iters
			for _, v := range r.Values {
				assert.Contains(t, better, v.Unit, "whether more of it is better")
			}
		case *benchfmt.UnitMetadata:
			better[r.Unit] = r.Value
		default:
			t.Errorf("%v", r)
		}
	}
	require.NoError(t, reader.Err())
	for _, s := range res.Steps {
		assert.Equal(t, s.Requests, requests[s.Name])
	}
	assert.Equal(t, "higher", better["tokens/s"])
	assert.Equal(t, "lower", better["ttft-p95-sec"])
}
