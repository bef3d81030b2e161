package llmperf

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/load"
)

// pauses are those of every user in a run, with the answers before them.
func pauses(t *testing.T, think Think, answer TargetFunc, users int, length time.Duration) (paused []time.Duration, cycles []time.Duration) {
	t.Helper()
	_, samples := watched(t, Scenario{Target: answer, Profile: Steps(Load{Users: users, Hold: length}), Warmup: NoWarmup, Think: think})
	last := map[int]Sample{}
	for _, s := range samples {
		if before, ok := last[s.User]; ok {
			paused, cycles = append(paused, s.Sent-before.End), append(cycles, s.Sent-before.Sent)
		}
		last[s.User] = s
	}
	return paused, cycles
}

func TestThinkTimes(t *testing.T) {
	t.Run("constant", func(t *testing.T) {
		paused, _ := pauses(t, Constant(700*time.Millisecond), takes(300*time.Millisecond), 5, time.Minute)
		require.Greater(t, len(paused), 5*55)
		for _, p := range paused {
			require.InDelta(t, 700*time.Millisecond, p, float64(load.Grain))
		}
	})
	t.Run("between", func(t *testing.T) {
		paused, _ := pauses(t, Between(time.Second, 3*time.Second), takes(100*time.Millisecond), 50, 10*time.Minute)
		d := ksDistance(seconds64(paused), func(s float64) float64 { return min(1, max(0, (s-1)/2)) })
		assert.Less(t, d, ksCritical(len(paused), 10_000))
	})
	t.Run("exponential", func(t *testing.T) {
		paused, _ := pauses(t, Exponential(2*time.Second), takes(100*time.Millisecond), 50, 10*time.Minute)
		require.InEpsilon(t, 50*600/2.1, len(paused), 0.05)
		exponential := func(s float64) float64 { return 1 - math.Exp(-s/2) }
		assert.Less(t, ksDistance(seconds64(paused), exponential), ksCritical(len(paused), 10_000))
		assert.Greater(t, ksDistance(seconds64(paused), func(s float64) float64 { return 1 - math.Exp(-s/2.2) }), ksCritical(len(paused), 10_000), "another mean would be noticed")
	})
	t.Run("none", func(t *testing.T) {
		paused, _ := pauses(t, NoThink, takes(100*time.Millisecond), 5, 10*time.Second)
		for _, p := range paused {
			require.LessOrEqual(t, p, load.Grain)
		}
	})
}

func TestPacingKeepsThePace(t *testing.T) {
	// Answers take from 0.1 to 0.9 s.
	varies := TargetFunc(func(_ context.Context, c *Call) error {
		time.Sleep(time.Duration(100+c.Rand().IntN(800)) * time.Millisecond)
		return nil
	})
	res, samples := watched(t, Scenario{Target: varies, Profile: Steps(Load{Users: 10, Hold: time.Minute}), Warmup: 10 * time.Second, Think: Pacing(time.Second)})
	assert.Equal(t, 10*60, res.Steps[0].Requests, "one of each user in every second")
	last := map[int]time.Duration{}
	for _, s := range samples {
		if before, ok := last[s.User]; ok {
			require.Equal(t, time.Second, s.Sent-before, "it does not drift")
		}
		last[s.User] = s.Sent
	}
}

func TestPacingGoesOnAtOnceAfterASlowAnswer(t *testing.T) {
	slowOnce := TargetFunc(func(_ context.Context, c *Call) error {
		if c.Number() == 5 {
			time.Sleep(3500 * time.Millisecond)
		}
		return nil
	})
	paused, cycles := pauses(t, Pacing(time.Second), slowOnce, 1, 20*time.Second)
	assert.LessOrEqual(t, paused[5], load.Grain)
	assert.InDelta(t, 3.5, cycles[5].Seconds(), 1e-4)
	for i, c := range cycles {
		if i != 5 {
			assert.InDelta(t, 1, c.Seconds(), 1e-4, "what was missed is not made up for")
		}
	}
}

func TestThinkTimesSayWhatTheyAre(t *testing.T) {
	assert.Equal(t, []string{"none", "2s", "100ms to 500ms", "exponential, 2s in the mean", "a request each 6s"},
		[]string{NoThink.String(), Constant(2 * time.Second).String(), defaultThink.String(), Exponential(2 * time.Second).String(), Pacing(6 * time.Second).String()})
}

func TestThinkTimesThatCannotBe(t *testing.T) {
	tests := []struct {
		think Think
		want  string
	}{
		{Exponential(0), "Exponential(0s): want a mean above 0"},
		{Exponential(-time.Second), "Exponential(-1s)"},
		{Pacing(0), "Pacing(0s): want the time from one request to the next"},
		{Pacing(5), "Pacing(5ns)"},
		{Between(2*time.Second, time.Second), "Between(2s, 1s): want 0 <= min <= max"},
		{Between(-1, 1), "Between(-1ns, 1ns)"},
	}
	for _, tt := range tests {
		assert.ErrorContains(t, plannedError(t, Scenario{Target: takes(1), Profile: Steps(Load{Users: 1, Hold: time.Second}), Think: tt.think}), tt.want)
	}
}

func TestCyclesAreWhatUsersDo(t *testing.T) {
	for _, think := range []Think{NoThink, Constant(2 * time.Second), Between(time.Second, 4*time.Second), Exponential(2 * time.Second), Pacing(3 * time.Second), Pacing(500 * time.Millisecond)} {
		const users, length = 40, 10 * time.Minute
		_, cycles := pauses(t, think, takes(time.Second), users, length)
		assert.InEpsilon(t, float64(users*length)/float64(think.cycle(time.Second)), len(cycles)+users, 0.02, "%v", think)
	}
}

// seconds64 are times in seconds.
func seconds64(times []time.Duration) []float64 {
	out := make([]float64, len(times))
	for i, d := range times {
		out[i] = d.Seconds()
	}
	return out
}
