package bubble

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// mostRows bounds the places that a message lists.
const mostRows = 5

// A cause is why goroutines of a frozen bubble wait for something outside it.
type cause int

// The causes, in the order in which they are blamed: a lock whose holder waits
// for the network is the network's doing.
const (
	causeNone cause = iota
	causeListener
	causeNetwork
	causeIdle
	causeSystem
	causeChannel
	causeWaitGroup
	causeLock
	causeOther
)

// causeOf is why a goroutine keeps its bubble's clock from moving.
func causeOf(g goroutine) cause {
	switch {
	case g.durable:
		return causeNone
	case g.calls("net.(*TCPListener).Accept", "net.(*UnixListener).Accept"):
		return causeListener
	case reads(g):
		return causeIdle // unless someone waits for what it reads
	case g.callsInto("net"):
		return causeNetwork
	case g.state == "IO wait" || g.state == "syscall":
		return causeSystem
	case g.state == "chan receive" || g.state == "chan send" || g.state == "select":
		return causeChannel
	case g.state == "sync.WaitGroup.Wait":
		return causeWaitGroup
	case strings.HasPrefix(g.state, "sync.Mutex.") || strings.HasPrefix(g.state, "sync.RWMutex."):
		return causeLock
	}
	return causeOther
}

// blame finds why a frozen bubble is frozen, and the goroutines that wait so.
func blame(gs []goroutine) (cause, []goroutine) {
	why := causeNone
	for _, g := range gs {
		if c := causeOf(g); c != causeNone && (why == causeNone || c < why) {
			why = c
		}
	}
	return why, filter(gs, func(g goroutine) bool { return why != causeNone && causeOf(g) == why })
}

// diagnoses say of each cause what happened and what to do about it.
var diagnoses = map[cause]struct{ what, remedy string }{
	causeListener: {
		"a server in the simulation listens on a real address",
		"Serve the handler with llmperftest.Serve, and a model with llmperftest.NewServer: they need no network.",
	},
	causeNetwork: {
		"a goroutine waits for a real network connection",
		"Give the handler the client of llmperftest.NewServer or llmperftest.Serve for what it calls, or a fake of it.",
	},
	causeIdle: {
		"an http.Client keeps an idle connection to a real server open",
		"Give the handler the client of llmperftest.NewServer or llmperftest.Serve for what it calls, or a fake of it. " +
			"A client that has to reach a real server must close its connections before virtual time is to go on: call its CloseIdleConnections, at the latest in t.Cleanup.",
	},
	causeSystem: {
		"a goroutine waits for a file, a pipe or another process",
		"Do this before the simulation, or replace it by a fake.",
	},
	causeChannel: {
		"a goroutine waits on a channel that was made outside the simulation (a context's and a timer's are channels too)",
		"Make it inside the setup function, with whatever it belongs to, such as a worker pool, a client or a context: not in a package variable, and not before the simulation.",
	},
	causeWaitGroup: {
		"a goroutine waits for a sync.WaitGroup that is a package variable, or was used before the simulation",
		"Make it a field or a local variable of what the setup function builds.",
	},
	causeLock: {
		"a goroutine waits for a lock, and the lock's holder for virtual time to pass",
		"Hold no lock while waiting, be it asleep or for an answer. To limit concurrency, use a channel as semaphore.",
	},
	causeOther: {
		"a goroutine waits for something outside the simulation",
		"Make what it waits for inside the setup function, or replace it by a fake.",
	},
}

// explainFrozen says why a bubble's clock does not move, of all the goroutines
// in it.
func explainFrozen(gs []goroutine, still time.Duration) string {
	why, stuck := blame(gs)
	var places []string
	switch why {
	case causeListener:
		places = append(places, list(stuck))
		if askers := asking(gs); len(askers) > 0 {
			places = append(places, "These wait for an answer from the network:", list(askers))
		}
	case causeNetwork, causeIdle:
		if known := append(filter(stuck, goroutine.users), asking(gs)...); len(known) > 0 {
			why, stuck = causeNetwork, known
		}
		places = append(places, list(stuck))
	case causeLock:
		places = append(places, list(stuck))
		if likely, others := holders(gs, stuck); len(likely) > 0 {
			places = append(places, "The holder is most likely:", list(likely))
		} else if len(others) > 0 {
			places = append(places, "The holder is one of those who wait for something else:", list(others))
		}
	default:
		places = append(places, list(stuck))
	}
	return fmt.Sprintf("virtual time has stood still for %v: %s. The simulation's clock moves on only while every goroutine sleeps or waits for another goroutine of the simulation.\n%s\nWhat to do: %s Or measure in real time, with llmperf.Run.",
		still.Round(100*time.Millisecond), diagnoses[why].what, strings.Join(places, "\n"), diagnoses[why].remedy)
}

// explainOverdue says what a bubble waits for whose time goes on without
// anything happening. Ended is set if its function has returned, so that it is
// in its cleanups.
func explainOverdue(gs []goroutine, ended bool) string {
	what := "the simulation did not get on, since it waits for something that does not come"
	remedy := "If the setup function waits, see that what it waits for is done by a goroutine that it has started itself. If a handler waits, let it give up when the request's context ends."
	if ended {
		what = "a t.Cleanup of the simulation did not come to its end"
		remedy = "See that what it waits for has an end: stop it first, and give waits a timeout."
	}
	isTest := func(g goroutine) bool { return g.calls("testing.tRunner") }
	users := firstOf(gs, goroutine.users)
	first := firstOf(users, isTest)
	places := []string{list(first)}
	if len(first) < len(users) {
		places = append(places, "The simulation's other goroutines:", list(filter(users, func(g goroutine) bool { return !isTest(g) })))
	}
	return fmt.Sprintf("in %d minutes of virtual time %s.\n%s\nWhat to do: %s", int(patience.Minutes()), what, strings.Join(places, "\n"), remedy)
}

// explainLeft says which goroutines are left after everything else has ended.
func explainLeft(gs []goroutine) string {
	return "the simulation has ended, but not every goroutine in it:\n" + list(firstOf(gs, goroutine.users, isFamiliar)) +
		"\nWhat to do: End them in a t.Cleanup of the t that the setup function is given: cancel the context, close the channel, client or pool. A handler must give up when the request's context ends."
}

// asking are the goroutines of the user's that wait for an answer over a
// real connection, from which others read for them or which others dial.
func asking(gs []goroutine) []goroutine {
	real := map[string]bool{}
	for _, g := range gs {
		if !g.durable {
			real[g.connection()] = true
		}
	}
	return filter(gs, func(g goroutine) bool {
		conn := g.connection()
		return g.durable && g.users() && (conn == "" || real[conn]) &&
			g.calls("net/http.(*Transport).roundTrip", "net/http.http2transportResponseBody.Read", "net.(*Dialer).DialContext", "net.(*Resolver).lookupIPAddr")
	})
}

var persistConn = regexp.MustCompile(`(?m)^net/http\.\(\*persistConn\)\.(?:readLoop|roundTrip)\((0x[0-9a-f]+)[,)]`)

// connection is the address of the http.Client's connection that the goroutine
// reads from or waits for an answer on, if the stack tells.
func (g goroutine) connection() string {
	match := persistConn.FindStringSubmatch(g.text)
	if match == nil {
		return ""
	}
	return match[1]
}

// reads reports whether the goroutine reads from a connection of an
// http.Client, whether or not anyone waits for an answer.
func reads(g goroutine) bool {
	return g.calls("net/http.(*persistConn).readLoop", "net/http.(*http2clientConnReadLoop).run")
}

// holders are the goroutines that are likely to hold the lock that others wait
// for: those that wait for something else in a function that takes it, or in a
// method of the same type. If there are none, others are all the user's.
func holders(gs, waiting []goroutine) (likely, others []goroutine) {
	takers := map[string]bool{}
	for _, g := range waiting {
		if i := g.own(); i >= 0 {
			takers[g.frames[i].function] = true
			takers[g.frames[i].receiver()] = true
		}
	}
	delete(takers, "") // no method
	takes := func(key func(frame) string) func(goroutine) bool {
		return func(g goroutine) bool {
			return slices.ContainsFunc(g.frames, func(f frame) bool { return takers[key(f)] })
		}
	}
	others = filter(gs, func(g goroutine) bool { return g.durable && g.own() >= 0 })
	likely = filter(others, takes(func(f frame) string { return f.function }))
	if len(likely) == 0 {
		likely = filter(others, takes(frame.receiver))
	}
	return likely, others
}

// list describes goroutines, a line for each place in which some of them wait.
func list(gs []goroutine) string {
	type row struct {
		text  string
		count int
	}
	var rows []row
	gs = slices.Clone(gs)
	if slices.ContainsFunc(gs, reads) {
		// One connection is one row.
		gs = slices.DeleteFunc(gs, func(g goroutine) bool { return g.calls("net/http.(*persistConn).writeLoop") })
	}
	slices.SortFunc(gs, func(a, b goroutine) int { return cmp.Compare(a.id, b.id) })
	for _, g := range gs {
		text := describe(g)
		if i := slices.IndexFunc(rows, func(r row) bool { return r.text == text }); i >= 0 {
			rows[i].count++
		} else {
			rows = append(rows, row{text, 1})
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return b.count - a.count })
	var lines []string
	rest := 0
	for i, r := range rows {
		switch {
		case i >= mostRows:
			rest += r.count
		case r.count > 1:
			lines = append(lines, fmt.Sprintf("    %s, and %d more like it", r.text, r.count-1))
		default:
			lines = append(lines, "    "+r.text)
		}
	}
	if rest > 0 {
		lines = append(lines, fmt.Sprintf("    and %d more in other places", rest))
	}
	return strings.Join(lines, "\n")
}

// familiar are goroutines of the standard library that code under test often
// leaves behind, by a function that they are in.
var familiar = []struct{ function, what string }{
	{"net/http.(*persistConn).readLoop", "an idle connection of an http.Client (CloseIdleConnections closes it)"},
	{"net/http/httptest.(*Server).goServe.func1", "an httptest.Server (Close ends it)"},
	{"net/http.(*Server).Serve", "an http.Server (Close ends it)"},
	{"database/sql.(*DB).connectionOpener", "a sql.DB (Close ends it)"},
}

func isFamiliar(g goroutine) bool {
	for _, f := range familiar {
		if g.calls(f.function) {
			return true
		}
	}
	return false
}

// describe says in one line where a goroutine is, what it waits for, and who
// started it.
func describe(g goroutine) string {
	if i := g.own(); i >= 0 {
		callee := frame{}
		if i > 0 {
			callee = g.frames[i-1]
		}
		return g.frames[i].String() + " " + waits(g.state, callee) + startedBy(g)
	}
	for _, f := range familiar {
		if g.calls(f.function) {
			return f.what
		}
	}
	if g.starter.users() {
		return "a goroutine that " + g.starter.String() + " started " + waits(g.state, g.entry())
	}
	return g.entry().String() + " " + waits(g.state, frame{}) + startedBy(g)
}

// startedBy names the place that started a goroutine if the user may know it.
func startedBy(g goroutine) string {
	if !g.starter.users() {
		return ""
	}
	return ", started by " + g.starter.String()
}

// waits says what a goroutine in a state waits for, in a call of a function.
func waits(state string, callee frame) string {
	pkg := callee.pkg()
	switch {
	case callee.function == "time.Sleep" || state == "sleep":
		return "sleeps"
	case pkg != "" && pkg != "runtime" && !strings.HasPrefix(pkg, "internal/"):
		return "waits in " + callee.name()
	}
	switch state {
	case "chan receive":
		return "waits to receive from a channel"
	case "chan send":
		return "waits to send on a channel"
	case "select":
		return "waits in a select"
	case "IO wait":
		return "waits for input or output"
	case "syscall":
		return "waits in a system call"
	}
	return "waits in " + state
}

func filter(gs []goroutine, keep func(goroutine) bool) []goroutine {
	var kept []goroutine
	for _, g := range gs {
		if keep(g) {
			kept = append(kept, g)
		}
	}
	return kept
}

// firstOf filters by the first of several conditions that any goroutine meets.
// If none meets any, all are kept.
func firstOf(gs []goroutine, conditions ...func(goroutine) bool) []goroutine {
	for _, keep := range conditions {
		if kept := filter(gs, keep); len(kept) > 0 {
			return kept
		}
	}
	return gs
}
