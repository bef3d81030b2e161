package llmperf

import (
	"fmt"
	"math"
	"time"

	"llmperf.dev/llmperf/internal/stats"
)

// A judge holds the confidence that verdicts need, each one-sided.
type judge struct {
	pass float64 // of a step's pass, and of the bounds shown
	fail float64 // of a step's failure: higher, since any one of several steps can fail the SLO
	run  float64 // of what is judged over all steps at once
}

// looks is how often a step's SLOs may be looked at while it is held until they
// are decided.
const looks = 3

// newJudge shares the error that the scenario's confidence allows: among the
// steps, for failures, so that over all of them together a false one is no
// likelier than for one (Bonferroni); and among the looks at a step that is held
// until it is decided, any of which may end it.
func newJudge(s Scenario, steps int) judge {
	alpha := 1 - s.Confidence
	if s.HoldUntilDecided {
		alpha /= looks
	}
	return judge{pass: 1 - alpha, fail: 1 - alpha/float64(max(1, steps)), run: s.Confidence}
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

// farTimes is how many times as long a step is at most advised to be.
const farTimes = 30

// undecided says what would decide a step's verdict that bounds leave open. A
// bound's distance from the estimate shrinks with the root of the step's length.
func undecided(shown, strict stats.Interval, limit float64) string {
	far, does := shown.High-shown.Estimate, "proves it"
	if shown.Estimate >= limit {
		far, does = strict.Estimate-strict.Low, "refutes it"
	}
	times := math.Pow(far/math.Abs(shown.Estimate-limit), 2)
	switch {
	case math.IsInf(far, 1) || math.IsNaN(times):
		return "requests that had not come home when the run had to end leave no upper bound: let it run to its end"
	case !(times < farTimes):
		return "it is too close to the limit to tell: whether it is just above or just below would take more than " + fmt.Sprint(farTimes) + "x as long a step"
	case shown.Low >= limit:
		return fmt.Sprintf("past the limit, but to fail one step among several takes stronger proof: at the same value, about %s as long a step %s", roundTimes(times), does)
	default:
		return fmt.Sprintf("the limit lies within the bounds: at the same value, about %s as long a step %s", roundTimes(times), does)
	}
}

// roundTimes writes how many times as long something must be, rounded up so
// that it is enough.
func roundTimes(times float64) string {
	if times < 10 {
		return fmt.Sprintf("%.1fx", math.Ceil(10*max(times, 1.1))/10)
	}
	return fmt.Sprintf("%.0fx", math.Ceil(times))
}

// tooFew says what proof takes where there are too few requests for any.
func tooFew(what string, least int, e evidence) string {
	if e.n == 0 {
		return "no request succeeded"
	}
	return fmt.Sprintf("%s can be proved from %d independent requests on, and this step has %s: hold it %s as long", what, least, e.worth(), times(least, e.effective))
}

// worth is how many requests there are, and as many independent ones they count
// as where that is fewer.
func (e evidence) worth() string {
	if e.effective < e.n {
		return fmt.Sprintf("%s that are worth %s", count(e.n), count(e.effective))
	}
	return count(e.n)
}

// times says how many times as long something must last to bring n to need.
func times(need, n int) string { return roundTimes(float64(need) / float64(max(n, 1))) }

// strongDependence is the design effect above which a warning is due.
const strongDependence = 4

// dependence warns of requests that depend on each other strongly.
func dependence(e evidence) string {
	if e.effective == 0 || float64(e.n)/float64(e.effective) <= strongDependence {
		return ""
	}
	return fmt.Sprintf("its requests depend on each other so much that %s are worth %s: draw prompts at random for every request, and see whether something, such as a queue, slows the service from time to time", count(e.n), count(e.effective))
}

const shortestLimit = 100 * time.Microsecond
