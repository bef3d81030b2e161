package llmperf_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// The subject compares a fake model of a given speed with the runs stored in a
// file, all of which the environment names.
func init() {
	number := func(name string) float64 {
		v, err := strconv.ParseFloat(os.Getenv(name), 64)
		if err != nil {
			panic(err)
		}
		return v
	}
	slos := func() llmperf.SLOs {
		return llmperf.SLOs{
			llmperf.FailureRateBelow(0.01),
			llmperf.UpTo(20, llmperf.NoRegression(os.Getenv("STORED"))),
		}
	}
	subjects["regression"] = func(t *testing.T) {
		llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
			slower := number("SLOWER")
			llm := llmperftest.NewServer(t, llmperftest.Engine{
				MaxBatch: 32, StepBase: time.Duration(slower * float64(10*time.Millisecond)), Output: llmperftest.Uniform(20, 60), Seed: uint64(number("SEED")),
			})
			return llmperf.Scenario{
				Target: target(llm), Seed: uint64(number("SEED")), Warmup: 5 * time.Second,
				Profile:    llmperf.StepProfile{StepUsers: 10, StepTime: time.Duration(number("SECONDS")) * time.Second, MaxUsers: 30},
				Strictness: llmperf.FailInconclusive,
			}
		}, slos())
	}
	subjects["regression, stopped"] = func(t *testing.T) {
		llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
			llm := llmperftest.NewServer(t, llmperftest.Engine{})
			return llmperf.Scenario{
				Target: target(llm), Warmup: llmperf.NoWarmup, Budget: llmperf.Budget{Requests: 300},
				Profile: llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 20},
			}
		}, slos())
	}
	subjects["regression, failed"] = func(t *testing.T) {
		llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
			llm := llmperftest.NewServer(t, llmperftest.Engine{})
			return llmperf.Scenario{Target: target(llm), Warmup: llmperf.NoWarmup, Profile: hold(10, time.Minute)}
		}, llmperf.Latency.P50Below(time.Millisecond), llmperf.NoRegression(os.Getenv("STORED")))
	}
	subjects["regression, invalid"] = func(t *testing.T) {
		llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
			return llmperf.Scenario{
				Warmup: llmperf.NoWarmup, Profile: hold(10, time.Minute),
				Target: llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
					time.Sleep(100 * time.Millisecond)
					if c.User() == 3 && c.Number() == 50 {
						return &llmperf.Failure{Class: llmperf.FailGenerator, Err: syscall.EMFILE}
					}
					return nil
				}),
			}
		}, llmperf.NoRegression(os.Getenv("STORED")))
	}
	subjects["regression, real"] = func(t *testing.T) {
		llmperf.Run(t, steady(5*time.Millisecond), llmperf.NoRegression(os.Getenv("STORED"), llmperf.Latency.P50SlowerBy(1)))
	}
}

func TestARunIsComparedWithStoredOnes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "testdata", "capacity.json")
	const update = "LLMPERF_UPDATE=1"
	run := func(seed, slower, seconds float64, env ...string) string {
		return runSubject(t, "regression", append(env, "STORED="+path, fmt.Sprintf("SEED=%v", seed), fmt.Sprintf("SLOWER=%v", slower), fmt.Sprintf("SECONDS=%v", seconds))...)
	}
	out := run(1, 1, 60)
	assert.Contains(t, out, "nothing was sent, since this cannot work:")
	assert.Contains(t, out, "no_regression_latency_p95: "+path+" does not exist, so there is nothing to compare with: run the test with LLMPERF_UPDATE=1")
	assert.NoDirExists(t, filepath.Dir(path), "nothing is written unless asked for")

	for i, seed := range []float64{1, 2, 3} {
		out := run(seed, 1, 60, update)
		assert.Contains(t, out, "--- PASS: TestSubject ", "whatever the strictness, since this was asked for")
		assert.Contains(t, out, "        --- SKIP: TestSubject/users=10/no_regression_latency_p95 ")
		assert.Regexp(t, `noregression_test.go:\d+: latency p95 at 20 users: \S+ ms \[.*\], to be stored in .*capacity.json: NOT JUDGED \(n=\d+.*\), since LLMPERF_UPDATE is set`, out)
		assert.Contains(t, out, "no regression was judged: the run was stored in "+path+", as the last of "+[]string{"1 run", "2 runs", "3 runs"}[i])
		assert.Contains(t, out, "TestSubject/users=20/no_regression_latency_p95 llmperf.verdict not run\n")
	}
	stored, err := os.ReadFile(path)
	require.NoError(t, err)

	out = run(2, 1, 60, "LLMPERF_OUT="+dir)
	assert.Contains(t, out, "--- PASS: TestSubject ")
	assert.Contains(t, out, "latency p95 at 10 users: 1.00x [1.00x, 1.00x], want < 1.1x that of "+path+": PASS (n=", "the same seed, and nothing has changed")
	assert.Contains(t, out, "=== ATTR  TestSubject/users=20/no_regression_latency_p95 llmperf.seen 1.00x [1.00x, 1.00x]")
	assert.NotContains(t, out, "users=30/no_regression", "out of scope")
	summary, err := os.ReadFile(filepath.Join(dir, "TestSubject", "summary.md"))
	require.NoError(t, err)
	assert.Contains(t, string(summary), "no_regression_latency_p95")

	assert.NotContains(t, run(4, 1, 60), "--- FAIL: TestSubject/users=10/no_regression_latency_p95 (", "another seed")

	out = run(2, 1.3, 60)
	for _, step := range []string{"users=10", "users=20"} {
		assert.Contains(t, out, "        --- FAIL: TestSubject/"+step+"/no_regression_latency_p95 ")
	}
	assert.Regexp(t, `latency p95 at 10 users: 1\.[23]\dx \[.*\], want < 1.1x that of .*: FAIL \(n=.*\); \S+ ms, after \S+ ms in 3 stored runs`, out)

	out = run(2, 1, 30)
	assert.Contains(t, out, "nothing was sent")
	assert.Contains(t, out, "are of another kind (step 1: users=10: 10 users for 30s now, users=10: 10 users for 1m0s stored; ")
	assert.Contains(t, out, "delete "+path)
	assert.Contains(t, run(2, 1, 30, update), "are of another kind", "nor would it be stored beside them")
	assert.Contains(t, runSubject(t, "regression, real", "STORED="+path), "time: real now, virtual stored")

	assert.Contains(t, run(3, 1, 60, update), "the run is the same as the stored one of seed 3, and "+path+" stays as it is")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(stored), string(after), "no other run has written")
}

func TestARunThatEndedEarlyIsNotStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capacity.json")
	out := runSubject(t, "regression, stopped", "STORED="+path, "LLMPERF_UPDATE=1")
	assert.Contains(t, out, "--- FAIL: TestSubject ")
	assert.Contains(t, out, "llmperf: this run was not stored in "+path+": it was stopped ")
	assert.NoFileExists(t, path)
}

func TestARunThatFailedIsNotStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capacity.json")
	out := runSubject(t, "regression, failed", "STORED="+path, "LLMPERF_UPDATE=1")
	assert.Contains(t, out, "llmperf: this run was not stored in "+path+": it is no measure for later ones, since SLOs failed (namely: users=10/latency_p50)")
	assert.NoFileExists(t, path)
}

func TestARunOfAnOverloadedGeneratorIsNotStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capacity.json")
	out := runSubject(t, "regression, invalid", "STORED="+path, "LLMPERF_UPDATE=1")
	assert.Contains(t, out, "llmperf: this run was not stored in "+path+": users=10 is invalid: ")
	assert.NoFileExists(t, path)
}

func TestRunsInRealTimeAreStoredAndCompared(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "capacity.json")
	for range 2 {
		require.Contains(t, runSubject(t, "regression, real", "STORED="+path, "LLMPERF_UPDATE=1"), "--- PASS: TestSubject ")
	}
	short := runSubjectWith(t, []string{"-test.short"}, "regression, real", "STORED="+path, "LLMPERF_UPDATE=1")
	assert.Contains(t, short, "a run under go test -short cannot be stored")

	// Whatever a busy machine makes of it, it is a comparison.
	out := runSubject(t, "regression, real", "STORED="+path)
	assert.Regexp(t, `latency p50 at 2 users: \S+x \[.*\], want < 2x that of .*; \S+ ms, after \S+ ms in 2 stored runs \(n=.*2 stored runs are no measure of how much runs differ without a change: store 3 to 5`, out)
	short = runSubjectWith(t, []string{"-test.short"}, "regression, real", "STORED="+path)
	assert.Contains(t, short, "llmperf.short true")
	assert.Regexp(t, `latency p50 at 2 users: \S+x \[.*\], want < 2x that of `, short, "what was shortened is compared by what it was before")
}
