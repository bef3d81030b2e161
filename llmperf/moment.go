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
	end := max(0, m.scenario.Warmup)
	for _, step := range m.steps {
		now.begins, end = append(now.begins, step.Begin), step.Until
	}
	if now.number = len(m.steps); now.number > 0 {
		now.step, now.waiting = m.steps[now.number-1].Load.String(), at > end
	}
	known, ok := m.scenario.Profile.(planner)
	if !ok {
		return now
	}
	planned := known.plan()
	now.steps, now.end = len(planned), end
	for _, l := range planned[min(len(m.steps), len(planned)):] {
		now.begins, now.end = append(now.begins, now.end), now.end+l.Hold
	}
	return now
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
