package llmperf

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"text/tabwriter"
)

// capacityName is the file that a search writes beside those of any run.
const capacityName = "capacity.json"

// reportProbe makes the subtest of a probe. A probe that fails its SLOs is what a
// search looks for, and no failure.
func (p *prober) reportProbe(t *testing.T, s *Step) {
	t.Helper()
	t.Run(s.Name, func(t *testing.T) {
		t.Helper()
		outcomes := p.judge(s)
		found := fmt.Sprintf("%v: %s", s.Load, s.trial.found(p.verdict(outcomes)))
		t.Log(found)
		t.Attr("llmperf.probe", found)
		t.Log(stepLine(s, p.judgeAt(s.Load)))
		stepAttrs(t, s)
		for _, o := range outcomes {
			t.Log(o.Message)
		}
	})
}

// found is what a search found by a trial, in words.
func (t trial) found(v Verdict) string {
	said := "the SLOs hold"
	if !t.held {
		said = "the SLOs don't hold"
	}
	switch {
	case v == Invalid:
		return "the generator was the bottleneck"
	case t.looks == 0:
		return "cut short before it was looked at"
	case v == Inconclusive:
		return said + ", by the figures as they are"
	default:
		return said
	}
}

// conclude ends the test of a search: its capacity, tables and files, and what
// went wrong.
func (p *prober) conclude(t *testing.T, out *output, res *Result) *Capacity {
	t.Helper()
	c := p.capacity(res)
	t.Log(c)
	if p.AtLeast > 0 {
		res.Outcomes = []Outcome{c.AtLeast(p.AtLeast)}
		reportOutcome(t, &res.Outcomes[0], res.scenario.Strictness)
		t.Log(summarize(res.Outcomes))
		sayWhatWasLeftOut(t, res)
	}
	for _, a := range []struct{ key, value string }{
		{"found", c.figures()}, {"low", number(c.Low)}, {"high", number(c.High)}, {"limited_by", c.LimitedBy},
	} {
		attr(t, "capacity_"+a.key, a.value)
	}
	data, err := asJSON(c)
	out.save(t, "capacity", capacityName, data, err)
	sumUpRun(t, out, res, p.table(c)+table(res))
	return c
}

// table is the probes as text, in the order in which they were made.
func (p *prober) table(c *Capacity) string {
	if len(c.Probes) == 0 {
		return ""
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range p.rows(c) {
		fmt.Fprintln(w, strings.Join(row, "\t")+"\t")
	}
	w.Flush()
	return text.String()
}

// rows are the cells of that table, a row of titles first.
func (p *prober) rows(c *Capacity) [][]string {
	titles := []string{"probe", "measured", "requests"}
	for _, check := range p.checks {
		titles = append(titles, check.want)
	}
	rows := [][]string{append(titles, "found")}
	for i, s := range probesOf(c.Result.Steps) {
		row := []string{s.Load.String(), (s.Until - s.From).String(), count(s.Requests)}
		for _, o := range p.judge(&s) {
			row = append(row, o.figures())
		}
		rows = append(rows, append(row, s.trial.found(c.Probes[i].Verdict)))
	}
	return rows
}

// sentence is the capacity as a report says it.
func (c *Capacity) sentence() string {
	text := c.String()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// soFar is what a search knows after some probes.
func (p *prober) soFar(steps []Step) string {
	probes := probesOf(steps)
	held, failed := bounds(trialsOf(probes))
	open := p.open()
	switch {
	case len(probes) == 0:
		return "No probe is decided yet."
	case math.IsInf(failed, 1):
		return fmt.Sprintf("The SLOs hold at %s; more is tried.", levelText(held, open))
	case held == 0:
		return fmt.Sprintf("The SLOs do not hold at %s; less is tried.", levelText(failed, open))
	default:
		return fmt.Sprintf("The SLOs hold at %s and do not at %s.", levelText(held, open), levelText(failed, open))
	}
}
