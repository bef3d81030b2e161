package bubble_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/bubble"
)

// stall is short, so that tests need not wait long for what gets stuck.
const stall = 300 * time.Millisecond

func run(t *testing.T, s simulation) error {
	return bubble.Run(t, bubble.Options{Stall: stall}, s)
}

func TestRunIsInVirtualTime(t *testing.T) {
	assert.False(t, bubble.Inside())
	var began time.Time
	var inside bool
	var took time.Duration
	wall := time.Now()
	err := run(t, func(t *testing.T, beat func()) {
		inside, began = bubble.Inside(), time.Now()
		users(100, func() { time.Sleep(time.Minute) })(t, beat)
		took = time.Since(began)
	})
	require.NoError(t, err)
	assert.True(t, inside)
	assert.Equal(t, bubble.Epoch, began.UTC(), "every run begins at the same time")
	assert.Equal(t, 10*(time.Minute+time.Second), took)
	assert.Less(t, time.Since(wall), took)
}

func TestRunWaitsForWhatIsAboutToEnd(t *testing.T) {
	ended := atomic.Bool{}
	err := run(t, func(t *testing.T, beat func()) {
		go func() {
			time.Sleep(time.Minute)
			ended.Store(true)
		}()
	})
	require.NoError(t, err)
	assert.True(t, ended.Load())
}

func TestRunLetsCleanupsEndWhatTicks(t *testing.T) {
	err := run(t, func(t *testing.T, beat func()) {
		stop := make(chan struct{})
		go refresh(stop)
		t.Cleanup(func() { close(stop) })
		time.Sleep(9 * time.Minute)
	})
	require.NoError(t, err)
}

func TestRunIsPatientWithWork(t *testing.T) {
	var ticks, busy atomic.Int32
	o := bubble.Options{Stall: 50 * time.Millisecond, Tick: func() { ticks.Add(1) }}
	err := bubble.Run(t, o, func(t *testing.T, beat func()) {
		for ticks.Load() < 20 { // for ten times as long as beats may stay away
			busy.Add(1)
		}
	})
	require.NoError(t, err)
	assert.Positive(t, busy.Load())
}

func TestRunIsPatientWithAShortWaitForOutside(t *testing.T) {
	answer := make(chan int)
	o := bubble.Options{Stall: time.Minute, Tick: sync.OnceFunc(func() { close(answer) })}
	err := bubble.Run(t, o, func(t *testing.T, beat func()) { <-answer })
	require.NoError(t, err)
}

func TestRunSkipped(t *testing.T) {
	err := run(t, func(t *testing.T, beat func()) { t.Skip("there is nothing to do") })
	require.ErrorIs(t, err, bubble.ErrSkipped)
	assert.False(t, t.Skipped(), "that is left to the caller")
}

// subjects are tests that a test binary of its own runs, since they fail, leave
// goroutines behind, or end the process.
var subjects = map[string]func(t *testing.T){
	"traps": func(t *testing.T) {
		var outcomes sync.Map
		t.Run("all", func(t *testing.T) {
			for _, trap := range traps {
				t.Run(trap.name, func(t *testing.T) {
					t.Parallel()
					outcomes.Store(trap.name, fmt.Sprint(run(t, trap.build())))
				})
			}
		})
		byName := map[string]any{}
		outcomes.Range(func(name, err any) bool { byName[name.(string)] = err; return true })
		data, err := json.Marshal(byName)
		require.NoError(t, err)
		fmt.Printf("outcomes: %s\n", data)
	},
	"t.Fatal": func(t *testing.T) {
		report(t, run(t, func(t *testing.T, beat func()) { t.Fatal("no answer") }))
	},
	"t.Error": func(t *testing.T) {
		report(t, run(t, func(t *testing.T, beat func()) { t.Error("no answer") }))
	},
	"t.Fatal in a cleanup": func(t *testing.T) {
		report(t, run(t, func(t *testing.T, beat func()) {
			t.Cleanup(func() { t.Fatal("no answer") })
		}))
	},
	"t.Fatal of the outer test": func(t *testing.T) {
		report(t, run(t, func(_ *testing.T, beat func()) { t.Fatal("no answer") }))
	},
	"t.Fatal with a goroutine left": func(t *testing.T) {
		report(t, run(t, func(t *testing.T, beat func()) {
			go refresh(nil)
			t.Fatal("no answer")
		}))
	},
	"panic": func(t *testing.T) {
		report(t, run(t, func(t *testing.T, beat func()) { panic("no answer") }))
	},
	"a run in a run": func(t *testing.T) {
		report(t, run(t, func(t *testing.T, beat func()) { run(t, ticks) }))
	},
	"stuck in the middle": func(t *testing.T) {
		c := make(chan int)
		err := run(t, users(1, func() { receive(c) }))
		var stuck *bubble.Stuck
		require.ErrorAs(t, err, &stuck)
		fmt.Printf("ended: %v\n%s", stuck.Ended, stuck.Stacks)
		report(t, run(t, users(1, func() {})))
	},
	"stuck at the end": func(t *testing.T) {
		requests := 0
		err := run(t, func(t *testing.T, beat func()) {
			go refresh(nil)
			requests++
		})
		var stuck *bubble.Stuck
		require.ErrorAs(t, err, &stuck)
		fmt.Printf("ended: %v, requests: %d\n%s", stuck.Ended, requests, stuck.Stacks)
		report(t, run(t, users(1, func() {})))
	},
	"tick that ends the test": func(t *testing.T) {
		var requests atomic.Int32
		t.Run("too long", func(t *testing.T) {
			tick := func() {
				if requests.Load() > 0 {
					t.Fatal("the deadline is near")
				}
			}
			bubble.Run(t, bubble.Options{Stall: stall, Tick: tick}, func(t *testing.T, beat func()) {
				for {
					beat()
					requests.Add(1)
					time.Sleep(time.Second)
				}
			})
		})
		require.Eventually(t, func() bool {
			stacks := make([]byte, 1<<20)
			return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "bubble.(*watch).beat")
		}, 10*time.Second, time.Millisecond)
		before := requests.Load()
		report(t, run(t, users(1, func() {})))
		fmt.Printf("requests after the end: %d\n", requests.Load()-before)
	},
}

func report(t *testing.T, err error) { fmt.Printf("outcome: %v, test failed: %v\n", err, t.Failed()) }

func TestSubject(t *testing.T) {
	subject := subjects[os.Getenv("BUBBLE_SUBJECT")]
	if subject == nil {
		t.Skip("for tests that run it in a process of its own")
	}
	subject(t)
}

// runSubject runs a subject and returns what go test -v prints.
func runSubject(t *testing.T, name string) string {
	t.Helper()
	require.Contains(t, subjects, name)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSubject$", "-test.v", "-test.parallel=100", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), "BUBBLE_SUBJECT="+name)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit, "%s", out)
	}
	return string(out)
}

func TestTraps(t *testing.T) {
	out := runSubject(t, "traps")
	_, data, found := strings.Cut(out, "outcomes: ")
	require.True(t, found, out)
	data, _, _ = strings.Cut(data, "\n")
	var outcomes map[string]string
	require.NoError(t, json.Unmarshal([]byte(data), &outcomes), out)
	line := regexp.MustCompile(`\.go:\d+\)`)
	duration := regexp.MustCompile(`still for [0-9.]+m?s:`)
	for _, trap := range traps {
		t.Run(trap.name, func(t *testing.T) {
			got := line.ReplaceAllString(outcomes[trap.name], ".go:N)")
			got = duration.ReplaceAllString(got, "still for D:")
			assert.Equal(t, trap.want, got, trap.reason)
		})
	}
}

func TestOutcomes(t *testing.T) {
	failed := []string{"_test.go:", ": no answer\n", "outcome: " + bubble.ErrFailed.Error() + ", test failed: true", "--- FAIL: TestSubject"}
	for _, tt := range []struct {
		subject, reason string
		want            []string
	}{
		{"t.Fatal", "it ends the goroutine that holds the bubble", failed},
		{"t.Error", "the simulation's test fails as a whole", failed},
		{"t.Fatal in a cleanup", "cleanups are part of the simulation", failed},
		{"t.Fatal of the outer test", "a function can use the wrong t", failed},
		{"t.Fatal with a goroutine left", "what failed first explains the rest", failed},
		{"panic", "it ends the process where it happened", []string{"panic: no answer", "bubble_test.init.func"}},
		{"a run in a run", "what the runtime says reaches the caller", []string{"panic: synctest.Run called from within a synctest bubble", "internal/synctest.Run("}},
		{"stuck in the middle", "the process goes on", []string{"ended: false\n", "[chan receive, synctest bubble 1]:\nllmperf.dev/llmperf/internal/bubble_test.receive(", "outcome: <nil>, test failed: false"}},
		{"stuck at the end", "what was measured is complete", []string{"ended: true, requests: 1\n", "[select (durable), synctest bubble 1]:\nllmperf.dev/llmperf/internal/bubble_test.refresh(", "outcome: <nil>, test failed: false"}},
		{"tick that ends the test", "an abandoned bubble does not go on", []string{"the deadline is near", "outcome: <nil>", "requests after the end: 0\n"}},
	} {
		t.Run(tt.subject, func(t *testing.T) {
			t.Parallel()
			out := runSubject(t, tt.subject)
			for _, want := range tt.want {
				assert.Contains(t, out, want, tt.reason)
			}
		})
	}
}
