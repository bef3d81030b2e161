package llmperf

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// A Profile decides the load, one step at a time. Next is given the steps that
// have ended so far and returns the load of the next one, or false to end the
// run. The last of done may still have requests in flight: its Unfinished says
// how many, and its other figures are of those that have come home.
//
// A profile is asked again in every run, so its answers must depend on done
// alone.
//
// [StepProfile] is the one to begin with: it says how a service does under each
// of several loads. [ConstantProfile] soaks, [RampProfile] and [SpikeProfile]
// are what they are called, [Steps] is a list, a [ShapeFunc] any function of
// time, and a [Trace] the requests of another day.
type Profile interface {
	Next(done []Step) (Load, bool)
}

// A planner is a profile whose steps are known before the run.
type planner interface{ plan() []Load }

// nextOf is the step after those done of a plan.
func nextOf(plan []Load, done []Step) (Load, bool) {
	if len(done) >= len(plan) {
		return Load{}, false
	}
	return plan[len(done)], true
}

// validatePlan says what is wrong with the steps of a valid profile.
func validatePlan(plan []Load) error {
	before := Load{}
	for i, l := range plan {
		if err := l.validateAfter(before); err != nil {
			return fmt.Errorf("step %d of %d: %w", i+1, len(plan), err)
		}
		before = l.end()
		if l.open() != plan[0].open() {
			return fmt.Errorf("step %d of %d: %v after %v: want all steps in users, or all in requests per second", i+1, len(plan), l, plan[0])
		}
	}
	return nil
}

// Steps is a profile of the given steps, one after the other:
//
//	llmperf.Steps(
//		llmperf.Load{Users: 20, Hold: 2 * time.Minute},
//		llmperf.Load{Users: 80, Hold: 5 * time.Minute, Name: "peak"},
//		llmperf.Load{Users: 40, Hold: time.Minute},
//	)
//
//	users
//	 80 |        ┌────────────────────┐
//	 40 |        │                    └────
//	 20 | ───────┘
//	    +─────────────────────────────────── time
//	      0     2 min                7    8 min
//
// A step of the same load as an earlier one is named users=20_2.
func Steps(loads ...Load) Profile { return list(loads) }

type list []Load

func (l list) Next(done []Step) (Load, bool) { return nextOf(l, done) }
func (l list) plan() []Load                  { return l }

func (l list) validate() error {
	if len(l) == 0 {
		return errors.New("Steps has no steps: give it at least one, such as llmperf.Load{Users: 10, Hold: time.Minute}")
	}
	return validatePlan(l)
}

// A ConstantProfile is the same load all the time: a soak, which shows what gets
// worse over time rather than with the load.
//
//	users
//	 50 | ─────────┬─────────┬─────────┬─────────
//	    |  users=50 users=50_2    …
//	    +──────────────────────────────────────── time
//	      0       Every                      Duration
//
// With Every, the run is measured in stretches of that length, each a step with
// verdicts of its own, compared with the first as steps of rising load are: a
// service whose p95 doubles in an hour "saturates" at the same load.
type ConstantProfile struct {
	Users    int           // closed loop: so many users, …
	Rate     float64       // … or open loop: so many requests per second
	Duration time.Duration // required

	// Every is the length of the steps; the last one takes in a rest shorter than
	// half of it. 0 makes all of it one step.
	Every time.Duration

	SpawnRate float64 // users started per second; 0 spreads them over 5 s, at most a tenth of the first step
}

// Next returns the step after those done.
func (p ConstantProfile) Next(done []Step) (Load, bool) { return nextOf(p.plan(), done) }

func (p ConstantProfile) plan() []Load {
	every, n := p.Duration, 1
	if p.Every > 0 {
		every, n = p.Every, max(1, int((p.Duration+p.Every/2)/p.Every))
	}
	steps := make([]Load, n)
	for i := range steps {
		steps[i] = Load{Users: p.Users, Rate: p.Rate, Hold: every, SpawnRate: p.SpawnRate}
	}
	steps[n-1].Hold = p.Duration - time.Duration(n-1)*every
	return steps
}

func (p ConstantProfile) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	errs = append(errs, usersOrRate("ConstantProfile", "Users", p.Users, "Rate", p.Rate))
	if p.Duration < time.Millisecond {
		wrong("ConstantProfile.Duration is %v: want how long the load lasts, such as time.Hour", p.Duration)
	}
	if p.Every < 0 || p.Every > p.Duration || p.Every > 0 && p.Every < time.Millisecond {
		wrong("ConstantProfile.Every is %v: want the length of a step within the Duration of %v, such as 10*time.Minute, or 0 for one step", p.Every, p.Duration)
	} else if p.Every > 0 && p.Duration/p.Every > mostSteps {
		wrong("ConstantProfile.Every is %v in a Duration of %v: want at most %s steps", p.Every, p.Duration, count(mostSteps))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return validatePlan(p.plan())
}

// mostSteps is how many steps a profile may have: more subtests help nobody.
const mostSteps = 1000

// usersOrRate says what is wrong with a pair of fields of which one is to be set.
func usersOrRate(profile, usersField string, users int, rateField string, rate float64) error {
	switch {
	case users != 0 && rate != 0:
		return fmt.Errorf("%s has both %s = %d and %s = %v: want %s for a closed loop, or %s for an open one", profile, usersField, users, rateField, rate, usersField, rateField)
	case users == 0 && rate == 0:
		return fmt.Errorf("%s has neither %s nor %s: want the users of a closed loop, such as 10, or the requests per second of an open one", profile, usersField, rateField)
	case users < 0:
		return fmt.Errorf("%s.%s is %d: want users, such as 10", profile, usersField, users)
	case rate < 0 || math.IsNaN(rate) || math.IsInf(rate, 0):
		return fmt.Errorf("%s.%s is %v: want requests per second, such as 2.5", profile, rateField, rate)
	}
	return nil
}
