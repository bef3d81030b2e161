package llmperftest

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Lengths is a distribution of output lengths, in tokens.
type Lengths interface {
	fmt.Stringer
	draw(r *rand.Rand) int
	mean() float64
}

// Fixed makes every answer n tokens long.
func Fixed(n int) Lengths { return fixed(n) }

// Uniform draws lengths evenly from least to most.
func Uniform(least, most int) Lengths { return uniform{least, most} }

// LogNormal draws lengths with the given median; sigma is the standard
// deviation of their logarithm, 0.5 for a moderate spread. None is above most.
func LogNormal(median int, sigma float64, most int) Lengths { return logNormal{median, sigma, most} }

type fixed int

func (f fixed) String() string        { return fmt.Sprintf("Fixed(%d)", int(f)) }
func (f fixed) draw(r *rand.Rand) int { return int(f) }
func (f fixed) mean() float64         { return float64(f) }

type uniform struct{ least, most int }

func (u uniform) String() string        { return fmt.Sprintf("Uniform(%d, %d)", u.least, u.most) }
func (u uniform) draw(r *rand.Rand) int { return u.least + r.IntN(max(1, u.most-u.least+1)) }
func (u uniform) mean() float64         { return float64(u.least+u.most) / 2 }

type logNormal struct {
	median int
	sigma  float64
	most   int
}

func (l logNormal) String() string {
	return fmt.Sprintf("LogNormal(%d, %g, %d)", l.median, l.sigma, l.most)
}

func (l logNormal) draw(r *rand.Rand) int {
	return min(l.most, int(math.Round(float64(l.median)*math.Exp(l.sigma*r.NormFloat64()))))
}

// mean leaves the cut at most out of account.
func (l logNormal) mean() float64 { return float64(l.median) * math.Exp(l.sigma*l.sigma/2) }
