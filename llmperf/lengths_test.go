package llmperf

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// distance is the Kolmogorov-Smirnov distance between draws and a distribution
// of whole numbers, whose P(length <= k) is cdf(k).
func distance(draws []int, cdf func(k int) float64) float64 {
	most := 0
	counts := map[int]int{}
	for _, k := range draws {
		counts[k]++
		most = max(most, k)
	}
	furthest, sum := 0.0, 0
	for k := range most + 1 {
		sum += counts[k]
		furthest = max(furthest, math.Abs(float64(sum)/float64(len(draws))-cdf(k)))
	}
	return furthest
}

// critical is the distance that n draws of the very distribution exceed with a
// probability of at most 1 %.
func critical(n int) float64 { return 1.63 / math.Sqrt(float64(n)) }

// logNormalCDF is the formula for lengths rounded to whole numbers and cut.
func logNormalCDF(median, sigma float64, most int) func(int) float64 {
	return func(k int) float64 {
		switch {
		case k < 1:
			return 0
		case k >= most:
			return 1
		}
		return math.Erfc(-math.Log((float64(k)+0.5)/median)/sigma/math.Sqrt2) / 2
	}
}

var lengthsOfKnownTruth = []struct {
	lengths Lengths
	cdf     func(k int) float64
	reason  string
}{
	{Fixed(7), func(k int) float64 {
		if k < 7 {
			return 0
		}
		return 1
	}, "always 7"},
	{Uniform(5, 14), func(k int) float64 { return min(1, max(0, float64(k-4)/10)) }, "both ends are drawn"},
	{LogNormal(100, 0.5, 5000), logNormalCDF(100, 0.5, 5000), "hardly ever cut"},
	{LogNormal(100, 1, 250), logNormalCDF(100, 1, 250), "a fifth is cut"},
	{LogNormal(1, 1, 20), logNormalCDF(1, 1, 20), "no length is 0"},
	{Empirical(10, 10, 10, 40), func(k int) float64 {
		switch {
		case k < 10:
			return 0
		case k < 40:
			return 0.75
		}
		return 1
	}, "a length given three times is three times as frequent"},
}

func TestLengthsAreDistributedAsTheySay(t *testing.T) {
	const n = 20_000
	for _, tt := range lengthsOfKnownTruth {
		t.Run(tt.lengths.String(), func(t *testing.T) {
			require.NoError(t, validateLengths("Lengths", tt.lengths))
			r := rand.New(rand.NewPCG(1, 2))
			draws := make([]int, n)
			sum, squares := 0.0, 0.0
			for i := range draws {
				draws[i] = tt.lengths.Draw(r)
				sum += float64(draws[i])
				squares += float64(draws[i]) * float64(draws[i])
			}
			assert.Less(t, distance(draws, tt.cdf), critical(n), tt.reason)
			mean := sum / n
			if _, ok := tt.lengths.(logNormal); !ok || tt.lengths.Mean() > 10 { // rounding changes the mean of short ones
				assert.InDelta(t, tt.lengths.Mean(), mean, 0.01+4*math.Sqrt((squares/n-mean*mean)/n), tt.reason)
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 2))
	wrong := make([]int, n)
	for i := range wrong {
		wrong[i] = LogNormal(100, 0.55, 5000).Draw(r)
	}
	assert.Greater(t, distance(wrong, logNormalCDF(100, 0.5, 5000)), critical(n), "the test notices a spread that is 10 % wider")
}

func TestBadLengthsAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name    string
		lengths Lengths
		want    string
	}{
		{"zero", Fixed(0), "L is Fixed(0): want a length from 1 to 1,000,000"},
		{"beyond any model", Fixed(2_000_000), "L is Fixed(2000000): want a length from 1 to 1,000,000"},
		{"from zero", Uniform(0, 5), "L is Uniform(0, 5): want 1 <= least <= most"},
		{"upside down", Uniform(5, 2), "L is Uniform(5, 2): want 1 <= least <= most"},
		{"median above most", LogNormal(100, 0.5, 50), "L is LogNormal(100, 0.5, 50): want 1 <= median <= most"},
		{"sigma in words", LogNormal(100, 50, 500), "L is LogNormal(100, 50, 500): sigma is the standard deviation of the logarithm"},
		{"negative sigma", LogNormal(100, -1, 500), "want 0 to 5"},
		{"sigma NaN", LogNormal(100, math.NaN(), 500), "want 0 to 5"},
		{"no lengths", Empirical(), "L is Empirical(): want at least one length"},
		{"one bad length", Empirical(5, 0, 7), "L is Empirical, whose length 2 is 0: want lengths from 1 to"},
		{"someone's own", nobodys{}, "L is nobody's, with a mean of -1: want lengths from 1 to"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.ErrorContains(t, validateLengths("L", tt.lengths), tt.want)
		})
	}
}

func TestLengthsOfAnybodyAreBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	assert.Equal(t, 1, drawLength(nobodys{}, r))
	assert.Equal(t, maxLength, drawLength(Fixed(maxLength+1), r))
}

func TestEmpiricalKeepsLengthsOfItsOwn(t *testing.T) {
	log := []int{3}
	lengths := Empirical(log...)
	log[0] = 1000
	assert.Equal(t, 3, lengths.Draw(rand.New(rand.NewPCG(1, 2))))
}

// nobodys are lengths that cannot be.
type nobodys struct{}

func (nobodys) Draw(*rand.Rand) int { return -1 }
func (nobodys) Mean() float64       { return -1 }
func (nobodys) String() string      { return "nobody's" }
