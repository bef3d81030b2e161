package llmperf

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Lengths is a distribution of lengths: of prompts in words, of answers in
// tokens, of conversations in turns. Package llmperftest's fit too. Draw must
// be safe for concurrent use; what it draws at random comes from r alone. A
// length below 1 counts as 1, and one above 1,000,000 as that.
type Lengths interface {
	Draw(r *rand.Rand) int
	Mean() float64
	String() string
}

// maxLength is more than any model takes.
const maxLength = 1_000_000

// drawLength draws from lengths that may be anybody's.
func drawLength(l Lengths, r *rand.Rand) int { return min(max(1, l.Draw(r)), maxLength) }

// validateLengths says what is wrong with the lengths of a field.
func validateLengths(field string, l Lengths) error {
	if v, ok := l.(validator); ok {
		if err := v.validate(); err != nil {
			return fmt.Errorf("%s is %w", field, err)
		}
		return nil
	}
	if mean := l.Mean(); !(mean > 0 && mean <= maxLength) {
		return fmt.Errorf("%s is %v, with a mean of %v: want lengths from 1 to %s", field, l, mean, count(maxLength))
	}
	return nil
}

// Fixed is always n.
func Fixed(n int) Lengths { return fixed(n) }

// Uniform draws lengths evenly from least to most, both included.
func Uniform(least, most int) Lengths { return uniform{least, most} }

// LogNormal draws lengths with the given median, as lengths of prompts and
// answers often are distributed; sigma is the standard deviation of their natural
// logarithm, 0.5 for a moderate spread. Lengths above most become most.
func LogNormal(median int, sigma float64, most int) Lengths { return logNormal{median, sigma, most} }

// Empirical draws one of the given lengths, such as those of a service's log,
// evenly.
func Empirical(lengths ...int) Lengths { return empirical(slices.Clone(lengths)) }

type fixed int

func (f fixed) String() string      { return fmt.Sprintf("Fixed(%d)", int(f)) }
func (f fixed) Draw(*rand.Rand) int { return int(f) }
func (f fixed) Mean() float64       { return float64(f) }

func (f fixed) validate() error {
	if f < 1 || f > maxLength {
		return fmt.Errorf("%v: want a length from 1 to %s", f, count(maxLength))
	}
	return nil
}

type uniform struct{ least, most int }

func (u uniform) String() string        { return fmt.Sprintf("Uniform(%d, %d)", u.least, u.most) }
func (u uniform) Draw(r *rand.Rand) int { return u.least + r.IntN(u.most-u.least+1) }
func (u uniform) Mean() float64         { return float64(u.least+u.most) / 2 }

func (u uniform) validate() error {
	if u.least < 1 || u.most < u.least || u.most > maxLength {
		return fmt.Errorf("%v: want 1 <= least <= most <= %s", u, count(maxLength))
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
	length := math.Round(float64(l.median) * math.Exp(l.sigma*r.NormFloat64()))
	return int(min(max(1, length), float64(l.most)))
}

// Mean takes the cut at most into account.
func (l logNormal) Mean() float64 {
	if l.sigma == 0 {
		return float64(l.median)
	}
	below := func(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
	z := math.Log(float64(l.most)/float64(l.median)) / l.sigma
	return float64(l.median)*math.Exp(l.sigma*l.sigma/2)*below(z-l.sigma) + float64(l.most)*below(-z)
}

func (l logNormal) validate() error {
	switch {
	case l.median < 1 || l.most < l.median || l.most > maxLength:
		return fmt.Errorf("%v: want 1 <= median <= most <= %s", l, count(maxLength))
	case !(l.sigma >= 0 && l.sigma <= 5):
		return fmt.Errorf("%v: sigma is the standard deviation of the logarithm of a length, such as 0.5; want 0 to 5", l)
	}
	return nil
}

type empirical []int

func (e empirical) String() string {
	if len(e) > 5 {
		return fmt.Sprintf("Empirical(%s, mean %.4g)", plural(len(e), "length"), e.Mean())
	}
	return fmt.Sprintf("Empirical(%v)", []int(e))
}

func (e empirical) Draw(r *rand.Rand) int { return e[r.IntN(len(e))] }

func (e empirical) Mean() float64 {
	sum := 0.0
	for _, length := range e {
		sum += float64(length)
	}
	return sum / float64(len(e))
}

func (e empirical) validate() error {
	if len(e) == 0 {
		return errors.New("Empirical(): want at least one length")
	}
	for i, length := range e {
		if length < 1 || length > maxLength {
			return fmt.Errorf("Empirical, whose length %d is %d: want lengths from 1 to %s", i+1, length, count(maxLength))
		}
	}
	return nil
}
