package llmperf

import (
	"slices"
	"time"

	"llmperf.dev/llmperf/internal/record"
)

// An Observer is told of a run as it goes on; functions that are nil are not
// called. They are called one after the other, and the load's steering waits for
// them: one that takes long delays the load's next step. In a simulated run they
// are called in virtual time. If one panics, or ends its goroutine as t.FailNow
// does, the run is aborted, and reported with what was measured until then. One that
// hangs is no longer waited for a second after the run's context has ended, or three
// once its load is over.
type Observer struct {
	Start  func(Scenario) // before the first request; the scenario has its defaults
	Sample func(Sample)   // for each request that ended, up to half a second after it
	Step   func(Step)     // for each step, when its last request is in
	Stop   func(*Result)  // after the last request, with all but the outcomes of SLOs
}

// A Sample is one request as an [Observer] sees it. Times are since the start of
// the run, [Result].Started; 0 means that the moment never came. Requests that
// the end of the run cut off come as failures of class unfinished.
type Sample struct {
	User   int    // who sent it, 0-based; of an open loop, each request has a user of its own
	Number int    // the user's n-th request, 0-based
	Step   string // the step in which it was sent; "" in the warm-up
	Target string // of a Mix, the target's name

	// Measured says that the request counts in the step's figures: those of the
	// warm-up, of a step's beginning, and of the time after the last step do not. In
	// a step that is held on if need be, a late request may come to count only then.
	Measured bool

	Sent       time.Duration // of an open loop, when it was due
	Dispatched time.Duration // when it was really sent
	FirstByte  time.Duration
	FirstToken time.Duration
	LastToken  time.Duration
	End        time.Duration // the last byte, or the failure

	Chunks       int // that carried tokens
	OutputTokens int
	PromptTokens int // as the server counted them; 0 if it did not say
	CachedTokens int // of them, those that its prefix cache answered

	Failure string // under what it is counted, such as "timeout" or "status 503"; "" for a success
	Detail  string // the failure in words
}

// Latency is the time from Sent to the last byte, or the failure.
func (s Sample) Latency() time.Duration { return s.End - s.Sent }

// sampleOf is what observers see of s.
func (m *measurement) sampleOf(s *record.Sample) Sample {
	out := Sample{
		User: int(s.User), Number: int(s.Number),
		Sent: time.Duration(s.Sent), Dispatched: time.Duration(s.Left()), FirstByte: time.Duration(s.FirstByte), FirstToken: time.Duration(s.FirstToken),
		LastToken: time.Duration(s.LastToken), End: time.Duration(s.End),
		Chunks: int(s.Chunks), OutputTokens: s.OutputTokens(), PromptTokens: int(s.Prompt), CachedTokens: int(s.Cached),
		Detail: s.Detail,
	}
	for _, step := range m.steps {
		if out.Sent >= step.Begin {
			out.Step = step.Name
			out.Measured = out.Sent >= step.From && (step.open || out.Sent < step.Until)
		}
	}
	if names := parts(m.scenario.Target); len(names) > 0 {
		out.Target = names[s.Part]
	}
	if s.Class != record.OK {
		out.Failure = failureName(s)
	}
	return out
}

// observe calls every observer's function of one kind.
func (m *measurement) observe(call func(Observer)) {
	if len(m.scenario.Observers) == 0 {
		return
	}
	m.guardObservers(func() {
		for _, o := range m.scenario.Observers {
			if !m.blind.Load() {
				call(o)
			}
		}
	})
}

// guardObservers calls f, which calls observers, and reports whether all returned.
// Once one has not, none is called any more: not by f either, should it go on later.
func (m *measurement) guardObservers(f func()) bool {
	if !m.blind.Load() && !m.guard("an observer", f) {
		m.blind.Store(true)
	}
	return !m.blind.Load()
}

func (m *measurement) observeStart() {
	m.observe(func(o Observer) {
		if o.Start != nil {
			o.Start(m.scenario)
		}
	})
}

// noteSample keeps a sample for observers.
func (m *measurement) noteSample(s *record.Sample) {
	if slices.ContainsFunc(m.scenario.Observers, func(o Observer) bool { return o.Sample != nil }) {
		m.unseen = append(m.unseen, m.sampleOf(s))
	}
}

// observeSamples tells observers of the samples that came since the last time.
func (m *measurement) observeSamples() {
	if len(m.unseen) == 0 {
		return
	}
	unseen := m.unseen
	m.unseen = nil
	if m.guardObservers(func() {
		for _, seen := range unseen {
			for _, o := range m.scenario.Observers {
				if o.Sample != nil && !m.blind.Load() {
					o.Sample(seen)
				}
			}
		}
	}) {
		m.unseen = unseen[:0]
	}
}

func (m *measurement) observeStep(s Step) {
	m.observe(func(o Observer) {
		if o.Step != nil {
			o.Step(s)
		}
	})
}

// observeStop returns the result to go on with: r, or a copy if an observer that
// hangs has r.
func (m *measurement) observeStop(r *Result) *Result {
	copied := *r
	m.observe(func(o Observer) {
		if o.Stop != nil {
			o.Stop(r)
		}
	})
	if m.blind.Load() {
		return &copied
	}
	return r
}
