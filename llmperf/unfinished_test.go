//go:build unix

package llmperf_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

func init() {
	quickly := llmperf.Latency.P50Below(time.Minute)
	subjects["many short steps"] = func(t *testing.T) {
		s := undecided()
		s.Profile = llmperf.StepProfile{StepUsers: 1, StepTime: 50 * time.Millisecond, MaxUsers: 1000}
		s.Observers = []llmperf.Observer{told}
		llmperf.Run(t, s, quickly)
	}
	subjects["many short probes"] = func(t *testing.T) {
		s := undecided()
		s.Profile, s.Observers = nil, []llmperf.Observer{told}
		llmperf.FindCapacity(t, s, llmperf.Search{MaxUsers: 1 << 14, Settle: 20 * time.Millisecond, Looks: []time.Duration{100 * time.Millisecond}}, quickly)
	}
}

// readable unmarshals a file into v, and reports whether there is one.
func readable(t *testing.T, path string, v any) bool {
	t.Helper()
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return false
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, v), "%s", data)
	return true
}

// TestAKilledRunLeavesItsFinishedSteps kills runs by SIGKILL, which no process can
// do anything about, at moments that it draws from a seed.
func TestAKilledRunLeavesItsFinishedSteps(t *testing.T) {
	t.Parallel() // it waits for other processes
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	draw := rand.New(rand.NewPCG(seed, 0))
	times := 50
	if testing.Short() {
		times = 5
	}
	begun := regexp.MustCompile(`(?m)^=== RUN   TestSubject/(users=\d+)$`)
	kill := func(after time.Duration) (steps int) {
		dir := t.TempDir()
		c := startSubject(t, "many short steps", "LLMPERF_OUT="+dir)
		c.awaitTold(t, 1)
		time.Sleep(after)
		assert.NoError(t, c.Process.Kill())
		out, _ := c.end(t)
		var printed []string
		for _, m := range begun.FindAllStringSubmatch(out, -1) {
			printed = append(printed, m[1])
		}
		var res llmperf.Result
		if readable(t, filepath.Join(dir, "TestSubject", "result.json"), &res) {
			assert.Equal(t, "the run had not ended when this was written", res.Aborted)
		}
		assert.GreaterOrEqual(t, len(res.Steps), len(printed)-1, "killed after %v: all but the last that was printed", after)
		requests := 0
		for i, s := range res.Steps {
			if i < len(printed) {
				assert.Equal(t, printed[i], s.Name)
			}
			assert.Equal(t, s.Succeeded() > 0, s.Latency.P50 > 0, "%v", s.Name)
			requests += s.Requests
		}
		assert.Equal(t, requests, res.Total.Requests)
		return len(res.Steps)
	}
	var all sync.WaitGroup
	var most atomic.Int32
	moments := make(chan time.Duration)
	for range 4 {
		all.Go(func() {
			for after := range moments {
				n := int32(kill(after))
				for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
				}
			}
		})
	}
	for range times {
		moments <- time.Duration(draw.Int64N(int64(1500 * time.Millisecond)))
	}
	close(moments)
	all.Wait()
	assert.Greater(t, most.Load(), int32(1), "some run had finished steps")
}

func TestWhatAKilledRunLeavesIsReportedAsUnfinished(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "TestSubject")
	require.NoError(t, os.Mkdir(old, 0o777))
	for _, name := range []string{"result.json", "report.html", "capacity.json", "notes.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(old, name), []byte("of last week"), 0o666))
	}
	c := startSubject(t, "many short steps", "LLMPERF_OUT="+dir)
	c.awaitTold(t, 4) // the first of them are on disk: the fourth is told after the second was written, or so
	require.Eventually(t, func() bool {
		var res llmperf.Result
		return readable(t, filepath.Join(old, "result.json"), &res) && len(res.Steps) > 1
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, c.Process.Kill())
	c.end(t)
	var res llmperf.Result
	require.True(t, readable(t, filepath.Join(old, "result.json"), &res))
	assert.Equal(t, "TestSubject", res.Name)
	judged := 0
	for _, step := range res.Steps {
		if step.Requests > 0 { // the steps are shorter than a busy machine may stand still
			judged++
		}
	}
	assert.Len(t, res.Outcomes, judged, "they were judged")
	assert.Equal(t, len(res.Steps)+len(res.NotRun), 1000)
	var page bytes.Buffer
	require.NoError(t, res.WriteReport(&page))
	assert.Contains(t, page.String(), "<h1>The run was aborted: the run had not ended when this was written.</h1>")
	assert.NotContains(t, strings.ToLower(page.String()), "slos hold")
	files, err := fs.Glob(os.DirFS(old), "*")
	require.NoError(t, err)
	assert.Subset(t, []string{"notes.txt", "result.json", "result.json.tmp"}, files, "nothing of another run")
}

func TestAKilledSearchLeavesItsProbes(t *testing.T) {
	dir := t.TempDir()
	c := startSubject(t, "many short probes", "LLMPERF_OUT="+dir)
	path := filepath.Join(dir, "TestSubject", "capacity.json")
	require.Eventually(t, func() bool {
		var found llmperf.Capacity
		return readable(t, path, &found) && len(found.Probes) > 1
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, c.Process.Kill())
	c.end(t)
	var found llmperf.Capacity
	require.True(t, readable(t, path, &found))
	assert.Equal(t, "the run had not ended when this was written", found.Aborted)
	assert.Equal(t, []string{"users=10", "users=20"}, []string{found.Probes[0].Step, found.Probes[1].Step})
	assert.Contains(t, found.String(), "; the search was aborted: the run had not ended when this was written")
}
