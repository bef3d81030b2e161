package llmperf

import (
	"fmt"
	"math"
	"slices"
	"time"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

// A Recovery is how long a service takes, after the load has fallen, until it is
// as it was at such a load before. A request is slow if it fails, or takes longer
// than so many times the p95 of that earlier step (the scenario's
// SaturationRatio). The service has recovered when fewer than one in twenty
// requests are slow, by when they were sent:
//
//	latency     spike │ after
//	                 ┌│┐    ╷
//	                 ││└╮   ╷        no  ╷ ?  ╷ yes
//	  Limit  - - - - ││ ╰╮  ╷ - - - - - -╷- - ╷- - -
//	  ───────────────┘│  ╰──╷────────   Low  High
//	                  └─────────────────────────────── time
//
// Times count from when the load began to fall, to the second.
type Recovery struct {
	Reference string        `json:"reference"` // the earlier step
	Limit     time.Duration `json:"limit_ns"`  // what takes longer is slow

	Low       time.Duration `json:"low_ns"`    // until then it is proved not to have recovered: by requests sent in the ten seconds from there on
	Seen      time.Duration `json:"seen_ns"`   // when it has, as far as can be seen
	High      time.Duration `json:"high_ns"`   // from then on it is proved to have recovered, if it is at all: by the next 59 requests or a few more
	Recovered bool          `json:"recovered"` // whether it is

	requests int // sent since the load began to fall
}

const (
	slowShare        = 0.05
	recoveryWindow   = 10 * time.Second
	recoveryGrid     = time.Second
	recoveryRequests = 3 // times as many as prove it without a slow one: how far ahead proof is looked for
)

// An aftermath is a request sent since the load began to fall.
type aftermath struct {
	sent, latency time.Duration
	failed        bool
}

// referenceOf is which of the steps before the last one it is compared with once
// it falls: the last that had no more load before a higher one. ok is false if it
// does not fall, or there is none.
func referenceOf(loads []Load) (at int, ok bool) {
	last := len(loads) - 1
	l := loads[last]
	if last < 2 || l.timed() || loads[last-1].level() <= l.level() {
		return 0, false
	}
	for i := last - 2; i >= 0; i-- {
		if loads[i].level() <= l.level() && !loads[i].timed() {
			return i, true
		}
	}
	return 0, false
}

// falls finds out whether the step that begins now is to show a recovery.
func (m *measurement) falls(step *stepRun) {
	if _, searching := m.scenario.Profile.(*prober); searching {
		return // up and down is its way
	}
	loads := make([]Load, 0, len(m.steps)+1)
	for _, s := range m.steps {
		loads = append(loads, s.Load)
	}
	if at, ok := referenceOf(append(loads, step.Load)); ok {
		step.reference = m.steps[at]
	}
}

// see keeps a request of a step that is to show a recovery.
func (s *stepRun) see(r *record.Sample) {
	if s.reference != nil {
		s.after = append(s.after, aftermath{time.Duration(r.Sent) - s.Begin, time.Duration(r.Latency()), r.Class != record.OK})
	}
}

// recover finds the recovery of a step that is complete.
func (m *measurement) recover(s *stepRun) {
	if s.reference == nil {
		return
	}
	slices.SortFunc(s.after, func(a, b aftermath) int { return int(a.sent - b.sent) })
	// What was sent after the step's end, while its requests came home, is no part of it.
	end, _ := slices.BinarySearchFunc(s.after, s.Until-s.Begin, func(a aftermath, t time.Duration) int { return int(a.sent - t) })
	limit := time.Duration(m.scenario.SaturationRatio * float64(s.reference.Latency.P95))
	if s.reference.Latency.N > 0 {
		s.Recovery = recoveryOf(s.after[:end], s.Until-s.Begin, limit, m.scenario.Confidence)
		s.Recovery.Reference = s.reference.Name
	}
}

// recoveryOf judges requests in the order in which they were sent, over a step so
// long.
func recoveryOf(after []aftermath, length, limit time.Duration, conf float64) *Recovery {
	r := &Recovery{Limit: limit, Seen: length, High: length, requests: len(after)}
	slow := make([]int, len(after)+1) // so many of the first requests
	for i, a := range after {
		slow[i+1] = slow[i]
		if a.failed || a.latency > limit {
			slow[i+1]++
		}
	}
	from := func(t time.Duration) int {
		i, _ := slices.BinarySearchFunc(after, t, func(a aftermath, t time.Duration) int { return int(a.sent - t) })
		return i
	}
	// Every window could prove it falsely, so that each needs a stronger proof.
	strict := 1 - (1-conf)/max(1, math.Ceil(float64(length)/float64(recoveryGrid)))
	for t := time.Duration(0); t < length; t += recoveryGrid {
		i, j := from(t), from(t+recoveryWindow)
		if stats.FailureBounds(slow[j]-slow[i], j-i, strict).Low > slowShare {
			r.Low = t
		}
	}
	enough := stats.RequestsToProve(0, slowShare, conf)
	seen := false
	for t := r.Low; t < length && !r.Recovered; t += recoveryGrid {
		i := from(t)
		for n := enough; i+n <= len(after) && n <= recoveryRequests*enough; n++ {
			k := slow[i+n] - slow[i]
			if !seen && float64(k) < slowShare*float64(n) {
				seen, r.Seen = true, t
			}
			if stats.FailureBounds(k, n, conf).High < slowShare {
				r.High, r.Recovered = t, true
				break
			}
		}
	}
	return r
}

// RecoversWithin holds where the service, after the load has fallen back to one
// it had before, is as it was within the given time; see [Recovery]. A
// [SpikeProfile] has such a step. It takes 59 requests without a slow one to prove
// it, so the step must go on for longer than the recovery.
func RecoversWithin(limit time.Duration) SLO {
	c := check{name: "recovery", want: "recovery < " + duration(limit), falls: true}
	if limit < recoveryGrid {
		c.err = fmt.Errorf("RecoversWithin(%v): want at least %v, to which recoveries are measured", limit, recoveryGrid)
	}
	c.step = func(c check, s *Step, j judge) Outcome {
		r := s.Recovery
		e := evidence{stats.Interval{Low: float64(r.Low), Estimate: float64(r.Seen), High: float64(r.High)}, r.requests, r.requests}
		if !r.Recovered {
			e.High = math.Inf(1)
		}
		o := c.outcome(s, j.pass, e, seconds)
		switch {
		case r.Recovered && r.High <= limit:
			o.Verdict = Pass
		case r.Low >= limit:
			o.Verdict = Fail
		}
		o.sentence("recovery to the latency of " + r.Reference)
		if o.Verdict == Inconclusive && r.requests > 0 {
			o.more(fmt.Sprintf("proof that it has recovered takes %d requests in a row of which hardly one takes longer than %s: hold the step longer, or send more",
				stats.RequestsToProve(0, slowShare, j.pass), duration(r.Limit)))
		}
		return o
	}
	return c
}

// line is the recovery in words.
func (r *Recovery) line() string {
	took := fmt.Sprintf("took %v to %v", r.Low, r.High)
	if !r.Recovered {
		took = fmt.Sprintf("took more than %v", r.Low)
	}
	return fmt.Sprintf("%s until requests took at most %s again, as at %s", took, duration(r.Limit), r.Reference)
}
