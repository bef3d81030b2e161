package llmperf

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
)

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
		reportOutcome(t, res.Outcomes[0], res.scenario.Strictness)
		t.Log(summarize(res.Outcomes))
	}
	for _, a := range []struct{ key, value string }{
		{"found", c.figures()}, {"low", number(c.Low)}, {"high", number(c.High)}, {"limited_by", c.LimitedBy},
	} {
		attr(t, "capacity_"+a.key, a.value)
	}
	data, err := asJSON(c)
	out.save(t, "capacity", "capacity.json", data, err)
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
	fmt.Fprint(w, "probe\tmeasured\trequests\t")
	for _, check := range p.checks {
		fmt.Fprintf(w, "%s\t", check.want)
	}
	fmt.Fprintln(w, "found\t")
	for i, s := range probesOf(c.Result.Steps) {
		fmt.Fprintf(w, "%v\t%v\t%s\t", s.Load, s.Until-s.From, count(s.Requests))
		for _, o := range p.judge(&s) {
			fmt.Fprintf(w, "%s\t", o.figures())
		}
		fmt.Fprintf(w, "%s\t\n", s.trial.found(c.Probes[i].Verdict))
	}
	w.Flush()
	return text.String()
}
