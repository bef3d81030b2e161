package llmperf

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"llmperf.dev/llmperf/internal/load"
	"llmperf.dev/llmperf/internal/stats"
)

// probeConfidence is that of each bound by which a probe is judged: less than
// that of a claim, since what hangs on it is only where the search goes on.
const probeConfidence = 0.90

// A prober is the profile of a search: it decides each probe by those before it,
// and holds it until it is decided.
type prober struct {
	Search
	checks       []check
	probe, claim judge // of a probe, and of the one at the load that the service must take
}

// planSearch is plan for a search, which decides the load.
func planSearch(s Scenario, search Search, checks []check, deadline time.Time) (Scenario, error) {
	var errs []error
	if s.Profile != nil {
		errs = append(errs, errors.New("scenario.Profile is set: leave it nil, since the search decides the load"))
	}
	if len(s.Stop) > 0 {
		errs = append(errs, errors.New("scenario.Stop is set: leave it out, since a search goes on past the load at which a service fails"))
	}
	for _, c := range checks {
		errs = append(errs, c.checkSearch())
	}
	s.HoldUntilDecided = false // search.Looks say how long a probe is held
	p := newProber(search.withDefaults(), checks, s.withDefaults().Confidence)
	s.Profile, s.HoldUntilDecided = p, false // probes have looks of their own
	s, err := plan(s, checks, deadline)
	if err := errors.Join(append(errs, err)...); err != nil {
		return s, err
	}
	return s, errors.Join(p.checkDeadline(s, deadline), p.enough(s, s.ExpectedLatency))
}

// newProber makes the profile of a search that has its defaults. Confidence is
// that of the verdict on its claim: any of the looks may decide, so they share the
// error.
func newProber(s Search, checks []check, confidence float64) *prober {
	each := 1 - (1-confidence)/float64(len(s.Looks))
	return &prober{
		Search: s, checks: checks,
		probe: judge{pass: probeConfidence, fail: probeConfidence, run: probeConfidence},
		claim: judge{pass: each, fail: each, run: confidence},
	}
}

// checkSearch refuses an SLO that cannot lead a search.
func (c check) checkSearch() error {
	none := loadLimit{}
	switch {
	case c.err != nil: // said already
		return nil
	case c.step == nil:
		return fmt.Errorf("%s is judged over steps of several loads, which a search cannot be led by: want SLOs that one load holds by itself, such as llmperf.Latency.P95Below; give this one to llmperf.Run", c.name)
	case c.regression != nil:
		return fmt.Errorf("%s compares steps with those of stored runs, and a search has no such steps: give it to llmperf.Run", c.name)
	case c.limit == 0:
		return fmt.Errorf("%s does not get harder with load, so that a search cannot be led by it: want SLOs such as llmperf.Latency.P95Below", c.name)
	case c.scope != none:
		return fmt.Errorf("%s is limited to steps of at most %v: leave the limit out, since how far the SLOs hold is what the search finds", c.name, c.scope)
	}
	return nil
}

// doublings is how many probes it takes to come to the ceiling.
func (p *prober) doublings() float64 { return 1 + math.Ceil(math.Log2(p.ceiling()/p.start())) }

// checkDeadline refuses a search that cannot come to its ceiling before the test's
// deadline, however soon its probes are decided.
func (p *prober) checkDeadline(s Scenario, deadline time.Time) error {
	least := leastTime(s)
	if deadline.IsZero() || time.Until(deadline) > least+deadlineMargin {
		return nil
	}
	closer := math.Ceil(math.Log2(1 / p.Precision))
	most := max(0, s.Warmup) + time.Duration(p.doublings()+closer)*(p.Settle+p.Looks[len(p.Looks)-1])
	return fmt.Errorf("to come to its ceiling the search takes at least %v with its warm-up, and the test's deadline is in %v: run go test with -timeout %v, which is enough for probes that are hard to decide",
		least, time.Until(deadline).Round(time.Second), (usedUp()+most+s.Timeout+2*deadlineMargin).Round(time.Minute)+time.Minute)
}

// enough says which SLOs could not be proved at any load that matters: the one
// that the service must take, or else the ceiling.
func (p *prober) enough(s Scenario, latency time.Duration) error {
	last := p.Looks[len(p.Looks)-1]
	most, j := p.load(p.ceiling()), p.probe
	if p.AtLeast > 0 {
		most, j = p.load(p.AtLeast), p.claim
	}
	if s.Strictness == PassInconclusive || !most.open() && s.Think.cycle(latency) == 0 {
		return nil
	}
	measured := Load{Users: most.Users, Rate: most.Rate, Hold: last}
	var errs []error
	for _, c := range p.checks {
		yields := yield(measured, measured, s, latency) * c.shareOf(s.Target)
		if c.leastStep == nil || goodLuck*yields >= float64(c.leastStep(j)) {
			continue
		}
		errs = append(errs, fmt.Errorf("%s: with answers of %s, a probe of %v yields about %s requests in %v; proving %s takes %s: give search.Looks a later last one, such as %v, or ask for less with llmperf.Guard",
			c.name, duration(latency), most, count(int(yields)), last, c.want, count(c.leastStep(j)), longer(last, allowance*float64(c.leastStep(j))/yields)))
	}
	return errors.Join(errs...)
}

// steer makes a measurement one of the search.
func (p *prober) steer(m *measurement) {
	m.vain = func(warm *Step) error {
		err := measurable(p.checks, warm)
		if warm.Succeeded() > 0 {
			err = errors.Join(err, p.enough(m.scenario, warm.Latency.Mean))
		}
		return err
	}
}

// Next is the probe after those done.
func (p *prober) Next(done []Step) (Load, bool) {
	level, more := p.next(trialsOf(done))
	return p.load(level), more
}

func (p *prober) load(level float64) Load {
	l := Load{Hold: p.Settle + p.Looks[len(p.Looks)-1]}
	if p.open() {
		l.Rate = level
	} else {
		l.Users = int(level)
	}
	return l
}

// hold keeps a probe's load up until it is decided. It returns false if the run
// is to end.
func (p *prober) hold(ctx context.Context, m *measurement, step *stepRun) bool {
	if step.From > step.Begin && !p.settle(ctx, m, step) {
		return false
	}
	for i, look := range p.Looks {
		if !m.measureUntil(ctx, step, step.From+look) {
			return false
		}
		now := m.soFar(step)
		if err := measurable(p.checks, &now); err != nil {
			m.abort("%v", err)
			return false
		}
		if p.refuted(&now) {
			step.trial = trial{load: step.Load.level(), looks: i + 1}
			return true
		}
		if !m.awaitHome(ctx, step.Until) {
			return false
		}
		m.sumUp(&step.Step, step.bucket)
		decided := false
		if step.trial, decided = p.decide(&step.Step, i+1); decided {
			return true
		}
	}
	if step.trial.looks == 0 {
		m.abort("at %v %s", step.Load, p.invalid(&step.Step))
		return false
	}
	return true
}

// invalid says why nothing can be made of a probe: the generator was the bottleneck.
// A search goes by every probe, so it ends there.
func (p *prober) invalid(s *Step) string {
	for _, o := range p.judge(s) {
		if s.Invalid == "" && o.Verdict == Invalid {
			return o.Message
		}
	}
	return s.Invalid
}

// decide is what a search makes of a probe after so many looks, and whether that
// is proved. It makes nothing of one that is invalid.
func (p *prober) decide(s *Step, looks int) (trial, bool) {
	outcomes := p.judge(s)
	v := p.verdict(outcomes)
	if v == Invalid {
		return trial{}, false
	}
	return trial{load: s.Load.level(), held: v == Pass || v == Inconclusive && p.within(outcomes), looks: looks}, v != Inconclusive
}

// settle waits until the service has settled at a probe's load, and begins to
// measure. Requests that were sent at the load before must be home by then: where
// that was too much for the service, it first works off what is left of it.
func (p *prober) settle(ctx context.Context, m *measurement, step *stepRun) bool {
	step.measureFrom(math.MaxInt64)
	ok := m.wait(ctx, step.Begin+max(p.Settle, step.Load.spawnTime(step.Load.Users))) && m.awaitHome(ctx, step.Begin)
	step.measureFrom(m.clock.Now())
	return ok
}

// measureFrom begins to measure a step at the given time, not before now.
func (s *stepRun) measureFrom(from time.Duration) {
	s.From, s.Until = from, from
	s.bucket.from, s.bucket.until = from, from
	for _, part := range s.bucket.parts {
		part.from, part.until = from, from
	}
}

// soFar is what is known of a step while requests of it are in flight. An answer
// that has not come takes at least as long as it has taken by now; whether its
// first byte and token have come is not known, and they are taken for fast.
func (m *measurement) soFar(step *stepRun) Step {
	s := step.Step
	m.sumUp(&s, step.bucket)
	now := m.clock.Now()
	m.crowd.Pending(func(q load.Request) {
		if q.Sent >= step.From && q.Sent < step.Until {
			s.Latency.cutOff = append(s.Latency.cutOff, float64(now-q.Sent))
			s.TTFB.cutOff = append(s.TTFB.cutOff, 0)
			s.TTFT.cutOff = append(s.TTFT.cutOff, 0)
		}
	})
	return s
}

// refuted reports whether a probe is proved to fail, whatever the answers that are
// still to come. Only times that requests in flight are a part of can tell.
func (p *prober) refuted(now *Step) bool {
	for _, c := range p.checks {
		timed := len(c.metrics) == 1 && (c.metrics[0] == Latency || c.metrics[0] == TTFB || c.metrics[0] == TTFT)
		if timed && c.target == "" && judgeStep(c, now, p.judgeAt(now.Load)).Verdict == Fail {
			return true
		}
	}
	return false
}

// judgeAt is the judge of a probe of load l.
func (p *prober) judgeAt(l Load) judge {
	if l.level() == p.AtLeast {
		return p.claim
	}
	return p.probe
}

// judge is the outcomes of a probe by itself, one for each check.
func (p *prober) judge(s *Step) []Outcome {
	outcomes := make([]Outcome, len(p.checks))
	for i, c := range p.checks {
		outcomes[i] = judgeStep(c, s, p.judgeAt(s.Load))
	}
	return outcomes
}

// together is the verdict on all SLOs of a probe.
func together(outcomes []Outcome) Verdict {
	v := Pass
	for _, o := range outcomes {
		switch {
		case o.Verdict == Fail:
			return Fail
		case o.Verdict == Invalid:
			v = Invalid
		case o.Verdict == Inconclusive && v != Invalid:
			v = Inconclusive
		}
	}
	return v
}

// verdict is that of a probe by itself, as far as the search goes by it. A failure
// rate, which one probe has too few requests to prove, is to be within its limit
// as it is.
func (p *prober) verdict(outcomes []Outcome) Verdict {
	v := together(outcomes)
	for i := range outcomes {
		if v == Pass && p.doubtful(i, outcomes[i]) {
			return Inconclusive
		}
	}
	return v
}

// doubtful reports whether the outcome of a check is neither refuted nor proved,
// nor within its limit.
func (p *prober) doubtful(i int, o Outcome) bool {
	return o.Guard && !p.checks[i].guard && o.Seen >= p.checks[i].limit
}

// within reports whether all that is undecided is within its limit by the figures
// as they are. Where a limit on failures is low, a single one exceeds it: so there
// must be more than chance brings at the limit, taken one by one. (They are not
// refuted only because they depend on each other.)
func (p *prober) within(outcomes []Outcome) bool {
	const chance = 0.05
	for i, o := range outcomes {
		limit := p.checks[i].limit
		switch {
		case p.doubtful(i, o):
			if stats.FailureBounds(int(math.Round(o.Seen*float64(o.N))), o.N, 1-chance).Low >= limit {
				return false
			}
		case o.Verdict == Inconclusive && (o.N == 0 || o.Seen >= limit):
			return false
		}
	}
	return true
}
