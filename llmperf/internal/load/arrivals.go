package load

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"llmperf.dev/llmperf/internal/record"
)

// arrivals are the users of an open loop. One goroutine waits for each to be
// due and has a worker send its request; the others wait for nothing but their
// answers, so that a slow service delays nobody's request.
//
// Arrival i acts at an instant of user i. In virtual time, workers that become
// free while one arrival waits for them are seen by it only at its own instant,
// all of them, and the first takes the request; and whoever is due meanwhile
// follows at its own.
type arrivals struct {
	crowd    *Crowd
	recorder *record.Recorder // of requests that were never sent
	next     atomicTime       // when the next arrival is, or was, due; idle if none is known
	changed  chan struct{}    // the course has

	mu      sync.Mutex
	course  course
	workers []*worker
	free    workerHeap
	freed   chan struct{} // a worker is free
}

// A worker sends requests one after the other, of whoever comes.
type worker struct {
	sender
	number int
	send   func(context.Context, Request)
}

// SetRate lets arrivals come: so many per second, changing evenly from one rate
// to the other over the given time. Their requests go round so many rows of a
// trace; 0 for none. They come until another call changes it.
func (c *Crowd) SetRate(from, to float64, now, over time.Duration, rows int) {
	c.arrive(piece{begin: now, from: from, to: to, over: over, rows: rows})
}

// Replay lets one arrival come at each of the given times after now, which
// ascend; the first is the given row of a trace.
func (c *Crowd) Replay(times []time.Duration, row int, now time.Duration) {
	c.arrive(piece{begin: now, times: times, row: row})
}

func (c *Crowd) arrive(p piece) {
	if c.arrivals == nil {
		c.arrivals = &arrivals{crowd: c, recorder: record.NewRecorder(), changed: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
		c.alive.Go(c.arrivals.run)
	}
	a := c.arrivals
	a.mu.Lock()
	a.course.add(p)
	a.mu.Unlock()
	wake(a.changed)
}

// wake signals without waiting; one signal is kept.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run has every request sent when it is due, or as soon after as may be.
func (a *arrivals) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	last, behind := time.Duration(-1), false
	for i := 0; ; i++ {
		q, ok := a.await(timer, i, last)
		if !ok {
			a.cutOff(i, last)
			return
		}
		behind = behind && a.crowd.Clock.Now() > q.Sent
		if behind {
			a.ownInstant(timer, i)
		}
		w := a.worker(timer, &q)
		last, behind = q.Sent, behind || q.Held
		switch {
		case w != nil && !a.crowd.may(q.Sent):
			a.release(w)
			a.crowd.cfg.Unsent(a.recorder, q, true)
			a.cutOff(i+1, last)
			a.next.Store(idle)
			return
		case w != nil:
			w.user.Store(int32(q.User))
			w.sending.Store(int64(q.Sent))
			a.crowd.alive.Go(func() {
				defer a.release(w)
				w.sender.send(func() { w.send(a.crowd.ctx, q) })
			})
		case a.crowd.over():
			a.crowd.cfg.Unsent(a.recorder, q, true)
			a.cutOff(i+1, last)
			return
		default:
			a.crowd.cfg.Unsent(a.recorder, q, false)
		}
	}
}

// over reports whether everybody is to leave.
func (c *Crowd) over() bool {
	select {
	case <-c.quit:
		return true
	default:
		return false
	}
}

// await waits until arrival i is due. It returns false if the run is over first.
func (a *arrivals) await(timer *time.Timer, i int, last time.Duration) (Request, bool) {
	for {
		if a.crowd.over() {
			return Request{}, false
		}
		q, ok := a.due(i, last)
		var due <-chan time.Time
		if ok {
			a.next.Store(int64(q.Sent))
			wait := q.Sent - a.crowd.Clock.Now()
			if wait <= 0 {
				a.pass()
				return q, true
			}
			timer.Reset(wait)
			due = timer.C
		} else {
			a.next.Store(idle)
		}
		select {
		case <-a.crowd.quit:
			return Request{}, false
		case <-a.changed:
		case <-due:
			a.pass()
			return q, true
		}
	}
}

// due is arrival i, at an instant of its own after the last one's.
func (a *arrivals) due(i int, last time.Duration) (Request, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, row, ok := a.course.next(func() float64 { return a.crowd.cfg.Gap(i) })
	at = align(at, i)
	for at <= last {
		at += Grain
	}
	return Request{User: i, Sent: at, Open: true, Row: row}, ok
}

func (a *arrivals) pass() {
	a.mu.Lock()
	a.course.pass()
	a.mu.Unlock()
}

// worker finds a worker for q. If it has to wait for one, q is held; nil is for
// one that was not free in time.
func (a *arrivals) worker(timer *time.Timer, q *Request) *worker {
	end := q.Sent + a.crowd.cfg.Patience
	for {
		if w := a.take(); w != nil {
			return w
		}
		q.Held = true
		wait := end - a.crowd.Clock.Now()
		if wait <= 0 {
			return nil
		}
		timer.Reset(wait)
		select {
		case <-a.crowd.quit:
			return nil
		case <-timer.C:
			return nil
		case <-a.freed:
		}
		a.ownInstant(timer, q.User)
	}
}

// ownInstant waits for the next instant of arrival i, which others do not act at.
func (a *arrivals) ownInstant(timer *time.Timer, i int) {
	now := a.crowd.Clock.Now()
	if wait := align(now, i) - now; wait > 0 {
		timer.Reset(wait)
		<-timer.C
	}
}

// take takes the first free worker, or a new one while there may be more; nil
// for none.
func (a *arrivals) take() *worker {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.freed: // it is known below
	default:
	}
	switch {
	case len(a.free) > 0:
		return heap.Pop(&a.free).(*worker)
	case len(a.workers) >= a.crowd.cfg.Limit:
		return nil
	}
	w := &worker{number: len(a.workers), sender: sender{recorder: record.NewRecorder(), arrival: true}}
	w.send = a.crowd.cfg.NewSender(w.recorder)
	a.workers = append(a.workers, w)
	return w
}

func (a *arrivals) release(w *worker) {
	a.mu.Lock()
	heap.Push(&a.free, w)
	a.mu.Unlock()
	wake(a.freed)
}

// cutOff records the requests, from arrival i on, that were due and not sent when
// the run was over.
func (a *arrivals) cutOff(i int, last time.Duration) {
	for now := a.crowd.Clock.Now(); ; i++ {
		q, ok := a.due(i, last)
		if !ok || q.Sent > now {
			return
		}
		a.pass()
		q.Held, last = true, q.Sent
		a.crowd.cfg.Unsent(a.recorder, q, true)
	}
}

// all is every worker's sender.
func (a *arrivals) all() []*sender {
	a.mu.Lock()
	defer a.mu.Unlock()
	senders := make([]*sender, len(a.workers))
	for i, w := range a.workers {
		senders[i] = &w.sender
	}
	return senders
}

func (a *arrivals) drain(visit func(*record.Sample)) {
	for _, s := range a.all() {
		s.recorder.Drain(visit)
	}
	a.recorder.Drain(visit)
}

// workerHeap has the worker of the lowest number on top.
type workerHeap []*worker

func (h workerHeap) Len() int           { return len(h) }
func (h workerHeap) Less(i, j int) bool { return h[i].number < h[j].number }
func (h workerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *workerHeap) Push(w any)        { *h = append(*h, w.(*worker)) }
func (h *workerHeap) Pop() any {
	last := len(*h) - 1
	w := (*h)[last]
	*h = (*h)[:last]
	return w
}
