package llmperf

import (
	"context"
	"math"
	"slices"
	"time"

	"llmperf.dev/llmperf/internal/load"
	"llmperf.dev/llmperf/internal/record"
)

const (
	// baselineRequests is how many successful requests the first of several steps
	// is held for, if need be: it is what all others are compared with, and its
	// uncertainty is in every comparison.
	baselineRequests = 300
	baselineStretch  = 4 // times its length, at most

	lastLook = 4 // times its length, for a step that is held until it is decided
)

// hold keeps a step's load up for as long as the step is to be measured, and
// returns when the next one begins. It returns false if the run is to end.
func (m *measurement) hold(ctx context.Context, step *stepRun) (time.Duration, bool) {
	defer func() { m.early = append(m.early, step.close()...) }()
	if p, ok := m.scenario.Profile.(*prober); ok {
		ok := p.hold(ctx, m, step)
		return m.clock.Now(), ok
	}
	if step.Load.shape != nil {
		for i, tick := range step.Load.shape.ticks {
			if !m.measureUntil(ctx, step, step.Begin+tick.at) {
				return m.clock.Now(), false
			}
			m.turn(step, i)
		}
	}
	if !m.measureUntil(ctx, step, step.Begin+step.Load.Hold) {
		return m.clock.Now(), false
	}
	if step.Load.timed() {
		return step.Until, true
	}
	length, latest := step.Until-step.From, m.latest(ctx)
	if len(m.steps) == 1 && m.more() && !m.scenario.short {
		for limit := load.OnGrid(min(step.From+baselineStretch*length, latest)); step.bucket.succeeded() < baselineRequests && step.Until < limit; {
			if !m.measureUntil(ctx, step, min(limit, step.Until+tick)) {
				return m.clock.Now(), false
			}
		}
		length = step.Until - step.From
	}
	next := step.Until
	if !m.scenario.HoldUntilDecided {
		return next, true
	}
	for look := time.Duration(2); look <= lastLook && step.From+look*length <= latest; look *= 2 {
		// The load goes on: requests sent while the last ones come home count if the step does.
		if !m.awaitHome(ctx, step.Until) {
			return m.clock.Now(), false
		}
		next = m.clock.Now()
		m.sumUp(&step.Step, step.bucket)
		step.Recovery = m.recoveryIn(step)
		if !m.undecided(&step.Step) {
			break
		}
		if !m.measureUntil(ctx, step, step.From+look*length) {
			return m.clock.Now(), false
		}
		next = step.Until
	}
	return next, true
}

// measureUntil measures a step until the given time. It returns false if the
// run is to end before, and with it the step.
func (m *measurement) measureUntil(ctx context.Context, step *stepRun, until time.Duration) bool {
	until = load.OnGrid(until)
	step.extend(until)
	if m.wait(ctx, until) {
		return true
	}
	step.extend(max(min(until, m.loadEnded()), step.From))
	return false
}

// awaitHome waits, with the load kept up, until every request sent before the
// given time has come home or had its time.
func (m *measurement) awaitHome(ctx context.Context, sent time.Duration) bool {
	for limit := m.clock.Now() + m.scenario.Timeout + time.Second; !m.crowd.HomeBefore(sent) && m.clock.Now() < limit; {
		if !m.wait(ctx, (m.clock.Now()/drainTick+1)*drainTick) {
			return false
		}
	}
	m.collect()
	return true
}

// latest is when measuring the current step must end, for the steps after it to
// be through before the deadline of the run.
func (m *measurement) latest(ctx context.Context) time.Duration {
	deadline, limited := ctx.Deadline()
	if !limited {
		return math.MaxInt64
	}
	latest := time.Until(deadline) + m.clock.Now() - m.scenario.Timeout
	if known, ok := m.scenario.Profile.(planner); ok {
		for _, l := range known.plan()[len(m.steps):] {
			latest -= l.Hold
		}
	}
	return latest
}

// more reports whether a step follows the current one, as far as is known.
func (m *measurement) more() bool {
	known, ok := m.scenario.Profile.(planner)
	return !ok || len(known.plan()) > len(m.steps)
}

// extend moves the end of what is measured.
func (s *stepRun) extend(until time.Duration) {
	s.Until = until
	s.bucket.extend(until)
}

// close ends the step: what was sent after its end, which it returns, does not
// count in it.
func (s *stepRun) close() []record.Sample {
	later := s.bucket.later
	s.open, s.bucket.later = false, nil
	return later
}

// extend moves the bucket's end, and takes in what was sent before it. Where the
// end comes earlier, since the load ended, what was due after it is out again.
func (b *bucket) extend(until time.Duration) {
	b.until = until
	tooLate := func(s record.Sample) bool { return time.Duration(s.Sent) >= until && s.Left() == 0 }
	b.samples = slices.DeleteFunc(b.samples, tooLate)
	for _, part := range b.parts {
		part.until = until
		part.samples = slices.DeleteFunc(part.samples, tooLate)
	}
	later := b.later
	b.later = nil
	for i := range later {
		if time.Duration(later[i].Sent) < until {
			b.add(&later[i])
		} else {
			b.later = append(b.later, later[i])
		}
	}
}

// succeeded is how many requests in the bucket have succeeded.
func (b *bucket) succeeded() int {
	n := 0
	for i := range b.samples {
		if b.samples[i].Class == record.OK {
			n++
		}
	}
	return n
}
