package llmperf

import (
	"fmt"
	"strings"

	"llmperf.dev/llmperf/internal/stats"
)

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
	return grade(s.tailRatio(confidence).Interval, 2, 5)
}

// FailureHealth grades the failure rate: healthy below 0.1 %, critical above
// 1 %. The grade is that of the bounds, as in [Stats.TailHealth]; "" without a
// request.
func (s *Stats) FailureHealth(confidence float64) Health {
	if s.Requests == 0 {
		return ""
	}
	return grade(s.failures(confidence).Interval, 0.001, 0.01)
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

// A Signal is one of the three by which an operator reads a load test: whether
// users get their answers in about the same time, how many get none, and how
// latency grows with load.
type Signal struct {
	Name  string `json:"name"`
	Seen  string `json:"seen"`            // in words, with bounds
	Grade Health `json:"grade,omitempty"` // "" if nothing can be said
}

// healthOf reads the signals: p99/p50 of the step where it is highest, the
// failure rate of all steps, and the growth of p95.
func healthOf(r *Result, conf float64) []Signal {
	if len(r.Steps) == 0 {
		return nil
	}
	worst := &r.Steps[0]
	for i := range r.Steps {
		if r.Steps[i].TailRatio > worst.TailRatio {
			worst = &r.Steps[i]
		}
	}
	tail := Signal{Name: "p99/p50 ratio", Seen: "nothing measured", Grade: worst.TailHealth(conf)}
	if worst.Latency.N > 0 {
		tail.Seen = fmt.Sprintf("%s at %v", bounded(worst.tailRatio(conf).Interval, ratio), worst.Load)
	}
	pooled := poolFailures(r.Steps, conf)
	failures := Signal{Name: "failure rate", Seen: "nothing measured"}
	if pooled.n > 0 {
		failures.Seen, failures.Grade = bounded(pooled.Interval, share), grade(pooled.Interval, 0.001, 0.01)
	}
	return []Signal{tail, failures, {Name: "p95 growth pattern", Seen: string(r.Growth), Grade: growthHealth(r.Growth)}}
}

func growthHealth(g Growth) Health {
	switch g {
	case Flat, Decelerating, Linear:
		return Healthy
	case Accelerating:
		return Warning
	case Shedding:
		return Critical
	default:
		return ""
	}
}

// signalTable is the signals as text, a line each.
func signalTable(signals []Signal) string {
	var text strings.Builder
	for _, s := range signals {
		grade := string(s.Grade)
		if grade == "" {
			grade = "–"
		}
		fmt.Fprintf(&text, "  %-18s  %-34s  %s\n", s.Name, s.Seen, grade)
	}
	return text.String()
}
