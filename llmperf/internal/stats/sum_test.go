package stats_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

// even returns n parts of value 1, evenly spread over the time and over users that take turns.
func even(n, users int) []stats.Part {
	parts := make([]stats.Part, n)
	for i := range parts {
		parts[i] = stats.Part{User: i % users, At: (float64(i) + 0.5) / float64(n), Value: 1}
	}
	return parts
}

func TestSumBoundsByHand(t *testing.T) {
	// What Student's t costs over the normal distribution, for 4 and for 29 degrees of freedom.
	t4, t29 := math.Pow(2.1318468/1.6448536, 2), math.Pow(1.6991270/1.6448536, 2)
	values := func(parts []stats.Part, value func(i int) float64) []stats.Part {
		for i := range parts {
			parts[i].Value = value(i)
		}
		return parts
	}
	first := even(100, 100)
	for i := range first {
		first[i].At /= 5
	}
	for _, row := range []struct {
		name   string
		parts  []stats.Part
		sum    float64
		effect float64
		worth  int // the count that the sum is as sure as
		reason string
	}{
		{"a count", even(100, 20), 100, 1, 100, "what is evenly spread is no surer than at random"},
		{"two each", values(even(100, 20), func(int) float64 { return 2 }), 200, 1, 100, "the unit does not matter"},
		{"unequal", []stats.Part{{Value: 3}, {Value: 1}, {Value: 1}, {Value: 1}}, 6, 1, 3, "6²/12; there are too few for stretches"},
		{"one", []stats.Part{{Value: 7}}, 7, 1, 1, "one request of any size"},
		{"one that counts", values(even(9, 9), func(i int) float64 { return float64(i / 8) }), 1, 1, 1, "what adds nothing changes nothing"},
		{"more in every other fifth", values(even(100, 20), func(i int) float64 { return float64(1 + i/20%2*2) }), 180, 2400. / 420 * t4, 8,
			"sums of 20, 60, 20, 60, 20: S² is 480, and the squares are 60 + 40·9"},
		{"all in one fifth", first, 100, 100 * t4, 1, "sums of 100, 0, 0, 0, 0: S² is 2,000, and the squares are 100"},
		{"a large user", values(even(300, 30), func(i int) float64 {
			if i%30 == 0 {
				return 9
			}
			return 1
		}), 380, 6400. / 1100 * t29, 21, "sums of 90 and 29 times 10: S² is 6,400/30, and the squares are 10·81 + 290"},
		{"one user of four", values(even(100, 4), func(i int) float64 { return float64(i % 4 / 3) }), 25, 1, 25, "four users are too few to compare"},
		{"a request a user", values(even(100, 100), func(i int) float64 { return float64(i % 4 / 3) }), 25, 1, 25, "no user sent two requests that might resemble each other"},
	} {
		t.Run(row.name, func(t *testing.T) {
			sum, effect := stats.SumBounds(row.parts, conf)
			count := stats.CountBounds(row.worth, conf)
			require.InEpsilon(t, row.effect, effect, 1e-6, row.reason)
			require.Equal(t, row.sum, sum.Estimate)
			require.InEpsilon(t, count.Low*row.sum/float64(row.worth), sum.Low, 1e-9, row.reason)
			require.InEpsilon(t, count.High*row.sum/float64(row.worth), sum.High, 1e-9, row.reason)
		})
	}
}

func TestSumBoundsOfNothing(t *testing.T) {
	for _, parts := range [][]stats.Part{nil, make([]stats.Part, 50)} {
		sum, effect := stats.SumBounds(parts, conf)
		require.Equal(t, stats.Interval{High: math.Inf(1)}, sum, "nothing says how large a request may be")
		require.Equal(t, 1.0, effect)
	}
}

// TestSumBoundsMissNoMoreThanTheyClaim measures how often the true sum is below the lower bound, which makes a false pass of what is at its
// limit, and above the upper one, a false failure. 5 % are claimed, and 6 % come by luck in so many repetitions. Where requests depend on
// each other for a tenth of the time, there are about ten independent times however many requests: bounds miss more, but far less than
// those for independent requests.
func TestSumBoundsMissNoMoreThanTheyClaim(t *testing.T) {
	const repetitions = 600
	size := func(r *rand.Rand, sigma float64) float64 { return math.Exp(sigma*r.NormFloat64() - sigma*sigma/2) } // mean 1
	// random returns parts that come at random, n on average.
	random := func(r *rand.Rand, n float64, value func(at float64) float64) (parts []stats.Part) {
		for at := r.ExpFloat64() / n; at < 1; at += r.ExpFloat64() / n {
			parts = append(parts, stats.Part{User: len(parts), At: at, Value: value(at)})
		}
		return parts
	}
	// closed returns parts of users who pause, n on average.
	closed := func(r *rand.Rand, n float64, users int, value func(u int) float64) (parts []stats.Part) {
		cycle := float64(users) / n
		for u := range users {
			for at := -10*cycle + 3*cycle*r.Float64(); at < 1; at += cycle * (0.5 + r.Float64()) {
				if at >= 0 {
					parts = append(parts, stats.Part{User: u, At: at, Value: value(u)})
				}
			}
		}
		return parts
	}
	// drift is a standard normal course that forgets itself over a tenth of the time.
	drift := func(r *rand.Rand) func(at float64) float64 {
		keep := math.Exp(-1.0 / 10)
		course := make([]float64, 100)
		course[0] = r.NormFloat64()
		for i := 1; i < len(course); i++ {
			course[i] = keep*course[i-1] + math.Sqrt(1-keep*keep)*r.NormFloat64()
		}
		return func(at float64) float64 { return course[int(at*100)] }
	}
	count := func(missed *[2]float64, b stats.Interval, truth float64) {
		if b.Low > truth {
			missed[0] += 100.0 / repetitions
		}
		if b.High < truth {
			missed[1] += 100.0 / repetitions
		}
	}
	for _, row := range []struct {
		name   string
		parts  func(r *rand.Rand, n float64) []stats.Part
		truth  float64 // of the sum, by n
		most   float64 // percent missed on either side
		plain  float64 // percent that bounds for independent requests miss at least on either side, at n=1000
		reason string
	}{
		{"at random, one each", func(r *rand.Rand, n float64) []stats.Part {
			return random(r, n, func(float64) float64 { return 1 })
		}, 1, 6, 0, "a Poisson count"},
		{"at random, sizes that vary by half", func(r *rand.Rand, n float64) []stats.Part {
			return random(r, n, func(float64) float64 { return size(r, 0.5) })
		}, 1, 6, 0, "answers of usual lengths"},
		{"at random, sizes that vary much", func(r *rand.Rand, n float64) []stats.Part {
			return random(r, n, func(float64) float64 { return size(r, 1) })
		}, 1, 6, 0, "a few long answers make up much of the sum, and few requests see few of them"},
		{"a closed loop", func(r *rand.Rand, n float64) []stats.Part {
			return closed(r, n, 30, func(int) float64 { return size(r, 0.5) })
		}, 1, 1, 0, "users who wait send more regularly than at random"},
		{"a size of each user's", func(r *rand.Rand, n float64) []stats.Part {
			sizes := curve(30, func(int) float64 { return size(r, 0.5) })
			return closed(r, n, 30, func(u int) float64 { return sizes[u] * size(r, 0.3) })
		}, 1, 9, 20, "what 30 users always ask says only so much of what all users ask"},
		{"failures in bursts", func(r *rand.Rand, n float64) []stats.Part {
			down := r.Float64() < 0.1
			course := curve(1000, func(int) float64 {
				if down {
					down = r.Float64() >= 0.1
					return 0
				}
				down = r.Float64() < 0.1*0.1/0.9
				return 1
			})
			return random(r, n, func(at float64) float64 { return course[int(at*1000)] })
		}, 0.9, 7.5, 12, "ten requests in a row fail, of a hundred"},
		{"goodness that drifts", func(r *rand.Rand, n float64) []stats.Part {
			drifts := drift(r)
			return random(r, n, func(at float64) float64 {
				if r.NormFloat64()+0.4*drifts(at) < math.Hypot(1, 0.4)*normalQuantile(0.8) {
					return 1
				}
				return 0
			})
		}, 0.8, 9, 15, "there are about ten independent times"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, n := range []float64{30, 100, 300, 1000} {
				r := newRand(15)
				var missed, plain [2]float64
				for range repetitions {
					parts := row.parts(r, n)
					sum, _ := stats.SumBounds(parts, conf)
					for i := range parts {
						parts[i].User, parts[i].At = i, float64(i)/float64(len(parts))
					}
					r.Shuffle(len(parts), func(i, j int) { parts[i].Value, parts[j].Value = parts[j].Value, parts[i].Value })
					independent, _ := stats.SumBounds(parts, conf)
					count(&missed, sum, row.truth*n)
					count(&plain, independent, row.truth*n)
				}
				t.Logf("n=%4.0f: %.1f/%.1f %% missed below and above, as if independent %.1f/%.1f %%", n, missed[0], missed[1], plain[0], plain[1])
				assert.LessOrEqual(t, max(missed[0], missed[1]), row.most, "n=%v: %s", n, row.reason)
				if n == 1000 {
					assert.GreaterOrEqual(t, min(plain[0], plain[1]), row.plain, "the case must need a correction")
				}
			}
		})
	}
}
