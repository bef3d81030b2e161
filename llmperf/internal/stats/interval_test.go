package stats_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

func TestIntervalBelow(t *testing.T) {
	for _, row := range []struct {
		name     string
		interval stats.Interval
		want     stats.Verdict
		reason   string
	}{
		{"under", stats.Interval{Low: 1, Estimate: 1.5, High: 1.9}, stats.Pass, "even the upper bound is below 2"},
		{"touching from below", stats.Interval{Low: 1, Estimate: 1.5, High: 2}, stats.Inconclusive, "the quantity may be 2, which is not below 2"},
		{"around", stats.Interval{Low: 1, Estimate: 1.5, High: 3}, stats.Inconclusive, "the estimate alone proves nothing"},
		{"touching from above", stats.Interval{Low: 2, Estimate: 2.5, High: 3}, stats.Fail, "the quantity is at least 2, so not below 2"},
		{"over", stats.Interval{Low: 2.1, Estimate: 2.5, High: 3}, stats.Fail, "even the lower bound is past 2"},
		{"nothing known", stats.Interval{High: math.Inf(1)}, stats.Inconclusive, "no evidence must never pass"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, row.interval.Below(2), row.reason)
		})
	}
}

func TestNamesOfVerdictsAndGrowths(t *testing.T) {
	require.Equal(t, []string{"inconclusive", "pass", "fail"},
		[]string{stats.Verdict(0).String(), stats.Pass.String(), stats.Fail.String()})
	require.Equal(t, []string{"unclear", "flat", "linear", "accelerating", "decelerating", "shedding"},
		[]string{stats.Growth(0).String(), stats.Flat.String(), stats.Linear.String(), stats.Accelerating.String(),
			stats.Decelerating.String(), stats.Shedding.String()})
}
