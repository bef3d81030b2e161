package llmperf

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheReferenceIsTheNearestEarlierStep(t *testing.T) {
	users := func(levels ...int) []Load {
		var steps []Load
		for _, n := range levels {
			steps = append(steps, Load{Users: n, Hold: time.Minute})
		}
		return steps
	}
	tests := []struct {
		name, reason string
		steps        []Load
		want         []int // of each step; -1 for none
	}{
		{"spike", "after falls back to before", users(10, 100, 10), []int{-1, -1, 0}},
		{"rising", "nothing falls", users(10, 20, 30), []int{-1, -1, -1}},
		{"falling", "at a lower load than ever before, what is it to be like?", users(30, 20, 10), []int{-1, -1, -1}},
		{"half way", "50 users were never seen without 100 before", users(10, 100, 50), []int{-1, -1, -1}},
		{"below", "at 10 users it should be at least as fast as at 20", users(20, 100, 10), []int{-1, -1, 0}},
		{"stairs", "the nearest one that is not below", users(10, 20, 30, 100, 15), []int{-1, -1, -1, -1, 1}},
		{"the way down", "each step has its like on the way up", users(10, 20, 30, 20, 10), []int{-1, -1, -1, 1, 0}},
		{"two spikes", "a step that is itself recovering is no reference", users(10, 100, 10, 100, 10), []int{-1, -1, 0, -1, 0}},
		{"repeated", "the last of several that are as near", users(10, 10, 100, 10), []int{-1, -1, -1, 1}},
		{"held on", "only the step in which the load falls shows it", users(10, 100, 10, 10), []int{-1, -1, 0, -1}},
		{"rate", "an open loop falls as well", []Load{{Rate: 1}, {Rate: 5}, {Rate: 1}}, []int{-1, -1, 0}},
		{"ramps", "they have no load of which one could tell", []Load{{FromUsers: 5, Users: 10}, {Users: 100}, {Users: 10}, {FromUsers: 9, Users: 3}}, []int{-1, -1, -1, -1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []int
			for i := range tt.steps {
				got = append(got, referenceOf(tt.steps, i))
			}
			assert.Equal(t, tt.want, got, tt.reason)
		})
	}
}

// recoveredAt is a step of which so many requests a second are sent, all slow
// until a time and a share of them after.
func recoveredAt(r *rand.Rand, length int, perSecond, recovery, slow float64) *Recovery {
	rec := &Recovery{Reference: "before", Limit: time.Second, seconds: make([]slowCount, length)}
	for at := r.ExpFloat64() / perSecond; at < float64(length); at += r.ExpFloat64() / perSecond {
		c := &rec.seconds[int(at)]
		c.n++
		if at < recovery || r.Float64() < slow {
			c.slow++
		}
	}
	return rec
}

// TestRecoveryBoundsHoldAsOftenAsTheySay counts how often bounds at 95 % are
// wrong. Three standard errors of 600 runs are 2.7 %.
func TestRecoveryBoundsHoldAsOftenAsTheySay(t *testing.T) {
	t.Parallel()
	const runs, most = 600, 0.05 + 0.027
	tests := []struct {
		name, reason    string
		perSecond, slow float64
		proved          float64 // at least this share of the runs proves a recovery
	}{
		{"busy", "after it nothing is slow", 30, 0, 0.95},
		{"busy and a little slow", "1 % is less than 5 %", 30, 0.01, 0.95},
		{"quiet", "three requests a second", 3, 0, 0.95},
		{"at the limit", "5 % are not fewer than 5 %, so that a recovery is never proved", 10, 0.05, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 7))
			late, early, proved := 0, 0, 0
			for range runs {
				truth := 40 * r.Float64()
				b := recoveredAt(r, 90, tt.perSecond, truth, tt.slow).bounds(0.95)
				if tt.slow < recoveredShare && b.Low/1e9 > truth {
					late++
				}
				if b.High/1e9 < truth-1 { // it is told to the second
					early++
				}
				if !math.IsInf(b.High, 1) {
					proved++
				}
			}
			t.Logf("Low above the truth in %d, High below it in %d, recovery proved in %d of %d runs", late, early, proved, runs)
			assert.LessOrEqual(t, float64(late)/runs, most, "Low is above the truth")
			assert.LessOrEqual(t, float64(early)/runs, most, "High is below the truth")
			if tt.slow >= recoveredShare {
				assert.LessOrEqual(t, float64(proved)/runs, most, tt.reason)
			} else {
				assert.GreaterOrEqual(t, float64(proved)/runs, tt.proved, tt.reason)
			}
		})
	}
}

// recovering is a run whose last step falls back to the load of the first and
// is sent ten requests a second: all slow in the first 12 s and half of the 13th,
// and then one in a time.
func recovering(length int, slowEvery int) *Result {
	step := func(users int, median time.Duration) made {
		return made{users: users, requests: 600, median: median, sigma: 0.3}
	}
	r := madeResult(step(20, 800*time.Millisecond), step(200, time.Second), step(20, 3*time.Second))
	for i, name := range []string{"before", "spike", "after"} {
		r.Steps[i].Name = name
	}
	shown := &Recovery{Reference: "before", Limit: 2600 * time.Millisecond, seconds: make([]slowCount, length)}
	for i := range shown.seconds {
		switch s := &shown.seconds[i]; {
		case i < 12:
			*s = slowCount{10, 10}
		case i == 12:
			*s = slowCount{10, 5}
		case slowEvery > 0 && i%slowEvery == 0:
			*s = slowCount{10, 1}
		default:
			*s = slowCount{10, 0}
		}
	}
	r.Steps[2].Recovery = shown
	return r
}

// withoutReference is a run in whose first step no request succeeded.
func withoutReference() *Result {
	r := recovering(60, 0)
	r.Steps[2].Recovery.Limit = 0
	return r
}

func TestAServiceThatIsNotAskedHasNotRecovered(t *testing.T) {
	silent := &Recovery{Reference: "before", Limit: time.Second, seconds: make([]slowCount, 60)}
	assert.True(t, math.IsInf(silent.bounds(0.95).High, 1), "no request proves nothing")
	for i := 20; i < 60; i++ {
		silent.seconds[i] = slowCount{10, 0}
	}
	assert.Equal(t, 20e9, silent.bounds(0.95).High, "it is seen to have recovered when somebody asks")
}

func TestRecoversWithinIsRefusedWhereNothingCouldTell(t *testing.T) {
	spike := SpikeProfile{Users: 20, PeakUsers: 200, Before: time.Minute, Peak: time.Minute, After: time.Minute}
	tests := []struct {
		name, reason string
		profile      Profile
		slo          SLO
		change       func(*Scenario)
		want         string // "" for what can work
	}{
		{"spike", "after falls back to before", spike, RecoversWithin(20 * time.Second), nil, ""},
		{"nothing falls", "the load only rises", StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 30}, RecoversWithin(20 * time.Second), nil,
			"recovery: no step in scope falls back to the load of an earlier one: use an llmperf.SpikeProfile, or end a profile with a step"},
		{"out of scope", "the step that falls has 20 users", spike, UpTo(19, RecoversWithin(20*time.Second)), nil, "limited to steps of at most 19 users"},
		{"nothing falls in scope", "the step of 10 users does not", Steps(Load{Users: 10, Hold: time.Minute}, Load{Users: 20, Hold: time.Minute}, Load{Users: 40, Hold: time.Minute}, Load{Users: 20, Hold: time.Minute}),
			UpTo(10, RecoversWithin(20*time.Second)), nil, "recovery: no step in scope falls back"},
		{"too short a step", "it would be over before the time is", spike, RecoversWithin(time.Minute), nil,
			"recovery: the step of 20 users after a higher load is held for 1m0s, which could not refute a recovery within 60 s: hold it longer than that"},
		{"too few requests", "an upper bound of 5 % takes 72", spike, RecoversWithin(20 * time.Second), func(s *Scenario) { s.ExpectedLatency = 20 * time.Second },
			"recovery: with answers of 20 s, the step of 20 users yields about 49 requests; proving recovery within 20 s takes 72 in every step"},
		{"without unit", "20 is 20 ns", spike, RecoversWithin(20), nil, "RecoversWithin(20ns): want at least 1s, since a recovery is told to the second; did you mean 20*time.Second?"},
		{"never", "no service recovers in no time", spike, RecoversWithin(0), nil, "RecoversWithin(0s): want at least 1s"},
		{"of one target", "what is slow is not told by target", spike, OnTarget("chat", RecoversWithin(20*time.Second)),
			func(s *Scenario) { s.Target = Mix{{Name: "chat", Weight: 1, Target: idle}} }, `recovery is judged by all requests: want it outside of OnTarget("chat", …)`},
		{"unknown profile", "its steps can't be looked at before the run", deciding{}, RecoversWithin(20 * time.Second), nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := sound()
			s.Profile = tt.profile
			if tt.change != nil {
				tt.change(&s)
			}
			err := planOf(s, []SLO{tt.slo}, time.Time{})
			if tt.want == "" {
				require.NoError(t, err, tt.reason)
				return
			}
			assert.ErrorContains(t, err, tt.want, tt.reason)
		})
	}
}
