package llmperf

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"llmperf.dev/llmperf/internal/report"
)

// WriteReport writes the result as one HTML page that needs nothing beside
// itself: verdicts, tables, and charts of them. [Run] and [Simulate] write it
// beside result.json, as report.html. The result of [Measure] has no outcomes
// until it is given those of [Result.Check].
func (r *Result) WriteReport(w io.Writer) error { return report.Write(w, r.model()) }

// mostWindows is how many points of the timeline a report shows.
const mostWindows = 2000

// model is the result as a report shows it.
func (r *Result) model() *report.Model {
	steps := []report.Step{}
	for i := range r.Steps {
		steps = append(steps, stepOf(&r.Steps[i], r.scenario.withDefaults().Confidence))
	}
	return r.modelOf(steps)
}

// modelOf is model, with its steps given.
func (r *Result) modelOf(steps []report.Step) *report.Model {
	s := r.scenario.withDefaults()
	m := &report.Model{
		Name: cmp.Or(r.Name, r.Target), Running: r.running, Findings: r.findings(), Notices: r.notices(), Facts: r.facts(s), SLOs: slosOf(r.Outcomes), Tables: r.tables(),
		Unit: "users", Confidence: s.Confidence, Growth: string(r.Growth), Plateau: r.Plateau,
		Saturation:  report.Saturation{At: r.Saturation.level(), LastBelow: r.Saturation.LastBelow, FirstOver: r.Saturation.FirstOver},
		Limits:      report.Limits{Ratio: s.SaturationRatio, Quantile: cmp.Or(r.Saturation.Quantile, 0.95), Failures: s.SaturationFailures},
		Percentiles: report.Percentiles(), Steps: steps, Timeline: timelineOf(r.Timeline),
	}
	m.Verdict, m.Sentence = r.sentence(m.SLOs)
	for _, signal := range r.Health {
		m.Signals = append(m.Signals, report.Signal{Name: signal.Name, Seen: signal.Seen, Grade: string(signal.Grade)})
	}
	if len(r.Steps) > 0 {
		if r.Steps[0].Load.open() {
			m.Unit = "requests/s"
		}
		baseline := r.Steps[0].Latency.P95
		if m.Limits.Quantile == 0.90 {
			baseline = r.Steps[0].Latency.P90
		}
		m.Limits.Latency = s.SaturationRatio * baseline.Seconds()
	}
	return m
}

// sentence is the verdict on the run in one word and in one sentence.
func (r *Result) sentence(slos []report.SLO) (verdict, text string) {
	of := func(v Verdict) []report.SLO {
		return slices.DeleteFunc(slices.Clone(slos), func(s report.SLO) bool { return s.Verdict != string(v) })
	}
	failed, invalid, undecided, held := of(Fail), of(Invalid), of(Inconclusive), of(Pass)
	switch {
	case r.running:
		return r.sentenceSoFar(failed, slos)
	case r.Aborted != "" && long(r.Aborted):
		return "aborted", "The run was aborted."
	case r.Aborted != "":
		return "aborted", fmt.Sprintf("The run was aborted: %s.", strings.TrimSuffix(r.Aborted, "."))
	case len(r.Steps) > 0 && len(validSteps(r.Steps)) == 0:
		return string(Invalid), "The generator, not the service, was the bottleneck in every step."
	case r.Total.Requests == 0:
		return string(Fail), "No request was measured, so nothing was proved."
	case r.Total.Succeeded() == 0:
		return string(Fail), fmt.Sprintf("None of the %s succeeded.", plural(r.Total.Requests, "request"))
	case r.capacity != nil && len(slos) == 0:
		return "", r.capacity.sentence()
	case len(slos) == 0:
		return "", "No SLO was given, so nothing was judged."
	case len(failed) > 0:
		text := shareOf(failed, slos, "does not hold", "do not hold") + ": " + names(failed)
		switch len(undecided) {
		case 0:
		case 1:
			text += "; 1 more lacks evidence"
		default:
			text += fmt.Sprintf("; %d more lack evidence", len(undecided))
		}
		if len(invalid) > 0 {
			text += fmt.Sprintf("; of %d more the generator was the bottleneck", len(invalid))
		}
		return string(Fail), text + "."
	case len(invalid) > 0:
		return string(Invalid), shareOf(invalid, slos, "says nothing of the service, since the generator was the bottleneck", "say nothing of the service, since the generator was the bottleneck") + ": " + names(invalid) + "."
	case len(undecided) > 0:
		return string(Inconclusive), shareOf(undecided, slos, "lacks evidence", "lack evidence") + ": " + names(undecided) + "."
	case len(held) < len(slos):
		return slos[0].Verdict, fmt.Sprintf("%s; the others: %s.", shareOf(held, slos, "holds", "hold"), slos[0].Verdict)
	case len(slos) == 1:
		return string(Pass), "The SLO holds: " + slos[0].Want + "."
	case len(slos) == 2:
		return string(Pass), "Both SLOs hold."
	default:
		return string(Pass), fmt.Sprintf("All %d SLOs hold.", len(slos))
	}
}

// sentenceSoFar is sentence, while the run goes on.
func (r *Result) sentenceSoFar(failed, slos []report.SLO) (verdict, text string) {
	switch p, searches := r.scenario.Profile.(*prober); {
	case searches:
		return "running", p.soFar(r.Steps)
	case len(r.Steps) == 0:
		return "running", "No step is complete yet."
	case len(failed) > 0:
		return string(Fail), fmt.Sprintf("%s: %s. The run goes on.", shareOf(failed, slos, "does not hold", "do not hold"), names(failed))
	default:
		return "running", "After " + plural(len(r.Steps), "step") + " no SLO is refuted."
	}
}

// long reports whether a text is too long for a headline.
func long(text string) bool { return len(text) > 160 || strings.Contains(text, "\n") }

// shareOf begins a sentence about some SLOs of all, with its verb for one or for
// many.
func shareOf(some, all []report.SLO, one, many string) string {
	switch {
	case len(all) == 1:
		return "The SLO " + one
	case len(some) == 1:
		return fmt.Sprintf("1 of %d SLOs %s", len(all), one)
	default:
		return fmt.Sprintf("%d of %d SLOs %s", len(some), len(all), many)
	}
}

// names are what SLOs want; of a single one, also where it is not so.
func names(slos []report.SLO) string {
	const most = 3
	if len(slos) == 1 {
		var places []string
		steps := 0
		for _, o := range slos[0].Outcomes {
			if o.Step == "" {
				continue
			}
			if steps++; o.Verdict == slos[0].Verdict {
				places = append(places, o.Where)
			}
		}
		switch n := len(places) - most; {
		case len(places) == 0:
			return slos[0].Want
		case len(places) == steps && steps > 1:
			return slos[0].Want + " at every step"
		case n > 1:
			places = append(places[:most:most], fmt.Sprintf("%d more steps", n))
		}
		return slos[0].Want + " at " + enumerate(places)
	}
	var wants []string
	for _, s := range slos {
		wants = append(wants, s.Want)
	}
	if n := len(wants) - most; n > 0 {
		wants = append(wants[:most:most], fmt.Sprintf("%d more", n))
	}
	return enumerate(wants)
}

// enumerate joins words as a sentence does: a, b and c.
func enumerate(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

// findings are what there is to say of the service beside the verdicts.
func (r *Result) findings() []string {
	var found []string
	if r.capacity != nil && len(r.Outcomes) > 0 {
		found = append(found, r.capacity.sentence())
	}
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Recovery != nil {
			found = append(found, fmt.Sprintf("Recovery in %s: %v.", s.Name, s.Recovery))
		}
	}
	if len(r.Steps) < 2 || r.running {
		return found
	}
	highest := r.Steps[0].Load
	for i := range r.Steps {
		if r.Steps[i].Load.level() > highest.level() {
			highest = r.Steps[i].Load
		}
	}
	if r.Saturation.Found {
		found = append(found, fmt.Sprintf("The service saturates at %s: %s.", r.Saturation.At(), bracket(r.Saturation)))
	} else {
		found = append(found, fmt.Sprintf("No step of up to %v is proved to be saturated.", levelText(highest.level(), highest.open())))
	}
	if text := grows[r.Growth]; text != "" {
		found = append(found, text)
	}
	if r.Plateau > 0 {
		found = append(found, fmt.Sprintf("Throughput levels off from about %s on.", levelText(r.Plateau, highest.open())))
	}
	return found
}

var grows = map[Growth]string{
	Flat:         "Latency p95 hardly grows with load.",
	Decelerating: "Latency p95 grows with load, ever less.",
	Linear:       "Latency p95 grows in proportion to load.",
	Accelerating: "Latency p95 grows ever faster with load.",
	Shedding:     "Latency p95 stays flat with load, and requests fail.",
}

func (r *Result) notices() []report.Notice {
	var notices []report.Notice
	if long(r.Aborted) {
		notices = append(notices, report.Notice{Kind: "aborted", Text: r.Aborted})
	}
	if r.Stopped != "" {
		notices = append(notices, report.Notice{Kind: "stopped", Text: r.endLine()})
	}
	if r.Short {
		notices = append(notices, report.Notice{Kind: "short", Text: "The warm-up and the steps were shortened, as under go test -short, and SLOs fail only on proof."})
	}
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Invalid != "" {
			notices = append(notices, report.Notice{Kind: string(Invalid), Text: fmt.Sprintf("At %v %s.", s.Load, s.Invalid)})
		}
	}
	for _, warning := range r.Warnings {
		notices = append(notices, report.Notice{Kind: "warning", Text: warning})
	}
	return notices
}

func (r *Result) facts(s Scenario) []report.Fact {
	clock := "real time"
	if r.Virtual {
		clock = "virtual time"
	}
	facts := []report.Fact{
		{Name: "Target", Value: r.Target},
		{Name: "Measured", Value: fmt.Sprintf("%s in %s", plural(r.Total.Requests, "request"), plural(len(r.Steps), "step"))},
		{Name: "Started", Value: r.Started.UTC().Format("2 Jan 2006, 15:04:05 UTC")},
		{Name: "Elapsed", Value: fmt.Sprintf("%v of %s", r.Elapsed.Round(time.Second), clock)},
		{Name: "Spent", Value: r.Spent.String()},
		{Name: "Confidence", Value: percent(s.Confidence) + " for each bound"},
		{Name: "Seed", Value: fmt.Sprint(r.Seed)},
	}
	if r.Digest != "" {
		facts = append(facts, report.Fact{Name: "Digest", Value: r.Digest})
	}
	return append(facts, report.Fact{Name: "Schema", Value: fmt.Sprintf("llmperf %d", r.Schema)})
}

// slosOf groups outcomes by SLO.
func slosOf(outcomes []Outcome) []report.SLO {
	var slos []report.SLO
	for i := range outcomes {
		o := &outcomes[i]
		at := slices.IndexFunc(slos, func(s report.SLO) bool { return s.Name == o.Name })
		if at < 0 {
			at = len(slos)
			slos = append(slos, report.SLO{Name: o.Name, Want: o.Want})
		}
		slos[at].Outcomes = append(slos[at].Outcomes, outcomeOf(o))
	}
	for i := range slos {
		slices.SortStableFunc(slos[i].Outcomes, func(a, b report.Outcome) int {
			return cmp.Compare(report.Severity(a.Verdict), report.Severity(b.Verdict))
		})
		slos[i].Verdict = slos[i].Outcomes[0].Verdict
	}
	slices.SortStableFunc(slos, func(a, b report.SLO) int { return cmp.Compare(report.Severity(a.Verdict), report.Severity(b.Verdict)) })
	return slos
}

func outcomeOf(o *Outcome) report.Outcome {
	out := report.Outcome{
		Verdict: string(o.Verdict), Step: o.Step, Where: cmp.Or(o.at, o.Step, "all steps"),
		N: count(o.N), Effective: count(o.Effective), Guard: o.Guard,
	}
	seen, interval, _ := strings.Cut(o.figures(), " [")
	out.Seen, out.Interval = seen, strings.Replace(strings.TrimSuffix(interval, "]"), ", ", " – ", 1)
	// Of a sentence, all but what comes last is in the figures.
	if o.Verdict == Pass {
		return out
	}
	if _, note, ok := strings.Cut(o.Message, " confidence)"); ok {
		out.Note = strings.TrimPrefix(note, "; ")
	} else {
		out.Note = o.Message
	}
	return out
}

// tables are the figures of steps, of a mix's targets, and of failures.
func (r *Result) tables() []report.Table {
	if len(r.Steps) == 0 {
		return nil
	}
	steps := report.Table{Title: "Steps", Columns: figureNames("step")}
	for i := range r.Steps {
		steps.Rows = append(steps.Rows, figuresOf(r.Steps[i].Name, &r.Steps[i].Stats))
	}
	steps.Rows = append(steps.Rows, figuresOf("all steps", &r.Total))
	tables := []report.Table{steps}
	if p, ok := r.scenario.Profile.(*prober); ok && r.capacity != nil && len(r.capacity.Probes) > 0 {
		rows := p.rows(r.capacity)
		tables = []report.Table{{Title: "Probes", Columns: rows[0], Rows: rows[1:]}, steps}
	}
	if len(r.Targets) > 0 {
		targets := report.Table{Title: "Targets", Columns: figureNames("target")}
		for i := range r.Targets {
			targets.Rows = append(targets.Rows, figuresOf(r.Targets[i].Name, &r.Targets[i].Stats))
		}
		for i := range r.Steps {
			for j := range r.Steps[i].Targets {
				t := &r.Steps[i].Targets[j]
				targets.Rows = append(targets.Rows, figuresOf(t.Name+" at "+r.Steps[i].Load.String(), &t.Stats))
			}
		}
		tables = append(tables, targets)
	}
	for i := range tables {
		tables[i] = measured(tables[i])
	}
	if rows := generatorRows(r.Steps); len(rows) > 0 {
		tables = append(tables, measured(report.Table{Title: "The generator itself", Columns: append([]string{"step"}, generatorColumns...), Rows: rows}))
	}
	if r.Total.Failed == 0 {
		return tables
	}
	failures := report.Table{Title: "Failures", Columns: []string{"class", "requests", "of all"}}
	for _, name := range r.Total.failureNames() {
		n := r.Total.Failures[name]
		failures.Rows = append(failures.Rows, []string{name, count(n), percent(float64(n) / float64(r.Total.Requests))})
	}
	examples := report.Table{Title: "Failures in their own words", Columns: []string{"one of each class"}}
	for _, text := range r.Total.Examples {
		examples.Rows = append(examples.Rows, []string{text})
	}
	return append(tables, failures, examples)
}

// measured leaves out the columns in which nothing was measured.
func measured(t report.Table) report.Table {
	out := report.Table{Title: t.Title, Rows: make([][]string, len(t.Rows))}
	for i, column := range t.Columns {
		if !slices.ContainsFunc(t.Rows, func(row []string) bool { return row[i] != orDash(0) }) {
			continue
		}
		out.Columns = append(out.Columns, column)
		for j, row := range t.Rows {
			out.Rows[j] = append(out.Rows[j], row[i])
		}
	}
	return out
}

func stepOf(s *Step, conf float64) report.Step {
	return report.Step{
		Name: s.Name, Label: strings.TrimPrefix(strings.TrimPrefix(s.Name, "users="), "rate="), Load: s.Load.String(), Level: s.Load.level(),
		Begin: s.Begin.Seconds(), From: s.From.Seconds(), Until: s.Until.Seconds(),
		Requests: s.Requests, Failed: s.Failed, Failures: s.Failures, FailureRate: estimateOf(s.failures(conf), 1),
		RPS: s.RPS, Throughput: s.Throughput, OutputTokens: s.OutputTokensPerSecond,
		Latency: metricOf(&s.Latency, conf), TTFT: metricOf(&s.TTFT, conf), ITL: metricOf(&s.ITL, conf),
		Overhead: whereTimeWent(s), Arrivals: sendingOf(s),
	}
}

// estimateOf is a figure with its bounds, in units of so much of its own.
func estimateOf(e evidence, unit float64) report.Estimate {
	out := report.Estimate{Seen: e.Estimate / unit, Low: e.Low / unit}
	if !math.IsInf(e.High, 1) {
		out.High = e.High / unit
	}
	return out
}

// metricOf is a metric whose values are known one by one; nil of none.
func metricOf(d *Distribution, conf float64) *report.Metric {
	if d.N == 0 {
		return nil
	}
	at := func(p float64, seen time.Duration) report.Estimate {
		e := estimateOf(d.quantile(p, conf), float64(time.Second))
		e.Seen = seen.Seconds()
		return e
	}
	seconds := make([]float64, len(d.sorted))
	for i, ns := range d.sorted {
		seconds[i] = ns / float64(time.Second)
	}
	return &report.Metric{
		N: d.N, Min: d.Min.Seconds(), P50: at(0.50, d.P50), P90: d.P90.Seconds(), P95: at(0.95, d.P95), P99: at(0.99, d.P99), Max: d.Max.Seconds(),
		CDF: report.CDF(seconds), Histogram: report.NewHistogram(seconds),
	}
}

// whereTimeWent splits the mean time of a step's successful requests; nil where
// it is not known.
func whereTimeWent(s *Step) *report.Overhead {
	o := &s.Overhead
	switch o.Correlation {
	case "":
		return nil
	case byTotals:
		return &report.Overhead{Known: byTotals, Calls: o.Calls, Parts: []report.Part{
			{Name: "service", Mean: o.Mean.Seconds()},
			{Name: "upstream", Mean: o.Calls * o.Upstream.Mean.Seconds(), Spread: spreadOf(&o.Upstream)},
		}}
	}
	part := func(name string, d *Distribution) report.Part {
		return report.Part{Name: name, Mean: d.Mean.Seconds() * float64(d.N) / float64(o.Total.N), Spread: spreadOf(d)}
	}
	parts := []report.Part{part("before", &o.Before), part("between calls", &o.BetweenCalls), part("after", &o.After)}
	if o.Before.N < o.Total.N {
		rest := o.Total.Mean.Seconds() - parts[0].Mean - parts[1].Mean - parts[2].Mean
		parts = append(parts, report.Part{Name: "no call", Mean: max(0, rest)})
	}
	return &report.Overhead{
		Known: o.Correlation, Calls: o.Calls, Parts: append(parts, part("upstream", &o.Upstream)),
		Total: spreadOf(&o.Total), Tokens: spreadOf(&o.Tokens),
	}
}

func spreadOf(d *Distribution) *report.Spread {
	if d.N == 0 {
		return nil
	}
	return &report.Spread{P50: d.P50.Seconds(), P95: d.P95.Seconds(), P99: d.P99.Seconds()}
}

// sendingOf is how an open loop's requests were sent; nil of a closed one.
func sendingOf(s *Step) *report.Arrivals {
	if !s.Load.open() {
		return nil
	}
	a := &s.Arrivals
	return &report.Arrivals{
		Due: a.Due, Sent: a.Sent, P50: a.Delay.P50.Seconds(), P99: a.Delay.P99.Seconds(), Max: a.Delay.Max.Seconds(),
		Since: a.Service.P95.Seconds(), Held: a.Held,
	}
}

// timelineOf is the windows column by column, percentiles to six digits.
func timelineOf(windows []Window) report.Timeline {
	every := max(1, (len(windows)+mostWindows-1)/mostWindows)
	t := report.Timeline{Width: windowWidth.Seconds(), Every: every}
	for some := range slices.Chunk(windows, every) {
		w := slices.MaxFunc(some, func(a, b Window) int { return cmp.Compare(a.P95, b.P95) })
		t.At = append(t.At, w.At.Seconds())
		t.Load = append(t.Load, max(float64(w.Users), w.Rate))
		t.InFlight = append(t.InFlight, w.InFlight)
		t.Requests = append(t.Requests, w.Requests)
		t.Failed = append(t.Failed, w.Failed)
		t.P50 = append(t.P50, report.Round(w.P50.Seconds()))
		t.P95 = append(t.P95, report.Round(w.P95.Seconds()))
		t.Cumulative = append(t.Cumulative, report.Round(w.Cumulative.Seconds()))
	}
	return t
}
