package llmperf

import (
	"math"
	"math/rand/v2"
	"time"
)

// A Drifting service has runs that differ from each other without a change.
type Drifting struct {
	Ratio    float64 // of the true p95 now to that of the stored runs
	Drift    float64 // standard deviation of the logarithm of a run's speed
	Requests int     // of a run: independent ones, lognormal with 0.5
	Stored   int     // runs
}

// Compare counts what NoRegression says of a run and of the stored ones, and what
// the bare p95 of that run and of the newest stored one do.
func (d Drifting) Compare(repetitions int) (ours, naive map[Verdict]int) {
	r := rand.New(rand.NewPCG(8, uint64(d.Stored)))
	measured := func(median float64) Distribution {
		median *= math.Exp(d.Drift * r.NormFloat64())
		values := make([]float64, d.Requests)
		for i := range values {
			values[i] = median * math.Exp(0.5*r.NormFloat64())
		}
		return newDistribution(values)
	}
	ours, naive = map[Verdict]int{}, map[Verdict]int{}
	n := d.Requests
	for range repetitions {
		c := NoRegression("capacity.json").checks()[0]
		f := &storedRuns{Alike: alike{Steps: []string{"users=10: 10 users for 1m0s"}}}
		newest := time.Duration(0)
		for range d.Stored {
			then := measured(2e9)
			f.Runs = append(f.Runs, storedRun{Times: []storedTime{{Of: "users=10/latency", N: n, Effective: []int{n, n, n, n}, histogram: then.toHistogram()}}})
			newest = then.P95
		}
		c.regression.stored = f
		now := Step{Name: "users=10", Load: Load{Users: 10, Hold: time.Minute}, Until: time.Minute, Stats: Stats{Requests: n, Latency: measured(d.Ratio * 2e9)}}
		ours[judgeStep(c, &now, newJudge(Scenario{Confidence: 0.95}, 1)).Verdict]++
		bare := Pass
		if float64(now.Latency.P95) > 1.1*float64(newest) {
			bare = Fail
		}
		naive[bare]++
	}
	return ours, naive
}
