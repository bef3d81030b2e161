package load

import (
	"context"
	"math"
	"sync"
	"time"

	"llmperf.dev/llmperf/internal/record"
)

// A Config says what the users of a crowd do.
type Config struct {
	// NewSender returns a function that sends requests and adds their samples to
	// the recorder. It is called by one goroutine at a time.
	NewSender func(r *record.Recorder) func(ctx context.Context, q Request)

	// Think returns how long user u pauses after its n-th request, whose answer
	// is in so long after it was due. It was sent a little later: at the user's
	// next own instant, and in real time when the machine got round to it. Who
	// paces by when requests were due does not add that up.
	Think func(u, n int, took time.Duration) time.Duration

	// May, if it is set, is asked just before each request is sent, with the time by
	// which all before it have been. A user that may not leaves, and nobody arrives
	// any more.
	May func(now time.Duration) bool

	// What follows is for arrivals, which an open loop has.

	// Gap is the time between the i-th arrival and the one before, as a multiple of
	// the mean gap at its rate.
	Gap func(i int) float64

	Limit    int           // arrivals in flight at once; one that is due when so many are waits
	Patience time.Duration // how long it waits at most

	// Unsent adds the sample of a request that was never sent: it waited too long,
	// or the run was cut off.
	Unsent func(r *record.Recorder, q Request, cutOff bool)
}

// A Request is one that is to be sent.
type Request struct {
	User, Number int
	Sent         time.Duration // when it is sent; of an arrival, when it was due
	Due          time.Duration // of a user, when it was due: the user's own instant after thinking
	Open         bool          // it is an arrival of an open loop
	Held         bool          // it had to wait for others in flight
	Row          int           // of a trace; -1 for none
}

// A Crowd is a changing number of simulated users: those of a closed loop, and
// those of an open one, who come, send one request and go. Its methods are for
// one goroutine: the one that steers the run.
type Crowd struct {
	Clock Clock

	cfg      Config
	ctx      context.Context // of requests
	quit     chan struct{}   // closed to make everybody leave
	users    []*user         // of the closed loop: every one there has been, by number
	running  []*user         // those that have not been told to leave
	arrivals *arrivals       // of the open loop, once there was one
	alive    sync.WaitGroup
}

// NewCrowd returns a crowd without users. Requests get contexts derived from
// ctx, whose end ends them: after [Crowd.Leave], or each user would begin the next.
func NewCrowd(ctx context.Context, clock Clock, cfg Config) *Crowd {
	return &Crowd{Clock: clock, cfg: cfg, ctx: ctx, quit: make(chan struct{})}
}

// may reports whether one more request may be sent.
func (c *Crowd) may(now time.Duration) bool { return c.cfg.May == nil || c.cfg.May(now) }

// Resize makes the closed loop n users strong. New users begin one after the
// other, evenly over the given time from now on, under numbers that no user had
// before. Of users too many, the newest first, one after the other leaves over
// that time, each after the request it has in flight.
func (c *Crowd) Resize(n int, now, over time.Duration) {
	shrink := len(c.running) - n
	for i := range shrink {
		last := len(c.running) - 1
		c.running[last].leave.Store(int64(now + over*time.Duration(i)/time.Duration(shrink)))
		c.running = c.running[:last]
	}
	grow := n - len(c.running)
	for i := range grow {
		u := &user{
			number: len(c.users),
			begin:  now + over*time.Duration(i)/time.Duration(grow),
			sender: sender{recorder: record.NewRecorder()},
		}
		u.user.Store(int32(u.number))
		u.leave.Store(math.MaxInt64)
		c.users = append(c.users, u)
		c.running = append(c.running, u)
		c.alive.Go(func() { u.run(c) })
	}
}

// Running is how many users of the closed loop have not been told to leave.
func (c *Crowd) Running() int { return len(c.running) }

// Present is how many users the closed loop has at the given time.
func (c *Crowd) Present(now time.Duration) int {
	n := 0
	for _, u := range c.users {
		if u.begin <= now && int64(now) < u.leave.Load() {
			n++
		}
	}
	return n
}

// InFlight is how many requests are in flight now.
func (c *Crowd) InFlight() int {
	n := 0
	c.each(func(s *sender) {
		if s.sending.Load() != idle {
			n++
		}
	})
	return n
}

// HomeBefore reports whether every request sent, or due, before t has come home,
// its sample published. It is to be asked after t.
func (c *Crowd) HomeBefore(t time.Duration) bool {
	if c.Waiting(t) {
		return false
	}
	home := true
	c.each(func(s *sender) { home = home && s.sending.Load() >= int64(t) })
	return home
}

// Waiting reports whether requests of an open loop that were due before t have
// not been sent.
func (c *Crowd) Waiting(t time.Duration) bool {
	return c.arrivals != nil && c.arrivals.next.Load() < int64(t)
}

// Pending visits the requests in flight.
func (c *Crowd) Pending(visit func(Request)) {
	c.each(func(s *sender) {
		if sent := s.sending.Load(); sent != idle && sent != aboutToSend {
			visit(Request{User: int(s.user.Load()), Number: int(s.nth.Load()), Sent: time.Duration(sent), Open: s.arrival})
		}
	})
}

// Drain hands every sample published since the last call to visit: sender by
// sender, and each sender's in order.
func (c *Crowd) Drain(visit func(*record.Sample)) {
	for _, u := range c.users {
		u.recorder.Drain(visit)
	}
	if c.arrivals != nil {
		c.arrivals.drain(visit)
	}
}

// Leave makes everybody leave after the request that is in flight. Whoever is to come
// after it sends nothing.
func (c *Crowd) Leave() {
	if !c.over() {
		close(c.quit)
	}
	c.running = nil
}

// Wait waits until everybody has gone, at most for the given time, and reports
// whether they have.
func (c *Crowd) Wait(limit time.Duration) bool {
	gone := make(chan struct{})
	go func() {
		c.alive.Wait()
		close(gone)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-gone:
		return true
	case <-timer.C:
		return false
	}
}
