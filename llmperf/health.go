package llmperf

import "llmperf.dev/llmperf/internal/stats"

// A Health grades a signal of a step as an operator would.
type Health string

// The grades. Where the evidence allows two neighbouring ones, both are named.
const (
	Healthy  Health = "healthy"
	Warning  Health = "warning"
	Critical Health = "critical"
)

var grades = []Health{Healthy, Warning, Critical}

// TailHealth grades p99/p50: healthy below 2, critical above 5. The grade is
// that of the bounds at the given one-sided confidence, such as 0.95, and names
// two grades, as "healthy–warning", where they differ; "" without a successful
// request.
func (s *Stats) TailHealth(confidence float64) Health {
	if s.Latency.N == 0 {
		return ""
	}
	b, _ := tailRatio(s, confidence)
	return grade(b, 2, 5)
}

// FailureHealth grades the failure rate: healthy below 0.1 %, critical above
// 1 %. The grade is that of the bounds, as in [Stats.TailHealth]; "" without a
// request.
func (s *Stats) FailureHealth(confidence float64) Health {
	if s.Requests == 0 {
		return ""
	}
	return grade(stats.FailureBounds(s.Failed, s.Requests, confidence), 0.001, 0.01)
}

func grade(b stats.Interval, warning, critical float64) Health {
	of := func(v float64) int {
		switch {
		case v < warning:
			return 0
		case v <= critical:
			return 1
		default:
			return 2
		}
	}
	low, high := of(b.Low), of(b.High)
	if low == high {
		return grades[low]
	}
	return grades[low] + "–" + grades[high]
}
