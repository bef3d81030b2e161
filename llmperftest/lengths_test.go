package llmperftest

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A fatality notes what ends a test.
type fatality struct {
	testing.TB
	message string
}

func (f *fatality) Helper() {}
func (f *fatality) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestLengthsHaveTheirMean(t *testing.T) {
	for _, l := range []Lengths{Fixed(7), Uniform(3, 9), LogNormal(50, 0.5, 5000), Empirical(1, 2, 30)} {
		r := rand.New(rand.NewPCG(1, 2))
		const draws = 200_000
		sum := 0.0
		for range draws {
			sum += float64(l.Draw(r))
		}
		assert.InEpsilon(t, l.Mean(), sum/draws, 0.02, "%v", l)
	}
}

func TestLengthsStayWithinTheirBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[int]bool{}
	for range 1000 {
		seen[Empirical(4, 8).Draw(r)] = true
		assert.LessOrEqual(t, LogNormal(50, 3, 60).Draw(r), 60)
	}
	assert.Equal(t, map[int]bool{4: true, 8: true}, seen)
}

func TestDistributionsThatCannotBeAreFatal(t *testing.T) {
	rows := []struct {
		name   string
		engine Engine
		says   string
	}{
		{"backwards", Engine{Output: Uniform(5, 3)}, "Engine.Output is Uniform(5, 3): want"},
		{"negative", Engine{Output: Fixed(-1)}, "Engine.Output is Fixed(-1): want"},
		{"nothing", Engine{Output: Fixed(0)}, "Engine.Output is Fixed(0): want a mean of at least 1 token"},
		{"median", Engine{Output: LogNormal(0, 1, 10)}, "LogNormal(0, 1, 10)"},
		{"cut below the median", Engine{Output: LogNormal(50, 1, 10)}, "no less than the median"},
		{"no lengths", Engine{Output: Empirical()}, "Empirical(): want lengths"},
		{"negative length", Engine{Output: Empirical(3, -4)}, "one of which is -4"},
		{"reasoning", Engine{Reasoning: Uniform(-5, 3)}, "Engine.Reasoning is Uniform(-5, 3)"},
		{"chunk", Engine{TokensPerChunk: -2}, "Engine.TokensPerChunk is -2"},
		{"retry", Engine{RetryAfter: -1}, "Engine.RetryAfter is -1ns"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			fatal := &fatality{TB: t}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				NewServer(fatal, row.engine)
			}()
			<-ended
			assert.Contains(t, fatal.message, row.says)
		})
	}
}
