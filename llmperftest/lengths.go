package llmperftest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Lengths is a distribution of lengths, in tokens. Any type with these methods
// will do beside those of this package. They are called by several goroutines
// at once.
type Lengths interface {
	fmt.Stringer
	Draw(r *rand.Rand) int // a length, which may depend on nothing but r
	Mean() float64         // for Engine.Latency; about will do
}

// Fixed makes every length n.
func Fixed(n int) Lengths { return fixed(n) }

// Uniform draws lengths evenly from least to most.
func Uniform(least, most int) Lengths { return uniform{least, most} }

// LogNormal draws lengths with the given median; sigma is the standard
// deviation of their logarithm, 0.5 for a moderate spread. None is above most.
func LogNormal(median int, sigma float64, most int) Lengths { return logNormal{median, sigma, most} }

// Empirical draws from the given lengths, such as those of recorded answers,
// evenly and with replacement.
func Empirical(lengths ...int) Lengths { return empirical(slices.Clone(lengths)) }

type fixed int

func (f fixed) String() string      { return fmt.Sprintf("Fixed(%d)", int(f)) }
func (f fixed) Draw(*rand.Rand) int { return int(f) }
func (f fixed) Mean() float64       { return float64(f) }

func (f fixed) validate() error {
	if f < 0 {
		return fmt.Errorf("%v: want a length of at least 0", f)
	}
	return nil
}

type uniform struct{ least, most int }

func (u uniform) String() string        { return fmt.Sprintf("Uniform(%d, %d)", u.least, u.most) }
func (u uniform) Draw(r *rand.Rand) int { return u.least + r.IntN(u.most-u.least+1) }
func (u uniform) Mean() float64         { return float64(u.least+u.most) / 2 }

func (u uniform) validate() error {
	if u.least < 0 || u.most < u.least {
		return fmt.Errorf("%v: want at least 0 first, and no less than that second", u)
	}
	return nil
}

type logNormal struct {
	median int
	sigma  float64
	most   int
}

func (l logNormal) String() string {
	return fmt.Sprintf("LogNormal(%d, %g, %d)", l.median, l.sigma, l.most)
}

func (l logNormal) Draw(r *rand.Rand) int {
	return int(min(float64(l.most), math.Round(float64(l.median)*math.Exp(l.sigma*r.NormFloat64()))))
}

// Mean leaves the cut at most out of account.
func (l logNormal) Mean() float64 { return float64(l.median) * math.Exp(l.sigma*l.sigma/2) }

func (l logNormal) validate() error {
	if l.median < 1 || !(l.sigma >= 0) || math.IsInf(l.sigma, 1) || l.most < l.median {
		return fmt.Errorf("%v: want a median of at least 1, a sigma of at least 0, and a most of no less than the median", l)
	}
	return nil
}

type empirical []int

func (e empirical) String() string        { return fmt.Sprintf("Empirical(%d lengths)", len(e)) }
func (e empirical) Draw(r *rand.Rand) int { return e[r.IntN(len(e))] }

func (e empirical) Mean() float64 {
	sum := 0.0
	for _, n := range e {
		sum += float64(n)
	}
	return sum / float64(len(e))
}

func (e empirical) validate() error {
	if len(e) == 0 {
		return errors.New("Empirical(): want lengths")
	}
	if least := slices.Min(e); least < 0 {
		return fmt.Errorf("%v, one of which is %d: want lengths of at least 0", e, least)
	}
	return nil
}

// validateLengths checks a distribution of this package.
func validateLengths(l Lengths) error {
	if v, ok := l.(interface{ validate() error }); ok {
		return v.validate()
	}
	return nil
}
