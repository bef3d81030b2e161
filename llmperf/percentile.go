package llmperf

import (
	"fmt"
	"time"

	"llmperf.dev/llmperf/internal/stats"
)

// percentileSLO holds where the p-quantile of a metric is below limit, by the
// bounds of order statistics.
func percentileSLO(m Metric, p float64, limit time.Duration) SLO {
	name := fmt.Sprintf("p%g", p*100)
	c := check{
		name:    fmt.Sprintf("%s_%s", m, name),
		want:    fmt.Sprintf("%s %s < %s", m.title(), name, duration(limit)),
		metrics: []Metric{m},
		limit:   limit.Seconds(),
	}
	if limit < shortestLimit {
		c.err = fmt.Errorf("%s.P%gBelow(%v): a limit under %v; did you mean %d*time.Millisecond?", m.title(), p*100, limit, shortestLimit, max(1, int64(limit)))
	}
	least := func(j judge) int { return stats.MinSamples(p, j.pass) }
	c.leastStep = least
	c.step = func(c check, s *Step, j judge) Outcome {
		d := m.of(&s.Stats)
		shown, strict := d.quantileAgainst(float64(limit), p, j.pass), d.quantileAgainst(float64(limit), p, j.fail)
		o := c.outcome(s, j.pass, shown, seconds)
		o.Verdict = verdict(shown.Interval, strict.Interval, float64(limit))
		o.figure = s.figure(m, max(limit, time.Duration(shown.Estimate)))
		o.sentence(m.title() + " " + name)
		o.explain(least(j), "a "+name, shown, strict, float64(limit))
		return o
	}
	return c
}
