package llmperf

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"

	"llmperf.dev/llmperf/internal/stats"
)

// A Verdict says what a run proves about an SLO.
type Verdict string

// The verdicts, at the scenario's confidence.
const (
	Pass         Verdict = "pass"         // even the upper bound is within the limit
	Fail         Verdict = "fail"         // even the lower bound is past the limit
	Inconclusive Verdict = "inconclusive" // the limit lies within the bounds, or there are too few requests for any
	NotRun       Verdict = "not run"      // the run ended before it got there; what was run does not refute the SLO

	// Invalid says that the generator, not the service, was the bottleneck, so that
	// the figures say nothing of the service. It takes the place of what they would
	// otherwise have come to, be that a pass or a failure, and never passes; see "When
	// the generator is the bottleneck" in the package's documentation.
	Invalid Verdict = "invalid"
)

// The units of an outcome's figures.
const (
	seconds   = "s"
	ratio     = "x"
	share     = ""
	perSecond = "1/s"
	inUsers   = "users"
)

// An Outcome is the verdict on one SLO: of one step, or of all steps in scope.
type Outcome struct {
	Name    string  `json:"name"`           // of the SLO: ttft_p95
	Step    string  `json:"step,omitempty"` // the step's name; "" for the whole run
	Verdict Verdict `json:"verdict"`
	Want    string  `json:"want"`    // the SLO in words: TTFT p95 < 800 ms
	Message string  `json:"message"` // the verdict in one sentence, with wanted, seen, interval and n

	Seen       float64 `json:"seen"`            // estimate, in Unit
	Low        float64 `json:"low"`             // its lower bound; 0 claims nothing
	High       float64 `json:"high,omitempty"`  // its upper bound; 0 if there is none
	Unit       string  `json:"unit"`            // "s", "x", "1/s", "users", "" for a share, or another of a Custom's own
	N          int     `json:"n"`               // requests it rests on
	Effective  int     `json:"n_effective"`     // as many independent requests are they worth
	Confidence float64 `json:"confidence"`      // of each bound
	Guard      bool    `json:"guard,omitempty"` // a pass is no proof: nothing was refuted

	at        string // the step's load in words
	guarded   bool   // being undecided is a pass, as [Guard] has it
	partial   bool   // being proved is no pass, since some of what the SLO is about was not run
	unbounded bool   // there is no upper bound
	wordy     bool   // there is no figure: the message says it all
	toStore   bool   // there is no verdict, since the run is to be stored: see [NoRegression]
	reported  bool   // its subtest was run

	figure time.Duration // the time that a generator's lateness would falsify, see GeneratorLimits; 0 for none
	lasts  bool          // it is a failure by what the service answered, which a generator's lateness does not forge
}

// path is the outcome's subtest below the test that ran it.
func (o *Outcome) path() string {
	if o.Step == "" {
		return o.Name
	}
	return o.Step + "/" + o.Name
}

// Assert reports a failed outcome as a failure of t the way testify does, with
// the caller's place, and returns whether the outcome is no failure.
func (o Outcome) Assert(t assert.TestingT, msgAndArgs ...any) bool {
	if h, ok := t.(interface{ Helper() }); ok {
		h.Helper()
	}
	if o.Verdict == Fail {
		return assert.Fail(t, o.Message, msgAndArgs...)
	}
	return true
}

// outcome begins an outcome of c; s is nil for the whole run, and conf the
// confidence of the bounds. Bounds of unit seconds come in nanoseconds.
func (c check) outcome(s *Step, conf float64, e evidence, unit string) Outcome {
	scale := 1.0
	if unit == seconds {
		scale = float64(time.Second)
	}
	o := Outcome{
		Name: c.name, Want: c.want, Verdict: Inconclusive, Unit: unit, N: e.n, Effective: e.effective, Confidence: conf,
		Seen: e.Estimate / scale, Low: e.Low / scale, High: e.High / scale, guarded: c.guard,
	}
	if math.IsInf(o.High, 1) {
		o.High, o.unbounded = 0, true
	}
	// JSON has no infinity.
	o.Seen, o.Low = min(o.Seen, math.MaxFloat64), min(o.Low, math.MaxFloat64)
	if s != nil {
		o.Step, o.at = s.Name, s.Load.String()
	} else {
		o.partial = c.missing != ""
	}
	return o
}

// sentence writes the verdict down.
func (o *Outcome) sentence(subject string) {
	where := ""
	if o.Step != "" {
		where = " at " + o.at
	}
	o.Message = fmt.Sprintf("%s%s: %s, want %s: %s", subject, where, o.figures(), o.Want[strings.IndexAny(o.Want, "<>"):], o.said())
}

// said is the verdict with what it rests on. A guarded verdict is settled here,
// and one on a part of what the SLO is about.
func (o *Outcome) said() string {
	if o.guarded && o.Verdict == Inconclusive && o.N > 0 {
		o.Verdict, o.Guard = Pass, true
	}
	if o.partial && o.Verdict == Pass {
		o.Verdict, o.Guard = NotRun, false
	}
	said := strings.ToUpper(string(o.Verdict))
	if o.Guard {
		said = "NOT REFUTED"
	}
	effective := ""
	if o.Effective < o.N {
		effective = ", effective " + count(o.Effective)
	}
	return fmt.Sprintf("%s (n=%s%s, %s confidence)", said, count(o.N), effective, percent(o.Confidence))
}

// explain adds to a step's undecided verdict what would decide it. least is the
// fewest requests that prove what.
func (o *Outcome) explain(least int, what string, shown, strict evidence, limit float64) {
	if o.Verdict != Inconclusive {
		return
	}
	if shown.effective < least && shown.Estimate < limit {
		o.more(tooFew(what, least, shown))
	} else {
		o.more(undecided(shown.Interval, strict.Interval, limit))
	}
	o.more(dependence(shown))
}

// more adds what the reader should know beside the verdict.
func (o *Outcome) more(text string) {
	if text != "" {
		o.Message += "; " + text
	}
}

// takenBack is an outcome whose pass does not stand: it has another verdict. Where
// it is invalid, no other verdict stands either, nor what would have decided it.
func (o Outcome) takenBack(v Verdict, why string) Outcome {
	if o.Verdict != Pass && v != Invalid {
		return o
	}
	was := strings.ToUpper(string(o.Verdict))
	if o.Guard {
		was = "NOT REFUTED"
	}
	said := strings.ToUpper(string(v))
	o.Verdict, o.Guard = v, false
	if before, rest, ok := strings.Cut(o.Message, ": "+was+" (n="); ok {
		if v == Invalid {
			rest, _, _ = strings.Cut(rest, " confidence)")
			rest += " confidence)"
		}
		o.Message = before + ": " + said + " (n=" + rest
	} else {
		o.more(said)
	}
	o.more(why)
	return o
}

// unless takes a pass back where requests were held, so that the service was sent
// less than the load that the pass is about.
func (o Outcome) unless(held int) Outcome {
	if held == 0 {
		return o
	}
	return o.takenBack(Inconclusive, plural(held, "request")+" waited since scenario.MaxInFlight others were in flight, so that the service was sent less than this load")
}

// figures are the estimate and its bounds: 912 ms [870 ms, 967 ms].
func (o *Outcome) figures() string {
	switch {
	case o.N == 0:
		return "nothing measured"
	case o.wordy:
		return "no figure"
	}
	b := stats.Interval{Low: o.Low, Estimate: o.Seen, High: o.High}
	if o.unbounded {
		b.High = math.Inf(1)
	}
	return bounded(b, o.Unit)
}

// bounded writes an estimate with its bounds. An upper one of +Inf is none, nor
// is a lower one of 0, unless the estimate is that too or a share.
func bounded(b stats.Interval, unit string) string {
	high := "no upper bound"
	if !math.IsInf(b.High, 1) {
		high = quantity(b.High, unit)
	}
	low := "no lower bound"
	if b.Low > 0 || b.Estimate == 0 || unit == share {
		low = quantity(b.Low, unit)
	}
	return fmt.Sprintf("%s [%s, %s]", quantity(b.Estimate, unit), low, high)
}

func quantity(v float64, unit string) string {
	switch unit {
	case seconds:
		return duration(time.Duration(v * float64(time.Second)))
	case ratio:
		return fmt.Sprintf("%.2fx", v)
	case perSecond:
		if v >= 100 {
			return count(int(math.Round(v))) + "/s"
		}
		return fmt.Sprintf("%.2f/s", v)
	case inUsers:
		return number(v)
	case share:
		return percent(v)
	default:
		return number(v) + " " + unit
	}
}

// duration is d to three digits.
func duration(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/1e6)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", float64(d)/1e6)
	default:
		return fmt.Sprintf("%.3g s", d.Seconds())
	}
}

// percent is a share to three digits.
func percent(v float64) string { return fmt.Sprintf("%.3g %%", v*100) }

// roundUpShare rounds a share up to three digits, so that what is proved to be
// below it stays so.
func roundUpShare(v float64) float64 {
	if v <= 0 {
		return v
	}
	digits := math.Pow(10, 2-math.Floor(math.Log10(v)))
	return math.Ceil(v*digits-1e-9) / digits
}

// count is n with separated thousands.
func count(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// plural is n of a thing.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return count(n) + " " + thing + "s"
}

// failureList names the failures of s by class, the most frequent first.
func failureList(s *Stats) string {
	if s.Failed == 0 {
		return ""
	}
	names := s.failureNames()
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", s.Failures[name], name)
	}
	return "failures: " + strings.Join(names, ", ")
}

// failureNames are the classes of the failures of s, the most frequent first.
func (s *Stats) failureNames() []string {
	return slices.SortedFunc(maps.Keys(s.Failures), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.Failures[b], s.Failures[a]), strings.Compare(a, b))
	})
}
