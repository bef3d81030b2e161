package llmperf

import (
	"time"

	"llmperf.dev/llmperf/internal/load"
	"llmperf.dev/llmperf/internal/record"
)

// behaviour is what users do.
func (m *measurement) behaviour() load.Config {
	s := m.scenario
	return load.Config{
		NewSender: m.newSender,
		Think:     func(u, n int, took time.Duration) time.Duration { return s.Think.after(s.Seed, u, n, took) },
		Gap:       func(i int) float64 { return s.Arrivals.gap(s.Seed, i) },
		Limit:     s.MaxInFlight,
		Patience:  m.patience(),
		Unsent:    m.unsent,
		May:       m.may(),
	}
}

// patience is how long after it was sent, or due, a request may take. Half a grain
// lets an answer that comes on the dot be in time.
func (m *measurement) patience() time.Duration { return m.scenario.Timeout + load.Grain/2 }

// unsent records a request of an open loop that was never sent.
func (m *measurement) unsent(r *record.Recorder, q load.Request, cutOff bool) {
	s := record.Sample{User: int32(q.User), Part: m.partOf(q), Sent: int64(q.Sent), Open: true, Held: q.Held, End: int64(m.clock.Now())}
	s.Class, s.Detail = record.NotSent, "not sent: all of scenario.MaxInFlight's requests were in flight until its timeout had passed"
	if cutOff {
		s.Class, s.Detail = record.Unfinished, "not sent: the run ended while it waited for others in flight"
	}
	r.Add(&s)
}

// partOf is which target of a mix a request is for.
func (m *measurement) partOf(q load.Request) int16 {
	if mix, ok := m.scenario.Target.(Mix); ok {
		return int16(mix.draw(m.scenario.Seed, q.User, q.Number))
	}
	return 0
}

// start is the load at the step's begin.
func (l Load) start() Load {
	at := Load{Users: l.Users, Rate: l.Rate, Hold: l.Hold, SpawnRate: l.SpawnRate}
	switch {
	case l.shape != nil:
		at.Users = l.shape.ticks[0].users
	case l.replay != nil:
		at.Rate = l.meanRate()
	case l.FromUsers != 0:
		at.Users = l.FromUsers
	case l.FromRate != 0:
		at.Rate = l.FromRate
	}
	return at
}

// end is the load at the step's end.
func (l Load) end() Load {
	if l.shape != nil {
		l.Users = l.shape.ticks[len(l.shape.ticks)-1].users
	}
	return l
}

// warmUp puts the load on with which the first step begins.
func (m *measurement) warmUp(l Load, length time.Duration) {
	if m.warmRate = l.Rate; l.open() {
		m.crowd.SetRate(l.Rate, l.Rate, 0, 0, m.rows())
		return
	}
	m.crowd.Resize(l.Users, 0, min(l.spawnTime(l.Users), length/2))
}

// rows is how many rows the trace has that the profile replays; 0 for none.
func (m *measurement) rows() int {
	n := 0
	if known, ok := m.scenario.Profile.(planner); ok {
		for _, l := range known.plan() {
			if l.replay != nil {
				n += len(l.replay.at)
			}
		}
	}
	return n
}

// apply changes the load to that of the next step, at its begin.
func (m *measurement) apply(l, before Load, begin time.Duration) {
	switch {
	case l.replay != nil:
		m.crowd.Replay(l.replay.at, l.replay.first, begin)
	case l.FromRate != 0:
		m.crowd.SetRate(l.FromRate, l.Rate, begin, l.Hold, 0)
	case l.open():
		m.crowd.SetRate(l.Rate, l.Rate, begin, 0, 0)
	case l.shape != nil: // tick by tick, while it is held
	case l.FromUsers != 0:
		m.crowd.Resize(l.FromUsers, begin, 0)
		m.crowd.Resize(l.Users, begin, l.Hold)
	default:
		m.crowd.Resize(l.Users, begin, l.spawnTime(abs(l.Users-before.Users)))
	}
}

// turn takes a step's next turn of its shape.
func (m *measurement) turn(step *stepRun, i int) {
	ticks := step.Load.shape.ticks
	tick, end := ticks[i], step.Load.Hold
	if i+1 < len(ticks) {
		end = ticks[i+1].at
	}
	over := end - tick.at
	if change := abs(tick.users - m.crowd.Running()); tick.spawnRate > 0 {
		over = atRate(change, tick.spawnRate)
	}
	m.crowd.Resize(tick.users, step.Begin+tick.at, over)
}

// rateAt is how many requests of an open loop are due per second at a time of the
// current step; 0 in a closed one.
func (m *measurement) rateAt(t time.Duration) float64 {
	if len(m.steps) == 0 {
		return m.warmRate
	}
	step := m.steps[len(m.steps)-1]
	l := step.Load
	if l.FromRate == 0 {
		return l.meanRate()
	}
	done := min(1, float64(t-step.Begin)/float64(l.Hold))
	return l.FromRate + (l.Rate-l.FromRate)*done
}
