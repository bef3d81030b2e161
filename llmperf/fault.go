package llmperf

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"llmperf.dev/llmperf/internal/load"
)

// A fault is how a function of the test's own, such as an observer's, ended other
// than by returning.
type fault struct {
	said  string // "panicked: …, at shop_test.go:12", or that it ended its goroutine
	stack string // of a panic, from its place on
}

// Error says how the function ended.
func (f *fault) Error() string { return f.said }

// longestStack is how much of a stack is shown, in bytes.
const longestStack = 3000

// try calls f, and returns nil if f returned.
func try(f func()) *fault { return <-aside(f) }

// aside calls f on a goroutine of its own, since t.FailNow and the functions of
// package require, which testers are used to call, end the one that they are called
// on. It returns where to hear of f's end: nil if f returned.
func aside(f func()) <-chan *fault {
	over := make(chan *fault, 1) // nobody may listen any more
	go func() {
		wrong := &fault{said: "ended its goroutine, as t.FailNow and require do"}
		defer func() {
			if r := recover(); r != nil {
				wrong = panicked(r)
			}
			over <- wrong
		}()
		f()
		wrong = nil
	}()
	return over
}

// panicked is the fault of a panic with r; it is called while that unwinds. Of the
// stack only functions and lines are kept, which repeat from run to run.
func panicked(r any) *fault {
	pcs := make([]uintptr, 100)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	var stack strings.Builder
	place, below := "an unknown place", false
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			below = true
		case !below, strings.HasPrefix(f.Function, "runtime."):
		default:
			if stack.Len() == 0 {
				place = fmt.Sprintf("%s:%d", f.File, f.Line)
			}
			fmt.Fprintf(&stack, "\n%s\n\t%s:%d", f.Function, f.File, f.Line)
		}
	}
	why := redact(fmt.Errorf("panicked: %v, at %s", r, place))
	return &fault{said: why.Error(), stack: cut(redact(errors.New(stack.String())).Error(), longestStack)}
}

// How long after the end of the run's context a function of the test's own is waited
// for: while the load is on, and once it is over.
const (
	hangsUnderLoad = time.Second
	hangsAfterLoad = 3 * time.Second // what an observer's Stop sends elsewhere may take
)

// guard calls a function of the test's own, and the goroutine that steers waits for
// it. If it does not return the run is to end, and guard returns false. One that was
// not waited for any longer may still go on: what it writes to must be nobody
// else's, and what it reads must not be written to. It is called no more.
func (m *measurement) guard(whose string, f func()) bool {
	if waited, hangs := m.hanging.Load(whose); hangs {
		m.giveUpOn(whose, waited.(time.Duration)) // it may have been found out by a reporter
		return false
	}
	over := aside(f)
	var wrong *fault
	select {
	case wrong = <-over:
	case <-m.ctx.Done():
		wait := hangsUnderLoad
		if m.left {
			wait = hangsAfterLoad
		}
		timer := time.NewTimer(wait + load.Grain/2) // not with one that returns on the dot
		defer timer.Stop()
		select {
		case wrong = <-over:
		case <-timer.C:
			m.hanging.Store(whose, wait)
			m.giveUpOn(whose, wait)
			return false
		}
	}
	switch {
	case wrong == nil:
		return true
	case wrong.stack == "":
		m.interrupt("%s %v: use assert, or t.Error", whose, wrong)
	default:
		m.keepStack(wrong)
		m.interrupt("%s %v", whose, wrong)
	}
	return false
}

// giveUpOn ends the load, since the run was to end, and a function of the test's own
// keeps the goroutine that steers from it.
func (m *measurement) giveUpOn(whose string, waited time.Duration) {
	m.leave()
	m.stopped() // for what came first
	hangs := fmt.Sprintf("%s did not return within %v", whose, waited)
	switch {
	case m.aborted == "":
		m.interrupt("%v, and %s of that", context.Cause(m.ctx), hangs)
		m.stopped()
	case !strings.Contains(m.aborted, hangs):
		m.aborted += "; " + hangs
	}
}

// keepStack keeps the stack of a panic, if it is the first.
func (m *measurement) keepStack(err error) {
	var wrong *fault
	if errors.As(err, &wrong) {
		m.first.CompareAndSwap(nil, wrong)
	}
}

// firstStack is the stack of the first panic in the run, as a warning; "" for none.
func (m *measurement) firstStack() string {
	if wrong := m.first.Load(); wrong != nil && wrong.stack != "" {
		return "the stack of the first panic:" + wrong.stack
	}
	return ""
}
