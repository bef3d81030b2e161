package llmperf

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// A progress is the state of a run at one moment.
type progress struct {
	Window
	requests, failed int
	own              int           // failures of this machine, which are not among those
	end              time.Duration // of the last step, as planned; 0 if the profile decides as it goes
}

// line is the progress as one line of output.
func (p *progress) line() string {
	left := ""
	if p.end > 0 {
		left = fmt.Sprintf(", %v left", max(0, p.end-p.At).Round(time.Second))
	}
	own := ""
	if p.own > 0 {
		own = fmt.Sprintf(" and %s not sent by this machine", count(p.own))
	}
	return fmt.Sprintf("%6v  %s, %d in flight, %.1f requests/s, last 10 s: p50 %s p95 %s, %d of %s failed%s%s",
		p.At.Round(time.Second), p.load(), p.InFlight, p.RPS, orDash(p.P50), orDash(p.P95), p.failed, count(p.requests), own, left)
}

// load is the load at that moment, in words.
func (w *Window) load() string {
	if w.Rate > 0 {
		return levelText(w.Rate, true)
	}
	return levelText(float64(w.Users), false)
}

func orDash(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return duration(d)
}

// stepLine sums a step up in one line.
func stepLine(s *Step, j judge) string {
	tail, failures := s.TailHealth(j.pass), s.FailureHealth(j.pass)
	return fmt.Sprintf("%s: %s requests, %.1f/s, latency p50 %s p95 %s p99 %s, TTFT p95 %s, p99/p50 %.2f (%s), %s failed (%s)",
		s.Name, count(s.Requests), s.RPS, orDash(s.Latency.P50), orDash(s.Latency.P95), orDash(s.Latency.P99), orDash(s.TTFT.P95), s.TailRatio, tail, percent(s.FailureRate), failures)
}

// figureNames are the columns of tables of what.
func figureNames(what string) []string {
	return []string{what, "requests", "failed", "rps", "p50", "p95", "p99", "max", "TTFT p95", "ITL p95", "tokens/s", "p99/p50", "in flight"}
}

// figuresOf are a row of such a table.
func figuresOf(name string, s *Stats) []string {
	return []string{
		name, fmt.Sprint(s.Requests), percent(s.FailureRate), fmt.Sprintf("%.1f", s.RPS),
		orDash(s.Latency.P50), orDash(s.Latency.P95), orDash(s.Latency.P99), orDash(s.Latency.Max), orDash(s.TTFT.P95), orDash(s.ITL.P95),
		fmt.Sprintf("%.0f", s.OutputTokensPerSecond), fmt.Sprintf("%.2f", s.TailRatio), fmt.Sprintf("%.1f", s.InFlight),
	}
}

// stepRows are the cells of a table of the steps: a row of titles, one for each
// step, and the sums.
func (r *Result) stepRows() [][]string {
	rows := [][]string{figureNames("step")}
	for i := range r.Steps {
		rows = append(rows, figuresOf(r.Steps[i].Name, &r.Steps[i].Stats))
	}
	rows = append(rows, figuresOf("total", &r.Total))
	for i := range r.Targets {
		rows = append(rows, figuresOf("of it "+r.Targets[i].Name, &r.Targets[i].Stats))
	}
	return rows
}

// table is the run's steps and what saturation was found, as text.
func table(r *Result) string {
	var text strings.Builder
	if len(r.Steps) == 0 {
		fmt.Fprintln(&text, "no step was measured")
		endTable(&text, r)
		return text.String()
	}
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range r.stepRows() {
		fmt.Fprintln(w, strings.Join(row, "\t")+"\t")
	}
	w.Flush()
	text.WriteString(arrivalsTable(r.Steps))
	text.WriteString(overheadTable(r.Steps))
	text.WriteString(generatorTable(r.Steps))
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Invalid != "" {
			fmt.Fprintf(&text, "INVALID %s: %s\n", s.Name, s.Invalid)
		}
	}
	if r.Total.Failed > 0 {
		fmt.Fprintf(&text, "%s\n", failureList(&r.Total))
		for _, example := range r.Total.Examples {
			fmt.Fprintf(&text, "  for example: %s\n", example)
		}
	}
	for i := range r.Steps {
		if recovery := r.Steps[i].Recovery; recovery != nil {
			fmt.Fprintf(&text, "recovery in %s: %v\n", r.Steps[i].Name, recovery)
		}
	}
	text.WriteString(signalTable(r.Health))
	if r.Saturation.Found {
		fmt.Fprintln(&text, r.saturationText())
	}
	if r.Plateau > 0 {
		fmt.Fprintf(&text, "throughput levels off from about %s on\n", levelText(r.Plateau, r.Steps[0].Load.open()))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&text, "note: %s\n", warning)
	}
	endTable(&text, r)
	return text.String()
}

// endTable adds how the run ended, if early, and what it took.
func endTable(text *strings.Builder, r *Result) {
	if line := r.endLine(); line != "" {
		fmt.Fprintln(text, line)
	}
	fmt.Fprintf(text, "spent: %v\n", r.Spent)
}
