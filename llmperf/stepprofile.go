package llmperf

import (
	"errors"
	"fmt"
	"math"
	"time"
)

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
//
// StepProfile{StepRate: 0.5, StepTime: time.Minute, MaxRate: 5} does the same with
// requests per second. Users who wait for their answers send less to a service
// that gets slower, so that its latency grows along a line; requests that keep
// coming let the queue before it grow without end, and show it explode.
type StepProfile struct {
	StepUsers int // closed loop: users added per step, …
	MaxUsers  int // … and of the last step; it may add fewer than StepUsers

	StepRate float64 // or open loop: requests per second added per step, …
	MaxRate  float64 // … and of the last step

	StepTime time.Duration // length of a step; for an LLM at least a minute gives stable percentiles; required

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
	return nextOf(p.plan(), done)
}

func (p StepProfile) plan() []Load {
	n := p.count()
	if p.Duration > 0 {
		n = min(n, int(p.Duration/p.StepTime))
	}
	steps := make([]Load, n)
	for i := range steps {
		steps[i] = Load{Users: min((i+1)*p.StepUsers, p.MaxUsers), Hold: p.StepTime, SpawnRate: p.SpawnRate}
		if p.MaxRate != 0 {
			// Three times 0.1 is to be 0.3, as UpToRate has it.
			steps[i].Rate = min(math.Round(float64(i+1)*p.StepRate*1e12)/1e12, p.MaxRate)
		}
	}
	if p.Duration > 0 {
		steps[n-1].Hold = p.Duration - time.Duration(n-1)*p.StepTime
	}
	return steps
}

// count is how many steps it takes to the highest load.
func (p StepProfile) count() int {
	if p.MaxRate == 0 {
		return (p.MaxUsers + p.StepUsers - 1) / p.StepUsers
	}
	// 0.1 three times is more than 0.3: that is no fourth step.
	return int(math.Ceil(p.MaxRate/p.StepRate - 1e-9))
}

func (p StepProfile) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	bad := func(rate float64) bool { return !(rate > 0) || math.IsInf(rate, 1) }
	switch open := p.StepRate != 0 || p.MaxRate != 0; {
	case open && (p.StepUsers != 0 || p.MaxUsers != 0):
		wrong("StepProfile has both users and rates: want StepUsers and MaxUsers for a closed loop, or StepRate and MaxRate for an open one")
	case open && bad(p.StepRate):
		wrong("StepProfile.StepRate is %v: want the requests per second to add per step, such as 0.5", p.StepRate)
	case open && (bad(p.MaxRate) || p.MaxRate < p.StepRate):
		wrong("StepProfile.MaxRate is %v: want at least one step of StepRate = %v", p.MaxRate, p.StepRate)
	case open && p.MaxRate/p.StepRate > mostSteps:
		wrong("StepProfile.StepRate is %v for a MaxRate of %v: want at most %s steps", p.StepRate, p.MaxRate, count(mostSteps))
	case !open && p.StepUsers < 1:
		wrong("StepProfile.StepUsers is %d: want the users to add per step, such as 10", p.StepUsers)
	}
	if p.StepTime < time.Millisecond {
		wrong("StepProfile.StepTime is %v: want the length of a step, such as time.Minute", p.StepTime)
	}
	if p.StepRate == 0 && p.MaxRate == 0 && (p.MaxUsers < 1 || p.MaxUsers < p.StepUsers) {
		wrong("StepProfile.MaxUsers is %d: want at least one step of StepUsers = %d", p.MaxUsers, p.StepUsers)
	}
	if p.Duration < 0 || p.Duration > 0 && p.Duration < p.StepTime {
		wrong("StepProfile.Duration is %v: want at least one StepTime of %v, or 0 for as long as the steps take", p.Duration, p.StepTime)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return validatePlan(p.plan())
}
