package llmperf_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

func init() {
	run := func(t *testing.T) { llmperf.Run(t, undecided(), llmperf.Latency.P50Below(time.Minute)) }
	subjects["a load"] = run
	subjects["a parallel load"] = func(t *testing.T) {
		t.Parallel()
		run(t)
	}
	subjects["a load below a parallel test"] = func(t *testing.T) {
		t.Parallel()
		t.Run("below", run)
	}
	subjects["a parallel search"] = func(t *testing.T) {
		t.Parallel()
		llmperf.FindCapacity(t, undecided(), llmperf.Search{MaxUsers: 2}, llmperf.Latency.P50Below(time.Minute))
	}
	subjects["parallel simulations"] = func(t *testing.T) {
		for range 3 {
			t.Run("simulation", func(t *testing.T) {
				t.Parallel()
				llmperf.Simulate(t, func(*testing.T) llmperf.Scenario { return undecided() }, llmperf.Latency.P50Below(time.Minute))
			})
		}
	}
	subjects["two loads at once"] = func(t *testing.T) {
		s := undecided()
		second := make(chan struct{})
		var begin sync.Once
		target := s.Target
		s.Target = llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
			begin.Do(func() {
				go func() {
					defer close(second)
					run(t)
				}()
			})
			return target.Send(ctx, c)
		})
		llmperf.Run(t, s, llmperf.Latency.P50Below(time.Minute))
		<-second
	}
	subjects["a load without end"] = func(t *testing.T) {
		s := undecided()
		s.Profile = hold(1, time.Hour)
		var begin sync.Once
		target := s.Target
		s.Target = llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
			begin.Do(func() { fmt.Println("the load is on") })
			return target.Send(ctx, c)
		})
		llmperf.Run(t, s, llmperf.Latency.P50Below(time.Minute))
	}
}

func TestALoadInAParallelTestIsRefused(t *testing.T) {
	for name, want := range map[string]string{
		"a parallel load":              "llmperf: Run puts a load on in real time, and this test, or one that it is a subtest of, has called t.Parallel: ",
		"a load below a parallel test": "llmperf: Run puts a load on in real time, and this test, or one that it is a subtest of, has called t.Parallel: ",
		"a parallel search":            "llmperf: FindCapacity puts a load on in real time, and this test, or one that it is a subtest of, has called t.Parallel: ",
	} {
		out := runSubject(t, name)
		assert.Contains(t, out, want, name)
		assert.Contains(t, out, "--- FAIL: TestSubject ", name)
		assert.NotContains(t, out, "users=", "nothing was sent")
	}
	out := runSubject(t, "parallel simulations")
	assert.Contains(t, out, "--- PASS: TestSubject ", "virtual time is everybody's own")
	assert.Equal(t, 3, strings.Count(out, "/latency_p50 llmperf.verdict pass"))
}

func TestTwoLoadsAtOnceInOneProcessAreRefused(t *testing.T) {
	t.Parallel()
	out := runSubject(t, "two loads at once")
	assert.Contains(t, out, "nothing was sent, since the load of TestSubject is on in this process")
	assert.Contains(t, out, "--- PASS: TestSubject/users=2/latency_p50", "the first goes on")
	assert.Contains(t, out, "--- FAIL: TestSubject ")
}

func TestLoadsOfSeveralProcessesTakeTurns(t *testing.T) {
	t.Parallel() // it waits for other processes
	lock := "TMPDIR=" + t.TempDir()
	type span struct{ begin, end time.Time }
	spans, outs := make([]span, 3), make([]string, 3)
	var all sync.WaitGroup
	for i := range spans {
		dir := t.TempDir()
		all.Go(func() {
			outs[i] = runSubject(t, "a load", lock, "LLMPERF_LOCK=", "LLMPERF_OUT="+dir)
			var res llmperf.Result
			data, err := os.ReadFile(filepath.Join(dir, "TestSubject", "result.json"))
			if assert.NoError(t, err) && assert.NoError(t, json.Unmarshal(data, &res)) {
				spans[i] = span{res.Started, res.Started.Add(res.Elapsed)}
			}
		})
	}
	all.Wait()
	slices.SortFunc(spans, func(a, b span) int { return a.begin.Compare(b.begin) })
	for i := 1; i < len(spans); i++ {
		assert.False(t, spans[i].begin.Before(spans[i-1].end), "the load that began at %v ended at %v, and the next began at %v", spans[i-1].begin, spans[i-1].end, spans[i].begin)
	}
	printed := strings.Join(outs, "")
	assert.Equal(t, 3, strings.Count(printed, "--- PASS: TestSubject/users=2/latency_p50"))
	assert.Regexp(t, `alone_test.go:\d+: waiting for the load of TestSubject in llmperf.dev/llmperf, pid \d+, since loads that are on at once measure each other; LLMPERF_LOCK=off does not wait\n`, printed)
}

func TestALoadThatIsOnKeepsOthersWaitingUntilItsProcessEnds(t *testing.T) {
	t.Parallel() // it waits for other processes
	lock := "TMPDIR=" + t.TempDir()
	first := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSubject$", "-test.timeout=2h")
	first.Env = append(os.Environ(), "LLMPERF_SUBJECT=a load without end", "LLMPERF_LOCK=", lock)
	stdout, err := first.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, first.Start())
	defer func() {
		first.Process.Kill()
		first.Wait()
	}()
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "the load is on\n", line)
	go io.Copy(io.Discard, lines)

	out := runSubjectWithin(t, 16*time.Second, "a load", lock, "LLMPERF_LOCK=")
	assert.Regexp(t, fmt.Sprintf(`nothing was sent, since the load of TestSubject in llmperf.dev/llmperf, pid %d is on, and after it there would be no time for this one, which takes 1.5s: give go test a longer -timeout, or test packages one after the other`, first.Process.Pid), out)
	assert.Contains(t, out, "--- FAIL: TestSubject ")
	assert.NotContains(t, out, "users=2")

	out = runSubject(t, "a load", lock, "LLMPERF_LOCK=off")
	assert.Contains(t, out, "--- PASS: TestSubject ", "who must does not wait")
	out = runSubject(t, "a load", lock, "LLMPERF_LOCK=on")
	assert.Contains(t, out, `LLMPERF_LOCK is "on": want off`)

	require.NoError(t, first.Process.Kill())
	first.Wait()
	out = runSubject(t, "a load", lock, "LLMPERF_LOCK=")
	assert.Contains(t, out, "--- PASS: TestSubject ", "the lock ends with its process")
}

func TestAFolderThatCannotBeLockedIsNoReasonNotToRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Symlink(t.TempDir(), filepath.Join(dir, fmt.Sprintf("llmperf-%d", os.Getuid()))))
	out := runSubject(t, "a load", "TMPDIR="+dir, "LLMPERF_LOCK=")
	assert.Contains(t, out, "this load cannot wait for those of other processes: ")
	assert.Contains(t, out, "is no folder of this user's", "others may have put it there")
	assert.Contains(t, out, "go test may answer the next time with this result, from its cache")
	assert.Contains(t, out, "--- PASS: TestSubject ")
}
