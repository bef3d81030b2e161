package llmperf_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// scratch makes a module that uses this one, of files by their paths.
func scratch(t *testing.T, files map[string]string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds a module of its own")
	}
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	dir := t.TempDir()
	files["go.sum"] = string(sum)
	files["go.mod"] = fmt.Sprintf(`module scratch.example

go 1.26

require llmperf.dev v0.0.0
require github.com/HdrHistogram/hdrhistogram-go v1.4.0 // indirect
replace llmperf.dev => %s
`, root)
	for path, text := range files {
		path = filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	}
	return dir
}

// within runs a command in a folder and returns what it prints.
func within(t *testing.T, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "LLMPERF_OUT=", "LLMPERF_SAMPLES="), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

const scenarioFile = `package %s

import (
	"context"
	"testing"
	"time"

	"llmperf.dev/llmperf"
)

var scenario = llmperf.Scenario{
	Target:  llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { time.Sleep(time.Millisecond); return nil }),
	Profile: llmperf.ConstantProfile{Users: 2, Duration: time.Second},
	Warmup:  llmperf.NoWarmup, Think: llmperf.Constant(10 * time.Millisecond),
	Generator: llmperf.GeneratorLimits{Off: true}, // the machine is busy with other tests
}

var slo = llmperf.Latency.P50Below(time.Minute)

`

func TestGoTestCachesWhatRepeatsAndNothingElse(t *testing.T) {
	t.Parallel() // it waits for other processes
	dir := scratch(t, map[string]string{
		"run/run_test.go": fmt.Sprintf(scenarioFile, "run") + `
// It takes longer than what go test takes for too new.
func TestLast(t *testing.T)     { time.Sleep(3 * time.Second) }
func TestCapacity(t *testing.T) { llmperf.Run(t, scenario, slo) }
`,
		"search/search_test.go": fmt.Sprintf(scenarioFile, "search") + `
func TestCapacity(t *testing.T) {
	scenario.Profile = nil
	llmperf.FindCapacity(t, scenario, llmperf.Search{MaxUsers: 2, Settle: 10 * time.Millisecond, Looks: []time.Duration{time.Second}}, slo)
}
`,
		"measure/measure_test.go": fmt.Sprintf(scenarioFile, "measure") + `
func TestCapacity(t *testing.T) {
	res, err := llmperf.Measure(t.Context(), scenario)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range res.Check(slo) {
		o.Assert(t)
	}
}
`,
		"measuresearch/search_test.go": fmt.Sprintf(scenarioFile, "measuresearch") + `
func TestCapacity(t *testing.T) {
	scenario.Profile = nil
	_, err := llmperf.MeasureCapacity(t.Context(), scenario, llmperf.Search{MaxUsers: 2, Settle: 10 * time.Millisecond, Looks: []time.Duration{time.Second}}, slo)
	if err != nil {
		t.Fatal(err)
	}
}
`,
		"sim/sim_test.go": strings.Replace(fmt.Sprintf(scenarioFile, "sim"), `"testing"`, "\"testing\"\n\t\"testing/synctest\"", 1) + `
func TestCapacity(t *testing.T) {
	llmperf.Simulate(t, func(*testing.T) llmperf.Scenario { return scenario }, slo)
}

func TestInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if _, err := llmperf.Measure(context.Background(), scenario); err != nil {
			t.Fatal(err)
		}
	})
}
`,
	})
	// cached tests packages, and says which of them go test did not run.
	cached := func(pkgs []string, env ...string) []string {
		out, err := within(t, dir, env, "go", append([]string{"test"}, pkgs...)...)
		require.NoError(t, err, "%s", out)
		var is []string
		for _, pkg := range pkgs {
			pkg = strings.TrimPrefix(pkg, "./")
			require.Regexp(t, `(?m)^ok +\tscratch.example/`+pkg+`\t`, out)
			if strings.Contains(out, "scratch.example/"+pkg+"\t(cached)") {
				is = append(is, pkg)
			}
		}
		return is
	}
	all, sim := []string{"./run", "./search", "./measure", "./measuresearch", "./sim"}, []string{"./sim"}
	cached(all)
	assert.Equal(t, []string{"sim"}, cached(all), "a service may have changed, and a simulation has not")
	for _, env := range []string{"LLMPERF_TWICE=1", "LLMPERF_INCONCLUSIVE=fail", "LLMPERF_SAMPLES=1"} {
		assert.Empty(t, cached(sim, env), "%s makes it another test", env)
		assert.Equal(t, []string{"sim"}, cached(sim, env), "%s has been seen", env)
	}
	out := "LLMPERF_OUT=" + t.TempDir()
	cached(sim, out)
	assert.Empty(t, cached(sim, out), "who names a folder wants the files")
}

func TestAResultThatMayBeCachedSaysSo(t *testing.T) {
	noFolder := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(noFolder, nil, 0o666))
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, noFolder)
	}
	warned := func(ctx context.Context) bool {
		res, err := llmperf.Measure(ctx, llmperf.Scenario{
			Target:  llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { return nil }),
			Profile: hold(1, 100*time.Millisecond), Warmup: llmperf.NoWarmup, Think: llmperf.Constant(10 * time.Millisecond),
		})
		require.NoError(t, err)
		return strings.Contains(strings.Join(res.Warnings, "\n"), "go test may answer the next time with this result, from its cache: ")
	}
	assert.True(t, warned(t.Context()))
	synctest.Test(t, func(*testing.T) {
		assert.False(t, warned(context.Background()), "virtual time repeats")
	})
}
