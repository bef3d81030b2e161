package llmperf

import (
	"slices"
	"testing"
	"time"
)

// notEnded is why a result that was written while its run went on is not one of all
// of it. It stays where the process is killed; otherwise the end of the run
// replaces it.
const notEnded = "the run had not ended when this was written"

// unfinished is a run of which only the steps that are complete are known. Of its
// warm-up nothing is. It reads of the steps alone, so that the run may go on.
func unfinished(run *measurement, steps []*stepRun) *measurement {
	m := newMeasurement(run.scenario, nil)
	m.clock, m.ctx, m.hanging, m.steps = run.clock, run.ctx, run.hanging, steps
	for _, step := range steps {
		for i := range step.bucket.samples {
			m.spent.add(&step.bucket.samples[i])
		}
	}
	return m
}

// soFar is the result of a run that goes on, but for its warm-up, and for the
// percentiles over all steps: to sort all requests for each step would take longer
// and longer.
func soFar(t *testing.T, run *measurement, steps []*stepRun, timeline []Window) *Result {
	m := unfinished(run, steps)
	m.timeline, m.aborted, m.brief = timeline, notEnded, true
	until := time.Duration(0)
	for _, step := range steps {
		until = step.Until
	}
	r := m.result(until)
	r.Name = t.Name()
	return r
}

// briefTotal is what can be said of all steps together without their requests.
func briefTotal(steps []Step) Stats {
	total := Stats{Failures: map[string]int{}}
	for i := range steps {
		s := &steps[i]
		total.Requests += s.Requests
		total.Failed += s.Failed
		for class, n := range s.Failures {
			total.Failures[class] += n
		}
		for _, example := range s.Examples {
			if !slices.Contains(total.Examples, example) {
				total.Examples = append(total.Examples, example)
			}
		}
		total.Seconds += s.Seconds
		total.OutputTokens += s.OutputTokens
		total.PromptTokens += s.PromptTokens
		total.CachedTokens += s.CachedTokens
		total.failureEffect = max(total.failureEffect, s.failureEffect)
	}
	if total.Requests > 0 {
		total.FailureRate = float64(total.Failed) / float64(total.Requests)
	}
	if total.Seconds > 0 {
		total.RPS = float64(total.Requests) / total.Seconds
		total.Throughput = float64(total.Succeeded()) / total.Seconds
		total.OutputTokensPerSecond = float64(total.OutputTokens) / total.Seconds
	}
	return total
}
