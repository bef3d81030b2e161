package llmperf

import (
	"slices"
	"strconv"
	"time"

	"llmperf.dev/llmperf/internal/record"
)

// A bucket gathers the samples sent in one stretch of the run.
type bucket struct {
	from, until time.Duration
	users       int
	samples     []record.Sample // in no order; their gaps are in the histogram
	gaps        *record.Histogram
}

func newBucket(from, until time.Duration, users int) *bucket {
	return &bucket{from: from, until: until, users: users, gaps: record.NewHistogram()}
}

// add takes a sample in. Gaps of failed requests count for nothing, like their
// latencies.
func (b *bucket) add(s *record.Sample) {
	if s.Class == record.OK {
		for _, us := range s.Gaps {
			b.gaps.Record(int64(us) * int64(time.Microsecond))
		}
	}
	b.samples = append(b.samples, *s)
	b.samples[len(b.samples)-1].Gaps = nil
}

// stats sums the bucket up.
func (b *bucket) stats() Stats { return sumUp(b.samples, b.gaps, b.until-b.from, b.users) }

// failureName is the name under which a failed request is counted.
func failureName(s *record.Sample) string {
	if s.Class == record.Status {
		return "status " + strconv.Itoa(int(s.Status))
	}
	return s.Class.String()
}

func sumUp(samples []record.Sample, gaps *record.Histogram, span time.Duration, users int) Stats {
	slices.SortFunc(samples, func(a, b record.Sample) int { return compareSamples(&a, &b) })
	out := Stats{Requests: len(samples), Seconds: span.Seconds()}
	var latency, ttfb, ttft, itl, tpot []float64
	inFlight, gapped := 0.0, 0
	for i := range samples {
		s := &samples[i]
		inFlight += float64(s.Latency())
		if s.Class != record.OK {
			out.Failed++
			name := failureName(s)
			if out.Failures == nil {
				out.Failures = map[string]int{}
			}
			if out.Failures[name]++; out.Failures[name] == 1 && s.Detail != "" {
				out.Examples = append(out.Examples, s.Detail)
			}
			continue
		}
		latency = append(latency, float64(s.Latency()))
		if v, ok := s.TTFB(); ok {
			ttfb = append(ttfb, float64(v))
		}
		if v, ok := s.TTFT(); ok {
			ttft = append(ttft, float64(v))
		}
		if v, ok := s.ITL(); ok {
			itl = append(itl, v)
		}
		if v, ok := s.TPOT(); ok {
			tpot = append(tpot, v)
		}
		if s.Chunks > 1 {
			gapped++
		}
		out.OutputTokens += s.OutputTokens()
		out.PromptTokens += int(s.Prompt)
		out.CachedTokens += int(s.Cached)
	}
	out.Latency, out.TTFB, out.TTFT = newDistribution(latency), newDistribution(ttfb), newDistribution(ttft)
	out.ITL, out.TPOT, out.ICL = newDistribution(itl), newDistribution(tpot), gapDistribution(gaps, gapped)
	if out.Requests > 0 {
		out.FailureRate = float64(out.Failed) / float64(out.Requests)
	}
	if out.Latency.P50 > 0 {
		out.TailRatio = float64(out.Latency.P99) / float64(out.Latency.P50)
	}
	if seconds := span.Seconds(); seconds > 0 {
		out.RPS = float64(out.Requests) / seconds
		out.Throughput = float64(out.Succeeded()) / seconds
		out.InFlight = inFlight / float64(span)
		out.OutputTokensPerSecond = float64(out.OutputTokens) / seconds
		if users > 0 {
			out.OutputTokensPerUser = out.OutputTokensPerSecond / float64(users)
		}
	}
	return out
}
