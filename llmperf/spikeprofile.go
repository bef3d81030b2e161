package llmperf

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// A SpikeProfile is a load with a sudden peak in it, in three steps called
// before, spike and after:
//
//	users
//	 100 |          ┌────────┐            PeakUsers
//	     |          │        │
//	     |          │        │
//	  20 | ─────────┘        └───────────  Users
//	     +─────────────────────────────── time
//	       │ Before │  Peak  │   After  │
//
// Recovery, the [Step].Recovery of the step after, tells how long it takes until
// the service is as it was before; [RecoversWithin] judges it. SLOs of the steps
// hold for the spike too: limit those of the base load with [UpTo].
type SpikeProfile struct {
	Users, PeakUsers int     // closed loop …
	Rate, PeakRate   float64 // … or open loop, in requests per second

	Before, Peak, After time.Duration // lengths of the steps; required

	SpawnRate float64 // users that begin, and leave, per second; 0 spreads them over 5 s, at most a tenth of the step
}

// Next returns the step after those done.
func (p SpikeProfile) Next(done []Step) (Load, bool) { return nextOf(p.plan(), done) }

func (p SpikeProfile) plan() []Load {
	base := Load{Users: p.Users, Rate: p.Rate, SpawnRate: p.SpawnRate}
	before, spike, after := base, Load{Users: p.PeakUsers, Rate: p.PeakRate, SpawnRate: p.SpawnRate}, base
	before.Name, before.Hold = "before", p.Before
	spike.Name, spike.Hold = "spike", p.Peak
	after.Name, after.Hold = "after", p.After
	return []Load{before, spike, after}
}

func (p SpikeProfile) validate() error {
	errs := []error{
		usersOrRate("SpikeProfile", "Users", p.Users, "Rate", p.Rate),
		usersOrRate("SpikeProfile", "PeakUsers", p.PeakUsers, "PeakRate", p.PeakRate),
	}
	if errors.Join(errs...) == nil && math.Max(float64(p.PeakUsers), p.PeakRate) <= math.Max(float64(p.Users), p.Rate) {
		errs = append(errs, fmt.Errorf("SpikeProfile's peak is %v and its base %v: want a higher peak", p.plan()[1], p.plan()[0]))
	}
	for _, part := range []struct {
		name string
		is   time.Duration
	}{{"Before", p.Before}, {"Peak", p.Peak}, {"After", p.After}} {
		if part.is < time.Millisecond {
			errs = append(errs, fmt.Errorf("SpikeProfile.%s is %v: want the length of that step, such as time.Minute", part.name, part.is))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return validatePlan(p.plan())
}
