package stats

import "math"

// A Saturation says at which level a service saturates, and how sure that is. Levels are named by their index; -1 means none.
// The slices have one element a level.
type Saturation struct {
	Found          bool       // whether saturation was both located and confirmed
	Index          int        // level at which the service saturates
	LastBelow      int        // the bracket's lower end: last level before FirstAbove, and before Index, whose ratio is proved to be within the limit
	FirstAbove     int        // the bracket's upper end: first level whose ratio or failure rate is proved to be past its limit
	Ratios         []Interval // the latency quantile over the baseline's; the baseline's own is exactly 1
	Failures       []Interval // the failure rate
	FittedRatios   []float64  // isotonic fit of Ratios; 1 throughout if the baseline has no successful requests
	FittedFailures []float64  // isotonic fit of Failures; 0 throughout if there are no requests at all
}

// LocateSaturation finds the level at which latency exceeds ratioLimit times the baseline's, or failures exceed failureLimit; 2 and
// 0.01 are usual. levels[0] is the baseline, and each level's Quantile holds with confidence conf.
//
// Locating and confirming are separate. The candidate is the first level at which the isotonic fit is past a limit: the fit draws on
// every level, so it locates well, but alone it would cry wolf. Saturation is reported only if some level from the candidate on is
// confirmed, by the lower bound of its own ratio or failure rate; if every confirmed level precedes the candidate, the last confirmed one
// is reported. Without a candidate there is no saturation: a lone slow level among faster ones of more load is a disturbance.
//
// A level without successful requests has no ratio and speaks by its failures alone. Without levels nothing is found.
// Source of the fit: see [Isotonic]; of the bounds: see [Ratio] and [FailureBounds].
func LocateSaturation(levels []Level, ratioLimit, failureLimit, conf float64) Saturation {
	s := measureSaturation(levels, conf)
	candidate, lastConfirmed := -1, -1
	for i := range levels {
		failing := s.Failures[i].Low > failureLimit
		if failing || s.Ratios[i].Low > ratioLimit {
			lastConfirmed = i
			if s.FirstAbove < 0 {
				s.FirstAbove = i
			}
		}
		if s.FirstAbove < 0 && s.Ratios[i].High <= ratioLimit {
			s.LastBelow = i
		}
		if candidate < 0 && (s.FittedRatios[i] > ratioLimit || s.FittedFailures[i] > failureLimit) {
			candidate = i
		}
	}
	if candidate >= 0 && lastConfirmed >= 0 {
		s.Found, s.Index = true, min(candidate, lastConfirmed)
		// Where failures locate it, latency may be fine beyond: that brackets nothing.
		for s.LastBelow >= s.Index || s.LastBelow >= 0 && s.Ratios[s.LastBelow].High > ratioLimit {
			s.LastBelow--
		}
	}
	return s
}

// NoSaturation returns what levels prove about the claim that the service saturates at none of them: Fail if [LocateSaturation] finds
// that it does; Pass if the upper bound of every ratio is at most ratioLimit, and that of all failures taken together at most
// failureLimit; otherwise Inconclusive. Fewer than two levels compare nothing and cannot pass.
func NoSaturation(levels []Level, ratioLimit, failureLimit, conf float64) (Saturation, Verdict) {
	s := LocateSaturation(levels, ratioLimit, failureLimit, conf)
	if s.Found {
		return s, Fail
	}
	if len(levels) < 2 || pooledFailures(levels, conf).High > failureLimit {
		return s, Inconclusive
	}
	for _, ratio := range s.Ratios {
		if ratio.High > ratioLimit {
			return s, Inconclusive
		}
	}
	return s, Pass
}

// measureSaturation returns the bounds and fits that saturation is judged by, without a finding.
func measureSaturation(levels []Level, conf float64) Saturation {
	s := Saturation{Index: -1, LastBelow: -1, FirstAbove: -1, FittedRatios: fitRatios(levels), FittedFailures: fitFailures(levels)}
	for i, l := range levels {
		ratio := Interval{Low: 0, Estimate: 1, High: math.Inf(1)}
		switch {
		case l.N == 0 || levels[0].N == 0:
		case i == 0:
			ratio = Interval{Low: 1, Estimate: 1, High: 1}
		default:
			ratio = Ratio(l.Quantile, levels[0].Quantile)
		}
		s.Ratios = append(s.Ratios, ratio)
		s.Failures = append(s.Failures, l.failures(conf))
	}
	return s
}

// fitRatios returns the isotonic fit of the levels' latency quantiles over the baseline's fit.
func fitRatios(levels []Level) []float64 {
	fit := fitQuantiles(levels)
	ratios := make([]float64, len(fit))
	for i := range fit {
		ratios[i] = 1
		if levels[0].N > 0 {
			ratios[i] = quotient(fit[i], fit[0])
		}
	}
	return ratios
}

// fitFailures returns the isotonic fit of the levels' failure rates, weighted by requests.
func fitFailures(levels []Level) []float64 {
	rates, weights := make([]float64, len(levels)), make([]float64, len(levels))
	requests := 0
	for i, l := range levels {
		rates[i], weights[i] = float64(l.Failed)/max(float64(l.Requests), 1), float64(l.Requests)
		requests += l.Requests
	}
	if requests == 0 {
		return rates
	}
	return Isotonic(rates, weights)
}
