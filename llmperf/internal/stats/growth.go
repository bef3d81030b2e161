package stats

import (
	"math"
	"slices"
)

// A Growth is the way a latency quantile grows with load.
type Growth int

// The classes of growth. Unclear is the zero value.
const (
	Unclear      Growth = iota // the evidence is too thin, or hangs on a single level
	Flat                       // latency does not grow
	Linear                     // latency grows along a straight line
	Accelerating               // latency grows ever faster: a knee, or worse
	Decelerating               // latency grows ever slower
	Shedding                   // requests fail while the latency of the others stays flat
)

// String returns the class in lower case.
func (g Growth) String() string {
	switch g {
	case Flat:
		return "flat"
	case Linear:
		return "linear"
	case Accelerating:
		return "accelerating"
	case Decelerating:
		return "decelerating"
	case Shedding:
		return "shedding"
	default:
		return "unclear"
	}
}

// What tells the classes apart; measured against known truth rather than derived.
const (
	shedGrowth    = 1.5  // latency that grows less than this from before the first failing level on: shedding
	flatGrowth    = 1.25 // latency that grows less than this in all: flat
	certainGrowth = 1.5  // latency that grows this much cannot be called flat for want of evidence
	concaveArea   = 0.65 // area under the normalised curve; a straight line has 0.5
	convexArea    = 0.40
	minShape      = 3 // levels that a shape needs
)

// ClassifyGrowth returns how the p-quantile of latency grows over levels. It looks at the isotonic fit F of their quantiles:
//
//  1. Shedding, if some level's failure rate is proved to exceed failureLimit (usually 0.01), and from the level before the first such
//     one to the last, F grows less than 1.5 times.
//  2. Flat, if F grows less than 1.25 times in all; or if the ratio of the p-quantile of the last third of the levels to that of the first
//     third, each pooled, is not proved to exceed 1. If F yet grows 1.5 times or more, that is Unclear.
//  3. By the area under F, scaled to the unit square, where a straight line has 0.5: below 0.40 Accelerating, above 0.65 Decelerating,
//     otherwise Linear.
//  4. Unclear, if leaving out any one level but the first and the last changes the class.
//
// Each level's Quantile is the p-quantile of its Sorted, which must be given; conf is the confidence of the proofs. Levels without
// successful requests count in rule 1 alone. A shape takes at least three levels, and with rule 4 four: fewer are Flat, Shedding or
// Unclear. A curve that ends in a censored quantile, +Inf, is Unclear too.
func ClassifyGrowth(levels []Level, p, failureLimit, conf float64) Growth {
	growth := classifyOnce(levels, p, failureLimit, conf)
	for i := 1; i < len(levels)-1 && growth != Unclear; i++ {
		others := slices.Concat(levels[:i], levels[i+1:])
		if classifyOnce(others, p, failureLimit, conf) != growth {
			growth = Unclear
		}
	}
	return growth
}

// classifyOnce applies rules 1 to 3 of ClassifyGrowth.
func classifyOnce(levels []Level, p, failureLimit, conf float64) Growth {
	if shedding(levels, failureLimit, conf) {
		return Shedding
	}
	known := slices.DeleteFunc(slices.Clone(levels), func(l Level) bool { return l.N == 0 })
	if len(known) < 2 {
		return Unclear
	}
	fit := fitQuantiles(known)
	total := growthFrom(fit, 0)
	third := max(len(known)/3, 1)
	switch {
	case total < flatGrowth:
		return Flat
	case Ratio(pooledQuantile(known[len(known)-third:], p, conf), pooledQuantile(known[:third], p, conf)).Low > 1:
		return shape(known, fit)
	case total < certainGrowth:
		return Flat
	default:
		return Unclear
	}
}

// shedding applies rule 1 of ClassifyGrowth.
func shedding(levels []Level, failureLimit, conf float64) bool {
	first := slices.IndexFunc(levels, func(l Level) bool { return l.failures(conf).Low > failureLimit })
	if first < 0 {
		return false
	}
	fit := fitQuantiles(levels)
	return growthFrom(fit, max(first-1, 0)) < shedGrowth
}

// growthFrom returns how many times fit grows from index from to its end; +Inf if it ends at +Inf, where growth cannot be measured.
func growthFrom(fit []float64, from int) float64 {
	end := fit[len(fit)-1]
	if math.IsInf(end, 1) {
		return end
	}
	return quotient(end, fit[from])
}

// shape applies rule 3 of ClassifyGrowth: it classifies the curve of fit, which grows, over the levels' loads by the area under it.
func shape(levels []Level, fit []float64) Growth {
	last := len(levels) - 1
	area := 0.0
	for i := range last {
		area += (levels[i+1].Load - levels[i].Load) * ((fit[i]+fit[i+1])/2 - fit[0])
	}
	area /= (levels[last].Load - levels[0].Load) * (fit[last] - fit[0])
	switch {
	case len(levels) < minShape || !(area >= 0 && area <= 1): // not a number if a load repeats throughout or a quantile is censored
		return Unclear
	case area < convexArea:
		return Accelerating
	case area > concaveArea:
		return Decelerating
	default:
		return Linear
	}
}

// pooledQuantile returns the p-quantile, with its bounds, of the requests of all levels taken together.
func pooledQuantile(levels []Level, p, conf float64) Interval {
	var latencies []float64
	nEff := 0
	for _, l := range levels {
		latencies = append(latencies, l.Sorted...)
		nEff += effective(l.NEff, l.N)
	}
	slices.Sort(latencies)
	return Quantile(latencies, p, conf, nEff)
}
