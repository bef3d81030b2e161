package llmperf

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// A RampProfile raises the load evenly, or lowers it, and measures it in
// stretches of the same length:
//
//	users
//	 100 |                              ╱──  ToUsers
//	     |                       ╱─────
//	     |                ╱─────
//	     |         ╱─────
//	  10 | ─ ─────                            FromUsers
//	     +────────────────────────────────── time
//	       │  …  │users=40-55│  …  │     Duration
//
// It takes a service through every load, and tells less about each than a
// [StepProfile] does: requests of a stretch were sent under different loads, and
// a queue that builds up at one shows at the next. For verdicts, take steps.
type RampProfile struct {
	FromUsers, ToUsers int     // closed loop; FromUsers is one stretch's worth by default
	FromRate, ToRate   float64 // or open loop, in requests per second; likewise

	Duration time.Duration // of the whole ramp; required

	// Steps is how many stretches there are; default 10. Of a closed loop they are
	// at most as many as there are users to come or go.
	Steps int
}

const defaultStretches = 10

// Next returns the stretch after those done.
func (p RampProfile) Next(done []Step) (Load, bool) { return nextOf(p.plan(), done) }

func (p RampProfile) plan() []Load {
	n := orDefault(p.Steps, defaultStretches)
	from, to := p.FromRate, p.ToRate
	if p.closed() {
		to = float64(p.ToUsers)
		from = float64(orDefault(p.FromUsers, (p.ToUsers+n-1)/n))
		n = max(1, min(n, int(math.Abs(to-from))))
	} else if from == 0 {
		from = to / float64(n)
	}
	steps := make([]Load, n)
	for i := range steps {
		part := func(i int) float64 { return from + (to-from)*float64(i)/float64(n) }
		begin, end := p.Duration*time.Duration(i)/time.Duration(n), p.Duration*time.Duration(i+1)/time.Duration(n)
		steps[i].Hold = end - begin
		if p.closed() {
			steps[i].FromUsers, steps[i].Users = int(math.Round(part(i))), int(math.Round(part(i+1)))
		} else {
			steps[i].FromRate, steps[i].Rate = part(i), part(i+1)
		}
	}
	return steps
}

func (p RampProfile) closed() bool { return p.ToUsers != 0 || p.FromUsers != 0 }

func (p RampProfile) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	errs = append(errs, usersOrRate("RampProfile", "ToUsers", p.ToUsers, "ToRate", p.ToRate))
	if p.ToUsers != 0 && p.FromRate != 0 || p.ToRate != 0 && p.FromUsers != 0 {
		wrong("RampProfile goes from one kind of load to another: want FromUsers and ToUsers, or FromRate and ToRate")
	}
	if p.FromUsers < 0 || p.FromRate < 0 || math.IsNaN(p.FromRate) || math.IsInf(p.FromRate, 0) {
		wrong("RampProfile begins at %d users or %v requests per second: want more than 0, or 0 for one stretch's worth", p.FromUsers, p.FromRate)
	}
	if p.Steps < 0 || p.Steps > mostSteps {
		wrong("RampProfile.Steps is %d: want 1 to %s stretches, or 0 for %d", p.Steps, count(mostSteps), defaultStretches)
	}
	if p.Duration < time.Millisecond {
		wrong("RampProfile.Duration is %v: want how long the ramp takes, such as 10*time.Minute", p.Duration)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return validatePlan(p.plan())
}
