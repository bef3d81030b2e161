package load

import (
	"context"
	"sync"
	"time"

	"llmperf.dev/llmperf/internal/record"
)

// A Config says what the users of a crowd do.
type Config struct {
	// NewUser returns the function that sends one request of user u and adds
	// its sample to the recorder; n is the user's n-th request and sent the time
	// at which it is sent. The user's goroutine alone calls it.
	NewUser func(u int, r *record.Recorder) func(ctx context.Context, n int, sent time.Duration)
	// Think returns how long user u pauses after its n-th request, whose answer
	// took so long.
	Think func(u, n int, took time.Duration) time.Duration
}

// A Crowd is a changing number of simulated users. Its methods are for one
// goroutine: the one that steers the run.
type Crowd struct {
	Clock Clock

	cfg     Config
	ctx     context.Context // of requests; cancelled by Kill
	kill    context.CancelFunc
	users   []*user // every user there has been, by number
	running []*user // those that have not been told to leave
	alive   sync.WaitGroup
}

// NewCrowd returns a crowd without users. Requests get contexts derived from
// ctx.
func NewCrowd(ctx context.Context, clock Clock, cfg Config) *Crowd {
	ctx, kill := context.WithCancel(ctx)
	return &Crowd{Clock: clock, cfg: cfg, ctx: ctx, kill: kill}
}

// Resize makes the crowd n users strong. New users begin one after the other,
// evenly over the given time from now on, under numbers that no user had
// before; users too many, the newest first, leave after the request they have
// in flight.
func (c *Crowd) Resize(n int, now, over time.Duration) {
	for len(c.running) > n {
		last := len(c.running) - 1
		close(c.running[last].leave)
		c.running = c.running[:last]
	}
	grow := n - len(c.running)
	for i := range grow {
		u := &user{
			number:   len(c.users),
			begin:    now + over*time.Duration(i)/time.Duration(grow),
			leave:    make(chan struct{}),
			recorder: record.NewRecorder(),
		}
		c.users = append(c.users, u)
		c.running = append(c.running, u)
		c.alive.Go(func() { u.run(c) })
	}
}

// Running is how many users have not been told to leave.
func (c *Crowd) Running() int { return len(c.running) }

// InFlight is how many requests are in flight now.
func (c *Crowd) InFlight() int {
	n := 0
	for _, u := range c.users {
		if u.sending.Load() != idle {
			n++
		}
	}
	return n
}

// HomeBefore reports whether every request sent before t has come home, its
// sample published. It is to be asked after t.
func (c *Crowd) HomeBefore(t time.Duration) bool {
	for _, u := range c.users {
		if u.sending.Load() < int64(t) {
			return false
		}
	}
	return true
}

// Pending visits the requests in flight: who sent them and when.
func (c *Crowd) Pending(visit func(user int, sent time.Duration)) {
	for _, u := range c.users {
		if sent := u.sending.Load(); sent != idle && sent != aboutToSend {
			visit(u.number, time.Duration(sent))
		}
	}
}

// Drain hands every sample published since the last call to visit: user by
// user, and each user's in order.
func (c *Crowd) Drain(visit func(*record.Sample)) {
	for _, u := range c.users {
		u.recorder.Drain(visit)
	}
}

// Leave tells every user to leave after its request.
func (c *Crowd) Leave() { c.Resize(0, 0, 0) }

// Kill cancels every request in flight and every user.
func (c *Crowd) Kill() {
	c.Leave()
	c.kill()
}

// Wait waits until every user has gone, at most for the given time, and
// reports whether they have.
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
