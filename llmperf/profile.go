package llmperf

import (
	"errors"
	"fmt"
	"time"
)

// A Profile decides the load, one step at a time. Next is given the steps that
// have ended so far and returns the load of the next one, or false to end the
// run. The last of done may still have requests in flight: its Unfinished says
// how many, and its other figures are of those that have come home.
//
// A profile is asked again in every run, so its answers must depend on done
// alone.
type Profile interface {
	Next(done []Step) (Load, bool)
}

// A StepProfile raises the load in equal steps. StepProfile{StepUsers: 10,
// StepTime: time.Minute, MaxUsers: 100} runs 10 users from 0 to 60 s, 20 from 60
// to 120 s, …, 100 from 540 to 600 s, counted from the end of the warm-up:
//
//	users
//	 100 |                                     ┌────
//	   … |                            …   …────┘
//	  30 |                  ┌─────────┘
//	  20 |        ┌─────────┘
//	  10 | ───────┘
//	     +─────────────────────────────────────────── time
//	       0     60 s    120 s    180 s    …       600 s
type StepProfile struct {
	StepUsers int           // users added per step; required
	StepTime  time.Duration // length of a step; for an LLM at least a minute gives stable percentiles; required
	MaxUsers  int           // users of the last step; a last step may be smaller than StepUsers; required

	// Duration is the length of all steps together: steps that don't fit are left
	// out, and the last one that does is held for the rest. 0 gives each step its
	// StepTime.
	Duration time.Duration

	SpawnRate float64 // users started per second; 0 spreads a step's new users over 5 s, at most a tenth of the step
}

// Stress is the profile for finding breaking points: 50 more users a minute, up
// to 200, for 15 minutes in all.
var Stress = StepProfile{StepUsers: 50, StepTime: time.Minute, MaxUsers: 200, Duration: 15 * time.Minute}

// Next returns the step after those done.
func (p StepProfile) Next(done []Step) (Load, bool) {
	steps := p.plan()
	if len(done) >= len(steps) {
		return Load{}, false
	}
	return steps[len(done)], true
}

func (p StepProfile) plan() []Load {
	n := (p.MaxUsers + p.StepUsers - 1) / p.StepUsers
	if p.Duration > 0 {
		n = min(n, int(p.Duration/p.StepTime))
	}
	steps := make([]Load, n)
	for i := range steps {
		steps[i] = Load{Users: min((i+1)*p.StepUsers, p.MaxUsers), Hold: p.StepTime, SpawnRate: p.SpawnRate}
	}
	if p.Duration > 0 {
		steps[n-1].Hold = p.Duration - time.Duration(n-1)*p.StepTime
	}
	return steps
}

func (p StepProfile) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if p.StepUsers < 1 {
		wrong("StepProfile.StepUsers is %d: want the users to add per step, such as 10", p.StepUsers)
	}
	if p.StepTime < time.Millisecond {
		wrong("StepProfile.StepTime is %v: want the length of a step, such as time.Minute", p.StepTime)
	}
	if p.MaxUsers < 1 || p.MaxUsers < p.StepUsers {
		wrong("StepProfile.MaxUsers is %d: want at least one step of StepUsers = %d", p.MaxUsers, p.StepUsers)
	}
	if p.Duration < 0 || p.Duration > 0 && p.Duration < p.StepTime {
		wrong("StepProfile.Duration is %v: want at least one StepTime of %v, or 0 for as long as the steps take", p.Duration, p.StepTime)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return p.plan()[0].validate()
}

// A planner is a profile whose steps are known before the run.
type planner interface{ plan() []Load }
