package llmperf

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// An SLO is a claim about a service that a run can prove or refute. It holds
// when every step in its scope holds it; the default scope is every measured
// step. A set of SLOs, [SLOs], is an SLO too.
type SLO interface{ checks() []check }

// SLOs is a set of SLOs, so that several tests can share one.
type SLOs []SLO

func (s SLOs) checks() []check {
	var all []check
	for _, slo := range s {
		if slo == nil {
			all = append(all, check{name: "nil", err: errors.New("an SLO is nil: leave it out, or use one such as llmperf.TailRatioBelow(2)")})
			continue
		}
		all = append(all, slo.checks()...)
	}
	return all
}

// UpTo limits SLOs to the steps of at most the given number of users.
func UpTo(users int, slos ...SLO) SLO {
	u := upTo{call: fmt.Sprintf("UpTo(%d", users), limit: loadLimit{float64(users), false}, slos: slos}
	if users < 1 {
		u.err = fmt.Errorf("%s, …): want a number of users of at least 1", u.call)
	}
	return u
}

// UpToRate limits SLOs to the steps of at most the given requests per second, in
// an open loop.
func UpToRate(perSecond float64, slos ...SLO) SLO {
	u := upTo{call: fmt.Sprintf("UpToRate(%v", perSecond), limit: loadLimit{perSecond, true}, slos: slos}
	if !(perSecond > 0) || math.IsInf(perSecond, 1) {
		u.err = fmt.Errorf("%s, …): want requests per second above 0", u.call)
	}
	return u
}

type upTo struct {
	call  string // as it was written
	limit loadLimit
	slos  SLOs
	err   error
}

func (u upTo) checks() []check {
	all := u.slos.checks()
	for i := range all {
		c := &all[i]
		if u.err != nil {
			c.err = errors.Join(c.err, u.err)
		}
		switch {
		case c.scope == loadLimit{}:
			c.scope = u.limit
		case c.scope.open != u.limit.open:
			c.err = errors.Join(c.err, fmt.Errorf("%s is limited both in users and in requests per second: want one", c.name))
		default:
			c.scope.level = min(c.scope.level, u.limit.level)
		}
	}
	if len(all) == 0 {
		return []check{{name: "up_to", err: fmt.Errorf("%s) holds no SLO: give it at least one", u.call)}}
	}
	return all
}

// A loadLimit is a load up to which something holds, in users or, in an open
// loop, in requests per second.
type loadLimit struct {
	level float64
	open  bool
}

func (l loadLimit) String() string { return levelText(l.level, l.open) }

// loadKind is what a load counts.
func loadKind(open bool) string {
	if open {
		return "requests per second"
	}
	return "users"
}

// A check is one SLO in one scope. Of its two judgements, over one step and
// over all steps in scope, it has one or both.
type check struct {
	name    string   // in test names and attributes: ttft_p95
	want    string   // in sentences: TTFT p95 < 800 ms
	err     error    // what is wrong with the SLO itself
	metrics []Metric // what must have been measured
	tokens  bool     // output tokens must have been reported
	target  string   // scope: the requests of this target of a mix; "" for all
	guard   bool     // what is not refuted passes
	secrets []string // what the words of a user's own must not show

	regression *regression // what stored runs a step is compared with; nil for none

	recovery time.Duration // scope: steps that fall back to the load of an earlier one, which must be told from so long after; 0 for all

	// What figures are to stay below, in the unit of the outcome, where they grow with
	// load and a search can be led by them; 0 otherwise.
	limit float64

	scope loadLimit // steps of at most so much load; the zero limit for all
	reach loadLimit // some step must have at least so much; the zero limit for no matter

	step func(check, *Step, judge) Outcome
	run  func(check, *Result, []Step, judge) Outcome

	failsForGood bool   // run: what the first steps refute is refuted
	compares     bool   // run: steps are compared with the first one
	missing      string // run: what the check is about and was not run; "" for nothing

	// The fewest requests with which a verdict can be a pass: of each step, and of
	// all steps in scope together. nil for none.
	leastStep, leastRun func(judge) int

	leastRate float64 // requests per second that each step must send for a pass; 0 for no matter
}

func (c check) checks() []check { return []check{c} }

func (c check) covers(s *Step) bool {
	return c.coversLoad(s.Load) && (c.recovery == 0 || s.Recovery != nil)
}

// coversPlanned is covers for the i-th of steps that are planned.
func (c check) coversPlanned(steps []Load, i int) bool {
	return c.coversLoad(steps[i]) && (c.recovery == 0 || referenceOf(steps, i) >= 0)
}

func (c check) coversLoad(l Load) bool {
	return c.scope == loadLimit{} || l.open() == c.scope.open && l.level() <= c.scope.level
}
