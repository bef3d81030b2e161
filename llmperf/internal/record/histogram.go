package record

import (
	"fmt"
	"sort"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range and precision of every histogram: 1 µs to 1 h at three digits, so
// that a value read back is at most 0.1 % above the one recorded.
const (
	lowest  = int64(time.Microsecond)
	highest = int64(time.Hour)
	digits  = 3
)

// A Histogram counts durations in nanoseconds.
type Histogram struct{ h *hdrhistogram.Histogram }

// NewHistogram returns an empty histogram.
func NewHistogram() *Histogram { return &Histogram{hdrhistogram.New(lowest, highest, digits)} }

// Record counts one duration; one beyond the range counts at its end.
func (h *Histogram) Record(ns int64) {
	// The value is within the histogram's range, which is the only error there is.
	_ = h.h.RecordValue(Clamp(ns))
}

// Merge adds all that o has counted.
func (h *Histogram) Merge(o *Histogram) { h.h.Merge(o.h) }

// N is how many durations were counted.
func (h *Histogram) N() int { return int(h.h.TotalCount()) }

// Mean is the mean of the durations counted, in nanoseconds.
func (h *Histogram) Mean() float64 { return h.h.Mean() }

// Max is the highest duration counted, in nanoseconds, to three digits.
func (h *Histogram) Max() int64 { return h.h.Max() }

// Quantile is the p-quantile of the durations counted, in nanoseconds, to three
// digits; 0 of none.
func (h *Histogram) Quantile(p float64) int64 { return h.h.ValueAtQuantile(p * 100) }

// AtRank returns the lowest and the highest duration that the k-th smallest
// one counted (1-based) may have had, given the histogram's precision; 0 where so
// many were not counted.
func (h *Histogram) AtRank(k int) (low, high int64) {
	n := h.N()
	if k > n {
		return 0, 0
	}
	// The rank is rounded to the nearest, which k itself is.
	high = h.h.ValueAtPercentile(100 * float64(max(k, 1)) / float64(n))
	widest := int(high/1000 + lowest) // durations that count as one are fewer
	return high - int64(sort.Search(widest, func(i int) bool { return !h.h.ValuesAreEquivalent(high-int64(i)-1, high) })), high
}

// Encode returns the histogram as HdrHistogram's logs hold it: in its compressed
// V2 encoding, in base64.
func (h *Histogram) Encode() (string, error) {
	data, err := h.h.EncodeV2()
	return string(data), err
}

// DecodeHistogram is the histogram that Encode wrote. One of another range or
// precision is refused, since it could not be merged with others.
func DecodeHistogram(text string) (*Histogram, error) {
	h, err := hdrhistogram.Decode([]byte(text))
	if err != nil {
		return nil, err
	}
	if h.LowestTrackableValue() != lowest || h.HighestTrackableValue() != highest || h.SignificantFigures() != digits {
		return nil, fmt.Errorf("it counts %d to %d at %d digits: want %d to %d at %d", h.LowestTrackableValue(), h.HighestTrackableValue(), h.SignificantFigures(), lowest, highest, digits)
	}
	return &Histogram{h}, nil
}

// Clamp is ns as a histogram counts it: within its range.
func Clamp(ns int64) int64 { return min(max(ns, lowest), highest) }

// Equal reports whether both have counted the same.
func (h *Histogram) Equal(o *Histogram) bool { return h.h.Equals(o.h) }
