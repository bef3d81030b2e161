package llmperf_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"llmperf.dev/llmperf"
)

// show prints the steps of a profile.
func show(profile llmperf.Profile) {
	var done []llmperf.Step
	for {
		load, ok := profile.Next(done)
		if !ok {
			return
		}
		fmt.Println(load, "for", load.Hold)
		done = append(done, llmperf.Step{Load: load})
	}
}

// The same load for hours, judged every ten minutes.
func ExampleConstantProfile() {
	show(llmperf.ConstantProfile{Users: 50, Duration: 30 * time.Minute, Every: 10 * time.Minute})
	// Output:
	// 50 users for 10m0s
	// 50 users for 10m0s
	// 50 users for 10m0s
}

// From 1 to 7 requests per second in six minutes.
func ExampleRampProfile() {
	show(llmperf.RampProfile{FromRate: 1, ToRate: 7, Duration: 6 * time.Minute, Steps: 3})
	// Output:
	// 1 to 3 requests/s for 2m0s
	// 3 to 5 requests/s for 2m0s
	// 5 to 7 requests/s for 2m0s
}

// A list of steps, one with a name of its own.
func ExampleSteps() {
	show(llmperf.Steps(
		llmperf.Load{Users: 20, Hold: 2 * time.Minute},
		llmperf.Load{Users: 80, Hold: 5 * time.Minute, Name: "lunch"},
	))
	// Output:
	// 20 users for 2m0s
	// 80 users for 5m0s
}

// A wave, as a Locust LoadTestShape would make it.
func ExampleShapeFunc() {
	show(llmperf.ShapeFunc(func(elapsed time.Duration) (users int, spawnRate float64, ok bool) {
		users = 30 + int(20*math.Sin(elapsed.Minutes()))
		return users, 5, elapsed < 3*time.Minute
	}))
	// Output:
	// 30 to 46 users for 1m0s
	// 46 to 48 users for 16s
	// 49 users for 38s
	// 35 to 48 users for 1m0s
	// 33 to 34 users for 6s
}

// A service that stays slow for a quarter of a minute after a spike.
func ExampleSpikeProfile() {
	var res *llmperf.Result
	synctest.Test(new(testing.T), func(*testing.T) {
		start := time.Now()
		res, _ = llmperf.Measure(context.Background(), llmperf.Scenario{
			Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error {
				if at := time.Since(start); at > 90*time.Second && at < 165*time.Second {
					time.Sleep(time.Second)
				}
				time.Sleep(100 * time.Millisecond)
				return nil
			}),
			Profile: llmperf.SpikeProfile{Users: 20, PeakUsers: 100, Before: time.Minute, Peak: time.Minute, After: time.Minute},
		})
	})
	recovery := res.Steps[2].Recovery
	fmt.Println("as", recovery.Reference, "again after", recovery.High)
	fmt.Println(res.Check(llmperf.RecoversWithin(30 * time.Second))[0].Verdict)
	// Output:
	// as before again after 15s
	// pass
}
