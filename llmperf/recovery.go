package llmperf

import (
	"fmt"
	"math"
	"time"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

// A Recovery is how long a service took to recover from a higher load, as far as
// a step shows that falls back: a step of less load than the one before it and
// of at most the load of a still earlier one, its reference. So does the last
// step of a [SpikeProfile], whose reference is the first one:
//
//	latency
//	       |             ∙∙∙∙∙∙
//	       |            ∙      ∙∙
//	 Limit | - - - - - - - - - -∙- - - - - - - - - -
//	       | ∙∙∙∙∙∙∙∙∙∙           ∙∙∙∙∙∙∙∙∙∙∙∙∙∙∙∙
//	       +────────────┬──────┬─┬─┬──────────────── time
//	           before    spike 0 │ High    after
//	                             Low
//
// A request is slow if it failed, or if it took more than Limit. The service has
// recovered when fewer than 5 % of the requests sent from then on are slow.
// Every request sent in the step counts, those that its figures leave out since
// the load was still settling too. In a closed loop few requests are sent while
// users wait for slow answers, so a span of a second is looked at by itself.
type Recovery struct {
	Reference string        `json:"reference"` // name of the reference, the earlier step of constant load that was nearest to this one's, or the last of several such
	Limit     time.Duration `json:"limit_ns"`  // SaturationRatio, of the scenario, times the reference's p95; 0 if no request of it succeeded

	// Low, since the step began, is until when the service is proved not to have
	// recovered: some span of 1, 2, 4, 8, … s that began then had more than 5 % of
	// slow requests, by the lower bound of Clopper and Pearson at the scenario's
	// confidence, shared among all such spans of the step (Bonferroni). It is the
	// last such second; 0 claims nothing.
	Low time.Duration `json:"low_ns"`

	// High, since the step began, is by when it is proved to have recovered: of all
	// requests sent from then on to the end of the step, fewer than 5 % were slow, by
	// the upper bound, at half the error since the second is chosen by what was seen.
	// It is the first second after Low in which a request was sent, and from which
	// neither all the rest nor any span of 1, 2, 4, … s had 5 % of slow requests. It
	// means something only if Recovered.
	High      time.Duration `json:"high_ns,omitempty"`
	Recovered bool          `json:"recovered"` // it is proved that the service has recovered

	seconds []slowCount // the step, second by second
	doubt   string      // why the reference is invalid; "" if it is not
}

// recoveredShare is the share of slow requests below which a service has
// recovered.
const recoveredShare = 0.05

// A slowCount is how many requests were sent, and how many of them were slow.
type slowCount struct{ n, slow int }

func (c slowCount) share() float64 { return float64(c.slow) / float64(max(c.n, 1)) }

func (c slowCount) bounds(conf float64) stats.Interval { return stats.FailureBounds(c.slow, c.n, conf) }

// referenceOf is which of the steps before the i-th tells how fast the service is
// once it has recovered in that one; -1 if the i-th does not fall back. A step
// that was itself lowered does not tell, since the load before may linger in it.
func referenceOf(steps []Load, i int) int {
	lowered := func(i int) bool { return i > 0 && steps[i].level() < steps[i-1].level() }
	if !lowered(i) || steps[i].timed() {
		return -1
	}
	nearest := -1
	for j, l := range steps[:i-1] {
		if !l.timed() && !lowered(j) && l.level() >= steps[i].level() && l.level() < steps[i-1].level() && (nearest < 0 || l.level() <= steps[nearest].level()) {
			nearest = j
		}
	}
	return nearest
}

// A fall is what a step that falls back keeps of its requests.
type fall struct {
	reference int // index of the step
	requests  []sentRequest
}

type sentRequest struct {
	sent, latency time.Duration
	failed        bool
}

// fallOf is the fall of the next step; nil if it does not fall back.
func (m *measurement) fallOf(next Load) *fall {
	if _, searching := m.scenario.Profile.(*prober); searching {
		return nil // up and down is its way
	}
	var loads []Load
	for _, step := range m.steps {
		loads = append(loads, step.Load)
	}
	reference := referenceOf(append(loads, next), len(loads))
	if reference < 0 {
		return nil
	}
	return &fall{reference: reference}
}

// note keeps of a request sent in the step what its recovery takes.
func (s *stepRun) note(r *record.Sample) {
	if sent := time.Duration(r.Sent); s.fall != nil && r.Class != record.Generator && (s.open || sent < s.Until) {
		s.fall.requests = append(s.fall.requests, sentRequest{sent, time.Duration(r.Latency()), r.Class != record.OK})
	}
}

// recoveryIn is the recovery that a step shows whose requests are home; nil if it
// does not fall back.
func (m *measurement) recoveryIn(step *stepRun) *Recovery {
	if step.fall == nil {
		return nil
	}
	reference := m.steps[step.fall.reference]
	if step.fall.reference >= m.told {
		m.sumUp(&reference.Step, reference.bucket)
	}
	r := &Recovery{
		Reference: reference.Name, Limit: time.Duration(m.scenario.SaturationRatio * float64(reference.Latency.P95)),
		seconds: make([]slowCount, int(math.Ceil((step.Until - step.Begin).Seconds()))), doubt: reference.Invalid,
	}
	for _, request := range step.fall.requests {
		if request.sent >= step.Until {
			continue
		}
		second := &r.seconds[int((request.sent-step.Begin)/time.Second)]
		second.n++
		if request.failed || request.latency > r.Limit {
			second.slow++
		}
	}
	b := r.bounds(m.scenario.Confidence)
	r.Low, r.Recovered = time.Duration(b.Low), !math.IsInf(b.High, 1)
	if r.Recovered {
		r.High = time.Duration(b.High)
	}
	return r
}

// bounds is when the service had recovered, in nanoseconds since the step began:
// the estimate is the first second against which nothing speaks, or the end of the
// step. Where no recovery is proved at confidence conf, the upper bound is +Inf.
func (r *Recovery) bounds(conf float64) stats.Interval {
	until := make([]slowCount, len(r.seconds)+1) // what was sent before each second
	spans := 0
	for i, s := range r.seconds {
		until[i+1] = slowCount{until[i].n + s.n, until[i].slow + s.slow}
		for length := 1; i+length <= len(r.seconds); length *= 2 {
			spans++
		}
	}
	between := func(from, to int) slowCount {
		return slowCount{until[to].n - until[from].n, until[to].slow - until[from].slow}
	}
	// some reports whether something holds of any span that begins with a second.
	some := func(from int, holds func(slowCount) bool) bool {
		for length := 1; from+length <= len(r.seconds); length *= 2 {
			if holds(between(from, from+length)) {
				return true
			}
		}
		return false
	}
	ill := func(c slowCount) bool { return c.share() >= recoveredShare }
	provedIll := func(c slowCount) bool {
		return ill(c) && c.bounds(1-(1-conf)/float64(spans)).Low > recoveredShare
	}

	at := func(second int) float64 { return float64(second) * float64(time.Second) }
	low := len(r.seconds) - 1
	for low >= 0 && !some(low, provedIll) {
		low--
	}
	b := stats.Interval{Low: at(max(low, 0)), Estimate: at(len(r.seconds)), High: math.Inf(1)}
	for second := low + 1; second < len(r.seconds); second++ {
		rest := between(second, len(r.seconds))
		if r.seconds[second].n == 0 || ill(rest) || some(second, ill) {
			continue
		}
		b.Estimate = at(second)
		// A second that was chosen by what was seen takes stronger proof.
		if rest.bounds(halved(conf)).High < recoveredShare {
			b.High = at(second)
		}
		break
	}
	return b
}

// underTheirOwnLoad are the steps that show what their load does: not those in
// which the service recovers from a higher one, unless all are.
func underTheirOwnLoad(steps []Step) []Step {
	var own []Step
	for _, s := range steps {
		if s.Recovery == nil {
			own = append(own, s)
		}
	}
	if len(own) == 0 {
		return steps
	}
	return own
}

// String is the recovery in words.
func (r *Recovery) String() string {
	slow := fmt.Sprintf("slow is what failed or took more than %s, by the p95 of %s", duration(r.Limit), r.Reference)
	switch {
	case r.Limit == 0:
		return fmt.Sprintf("unknown, since no request of %s succeeded", r.Reference)
	case !r.Recovered && r.Low > 0:
		return fmt.Sprintf("not before %s, and not proved until the step's end (%s)", duration(r.Low), slow)
	case !r.Recovered:
		return fmt.Sprintf("not proved until the step's end (%s)", slow)
	case r.High == 0:
		return fmt.Sprintf("at once (%s)", slow)
	default:
		return fmt.Sprintf("%s to %s after the load fell (%s)", duration(r.Low), duration(r.High), slow)
	}
}

// RecoversWithin holds where a service has recovered at most d after the load
// fell back, in every step that falls back to the load of an earlier one: see
// [Recovery]. A profile without such a step is refused, and so is one that does
// not hold it for longer than d. Proving it takes 72 requests without a slow one,
// sent from the recovery on to the step's end.
func RecoversWithin(d time.Duration) SLO {
	c := check{name: "recovery", want: "recovery within " + duration(d), recovery: d}
	if d < time.Second {
		c.err = fmt.Errorf("RecoversWithin(%v): want at least 1s, since a recovery is told to the second; did you mean %d*time.Second?", d, max(1, int64(d)))
	}
	least := func(j judge) int { return stats.RequestsToProve(0, recoveredShare, halved(j.pass)) }
	c.leastStep = least
	c.step = func(c check, s *Step, j judge) Outcome {
		r := s.Recovery
		if r.Limit == 0 {
			return refused(c, s.Name, fmt.Sprintf("no request of %s succeeded, by whose p95 it goes", r.Reference))
		}
		all := slowCount{}
		for _, second := range r.seconds {
			all.n += second.n
		}
		shown := r.bounds(j.pass)
		o := c.outcome(s, j.pass, evidence{shown, all.n, all.n}, seconds)
		o.figure = r.Limit
		switch {
		case all.n > 0 && shown.High <= float64(d):
			o.Verdict = Pass
		case r.bounds(j.fail).Low >= float64(d):
			o.Verdict = Fail
		}
		o.Message = fmt.Sprintf("recovery at %s: %s after the load fell, want within %s: %s", o.at, o.figures(), duration(d), o.said())
		if o.Verdict == Inconclusive {
			o.more(r.undecided(shown, d, least(j)))
		}
		o.more(fmt.Sprintf("slow is what failed or took more than %s, by the p95 of %s", duration(r.Limit), r.Reference))
		return o
	}
	return c
}

// checkRecovery refuses a plan without a step that could tell of the recovery.
func (c check) checkRecovery(steps []Load) error {
	none := true
	for i, l := range steps {
		if !c.coversPlanned(steps, i) {
			continue
		}
		none = false
		if l.Hold <= c.recovery {
			return fmt.Errorf("%s: the step of %v after a higher load is held for %v, which could not refute a %s: hold it longer than that", c.name, l, l.Hold, c.want)
		}
	}
	if none {
		return fmt.Errorf("%s: no step in scope falls back to the load of an earlier one: use an llmperf.SpikeProfile, or end a profile with a step of less load than the one before and of at most that of a still earlier one", c.name)
	}
	return nil
}

// undecided says what would decide whether the service has recovered after d.
func (r *Recovery) undecided(b stats.Interval, d time.Duration, least int) string {
	rest := slowCount{}
	for _, second := range r.seconds[min(int(b.Estimate/float64(time.Second)), len(r.seconds)):] {
		rest.n, rest.slow = rest.n+second.n, rest.slow+second.slow
	}
	from := duration(time.Duration(b.Estimate))
	switch {
	case b.Low >= float64(d):
		return "later than that, but to fail one step among several takes stronger proof: more requests per second give it"
	case !math.IsInf(b.High, 1):
		return fmt.Sprintf("%s lies within the bounds: more requests per second tell it more exactly", duration(d))
	case rest.n == 0:
		return "nothing shows that it had recovered when the step ended: hold the step longer"
	case rest.n < least:
		return fmt.Sprintf("to prove that fewer than %s are slow takes %d requests, and %s were sent from %s on: hold the step longer", percent(recoveredShare), least, count(rest.n), from)
	default:
		return fmt.Sprintf("of the %s requests sent from %s on %s were slow, which does not prove fewer than %s: hold the step longer", count(rest.n), from, percent(rest.share()), percent(recoveredShare))
	}
}
