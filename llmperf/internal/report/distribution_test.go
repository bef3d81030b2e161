package report_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/report"
)

// upTo is the times 1, 2, …, n seconds.
func upTo(n int) []float64 {
	times := make([]float64, n)
	for i := range times {
		times[i] = float64(i + 1)
	}
	return times
}

func TestPercentilesAreThoseOfALogarithmicAxis(t *testing.T) {
	shares := report.Percentiles()
	require.True(t, slices.IsSorted(shares))
	assert.Equal(t, len(shares), len(slices.Compact(slices.Clone(shares))), "each is there once")
	for _, p := range []float64{0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999, 0.999999} {
		at, _ := slices.BinarySearchFunc(shares, p, func(a, b float64) int {
			if a < b-1e-12 {
				return -1
			}
			return 1
		})
		assert.InDelta(t, p, shares[at], 1e-12, "the axis has %v on it", p)
	}
	assert.Less(t, len(shares), 400, "a step of any size takes no more points than that")
}

func TestCDFIsByNearestRank(t *testing.T) {
	shares, values := report.Percentiles(), report.CDF(upTo(1000))
	for i, v := range values {
		assert.Equal(t, math.Max(1, math.Ceil(1000*shares[i]*(1-1e-12))), v, "%v of 1000", shares[i])
	}
	assert.Equal(t, 1000.0, values[len(values)-1], "the last one is the maximum")
	assert.Equal(t, 999.0, values[len(values)-2], "and comes once")
	assert.Equal(t, []float64{7}, report.CDF([]float64{7}))
	assert.Empty(t, report.CDF(nil))
}

func TestRoundKeepsSixDigits(t *testing.T) {
	for in, want := range map[float64]float64{0: 0, 1.23456789: 1.23457, 1234567.8: 1234570, 0.000123456789: 0.000123457, -9.9999999: -10, 1: 1} {
		assert.Equal(t, want, report.Round(in))
	}
}

func TestHistogramCountsEveryTimeInItsBin(t *testing.T) {
	tests := []struct {
		name   string
		times  []float64
		reason string
	}{
		{"one", []float64{1}, "an edge is the lower end of its bin"},
		{"same", []float64{0.3, 0.3, 0.3}, "no width"},
		{"narrow", []float64{1, 1.001, 1.002, 1.0021, 1.1}, "bins are as narrow as the times are close"},
		{"wide", []float64{0.0001, 0.02, 0.02, 3, 500}, "bins are as wide as the times are far apart"},
		{"powers", []float64{0.25, 0.5, 1, 2, 4}, "powers of two are edges at any fineness"},
		{"zero", []float64{0, 0, 1e-7, 0.5}, "what took no time counts as a microsecond"},
		{"many", upTo(5000), "many"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := report.NewHistogram(tt.times)
			want := make([]int, len(h.Counts))
			for _, v := range tt.times {
				bin := math.Floor(math.Log2(max(v, 1e-6)) * float64(h.PerOctave))
				want[int(bin)-h.First]++
			}
			assert.Equal(t, want, h.Counts, tt.reason)
			assert.Equal(t, 1, 1&^(h.PerOctave&(h.PerOctave-1)), "%d is a power of two", h.PerOctave)
			assert.LessOrEqual(t, len(h.Counts), 130, "no more bins than can be drawn")
			assert.Positive(t, h.Counts[0])
			assert.Positive(t, h.Counts[len(h.Counts)-1])
		})
	}
	assert.Empty(t, report.NewHistogram(nil).Counts)
}
