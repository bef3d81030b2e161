package stats

import "math"

// MSER5 returns how many leading values of x, which are in order of time, the marginal standard error rule takes for warm-up: a
// multiple of 5, 0 if fewer than 15 values are given. It averages x in batches of 5 and cuts the d batches for which the standard error
// of what remains, Σ(Y-Ȳ)²/(k-d)² over the k-d batches left, is smallest; the fewest, if several do. Less than half of the batches
// are cut: a minimum further on says that the series never settled. A batch that holds +Inf can only be cut, not kept, and if none of the
// cuts allowed removes every such batch the result is 0.
// Sources: White, "An effective truncation heuristic for bias reduction in simulation output", Simulation 69 (1997); White, Cobb and
// Spratt, "A comparison of five steady-state truncation heuristics for simulation", WSC (2000).
func MSER5(x []float64) (cut int) {
	const size = 5
	batches := len(x) / size
	// The remainder grows from the last batch backwards, its mean and sum of squares by Welford's update.
	best, mean, squares := math.MaxFloat64, 0.0, 0.0
	for d := batches - 1; d >= 0; d-- {
		y := 0.0
		for _, v := range x[d*size : (d+1)*size] {
			y += v / size
		}
		kept := float64(batches - d)
		delta := y - mean
		mean += delta / kept
		squares += delta * (y - mean)
		if statistic := squares / (kept * kept); 2*d < batches && statistic <= best {
			best, cut = statistic, d*size
		}
	}
	return cut
}
