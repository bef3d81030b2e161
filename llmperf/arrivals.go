package llmperf

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Arrivals say how the requests of an open loop come about their rate. The zero
// Arrivals is the default, [Poisson].
//
//	Evenly           |    |    |    |    |    |    |    |    |    |    |
//	Gamma(4)       |   |      |    |  |    |  |        |        |     |   |
//	Poisson          || |     ||    | |  |  |                  |      ||
//	Gamma(0.25) |||       |                       ||            | |    |
//
// Whatever they are, the rate is that of the [Load] in the mean; where it
// changes, they are stretched with it. They derive from the scenario's seed.
type Arrivals struct {
	kind       arrivalKind
	burstiness float64 // of gamma arrivals, the distribution's shape
}

type arrivalKind uint8

const (
	arrivalsUnset arrivalKind = iota
	arrivalsPoisson
	arrivalsEvenly
	arrivalsGamma
)

// Poisson lets requests come independently of each other, as those of many users
// do: the gaps between them are exponential.
var Poisson = Arrivals{kind: arrivalsPoisson}

// Evenly lets requests come at equal gaps.
var Evenly = Arrivals{kind: arrivalsEvenly}

// Gamma lets requests come at gaps of a gamma distribution whose shape is the
// burstiness: 1 is [Poisson], less comes in bursts, more is more regular. The
// standard deviation of a gap is 1/√burstiness of its mean. It is the burstiness
// of vLLM's benchmark. Values from 0.05 to 1000 make sense.
func Gamma(burstiness float64) Arrivals { return Arrivals{arrivalsGamma, burstiness} }

// String names the arrivals as they are written.
func (a Arrivals) String() string {
	switch a.kind {
	case arrivalsPoisson:
		return "Poisson"
	case arrivalsEvenly:
		return "Evenly"
	default:
		return fmt.Sprintf("Gamma(%v)", a.burstiness)
	}
}

func (a Arrivals) validate() error {
	if a.kind == arrivalsGamma && !(a.burstiness >= 0.05 && a.burstiness <= 1000) {
		return fmt.Errorf("scenario.Arrivals is %v: want a burstiness from 0.05 to 1000, such as 1 for requests that come independently of each other", a)
	}
	return nil
}

// gap is the time between the i-th request and the one before, as a multiple of
// the mean gap.
func (a Arrivals) gap(seed uint64, i int) float64 {
	if a.kind == arrivalsEvenly {
		return 1
	}
	var pcg rand.PCG
	pcg.Seed(streamOf(seed, i, 0, streamArrivals))
	r := rand.New(&pcg)
	if a.kind == arrivalsPoisson {
		return r.ExpFloat64()
	}
	return gamma(r, a.burstiness) / a.burstiness
}

// gamma draws from the gamma distribution of the given shape and scale 1, by the
// method of Marsaglia and Tsang (ACM Transactions on Mathematical Software 26,
// 2000), with theirs for shapes below 1.
func gamma(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		u := 1 - r.Float64() // never 0
		return gamma(r, shape+1) * math.Pow(u, 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v *= v * v
		if math.Log(1-r.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
