package bubble

import (
	"path"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// A goroutine is what the runtime prints of one.
type goroutine struct {
	id      int
	bubble  int     // the bubble's number; 0 outside any
	state   string  // what it does, in the runtime's words: "chan receive"
	durable bool    // it waits for its bubble and for nothing outside
	frames  []frame // calls, the innermost first
	starter frame   // the call that started it; zero if unknown
	text    string  // as printed
}

// A frame is a call in a stack.
type frame struct {
	function string // with the import path of its package
	file     string
	line     int
}

// readStacks returns the stacks of all goroutines.
func readStacks() string {
	const most = 256 << 20
	for buf := make([]byte, 1<<20); ; buf = make([]byte, 2*len(buf)) {
		if n := runtime.Stack(buf, true); n < len(buf) || len(buf) >= most {
			return string(buf[:n])
		}
	}
}

// bubbleHere is the number of the bubble that the caller runs in.
func bubbleHere() int {
	buf := make([]byte, 1<<10)
	header, _, _ := strings.Cut(string(buf[:runtime.Stack(buf, false)]), "\n")
	return bubbleOf(header)
}

var bubbleNumber = regexp.MustCompile(`, synctest bubble (\d+)`)

// bubbleOf finds the bubble's number in the first line of a stack.
func bubbleOf(header string) int {
	match := bubbleNumber.FindStringSubmatch(header)
	if match == nil {
		return 0
	}
	number, _ := strconv.Atoi(match[1])
	return number
}

// parse reads the goroutines of a bubble from stacks as the runtime prints
// them. Goroutines outside the bubble, and what it does not understand, it
// leaves out.
func parse(stacks string, bubble int) []goroutine {
	var gs []goroutine
	for text := range strings.SplitSeq(stacks, "\n\n") {
		text = strings.Trim(text, "\n")
		header, calls, _ := strings.Cut(text, "\n")
		if !strings.HasPrefix(header, "goroutine ") || bubbleOf(header) != bubble {
			continue
		}
		g := parseHeader(header)
		g.text = text
		g.frames, g.starter = parseCalls(calls)
		gs = append(gs, g)
	}
	return gs
}

// parseHeader reads a line such as
//
//	goroutine 7 [chan receive (durable), 2 minutes, synctest bubble 1]:
func parseHeader(header string) goroutine {
	id, rest, _ := strings.Cut(strings.TrimPrefix(header, "goroutine "), " ")
	_, state, _ := strings.Cut(rest, "[")
	state, _, _ = strings.Cut(strings.TrimSuffix(state, "]:"), ", ")
	g := goroutine{bubble: bubbleOf(header)}
	g.id, _ = strconv.Atoi(id)
	state = strings.ReplaceAll(state, " (scan)", "") // the garbage collector looks at it
	g.state, g.durable = strings.CutSuffix(state, " (durable)")
	return g
}

// parseCalls reads the lines below a header: two a call, and two for the call
// that started the goroutine.
func parseCalls(text string) (calls []frame, starter frame) {
	lines := strings.Split(text, "\n")
	for i := 0; i+1 < len(lines); i++ {
		place, isPlace := strings.CutPrefix(lines[i+1], "\t")
		if !isPlace {
			continue
		}
		call := frame{}
		place, _, _ = strings.Cut(place, " +0x")
		if colon := strings.LastIndex(place, ":"); colon >= 0 {
			call.file = place[:colon]
			call.line, _ = strconv.Atoi(place[colon+1:])
		}
		if function, isStarter := strings.CutPrefix(lines[i], "created by "); isStarter {
			call.function, _, _ = strings.Cut(function, " in goroutine ")
			starter = call
		} else {
			call.function = lines[i]
			if args := strings.LastIndex(lines[i], "("); args > 0 {
				call.function = lines[i][:args]
			}
			calls = append(calls, call)
		}
		i++
	}
	return calls, starter
}

// alive reports whether the goroutine does something, or is about to.
func (g goroutine) alive() bool {
	switch g.state {
	case "idle", "runnable", "running", "waiting", "copystack", "preempted",
		"wait for GC cycle", "stopping the world", "flushing proc caches":
		return true
	}
	return strings.HasPrefix(g.state, "GC ") || strings.HasPrefix(g.state, "garbage collection")
}

// calls reports whether one of the functions is in the stack.
func (g goroutine) calls(functions ...string) bool {
	for _, f := range g.frames {
		for _, function := range functions {
			if f.function == function {
				return true
			}
		}
	}
	return false
}

// callsInto reports whether a function of the package is in the stack.
func (g goroutine) callsInto(pkg string) bool {
	for _, f := range g.frames {
		if f.pkg() == pkg {
			return true
		}
	}
	return false
}

// own is the index of the innermost call of the user's code: of their own
// module if there is one, or else of a module that they use. It is -1 if there
// is neither.
func (g goroutine) own() int {
	used := -1
	for i, f := range g.frames {
		if f.users() {
			if !f.dependency() {
				return i
			}
			if used < 0 {
				used = i
			}
		}
	}
	return used
}

// users reports whether the goroutine runs the user's code, or was started by
// it.
func (g goroutine) users() bool { return g.own() >= 0 || g.starter.users() }

// entry is the function that the goroutine was started with.
func (g goroutine) entry() frame {
	if len(g.frames) == 0 {
		return frame{}
	}
	return g.frames[len(g.frames)-1]
}

// pkg is the import path of the frame's package.
func (f frame) pkg() string {
	slash := strings.LastIndex(f.function, "/") + 1
	dot := strings.Index(f.function[slash:], ".")
	if dot < 0 {
		return ""
	}
	return strings.ReplaceAll(f.function[:slash+dot], "%2e", ".")
}

// receiver is the pointer type, with its package, whose method the frame is in.
func (f frame) receiver() string {
	if end := strings.Index(f.function, ")."); end >= 0 {
		return f.function[:end+1]
	}
	return ""
}

// users reports whether the frame is of the code under test or of a module that
// it uses, rather than of the standard library or of this module.
func (f frame) users() bool {
	pkg := f.pkg()
	root, _, _ := strings.Cut(pkg, "/")
	if pkg == "" || standard[root] {
		return false
	}
	for _, ours := range []string{"llmperf.dev/llmperf", "llmperf.dev/llmperftest"} {
		if pkg == ours || strings.HasPrefix(pkg, ours+"/") {
			return strings.HasSuffix(f.file, "_test.go")
		}
	}
	return true
}

// dependency reports whether the frame's file is in a module cache or vendored.
func (f frame) dependency() bool {
	return strings.Contains(f.file, "@v") || strings.Contains(f.file, "/vendor/")
}

// String names the frame as a reader of Go code would: function and place.
func (f frame) String() string {
	return f.name() + " (" + path.Base(f.file) + ":" + strconv.Itoa(f.line) + ")"
}

var majorVersion = regexp.MustCompile(`^v[0-9]+\.`)

// name is the function's name with the last element of its package's path.
func (f frame) name() string {
	dir, name := path.Split(f.function)
	if majorVersion.MatchString(name) {
		name = path.Base(dir) + "/" + name
	}
	return strings.ReplaceAll(name, "%2e", ".")
}

// standard holds the first element of the import path of every package of the
// standard library. A module of the user's may do without a dot in its path,
// so that dots tell little.
var standard = map[string]bool{
	"archive": true, "arena": true, "bufio": true, "builtin": true, "bytes": true, "cmp": true, "compress": true,
	"container": true, "context": true, "crypto": true, "database": true, "debug": true, "embed": true,
	"encoding": true, "errors": true, "expvar": true, "flag": true, "fmt": true, "go": true, "hash": true,
	"html": true, "image": true, "index": true, "internal": true, "io": true, "iter": true, "log": true,
	"maps": true, "math": true, "mime": true, "net": true, "os": true, "path": true, "plugin": true,
	"reflect": true, "regexp": true, "runtime": true, "simd": true, "slices": true, "sort": true, "strconv": true,
	"strings": true, "structs": true, "sync": true, "syscall": true, "testing": true, "text": true, "time": true,
	"unicode": true, "unique": true, "unsafe": true, "vendor": true, "weak": true,
}
