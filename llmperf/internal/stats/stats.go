// Package stats holds the rules that turn measurements into verdicts, as pure functions over plain numbers.
//
// # Intervals and verdicts
//
// A percentile of a few hundred requests is itself uncertain, so nothing here is compared with a limit as a bare number. Every quantity
// is an [Interval] whose two bounds each hold with a one-sided confidence, conf, usually 0.95. A quantity passes a limit when even its
// upper bound is below it, fails when even its lower bound is not, and is inconclusive in between: see [Interval.Below].
//
// # From requests to intervals
//
// [Quantile] bounds a percentile by order statistics and [FailureBounds] a failure rate by Clopper and Pearson; [Ratio] bounds the ratio
// of two percentiles from the bounds of each. [CountBounds] bounds a count of requests and [SumBounds] what they add up to. The requests of a load test are correlated, so the first two can be told how many independent
// requests they stand for: [DesignEffect] measures the correlation, and [EffectiveN] turns it into that number.
//
// # From intervals to findings
//
// [LocateSaturation] finds the level of load at which a service saturates, [Plateau] the one at which its throughput stops growing,
// [ClassifyGrowth] the way its latency grows with load, and [Regression] whether it became slower than a stored run.
//
// # Conventions
//
// Latencies, rates and ratios are never negative, so a lower bound of 0 and an upper bound of +Inf claim nothing. Latencies may have any
// unit as long as it is one unit throughout. Confidence and quantile arguments lie strictly between 0 and 1; anything else, like a count
// that cannot be, is a mistake of the caller, and panics.
package stats

import "fmt"

// requireFraction panics unless 0 < v < 1; name is what the message calls v.
func requireFraction(name string, v float64) {
	if !(v > 0 && v < 1) {
		panic(fmt.Sprintf("stats: %s is %v; it must lie strictly between 0 and 1", name, v))
	}
}
