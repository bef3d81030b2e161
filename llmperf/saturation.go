package llmperf

import (
	"fmt"
	"slices"
	"strings"

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
	found, _, _ := saturationOf(steps, s)
	return found
}

func saturationOf(steps []Step, s Scenario) (Saturation, stats.Saturation, stats.Verdict) {
	none := stats.Saturation{Index: -1, LastBelow: -1, FirstAbove: -1}
	if len(steps) == 0 {
		return Saturation{}, none, stats.Inconclusive
	}
	p, ok := stats.ScalingQuantile(steps[0].Latency.N, s.Confidence)
	if !ok {
		p = 0.95 // the bounds say how little so few requests prove
	}
	rising := slices.Clone(steps)
	slices.SortStableFunc(rising[1:], func(a, b Step) int { return a.Load.Users - b.Load.Users })
	levels := make([]stats.Level, len(rising))
	for i := range rising {
		q, n := rising[i].Latency.bounds(p, s.Confidence)
		levels[i] = stats.Level{Load: float64(rising[i].Load.Users), Quantile: q, N: n, Requests: rising[i].Requests, Failed: rising[i].Failed}
	}
	located, v := stats.NoSaturation(levels, s.SaturationRatio, s.SaturationFailures, s.Confidence)
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
	return out, located, v
}

// judgeSaturation is the verdict of NoSaturationBelow over its steps.
func judgeSaturation(c check, r *Result, steps []Step, j judge) Outcome {
	found, detail, v := saturationOf(steps, r.scenario)
	worst := stats.Interval{Low: 1, Estimate: 1, High: 1}
	for _, b := range detail.Ratios {
		if b.Estimate > worst.Estimate {
			worst = b
		}
	}
	n, failing := 0, 0.0
	for i := range steps {
		n += steps[i].Requests
		failing = max(failing, steps[i].FailureRate)
	}
	o := c.outcome(nil, j, worst, ratio, n)
	o.Verdict = Verdict(v.String())
	limit := fmt.Sprintf("%gx the first step's p%g", r.scenario.SaturationRatio, found.Quantile*100)
	said := strings.ToUpper(string(o.Verdict))
	tail := fmt.Sprintf("%s (n=%s, %s confidence)", said, count(n), percent(j.pass))
	switch {
	case found.Found:
		o.Message = fmt.Sprintf("saturated at %d users: latency p%g up to %s of the first step's and failures up to %s, want no saturation up to %d users: %s; %s",
			found.Users, found.Quantile*100, o.figures(), percent(failing), c.users, tail, bracket(found))
	case len(steps) < 2:
		o.Message = fmt.Sprintf("saturation: %s of at most %d users, want no saturation up to %d users: %s; a step to compare the first one with is needed: use smaller steps",
			plural(len(steps), "step"), c.users, c.users, tail)
	default:
		o.Message = fmt.Sprintf("saturation: highest latency p%g %s of the first step's, want no saturation up to %d users: %s", found.Quantile*100, o.figures(), c.users, tail)
		if o.Verdict == Inconclusive {
			least := stats.MinSamples(0.95, j.pass)
			if steps[0].Latency.N < least {
				o.more(fmt.Sprintf("the first step has %d successful requests and p95 takes %d: hold it %s as long", steps[0].Latency.N, least, times(least, steps[0].Latency.N)))
			} else {
				o.more("not every step is proved to be within " + limit + " and failures within " + percent(r.scenario.SaturationFailures) + ": longer steps narrow the intervals")
			}
		}
	}
	return o
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
