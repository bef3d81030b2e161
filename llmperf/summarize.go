package llmperf

import (
	"slices"
	"strconv"
	"time"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

// A bucket gathers the samples sent in one stretch of the run.
type bucket struct {
	from, until time.Duration
	users       int
	samples     []record.Sample // in no order; their gaps are in the histogram
	own         []record.Sample // failures of this machine's own, which say nothing of the service
	gaps        *record.Histogram
	later       []record.Sample // sent after until, should that move, with their gaps
	parts       []*bucket       // the same by target, of a mix
	part        bool            // it is one of another's parts
	merged      []*bucket       // those that it sums up, if it does
}

func newBucket(from, until time.Duration, users, parts int) *bucket {
	b := &bucket{from: from, until: until, users: users, gaps: record.NewHistogram()}
	for range parts {
		part := newBucket(from, until, users, 0)
		part.part = true
		b.parts = append(b.parts, part)
	}
	return b
}

// add takes a sample in. Gaps of failed requests count for nothing, like their
// latencies.
func (b *bucket) add(s *record.Sample) {
	if time.Duration(s.Sent) >= b.until {
		b.later = append(b.later, *s)
		return
	}
	if s.Class == record.Generator {
		b.own = append(b.own, *s)
		if len(b.parts) > 0 {
			b.parts[s.Part].add(s)
		}
		return
	}
	if s.Class == record.OK {
		for _, us := range s.Gaps {
			b.gaps.Record(int64(us) * int64(time.Microsecond))
		}
	}
	b.samples = append(b.samples, *s)
	b.samples[len(b.samples)-1].Gaps = nil
	if len(b.parts) > 0 {
		b.parts[s.Part].add(s)
	}
}

// merge takes in all of a complete bucket, as if it followed on b.
func (b *bucket) merge(o *bucket) {
	b.samples = append(b.samples, o.samples...)
	b.own = append(b.own, o.own...)
	b.gaps.Merge(o.gaps)
	b.until += o.until - o.from
	b.merged = append(b.merged, o)
	for i, part := range b.parts {
		part.merge(o.parts[i])
	}
}

// covers reports whether t is in the time that the bucket measures.
func (b *bucket) covers(t time.Duration) bool {
	for _, o := range b.merged {
		if o.covers(t) {
			return true
		}
	}
	return len(b.merged) == 0 && t >= b.from && t < b.until
}

// sumUp puts the figures of a bucket into s.
func (m *measurement) sumUp(s *Step, b *bucket) {
	s.Stats = b.stats()
	calls := m.callsIn(b.samples)
	s.Overhead, s.Arrivals = overheadOf(b, calls), arrivalsOf(b)
	s.Generator = m.generatorOf(b, &s.Arrivals)
	s.Invalid = s.invalid()
	s.Targets = nil
	for i, name := range parts(m.scenario.Target) {
		part := TargetStats{Name: name, Stats: b.parts[i].stats()}
		part.Overhead, part.Arrivals = overheadOf(b.parts[i], calls), arrivalsOf(b.parts[i])
		s.Targets = append(s.Targets, part)
	}
}

// stats are the figures of the bucket. They keep its samples, unless it sums up
// others, which have them.
func (b *bucket) stats() Stats {
	s := sumUp(b.samples, b.gaps, b.until-b.from, b.users)
	s.GeneratorFailures = len(b.own)
	if b.merged == nil {
		s.samples = b.samples
	}
	return s
}

// failureName is the name under which a failed request is counted.
func failureName(s *record.Sample) string {
	if s.Class == record.Status {
		return "status " + strconv.Itoa(int(s.Status))
	}
	return s.Class.String()
}

func sumUp(samples []record.Sample, gaps *record.Histogram, span time.Duration, users int) Stats {
	sortSamples(samples)
	out := Stats{Requests: len(samples), Seconds: span.Seconds()}
	room := metricValues{room: len(samples)}
	latency, ttfb, ttft, itl, tpot := room, room, room, room, room
	failed, senders := make([]bool, len(samples)), make([]int, len(samples))
	inFlight, gapped := 0.0, 0
	for i := range samples {
		s := &samples[i]
		senders[i] = int(s.User)
		inFlight += float64(s.Latency())
		if s.Class != record.OK {
			failed[i] = true
			out.Failed++
			name := failureName(s)
			if out.Failures == nil {
				out.Failures = map[string]int{}
			}
			if out.Failures[name]++; out.Failures[name] == 1 && s.Detail != "" {
				out.Examples = append(out.Examples, s.Detail)
			}
			if s.Class == record.Unfinished {
				latency.cut(s, 0)
				ttfb.cut(s, s.FirstByte)
				ttft.cut(s, s.FirstToken)
			}
			continue
		}
		latency.add(s, float64(s.Latency()))
		if v, ok := s.TTFB(); ok {
			ttfb.add(s, float64(v))
		}
		if v, ok := s.TTFT(); ok {
			ttft.add(s, float64(v))
		}
		if v, ok := s.ITL(); ok {
			itl.add(s, v)
		}
		if v, ok := s.TPOT(); ok {
			tpot.add(s, v)
		}
		if s.Chunks > 1 {
			gapped++
		}
		out.OutputTokens += s.OutputTokens()
		out.PromptTokens += int(s.Prompt)
		out.CachedTokens += int(s.Cached)
	}
	out.Latency, out.TTFB, out.TTFT = latency.distribution(), ttfb.distribution(), ttft.distribution()
	out.ITL, out.TPOT, out.ICL = itl.distribution(), tpot.distribution(), gapDistribution(gaps, gapped)
	out.failureEffect = stats.DesignEffect(failed, senders)
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

// sortSamples sorts samples by when, and by whom, they were sent. They are large:
// their order is found first, and then each is moved once.
func sortSamples(samples []record.Sample) {
	order, sorted := make([]int, len(samples)), true
	for i := range order {
		order[i] = i
		sorted = sorted && (i == 0 || compareSamples(&samples[i-1], &samples[i]) <= 0)
	}
	if sorted {
		return
	}
	slices.SortFunc(order, func(a, b int) int { return compareSamples(&samples[a], &samples[b]) })
	const done = -1
	for i := range order {
		first := samples[i]
		for to := i; order[to] != done; {
			from := order[to]
			order[to] = done
			if from == i {
				samples[to] = first
				break
			}
			samples[to] = samples[from]
			to = from
		}
	}
}

// metricValues are what was measured of one metric, request by request in the
// order in which they were sent.
type metricValues struct {
	known  []stats.Observation
	cutOff []float64
	room   int // for how many there is to be, once there is one
}

func (m *metricValues) add(s *record.Sample, ns float64) {
	if m.known == nil {
		m.known = make([]stats.Observation, 0, m.room)
	}
	m.known = append(m.known, stats.Observation{User: int(s.User), Value: ns})
}

// cut takes in a request that was cut off when the run had to end; stamp is when
// what the metric waits for came, 0 if it had not.
func (m *metricValues) cut(s *record.Sample, stamp int64) {
	if stamp == 0 {
		m.cutOff = append(m.cutOff, float64(s.Latency()))
	}
}

func (m *metricValues) distribution() Distribution {
	d := observe(m.known)
	d.cutOff = m.cutOff
	return d
}
