package llmperf

import (
	"fmt"
	"time"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

// warningsOf says what makes the measurement of steps doubtful, whatever the
// verdicts.
func warningsOf(steps []*stepRun, conf float64) []string {
	var warnings []string
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	for i, step := range steps {
		if i == 0 {
			if cut, n := unsettled(step.bucket.samples); 4*cut > n {
				warn("the first step had not settled: by the MSER-5 rule its first %d of %d requests are still warm-up; give scenario.Warmup more time", cut, n)
			}
		}
		if length := step.Until - step.From; step.Latency.P95 > length/3 {
			warn("at %d users p95 is %s and the step was measured for %v, so that few requests ran from end to end under its load alone: hold it for at least %v",
				step.Load.Users, duration(step.Latency.P95), length, longer(3*step.Latency.P95, 1))
		}
		if text := dependence(step.Latency.quantile(0.95, conf)); step.Latency.N > 0 && text != "" {
			warn("at %d users %s", step.Load.Users, text)
		}
	}
	return warnings
}

// unsettled is how many of the first of n successful requests, in the order in
// which they were sent, are still warm-up.
func unsettled(samples []record.Sample) (cut, n int) {
	var latencies []float64
	for i := range samples {
		if samples[i].Class == record.OK {
			latencies = append(latencies, float64(samples[i].Latency())/float64(time.Millisecond))
		}
	}
	return stats.MSER5(latencies), len(latencies)
}
