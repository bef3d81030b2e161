package llmperf

import (
	"cmp"
	"math"
	"slices"

	"llmperf.dev/llmperf/internal/stats"
)

// capacity sums up a search by the run that it was.
func (p *prober) capacity(res *Result) *Capacity {
	c := &Capacity{Aborted: cmp.Or(res.Aborted, res.Stopped), byRate: p.open(), Minutes: res.Elapsed.Minutes(), UserMinutes: userMinutes(res), Probes: []Probe{}, Result: res}
	probes := probesOf(res.Steps)
	held, failed := bounds(trialsOf(probes))
	for i := range probes {
		s := &probes[i]
		outcomes := p.judgeAmong(res, probes, s, held)
		c.Probes = append(c.Probes, Probe{
			Step: s.Name, Users: s.Load.Users, Rate: s.Load.Rate, Requests: s.Requests, Measured: s.Until - s.From,
			Looks: s.trial.looks, Held: s.trial.held, Verdict: together(outcomes), Outcomes: outcomes, Confidence: p.judgeAt(s.Load).run,
		})
	}
	c.bound()
	switch {
	case len(probes) == 0:
	case math.IsInf(failed, 1) && c.High == 0:
		c.Ceiling = held == p.ceiling()
		c.set(held)
	default:
		at, limited := c.estimate(p, probes, held)
		c.LimitedBy = limited
		c.set(at)
	}
	res.capacity = c
	return c
}

// probesOf are the steps that were probes, but for one that was cut short.
func probesOf(steps []Step) []Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return s.trial.looks == 0 })
}

func trialsOf(steps []Step) []trial {
	trials := make([]trial, len(steps))
	for i := range steps {
		trials[i] = steps[i].trial
	}
	return trials
}

// userMinutes is how many users a run had for how long. A run's load stays on
// while the last answers are awaited, and the warm-up's is that of the first step.
func userMinutes(res *Result) float64 {
	sum := 0.0
	for i := range res.Steps {
		from, until := res.Steps[i].Begin, res.Elapsed
		if i == 0 {
			from = 0
		}
		if i+1 < len(res.Steps) {
			until = res.Steps[i+1].Begin
		}
		sum += float64(res.Steps[i].Load.Users) * (until - from).Minutes()
	}
	return sum
}

// judgeAmong is the outcomes of a probe at the end of the search. What steps prove
// together, which one probe has too few requests for, rests on others too, since
// it grows with load: an SLO is refuted by all probes of at most the probe's load,
// and proved by those of at least its load, up to the highest that held.
func (p *prober) judgeAmong(res *Result, probes []Step, s *Step, held float64) []Outcome {
	outcomes, load := p.judge(s), s.Load.level()
	for i, c := range p.checks {
		if c.run == nil || outcomes[i].Verdict == Fail {
			continue
		}
		between := func(least, most float64) Outcome {
			var steps []Step
			for k := range probes {
				// Another one of which requests were held was not at its load.
				own := probes[k].Index == s.Index || probes[k].Arrivals.Held == 0
				if at := probes[k].Load.level(); own && at >= least && at <= most {
					steps = append(steps, *c.view(&probes[k]))
				}
			}
			return c.about(c.run(c, res, steps, p.judgeAt(s.Load)).unless(s.Arrivals.Held))
		}
		if outcomes[i] = between(0, load); outcomes[i].Verdict == Fail {
			continue
		}
		if outcomes[i] = between(load, max(load, held)); outcomes[i].Verdict == Fail {
			outcomes[i] = between(load, load) // that more is too much says nothing of this load
		}
	}
	return outcomes
}

// bound finds the loads between which the capacity is proved to lie. Where proofs
// contradict each other, the one that an SLO does not hold counts.
func (c *Capacity) bound() {
	for i := range c.Probes {
		if at := c.Probes[i].load().level(); c.Probes[i].Verdict == Fail && (c.High == 0 || at < c.High) {
			c.High = at
		}
	}
	for i := range c.Probes {
		if at := c.Probes[i].load().level(); c.Probes[i].Verdict == Pass && (c.High == 0 || at < c.High) {
			c.Low = max(c.Low, at)
		}
	}
}

// estimate is the least of the loads at which an SLO that some probe failed
// reaches its limit, and the name of that SLO. Held is the highest load that held.
func (c *Capacity) estimate(p *prober, probes []Step, held float64) (at float64, limited string) {
	rising := make([]int, len(probes))
	for k := range rising {
		rising[k] = k
	}
	slices.SortStableFunc(rising, func(a, b int) int { return cmp.Compare(probes[a].Load.level(), probes[b].Load.level()) })
	at = math.Inf(1)
	for i, check := range p.checks {
		failed := false
		var loads, excess, weights []float64
		for _, k := range rising {
			s, v := &probes[k], c.Probes[k].Outcomes[i].Verdict
			o := judgeStep(check, s, p.judgeAt(s.Load))
			past := check.excess(o)
			failed = failed || v == Fail || v == Inconclusive && !s.trial.held && past >= 0
			loads, excess, weights = append(loads, s.Load.level()), append(excess, past), append(weights, float64(max(o.Effective, 1)))
		}
		if crossing := stats.Crossing(loads, excess, weights); failed && crossing < at {
			at, limited = crossing, check.name
		}
	}
	if held == 0 || math.IsInf(at, 0) { // then the fit takes what held or failed for chance
		at = held
	}
	return at, limited
}

// set sets the capacity within its bounds.
func (c *Capacity) set(level float64) {
	level = max(level, c.Low)
	if c.open() {
		if c.High > 0 {
			level = min(level, c.High)
		}
		c.Rate = level
		return
	}
	if c.High > 0 {
		level = min(level, c.High-1)
	}
	c.Users = int(level)
}

// farPast is how many times a limit is as far past it as can be, and one over it
// as far below.
const farPast = 100.0

// excess is how far what was seen is past a check's limit; it is below 0 where
// the check holds. Times and ratios are compared by their logarithm; shares, which
// may well be 0, by how many times the limit they are away from it.
func (c check) excess(o Outcome) float64 {
	times := farPast // as bad as can be, if nothing came through
	if o.N > 0 {
		times = min(max(o.Seen/c.limit, 1/farPast), farPast)
	}
	if o.Unit == share {
		return times - 1
	}
	return math.Log(times)
}
