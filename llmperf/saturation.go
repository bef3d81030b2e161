package llmperf

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"llmperf.dev/llmperf/internal/stats"
)

// A Saturation is where a service stops coping: the first step whose p95
// exceeds the limit times the baseline's, or whose failures exceed theirs,
// located on a monotone fit over all steps and reported only if some step from
// there on proves it. The baseline is the first measured step. Steps with a
// [Recovery] are left out: what they are slow of is the load before.
type Saturation struct {
	Found     bool    `json:"found"`
	Users     int     `json:"users,omitempty"`       // load of the first saturated step, …
	Rate      float64 `json:"rate,omitempty"`        // … in requests per second in an open loop
	LastBelow float64 `json:"last_below,omitempty"`  // load of the last step proved to be within the limits before FirstOver; 0 for none
	FirstOver float64 `json:"first_above,omitempty"` // load of the first step proved to be past a limit; 0 for none
	Quantile  float64 `json:"quantile,omitempty"`    // compared: 0.95, or 0.90 if the baseline has too few requests for p95
}

// locateSaturation judges steps by rising load; the first measured step is the
// baseline whatever its load.
func locateSaturation(steps []Step, s Scenario) Saturation {
	found, _, _, _ := saturationOf(steps, s)
	return found
}

// saturationOf returns also what it rests on, and the steps by rising load.
func saturationOf(steps []Step, s Scenario) (Saturation, stats.Saturation, stats.Verdict, []Step) {
	steps = withBaseline(steps)
	if len(steps) == 0 {
		return Saturation{}, stats.Saturation{Index: -1, LastBelow: -1, FirstAbove: -1}, stats.Inconclusive, nil
	}
	rising := byLoad(steps)
	p := scalingQuantile(&rising[0], s.Confidence)
	located, v := stats.NoSaturation(levelsOf(rising, p, s.SaturationRatio, s.Confidence), s.SaturationRatio, s.SaturationFailures, s.Confidence)
	level := func(i int) float64 {
		if i < 0 {
			return 0
		}
		return rising[i].Load.level()
	}
	out := Saturation{Found: located.Found, LastBelow: level(located.LastBelow), FirstOver: level(located.FirstAbove), Quantile: p}
	if located.Found {
		if rising[0].Load.open() {
			out.Rate = level(located.Index)
		} else {
			out.Users = int(level(located.Index))
		}
	}
	return out, located, v, rising
}

// At is the load at which the service saturates, in words: 50 users; "" if it
// does not.
func (s Saturation) At() string {
	if !s.Found {
		return ""
	}
	return levelText(s.level(), s.open())
}

func (s Saturation) open() bool     { return s.Rate != 0 }
func (s Saturation) level() float64 { return max(float64(s.Users), s.Rate) }

// byLoad sorts steps by rising load, but for the first, which is the baseline.
func byLoad(steps []Step) []Step {
	rising := slices.Clone(underTheirOwnLoad(steps))
	slices.SortStableFunc(rising[1:], func(a, b Step) int { return cmp.Compare(a.Load.level(), b.Load.level()) })
	return rising
}

// scalingQuantile is the quantile of latency that steps are compared by: p95,
// or p90 if the baseline has too few requests for that.
func scalingQuantile(baseline *Step, conf float64) float64 {
	for _, p := range []float64{0.95, 0.90} {
		if baseline.Latency.quantile(p, conf).effective >= stats.MinSamples(p, conf) {
			return p
		}
	}
	return 0.95 // the bounds say how little so few requests prove
}

// levelsOf are steps as package stats compares them: their p-quantiles with the
// limit of so many times that of the first.
func levelsOf(steps []Step, p, ratio, conf float64) []stats.Level {
	levels := make([]stats.Level, len(steps))
	limit := ratio * valueAt(steps[0].Latency.sorted, p)
	for i := range steps {
		s := &steps[i]
		latency, failures := s.Latency.quantile(p, conf), s.failures(conf)
		if i > 0 {
			latency = s.Latency.quantileAgainst(limit, p, conf)
		}
		levels[i] = stats.Level{
			Load: s.Load.level(), Quantile: latency.Interval, N: latency.n, NEff: latency.effective, Sorted: s.Latency.sorted,
			Requests: s.Requests, Failed: s.Failed, NEffFailed: failures.effective,
		}
	}
	return levels
}

// NoSaturationBelow holds where the service does not saturate at any step of at
// most the given number of users: no step's p95 exceeds twice the first step's,
// and failures stay within 1 % (both set in the [Scenario]). Some step must be
// loaded to that many users.
func NoSaturationBelow(users int) SLO {
	c := noSaturationBelow(loadLimit{float64(users), false})
	if users < 1 {
		c.err = fmt.Errorf("NoSaturationBelow(%d): want a number of users of at least 1", users)
	}
	return c
}

// NoSaturationBelowRate is NoSaturationBelow for an open loop: the service does
// not saturate at any step of at most the given requests per second.
func NoSaturationBelowRate(perSecond float64) SLO {
	c := noSaturationBelow(loadLimit{perSecond, true})
	if !(perSecond > 0) || math.IsInf(perSecond, 1) {
		c.err = fmt.Errorf("NoSaturationBelowRate(%v): want requests per second above 0", perSecond)
	}
	return c
}

func noSaturationBelow(limit loadLimit) check {
	c := check{name: "saturation", want: fmt.Sprintf("no saturation up to %v", limit), metrics: []Metric{Latency}, scope: limit, reach: limit}
	c.leastStep = func(j judge) int { return stats.MinSamples(0.90, j.run) }
	c.run, c.failsForGood, c.compares = judgeSaturation, true, true
	return c
}

// judgeSaturation is the verdict of NoSaturationBelow over its steps.
func judgeSaturation(c check, r *Result, steps []Step, j judge) Outcome {
	found, detail, v, rising := saturationOf(steps, r.scenario)
	worst, at := evidence{Interval: stats.Interval{Low: 1, Estimate: 1, High: 1}}, 0
	for i, b := range detail.Ratios {
		if b.Estimate > worst.Estimate {
			worst.Interval, at = b, i
		}
	}
	failing := 0.0
	for i := range rising {
		worst.n += rising[i].Requests
		worst.effective += rising[i].Latency.quantile(found.Quantile, j.run).effective + rising[i].Failed
		failing = max(failing, rising[i].FailureRate)
	}
	worst.effective = min(worst.effective, worst.n)
	o := c.outcome(nil, j.run, worst, ratio)
	o.Verdict = Verdict(v.String())
	name := fmt.Sprintf("p%g", found.Quantile*100)
	want := fmt.Sprintf("want no saturation up to %v", c.scope)
	said := o.said()
	switch {
	case found.Found:
		o.Message = fmt.Sprintf("saturated at %s: latency %s up to %s of the first step's and failures up to %s, %s: %s; %s",
			found.At(), name, o.figures(), percent(failing), want, said, bracket(found))
	case len(rising) < 2:
		o.Message = fmt.Sprintf("saturation: %s of at most %v, %s: %s; a step to compare the first one with is needed: use smaller steps",
			plural(len(rising), "step"), c.scope, want, said)
	default:
		o.Message = fmt.Sprintf("saturation: highest latency %s %s of the first step's at %v, %s: %s", name, o.figures(), rising[at].Load, want, said)
		if o.Verdict == Inconclusive {
			o.more(notYetProved(rising, found.Quantile, worst.Interval, r.scenario, j.run))
		}
	}
	return o
}

// notYetProved says what would decide whether a service saturates.
func notYetProved(steps []Step, p float64, worst stats.Interval, s Scenario, conf float64) string {
	least := stats.MinSamples(p, conf)
	for i := range steps {
		if e := steps[i].Latency.quantile(p, conf); e.effective < least {
			return fmt.Sprintf("at %v there are %s successful requests, and to compare p%g takes %d: hold that step %s as long", steps[i].Load, e.worth(), p*100, least, times(least, e.effective))
		}
	}
	claim := fmt.Sprintf("no proof yet that every step is within %gx the first step's latency, and all failures within %s", s.SaturationRatio, percent(s.SaturationFailures))
	if worst.High <= s.SaturationRatio {
		return claim + ": longer steps narrow the bounds"
	}
	return claim + ": " + undecided(worst, worst, s.SaturationRatio)
}

// saturationText says where the service saturates, or up to which load it was not
// seen to.
func (r *Result) saturationText() string {
	switch {
	case r.Saturation.Found:
		return fmt.Sprintf("saturated at %s (%s)", r.Saturation.At(), bracket(r.Saturation))
	case len(r.Steps) < 2:
		return "whether it saturates is not known: that takes a step to compare the first with"
	default:
		open := r.Steps[0].Load.open()
		return "not seen to saturate up to " + levelText(r.reached(open), open)
	}
}

func bracket(s Saturation) string {
	switch {
	case s.LastBelow > 0 && s.FirstOver > 0:
		return fmt.Sprintf("proved to cope at %s and not to at %s", levelText(s.LastBelow, s.open()), number(s.FirstOver))
	case s.FirstOver > 0:
		return "proved not to cope at " + levelText(s.FirstOver, s.open())
	default:
		return "no single step proves it"
	}
}
