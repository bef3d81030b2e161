package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"

	"llmperf.dev/llmperf/internal/stats"
)

// conf is the one-sided confidence of every test that does not set its own.
const conf = 0.95

// newRand returns a random source that is the same in every run of a test.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x5eed)) }

// uniforms returns n sorted values of the uniform distribution; a distribution's quantile function turns them into its own.
func uniforms(r *rand.Rand, n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = r.Float64()
	}
	slices.Sort(values)
	return values
}

// normalQuantile returns the p-quantile of the standard normal distribution.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// lognormal returns the quantile function of a lognormal distribution with median 1.
func lognormal(sigma float64) func(float64) float64 {
	return func(u float64) float64 { return math.Exp(sigma * normalQuantile(u)) }
}

// mapped returns f of each value.
func mapped(values []float64, f func(float64) float64) []float64 {
	result := make([]float64, len(values))
	for i, v := range values {
		result[i] = f(v)
	}
	return result
}

// A server is a synthetic service: the true p95 and failure rate at each of its levels of load, 10, 20, 30 … users.
type server struct {
	p95      []float64 // over the baseline's
	failures []float64 // nil for none
	noise    float64   // standard deviation of the speed, on a logarithmic scale, which drifts within a level over some ten requests
	baseline int       // requests at the first level
	n        int       // requests at each other level
}

// levels measures the server once. Latencies are lognormal with sigma 0.5 within a level.
func (s server) levels(r *rand.Rand) []stats.Level {
	var levels []stats.Level
	for i, p95 := range s.p95 {
		l := stats.Level{Load: float64(10 * (i + 1)), Requests: s.n}
		if i == 0 {
			l.Requests = s.baseline
		}
		if s.failures != nil {
			for range l.Requests {
				if r.Float64() < s.failures[i] {
					l.Failed++
				}
			}
		}
		l.N = l.Requests - l.Failed
		scale := p95 * math.Exp(-0.5*normalQuantile(0.95))
		observations := make([]stats.Observation, l.N)
		speed := r.NormFloat64()
		for j := range observations {
			speed = 0.9*speed + math.Sqrt(1-0.9*0.9)*r.NormFloat64()
			observations[j].Value = scale * math.Exp(0.5*r.NormFloat64()+s.noise*speed)
			observations[j].User = r.IntN(10 * (i + 1))
		}
		for _, o := range observations {
			l.Sorted = append(l.Sorted, o.Value)
		}
		slices.Sort(l.Sorted)
		l.NEff = stats.EffectiveN(l.N, stats.QuantileDesignEffect(observations, 0.95))
		l.Quantile = stats.Quantile(l.Sorted, 0.95, conf, l.NEff)
		levels = append(levels, l)
	}
	return levels
}

// share returns in how many of repetitions something happens, in percent.
func share(repetitions int, happens func() bool) float64 {
	count := 0
	for range repetitions {
		if happens() {
			count++
		}
	}
	return 100 * float64(count) / float64(repetitions)
}

// curve returns f(0), f(1), … f(n-1).
func curve(n int, f func(i int) float64) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = f(i)
	}
	return values
}
