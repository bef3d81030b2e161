package llmperf

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// A progress is the state of a run at one moment.
type progress struct {
	Window
	requests, failed int
}

// line is the progress as one line of output.
func (p *progress) line(s Scenario) string {
	left := ""
	if known, ok := s.Profile.(planner); ok {
		total := max(0, s.Warmup)
		for _, l := range known.plan() {
			total += l.Hold
		}
		left = fmt.Sprintf(", %v left", max(0, total-p.At).Round(time.Second))
	}
	return fmt.Sprintf("%6v  %s, %d in flight, %.1f requests/s, last 10 s: p50 %s p95 %s, %d of %s failed%s",
		p.At.Round(time.Second), p.load(), p.InFlight, p.RPS, orDash(p.P50), orDash(p.P95), p.failed, count(p.requests), left)
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

// stepAttrs puts a step's figures out as test attributes.
func stepAttrs(t *testing.T, s *Step) {
	for _, a := range []struct {
		key   string
		value any
	}{
		{"requests", s.Requests}, {"failed", s.Failed}, {"rps", fmt.Sprintf("%.3f", s.RPS)},
		{"latency_p50", s.Latency.P50}, {"latency_p95", s.Latency.P95}, {"latency_p99", s.Latency.P99},
		{"ttft_p50", s.TTFT.P50}, {"ttft_p95", s.TTFT.P95}, {"itl_p95", s.ITL.P95},
		{"output_tokens_per_second", fmt.Sprintf("%.1f", s.OutputTokensPerSecond)}, {"tail_ratio", fmt.Sprintf("%.3f", s.TailRatio)},
	} {
		t.Attr("llmperf."+a.key, fmt.Sprint(a.value))
	}
	if s.Recovery != nil {
		t.Attr("llmperf.recovery", s.Recovery.String())
	}
	if s.Load.open() {
		t.Attr("llmperf.due_per_second", fmt.Sprintf("%.3f", s.Arrivals.Due))
		t.Attr("llmperf.sent_per_second", fmt.Sprintf("%.3f", s.Arrivals.Sent))
		t.Attr("llmperf.dispatch_delay_p99", fmt.Sprint(s.Arrivals.Delay.P99))
		t.Attr("llmperf.service_latency_p95", fmt.Sprint(s.Arrivals.Service.P95))
		t.Attr("llmperf.held", fmt.Sprint(s.Arrivals.Held))
	}
	if s.Overhead.Total.N > 0 {
		t.Attr("llmperf.overhead_p50", fmt.Sprint(s.Overhead.Total.P50))
		t.Attr("llmperf.overhead_p95", fmt.Sprint(s.Overhead.Total.P95))
	}
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
	fmt.Fprintln(w, "step\trequests\tfailed\trps\tp50\tp95\tp99\tmax\tTTFT p95\tITL p95\ttokens/s\tp99/p50\tin flight\t")
	row := func(name string, s *Stats) {
		fmt.Fprintf(w, "%s\t%d\t%s\t%.1f\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%.2f\t%.1f\t\n", name, s.Requests, percent(s.FailureRate), s.RPS,
			orDash(s.Latency.P50), orDash(s.Latency.P95), orDash(s.Latency.P99), orDash(s.Latency.Max), orDash(s.TTFT.P95), orDash(s.ITL.P95),
			s.OutputTokensPerSecond, s.TailRatio, s.InFlight)
	}
	for i := range r.Steps {
		row(r.Steps[i].Name, &r.Steps[i].Stats)
	}
	row("total", &r.Total)
	for i := range r.Targets {
		row("of it "+r.Targets[i].Name, &r.Targets[i].Stats)
	}
	w.Flush()
	text.WriteString(arrivalsTable(r.Steps))
	text.WriteString(overheadTable(r.Steps))
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
		fmt.Fprintf(&text, "saturated at %s (%s)\n", r.Saturation.At(), bracket(r.Saturation))
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
