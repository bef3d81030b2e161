package memnet

import (
	"sync"
	"time"
)

// A gate is where calls wait for something to change. A call that wakes looks
// for itself at what has: a wake-up too many does no harm. The connection's
// mutex, which is cond.L, guards a gate.
type gate struct {
	cond    sync.Cond
	waiting int         // calls
	timer   *time.Timer // made when first needed; stopped while no call waits
	due     time.Time   // when the timer wakes the calls; zero if it is stopped
}

// wait waits until the calls are woken, at the given instant at the latest;
// zero is never.
func (g *gate) wait(until, now time.Time) {
	if !until.IsZero() {
		g.arm(until, now)
	}
	g.waiting++
	g.cond.Wait()
	g.waiting--
	if g.waiting == 0 && !g.due.IsZero() {
		g.timer.Stop()
		g.due = time.Time{}
	}
}

// wake wakes all calls.
func (g *gate) wake() {
	if g.waiting > 0 {
		g.cond.Broadcast()
	}
}

// wakeAt wakes all calls at the given instant.
func (g *gate) wakeAt(at, now time.Time) {
	switch {
	case !now.Before(at):
		g.wake()
	case g.waiting > 0:
		g.arm(at, now)
	}
}

// arm sees to it that the timer fires at the given instant or earlier.
func (g *gate) arm(at, now time.Time) {
	if !g.due.IsZero() && !at.Before(g.due) {
		return
	}
	g.due = at
	if g.timer == nil {
		g.timer = time.AfterFunc(at.Sub(now), g.fire)
	} else {
		g.timer.Reset(at.Sub(now))
	}
}

// fire runs when the timer does. Should the gate have been armed anew since,
// the calls it wakes arm it again.
func (g *gate) fire() {
	g.cond.L.Lock()
	defer g.cond.L.Unlock()
	g.due = time.Time{}
	g.wake()
}
