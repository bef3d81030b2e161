package stats

import "math"

// Isotonic returns the non-decreasing sequence closest to y in weighted least squares, by pooling adjacent violators (PAVA).
// y and w have the same length; a nil w weighs all alike. Weights are finite and not negative.
//
// A NaN in y, or a weight of 0, marks a missing value: it takes its predecessor's fit, or the first fit there is. If every value is
// missing, so is every fit: NaN. A block that holds +Inf is fitted +Inf, so that everything after a +Inf is +Inf too; otherwise a block
// that holds -Inf is fitted -Inf.
//
// Sources: Ayer et al., "An empirical distribution function for sampling with incomplete information" (1955); Barlow et al.,
// Statistical Inference under Order Restrictions (1972), section 1.2.
func Isotonic(y, w []float64) []float64 {
	type block struct {
		mean, weight float64
		end          int // index after its last value
	}
	var blocks []block
	for i, v := range y {
		b := block{mean: v, weight: 1, end: i + 1}
		if w != nil {
			b.weight = w[i]
		}
		if math.IsNaN(v) || b.weight == 0 {
			if len(blocks) > 0 {
				blocks[len(blocks)-1].end = i + 1
			}
			continue
		}
		for len(blocks) > 0 && blocks[len(blocks)-1].mean >= b.mean {
			last := blocks[len(blocks)-1]
			b.mean = pooledMean(last.mean, last.weight, b.mean, b.weight)
			b.weight += last.weight
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}

	fit := make([]float64, len(y))
	next := 0
	for i := range fit {
		if len(blocks) == 0 {
			fit[i] = math.NaN()
			continue
		}
		if i >= blocks[next].end {
			next++
		}
		fit[i] = blocks[next].mean
	}
	return fit
}

// pooledMean returns the mean of two values weighted by wa and wb, which are positive; +Inf prevails over anything, -Inf over finite
// values.
func pooledMean(a, wa, b, wb float64) float64 {
	if math.IsInf(a, 1) || math.IsInf(b, 1) {
		return math.Inf(1)
	}
	if a == b {
		return a // without the rounding error of the division
	}
	return (a*wa + b*wb) / (wa + wb)
}
