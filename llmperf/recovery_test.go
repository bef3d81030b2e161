package llmperf

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recovering measures a spike before a service that is slow, or fails, from the
// spike's begin until so long after its end.
func recovering(t *testing.T, until time.Duration, slow func() error, profile Profile) *Result {
	t.Helper()
	const warmup = 10 * time.Second
	var res *Result
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var err error
		res, err = Measure(context.Background(), Scenario{
			Profile: profile, Warmup: warmup, Think: Constant(400 * time.Millisecond),
			Target: TargetFunc(func(context.Context, *Call) error {
				if at := time.Since(start); at >= warmup+time.Minute && at < warmup+2*time.Minute+until {
					return slow()
				}
				time.Sleep(100 * time.Millisecond)
				return nil
			}),
		})
		require.NoError(t, err)
	})
	return res
}

func TestRecoveryIsWhereTheServiceIsAsBefore(t *testing.T) {
	spike := SpikeProfile{Users: 20, PeakUsers: 60, Before: time.Minute, Peak: time.Minute, After: 2 * time.Minute}
	seconds := func() error { time.Sleep(time.Second); return nil }
	tests := []struct {
		name, reason string
		until        time.Duration
		slow         func() error
		low, high    time.Duration // bounds that the truth allows
		recovered    bool
	}{
		{"slow for 23 s", "requests sent until then take ten times as long", 23 * time.Second, seconds, 21 * time.Second, 23 * time.Second, true},
		{"at once", "there is nothing to recover from", 0, seconds, 0, 0, true},
		{"failing for 40 s", "failures count as slow ones", 40 * time.Second, func() error { time.Sleep(100 * time.Millisecond); return errors.New("no") }, 38 * time.Second, 40 * time.Second, true},
		{"never", "it is slow to the end of the step", time.Hour, seconds, 100 * time.Second, 2 * time.Minute, false},
		{"a little slower", "less than twice the p95 is as before", time.Hour, func() error { time.Sleep(190 * time.Millisecond); return nil }, 0, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := recovering(t, tt.until, tt.slow, spike)
			require.Nil(t, res.Steps[0].Recovery)
			require.Nil(t, res.Steps[1].Recovery)
			r := res.Steps[2].Recovery
			require.NotNil(t, r)
			assert.Equal(t, "before", r.Reference)
			assert.InDelta(t, 200*time.Millisecond, r.Limit, float64(time.Millisecond))
			assert.Equal(t, tt.recovered, r.Recovered, tt.reason)
			assert.GreaterOrEqual(t, r.Low, tt.low, tt.reason)
			assert.LessOrEqual(t, r.Low, tt.until, "it is not said to last longer than it does")
			assert.Equal(t, tt.high, r.High, tt.reason)
			if tt.recovered {
				assert.Equal(t, tt.until*time.Duration(min(1, tt.high)), r.Seen*time.Duration(min(1, tt.high)))
			}
		})
	}
}

func TestRecoversWithin(t *testing.T) {
	spike := SpikeProfile{Users: 20, PeakUsers: 60, Before: time.Minute, Peak: time.Minute, After: 2 * time.Minute}
	res := recovering(t, 23*time.Second, func() error { time.Sleep(time.Second); return nil }, spike)
	for limit, want := range map[time.Duration]Verdict{15 * time.Second: Fail, 22500 * time.Millisecond: Inconclusive, 30 * time.Second: Pass} {
		outcomes := res.Check(RecoversWithin(limit))
		require.Len(t, outcomes, 1, "it is about one step")
		assert.Equal(t, "after", outcomes[0].Step)
		assert.Equal(t, want, outcomes[0].Verdict, outcomes[0].Message)
	}
	assert.Contains(t, res.Check(RecoversWithin(30 * time.Second))[0].Message, "recovery to the latency of before at 20 users: 23 s [21 s, 23 s], want < 30 s: PASS (n=")
	assert.Contains(t, table(res), "recovery at after took 21s to 23s until requests took at most 200 ms again, as at before")
}

func TestARecoveryThatCannotBeSeen(t *testing.T) {
	s := Scenario{Target: takes(time.Second), Profile: StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 30}}
	checks := SLOs{RecoversWithin(time.Minute)}.checks()
	_, err := plan(s, checks, time.Time{})
	assert.ErrorContains(t, err, "recovery: the profile never falls back to a load it had before")
	_, err = plan(s, SLOs{RecoversWithin(time.Millisecond)}.checks(), time.Time{})
	assert.ErrorContains(t, err, "RecoversWithin(1ms): want at least 1s")

	res, _ := watched(t, s)
	outcomes := res.Check(RecoversWithin(time.Minute))
	require.Len(t, outcomes, 1)
	assert.Equal(t, Fail, outcomes[0].Verdict)
	assert.Contains(t, outcomes[0].Message, "no step fell back to a load that there was before")
}

func TestWhichStepsFallBack(t *testing.T) {
	users := func(loads ...int) (l []Load) {
		for _, n := range loads {
			l = append(l, Load{Users: n, Hold: time.Minute})
		}
		return l
	}
	tests := []struct {
		loads []Load
		at    int
		ok    bool
	}{
		{users(10, 50, 10), 0, true},
		{users(10, 20, 50, 20), 1, true},
		{users(10, 20, 50, 15), 0, true},
		{users(20, 50, 10), 0, false}, // nothing was as low before
		{users(10, 20, 30), 0, false},
		{users(50, 10), 0, false},
		{users(10, 10), 0, false},
		{[]Load{{Rate: 1, Hold: 1}, {Rate: 9, Hold: 1}, {Rate: 1, Hold: 1}}, 0, true},
		{append(users(10, 50), Load{FromUsers: 50, Users: 10, Hold: 1}), 0, false}, // a ramp has no one load
	}
	for _, tt := range tests {
		at, ok := referenceOf(tt.loads)
		assert.Equal(t, tt.ok, ok, "%v", tt.loads)
		assert.Equal(t, tt.at, at, "%v", tt.loads)
	}
}
