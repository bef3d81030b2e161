package llmperf

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// interrupts are the signals that end a run early, with a report: Ctrl-C, and what
// CI sends to a job that it cancels.
var interrupts = map[os.Signal]string{os.Interrupt: "SIGINT", syscall.SIGTERM: "SIGTERM"}

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
	over := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(errors.New("interrupted by " + interrupts[s]))
		case <-over:
		}
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(over)
		cancel(nil)
	})
}
