package llmperf

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// longestAttr is the length in bytes that the line of an attribute in a test's
// output may have. test2json, which go test -json and so gotestsum and JUnit are
// made with, takes a longer line than 4,096 for none.
const longestAttr = 4000

// attr puts out a test attribute, which gotestsum makes a property in JUnit. A
// value becomes one line, and is cut where the attribute would be too long.
func attr(t *testing.T, key string, value any) {
	key = "llmperf." + key
	line := fmt.Sprintf("=== ATTR  %s %s ", t.Name(), key)
	t.Attr(key, cut(oneLine(fmt.Sprint(value)), longestAttr-len(line)))
}

// oneLine is text without line breaks and other control characters, and with
// single spaces.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// cut is text with at most so many bytes, and with a mark where there were more.
func cut(text string, most int) string {
	const mark = "…"
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:max(0, most-len(mark))], "") + mark
}

// outcomeAttrs puts an outcome out. JUnit has no output of a test that passed, so
// the sentence is among them.
func outcomeAttrs(t *testing.T, o *Outcome) {
	attr(t, "verdict", o.Verdict)
	attr(t, "message", o.Message)
	attr(t, "want", o.Want)
	attr(t, "seen", o.figures())
	attr(t, "n", o.N)
	attr(t, "n_effective", o.Effective)
	attr(t, "confidence", o.Confidence)
}

// stepAttrs puts a step's figures out.
func stepAttrs(t *testing.T, s *Step) {
	statsAttrs(t, &s.Stats)
	if s.Recovery != nil {
		attr(t, "recovery", s.Recovery)
	}
	generatorAttrs(t, s.Invalid, &s.Generator)
	if s.Load.open() {
		attr(t, "due_per_second", fmt.Sprintf("%.3f", s.Arrivals.Due))
		attr(t, "sent_per_second", fmt.Sprintf("%.3f", s.Arrivals.Sent))
		attr(t, "dispatch_delay_p99", s.Arrivals.Delay.P99)
		attr(t, "service_latency_p95", s.Arrivals.Service.P95)
		attr(t, "held", s.Arrivals.Held)
	}
}

// generatorAttrs puts out how the generator of the load fared, where it was measured.
func generatorAttrs(t *testing.T, invalid string, g *GeneratorStats) {
	if invalid != "" {
		attr(t, "invalid", invalid)
	}
	if n := g.failures(); n > 0 {
		attr(t, "generator_failures", n)
	}
	if g.Lag.N == 0 {
		return
	}
	attr(t, "generator_lag_p99", g.Lag.P99)
	attr(t, "generator_lag_max", g.Lag.Max)
	if g.Delay.N > 0 {
		attr(t, "generator_dispatch_delay_p99", g.Delay.P99)
	}
	if g.CPU > 0 {
		attr(t, "generator_cpu", fmt.Sprintf("%.3f", g.CPU))
		attr(t, "generator_cores", g.Cores)
	}
}

// statsAttrs puts figures out, of times those that were measured.
func statsAttrs(t *testing.T, s *Stats) {
	attr(t, "requests", s.Requests)
	attr(t, "failed", s.Failed)
	if s.Failed > 0 {
		attr(t, "failures", strings.TrimPrefix(failureList(s), "failures: "))
	}
	attr(t, "failure_rate", fmt.Sprintf("%.5f", s.FailureRate))
	attr(t, "rps", fmt.Sprintf("%.3f", s.RPS))
	attr(t, "throughput", fmt.Sprintf("%.3f", s.Throughput))
	attr(t, "in_flight", fmt.Sprintf("%.1f", s.InFlight))
	attr(t, "output_tokens_per_second", fmt.Sprintf("%.1f", s.OutputTokensPerSecond))
	attr(t, "tail_ratio", fmt.Sprintf("%.3f", s.TailRatio))
	for _, m := range metrics {
		if d := m.of(s); d.N > 0 {
			attr(t, string(m)+"_p50", d.P50)
			attr(t, string(m)+"_p95", d.P95)
			attr(t, string(m)+"_p99", d.P99)
		}
	}
}

// runAttrs puts out what a run came to, and what it was.
func runAttrs(t *testing.T, r *Result) {
	attr(t, "verdicts", summarize(r.Outcomes))
	counts := map[Verdict]int{Pass: 0, Fail: 0, Inconclusive: 0}
	for i := range r.Outcomes {
		counts[r.Outcomes[i].Verdict]++
	}
	for _, v := range slices.Sorted(maps.Keys(counts)) {
		attr(t, "verdicts_"+strings.ReplaceAll(oneLine(string(v)), " ", "_"), counts[v])
	}
	if r.Aborted != "" {
		attr(t, "aborted", r.Aborted)
	}
	if r.Stopped != "" {
		attr(t, "stopped", r.Stopped)
	}
	attr(t, "spent", r.Spent)
	attr(t, "target", r.Target)
	attr(t, "seed", r.Seed)
	attr(t, "started", r.Started.Format(time.RFC3339Nano))
	attr(t, "elapsed", r.Elapsed)
	if r.Virtual {
		attr(t, "digest", r.Digest)
	}
	statsAttrs(t, &r.Total)
	generatorAttrs(t, "", &r.Generator)
	if bad := len(r.Steps) - len(validSteps(r.Steps)); bad > 0 {
		attr(t, "steps_invalid", bad)
	}
	attr(t, "saturation", r.saturationText())
	attr(t, "growth", r.Growth)
	if r.Plateau > 0 {
		attr(t, "plateau", levelText(r.Plateau, r.Steps[0].Load.open()))
	}
	for _, s := range r.Health {
		attr(t, "health_"+strings.NewReplacer(" ", "_", "/", "_").Replace(s.Name), cmp.Or(string(s.Grade), "unknown")+": "+s.Seen)
	}
	attr(t, "warnings", len(r.Warnings))
}
