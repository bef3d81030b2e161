package llmperf

import (
	"fmt"
	"time"

	"llmperf.dev/llmperf/internal/report"
)

// A moment is where a run is.
type moment struct {
	at       time.Duration   // since its start
	number   int             // of the step, 1-based; 0 in the warm-up
	step     string          // its load
	waiting  bool            // for the last requests of the step
	steps    int             // how many are planned; 0 if the profile decides as it goes
	begins   []time.Duration // when steps have begun, or are to
	end      time.Duration   // of the last step, as planned
	load     string
	inFlight int
	requests int // that ended
	failed   int // of them
}

// moment is where the run is at a time.
func (m *measurement) moment(at time.Duration) *moment {
	now := &moment{at: at, inFlight: m.crowd.InFlight(), requests: m.counts.requests, failed: m.counts.failed}
	w := Window{Users: m.crowd.Present(at), Rate: m.rateAt(at)}
	now.load = w.load()
	for _, step := range m.steps {
		now.begins = append(now.begins, step.Begin)
	}
	if now.number = len(m.steps); now.number > 0 {
		step := m.steps[now.number-1]
		now.step, now.waiting = step.Load.String(), at > step.Until
	}
	begin, planned := m.toCome()
	if planned == nil {
		return now
	}
	now.steps, now.end = len(m.steps)+len(planned), begin
	for _, l := range planned {
		now.begins, now.end = append(now.begins, now.end), now.end+l.Hold
	}
	return now
}

// toCome is when the step that runs, or the warm-up, is to end, and which are
// planned after it; nil if the profile decides as it goes.
func (m *measurement) toCome() (begin time.Duration, planned []Load) {
	known, ok := m.scenario.Profile.(planner)
	if !ok {
		return 0, nil
	}
	begin = max(0, m.scenario.Warmup)
	if n := len(m.steps); n > 0 {
		begin = m.steps[n-1].Until
	}
	planned = known.plan()
	return begin, planned[min(len(m.steps), len(planned)):]
}

// plannedEnd is when the last step is to end; 0 if the profile decides as it goes.
func (m *measurement) plannedEnd() time.Duration {
	end, planned := m.toCome()
	for _, l := range planned {
		end += l.Hold
	}
	return end
}

// inWords is the moment as a live page of the named run shows it.
func (now *moment) inWords(name string) report.Moment {
	out := report.Moment{Name: name, State: "running", Now: "Warm-up", Done: -1, Counters: []report.Fact{
		{Name: "elapsed", Value: now.at.Round(time.Second).String()},
		{Name: "load", Value: now.load},
		{Name: "in flight", Value: count(now.inFlight)},
		{Name: "ended", Value: plural(now.requests, "request")},
		{Name: "of them failed", Value: count(now.failed)},
	}}
	switch {
	case now.number > 0 && now.steps > 0:
		out.Now = fmt.Sprintf("Step %d of %d: %s", now.number, now.steps, now.step)
	case now.number > 0:
		out.Now = fmt.Sprintf("Step %d: %s", now.number, now.step)
	}
	if now.waiting {
		out.Now += ", waiting for its last requests"
	}
	if now.steps == 0 {
		return out
	}
	total := max(now.end, now.at)
	out.Left = fmt.Sprintf("%v left", (total - now.at).Round(time.Second))
	out.Done = float64(now.at) / float64(total)
	for _, begin := range now.begins {
		out.Marks = append(out.Marks, float64(begin)/float64(total))
	}
	return out
}
