package llmperf

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// heldVerdicts are the verdicts on latency p95 of services whose true p95 is so
// many times the limit, over runs of about 130 requests that are held until they
// are decided or not.
func heldVerdicts(t *testing.T, ratio float64, held bool, runs int) map[Verdict]int {
	t.Helper()
	const sigma, z95, limit = 0.5, 1.6449, time.Second
	median := ratio * float64(limit) / math.Exp(sigma*z95)
	verdicts := map[Verdict]int{}
	for seed := range runs {
		synctest.Test(t, func(t *testing.T) {
			s := Scenario{
				Target: TargetFunc(func(_ context.Context, c *Call) error {
					time.Sleep(time.Duration(median * math.Exp(sigma*c.Rand().NormFloat64())))
					return nil
				}),
				Profile: StepProfile{StepUsers: 10, StepTime: 100 * time.Second, MaxUsers: 10},
				Think:   Between(5*time.Second, 10*time.Second), Warmup: NoWarmup, Seed: uint64(seed + 1), HoldUntilDecided: held,
			}.withDefaults()
			checks := Latency.P95Below(limit).checks()
			m, j := newMeasurement(s, func(event) {}), newJudge(s, 1)
			m.judgeBy(checks, j)
			res := m.run(context.Background())
			verdicts[judgeStep(checks[0], &res.Steps[0], j).Verdict]++
		})
	}
	return verdicts
}

func TestThreeLooksKeepTheErrorAndDecideMore(t *testing.T) {
	t.Parallel()
	runs := 300
	if testing.Short() {
		runs = 40
	}
	at := heldVerdicts(t, 1, true, runs)
	// The error claimed is 5 %. More than a tenth has a probability below 0.1 % at that.
	assert.LessOrEqual(t, at[Pass], runs/10, "%v", at)
	assert.LessOrEqual(t, at[Fail], runs/10, "%v", at)
	once, held := heldVerdicts(t, 1.25, false, runs), heldVerdicts(t, 1.25, true, runs)
	t.Logf("at the limit, held: %v; 1.25 times the limit, once: %v, held: %v", at, once, held)
	assert.Less(t, 2*held[Inconclusive], once[Inconclusive], "once %v, held %v", once, held)
	assert.Zero(t, held[Pass])
}
