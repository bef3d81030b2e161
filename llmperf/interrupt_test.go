//go:build unix

package llmperf_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// told prints when a step is complete.
var told = llmperf.Observer{Step: func(s llmperf.Step) { fmt.Println("told", s.Name) }}

// halfSeconds is a scenario of a hundred steps of half a second. Once two of them
// are complete, one request does what it is told to.
func halfSeconds(hang func(ctx context.Context)) llmperf.Scenario {
	s := undecided()
	s.Profile = llmperf.StepProfile{StepUsers: 1, StepTime: 500 * time.Millisecond, MaxUsers: 100}
	var complete, hung atomic.Int32
	s.Observers = []llmperf.Observer{{Step: func(llmperf.Step) { complete.Add(1) }}, told}
	target := s.Target
	s.Target = llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
		if complete.Load() >= 2 && hung.CompareAndSwap(0, 1) {
			hang(ctx)
		}
		return target.Send(ctx, c)
	})
	return s
}

// untilCancelled hangs until the request's context ends.
func untilCancelled(ctx context.Context) { <-ctx.Done() }

// forLong hangs, whatever becomes of the request's context.
func forLong(context.Context) { time.Sleep(time.Hour) }

func init() {
	quickly := llmperf.Latency.P50Below(time.Minute)
	subjects["interrupted"] = func(t *testing.T) { llmperf.Run(t, halfSeconds(untilCancelled), quickly) }
	subjects["interrupted search"] = func(t *testing.T) {
		s := halfSeconds(untilCancelled)
		s.Profile = nil
		llmperf.FindCapacity(t, s, llmperf.Search{MaxUsers: 1 << 20, Settle: 100 * time.Millisecond, Looks: []time.Duration{500 * time.Millisecond}}, quickly)
	}
	subjects["interrupted simulation"] = func(t *testing.T) {
		llmperf.Simulate(t, func(*testing.T) llmperf.Scenario {
			s := undecided()
			s.Profile, s.Observers = llmperf.StepProfile{StepUsers: 2, StepTime: time.Minute, MaxUsers: 4000}, []llmperf.Observer{told}
			return s
		}, quickly)
	}
	subjects["interrupted, and others after it"] = func(t *testing.T) {
		search := llmperf.Search{MaxUsers: 2}
		sent := func(*testing.T) llmperf.Scenario {
			s := undecided()
			s.Target = llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { fmt.Println("sent after all"); return nil })
			return s
		}
		t.Run("first", func(t *testing.T) { llmperf.Run(t, halfSeconds(untilCancelled), quickly) })
		for name, call := range map[string]func(t *testing.T){
			"run":      func(t *testing.T) { llmperf.Run(t, sent(t), quickly) },
			"simulate": func(t *testing.T) { llmperf.Simulate(t, sent, quickly) },
			"find":     func(t *testing.T) { s := sent(t); s.Profile = nil; llmperf.FindCapacity(t, s, search, quickly) },
			"search": func(t *testing.T) {
				llmperf.SimulateCapacity(t, func(t *testing.T) llmperf.Scenario { s := sent(t); s.Profile = nil; return s }, search, quickly)
			},
		} {
			t.Run(name, call)
		}
	}
	never := make(chan struct{})
	subjects["interrupted, and an observer hangs"] = func(t *testing.T) {
		s, steps := halfSeconds(untilCancelled), 0
		s.Observers = append(s.Observers, llmperf.Observer{Step: func(llmperf.Step) {
			if steps++; steps == 2 {
				<-never
			}
		}})
		llmperf.Run(t, s, quickly)
	}
	subjects["interrupted, and the name hangs"] = func(t *testing.T) {
		s := halfSeconds(untilCancelled)
		s.Target = faultyName{s.Target, func() { <-never }}
		llmperf.Run(t, s, quickly)
	}
	subjects["deaf"] = func(t *testing.T) { llmperf.Run(t, halfSeconds(forLong), quickly) }
	subjects["over and waiting"] = func(t *testing.T) {
		llmperf.Run(t, undecided(), quickly)
		fmt.Println("told the load is over")
		time.Sleep(time.Hour)
	}
}

// A child is a subject that runs.
type child struct {
	*exec.Cmd
	out   bytes.Buffer
	lines *bufio.Reader
}

// startSubject starts a subject, in a group of processes of its own.
func startSubject(t *testing.T, name string, env ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSubject$", "-test.v", "-test.timeout=5m")}
	c.Env = append(append(os.Environ(), "LLMPERF_SUBJECT="+name), env...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	c.Stderr = c.Stdout
	c.lines = bufio.NewReader(io.TeeReader(out, &c.out))
	require.NoError(t, c.Start())
	t.Cleanup(func() { c.Process.Kill() })
	return c
}

// awaitTold waits for so many things that the child tells.
func (c *child) awaitTold(t *testing.T, n int) {
	t.Helper()
	for n > 0 {
		line, err := c.lines.ReadString('\n')
		require.NoError(t, err, "%s", &c.out)
		if strings.HasPrefix(line, "told ") {
			n--
		}
	}
}

// end waits for the child's end, and returns what it printed and how it ended.
func (c *child) end(t *testing.T) (string, syscall.WaitStatus) {
	t.Helper()
	_, err := io.Copy(io.Discard, c.lines)
	require.NoError(t, err)
	c.Wait()
	return c.out.String(), c.ProcessState.Sys().(syscall.WaitStatus)
}

func TestASignalEndsARunWithAReport(t *testing.T) {
	tests := []struct {
		subject string
		signal  syscall.Signal
		name    string
		files   []string
		reason  string
	}{
		{"interrupted", syscall.SIGINT, "SIGINT", []string{"report.html", "summary.md"}, "Ctrl-C"},
		{"interrupted", syscall.SIGTERM, "SIGTERM", []string{"report.html", "summary.md"}, "a job that is cancelled"},
		{"interrupted search", syscall.SIGINT, "SIGINT", []string{"report.html", "capacity.json"}, "a search is a run"},
		{"interrupted simulation", syscall.SIGINT, "SIGINT", []string{"report.html", "summary.md"}, "virtual time is interrupted from outside"},
	}
	for _, tt := range tests {
		t.Run(tt.subject+" by "+tt.name, func(t *testing.T) {
			if signal.Ignored(tt.signal) {
				t.Skipf("%s is ignored here", tt.name)
			}
			t.Parallel() // each waits for seconds
			dir := t.TempDir()
			c := startSubject(t, tt.subject, "LLMPERF_OUT="+dir)
			c.awaitTold(t, 2)
			sent := time.Now()
			require.NoError(t, c.Process.Signal(tt.signal))
			out, status := c.end(t)
			assert.Equal(t, 1, status.ExitStatus(), tt.reason)
			assert.Less(t, time.Since(sent), 90*time.Second, "nobody waited for the request that hangs, which has two minutes")
			assert.Contains(t, out, "the run was aborted: interrupted by "+tt.name+"\n")
			assert.Contains(t, out, "--- FAIL: TestSubject ")
			assert.Contains(t, out, "    --- PASS: TestSubject/users=", "what was measured is reported")
			data, err := os.ReadFile(filepath.Join(dir, "TestSubject", "result.json"))
			require.NoError(t, err)
			var res llmperf.Result
			require.NoError(t, json.Unmarshal(data, &res))
			assert.Equal(t, "interrupted by "+tt.name, res.Aborted)
			assert.GreaterOrEqual(t, len(res.Steps), 2)
			for _, file := range tt.files {
				assert.FileExists(t, filepath.Join(dir, "TestSubject", file))
			}
		})
	}
}

func TestOneSignalIsEnoughWhereAFunctionHangs(t *testing.T) {
	for subject, said := range map[string]string{
		"interrupted, and an observer hangs": "interrupted by SIGTERM, and an observer did not return within 1s of that\n",
		"interrupted, and the name hangs":    "interrupted by SIGTERM; the target's String method did not return within [13]s\n",
	} {
		t.Run(subject, func(t *testing.T) {
			t.Parallel() // it waits for another process
			if signal.Ignored(syscall.SIGTERM) {
				t.Skip("SIGTERM is ignored here")
			}
			c := startSubject(t, subject)
			c.awaitTold(t, 2)
			require.NoError(t, c.Process.Signal(syscall.SIGTERM))
			out, status := c.end(t)
			assert.Equal(t, 1, status.ExitStatus(), "%s", out)
			assert.Regexp(t, "the run was aborted: "+said, out)
			assert.Contains(t, out, "    --- PASS: TestSubject/users=1 ", "what was measured is reported")
		})
	}
}

func TestAfterASignalNoOtherLoadBegins(t *testing.T) {
	t.Parallel() // it waits for another process
	if signal.Ignored(syscall.SIGTERM) {
		t.Skip("SIGTERM is ignored here")
	}
	c := startSubject(t, "interrupted, and others after it")
	c.awaitTold(t, 2)
	require.NoError(t, c.Process.Signal(syscall.SIGTERM), "only once, as a CI does")
	out, status := c.end(t)
	assert.Equal(t, 1, status.ExitStatus())
	assert.Contains(t, out, "the run was aborted: interrupted by SIGTERM\n")
	assert.NotContains(t, out, "sent after all")
	for _, name := range []string{"run", "simulate", "find", "search"} {
		assert.Contains(t, out, "    --- FAIL: TestSubject/"+name+" ")
	}
	assert.Equal(t, 4, strings.Count(out, "llmperf: nothing was sent, since the test process was interrupted by SIGTERM\n"), "%s", out)
}

// diesBySignal sends a child SIGTERM until it dies.
func (c *child) diesBySignal(t *testing.T) string {
	t.Helper()
	over := make(chan struct{})
	defer close(over)
	go func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(100 * time.Millisecond):
				c.Process.Signal(syscall.SIGTERM)
			}
		}
	}()
	out, status := c.end(t)
	assert.True(t, status.Signaled() && status.Signal() == syscall.SIGTERM, "%v: %s", status, out)
	return out
}

func TestASecondSignalEndsTheProcess(t *testing.T) {
	t.Parallel() // it waits for other processes
	c := startSubject(t, "deaf")
	c.awaitTold(t, 2)
	out := c.diesBySignal(t)
	assert.NotContains(t, out, "the run was aborted", "it was on its way there")
}

func TestASignalAfterTheRunEndsTheProcess(t *testing.T) {
	t.Parallel()
	c := startSubject(t, "over and waiting")
	c.awaitTold(t, 1)
	assert.Contains(t, c.diesBySignal(t), "TestSubject/users=2/latency_p50 llmperf.verdict pass", "it was reported")
}

func TestCtrlCInGoTestEndsTheRunWithAReport(t *testing.T) {
	t.Parallel() // it waits for other processes
	if signal.Ignored(os.Interrupt) {
		t.Skip("SIGINT is ignored here")
	}
	dir := scratch(t, map[string]string{"run_test.go": fmt.Sprintf(scenarioFile, "run") + `
func TestCapacity(t *testing.T) {
	scenario.Profile = llmperf.StepProfile{StepUsers: 1, StepTime: time.Second, MaxUsers: 60}
	scenario.Observers = []llmperf.Observer{{Step: func(llmperf.Step) { println("told") }}}
	llmperf.Run(t, scenario, slo)
}
`})
	cmd := exec.CommandContext(t.Context(), "go", "test", "-v", ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())
	var out bytes.Buffer
	told := false
	for lines := bufio.NewScanner(io.TeeReader(stdout, &out)); lines.Scan(); {
		if lines.Text() == "told" && !told { // a second signal would end it at once
			told = true
			require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGINT), "as a terminal does")
		}
	}
	assert.Error(t, cmd.Wait())
	assert.Contains(t, out.String(), "the run was aborted: interrupted by SIGINT\n")
	assert.Contains(t, out.String(), "--- PASS: TestCapacity/users=1/latency_p50 ")
	assert.Contains(t, out.String(), "--- FAIL: TestCapacity ")
}

// TestADeadlineLeavesTimeForAReport: go test's alarm would come ten seconds after
// the abort, and leave nothing.
func TestADeadlineLeavesTimeForAReport(t *testing.T) {
	t.Parallel() // it waits for other processes
	if testing.Short() {
		t.Skip("it waits for a deadline")
	}
	dir := t.TempDir()
	out := runSubjectWithin(t, 16*time.Second, "hangs at its end", "LLMPERF_OUT="+dir)
	assert.Contains(t, out, "the run was aborted: the test's deadline is near: give go test a longer -timeout\n")
	assert.Contains(t, out, "--- PASS: TestSubject/users=2/latency_p50 ")
	assert.NotContains(t, out, "panic: test timed out")
	assert.FileExists(t, filepath.Join(dir, "TestSubject", "report.html"))
}

func init() {
	subjects["hangs at its end"] = func(t *testing.T) {
		s := undecided()
		target := s.Target
		s.Target = llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
			if c.User() == 1 && c.Number() == 20 {
				time.Sleep(time.Hour) // whatever becomes of ctx
			}
			return target.Send(ctx, c)
		})
		llmperf.Run(t, s, llmperf.Latency.P50Below(time.Minute))
	}
}
