package llmperf

import (
	"errors"
	"fmt"
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
func UpTo(users int, slos ...SLO) SLO { return upTo{users, slos} }

type upTo struct {
	users int
	slos  SLOs
}

func (u upTo) checks() []check {
	all := u.slos.checks()
	for i := range all {
		c := &all[i]
		if u.users < 1 {
			c.err = errors.Join(c.err, fmt.Errorf("UpTo(%d, …): want a number of users of at least 1", u.users))
		}
		if c.users == 0 || u.users < c.users {
			c.users = u.users
		}
	}
	if len(all) == 0 {
		return []check{{name: "up_to", err: fmt.Errorf("UpTo(%d) holds no SLO: give it at least one", u.users)}}
	}
	return all
}

// A check is one SLO in one scope. Of its two judgements, over one step and
// over all steps in scope, it has one or both.
type check struct {
	name   string // in test names and attributes: ttft_p95
	want   string // in sentences: TTFT p95 < 800 ms
	err    error  // what is wrong with the SLO itself
	metric Metric // what must have been measured; "" for nothing in particular
	users  int    // scope: steps of at most so many users; 0 for all
	target string // scope: the requests of this target of a mix; "" for all
	reach  int    // some step must have at least so many users; 0 for no matter
	guard  bool   // what is not refuted passes

	step func(check, *Step, judge) Outcome
	run  func(check, *Result, []Step, judge) Outcome

	// The fewest requests with which a verdict can be a pass: of each step, and of
	// all steps in scope together. nil for none.
	leastStep, leastRun func(judge) int
}

func (c check) checks() []check { return []check{c} }

func (c check) covers(s *Step) bool { return c.users == 0 || s.Load.Users <= c.users }
