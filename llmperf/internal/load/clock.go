// Package load drives simulated users: one goroutine a user, spawned spread
// over time, each sending a request, waiting for the whole answer, thinking,
// and sending the next.
//
// No two actors act at the same instant. Time is divided into grains; user u
// acts only at u+1 nanoseconds into a grain, whoever steers the crowd at 0, and
// a per-request deadline falls half a grain later. Where time is virtual, this
// is what makes a run repeat to the last bit: the runtime wakes timers due at
// one instant in an arbitrary order, so none may be. In real time it costs
// nothing: a think time grows by less than a grain.
//
// Nor does anybody wait for a timer that has passed already. Where two goroutines
// of a bubble do so at once, under the race detector, Go 1.26 crashes: it runs both
// timers in the one context that the detector has for the bubble's timers.
package load

import (
	"time"

	"llmperf.dev/llmperf/internal/bubble"
)

// Grain is the width of the time grid.
const Grain = 20 * time.Microsecond

// MaxUsers is how many users have an instant of their own within the first
// half of a grain. Further users share one with an earlier user.
const MaxUsers = int(Grain)/2 - 1

// A Clock tells the time since the start of a run, which is on the grid.
type Clock struct {
	start   time.Time
	virtual bool
}

// StartClock waits for the next grain and starts a clock there.
func StartClock() Clock {
	now := time.Now()
	wait := Grain - time.Duration(now.UnixNano()%int64(Grain))
	time.Sleep(wait)
	return Clock{start: now.Add(wait), virtual: bubble.Inside()}
}

// Now is the time since the start.
func (c Clock) Now() time.Duration { return time.Since(c.start) }

// Start is when the clock was started.
func (c Clock) Start() time.Time { return c.start }

// OnGrid rounds t down to the grid, where whoever steers the crowd acts and no
// user does.
func OnGrid(t time.Duration) time.Duration { return t - t%Grain }

// align rounds t up to the user's next own instant.
func align(t time.Duration, user int) time.Duration {
	slot := time.Duration(user%MaxUsers + 1)
	return t + (slot-t%Grain+Grain)%Grain
}
