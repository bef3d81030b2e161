package llmperf

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/load"
)

const ms = time.Millisecond

// thinking is what users do who think so: all requests of a run in virtual time,
// user by user. The answers to a user's requests take the given times in turn.
func thinking(t *testing.T, think Think, users int, d time.Duration, answers ...time.Duration) [][]Sample {
	t.Helper()
	of := make([][]Sample, users)
	synctest.Test(t, func(t *testing.T) {
		_, err := Measure(t.Context(), Scenario{
			Target: TargetFunc(func(_ context.Context, c *Call) error {
				time.Sleep(answers[c.Number()%len(answers)])
				return nil
			}),
			Profile: StepProfile{StepUsers: users, StepTime: d, MaxUsers: users}, Think: think, Warmup: NoWarmup,
			Observers: []Observer{{Sample: func(s Sample) { of[s.User] = append(of[s.User], s) }}},
		})
		require.NoError(t, err)
	})
	return of
}

// pauses are those of each user, between an answer and the next request.
func pauses(requests []Sample) (pauses []time.Duration) {
	for i := 1; i < len(requests); i++ {
		pauses = append(pauses, requests[i].Sent-requests[i-1].End)
	}
	return pauses
}

func TestUsersPauseAsTheyAreToldTo(t *testing.T) {
	tests := []struct {
		name, reason string
		think        Think
		want         func(user, n int, took time.Duration) time.Duration
	}{
		{"constant", "always the same", Constant(300 * ms), func(int, int, time.Duration) time.Duration { return 300 * ms }},
		{"constant of nothing", "it is not the default", Constant(0), func(int, int, time.Duration) time.Duration { return 0 }},
		{"none", "the answer is in, and the next request goes out", NoThink, func(int, int, time.Duration) time.Duration { return 0 }},
		{"pacing", "what is left of a second", Pacing(time.Second), func(_, _ int, took time.Duration) time.Duration { return max(0, time.Second-took) }},
		{"between", "drawn by seed, user and number alone", Between(100*ms, 500*ms), func(user, n int, _ time.Duration) time.Duration {
			return Between(100*ms, 500*ms).after(1, user, n, 0)
		}},
		{"exponential", "drawn by seed, user and number alone", Exponential(300 * ms), func(user, n int, _ time.Duration) time.Duration {
			return Exponential(300*ms).after(1, user, n, 0)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for user, requests := range thinking(t, tt.think, 3, time.Minute, 400*ms, 900*ms, 1400*ms) {
				require.Greater(t, len(requests), 30)
				for i, pause := range pauses(requests) {
					want := tt.want(user, requests[i].Number, requests[i].Latency())
					require.GreaterOrEqual(t, pause, want, tt.reason)
					require.Less(t, pause, want+load.Grain, "a user acts at its own instant of each grain")
				}
			}
		})
	}
}

func TestBetweenReachesBothEnds(t *testing.T) {
	seen := map[time.Duration]int{}
	for n := range 10_000 {
		seen[Between(3, 7).after(1, 2, n, 0)]++
	}
	require.Len(t, seen, 5, "%v", seen)
	for pause, count := range seen {
		assert.InDelta(t, 2000, count, byLuckErrors*40, "%v: the standard deviation of a fifth of 10,000 is 40", pause)
	}
}

func TestExponentialPausesAreExponential(t *testing.T) {
	const mean, n = 2 * time.Second, 10_000
	for seed := range uint64(5) {
		var values []float64
		for user := range 10 {
			for i := range n / 10 {
				values = append(values, Exponential(mean).after(seed, user, i, time.Minute).Seconds()/mean.Seconds())
			}
		}
		p := kolmogorov(values, func(x float64) float64 { return 1 - math.Exp(-x) })
		got, variance, serial := moments(values)
		t.Logf("seed %d: p %.3f, mean %.3f, variance %.3f, serial correlation %.3f", seed, p, got, variance, serial)
		assert.Greater(t, p, byLuck, "seed %d", seed)
		assert.InDelta(t, 1, got, byLuckErrors/math.Sqrt(n), "the standard error of the mean is 1/√n")
		assert.InDelta(t, 1, variance, byLuckErrors*math.Sqrt(8./n), "that of the variance √(8/n)")
		assert.InDelta(t, 0, serial, byLuckErrors/math.Sqrt(n), "that of a correlation 1/√n")
		assert.Less(t, kolmogorov(values, func(x float64) float64 { return min(1, x/2) }), byLuck, "even ones are told from them")
	}
}

// TestPacingKeepsTheBeat also where it is no multiple of the grain, to which
// requests are rounded up.
func TestPacingKeepsTheBeat(t *testing.T) {
	for _, every := range []time.Duration{time.Second, time.Second / 3, 777_777_777} {
		for user, requests := range thinking(t, Pacing(every), 20, 70*time.Second, every/10, every/2, every*99/100) {
			first := requests[0].Sent
			for i, r := range requests {
				beat := first + time.Duration(i)*every
				require.InDelta(t, beat, r.Sent, float64(load.Grain), "pacing %v, user %d, request %d", every, user, i)
			}
			sent := 0
			for _, r := range requests {
				if r.Sent < first+time.Minute {
					sent++
				}
			}
			require.Equal(t, int(math.Ceil(float64(time.Minute)/float64(every)-1e-6)), sent, "in a minute, pacing %v, user %d", every, user)
		}
	}
}

func TestPacingOfASecondIsExact(t *testing.T) {
	for user, requests := range thinking(t, Pacing(time.Second), 20, 70*time.Second, 10*ms, 950*ms, 400*ms) {
		for i := 1; i < len(requests); i++ {
			require.Equal(t, time.Second, requests[i].Sent-requests[i-1].Sent, "user %d, request %d", user, i)
		}
	}
}

func TestPacingDoesNotCatchUp(t *testing.T) {
	requests := thinking(t, Pacing(time.Second), 1, time.Minute, 300*ms, 2500*ms, 300*ms, 1300*ms)[0]
	var spacing []time.Duration
	for i := range 8 {
		spacing = append(spacing, requests[i+1].Sent-requests[i].Sent)
	}
	assert.Equal(t, []time.Duration{
		time.Second, 2500 * ms, time.Second, 1300 * ms,
		time.Second, 2500 * ms, time.Second, 1300 * ms,
	}, spacing, "after a slow answer the next request begins at once, and the one after that a second later")
}

func TestMeanCycles(t *testing.T) {
	tests := []struct {
		think         Think
		latency, want time.Duration
	}{
		{Between(100*ms, 500*ms), time.Second, 1300 * ms},
		{Constant(time.Second), time.Second, 2 * time.Second},
		{Exponential(time.Second), time.Second, 2 * time.Second},
		{Pacing(time.Second), 300 * ms, time.Second},
		{Pacing(time.Second), 3 * time.Second, 3 * time.Second},
		{NoThink, time.Second, time.Second},
		{NoThink, 0, 0},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, tt.think.cycle(tt.latency), "%v with answers of %v", tt.think, tt.latency)
	}
}

// TestThinkTimesAreDrawnAsTheyAre holds the drawings in the documentation
// against what a user does.
func TestThinkTimesAreDrawnAsTheyAre(t *testing.T) {
	var drawings strings.Builder
	for _, think := range []Think{Between(100*ms, 500*ms), Constant(300 * ms), Exponential(500 * ms), Pacing(time.Second), NoThink} {
		const columns, column = 60, 100 * ms
		line := []byte(strings.Repeat(".", columns))
		requests := thinking(t, think, 1, 20*time.Second, 400*ms, 800*ms, 200*ms, 1400*ms)[0]
		for _, r := range requests {
			begin, end := int(r.Sent.Round(column)/column), int(r.End.Round(column)/column)
			for i := begin; i < min(end, columns); i++ {
				line[i] = '='
			}
			if begin < columns {
				line[begin] = '|'
			}
		}
		fmt.Fprintf(&drawings, "//\t%s\n//\t0         1         2         3         4         5 s\n", line)
	}
	assertDrawn(t, "think.go", drawings.String())
}

// assertDrawn fails the test unless every line of a drawing is in a source file.
func assertDrawn(t *testing.T, file, drawing string) {
	t.Helper()
	source, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, line := range strings.Split(strings.TrimSpace(drawing), "\n") {
		if !assert.Contains(t, string(source), line+"\n", "%s: draw anew:\n%s", file, drawing) {
			return
		}
	}
}
