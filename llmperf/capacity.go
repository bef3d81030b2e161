package llmperf

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// A Capacity is how much load a service takes within SLOs, as a search found it.
// It is plain data; capacity.json holds it as it is here.
type Capacity struct {
	Users int     `json:"users,omitempty"` // the most users with whom all SLOs hold, …
	Rate  float64 `json:"rate,omitempty"`  // … or in an open loop the most requests per second. 0 if they don't hold at any load that was tried

	Low     float64 `json:"low"`               // the highest load at which all SLOs are proved to hold, below High; 0 for none
	High    float64 `json:"high,omitempty"`    // the lowest load at which one is proved not to; 0 for none
	Ceiling bool    `json:"ceiling,omitempty"` // they hold at the search's ceiling: the capacity is that or more

	LimitedBy   string  `json:"limited_by,omitempty"`   // name of the SLO that ends first; "" if none does
	Minutes     float64 `json:"minutes"`                // under load, the warm-up and settling included
	UserMinutes float64 `json:"user_minutes,omitempty"` // the same, times the users; closed loop
	Probes      []Probe `json:"probes"`                 // in the order in which they were made
	Aborted     string  `json:"aborted,omitempty"`      // why the search ended before its time, such as a spent budget; "" if it did not

	Result *Result `json:"-"` // of the whole run, whose steps are the probes; result.json holds it

	byRate bool // what was looked for, if there are no probes to tell
}

// A Probe is what a search made of one load.
type Probe struct {
	Step     string        `json:"step"`            // name of its step in the result
	Users    int           `json:"users,omitempty"` // the load, in users …
	Rate     float64       `json:"rate,omitempty"`  // … or in requests per second
	Requests int           `json:"requests"`        // measured
	Measured time.Duration `json:"measured_ns"`     // how long it was measured; settling is no part of it
	Looks    int           `json:"looks"`           // how many it took until it was decided, or given up
	Held     bool          `json:"held"`            // the SLOs hold, proved or by their figures as they are: the search went on above this load, otherwise below
	Verdict  Verdict       `json:"verdict"`         // whether they are proved to hold, or one not to
	Outcomes []Outcome     `json:"outcomes"`        // of each SLO. A failure rate, which one probe has too few requests for, is refuted by all probes of at most this load too, and proved by those from this load up to the highest that held

	// Confidence of the verdict: of the scenario for the load that [Search].AtLeast
	// names, and 90 % at each look for others.
	Confidence float64 `json:"confidence"`
}

func (p *Probe) load() Load { return Load{Users: p.Users, Rate: p.Rate} }

// FindCapacity looks in real time for the load that a service takes within SLOs:
// how many users, or requests per second. One run goes from probe to probe, as
// [Search] says. The capacity is where the SLO that ends first reaches its limit,
// interpolated on a monotone fit over all probes, beside the loads at which the
// SLOs are proved to hold and not to:
//
//	capacity: 87 users [80, 90], limited by TTFT p95 < 800 ms, in 7.5 minutes of load and 9 probes
//
// The scenario's Profile is left nil, and it has no Stop: the search decides the
// load. A spent Budget ends it with what was found until then. Its SLOs must
// be ones that get harder with load and that a probe can hold by itself:
// percentiles, [TailRatioBelow], [FailureRateBelow].
//
// Under go test -short probes settle and are measured for a tenth of the time, or
// as much as [Scenario].Short says, and SLOs fail only on proof, so that more load
// is found than the service takes.
//
// Every probe is a subtest with what was seen; one at which the SLOs don't hold is
// no failure. Where [Search].AtLeast is set, the subtest capacity passes, fails or
// is inconclusive by the probe of that load. Beside what [Run] writes there is
// capacity.json.
func FindCapacity(t *testing.T, s Scenario, search Search, slos ...SLO) *Capacity {
	t.Helper()
	needRealTime(t, "FindCapacity", "llmperf.SimulateCapacity, or llmperf.MeasureCapacity inside the bubble")
	refuseInterrupted(t)
	checks := uniqueNames(SLOs(slos).checks())
	if testing.Short() {
		s, search, checks = shortenSearch(s, search, checks, orDefault(s.Short, defaultShort))
	}
	s, err := planSearch(s, search, checks, deadlineOf(t))
	if err != nil {
		t.Fatalf("llmperf: nothing was sent, since this cannot work:\n%s", indent(err))
	}
	out := prepareOutput(t)
	logOpening(t, s)
	p := s.Profile.(*prober)
	res := live(t, s, out, p.steer, func(step *Step) {
		t.Helper()
		p.reportProbe(t, step)
	}, func(r *Result) {
		out.keep(t, "result.json", r)
		out.keep(t, capacityName, p.capacity(r))
	})
	return p.conclude(t, out, res)
}

// SimulateCapacity is [FindCapacity] in virtual time, as [Simulate] is [Run]: the
// same seed gives the same capacity to the last bit.
func SimulateCapacity(t *testing.T, setup func(t *testing.T) Scenario, search Search, slos ...SLO) *Capacity {
	t.Helper()
	needOwnBubble(t, "SimulateCapacity", "llmperf.MeasureCapacity")
	refuseInterrupted(t)
	checks := uniqueNames(SLOs(slos).checks())
	out := prepareOutput(t)
	sim := simulate(t, setup, out, task{
		plan: func(s Scenario) (Scenario, error) {
			search, checks := search, checks
			if testing.Short() && s.Short != 0 {
				s, search, checks = shortenSearch(s, search, checks, s.Short)
			}
			return planSearch(s, search, checks, time.Time{})
		},
		prepare: func(m *measurement) { m.scenario.Profile.(*prober).steer(m) },
	})
	p := sim.result.scenario.Profile.(*prober)
	for i := range sim.result.Steps {
		p.reportProbe(t, &sim.result.Steps[i])
	}
	c := p.conclude(t, out, sim.result)
	sim.complain(t)
	return c
}

// MeasureCapacity is [FindCapacity] without a test around it, in whatever time it
// is called in. As with [Measure], a test that calls it in real time is not cached,
// other loads that are on are not waited for, and the capacity of a search that
// ended early is of what was measured until then, and comes with an error that says
// why; only a search that cannot be run at all has none. [Search].AtLeast is probed,
// and judged by [Capacity.AtLeast].
func MeasureCapacity(ctx context.Context, s Scenario, search Search, slos ...SLO) (*Capacity, error) {
	deadline, _ := ctx.Deadline()
	s, err := planSearch(s, search, uniqueNames(SLOs(slos).checks()), deadline)
	if err != nil {
		return nil, fmt.Errorf("llmperf: %w", err)
	}
	p := s.Profile.(*prober)
	m := newMeasurement(s, func(event) {})
	p.steer(m)
	res := m.run(ctx)
	res.neverCached()
	c := p.capacity(res)
	if c.Aborted != "" {
		return c, fmt.Errorf("llmperf: the search was aborted: %s", c.Aborted)
	}
	return c, nil
}

// AtLeast is the verdict on the claim that the service takes a load, counted as
// the search counted it: in users, or in requests per second. It is a pass if the
// SLOs are proved to hold there, and a failure if one is proved not to: by the
// probe of that very load, or where there is none by those of Low and High.
func (c *Capacity) AtLeast(load float64) Outcome {
	o := Outcome{
		Name: "capacity", Want: "capacity >= " + levelText(load, c.open()), Verdict: Fail, Unit: inUsers,
		Seen: c.level(), Low: c.Low, High: c.High, unbounded: c.High == 0,
	}
	if c.open() {
		o.Unit = perSecond
	}
	switch {
	case !(load > 0) || math.IsInf(load, 1):
		o.Message = fmt.Sprintf("capacity cannot be judged: AtLeast(%v): want a load above 0, in %s", load, loadKind(c.open()))
		return o
	case len(c.Probes) == 0:
		o.Message = "capacity cannot be judged: no probe was decided"
		return o
	}
	by := c.decider(load)
	o.Verdict, o.Confidence = by.Verdict, by.Confidence
	o.N, o.Effective = by.Requests, by.Requests
	for _, of := range by.Outcomes {
		o.Effective = min(o.Effective, of.Effective)
	}
	o.Message = fmt.Sprintf("capacity: %s, want at least %s: %s", c.figures(), levelText(load, c.open()), o.said())
	for _, of := range by.Outcomes {
		if of.Verdict == o.Verdict && o.Verdict != Pass {
			o.more(of.Message)
		}
	}
	switch at := by.load(); {
	case at.level() == load:
	case o.Verdict == Inconclusive && c.Aborted != "":
		o.more(fmt.Sprintf("no probe tells of %s: the search was aborted: %s", levelText(load, c.open()), c.Aborted))
	case o.Verdict == Inconclusive:
		o.more(fmt.Sprintf("no probe tells of %s: name it in search.AtLeast to have it probed", levelText(load, c.open())))
	default:
		o.more(fmt.Sprintf("proved at %v", at))
	}
	return o
}

// decider is the probe that decides whether the service takes a load. Where none
// does, it is one of no load that sums up all.
func (c *Capacity) decider(load float64) Probe {
	all := Probe{Verdict: Inconclusive, Confidence: probeConfidence}
	for _, p := range c.Probes {
		if p.load().level() == load {
			return p
		}
		all.Requests += p.Requests
	}
	for _, p := range c.Probes {
		if at := p.load().level(); at == c.Low && load < at || at == c.High && load > at {
			return p
		}
	}
	return all
}

// open reports whether the capacity is in requests per second.
func (c *Capacity) open() bool { return c.byRate || len(c.Probes) > 0 && c.Probes[0].Rate > 0 }

func (c *Capacity) level() float64 {
	if c.open() {
		return c.Rate
	}
	return float64(c.Users)
}

// atLeast reports whether nothing that was tried was too much.
func (c *Capacity) atLeast() bool {
	return c.High == 0 && !slices.ContainsFunc(c.Probes, func(p Probe) bool { return !p.Held })
}

// figures are the capacity between its bounds: 87 users [80, 90].
func (c *Capacity) figures() string {
	low, high, least := "no lower bound", "no upper bound", ""
	if len(c.Probes) == 0 {
		return "unknown"
	}
	if c.Low > 0 {
		low = number(c.Low)
	}
	if c.High > 0 {
		high = number(c.High)
	}
	if c.atLeast() {
		least = "at least "
	}
	return fmt.Sprintf("%s%s [%s, %s]", least, levelText(c.level(), c.open()), low, high)
}

// String is the capacity in one sentence.
func (c *Capacity) String() string {
	spent := fmt.Sprintf("in %.1f minutes of load", c.Minutes)
	end := ""
	if c.Aborted != "" {
		end = "; the search was aborted: " + c.Aborted
	}
	if len(c.Probes) == 0 {
		return fmt.Sprintf("capacity: %s, since no probe was decided %s%s", c.figures(), spent, end)
	}
	limited := ""
	switch {
	case c.Ceiling:
		limited = ", the ceiling of the search"
	case c.LimitedBy != "":
		limited = ", limited by " + c.want(c.LimitedBy)
	}
	return fmt.Sprintf("capacity: %s%s, %s and %s%s", c.figures(), limited, spent, plural(len(c.Probes), "probe"), end)
}

// want is an SLO in words.
func (c *Capacity) want(name string) string {
	for _, o := range c.Probes[0].Outcomes {
		if o.Name == name {
			return o.Want
		}
	}
	return name
}
