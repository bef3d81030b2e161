package llmperf

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAShortRunHoldsStepsForAShareOfTheirTime(t *testing.T) {
	tests := []struct {
		name, reason string
		load         Load
		share        float64
		hold         time.Duration
	}{
		{"a tenth", "", Load{Users: 10, Hold: 2 * time.Minute}, 0.1, 12 * time.Second},
		{"a third", "times are whole milliseconds", Load{Users: 10, Hold: 10 * time.Second}, 1.0 / 3, 3333 * time.Millisecond},
		{"a second at least", "less measures nothing", Load{Users: 10, Hold: 5 * time.Second}, 0.1, time.Second},
		{"no longer than it was", "a short step stays as it is", Load{Users: 10, Hold: 300 * time.Millisecond}, 0.1, 300 * time.Millisecond},
		{"an open loop's", "", Load{Rate: 2.5, Hold: time.Minute}, 0.1, 6 * time.Second},
	}
	for _, tt := range tests {
		short := tt.load.shortened(tt.share)
		assert.Equal(t, tt.hold, short.Hold, "%s: %s", tt.name, tt.reason)
		short.Hold, short.whole = tt.load.Hold, nil
		assert.Equal(t, tt.load, short, "%s: nothing else changes", tt.name)
	}
}

func TestWhatChangesWithinAShortStepDoesSoFaster(t *testing.T) {
	spawning := Load{Users: 100, Hold: time.Minute, SpawnRate: 2}.shortened(0.1)
	assert.NoError(t, spawning.validate(), "all users still begin within the step")
	assert.Equal(t, 5*time.Second, spawning.spawnTime(100), "a tenth of 50 s")

	ramp := Load{Users: 100, FromUsers: 10, Hold: time.Minute}.shortened(0.1)
	assert.InDelta(t, 55, ramp.meanUsers(), 1e-9)

	changing := Load{Users: 30, Hold: time.Minute, shape: &shape{[]shapeTick{{0, 10, 5}, {30 * time.Second, 30, 10}, {45 * time.Second, 20, 0}}}}
	short := changing.shortened(0.1)
	assert.Equal(t, []shapeTick{{0, 10, 50}, {3 * time.Second, 30, 100}, {4500 * time.Millisecond, 20, 0}}, short.shape.ticks)
	assert.InDelta(t, changing.meanUsers(), short.meanUsers(), 1e-9)
	assert.Equal(t, 30*time.Second, changing.shape.ticks[1].at, "the profile's own shape is left alone")
}

func TestOfATraceAShortRunReplaysTheBeginning(t *testing.T) {
	at := []time.Duration{9 * time.Second, 11 * time.Second, 14999 * time.Millisecond, 15 * time.Second, 40 * time.Second}
	traced := Load{Rate: 1, Hold: time.Minute, replay: &replay{first: 7, at: at}}
	short := traced.shortened(0.1)
	assert.Equal(t, []time.Duration{0, 2 * time.Second, 5999 * time.Millisecond}, short.replay.at,
		"those of 6 s, from the first on: in the first 6 s of the minute there are none, and a step without requests fails")
	assert.Equal(t, 7, short.replay.first)
	assert.Equal(t, 9*time.Second, at[0], "the profile's own times are left alone")
	assert.Len(t, traced.replay.at, 5)
}

// doubling is a profile that goes on from the load it has seen last.
type doubling struct{}

func (doubling) Next(done []Step) (Load, bool) {
	if len(done) == 0 {
		return Load{Users: 1, Hold: 40 * time.Second}, true
	}
	last := done[len(done)-1].Load
	last.Users *= 2
	return last, last.Users <= 8
}

func (doubling) validate() error { return errors.New("seen") }

func TestAShortenedProfileDecidesAsItAlwaysDoes(t *testing.T) {
	s, _ := shorten(Scenario{Target: idle, Profile: doubling{}}, nil, 0.1)
	var done []Step
	for {
		load, ok := s.Profile.Next(done)
		if !ok {
			break
		}
		assert.Equal(t, 1<<len(done), load.Users)
		assert.Equal(t, 4*time.Second, load.Hold, "and not a tenth of a tenth")
		done = append(done, Step{Load: load})
	}
	assert.Len(t, done, 4)
	assert.ErrorContains(t, s.validate(), "seen", "the profile still says what is wrong with it")
	_, planned := s.Profile.(planner)
	assert.False(t, planned)
}

func TestAShortenedPlanIsAPlan(t *testing.T) {
	whole := StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 30, Duration: 5 * time.Minute}
	s, checks := shorten(Scenario{Target: idle, Profile: whole}, FailureRateBelow(0.001).checks(), 0.1)
	steps := s.Profile.(planner).plan()
	require.Len(t, steps, 3)
	assert.Equal(t, []time.Duration{6 * time.Second, 6 * time.Second, 18 * time.Second}, []time.Duration{steps[0].Hold, steps[1].Hold, steps[2].Hold})
	for i, step := range steps {
		next, ok := s.Profile.Next(make([]Step, i))
		assert.True(t, ok)
		assert.Equal(t, step, next, "what it plans is what it asks for")
	}
	assert.Equal(t, 3*time.Second, s.Warmup, "of the default of 30 s")
	_, err := plan(s, checks, time.Now().Add(time.Minute))
	assert.NoError(t, err, "27 s fit in a minute, and 0.1 %% need not be proved")
}

func TestAShareOfAllChangesNothing(t *testing.T) {
	whole := Scenario{Target: idle, Profile: StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 30}}
	s, checks := shorten(whole, FailureRateBelow(0.001).checks(), 1)
	assert.Equal(t, whole.Profile, s.Profile)
	assert.Zero(t, s.Warmup)
	assert.False(t, s.short)
	assert.False(t, checks[0].guard)
}
