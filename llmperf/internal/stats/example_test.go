package stats_test

import (
	"fmt"

	"llmperf.dev/llmperf/internal/stats"
)

func ExampleQuantile() {
	latencies := make([]float64, 300) // milliseconds, sorted
	for i := range latencies {
		latencies[i] = float64(1001 + i)
	}
	p95 := stats.Quantile(latencies, 0.95, 0.95, 300)
	fmt.Printf("p95 %.0f ms [%.0f, %.0f], below 1300 ms: %v\n", p95.Estimate, p95.Low, p95.High, p95.Below(1300))

	p95 = stats.Quantile(latencies, 0.95, 0.95, 100)
	fmt.Printf("p95 %.0f ms [%.0f, %.0f] if they are worth 100\n", p95.Estimate, p95.Low, p95.High)
	// Output:
	// p95 1285 ms [1279, 1292], below 1300 ms: pass
	// p95 1285 ms [1273, 1297] if they are worth 100
}

func ExampleRatio() {
	p99 := stats.Interval{Low: 1.8, Estimate: 2.1, High: 2.6}
	p50 := stats.Interval{Low: 0.95, Estimate: 1.0, High: 1.05}
	tail := stats.Ratio(p99, p50)
	fmt.Printf("p99/p50 %.1f [%.1f, %.1f], below 2: %v\n", tail.Estimate, tail.Low, tail.High, tail.Below(2))
	// Output: p99/p50 2.1 [1.8, 2.6], below 2: inconclusive
}

func ExampleFailureBounds() {
	rate := stats.FailureBounds(0, 600, 0.95)
	fmt.Printf("0 of 600 failed: < %.2f %%, below 0.1 %%: %v\n", 100*rate.High, rate.Below(0.001))
	fmt.Printf("proving < 0.1 %% needs %d requests\n", stats.RequestsToProve(0, 0.001, 0.95))
	// Output:
	// 0 of 600 failed: < 0.50 %, below 0.1 %: inconclusive
	// proving < 0.1 % needs 2995 requests
}

func ExampleSumBounds() {
	answers := make([]stats.Part, 300) // of 30 users, over a minute
	for i := range answers {
		answers[i] = stats.Part{User: i % 30, At: float64(i) / 300, Value: float64(100 + 37*i%200)} // tokens
	}
	tokens, effect := stats.SumBounds(answers, 0.95)
	fmt.Printf("%.0f tokens/s [%.0f, %.0f], effect %.1f\n", tokens.Estimate/60, tokens.Low/60, tokens.High/60, effect)
	// Output: 998 tokens/s [901, 1102], effect 1.0
}

func ExampleQuantileDesignEffect() {
	observations := make([]stats.Observation, 300)
	for i := range observations {
		observations[i] = stats.Observation{User: i % 30, Value: 1}
		if i%60 < 6 { // a burst of slow requests every sixty
			observations[i].Value = 2 + float64(i%60)
		}
	}
	deff := stats.QuantileDesignEffect(observations, 0.90)
	fmt.Printf("n=%d (effective %d)\n", len(observations), stats.EffectiveN(len(observations), deff))
	// Output: n=300 (effective 65)
}

func ExampleLocateSaturation() {
	var levels []stats.Level
	for i, p95 := range []float64{1.0, 1.1, 1.2, 2.2, 3.4} { // seconds, each known to ±10 %
		levels = append(levels, stats.Level{
			Load:     float64(10 * (i + 1)),
			Quantile: stats.Interval{Low: p95 / 1.1, Estimate: p95, High: p95 * 1.1},
			N:        300,
			Requests: 300,
		})
	}
	s := stats.LocateSaturation(levels, 2, 0.01, 0.95)
	fmt.Printf("saturates at %.0f users; between %.0f and %.0f for certain\n",
		levels[s.Index].Load, levels[s.LastBelow].Load, levels[s.FirstAbove].Load)
	// Output: saturates at 40 users; between 30 and 50 for certain
}

func ExamplePlateau() {
	at, ok := stats.Plateau([]float64{10, 20, 30, 40, 50, 60}, []float64{4, 8, 12, 14, 14, 14})
	fmt.Printf("%.0f %v\n", at, ok)
	// Output: 35 true
}

func ExampleClassifyGrowth() {
	fmt.Println(stats.ClassifyGrowth(exactly(1, 1.1, 1, 1.1, 1.1), 0.95, 0.01, 0.95))
	fmt.Println(stats.ClassifyGrowth(exactly(1, 2, 3, 4, 5), 0.95, 0.01, 0.95))
	fmt.Println(stats.ClassifyGrowth(exactly(1, 1, 1, 1, 2, 4), 0.95, 0.01, 0.95))
	fmt.Println(stats.ClassifyGrowth(failing(exactly(1, 1.1, 1.2, 1.2, 1.2), 2), 0.95, 0.01, 0.95))
	// Output:
	// flat
	// linear
	// accelerating
	// shedding
}

func ExampleRegression() {
	stored := stats.Interval{Low: 0.97, Estimate: 1.0, High: 1.04}
	now := stats.Interval{Low: 1.11, Estimate: 1.15, High: 1.19}
	ratio, verdict := stats.Regression(now, stored, 1.10)
	fmt.Printf("x%.2f [%.2f, %.2f], at most x1.10: %v\n", ratio.Estimate, ratio.Low, ratio.High, verdict)

	tau, _ := stats.Spread(now, 400, 0.95)
	n, _ := stats.RequestsForPower(tau, ratio.Estimate, 1.10)
	fmt.Println("requests needed:", n)
	// Output:
	// x1.15 [1.09, 1.20], at most x1.10: inconclusive
	// requests needed: 1124
}

func ExampleMSER5() {
	latencies := []float64{9, 8, 7, 6, 5, 4, 3, 2, 2, 2} // the caches fill
	for i := range 40 {
		latencies = append(latencies, 1+float64(i%3))
	}
	fmt.Println(stats.MSER5(latencies), "of", len(latencies), "requests look like warm-up")
	// Output: 10 of 50 requests look like warm-up
}
