package stats

// An Interval is an estimate of a non-negative quantity between two bounds, each of which holds with the same one-sided confidence.
type Interval struct {
	Low      float64 // lower bound; 0 claims nothing
	Estimate float64 // point estimate; finite or +Inf, never NaN
	High     float64 // upper bound; +Inf claims nothing
}

// A Verdict says what an interval proves about a limit.
type Verdict int

// The verdicts. Inconclusive is the zero value: without evidence nothing passes.
const (
	Inconclusive Verdict = iota // the limit lies within the bounds
	Pass                        // even the upper bound is within the limit
	Fail                        // even the lower bound is past the limit
)

// String returns the verdict in lower case.
func (v Verdict) String() string {
	switch v {
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	default:
		return "inconclusive"
	}
}

// Below returns what the interval proves about the claim that the quantity is below limit: Pass if High < limit, Fail if Low >= limit,
// otherwise Inconclusive.
func (i Interval) Below(limit float64) Verdict {
	switch {
	case i.High < limit:
		return Pass
	case i.Low >= limit:
		return Fail
	default:
		return Inconclusive
	}
}
