package llmperf

import (
	"fmt"
	"time"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

// warningsOf says what makes the measurement of steps doubtful, whatever the
// verdicts.
func warningsOf(steps []*stepRun, s Scenario) []string {
	var warnings []string
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	if most := mostCached(steps); most >= cachedShare {
		warn("the server's prefix cache answered up to %s of a step's prompt tokens: TTFT is that of prompts it has seen before, as with SharedPrefix and Conversation it is meant to be; otherwise let prompts differ from their first word on, as this package's own do",
			percent(most))
	}
	for i, step := range steps {
		if i == 0 {
			if cut, n := unsettled(step.bucket.samples); 4*cut > n {
				warn("the first step had not settled: by the MSER-5 rule its first %d of %d requests are still warm-up; give scenario.Warmup more time", cut, n)
			}
		}
		if length := step.Until - step.From; step.Latency.P95 > length/3 {
			warn("at %v p95 is %s and the step was measured for %v, so that few requests ran from end to end under its load alone: hold it for at least %v",
				step.Load, duration(step.Latency.P95), length, longer(3*step.Latency.P95, 1))
		}
		for _, text := range []string{step.Arrivals.held(s), step.Arrivals.lagged()} {
			if text != "" {
				warn("at %v %s", step.Load, text)
			}
		}
		if g := &step.Generator; g.FilesLimit > 0 && 10*g.Files > 9*g.FilesLimit {
			warn("at %v this process had %s of the %s files open that it may: where it can open no more, it can send no more; let it open more (ulimit -n)",
				step.Load, count(g.Files), count(g.FilesLimit))
		}
		if g := &step.Generator; g.Ports > 0 && 10*g.Sockets > 9*g.Ports {
			warn("at %v this machine had %s sockets open or lingering, and has %s local ports for connections to one address: where none is free, no request can be sent; let the client keep connections alive, or give it more ports (sysctl net.ipv4.ip_local_port_range)",
				step.Load, count(g.Sockets), count(g.Ports))
		}
		if text := dependence(step.Latency.quantile(0.95, s.Confidence)); step.Latency.N > 0 && text != "" {
			warn("at %v %s", step.Load, text)
		}
	}
	return warnings
}

// cachedShare is the share of prompt tokens from a prefix cache from which on a
// warning is due. A smaller one may well be the service's own instructions, which
// are always the same.
const cachedShare = 0.2

// mostCached is the largest share of prompt tokens from a prefix cache, of any
// target in any step.
func mostCached(steps []*stepRun) float64 {
	most := 0.0
	see := func(s *Stats) {
		if s.PromptTokens > 0 {
			most = max(most, float64(s.CachedTokens)/float64(s.PromptTokens))
		}
	}
	for _, step := range steps {
		see(&step.Stats)
		for i := range step.Targets {
			see(&step.Targets[i].Stats)
		}
	}
	return most
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
