package llmperf_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// oneServer answers one request after the other, each in a time from an
// exponential distribution: an M/M/1 queue, in which the time from arrival to
// answer is exponential with rate perSecond−λ.
func oneServer(perSecond float64) llmperf.TargetFunc {
	server := make(chan struct{}, 1)
	return func(ctx context.Context, c *llmperf.Call) error {
		select {
		case server <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		time.Sleep(time.Duration(c.Rand().ExpFloat64() / perSecond * float64(time.Second)))
		<-server
		return nil
	}
}

func TestACapacityInRequestsPerSecondIsThatOfTheQueue(t *testing.T) {
	const perSecond, limit = 20.0, 500 * time.Millisecond
	truth := perSecond - math.Log(20)/limit.Seconds() // where p95 is the limit
	runs := 20
	if testing.Short() {
		runs = 4
	}
	close, bracketed, sum := 0, 0, 0.0
	for _, c := range repeat(runs, func(seed int) (found *llmperf.Capacity) {
		synctest.Test(new(testing.T), func(*testing.T) {
			var err error
			found, err = llmperf.MeasureCapacity(context.Background(), llmperf.Scenario{
				Target: oneServer(perSecond), Seed: uint64(seed + 1), Warmup: llmperf.NoWarmup, Timeout: time.Minute,
			}, llmperf.Search{MaxRate: 40}, llmperf.Latency.P95Below(limit))
			assert.NoError(t, err)
		})
		return found
	}) {
		require.Zero(t, c.Users)
		// A tenth more requests make the p95 of this queue 30 % longer, which is about what chance does to it in a probe.
		if math.Abs(c.Rate-truth) <= 0.15*truth {
			close++
		}
		sum += c.Rate
		if c.Low < truth && (c.High == 0 || truth < c.High) {
			bracketed++
		}
		assert.LessOrEqual(t, c.Minutes, 20.0)
	}
	t.Logf("within 15 %% of %.1f requests/s: %d of %d, on average %.1f; between the bounds: %d", truth, close, runs, sum/float64(runs), bracketed)
	assert.GreaterOrEqual(t, close*5, runs*4)
	assert.GreaterOrEqual(t, bracketed*2, runs, "bounds of single probes hold with 90 % confidence, at each of three looks")
	assert.InEpsilon(t, truth, sum/float64(runs), 0.06, "no way off on average")
}

func TestALoadThatWasHeldBackIsNotProved(t *testing.T) {
	// At most 4 in flight of 0.45 s each are 8.9 requests per second, whatever the load.
	for _, slo := range []llmperf.SLO{llmperf.FailureRateBelow(0.1), llmperf.Latency.P95Below(time.Minute)} {
		synctest.Test(t, func(t *testing.T) {
			c, err := llmperf.MeasureCapacity(t.Context(), llmperf.Scenario{
				Target: steady(450 * time.Millisecond).Target, Warmup: llmperf.NoWarmup, MaxInFlight: 4, Arrivals: llmperf.Evenly,
			}, llmperf.Search{MaxRate: 10, First: 2, AtLeast: 10}, slo)
			require.NoError(t, err)
			assert.Equal(t, 8.0, c.Low, "the last one without a request that waited")
			assert.Equal(t, llmperf.Inconclusive, c.AtLeast(10).Verdict, "%v", c.AtLeast(10))
			assert.Contains(t, c.AtLeast(10).Message, "scenario.MaxInFlight")
		})
	}
}
