package report

import (
	"math"
	"slices"
	"sort"

	"llmperf.dev/llmperf/internal/stats"
)

// Percentiles are those at which a CDF is given, as shares: each hundredth up to
// 0.9, as from there on the axis is logarithmic 50 to every tenth of what is left
// above, and 0.95.
func Percentiles() []float64 {
	shares := []float64{0.95}
	for i := range 90 {
		shares = append(shares, float64(i)/100)
	}
	for i := range 5*50 + 1 {
		shares = append(shares, 1-math.Pow(10, -1-float64(i)/50))
	}
	slices.Sort(shares)
	return shares
}

// CDF is the values at Percentiles, by nearest rank and to six digits, up to the
// first that is the maximum.
func CDF(sorted []float64) []float64 {
	var values []float64
	for _, p := range Percentiles() {
		rank := stats.NearestRank(len(sorted), p)
		if rank == 0 {
			return nil
		}
		values = append(values, Round(sorted[rank-1]))
		if rank == len(sorted) {
			break
		}
	}
	return values
}

// Round rounds v to six digits: three are shown, and rounded once more.
func Round(v float64) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

const (
	mostBins  = 100 // but for the widest distributions
	shortest  = 1e-6
	finestBin = 1024 // per octave
	widestBin = 4
)

// NewHistogram counts ascending times in seconds. One below a microsecond counts
// as that.
func NewHistogram(sorted []float64) Histogram {
	if len(sorted) == 0 {
		return Histogram{}
	}
	least, most := math.Log2(max(sorted[0], shortest)), math.Log2(max(sorted[len(sorted)-1], shortest))
	h := Histogram{PerOctave: finestBin}
	for h.PerOctave > widestBin && (most-least)*float64(h.PerOctave) > mostBins {
		h.PerOctave /= 2
	}
	per := float64(h.PerOctave)
	h.First = int(math.Floor(least * per))
	for bin, counted := h.First, 0; counted < len(sorted); bin++ {
		edge := math.Exp2(float64(bin+1) / per)
		below := sort.SearchFloat64s(sorted, edge)
		h.Counts = append(h.Counts, below-counted)
		counted = below
	}
	return h
}
