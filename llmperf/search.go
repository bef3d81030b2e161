package llmperf

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// A Search says among which loads a service's capacity is looked for, how
// closely, and with how much patience. The load is doubled until the SLOs no
// longer hold; from then on each probe halves the gap between the highest load at
// which they held and the lowest at which they did not. With
// Search{MaxUsers: 200}, a service that takes 88 users is asked for
//
//	users
//	 160 |                     ┌────┐
//	 120 |                     │    └────┐
//	 100 |                     │         └────┐
//	  90 |                     │              └────┐
//	  85 |                     │                   └─────
//	  80 |                ┌────┘
//	  40 |           ┌────┘
//	  20 |      ┌────┘
//	  10 | ─────┘
//	     +─────────────────────────────────────────────── time
//
// A probe is a stretch at one load. It settles, and is measured until its SLOs
// are proved to hold or not to, or its last look is over; then the figures as
// they are say which way to go on. If the first probe fails, the load is halved
// until one holds.
//
// A search by rate errs on the low side where the SLOs allow a load near the most
// that the service can answer at all: after a probe beyond it, the queue hardly
// gets shorter while the next one settles.
type Search struct {
	// The ceiling, the highest load that is tried, in users or, in an open loop, in
	// requests per second. One of the two is required: no search is without bound.
	MaxUsers int
	MaxRate  float64

	First     float64 // load of the first probe, counted as the ceiling is; default 10 users or 1 request per second, at most the ceiling
	Precision float64 // the search ends when the lowest load that failed is above the highest that held by no more than this share of it, or by one user; the capacity between them is known better than that; default 0.1
	AtLeast   float64 // a load that the service must take, counted as the ceiling is: it is probed, and judged at the scenario's confidence; 0 requires nothing

	Settle time.Duration   // how long at least a probe is not measured after the load has changed; it is longer while requests sent before that are in flight; default 15s
	Looks  []time.Duration // for how long a probe has been measured when it is judged, ascending; default 30s, 60s, 120s
}

const (
	firstUsers = 10
	firstRate  = 1.0

	// lowestShare is the share of its first load down to which a search by rate
	// halves it.
	lowestShare = 1.0 / 64
)

var usualLooks = []time.Duration{30 * time.Second, 60 * time.Second, 120 * time.Second}

func (s Search) withDefaults() Search {
	first := firstRate
	if !s.open() {
		first = firstUsers
	}
	s.First = orDefault(s.First, min(first, s.ceiling()))
	s.Precision = orDefault(s.Precision, 0.1)
	s.Settle = orDefault(s.Settle, 15*time.Second)
	if len(s.Looks) == 0 {
		s.Looks = usualLooks
	}
	return s
}

// open reports whether the search is by rate.
func (s Search) open() bool { return s.MaxRate != 0 }

func (s Search) ceiling() float64 {
	if s.open() {
		return s.MaxRate
	}
	return float64(s.MaxUsers)
}

// start is the load of the first probe.
func (s Search) start() float64 {
	if s.AtLeast > 0 {
		return min(s.First, s.AtLeast)
	}
	return s.First
}

// lowest is the load below which nothing is tried.
func (s Search) lowest() float64 {
	if s.open() {
		return s.start() * lowestShare
	}
	return 1
}

// validate says everything that is wrong with a search that has its defaults.
func (s Search) validate() error {
	bad := func(v float64) bool { return !(v >= 0) || math.IsInf(v, 1) }
	switch {
	case s.MaxUsers != 0 && s.MaxRate != 0:
		return fmt.Errorf("search.MaxUsers is %d and search.MaxRate %v: want one of them, users in a closed loop or requests per second in an open one", s.MaxUsers, s.MaxRate)
	case s.MaxUsers < 0 || bad(s.MaxRate) || s.ceiling() == 0:
		return fmt.Errorf("search.MaxUsers is %d and search.MaxRate %v: want the highest load to try, such as MaxUsers: 200", s.MaxUsers, s.MaxRate)
	}
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, f := range []struct {
		name string
		load float64
	}{{"First", s.First}, {"AtLeast", s.AtLeast}} {
		switch {
		case bad(f.load):
			wrong("search.%s is %v: want a load above 0, in %s", f.name, f.load, loadKind(s.open()))
		case f.load > s.ceiling():
			wrong("search.%s is %v: want at most the ceiling, %s", f.name, f.load, levelText(s.ceiling(), s.open()))
		case !s.open() && f.load != math.Trunc(f.load):
			wrong("search.%s is %v: want a whole number of users", f.name, f.load)
		}
	}
	if !(s.Precision > 0 && s.Precision < 1) {
		wrong("search.Precision is %v: want a share between 0 and 1, such as 0.1 for 10 %%", s.Precision)
	}
	if s.Settle < 0 {
		wrong("search.Settle is %v: want a positive time, or 0 for 15s", s.Settle)
	}
	last := time.Duration(0)
	for _, look := range s.Looks {
		if look < last+time.Millisecond {
			wrong("search.Looks is %v: want times that ascend, such as 30s, 60s, 120s", s.Looks)
			break
		}
		last = look
	}
	return errors.Join(errs...)
}

// A trial is what a search made of one probe.
type trial struct {
	load  float64
	held  bool // the SLOs hold, proved or not
	looks int  // how many it took; 0 of a step that is no probe, or was cut short before the first
}

// bounds are the highest load that held, 0 for none, and the lowest above it that
// failed, +Inf for none. Where trials contradict each other, failures count.
func bounds(trials []trial) (held, failed float64) {
	failed = math.Inf(1)
	for _, t := range trials {
		if !t.held {
			failed = min(failed, t.load)
		}
	}
	for _, t := range trials {
		if t.held && t.load < failed {
			held = max(held, t.load)
		}
	}
	return held, failed
}

// next is the load to try after trials; false ends the search.
func (s Search) next(trials []trial) (load float64, more bool) {
	if len(trials) == 0 {
		return s.start(), true
	}
	held, failed := bounds(trials)
	load, more = s.follow(held, failed)
	if s.AtLeast == 0 || slices.ContainsFunc(trials, func(t trial) bool { return t.load == s.AtLeast }) {
		return load, more
	}
	if !more || math.IsInf(failed, 1) && load > s.AtLeast { // before it is passed by on the way up
		return s.AtLeast, true
	}
	return load, more
}

// follow is the load to try next between two bounds, or beyond the one there is.
func (s Search) follow(held, failed float64) (load float64, more bool) {
	whole := math.Floor
	if s.open() {
		whole = func(v float64) float64 { return v }
	}
	switch {
	case math.IsInf(failed, 1):
		return min(2*held, s.ceiling()), held < s.ceiling()
	case held == 0:
		return max(whole(failed/2), s.lowest()), failed > s.lowest()
	default:
		near := failed-held <= s.Precision*held || !s.open() && failed-held <= 1
		return whole((held + failed) / 2), !near
	}
}
