package llmperf_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// saturatingAt21 is a scenario of six steps, the third of which saturates its
// engine: see TestSaturationIsFoundWhereTheEngineSaturates.
func saturatingAt21(t *testing.T) llmperf.Scenario {
	return llmperf.Scenario{
		Target:  target(llmperftest.NewServer(t, saturating)),
		Profile: llmperf.StepProfile{StepUsers: 7, StepTime: 15 * time.Second, MaxUsers: 42},
		Think:   llmperf.Constant(25 * time.Millisecond), Warmup: 5 * time.Second,
	}
}

// failingFrom is a target that answers in 100 ms, and of whose requests a share
// fails from the given time on.
func failingFrom(share float64, from time.Duration) llmperf.Target {
	begin := time.Now()
	return llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
		fails := c.Rand().Float64() < share && time.Since(begin) > from
		time.Sleep(100 * time.Millisecond)
		if fails {
			return errors.New("out of order")
		}
		return nil
	})
}

// namesOf are the steps that were run, and those that were not.
func namesOf(res *llmperf.Result) (run, not []string) {
	for _, s := range res.Steps {
		run = append(run, s.Name)
	}
	for _, l := range res.NotRun {
		not = append(not, l.Name)
	}
	return run, not
}

func TestARunStopsOnceTheServiceSaturates(t *testing.T) {
	run := func(stops ...llmperf.Stop) *llmperf.Result {
		return virtually(t, func(t *testing.T) llmperf.Scenario {
			s := saturatingAt21(t)
			s.Stop = stops
			return s
		})
	}
	res := run(llmperf.WhenSaturated)
	measured, not := namesOf(res)
	assert.Equal(t, []string{"users=7", "users=14", "users=21", "users=28"}, measured, "one step is run beyond")
	assert.Equal(t, []string{"users=35", "users=42"}, not)
	assert.Equal(t, "saturated at 21 users (proved to cope at 14 users and not to at 21)", res.Stopped)
	assert.Empty(t, res.Aborted)
	assert.Equal(t, 15*time.Second, res.Steps[3].Until-res.Steps[3].Begin, "the last step is whole")

	whole := run()
	assert.Empty(t, whole.Stopped)
	assert.Nil(t, whole.NotRun)
	require.Len(t, whole.Steps, 6)
	for i, s := range res.Steps[:3] {
		assert.Equal(t, whole.Steps[i].Stats, s.Stats, "up to where it stops it is the same run")
	}
	assert.Equal(t, res.Spent, run(llmperf.WhenSaturated).Spent)
}

func TestARunThatHasNothingLeftToRunDoesNotStop(t *testing.T) {
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		s := saturatingAt21(t)
		s.Profile = llmperf.StepProfile{StepUsers: 7, StepTime: 15 * time.Second, MaxUsers: 28}
		s.Stop = []llmperf.Stop{llmperf.WhenSaturated}
		return s
	})
	assert.True(t, res.Saturation.Found)
	assert.Empty(t, res.Stopped, "the step beyond was the last anyway")
	assert.Len(t, res.Steps, 4)
}

func TestAStopOnTheLastLookAtTheLastStepIsNone(t *testing.T) {
	res := virtually(t, func(*testing.T) llmperf.Scenario {
		return llmperf.Scenario{
			Target: failingAtOnceFrom(59800 * time.Millisecond), Warmup: llmperf.NoWarmup,
			Profile: hold(20, time.Minute), Stop: []llmperf.Stop{llmperf.WhenFailing(0.0001)},
		}
	})
	assert.Positive(t, res.Total.Failed)
	assert.Empty(t, res.Stopped, "the run was over")
}

// failingAtOnceFrom is a target that answers at once, and fails from the given time
// on.
func failingAtOnceFrom(from time.Duration) llmperf.Target {
	begin := time.Now()
	return llmperf.TargetFunc(func(context.Context, *llmperf.Call) error {
		if time.Since(begin) > from {
			return errors.New("out of order")
		}
		return nil
	})
}

func TestARunStopsAsSoonAsAStepIsProvedToFail(t *testing.T) {
	const stepTime, settle = time.Minute, 10 * time.Second
	failing := func(share float64, from time.Duration, rate float64) *llmperf.Result {
		return virtually(t, func(*testing.T) llmperf.Scenario {
			return llmperf.Scenario{
				Target: failingFrom(share, from), Warmup: llmperf.NoWarmup,
				Profile: llmperf.StepProfile{StepUsers: 5, StepTime: stepTime, MaxUsers: 15}, Stop: []llmperf.Stop{llmperf.WhenFailing(rate)},
			}
		})
	}
	t.Run("within a step", func(t *testing.T) {
		res := failing(0.9, stepTime+30*time.Second, 0.3)
		measured, not := namesOf(res)
		assert.Equal(t, []string{"users=5", "users=10"}, measured)
		assert.Equal(t, []string{"users=15"}, not)
		assert.Regexp(t, `^\d+ of the first \d+ requests at 10 users failed, which proves more than 30 %$`, res.Stopped)
		cut := res.Steps[1]
		assert.Less(t, cut.Until, 2*stepTime)
		assert.Greater(t, cut.Until, stepTime+35*time.Second, "20 s without a failure must be made up for")
		assert.Greater(t, cut.FailureRate, 0.3)
		assert.Equal(t, (cut.Until - cut.From).Seconds(), cut.Seconds, "rates are per second that was measured")
	})
	t.Run("before much of a step is measured", func(t *testing.T) {
		res := failing(0.9, stepTime, 0.3)
		assert.Less(t, res.Steps[1].Until-res.Steps[1].From, 4*time.Second, "9 of 10 users' requests in 10 fail")
		assert.Equal(t, stepTime+settle, res.Steps[1].From)
	})
	t.Run("not below the rate", func(t *testing.T) {
		res := failing(0.25, 0, 0.3)
		assert.Empty(t, res.Stopped)
		assert.Len(t, res.Steps, 3)
	})
	t.Run("not at the rate", func(t *testing.T) {
		assert.Empty(t, failing(0.3, 0, 0.3).Stopped, "a coin is not proved to be loaded by looking at it often")
	})
}

// TestFailuresThatComeHomeFirstAreNotTakenForAll lets one request in five fail at
// once and the others answer after a third of a step: whoever counts only those
// that have ended sees nothing but failures at first.
func TestFailuresThatComeHomeFirstAreNotTakenForAll(t *testing.T) {
	res := virtually(t, func(*testing.T) llmperf.Scenario {
		return llmperf.Scenario{
			Target: llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
				if c.Rand().Float64() < 0.2 {
					return errors.New("shed")
				}
				select {
				case <-time.After(20 * time.Second):
				case <-ctx.Done():
				}
				return ctx.Err()
			}),
			Warmup: llmperf.NoWarmup, Profile: hold(200, time.Minute), Stop: []llmperf.Stop{llmperf.WhenFailing(0.3)},
		}
	})
	assert.Empty(t, res.Stopped)
	assert.InDelta(t, 0.2, res.Total.FailureRate, 0.05)
}

// TestTimeoutsOfAStepThatIsOverStopARun lets all requests hang from the second
// step on, for longer than the step: there is nothing to see while it runs.
func TestTimeoutsOfAStepThatIsOverStopARun(t *testing.T) {
	res := virtually(t, func(*testing.T) llmperf.Scenario {
		begin := time.Now()
		return llmperf.Scenario{
			Target: llmperf.TargetFunc(func(ctx context.Context, _ *llmperf.Call) error {
				if time.Since(begin) > 70*time.Second {
					<-ctx.Done()
				}
				return ctx.Err()
			}),
			Warmup: llmperf.NoWarmup, Timeout: 2 * time.Minute, Think: llmperf.Constant(10 * time.Second),
			Profile: llmperf.StepProfile{StepUsers: 100, StepTime: time.Minute, MaxUsers: 1000}, Stop: []llmperf.Stop{llmperf.WhenFailing(0.5)},
		}
	})
	assert.Contains(t, res.Stopped, "at 200 users failed, which proves more than 50 %")
	measured, _ := namesOf(res)
	assert.Less(t, len(measured), 6, "%v: the first timeouts come 70 s after the step", measured)
}

func TestStopsDecideTheSameInEveryRun(t *testing.T) {
	var first []byte
	for range 3 {
		res := virtually(t, func(t *testing.T) llmperf.Scenario {
			s := busy(t, 1)
			s.Stop = []llmperf.Stop{llmperf.WhenFailing(0.02), llmperf.WhenSaturated}
			return s
		})
		require.NotEmpty(t, res.Stopped)
		data, err := json.Marshal(res)
		require.NoError(t, err)
		if first == nil {
			first = data
		}
		assert.Equal(t, string(first), string(data))
	}
}

func init() {
	// stopping is saturatingAt21 with stops and SLOs.
	stopping := func(stop llmperf.Stop, slos ...llmperf.SLO) func(t *testing.T) {
		return func(t *testing.T) {
			llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
				s := saturatingAt21(t)
				s.Stop = []llmperf.Stop{stop}
				return s
			}, slos...)
		}
	}
	subjects["stop when saturated"] = stopping(llmperf.WhenSaturated,
		llmperf.FailureRateBelow(0.05),
		llmperf.NoSaturationBelow(14),
		llmperf.UpTo(35, llmperf.Latency.P95Below(10*time.Second), llmperf.GrowthAtMost(llmperf.Accelerating)))
	subjects["stop when a step has failed"] = stopping(llmperf.WhenLost,
		llmperf.Latency.P95Below(250*time.Millisecond), llmperf.FailureRateBelow(0.05))
	subjects["stop when saturation has failed"] = stopping(llmperf.WhenLost,
		llmperf.NoSaturationBelow(42), llmperf.Latency.P95Below(10*time.Second))
	subjects["nothing is lost"] = stopping(llmperf.WhenLost, llmperf.Latency.P95Below(10*time.Second))
	subjects["lost in real time"] = func(t *testing.T) {
		s := steady(5 * time.Millisecond)
		s.Profile = whileTheSecondRuns
		s.Stop = []llmperf.Stop{llmperf.WhenLost}
		llmperf.Run(t, s, llmperf.Latency.P90Below(2*time.Millisecond))
	}
	subjects["abort"] = func(t *testing.T) {
		s := steady(5 * time.Millisecond)
		s.Profile = whileTheSecondRuns
		s.Observers = []llmperf.Observer{{Step: func(llmperf.Step) { panic("enough") }}}
		llmperf.Run(t, s, llmperf.Latency.P50Below(time.Second), llmperf.FailureRateBelow(0.1))
	}
}

// whileTheSecondRuns is a profile whose first step is complete long before the
// second ends, however busy the machine.
var whileTheSecondRuns = llmperf.Steps(
	llmperf.Load{Users: 2, Hold: 1500 * time.Millisecond}, llmperf.Load{Users: 4, Hold: 30 * time.Second}, llmperf.Load{Users: 6, Hold: 30 * time.Second},
)

func TestWhatWasNotRunIsReportedAsThat(t *testing.T) {
	dir, summary := t.TempDir(), filepath.Join(t.TempDir(), "summary.md")
	out := runSubject(t, "stop when saturated", "LLMPERF_OUT="+dir, "GITHUB_STEP_SUMMARY="+summary)
	for _, line := range []string{
		`--- PASS: TestSubject `, // a stop is no failure
		`    --- PASS: TestSubject/users=28 `,
		`        --- PASS: TestSubject/users=28/latency_p95 `,
		`    --- SKIP: TestSubject/users=35 `,
		`        --- SKIP: TestSubject/users=35/latency_p95 `,
		`        --- SKIP: TestSubject/users=35/failure_rate `,
		`        --- SKIP: TestSubject/users=42/failure_rate `,
		`    --- PASS: TestSubject/saturation `, // all of its steps were run
		`    --- SKIP: TestSubject/failure_rate `,
		`    --- SKIP: TestSubject/growth `,
		`=== ATTR  TestSubject/users=35/latency_p95 llmperf.verdict not run`,
		`=== ATTR  TestSubject/failure_rate llmperf.verdict not run`,
		`=== ATTR  TestSubject llmperf.stopped saturated at 21 users`,
		`users=35 was not run: the run was stopped after users=28: saturated at 21 users (proved to cope at 14 users and not to at 21)`,
		`stopped after users=28: saturated at 21 users (proved to cope at 14 users and not to at 21); not run: users=35, users=42`,
	} {
		assert.Contains(t, out, line)
	}
	assert.NotContains(t, out, "TestSubject/users=42/latency_p95", "it is out of the SLO's scope")
	assert.Regexp(t, `: 14 verdicts: 9 pass, 0 fail, 0 inconclusive, 5 not run\n`, out)
	assert.Regexp(t, `(?m)^ +spent: [\d,]+ requests, [\d,]+ prompt tokens, [\d,]+ output tokens$`, out)

	data, err := os.ReadFile(filepath.Join(dir, "TestSubject", "result.json"))
	require.NoError(t, err)
	var res llmperf.Result
	require.NoError(t, json.Unmarshal(data, &res))
	_, not := namesOf(&res)
	assert.Equal(t, []string{"users=35", "users=42"}, not)
	assert.Contains(t, string(data), `"verdict": "not run"`)
	text, err := os.ReadFile(summary)
	require.NoError(t, err)
	assert.Contains(t, string(text), "The run was stopped after users=28: saturated at 21 users (proved to cope at 14 users and not to at 21); not run: users=35, users=42.\n")
}

func TestStrictnessDecidesWhatWasNotRun(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]string{"skip": "SKIP", "fail": "FAIL", "pass": "SKIP"} {
		out := runSubject(t, "stop when saturated", "LLMPERF_INCONCLUSIVE="+env)
		assert.Contains(t, out, "--- "+want+": TestSubject/users=35/latency_p95 ", "LLMPERF_INCONCLUSIVE=%s", env)
		assert.Contains(t, out, "--- "+want+": TestSubject/failure_rate ", "LLMPERF_INCONCLUSIVE=%s", env)
	}
}

func TestARunStopsOnceAnSLOIsLost(t *testing.T) {
	t.Parallel()
	out := runSubject(t, "stop when a step has failed")
	assert.Contains(t, out, "--- FAIL: TestSubject/users=21/latency_p95")
	assert.NotContains(t, out, "=== RUN   TestSubject/users=28\n        ", "the step that was just beginning")
	assert.Contains(t, out, "--- SKIP: TestSubject/users=28/latency_p95")
	assert.Contains(t, out, "stopped after users=21: an SLO has failed for good: latency p95 < 250 ms at 21 users; not run: users=28, users=35, users=42\n")

	out = runSubject(t, "stop when saturation has failed")
	assert.Contains(t, out, "--- FAIL: TestSubject/saturation ")
	assert.Contains(t, out, "stopped after users=21: an SLO has failed for good: no saturation up to 42 users; not run: users=28, users=35, users=42\n")

	out = runSubject(t, "lost in real time")
	assert.Contains(t, out, "--- FAIL: TestSubject/users=2/latency_p90 ")
	assert.Contains(t, out, "--- SKIP: TestSubject/users=6/latency_p90 ")

	out = runSubject(t, "nothing is lost")
	assert.Contains(t, out, "--- PASS: TestSubject ")
	assert.NotContains(t, out, "not run")
}

func TestWhatAnAbortPreventedIsNotRun(t *testing.T) {
	t.Parallel()
	out := runSubject(t, "abort")
	assert.Contains(t, out, "the run was aborted: an observer panicked: enough")
	assert.Contains(t, out, "--- PASS: TestSubject/users=2/latency_p50")
	assert.Contains(t, out, "--- SKIP: TestSubject/users=6/latency_p50")
	assert.Contains(t, out, "users=6 was not run: the run was aborted ")
	assert.Regexp(t, `aborted (after|during) users=\d: an observer panicked: enough.*; not run: .*users=6\n`, out)
}

func TestAPartOfARampPassesNothing(t *testing.T) {
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		return llmperf.Scenario{
			Target: target(llmperftest.NewServer(t, quick)), Warmup: llmperf.NoWarmup, Budget: llmperf.Budget{Requests: 4000},
			Profile: llmperf.Steps(llmperf.Load{Users: 10, Hold: time.Minute}, llmperf.Load{FromUsers: 10, Users: 100, Hold: time.Minute}),
		}
	})
	require.Len(t, res.Steps, 2)
	require.Less(t, res.Steps[1].Until-res.Steps[1].Begin, 55*time.Second)
	for _, slo := range []llmperf.SLO{llmperf.Latency.P95Below(time.Minute), llmperf.FailureRateBelow(0.1), llmperf.Guard(llmperf.TailRatioBelow(50)), llmperf.NoSaturationBelow(100)} {
		outcomes := res.Check(slo)
		last := outcomes[len(outcomes)-1]
		assert.Equal(t, llmperf.NotRun, last.Verdict, "%v", last)
		assert.Contains(t, last.Message, ": NOT RUN (n=")
	}
	assert.Contains(t, res.Check(llmperf.NoSaturationBelow(100))[0].Message, "not run: the rest of users=10-100; the run was stopped")
	assert.Contains(t, res.Check(llmperf.Latency.P95Below(time.Minute))[1].Message, "of 1m0s, before all of its load was put on")
	assert.Equal(t, llmperf.Pass, res.Check(llmperf.UpTo(10, llmperf.Latency.P95Below(time.Minute)))[0].Verdict, "the first step was whole")
}

func TestMeasureKnowsNoSLOsToLose(t *testing.T) {
	s := steady(time.Millisecond)
	s.Stop = []llmperf.Stop{llmperf.WhenLost}
	_, err := llmperf.Measure(t.Context(), s)
	assert.ErrorContains(t, err, "scenario.Stop has WhenLost, and Measure knows no SLOs: use llmperf.Run or llmperf.Simulate, or another Stop")
}
