package stats

import "math"

// Crossing returns the x at which a quantity that grows with x reaches 0, where y was measured of it at x with weights w, as
// [Isotonic] has them. It is found on the isotonic fit, by a straight line between the last x whose fit is below 0 and the first
// whose fit is not: all of the measurements have their say, so that one that came out wrong by chance is outvoted by its neighbours.
//
// The values of x ascend and are finite. The result is -Inf if no fit is below 0, and +Inf if all are, or if there is none.
// A fit of +Inf next to a finite one puts the crossing at the finite one, and so does one of -Inf; between the two, it is in the middle.
func Crossing(x, y, w []float64) float64 {
	last, at := math.Inf(-1), math.Inf(-1) // the fit that came before, and its x
	for i, fit := range Isotonic(y, w) {
		switch {
		case math.IsNaN(fit):
			return math.Inf(1)
		case fit < 0:
			last, at = fit, x[i]
		case math.IsInf(at, -1):
			return at
		case math.IsInf(last, -1) && math.IsInf(fit, 1):
			return (at + x[i]) / 2
		case math.IsInf(last, -1):
			return x[i]
		default:
			return at + (x[i]-at)*(last/(last-fit))
		}
	}
	return math.Inf(1)
}
