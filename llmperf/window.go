package llmperf

import (
	"slices"
	"time"

	"llmperf.dev/llmperf/internal/record"
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
	Users      int           `json:"users,omitempty"`   // at that moment; of an open loop, …
	Rate       float64       `json:"rate,omitempty"`    // … requests due per second
	InFlight   int           `json:"in_flight"`         // at that moment
	Requests   int           `json:"requests"`          // that ended within the window
	Failed     int           `json:"failed"`            // of them
	RPS        float64       `json:"rps"`               // requests ended per second of the window
	P50        time.Duration `json:"p50_ns"`            // latency of the window's successful requests
	P95        time.Duration `json:"p95_ns"`            //
	Cumulative time.Duration `json:"cumulative_p95_ns"` // p95 latency of all that ended since the step began, successful ones; to three digits
}

// A viewer makes windows of the requests that end.
type viewer struct {
	ended []ended           // within the last window, or after it
	begin time.Duration     // of the step that the last view was of
	step  *record.Histogram // of the latency of what ended since begin
}

type ended struct {
	at, latency time.Duration
	ok          bool
	counted     bool // in the step's histogram
}

func newViewer() *viewer { return &viewer{step: record.NewHistogram()} }

func (v *viewer) add(s *record.Sample) {
	if s.Class == record.Generator {
		return
	}
	v.ended = append(v.ended, ended{at: time.Duration(s.End), latency: time.Duration(s.Latency()), ok: s.Class == record.OK})
}

// view sums up what ended by one moment of a step that began at begin. Moments
// ascend.
func (v *viewer) view(at, begin time.Duration) Window {
	w := Window{At: at}
	span := min(windowWidth, at)
	if begin != v.begin {
		v.begin, v.step = begin, record.NewHistogram()
		for i := range v.ended {
			v.ended[i].counted = false
		}
	}
	var window []float64
	for i := range v.ended {
		e := &v.ended[i]
		if e.at > at {
			continue
		}
		if e.at > at-span {
			w.Requests++
			if e.ok {
				window = append(window, float64(e.latency))
			} else {
				w.Failed++
			}
		}
		if e.at > begin && e.ok && !e.counted {
			e.counted = true
			v.step.Record(int64(e.latency))
		}
	}
	v.ended = slices.DeleteFunc(v.ended, func(e ended) bool { return e.at <= at-windowWidth })
	if span > 0 {
		w.RPS = float64(w.Requests) / span.Seconds()
	}
	w.P50, w.P95 = quantileOf(window, 0.50), quantileOf(window, 0.95)
	w.Cumulative = time.Duration(v.step.Quantile(0.95))
	return w
}

// quantileOf is the p-quantile by nearest rank of values, which it sorts; 0 of
// none.
func quantileOf(values []float64, p float64) time.Duration {
	slices.Sort(values)
	return time.Duration(valueAt(values, p))
}
