package llmperf

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// interrupts are the signals that end a run early, with a report: Ctrl-C, and what
// CI sends to a job that it cancels.
var interrupts = map[os.Signal]string{os.Interrupt: "SIGINT", syscall.SIGTERM: "SIGTERM"}

// interruptedBy is the signal that ended a run of this process; nil for none. Whoever
// sent it meant the process, and not one test of it.
var interruptedBy atomic.Pointer[string]

// refuseInterrupted ends a test before its load once a signal has ended one of the
// process.
func refuseInterrupted(t *testing.T) {
	t.Helper()
	if name := interruptedBy.Load(); name != nil {
		t.Fatalf("llmperf: nothing was sent, since the test process was interrupted by %s", *name)
	}
}

// untilInterrupted returns a context that also ends with the first of such signals.
// After it, and once restore is called, signals do what they did before, so that a
// second one ends the process at once. One that is ignored, as in what a shell runs
// in the background, stays so.
func untilInterrupted(ctx context.Context) (interrupted context.Context, restore func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var caught []os.Signal
	for s := range interrupts {
		if !signal.Ignored(s) {
			caught = append(caught, s)
		}
	}
	if len(caught) == 0 { // none would be all
		return ctx, func() { cancel(nil) }
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, caught...)
	note := func(s os.Signal) {
		name := interrupts[s]
		interruptedBy.Store(&name)
		cancel(errors.New("interrupted by " + name))
	}
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case s := <-signals:
			signal.Stop(signals)
			note(s)
		case <-over:
		}
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(over)
		<-done
		select {
		case s := <-signals: // it came with the run's end
			note(s)
		default:
		}
		cancel(nil)
	})
}
