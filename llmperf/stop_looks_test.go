package llmperf

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestLookingTwiceASecondSeldomStopsARunByChance looks at services whose failure
// rate is just that of the stop: whatever is proved of them is proved falsely. It
// may be so in 5 % of runs of half an hour.
func TestLookingTwiceASecondSeldomStopsARunByChance(t *testing.T) {
	const steps, looks = 30, 120
	runs := 1000
	if testing.Short() {
		runs = 200
	}
	all := 0
	for _, rate := range []float64{0.01, 0.1, 0.3, 0.5} {
		for _, each := range []int{1, 5, 20} { // requests that end from look to look
			least := leastThatProves(rate, looks*each)
			r := rand.New(rand.NewPCG(uint64(each), 1))
			wrong := 0
			for range runs {
				if stopsByChance(r, rate, each, steps, looks, least) {
					wrong++
				}
			}
			assert.LessOrEqual(t, float64(wrong)/float64(runs), 0.05, "rate %v, %d requests a look", rate, each)
			all += wrong
		}
	}
	assert.Positive(t, all, "at these rates some runs do stop")
}

// leastThatProves is, for each number of requests up to most, how few failures
// prove a rate above rate.
func leastThatProves(rate float64, most int) []int {
	least, failed := make([]int, most+1), 0
	for n := range least {
		for failed <= n && !provedAbove(rate, failed, n, 0.95) {
			failed++
		}
		least[n] = failed
	}
	return least
}

func stopsByChance(r *rand.Rand, rate float64, each, steps, looks int, least []int) bool {
	for range steps {
		failed := 0
		for look := 1; look <= looks; look++ {
			for range each {
				if r.Float64() < rate {
					failed++
				}
			}
			if failed >= least[look*each] {
				return true
			}
		}
	}
	return false
}

func TestFewRequestsProveAServiceThatFails(t *testing.T) {
	tests := []struct {
		rate      float64
		failed, n int
		want      bool
		reason    string
	}{
		{0.3, 8, 8, false, "all of eight may fail by chance where 30 % do, in one of 15,000 looks"},
		{0.3, 9, 9, true, "all of nine hardly ever do, in one of 50,000"},
		{0.3, 0, 1000, false, "nothing failed"},
		{0.3, 300, 1000, false, "just as many as may"},
		{0.3, 360, 1000, true, "3.9 standard deviations more than may is past the quantile of 1 in 20,000"},
		{0.3, 350, 1000, false, "3.5 standard deviations more may come by chance"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, provedAbove(tt.rate, tt.failed, tt.n, 0.95), "%d of %d: %s", tt.failed, tt.n, tt.reason)
	}
}
