package llmperf

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"llmperf.dev/llmperf/internal/record"
)

// ArrivalStats say how the requests of an open loop were sent. There, all times
// of a request count from when it was due, whatever kept it from being sent, so
// that a service that is slow, or that stalls, hides nothing of it from those who
// come meanwhile.
type ArrivalStats struct {
	Due  float64 `json:"due_per_second"`  // requests due per second of the time measured
	Sent float64 `json:"sent_per_second"` // of them, those sent within that time: the rate that was achieved

	Delay   Distribution `json:"dispatch_delay"`  // from when a request was due until it was sent
	Service Distribution `json:"service_latency"` // sent → last byte, of successful requests: latency without the delay

	Held    int `json:"held,omitempty"`     // requests that had to wait since scenario.MaxInFlight others were in flight
	NotSent int `json:"not_sent,omitempty"` // of them, those that waited until their timeout had passed, or the run was over
}

// arrivalsOf sums up how a bucket's requests were sent; nothing in a closed loop.
func arrivalsOf(b *bucket) ArrivalStats {
	var a ArrivalStats
	var delay, service metricValues
	due, sent := 0, 0
	for i := range b.samples {
		s := &b.samples[i]
		if !s.Open {
			return ArrivalStats{}
		}
		due++
		if s.Held {
			a.Held++
		}
		if s.Dispatched == 0 {
			a.NotSent++
			continue
		}
		if b.covers(time.Duration(s.Dispatched)) {
			sent++
		}
		delay.add(s, float64(s.Dispatched-s.Sent))
		if s.Class == record.OK {
			service.add(s, float64(s.End-s.Dispatched))
		}
	}
	if seconds := (b.until - b.from).Seconds(); seconds > 0 {
		a.Due, a.Sent = float64(due)/seconds, float64(sent)/seconds
	}
	a.Delay, a.Service = delay.distribution(), service.distribution()
	return a
}

// held says that the step's load was not put on the service; "" if it was.
func (a *ArrivalStats) held(s Scenario) string {
	if a.Held == 0 {
		return ""
	}
	return fmt.Sprintf("%s waited since scenario.MaxInFlight = %s others were in flight, so that the service was sent less than the step's load; raise it if the machine can bear it",
		plural(a.Held, "request"), count(s.MaxInFlight))
}

// arrivalsTable is how each step's requests were sent, as text; empty for a closed
// loop.
func arrivalsTable(steps []Step) string {
	if len(steps) == 0 || !steps[0].Load.open() {
		return ""
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "requests of the open loop\tdue\tsent\tsent late by p50\tp99\tmax\tp95 since sent\theld\t")
	for i := range steps {
		a := &steps[i].Arrivals
		fmt.Fprintf(w, "%s\t%.3g/s\t%.3g/s\t%s\t%s\t%s\t%s\t%d\t\n", steps[i].Name, a.Due, a.Sent,
			duration(a.Delay.P50), duration(a.Delay.P99), duration(a.Delay.Max), orDash(a.Service.P95), a.Held)
	}
	w.Flush()
	return text.String()
}

// late is how far behind its schedule a load must fall for a warning: further
// than the clocks of a busy machine do.
const late = 10 * time.Millisecond

// lagged says that the machine that sends the load could not keep up; "" if it
// did.
func (a *ArrivalStats) lagged() string {
	if a.Held > 0 || a.Delay.P99 < late {
		return ""
	}
	return fmt.Sprintf("requests were sent up to %s after they were due (p99 %s), which is in their latencies: the machine that sends the load is too slow or too busy, or making up prompts takes long",
		duration(a.Delay.Max), duration(a.Delay.P99))
}
