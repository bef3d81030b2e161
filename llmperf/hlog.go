package llmperf

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"llmperf.dev/llmperf/internal/record"
)

// histogramLog is latency.hlog: the times of every step in HdrHistogram's log
// format, version 1.3, which its viewers and processors read. A line is one
// metric of one step, and its tag names both; of a Mix there is also one for each
// target, tagged as in users=50/chat/ttft:
//
//	Tag=users=50/ttft,250.000,50.000,61.866,HISTFAAA…
//
// The numbers are when measuring began, since the start of the run, and for how
// long, in seconds, and the highest value in milliseconds. Values in a histogram
// are nanoseconds, which HdrHistogram's own tools take them to be, of successful
// requests, from 1 µs to 1 h at three digits.
//
// The lines are not those of hdrhistogram-go's writer, which cuts the start of
// the run to whole seconds.
func (r *Result) histogramLog() ([]byte, error) {
	var log bytes.Buffer
	start := float64(r.Started.UnixMilli()) / 1000
	fmt.Fprintf(&log, "#[llmperf: times of %s, in nanoseconds]\n", oneLine(r.Name))
	fmt.Fprintf(&log, "#[Histogram log format version 1.3]\n")
	fmt.Fprintf(&log, "#[BaseTime: %.3f (seconds since epoch)]\n", start)
	fmt.Fprintf(&log, "#[StartTime: %.3f (seconds since epoch), %s]\n", start, r.Started.Format(time.RFC3339))
	fmt.Fprintln(&log, `"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"`)
	for i := range r.Steps {
		s := &r.Steps[i]
		times := timesOf(s.Name, &s.Stats)
		for j := range s.Targets {
			times = append(times, timesOf(s.Name+"/"+s.Targets[j].Name, &s.Targets[j].Stats)...)
		}
		for _, d := range times {
			h := d.toHistogram()
			if h.N() == 0 {
				continue
			}
			encoded, err := h.Encode()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", d.name, err)
			}
			fmt.Fprintf(&log, "Tag=%s,%.3f,%.3f,%.3f,%s\n",
				logTag(d.name), s.From.Seconds(), (s.Until - s.From).Seconds(), float64(h.Max())/float64(time.Millisecond), encoded)
		}
	}
	return log.Bytes(), nil
}

// A namedTime is a time that was measured, and what it is called.
type namedTime struct {
	name string
	*Distribution
}

// timesOf are the times that s measures, with names below of.
func timesOf(of string, s *Stats) []namedTime {
	var times []namedTime
	for _, m := range metrics {
		times = append(times, namedTime{of + "/" + string(m), m.of(s)})
	}
	return append(times, namedTime{of + "/dispatch_delay", &s.Arrivals.Delay}, namedTime{of + "/service_latency", &s.Arrivals.Service})
}

// toHistogram is the distribution as a histogram; an empty one if nothing was
// measured.
func (d *Distribution) toHistogram() *record.Histogram {
	if d.histogram != nil {
		return d.histogram
	}
	h := record.NewHistogram()
	for _, ns := range d.sorted {
		h.Record(int64(math.Round(ns)))
	}
	return h
}

// logTag is name as every reader of such logs takes it for a tag: without commas,
// which end one, and white space.
func logTag(name string) string {
	return strings.Map(func(r rune) rune {
		if r == ',' || unicode.IsSpace(r) || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, name)
}
