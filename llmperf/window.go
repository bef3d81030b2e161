package llmperf

import (
	"slices"
	"time"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

const (
	windowWidth = 10 * time.Second // what Locust's charts show
	windowEvery = 5 * time.Second
)

// A Window is the run as seen at one moment: what ended in the last 10 seconds,
// beside what ended since the step began. The sliding window jumps when a slow
// request enters or leaves it, most of all at low throughput; the cumulative
// percentile does not.
type Window struct {
	At         time.Duration `json:"at_ns"`             // since the start of the run
	Users      int           `json:"users"`             // of the step at that moment
	Requests   int           `json:"requests"`          // that ended within the window
	Failed     int           `json:"failed"`            // of them
	RPS        float64       `json:"rps"`               // requests ended per second of the window
	P50        time.Duration `json:"p50_ns"`            // latency of the window's successful requests
	P95        time.Duration `json:"p95_ns"`            //
	Cumulative time.Duration `json:"cumulative_p95_ns"` // p95 latency of all that ended since the step began, successful ones
}

// view sums up what samples, in the order of their end, show at one moment of
// a step that began at begin.
func view(samples []record.Sample, at, begin time.Duration, users int) Window {
	w := Window{At: at, Users: users}
	span := min(windowWidth, at)
	var window, step []float64
	for i := len(samples) - 1; i >= 0; i-- {
		s := &samples[i]
		end := time.Duration(s.End)
		if end <= at-span && end <= begin {
			break
		}
		if end > at {
			continue
		}
		if end > at-span {
			w.Requests++
			if s.Class != record.OK {
				w.Failed++
			} else {
				window = append(window, float64(s.Latency()))
			}
		}
		if end > begin && s.Class == record.OK {
			step = append(step, float64(s.Latency()))
		}
	}
	if span > 0 {
		w.RPS = float64(w.Requests) / span.Seconds()
	}
	w.P50, w.P95, w.Cumulative = quantileOf(window, 0.50), quantileOf(window, 0.95), quantileOf(step, 0.95)
	return w
}

// quantileOf is the p-quantile by nearest rank of values, which it sorts; 0 of
// none.
func quantileOf(values []float64, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return time.Duration(values[stats.NearestRank(len(values), p)-1])
}
