package llmperf

import (
	"errors"
	"fmt"
	"math"
	"time"

	"llmperf.dev/llmperf/internal/stats"
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
	reach  int    // some step must have at least so many users; 0 for no matter

	step func(*Step, judge) Outcome
	run  func(*Result, []Step, judge) Outcome
}

func (c check) checks() []check { return []check{c} }

func (c check) covers(s *Step) bool { return c.users == 0 || s.Load.Users <= c.users }

// A judge holds the confidence that verdicts need.
type judge struct {
	pass float64 // one-sided, of a pass and of the bounds shown
	fail float64 // of a failure: higher, since any one of several steps can fail the SLO
}

// newJudge shares the error that conf allows among the steps: over all of them
// together a false failure is then no likelier than for one (Bonferroni).
func newJudge(conf float64, steps int) judge {
	return judge{pass: conf, fail: 1 - (1-conf)/float64(max(1, steps))}
}

const shortestLimit = 100 * time.Microsecond

func quantileSLO(m Metric, p float64, limit time.Duration) SLO {
	c := check{
		name:   fmt.Sprintf("%s_p%g", m, p*100),
		want:   fmt.Sprintf("%s p%g < %s", m.title(), p*100, duration(limit)),
		metric: m,
	}
	if limit < shortestLimit {
		c.err = fmt.Errorf("%s.P%gBelow(%v): a limit under %v; did you mean %d*time.Millisecond?", m.title(), p*100, limit, shortestLimit, max(1, int64(limit)))
	}
	c.step = func(s *Step, j judge) Outcome {
		d := m.of(&s.Stats)
		shown, n := d.bounds(p, j.pass)
		strict, _ := d.bounds(p, j.fail)
		o := c.outcome(s, j, shown, seconds, n)
		o.Verdict = verdict(shown, strict, float64(limit))
		o.sentence(fmt.Sprintf("%s p%g", m.title(), p*100))
		if o.Verdict == Inconclusive {
			if least := stats.MinSamples(p, j.pass); n < least {
				o.more(tooFew(fmt.Sprintf("a p%g", p*100), least, n))
			} else {
				o.more(undecided(shown, strict, float64(limit), j))
			}
		}
		return o
	}
	return c
}

// TailRatioBelow holds where p99/p50 of latency is below limit: a measure of
// consistency. Below 2 is healthy, above 5 critical. Proving it takes at least
// 299 successful requests a step at 95 % confidence. The bounds are log-MOVER
// (Zou and Donner, Statistics in Medicine 27, 2008).
func TailRatioBelow(limit float64) SLO {
	c := check{name: "tail_ratio", want: fmt.Sprintf("p99/p50 < %gx", limit), metric: Latency}
	if !(limit > 1) || math.IsInf(limit, 1) {
		c.err = fmt.Errorf("TailRatioBelow(%v): want a ratio above 1, such as 2; p99 is never below p50", limit)
	}
	c.step = func(s *Step, j judge) Outcome {
		shown, n := tailRatio(&s.Stats, j.pass)
		strict, _ := tailRatio(&s.Stats, j.fail)
		o := c.outcome(s, j, shown, ratio, n)
		o.Verdict = verdict(shown, strict, limit)
		o.sentence("latency p99/p50")
		if o.Verdict == Inconclusive {
			if least := stats.MinSamples(0.99, j.pass); n < least {
				o.more(tooFew("a p99/p50", least, n))
			} else {
				o.more(undecided(shown, strict, limit, j))
			}
		}
		return o
	}
	return c
}

func tailRatio(s *Stats, conf float64) (stats.Interval, int) {
	p99, n := s.Latency.bounds(0.99, conf)
	p50, _ := s.Latency.bounds(0.50, conf)
	return stats.Ratio(p99, p50), n
}

// FailureRateBelow holds where the share of failed requests is below limit:
// FailureRateBelow(0.001) is below 0.1 %. A step refutes it alone; it is proved
// by the requests of all steps in scope together, since to prove less than
// 0.1 % takes 2,995 requests without a failure. The bounds are those of Clopper
// and Pearson (Biometrika 26, 1934).
func FailureRateBelow(limit float64) SLO {
	c := check{name: "failure_rate", want: "failure rate < " + percent(limit)}
	if !(limit > 0 && limit < 1) {
		c.err = fmt.Errorf("FailureRateBelow(%v): want a share between 0 and 1, such as 0.001 for 0.1 %%", limit)
	}
	c.step = func(s *Step, j judge) Outcome {
		shown := stats.FailureBounds(s.Failed, s.Requests, j.pass)
		o := c.outcome(s, j, shown, share, s.Requests)
		o.Verdict = Pass
		switch strict := stats.FailureBounds(s.Failed, s.Requests, j.fail); {
		case s.Requests == 0:
			o.Verdict = Inconclusive
		case strict.Low >= limit:
			o.Verdict = Fail
		}
		o.Guard = o.Verdict == Pass && shown.High >= limit
		o.sentence(fmt.Sprintf("%d of %s requests failed", s.Failed, count(s.Requests)))
		if o.Guard {
			o.more("too few requests in this step to prove it; all steps are judged together in failure_rate of the whole run")
		}
		o.more(failureList(&s.Stats))
		return o
	}
	c.run = func(r *Result, steps []Step, j judge) Outcome {
		failed, n := 0, 0
		for i := range steps {
			failed += steps[i].Failed
			n += steps[i].Requests
		}
		shown := stats.FailureBounds(failed, n, j.pass)
		o := c.outcome(nil, j, shown, share, n)
		o.Verdict = verdict(shown, shown, limit)
		if n == 0 {
			o.Verdict = Inconclusive
		}
		o.sentence(fmt.Sprintf("%d of %s requests failed in %s", failed, count(n), plural(len(steps), "step")))
		if o.Verdict == Inconclusive && n > 0 {
			if need := stats.RequestsToProve(failed, limit, j.pass); float64(failed) < limit*float64(need) && shown.Estimate < limit {
				o.more(fmt.Sprintf("with %d failed it takes %s requests to prove: run %s as long", failed, count(need), times(need, n)))
			} else {
				o.more("the limit lies within the interval; more requests narrow it")
			}
		}
		return o
	}
	return c
}

// ThroughputAbove holds where successful requests per second are above limit,
// in every step in scope. The bounds are those of a Poisson count (Garwood,
// Biometrika 28, 1936), which are too wide for a closed loop rather than too
// narrow.
func ThroughputAbove(limit float64) SLO {
	c := check{name: "throughput", want: fmt.Sprintf("throughput > %g requests/s", limit)}
	if !(limit > 0) || math.IsInf(limit, 1) {
		c.err = fmt.Errorf("ThroughputAbove(%v): want successful requests per second above 0", limit)
	}
	c.step = func(s *Step, j judge) Outcome {
		n := s.Succeeded()
		rate := func(conf float64) stats.Interval {
			b := stats.CountBounds(n, conf)
			return stats.Interval{Low: b.Low / s.Seconds, Estimate: s.Throughput, High: b.High / s.Seconds}
		}
		shown, strict := rate(j.pass), rate(j.fail)
		o := c.outcome(s, j, shown, perSecond, n)
		switch {
		case s.Seconds == 0:
			o.Verdict = Inconclusive
		case shown.Low > limit:
			o.Verdict = Pass
		case strict.High <= limit:
			o.Verdict = Fail
		}
		o.sentence("throughput")
		if o.Verdict == Inconclusive {
			o.more("the limit lies within the interval; a longer step narrows it")
		}
		return o
	}
	return c
}

// NoSaturationBelow holds where the service does not saturate at any step of at
// most the given number of users: no step's p95 exceeds twice the first step's,
// and failures stay within 1 % (both set in the [Scenario]). Some step must be
// loaded to that many users.
func NoSaturationBelow(users int) SLO {
	c := check{name: "saturation", want: fmt.Sprintf("no saturation up to %d users", users), metric: Latency, users: users, reach: users}
	if users < 1 {
		c.err = fmt.Errorf("NoSaturationBelow(%d): want a number of users of at least 1", users)
	}
	c.run = func(r *Result, steps []Step, j judge) Outcome { return judgeSaturation(c, r, steps, j) }
	return c
}

// verdict compares bounds with a limit from above: strict holds with the
// confidence that a failure needs.
func verdict(shown, strict stats.Interval, limit float64) Verdict {
	switch {
	case shown.High < limit:
		return Pass
	case strict.Low >= limit:
		return Fail
	default:
		return Inconclusive
	}
}

// undecided says why bounds decide nothing.
func undecided(shown, strict stats.Interval, limit float64, j judge) string {
	if shown.Low >= limit && strict.Low < limit {
		return fmt.Sprintf("above the limit at %s, but a failure of one step among several needs %s: a longer step decides", percent(j.pass), percent(j.fail))
	}
	return "the limit lies within the interval; a longer step narrows it"
}

// tooFew says what proof takes where there are too few successful requests for
// any.
func tooFew(what string, least, n int) string {
	if n == 0 {
		return "no request succeeded"
	}
	return fmt.Sprintf("%s can be proved from %d successful requests on and this step has %d: hold it %s as long", what, least, n, times(least, n))
}

// times says how many times as long something must last to bring n to need.
func times(need, n int) string {
	return fmt.Sprintf("%.1fx", math.Ceil(10*float64(need)/float64(max(n, 1)))/10)
}
