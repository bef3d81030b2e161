package llmperf

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"llmperf.dev/llmperf/internal/bubble"
)

// plan fills in what the scenario leaves open, and says what is wrong with a run
// before anything is sent.
func plan(s Scenario, checks []check, deadline time.Time) (Scenario, error) {
	s = s.withDefaults()
	s.tellSecrets(checks)
	strictness, err := effectiveStrictness(s.Strictness)
	s.Strictness = strictness
	if err = errors.Join(err, refuse(s, checks, deadline)); err == nil {
		err = planRegressions(checks, s, bubble.Inside())
	}
	return s, redact(err, s.secrets()...)
}

// refuse says why a run cannot work.
func refuse(s Scenario, checks []check, deadline time.Time) error {
	errs := []error{s.validate()}
	if len(checks) == 0 {
		errs = append(errs, errors.New("no SLOs: want at least one, such as llmperf.TailRatioBelow(2), or llmperf.Measure for measuring alone"))
	}
	for _, c := range checks {
		if c.err != nil {
			errs = append(errs, c.err)
			continue
		}
		errs = append(errs, c.checkTarget(s.Target), c.checkUpstreams(s))
		for _, m := range c.metrics {
			if to := c.targetOf(s.Target); !canReport(to, m) {
				errs = append(errs, fmt.Errorf("%s: the target %v never reports %s; let it stream, if it can, or judge latency instead", c.name, nameOf(to), m.title()))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	p, ok := s.Profile.(planner)
	if !ok {
		return nil
	}
	steps := p.plan()
	if err := checkScopes(steps, checks); err != nil {
		return err
	}
	_, err := overdraft(s)
	return errors.Join(err, checkDeadline(s, deadline), checkRates(s, steps, checks), enough(s, steps, checks, s.ExpectedLatency))
}

// An asker is a target that says what it asks.
type asker interface{ asks() []Prompts }

// checkPrompts refuses prompts that do not go with the profile.
func (s Scenario) checkPrompts() error {
	target, ok := s.Target.(asker)
	if !ok {
		return nil
	}
	first, _ := s.Profile.Next(nil)
	replayed, replays := s.Profile.(*Trace)
	var errs []error
	for _, p := range target.asks() {
		for w, ok := p.(interface{ unwrap() Prompts }); ok; w, ok = p.(interface{ unwrap() Prompts }) {
			p = w.unwrap()
		}
		switch p := p.(type) {
		case *Conversation:
			if first.open() {
				errs = append(errs, fmt.Errorf("%v asks a Conversation, and the profile is an open loop, whose requests are each the first of a user of its own: no conversation would have a second turn; use other prompts, or a profile that counts users", nameOf(s.Target)))
			}
		case *Trace:
			if replays && p != replayed {
				errs = append(errs, fmt.Errorf("%v asks one llmperf.Trace, and the profile is another, so that requests would have the lengths of others: use the same value as both", nameOf(s.Target)))
			}
		}
	}
	return errors.Join(errs...)
}

// canReport says whether a target can measure a metric, as far as is known.
func canReport(t Target, m Metric) bool {
	r, ok := t.(interface{ reports(Metric) bool })
	return !ok || m == Overhead || r.reports(m)
}

// judgeBy lets a measurement end where going on would prove nothing, and hold
// steps on as long as checks are undecided.
func (m *measurement) judgeBy(checks []check, j judge) {
	m.vain = func(warm *Step) error {
		err := measurable(checks, warm)
		if known, ok := m.scenario.Profile.(planner); ok && warm.Succeeded() > 0 {
			err = errors.Join(err, enough(m.scenario, known.plan(), checks, warm.Latency.Mean))
		}
		return err
	}
	m.undecided = func(s *Step) bool {
		for _, c := range checks {
			if c.step != nil && c.covers(s) && judgeStep(c, s, j).Verdict == Inconclusive {
				return true
			}
		}
		return false
	}
	m.lost = func(complete []Step, from int) string { return lostBy(checks, complete, from, m.scenario, j) }
}

// checkScopes refuses SLOs that no step could answer.
func checkScopes(steps []Load, checks []check) error {
	var errs []error
	open, least, most := steps[0].open(), steps[0].level(), 0.0
	for _, l := range steps {
		least, most = min(least, l.level()), max(most, l.level())
	}
	for _, c := range checks {
		none := loadLimit{}
		switch {
		case c.scope != none && c.scope.open != open, c.reach != none && c.reach.open != open:
			errs = append(errs, fmt.Errorf("%s is limited in %s, and the profile counts %s: limit an open loop's with UpToRate and NoSaturationBelowRate, a closed one's with UpTo and NoSaturationBelow", c.name, loadKind(!open), loadKind(open)))
		case c.scope != none && c.scope.level < least:
			errs = append(errs, fmt.Errorf("%s is limited to steps of at most %v, and the smallest step has %s: raise the limit, or use smaller steps", c.name, c.scope, number(least)))
		case c.reach.level > most:
			errs = append(errs, fmt.Errorf("%s: no step is loaded to %v; the highest has %s: raise the profile's %s, or lower the SLO's", c.name, c.reach, number(most), loadKind(open)))
		}
		if c.recovery > 0 {
			errs = append(errs, c.checkRecovery(steps))
		}
	}
	return errors.Join(errs...)
}

// leastTime is how long a run's load is on at least, as far as is known before it.
func leastTime(s Scenario) time.Duration {
	least := max(0, s.Warmup)
	switch p := s.Profile.(type) {
	case planner:
		for _, l := range p.plan() {
			least += l.Hold
		}
	case *prober:
		least += time.Duration(p.doublings()) * (p.Settle + p.Looks[0])
	}
	return least
}

// checkDeadline refuses a run that cannot end before the test's deadline.
func checkDeadline(s Scenario, deadline time.Time) error {
	total := leastTime(s)
	if deadline.IsZero() || time.Until(deadline) > total+deadlineMargin {
		return nil
	}
	need := (usedUp() + total + s.Timeout + 2*deadlineMargin).Round(time.Minute) + time.Minute
	return fmt.Errorf("the profile takes %v with its warm-up, and the test's deadline is in %v: run go test with -timeout %v, or shorten the profile",
		total, time.Until(deadline).Round(time.Second), need)
}

// began is when the process did: go test's -timeout counts from then on.
var began = time.Now()

// usedUp is how much of go test's -timeout the tests before have taken.
func usedUp() time.Duration {
	if bubble.Inside() {
		return 0
	}
	return time.Since(began)
}

// plannedSteps is how many steps a profile has. Of one that decides as it goes
// twenty are assumed, which is cautious for most.
func plannedSteps(p Profile) int {
	if known, ok := p.(planner); ok {
		return len(known.plan())
	}
	return 20
}

// measurable says which SLOs are on metrics that the warm-up's successful
// requests did not report, so that a run need not go on for nothing.
func measurable(checks []check, warm *Step) error {
	var errs []error
	for _, c := range checks {
		if missing := c.unmeasured(c.view(warm)); missing != "" {
			errs = append(errs, fmt.Errorf("%s cannot be judged: %s of the warm-up", c.name, missing))
		}
	}
	return errors.Join(errs...)
}

// uniqueNames gives checks of one name, such as one SLO with two limits in two
// scopes, names of their own.
func uniqueNames(checks []check) []check {
	checks = slices.Clone(checks)
	seen := map[string]int{}
	for i := range checks {
		name := checks[i].name
		if seen[name]++; seen[name] > 1 {
			checks[i].name = fmt.Sprintf("%s_%d", name, seen[name])
		}
	}
	return checks
}
