package llmperf_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// A bout is a time, since the load fell, in which all requests sent are slow.
type bout struct{ from, until time.Duration }

// spiked is a scenario of a spike whose last step begins after 40 s, and a
// service that answers in 100 ms, and in a second while a bout lasts. How slow it
// is in the spike itself does not matter.
func spiked(after time.Duration, answer func(since time.Duration) error, bouts ...bout) llmperf.Scenario {
	const fall = 40 * time.Second
	start := time.Now()
	return llmperf.Scenario{
		Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error {
			since, latency := time.Since(start)-fall, 100*time.Millisecond
			for _, b := range bouts {
				if since >= b.from && since < b.until {
					latency = time.Second
				}
			}
			time.Sleep(latency)
			return answer(since)
		}),
		Profile: llmperf.SpikeProfile{Users: 20, PeakUsers: 60, Before: fall / 2, Peak: fall / 2, After: after},
		Warmup:  llmperf.NoWarmup,
	}
}

func fine(time.Duration) error { return nil }

func TestARecoveryIsToldToTheSecond(t *testing.T) {
	const never = time.Hour
	tests := []struct {
		name, reason string
		answer       func(since time.Duration) error
		bouts        []bout
		low, high    time.Duration
		recovered    bool
	}{
		{"at once", "no request after the spike is slow", fine, nil, 0, 0, true},
		{"after 17.5 s", "17 s is proved to be too early, and 18 s not to be", fine, []bout{{-5 * time.Second, 17500 * time.Millisecond}}, 17 * time.Second, 18 * time.Second, true},
		{"while the load settles", "requests that the step's figures leave out count", fine, []bout{{0, 5500 * time.Millisecond}}, 5 * time.Second, 6 * time.Second, true},
		{"relapse", "what is slow again had not recovered", fine, []bout{{0, 5 * time.Second}, {30 * time.Second, 33900 * time.Millisecond}}, 33 * time.Second, 34 * time.Second, true},
		{"never", "the last second is as slow as the first", fine, []bout{{0, never}}, 59 * time.Second, 0, false},
		{"failures", "who gets no answer is not served either", func(since time.Duration) error {
			if since > 0 && since < 9500*time.Millisecond {
				return errors.New("busy")
			}
			return nil
		}, nil, 9 * time.Second, 10 * time.Second, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := virtually(t, func(*testing.T) llmperf.Scenario { return spiked(time.Minute, tt.answer, tt.bouts...) })
			require.Len(t, res.Steps, 3)
			require.Equal(t, 40*time.Second, res.Steps[2].Begin)
			assert.Nil(t, res.Steps[0].Recovery)
			assert.Nil(t, res.Steps[1].Recovery)
			r := res.Steps[2].Recovery
			require.NotNil(t, r)
			assert.Equal(t, "before", r.Reference)
			assert.Equal(t, 200*time.Millisecond, r.Limit.Round(time.Millisecond), "twice the p95 before")
			assert.Equal(t, tt.low, r.Low, "Low: %s", tt.reason)
			assert.Equal(t, tt.high, r.High, "High: %s", tt.reason)
			assert.Equal(t, tt.recovered, r.Recovered, tt.reason)
		})
	}
}

// TestUsersWhoWaitHaveNotRecovered holds a service that answers nobody for 22.5 s:
// all users wait for one answer each, and no request is sent that could be slow.
func TestUsersWhoWaitHaveNotRecovered(t *testing.T) {
	res := virtually(t, func(*testing.T) llmperf.Scenario {
		return spiked(time.Minute, func(since time.Duration) error {
			if stuck := 22500*time.Millisecond - since; since > -time.Second && stuck > 0 {
				time.Sleep(stuck)
			}
			return nil
		})
	})
	r := res.Steps[2].Recovery
	assert.True(t, r.Recovered)
	assert.Equal(t, 22*time.Second, r.High, "the first second in which anybody is served quickly")
	assert.Less(t, r.Low, r.High)
}

func TestRecoversWithinJudgesAStep(t *testing.T) {
	res := virtually(t, func(*testing.T) llmperf.Scenario { return spiked(time.Minute, fine, bout{0, 17500 * time.Millisecond}) })
	verdicts := map[llmperf.Verdict]time.Duration{llmperf.Fail: 17 * time.Second, llmperf.Pass: 18 * time.Second, llmperf.Inconclusive: 17400 * time.Millisecond}
	for want, within := range verdicts {
		outcomes := res.Check(llmperf.RecoversWithin(within))
		require.Len(t, outcomes, 1, "the other steps do not fall back")
		assert.Equal(t, want, outcomes[0].Verdict, "%s", outcomes[0].Message)
		assert.Equal(t, "after", outcomes[0].Step)
		assert.Equal(t, "recovery", outcomes[0].Name)
	}
	assert.Equal(t, llmperf.Pass, res.Check(llmperf.Guard(llmperf.RecoversWithin(17400 * time.Millisecond)))[0].Verdict, "it is not refuted")

	data, err := json.Marshal(res.Steps[2])
	require.NoError(t, err)
	assert.Contains(t, string(data), `"recovery":{"reference":"before","limit_ns":200`)
	assert.Contains(t, string(data), `"low_ns":17000000000,"high_ns":18000000000,"recovered":true}`)
	rising, err := json.Marshal(res.Steps[1])
	require.NoError(t, err)
	assert.NotContains(t, string(rising), "recovery")
}

func TestARecoveryThatNoStepShowsDoesNotPass(t *testing.T) {
	res := virtually(t, func(*testing.T) llmperf.Scenario {
		s := spiked(time.Minute, fine)
		s.Profile = llmperf.StepProfile{StepUsers: 10, StepTime: 10 * time.Second, MaxUsers: 20}
		return s
	})
	outcomes := res.Check(llmperf.RecoversWithin(10 * time.Second))
	require.Len(t, outcomes, 1)
	assert.Equal(t, llmperf.Fail, outcomes[0].Verdict)
	assert.Equal(t, "recovery cannot be judged: no step in its scope fell back to the load of an earlier one", outcomes[0].Message)
}

func TestAStepIsHeldOnUntilItsRecoveryIsDecided(t *testing.T) {
	recovers := bout{0, 29500 * time.Millisecond}
	res := llmperf.Simulate(t, func(*testing.T) llmperf.Scenario {
		s := spiked(30*time.Second, fine, recovers)
		s.HoldUntilDecided, s.Strictness = true, llmperf.FailInconclusive
		return s
	}, llmperf.RecoversWithin(29900*time.Millisecond))
	after := res.Steps[2]
	assert.Greater(t, after.Until-after.Begin, 50*time.Second, "at the end of 30 s there were too few requests to prove it")
	truth := 40*time.Second + recovers.until - after.Begin // the spike was held until its requests were home
	assert.Equal(t, truth.Truncate(time.Second)+time.Second, after.Recovery.High)
	assert.Equal(t, truth.Truncate(time.Second), after.Recovery.Low)
}

func init() {
	// unplanned hides that the steps of a profile are known before the run.
	type unplanned struct{ llmperf.Profile }
	subjects["recovers"] = func(t *testing.T) {
		llmperf.Simulate(t, func(*testing.T) llmperf.Scenario {
			return spiked(time.Minute, fine, bout{0, 17500 * time.Millisecond})
		}, llmperf.RecoversWithin(20*time.Second))
	}
	subjects["nothing in scope"] = func(t *testing.T) {
		llmperf.Simulate(t, func(*testing.T) llmperf.Scenario {
			s := spiked(time.Minute, fine)
			s.Profile = unplanned{llmperf.StepProfile{StepUsers: 10, StepTime: 10 * time.Second, MaxUsers: 20}}
			return s
		}, llmperf.RecoversWithin(5*time.Second), llmperf.UpTo(5, llmperf.Latency.P50Below(time.Second)))
	}
}

func TestAnSLOThatNoStepOfARunIsInTheScopeOfFails(t *testing.T) {
	out := runSubject(t, "nothing in scope")
	assert.Contains(t, out, "--- FAIL: TestSubject/recovery ")
	assert.Contains(t, out, "recovery cannot be judged: no step in its scope fell back to the load of an earlier one")
	assert.Contains(t, out, "--- FAIL: TestSubject/latency_p50 ")
	assert.Contains(t, out, "latency_p50 cannot be judged: no step in its scope, of at most 5 users, was measured")
}

func TestARecoveryIsReported(t *testing.T) {
	out := runSubject(t, "recovers")
	assert.Contains(t, out, "--- PASS: TestSubject/after/recovery ")
	assert.Contains(t, out, "recovery in after: 17 s to 18 s after the load fell (slow is what failed or took more than 200 ms, by the p95 of before)")
	assert.Contains(t, out, "=== ATTR  TestSubject/after llmperf.recovery 17 s to 18 s after the load fell")
}
