package llmperf

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Arrivals say how the requests of an open loop come about their rate: as
// [Poisson], [Evenly], or by [Gamma] anything between bursts and evenly. The zero
// Arrivals is the default, Poisson. On average all of them send the same number of
// requests. These are the ones of the first thirty mean gaps of seed 1, two
// columns to a mean gap; a digit is so many requests in one column:
//
//	Evenly         | | | | | | | | | | | | | | | | | | | | | | | | | | | | |
//	Gamma(10)     || |  | | |  |  | | | | || |   | |  | |  ||  |  | ||  |  ||
//	Poisson        |    |  | ||      |  | 2|| |  2  ||||| |||2 | | ||222 |
//	Gamma(0.25)  3  | 2    4  |3                          52 |||           |
//	             0         5         10        15        20        25
type Arrivals struct {
	kind       arrivalsKind
	burstiness float64 // the shape of gamma-distributed gaps
}

type arrivalsKind int

const (
	arrivalsPoisson arrivalsKind = iota + 1
	arrivalsEvenly
	arrivalsGamma
)

// Poisson lets requests come independently of each other, as those of many users
// do: gaps are exponential.
var Poisson = Arrivals{kind: arrivalsPoisson}

// Evenly lets requests come one by one at equal gaps. No crowd of users does so:
// a service that copes with it may not cope with Poisson's small bursts.
var Evenly = Arrivals{kind: arrivalsEvenly}

// Gamma lets gaps have a gamma distribution whose shape is the burstiness, from
// 0.01 to 1000; that of vLLM's benchmark (--burstiness) is the same. 1 is
// Poisson. Below 1 requests come in bursts with long gaps between them, above 1
// more regularly. The standard deviation of a gap is 1/√burstiness times its
// mean, so that at 0.01 a step of a thousand requests has a third more or fewer
// by chance, and at 1000 gaps vary by 3 %: what is beyond is no rate any more, or
// is Evenly.
func Gamma(burstiness float64) Arrivals {
	return Arrivals{kind: arrivalsGamma, burstiness: burstiness}
}

const leastBurstiness, mostBurstiness = 0.01, 1000

// String is the kind of arrivals in words.
func (a Arrivals) String() string {
	switch a.kind {
	case arrivalsEvenly:
		return "evenly"
	case arrivalsGamma:
		return fmt.Sprintf("gamma, burstiness %g", a.burstiness)
	default:
		return "Poisson"
	}
}

func (a Arrivals) validate() error {
	if a.kind == arrivalsGamma && !(a.burstiness >= leastBurstiness && a.burstiness <= mostBurstiness) {
		return fmt.Errorf("scenario.Arrivals is Gamma(%v): want a burstiness from %v to %v, such as 0.5 for bursts; 1 is llmperf.Poisson, and without any chance it is llmperf.Evenly",
			a.burstiness, leastBurstiness, mostBurstiness)
	}
	return nil
}

// gap is the time between the i-th request and the one before, as a multiple of
// the mean gap.
func (a Arrivals) gap(seed uint64, i int) float64 {
	var pcg rand.PCG
	pcg.Seed(streamOf(seed, i, 0, streamArrivals))
	r := rand.New(&pcg)
	switch a.kind {
	case arrivalsEvenly:
		return 1
	case arrivalsGamma:
		return gamma(r, a.burstiness) / a.burstiness
	default:
		return r.ExpFloat64()
	}
}

// gamma draws from the gamma distribution of the given shape and scale 1, by
// Marsaglia and Tsang, "A simple method for generating gamma variables", ACM
// Transactions on Mathematical Software 26 (2000). For shapes below 1 it is their
// section 6: of shape + 1, times a uniform value to the power of 1/shape.
func gamma(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(r, shape+1) * math.Pow(r.Float64(), 1/shape)
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
		u := r.Float64()
		if u < 1-0.0331*x*x*x*x || math.Log(u) < x*x/2+d*(1-v+math.Log(v)) {
			return d * v
		}
	}
}
