package llmperf

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
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

// try calls f on a goroutine of its own, since t.FailNow and the functions of
// package require, which testers are used to call, end the one that they are called
// on. It returns nil if f returned.
func try(f func()) *fault {
	wrong := &fault{said: "ended its goroutine, as t.FailNow and require do"}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer func() {
			if r := recover(); r != nil {
				wrong = panicked(r)
			}
		}()
		f()
		wrong = nil
	}()
	<-over
	return wrong
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

// guard calls a function of the test's own on the goroutine that steers. If it does
// not return the run is to end, and guard returns false.
func (m *measurement) guard(whose string, f func()) bool {
	wrong := try(f)
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
