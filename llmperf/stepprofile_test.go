package llmperf

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// walk asks a profile for its steps, as a run does.
func walk(t *testing.T, p Profile) []Load {
	t.Helper()
	var done []Step
	var loads []Load
	for {
		l, more := p.Next(done)
		if !more {
			return loads
		}
		require.Less(t, len(loads), 1000, "the profile does not end")
		require.NoError(t, l.validate())
		loads = append(loads, l)
		done = append(done, Step{Index: len(done), Name: l.name(), Load: l})
	}
}

func TestStepProfileRaisesTheLoadEveryMinute(t *testing.T) {
	p := StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 100}
	begin := time.Duration(0)
	loads := walk(t, p)
	require.Len(t, loads, 10)
	for i, l := range loads {
		assert.Equal(t, 10*(i+1), l.Users, "users from %v on", begin)
		assert.Equal(t, time.Duration(i)*60*time.Second, begin, "begin of step %d", i)
		begin += l.Hold
	}
	assert.Equal(t, 600*time.Second, begin, "end of the profile")
	assert.Equal(t, "users=10", loads[0].name())
}

func TestStressHoldsItsLastStep(t *testing.T) {
	assert.Equal(t, []Load{
		{Users: 50, Hold: time.Minute},
		{Users: 100, Hold: time.Minute},
		{Users: 150, Hold: time.Minute},
		{Users: 200, Hold: 12 * time.Minute},
	}, walk(t, Stress))
}

func TestStepProfileDuration(t *testing.T) {
	tests := []struct {
		name, reason string
		profile      StepProfile
		want         []Load
	}{
		{
			"unset", "each step takes its StepTime",
			StepProfile{StepUsers: 2, StepTime: time.Second, MaxUsers: 4},
			[]Load{{Users: 2, Hold: time.Second}, {Users: 4, Hold: time.Second}},
		},
		{
			"smaller last step", "MaxUsers need not be a multiple of StepUsers",
			StepProfile{StepUsers: 4, StepTime: time.Second, MaxUsers: 9},
			[]Load{{Users: 4, Hold: time.Second}, {Users: 8, Hold: time.Second}, {Users: 9, Hold: time.Second}},
		},
		{
			"exactly the steps", "nothing is left over to hold",
			StepProfile{StepUsers: 2, StepTime: time.Second, MaxUsers: 4, Duration: 2 * time.Second},
			[]Load{{Users: 2, Hold: time.Second}, {Users: 4, Hold: time.Second}},
		},
		{
			"longer", "the last step is held for the rest",
			StepProfile{StepUsers: 2, StepTime: time.Second, MaxUsers: 4, Duration: 5 * time.Second},
			[]Load{{Users: 2, Hold: time.Second}, {Users: 4, Hold: 4 * time.Second}},
		},
		{
			"shorter", "steps that don't fit are left out",
			StepProfile{StepUsers: 2, StepTime: time.Second, MaxUsers: 20, Duration: 3 * time.Second},
			[]Load{{Users: 2, Hold: time.Second}, {Users: 4, Hold: time.Second}, {Users: 6, Hold: time.Second}},
		},
		{
			"not a multiple", "the last step that fits takes the odd rest",
			StepProfile{StepUsers: 2, StepTime: time.Second, MaxUsers: 20, Duration: 2500 * time.Millisecond},
			[]Load{{Users: 2, Hold: time.Second}, {Users: 4, Hold: 1500 * time.Millisecond}},
		},
		{
			"one step", "a single step is held for all of it",
			StepProfile{StepUsers: 2, StepTime: time.Second, MaxUsers: 2, Duration: 9 * time.Second},
			[]Load{{Users: 2, Hold: 9 * time.Second}},
		},
		{
			"spawn rate", "every step begins its users at the profile's rate",
			StepProfile{StepUsers: 2, StepTime: time.Second, MaxUsers: 4, SpawnRate: 10},
			[]Load{{Users: 2, Hold: time.Second, SpawnRate: 10}, {Users: 4, Hold: time.Second, SpawnRate: 10}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, tt.profile.validate())
			assert.Equal(t, tt.want, walk(t, tt.profile), tt.reason)
		})
	}
}

func TestLoadUnmeasuredStart(t *testing.T) {
	tests := []struct {
		name, reason      string
		load              Load
		change            int // users begun, or ended if negative
		spawn, unmeasured time.Duration
	}{
		{"a minute", "users begin over 5 s, and the settle time is 10 s", Load{Users: 20, Hold: time.Minute}, 10, 5 * time.Second, 10 * time.Second},
		{"20 s", "the settle time is at most a quarter, spawning at most a tenth", Load{Users: 20, Hold: 20 * time.Second}, 10, 2 * time.Second, 5 * time.Second},
		{"40 s", "a quarter of the step is just the default settle time", Load{Users: 20, Hold: 40 * time.Second}, 10, 4 * time.Second, 10 * time.Second},
		{"an hour", "the defaults don't grow with the step", Load{Users: 20, Hold: time.Hour}, 10, 5 * time.Second, 10 * time.Second},
		{"same load", "nothing has to settle", Load{Users: 20, Hold: time.Minute}, 0, 5 * time.Second, 0},
		{"fewer users", "a falling load settles too", Load{Users: 20, Hold: time.Minute}, -10, 5 * time.Second, 10 * time.Second},
		{"slow spawning", "measuring begins once all users run", Load{Users: 20, Hold: time.Minute, SpawnRate: 0.5}, 10, 20 * time.Second, 20 * time.Second},
		{"fast spawning", "the settle time stays", Load{Users: 20, Hold: time.Minute, SpawnRate: 100}, 10, 100 * time.Millisecond, 10 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.spawn, tt.load.spawnTime(abs(tt.change)), tt.reason)
			assert.Equal(t, tt.unmeasured, tt.load.unmeasured(Load{Users: tt.load.Users - tt.change}), tt.reason)
		})
	}
}

func TestOnlyTheUsersWhoComeTakeTimeToBegin(t *testing.T) {
	// All 100 users of the last step would take longer than it lasts; its ten new ones don't.
	res, _ := watched(t, Scenario{
		Target: takes(time.Second), Profile: StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 100, SpawnRate: 1},
	})
	require.Len(t, res.Steps, 10)
	assert.InDelta(t, 100, res.Steps[9].InFlight/res.Steps[9].Latency.Mean.Seconds()*1.3, 2, "Little's law, with 0.3 s of thinking")
}

func TestUsersLeaveAtTheSpawnRate(t *testing.T) {
	l := Load{Users: 10, Hold: time.Minute, SpawnRate: 5}
	assert.Equal(t, 20*time.Second, l.unmeasured(Load{Users: 110}), "measuring begins once the step has no more users than it asks for")
}
