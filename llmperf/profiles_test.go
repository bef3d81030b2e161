package llmperf

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/load"
)

func TestPlans(t *testing.T) {
	const s, m = time.Second, time.Minute
	tests := []struct {
		name, reason string
		profile      Profile
		want         []Load
	}{
		{"steps of rate", "as with users", StepProfile{StepRate: 0.1, StepTime: m, MaxRate: 0.3}, []Load{{Rate: 0.1, Hold: m}, {Rate: 0.2, Hold: m}, {Rate: 0.3, Hold: m}}},
		{"steps of rate that are no binary fractions", "limits such as UpToRate(0.6) are to cover them", StepProfile{StepRate: 0.6, StepTime: m, MaxRate: 1.9}, []Load{{Rate: 0.6, Hold: m}, {Rate: 1.2, Hold: m}, {Rate: 1.8, Hold: m}, {Rate: 1.9, Hold: m}}},
		{"smaller last step of rate", "MaxRate need not be a multiple", StepProfile{StepRate: 2, StepTime: m, MaxRate: 5}, []Load{{Rate: 2, Hold: m}, {Rate: 4, Hold: m}, {Rate: 5, Hold: m}}},
		{"soak", "one step", ConstantProfile{Users: 50, Duration: time.Hour}, []Load{{Users: 50, Hold: time.Hour}}},
		{"soak in stretches", "a rest below half a stretch belongs to the last", ConstantProfile{Rate: 3, Duration: 34 * m, Every: 10 * m}, []Load{{Rate: 3, Hold: 10 * m}, {Rate: 3, Hold: 10 * m}, {Rate: 3, Hold: 14 * m}}},
		{"soak with a rest", "one of half a stretch is a step", ConstantProfile{Users: 3, Duration: 15 * m, Every: 10 * m}, []Load{{Users: 3, Hold: 10 * m}, {Users: 3, Hold: 5 * m}}},
		{"ramp", "from one stretch's worth on", RampProfile{ToUsers: 40, Duration: 4 * m, Steps: 4}, []Load{{FromUsers: 10, Users: 18, Hold: m}, {FromUsers: 18, Users: 25, Hold: m}, {FromUsers: 25, Users: 33, Hold: m}, {FromUsers: 33, Users: 40, Hold: m}}},
		{"ramp down", "the load may fall", RampProfile{FromUsers: 30, ToUsers: 10, Duration: 2 * m, Steps: 2}, []Load{{FromUsers: 30, Users: 20, Hold: m}, {FromUsers: 20, Users: 10, Hold: m}}},
		{"ramp of few users", "no stretch without a change", RampProfile{FromUsers: 1, ToUsers: 3, Duration: 2 * m}, []Load{{FromUsers: 1, Users: 2, Hold: m}, {FromUsers: 2, Users: 3, Hold: m}}},
		{"ramp of rate", "in exact parts", RampProfile{FromRate: 1, ToRate: 2, Duration: 2 * m, Steps: 2}, []Load{{FromRate: 1, Rate: 1.5, Hold: m}, {FromRate: 1.5, Rate: 2, Hold: m}}},
		{"flat ramp", "one stretch", RampProfile{FromUsers: 5, ToUsers: 5, Duration: m}, []Load{{FromUsers: 5, Users: 5, Hold: m}}},
		{"spike", "there and back", SpikeProfile{Users: 20, PeakUsers: 100, Before: 2 * m, Peak: m, After: 3 * m, SpawnRate: 50}, []Load{
			{Name: "before", Users: 20, Hold: 2 * m, SpawnRate: 50}, {Name: "spike", Users: 100, Hold: m, SpawnRate: 50}, {Name: "after", Users: 20, Hold: 3 * m, SpawnRate: 50},
		}},
		{"list", "as given", Steps(Load{Users: 2, Hold: s}, Load{Users: 1, Hold: s, Name: "few"}), []Load{{Users: 2, Hold: s}, {Users: 1, Hold: s, Name: "few"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, tt.profile.(validator).validate())
			got := walk(t, tt.profile)
			require.Len(t, got, len(tt.want), tt.reason)
			for i, want := range tt.want {
				assert.Equal(t, want, got[i], tt.reason)
			}
		})
	}
}

// stepLoadShape is a step load as one writes it for Locust, step by step in these
// terms, with an end.
func stepLoadShape(elapsed time.Duration) (users int, spawnRate float64, ok bool) {
	const stepUsers, stepTime, maxUsers, timeLimit = 10, 60, 100, 600
	runTime := elapsed.Seconds()
	currentStep := int(runTime/stepTime) + 1
	return min(currentStep*stepUsers, maxUsers), stepUsers, runTime < timeLimit
}

func TestTheStepLoadShapeIsAStepProfile(t *testing.T) {
	want := walk(t, StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 100, SpawnRate: 10})
	assert.Equal(t, want, walk(t, ShapeFunc(stepLoadShape)))

	shaped, asked := watched(t, Scenario{Target: takes(time.Second), Profile: ShapeFunc(stepLoadShape)})
	stepped, planned := watched(t, Scenario{Target: takes(time.Second), Profile: StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 100, SpawnRate: 10}})
	assert.Equal(t, planned, asked, "request by request")
	assert.Equal(t, stepped.Total.Requests, shaped.Total.Requests)
}

func TestShapeFuncsStepWhereTheirLoadStays(t *testing.T) {
	// Half a minute of 5 users, then one more each second until 105, then a minute of 20.
	shape := ShapeFunc(func(elapsed time.Duration) (int, float64, bool) {
		switch second := int(elapsed.Seconds()); {
		case second < 30:
			return 5, 0, true
		case second < 130:
			return second - 24, 3, true
		default:
			return 20, 0, second < 190
		}
	})
	require.NoError(t, shape.validate())
	plan := shape.plan()
	var names []string
	var holds []time.Duration
	for _, l := range plan {
		names, holds = append(names, l.name()), append(holds, l.Hold)
	}
	assert.Equal(t, []string{"users=5", "users=6-65", "users=66-105", "users=20"}, names)
	assert.Equal(t, []time.Duration{30 * time.Second, time.Minute, 40 * time.Second, time.Minute}, holds)
	assert.Equal(t, 65, plan[1].Users, "a step's level is the most users in it")
	assert.InDelta(t, 35.5, plan[1].meanUsers(), 1e-9)
	assert.Equal(t, shapeTick{at: 7 * time.Second, users: 73, spawnRate: 3}, plan[2].shape.ticks[7])
	assert.Equal(t, "66 to 105 users", plan[2].String())
}

func TestTheLoadIsWhatItsProfileSays(t *testing.T) {
	double := func(second float64) float64 { // two waves
		return math.Round(10 + 30*math.Exp(-math.Pow((second-60)/20, 2)) + 20*math.Exp(-math.Pow((second-150)/20, 2)))
	}
	tests := []struct {
		name    string
		profile Profile
		within  float64                      // of the load
		want    func(second float64) float64 // since the warm-up
	}{
		{"steps", StepProfile{StepUsers: 10, StepTime: 50 * time.Second, MaxUsers: 30}, 0, func(at float64) float64 { return 10 * math.Floor(1+at/50) }},
		{"steps of rate", StepProfile{StepRate: 1, StepTime: 500 * time.Second, MaxRate: 3}, 0, func(at float64) float64 { return math.Floor(1 + at/500) }},
		{"soak", ConstantProfile{Users: 25, Duration: 5 * time.Minute, Every: time.Minute}, 0, func(float64) float64 { return 25 }},
		{"ramp", RampProfile{FromUsers: 10, ToUsers: 110, Duration: 250 * time.Second, Steps: 5}, 1, func(at float64) float64 { return 10 + at*0.4 }},
		{"ramp down", RampProfile{FromUsers: 60, ToUsers: 10, Duration: 250 * time.Second}, 1, func(at float64) float64 { return 60 - at/5 }},
		{"ramp of rate", RampProfile{FromRate: 2, ToRate: 12, Duration: 250 * time.Second}, 1e-9, func(at float64) float64 { return 2 + at/25 }},
		{"spike", SpikeProfile{Users: 20, PeakUsers: 80, Before: 50 * time.Second, Peak: 50 * time.Second, After: 100 * time.Second}, 0, func(at float64) float64 {
			if at >= 50 && at < 100 {
				return 80
			}
			return 20
		}},
		{"list", Steps(Load{Users: 40, Hold: 50 * time.Second}, Load{Users: 10, Hold: 50 * time.Second}, Load{Users: 30, Hold: 50 * time.Second}), 0, func(at float64) float64 {
			return []float64{40, 10, 30}[int(at/50)]
		}},
		{"shape", ShapeFunc(func(elapsed time.Duration) (int, float64, bool) {
			return int(double(elapsed.Seconds())), 1000, elapsed < 4*time.Minute
		}), 0, func(at float64) float64 { return double(math.Floor(at)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const warmup = 22500 * time.Millisecond // so that the timeline looks at the middle of what is spawned over 5 s, and ramps, too
			// Many requests in a step, so that no step is held on for a better baseline.
			res, _ := watched(t, Scenario{Target: takes(100 * time.Millisecond), Profile: tt.profile, Warmup: warmup, Think: Constant(100 * time.Millisecond)})
			looked := 0
			for _, w := range res.Timeline {
				at := (w.At - warmup).Seconds()
				if at < 0 || w.At >= res.Steps[len(res.Steps)-1].Until {
					continue
				}
				if math.Mod(at, 50) < 5 && tt.within == 0 && tt.name != "shape" {
					continue // users of a new step begin over 5 s
				}
				looked++
				assert.InDelta(t, tt.want(at), max(float64(w.Users), w.Rate), tt.within, "after %v s", at)
			}
			assert.Greater(t, looked, 20)
		})
	}
}

func TestStepsBeginWhereNoUserActs(t *testing.T) {
	third := 20*time.Second/3 + 7 // no multiple of the grain
	res, _ := watched(t, Scenario{
		Target: takes(100 * time.Millisecond), Profile: Steps(Load{Users: 5, Hold: third}, Load{Users: 8, Hold: third}, Load{FromUsers: 8, Users: 4, Hold: third}), Warmup: third,
	})
	for _, s := range res.Steps {
		assert.Zero(t, s.Begin%load.Grain, s.Name)
		assert.Zero(t, s.Until%load.Grain, s.Name)
		assert.True(t, s.whole(), s.Name)
	}
}

func TestProfilesThatCannotWork(t *testing.T) {
	const m = time.Minute
	tests := []struct {
		name, reason string
		profile      Profile
		want         []string
	}{
		{"users and rates", "a run is one or the other", StepProfile{StepUsers: 10, MaxUsers: 20, StepRate: 1, MaxRate: 2, StepTime: m}, []string{"both users and rates", "StepRate and MaxRate for an open one"}},
		{"no step of rate", "not even one fits", StepProfile{StepRate: 5, MaxRate: 2, StepTime: m}, []string{"StepProfile.MaxRate is 2", "StepRate = 5"}},
		{"a rate that is none", "NaN", StepProfile{StepRate: math.NaN(), MaxRate: 2, StepTime: m}, []string{"StepProfile.StepRate is NaN", "such as 0.5"}},
		{"too many steps", "a thousand subtests help nobody", StepProfile{StepRate: 0.001, MaxRate: 2, StepTime: m}, []string{"at most 1,000 steps"}},
		{"soak of nothing", "it needs a load", ConstantProfile{Duration: m}, []string{"ConstantProfile has neither Users nor Rate"}},
		{"soak of both", "one load", ConstantProfile{Users: 5, Rate: 5, Duration: m}, []string{"both Users = 5 and Rate = 5"}},
		{"soak without end", "it needs a length", ConstantProfile{Users: 5}, []string{"ConstantProfile.Duration is 0s", "such as time.Hour"}},
		{"soak in longer stretches than itself", "not even one fits", ConstantProfile{Users: 5, Duration: m, Every: time.Hour}, []string{"ConstantProfile.Every is 1h0m0s", "Duration of 1m0s"}},
		{"ramp to nothing", "it needs a load", RampProfile{Duration: m}, []string{"neither ToUsers nor ToRate"}},
		{"ramp between kinds", "one kind of load", RampProfile{FromUsers: 5, ToRate: 5, Duration: m}, []string{"from one kind of load to another"}},
		{"ramp at once", "it needs a length", RampProfile{ToUsers: 5}, []string{"RampProfile.Duration is 0s"}},
		{"spike without a peak", "it needs one", SpikeProfile{Users: 5, Before: m, Peak: m, After: m}, []string{"neither PeakUsers nor PeakRate"}},
		{"spike below its base", "that is a dip", SpikeProfile{Users: 5, PeakUsers: 5, Before: m, Peak: m, After: m}, []string{"peak is 5 users", "want a higher peak"}},
		{"spike without after", "there is no recovery to see", SpikeProfile{Users: 5, PeakUsers: 50, Before: m, Peak: m}, []string{"SpikeProfile.After is 0s", "such as time.Minute"}},
		{"spike whose users leave slowly", "the step after is over before they have", SpikeProfile{Users: 20, PeakUsers: 200, Before: m, Peak: 5 * m, After: m, SpawnRate: 1}, []string{"step 3 of 3", "takes 3m0s for 180 users to leave", "at least 6.0 users per second"}},
		{"users who never begin", "so long a time is no number of nanoseconds", Steps(Load{Users: 5, Hold: m, SpawnRate: 1e-12}), []string{"step 1 of 1", "5 users to begin"}},
		{"ramp from less than nothing", "it says which end", Steps(Load{FromRate: -1, Rate: 5, Hold: m}), []string{"a step from -1 requests per second"}},
		{"empty list", "it tests nothing", Steps(), []string{"Steps has no steps"}},
		{"mixed list", "one kind of load", Steps(Load{Users: 5, Hold: m}, Load{Rate: 1, Hold: m}), []string{"step 2 of 2", "1 requests/s after 5 users"}},
		{"bad step in a list", "it says which", Steps(Load{Users: 5, Hold: m}, Load{Users: 5}), []string{"step 2 of 2", "5 users holds for 0s"}},
		{"name with a slash", "it would be another subtest", Steps(Load{Users: 5, Hold: m, Name: "a/b"}), []string{`named "a/b"`, "no slash and no space"}},
		{"no shape", "nil", ShapeFunc(nil), []string{"the ShapeFunc is nil"}},
		{"a shape that is over at once", "it tests nothing", ShapeFunc(func(time.Duration) (int, float64, bool) { return 5, 1, false }), []string{"returns false at once"}},
		{"a shape of chance", "each time it is asked the run would be another", ShapeFunc(func(at time.Duration) (int, float64, bool) { return 1 + rand.IntN(1000), 1, at < time.Minute }), []string{"must depend on elapsed alone"}},
		{"a shape without end", "it would never be over", ShapeFunc(func(time.Duration) (int, float64, bool) { return 5, 1, true }), []string{"goes on after 24h0m0s", "return false"}},
		{"a shape without users", "a test of nothing", ShapeFunc(func(e time.Duration) (int, float64, bool) { return 5 - int(e/time.Second), 1, e < m }), []string{"at 5s", "0 users: want at least 1"}},
		{"a shape with a bad spawn rate", "NaN", ShapeFunc(func(e time.Duration) (int, float64, bool) { return 5, math.NaN(), e < m }), []string{"at 0s", "spawn rate of NaN"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := plannedError(t, Scenario{Target: takes(time.Second), Profile: tt.profile})
			for _, want := range tt.want {
				assert.ErrorContains(t, err, want, tt.reason)
			}
		})
	}
}

func TestHoldingOnIsAdvisedOnlyWhereItHelps(t *testing.T) {
	tests := []struct {
		reason  string
		load    Load
		held    bool
		advised bool
	}{
		{"the step is held for its time", Load{Rate: 1, Hold: time.Minute}, false, true},
		{"it is held on already", Load{Rate: 0.5, Hold: time.Minute}, true, false},
		{"a ramp takes its time", Load{FromRate: 0.5, Rate: 1, Hold: time.Minute}, false, false},
		{"a trace lasts as long as it does", Load{Rate: 1, Hold: time.Minute, replay: &replay{at: make([]time.Duration, 60)}}, false, false},
	}
	for _, tt := range tests {
		s := Scenario{Target: takes(time.Second), Profile: list{tt.load}, HoldUntilDecided: tt.held}
		_, err := plan(s, SLOs{Latency.P99Below(time.Second)}.checks(), time.Time{})
		require.ErrorContains(t, err, "or ask for less with llmperf.Guard", tt.reason)
		assert.Equal(t, tt.advised, strings.Contains(err.Error(), "HoldUntilDecided"), "%s: %v", tt.reason, err)
	}
}

// plannedError is what is wrong with a scenario, before any load.
func plannedError(t *testing.T, s Scenario) (err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err = Measure(t.Context(), s)
		assert.Zero(t, time.Since(begin), "nothing was sent")
	})
	return err
}
