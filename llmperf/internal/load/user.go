package load

import (
	"math"
	"sync/atomic"
	"time"

	"llmperf.dev/llmperf/internal/record"
)

// What user.sending holds while no request is in flight, and between the
// decision to send one and the reading of the clock. Any other value is the
// time at which the request in flight was sent.
const (
	idle        = math.MaxInt64
	aboutToSend = 0
)

type user struct {
	number   int
	begin    time.Duration
	leave    chan struct{} // closed to make the user leave
	recorder *record.Recorder
	sending  inFlight
}

// inFlight is an atomic time that reads idle until it is first stored.
type inFlight struct{ v atomic.Int64 }

func (f *inFlight) Load() int64   { return f.v.Load() ^ idle }
func (f *inFlight) Store(t int64) { f.v.Store(t ^ idle) }

// send sends a request. Whatever becomes of its goroutine, it is in flight no
// more.
func (u *user) send(request func()) {
	defer u.sending.Store(idle)
	request()
}

// run is the user's life: begin, then send, wait for the whole answer and
// think, until told to leave.
func (u *user) run(c *Crowd) {
	request := c.cfg.NewUser(u.number, u.recorder)
	timer := time.NewTimer(align(u.begin, u.number) - c.Clock.Now())
	defer timer.Stop()
	for n := 0; ; n++ {
		select {
		case <-u.leave:
			return
		case <-timer.C:
		}
		// The mark comes before the reading of the clock, so that whoever sees the
		// user idle after some instant knows that it sends nothing before it.
		u.sending.Store(aboutToSend)
		sent := c.Clock.Now()
		u.sending.Store(int64(sent))
		u.send(func() { request(c.ctx, n, sent) })
		now := c.Clock.Now()
		timer.Reset(align(now+c.cfg.Think(u.number, n, now-sent), u.number) - c.Clock.Now())
	}
}
