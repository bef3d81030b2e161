package bubble

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Epoch is when virtual time begins. A fixed date lets runs repeat; one after
// any at which a package was initialised lets caches and tokens made then
// expire, where a bubble's own beginning, in the year 2000, would keep them for
// decades.
var Epoch = time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC)

// How a function can end its own test. The test that Run was called with is
// marked as failed already, but not as skipped.
var (
	ErrFailed  = errors.New("the test has failed in the simulation")
	ErrSkipped = errors.New("the test was skipped in the simulation")
)

// A Stuck is the error of a bubble that cannot come to its end.
type Stuck struct {
	// Ended is set if the function had returned before, so that what it wrote is
	// complete.
	Ended bool
	// Stacks are those of the bubble's goroutines, as the runtime prints them.
	Stacks string

	why string
}

// Error says what happened, where in the user's code, and what to do, in
// several lines.
func (s *Stuck) Error() string { return s.why }

// Options are for those who watch a bubble from outside.
type Options struct {
	// Stall is for how long beats may stay away, in real time, before the watch
	// looks for the reason. The default is 5 s.
	Stall time.Duration
	// Tick is called about once a second of real time while Run waits, on the
	// goroutine that called it. It may end the test.
	Tick func()
}

const (
	patience    = 10 * time.Minute // of virtual time without a beat
	grace       = 2 * time.Minute  // of virtual time, for goroutines to finish in
	longestPace = time.Second      // between two looks
	// A system call ends by itself more often than not, so that it is waited for
	// longer than anything else outside, as a multiple of Options.Stall.
	systemFactor = 6
)

// Inside reports whether the caller runs in virtual time.
func Inside() bool {
	now := time.Now()
	return now == now.Round(0) // there is no monotonic clock in a bubble
}

// Run runs f in virtual time, with a T of its own, and returns when that has
// ended or cannot end. It is to be called outside any bubble, on t's goroutine.
//
// While f's virtual time moves on as it should, f calls beat, at least once in
// ten minutes of virtual time and often in real time. When it has returned and
// its cleanups have run, goroutines that are about to finish get two minutes of
// virtual time for it.
//
// The error is nil, [ErrFailed], [ErrSkipped] or a [*Stuck]. A panic in the
// bubble ends the process.
func Run(t *testing.T, o Options, f func(t *testing.T, beat func())) error {
	if o.Stall <= 0 {
		o.Stall = 5 * time.Second
	}
	if o.Tick == nil {
		o.Tick = func() {}
	}
	w := &watch{stall: o.Stall, never: make(chan struct{}), ended: make(chan ending, 1)}
	defer w.abandoned.Store(true)
	go w.play(t, f)

	pace := time.NewTicker(min(longestPace, o.Stall/2))
	defer pace.Stop()
	w.quiet = time.Now()
	for {
		select {
		case e := <-w.ended:
			return w.outcome(e)
		case <-pace.C:
			o.Tick()
			if err := w.look(); err != nil {
				return err
			}
		}
	}
}

// A watch is what the inside and the outside of a bubble know of each other.
// Everything that both use is atomic or a channel.
type watch struct {
	bubble                    atomic.Int64 // its number; 0 until known
	beats                     atomic.Uint64
	returned, failed, skipped atomic.Bool // of the function in the bubble
	overdue                   atomic.Bool // the brake has fired
	abandoned                 atomic.Bool // nobody watches any more
	never                     chan struct{}
	ended                     chan ending

	// The rest belongs to the outside.
	stall     time.Duration
	seen      uint64    // beats
	quiet     time.Time // when a beat was last seen
	suspects  string    // goroutines that kept the clock from moving at the last look
	suspected time.Time // when they were first seen so
}

// An ending is how the goroutine that holds the bubble ended.
type ending struct {
	returned bool // or else it panicked, or ended its test
	panicked any
	stack    []byte
}

// play runs f in a bubble. Whatever becomes of that, it tells how it ended.
func (w *watch) play(t *testing.T, f func(t *testing.T, beat func())) {
	e := ending{}
	defer func() {
		if e.panicked = recover(); e.panicked != nil {
			e.stack = debug.Stack()
		}
		w.ended <- e
	}()
	synctest.Test(t, func(t *testing.T) {
		w.bubble.Store(int64(bubbleHere()))
		over := make(chan struct{})
		t.Cleanup(func() { // the first to be registered is the last to run
			time.Sleep(grace)
			w.failed.Store(t.Failed())
			w.skipped.Store(t.Skipped())
			close(over)
		})
		time.Sleep(time.Until(Epoch))
		go w.brake(over)
		defer w.beat()
		defer w.returned.Store(true)
		f(t, w.beat)
	})
	e.returned = true
}

// beat is the bubble's sign of life. When nobody watches any more, it freezes
// the bubble: what went on in it could outlive the test, and load the machine.
func (w *watch) beat() {
	w.beats.Add(1)
	if w.abandoned.Load() {
		<-w.never
	}
}

// brake freezes the bubble when its time goes on without a beat.
func (w *watch) brake(over <-chan struct{}) {
	for seen := w.beats.Load(); ; {
		timer := time.NewTimer(patience)
		select {
		case <-over:
			timer.Stop()
			return
		case <-timer.C:
		}
		beats := w.beats.Load()
		if beats == seen {
			w.overdue.Store(true)
			<-w.never
		}
		seen = beats
	}
}

// outcome says how a bubble ended.
func (w *watch) outcome(e ending) error {
	switch reason, isError := e.panicked.(error); {
	case isError && strings.HasPrefix(reason.Error(), "deadlock:"):
		if w.failed.Load() {
			return ErrFailed
		}
		left := w.goroutines()
		return w.stuck(left, explainLeft(left))
	case e.panicked != nil:
		panic(fmt.Sprintf("%v\n\n%s", e.panicked, e.stack))
	case !e.returned:
		return ErrFailed
	case w.skipped.Load():
		return ErrSkipped
	}
	return nil
}

// look returns an error if the bubble cannot get on.
func (w *watch) look() error {
	if w.overdue.Load() {
		gs := w.goroutines()
		return w.stuck(gs, explainOverdue(gs, w.returned.Load()))
	}
	if beats := w.beats.Load(); beats != w.seen {
		w.seen, w.quiet, w.suspects = beats, time.Now(), ""
		return nil
	}
	still := time.Since(w.quiet)
	if still < w.stall {
		return nil
	}
	gs := w.goroutines()
	suspects := freezers(gs)
	if suspects == "" || suspects != w.suspects {
		w.suspects, w.suspected = suspects, time.Now()
		return nil
	}
	if time.Since(w.suspected) < min(longestPace, w.stall) {
		return nil
	}
	if why, _ := blame(gs); why == causeSystem && still < systemFactor*w.stall {
		return nil
	}
	return w.stuck(gs, explainFrozen(gs, still))
}

// freezers are the stacks of the goroutines that keep a bubble's clock from
// moving while they wait for something outside; none if one is at work, or if
// the clock is about to move.
func freezers(gs []goroutine) string {
	var b strings.Builder
	for _, g := range gs {
		if g.alive() {
			return ""
		}
		if !g.durable {
			_, calls, _ := strings.Cut(g.text, "\n") // the header may tell the time
			fmt.Fprintln(&b, g.id, g.state, calls)
		}
	}
	return b.String()
}

// goroutines are those of the bubble, but for those that belong to it as such.
// If its number was not found, which a change in the runtime could bring about,
// there are none, and the bubble is taken to be alive.
func (w *watch) goroutines() []goroutine {
	number := int(w.bubble.Load())
	if number == 0 {
		return nil
	}
	return filter(parse(readStacks(), number), func(g goroutine) bool {
		return !g.calls("llmperf.dev/llmperf/internal/bubble.(*watch).brake", "internal/synctest.Run", "testing/synctest.testingSynctestTest")
	})
}

// stuck gives up on the bubble.
func (w *watch) stuck(gs []goroutine, why string) *Stuck {
	var stacks []string
	for _, g := range gs {
		stacks = append(stacks, g.text)
	}
	return &Stuck{Ended: w.returned.Load(), Stacks: strings.Join(stacks, "\n\n") + "\n", why: why}
}
