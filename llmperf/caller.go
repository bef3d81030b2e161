package llmperf

import (
	"runtime"
	"strings"
)

// A place is a line of a test file.
type place struct {
	file string // as the compiler knows it; "" if the place is not known
	line int
	pkg  string // import path of the package under test
}

// caller is the innermost place up the stack that is in a test file.
func caller() place {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.File, "_test.go") {
			return place{f.File, f.Line, packageOf(f.Function)}
		}
		if !more {
			return place{}
		}
	}
}

// packageOf is the import path of the package that a function, as the runtime
// names it, belongs to or is an external test of.
func packageOf(function string) string {
	dir, last := "", function
	if i := strings.LastIndexByte(function, '/'); i >= 0 {
		dir, last = function[:i+1], function[i+1:]
	}
	last, _, _ = strings.Cut(last, ".")
	return dir + strings.ReplaceAll(strings.TrimSuffix(last, "_test"), "%2e", ".")
}
