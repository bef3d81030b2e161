package llmperf

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Arrivals say how the requests of an open loop come about their rate. The zero
// Arrivals is the default, [Poisson].
type Arrivals struct{ burstiness float64 }

// Poisson lets requests come independently of each other, as those of many users
// do: gaps are exponential.
var Poisson = Arrivals{1}

func (a Arrivals) validate() error {
	if !(a.burstiness > 0) || math.IsInf(a.burstiness, 1) {
		return fmt.Errorf("scenario.Arrivals has a burstiness of %v: want more than 0", a.burstiness)
	}
	return nil
}

// gap is the time between the i-th request and the one before, as a multiple of
// the mean gap.
func (a Arrivals) gap(seed uint64, i int) float64 {
	var pcg rand.PCG
	pcg.Seed(streamOf(seed, i, 0, streamArrivals))
	return rand.New(&pcg).ExpFloat64()
}
