package llmperf

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"llmperf.dev/llmperf/internal/stats"
)

const (
	// goodLuck is how many times as many requests as expected a plan may need and
	// not be refused.
	goodLuck = 1.1
	// allowance is how many times as many requests as proof takes are advised of a step. Even
	// requests that do not depend on each other are found to be worth about three
	// quarters of their number: see CALIBRATION.md.
	allowance = 1.4
)

// enough says which SLOs a plan could not prove even if everything went well,
// since it yields too few requests, and what would do. Answers take latency, at
// every load: none is faster under more.
func enough(s Scenario, steps []Load, checks []check, latency time.Duration) error {
	if s.Strictness == PassInconclusive || !steps[0].open() && s.Think.cycle(latency) == 0 {
		return nil
	}
	yields := make([]float64, len(steps))
	before := Load{}
	for i, l := range steps {
		yields[i] = yield(l, before, s, latency)
		if i == 0 && len(steps) > 1 && !l.timed() {
			yields[i] = max(yields[i], min(baselineRequests, baselineStretch*yields[i]))
		}
		before = l
	}
	answers := "if answers took no time"
	switch {
	case steps[0].open():
		answers = "at its rate"
	case latency > 0:
		answers = "with answers of " + duration(latency)
	}
	j := newJudge(s, len(steps))
	var errs []error
	for _, c := range checks {
		own := slices.Clone(yields)
		for i := range own {
			own[i] *= c.shareOf(s.Target)
		}
		errs = append(errs, c.enoughInSteps(steps, own, answers, j, s.HoldUntilDecided), c.enoughInAll(steps, own, answers, j))
	}
	return errors.Join(errs...)
}

// yield is how many requests a step is expected to measure, after one of another
// load.
func yield(l, before Load, s Scenario, latency time.Duration) float64 {
	measured := l.Hold - l.unmeasured(before)
	if s.HoldUntilDecided && !l.timed() {
		measured *= lastLook
	}
	if l.open() {
		return l.meanRate() * measured.Seconds()
	}
	return l.meanUsers() * measured.Seconds() / s.Think.cycle(latency).Seconds()
}

// enoughInSteps looks for the step in scope that lacks most.
func (c check) enoughInSteps(steps []Load, yields []float64, answers string, j judge, held bool) error {
	if c.leastStep == nil {
		return nil
	}
	least, worst := float64(c.leastStep(j)), -1
	for i := range steps {
		if c.coversPlanned(steps, i) && goodLuck*yields[i] < least && (worst < 0 || yields[i] < yields[worst]) {
			worst = i
		}
	}
	if worst < 0 {
		return nil
	}
	factor, hold := allowance*least/yields[worst], "set scenario.HoldUntilDecided, "
	if held || steps[worst].timed() {
		hold = "" // it is set, or would not hold the step on
	}
	return fmt.Errorf("%s: %s, the step of %v yields about %s requests; proving %s takes %s in every step: hold it %s as long, so for %v, %sor ask for less with llmperf.Guard",
		c.name, answers, steps[worst], count(int(yields[worst])), c.want, count(int(least)), roundTimes(factor), longer(steps[worst].Hold, factor), hold)
}

// enoughInAll looks at all steps in scope together.
func (c check) enoughInAll(steps []Load, yields []float64, answers string, j judge) error {
	if c.leastRun == nil {
		return nil
	}
	least, sum, covered := float64(c.leastRun(j)), 0.0, 0
	for i, l := range steps {
		if c.coversLoad(l) {
			covered++
			sum += yields[i]
		}
	}
	if covered == 0 || goodLuck*sum >= least {
		return nil
	}
	proves := stats.FailureBounds(0, int(sum), j.run).High
	return fmt.Errorf("%s: %s, this plan yields about %s requests in %s; proving %s takes %s; it can prove < %s: hold the steps %s as long, or ask for less with llmperf.Guard",
		c.name, answers, count(int(sum)), plural(covered, "step"), c.want, count(int(least)), percent(roundUpShare(proves)), roundTimes(least/sum))
}

// longer is d so many times as long, rounded up to a time one would write.
func longer(d time.Duration, times float64) time.Duration {
	unit := time.Second
	if d < time.Second {
		unit = 10 * time.Millisecond
	}
	return time.Duration(math.Ceil(float64(d)*times/float64(unit))) * unit
}
