package llmperf

import (
	"fmt"
	"slices"

	"llmperf.dev/llmperf/internal/stats"
)

// A Saturation is where a service stops coping: the first step whose p95
// exceeds the limit times the baseline's, or whose failures exceed theirs,
// located on a monotone fit over all steps and reported only if some step from
// there on proves it. The baseline is the first measured step.
type Saturation struct {
	Found     bool    `json:"found"`
	Users     int     `json:"users,omitempty"`       // load of the first saturated step
	LastBelow int     `json:"last_below,omitempty"`  // load of the last step proved to be within the limits before FirstOver; 0 for none
	FirstOver int     `json:"first_above,omitempty"` // load of the first step proved to be past a limit; 0 for none
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
	if len(steps) == 0 {
		return Saturation{}, stats.Saturation{Index: -1, LastBelow: -1, FirstAbove: -1}, stats.Inconclusive, nil
	}
	rising, p := byLoad(steps), scalingQuantile(&steps[0], s.Confidence)
	located, v := stats.NoSaturation(levelsOf(rising, p, s.SaturationRatio, s.Confidence), s.SaturationRatio, s.SaturationFailures, s.Confidence)
	users := func(i int) int {
		if i < 0 {
			return 0
		}
		return rising[i].Load.Users
	}
	out := Saturation{Found: located.Found, LastBelow: users(located.LastBelow), FirstOver: users(located.FirstAbove), Quantile: p}
	if located.Found {
		out.Users = users(located.Index)
	}
	return out, located, v, rising
}

// byLoad sorts steps by rising load, but for the first, which is the baseline.
func byLoad(steps []Step) []Step {
	rising := slices.Clone(steps)
	slices.SortStableFunc(rising[1:], func(a, b Step) int { return a.Load.Users - b.Load.Users })
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
			Load: float64(s.Load.Users), Quantile: latency.Interval, N: latency.n, NEff: latency.effective, Sorted: s.Latency.sorted,
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
	c := check{name: "saturation", want: fmt.Sprintf("no saturation up to %d users", users), metric: Latency, users: users, reach: users}
	if users < 1 {
		c.err = fmt.Errorf("NoSaturationBelow(%d): want a number of users of at least 1", users)
	}
	c.leastStep = func(j judge) int { return stats.MinSamples(0.90, j.run) }
	c.run = judgeSaturation
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
	for i := range steps {
		worst.n += steps[i].Requests
		worst.effective += steps[i].Latency.quantile(found.Quantile, j.run).effective + steps[i].Failed
		failing = max(failing, steps[i].FailureRate)
	}
	worst.effective = min(worst.effective, worst.n)
	o := c.outcome(nil, j.run, worst, ratio)
	o.Verdict = Verdict(v.String())
	name := fmt.Sprintf("p%g", found.Quantile*100)
	want := fmt.Sprintf("want no saturation up to %d users", c.users)
	said := o.said()
	switch {
	case found.Found:
		o.Message = fmt.Sprintf("saturated at %d users: latency %s up to %s of the first step's and failures up to %s, %s: %s; %s",
			found.Users, name, o.figures(), percent(failing), want, said, bracket(found))
	case len(steps) < 2:
		o.Message = fmt.Sprintf("saturation: %s of at most %d users, %s: %s; a step to compare the first one with is needed: use smaller steps",
			plural(len(steps), "step"), c.users, want, said)
	default:
		o.Message = fmt.Sprintf("saturation: highest latency %s %s of the first step's at %d users, %s: %s", name, o.figures(), rising[at].Load.Users, want, said)
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
			return fmt.Sprintf("at %d users there are %s successful requests, and to compare p%g takes %d: hold that step %s as long", steps[i].Load.Users, e.worth(), p*100, least, times(least, e.effective))
		}
	}
	claim := fmt.Sprintf("no proof yet that every step is within %gx the first step's latency, and all failures within %s", s.SaturationRatio, percent(s.SaturationFailures))
	if worst.High <= s.SaturationRatio {
		return claim + ": longer steps narrow the bounds"
	}
	return claim + ": " + undecided(worst, worst, s.SaturationRatio)
}

func bracket(s Saturation) string {
	switch {
	case s.LastBelow > 0 && s.FirstOver > 0:
		return fmt.Sprintf("proved to cope at %d users and not to at %d", s.LastBelow, s.FirstOver)
	case s.FirstOver > 0:
		return fmt.Sprintf("proved not to cope at %d users", s.FirstOver)
	default:
		return "no single step proves it"
	}
}
