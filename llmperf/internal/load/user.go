package load

import (
	"context"
	"sync/atomic"
	"time"
)

// A user is one of a closed loop.
type user struct {
	sender
	number int
	begin  time.Duration
	leave  atomic.Int64 // it sends nothing from then on
}

// run is the user's life: begin, then send, wait for the whole answer and
// think, until it is to leave.
func (u *user) run(c *Crowd) {
	request := c.cfg.NewSender(u.recorder)
	ctx, leave := context.WithCancel(c.ctx) // so that users do not wait for each other where their requests begin and end
	defer leave()
	due := u.begin // when the next request is due: sent at the user's next own instant
	at := align(due, u.number)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for n, waits := 0, true; ; n++ {
		if wait := at - c.Clock.Now(); waits && wait > 0 {
			timer.Reset(wait)
			select {
			case <-c.quit:
			case <-timer.C:
			}
		}
		if c.over() {
			return
		}
		// The mark comes before the reading of the clock, so that whoever sees the
		// user idle after some instant knows that it sends nothing before it.
		u.sending.Store(aboutToSend)
		sent := c.Clock.Now()
		if int64(sent) >= u.leave.Load() || !c.may(c.Clock.Now()) {
			u.sending.Store(idle)
			return
		}
		u.nth.Store(int32(n))
		u.sending.Store(int64(sent))
		u.send(func() { request(ctx, Request{User: u.number, Number: n, Sent: sent, Due: at, Row: -1}) })
		now := c.Clock.Now()
		due = now + c.cfg.Think(u.number, n, now-due)
		at = due
		// In real time, a user without a pause need not wait for its instant: setting a
		// timer costs as much as one. An answer that took no time is no reason to hurry.
		if waits = c.Clock.virtual || due > now || now-sent < Grain; waits {
			at = align(due, u.number)
		}
	}
}
