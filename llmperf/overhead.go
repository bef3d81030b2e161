package llmperf

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"llmperf.dev/llmperf/internal/record"
)

// An Upstream is a fake server behind the service under test that knows when it
// was called, such as *llmperftest.Server. It must run in the same process as
// the test.
//
// EachCall yields every call that arrived from since on, in order of arrival: for
// which request of the load it was made, as [Call.Origin] says it, if that is
// known, and how ("header" or "prompt"); when it arrived; when the first and the
// last token of its answer were written, zero if there were none; and when it
// ended, be it that the caller left, zero if it is still under way.
type Upstream interface {
	EachCall(since time.Time, yield func(origin, correlation string, arrived, firstToken, lastToken, ended time.Time))
}

// OverheadStats say how much of the latency of successful requests was the
// service's own, and where: what was not spent in an upstream. Of a request that
// made calls to the upstreams,
//
//	latency = before + upstream + between calls + after
//
// where upstream is the time during which at least one call was under way.
// Without any call all of a request is the service's own.
type OverheadStats struct {
	// Correlation says how it is known which call was made for which request:
	//
	//   - "header": the service handed on the header Llmperf-Origin, or the context
	//     of its requests (as it does with the clients of package llmperftest).
	//   - "prompt": the service handed on the prompt, whose beginning names its user.
	//   - "totals": of some calls it is not known. Then only Mean and Upstream are
	//     measured, and nothing is said of single requests: those whose calls are
	//     known may be others than those whose calls are not.
	//   - "": nothing called the upstreams, or the scenario has none.
	Correlation string  `json:"correlation"`
	Calls       float64 `json:"calls"`   // mean number of upstream calls of a request
	Seen        int     `json:"seen"`    // upstream calls that arrived while measuring
	Unknown     int     `json:"unknown"` // of them, those of which it is not known what they were made for

	// Mean is that of Total. With totals, it is that of all requests, failed ones
	// too, and is off by what happens at the ends of the time measured; it is not
	// known of a single target of a Mix.
	Mean time.Duration `json:"mean_ns"`

	Total        Distribution `json:"total"`          // latency less the time in upstreams
	Before       Distribution `json:"before"`         // request sent → first call arrived
	BetweenCalls Distribution `json:"between_calls"`  // between the first call and the last: no call under way
	Tokens       Distribution `json:"between_tokens"` // first token → last token, less the same of the last call that streamed: what passing tokens on adds, or below 0 takes off
	After        Distribution `json:"after"`          // end of the last call → last byte of the answer
	Upstream     Distribution `json:"upstream"`       // at least one call under way; with totals, the time of each call
}

// The ways in which calls are known to belong to requests.
const (
	byPrompt = "prompt"
	byTotals = "totals"
)

// mostUnknown is one over the share of calls of unknown origin up to which single
// requests are spoken of: so few do not move a percentile.
const mostUnknown = 1000

// unknown says why overheads are not known.
func (o *OverheadStats) unknown() string {
	if o.Correlation != byTotals {
		return "no call reached the scenario's upstreams"
	}
	mean := ""
	if o.Mean > 0 {
		mean = fmt.Sprintf(" (the service's mean overhead is about %s)", duration(o.Mean))
	}
	return fmt.Sprintf("%s of %s are of no known request%s: call the upstream with the context of the request and the client of the fake server, or hand the header %s on, or the prompt; nothing is known of single requests",
		count(o.Unknown), plural(o.Seen, "upstream call"), mean, OriginHeader)
}

// A call is one call to an upstream. Times are since the start of the run; 0
// means that the moment never came.
type call struct {
	correlation                           string // "" if it is not known what the call was made for
	user, number                          int32
	arrived, firstToken, lastToken, ended time.Duration
}

// A callKey names a request.
type callKey struct{ user, number int32 }

// callsIn are the calls to the scenario's upstreams while samples were in flight,
// in order of arrival, but for those of other runs.
func (m *measurement) callsIn(samples []record.Sample) []call {
	if len(m.scenario.Upstreams) == 0 || len(samples) == 0 {
		return nil
	}
	first, last := int64(math.MaxInt64), int64(0)
	for i := range samples {
		first, last = min(first, samples[i].Sent), max(last, samples[i].End)
	}
	start, own := m.clock.Start(), runOf(m.clock)
	since := func(t time.Time) time.Duration {
		if t.IsZero() {
			return 0
		}
		return t.Sub(start)
	}
	var calls []call
	for _, u := range m.scenario.Upstreams {
		var seen []call // its own, which it may still add to if it hangs
		see := func(origin, correlation string, arrived, firstToken, lastToken, ended time.Time) {
			c := call{arrived: since(arrived), firstToken: since(firstToken), lastToken: since(lastToken), ended: since(ended)}
			if int64(c.arrived) > last {
				return
			}
			user, number, run, ok := parseOrigin(origin)
			if ok && correlation != "" {
				if run != own {
					return
				}
				c.correlation, c.user, c.number = correlation, user, number
			}
			seen = append(seen, c)
		}
		if m.guard("an upstream", func() { u.EachCall(start.Add(time.Duration(first)), see) }) {
			calls = append(calls, seen...)
		}
	}
	slices.SortStableFunc(calls, func(a, b call) int { return cmp.Compare(a.arrived, b.arrived) })
	return calls
}

// overheadOf tells the service's own time of a bucket's requests from that in
// the upstreams. Calls may be more than those of the bucket.
func overheadOf(b *bucket, calls []call) OverheadStats {
	var out OverheadStats
	for _, c := range calls {
		if b.covers(c.arrived) {
			out.Seen++
			if c.correlation == "" {
				out.Unknown++
			}
		}
	}
	switch {
	case out.Seen == 0:
	case out.Unknown*mostUnknown > out.Seen:
		out.totals(b, calls)
	default:
		out.each(b.samples, calls)
	}
	return out
}

// each tells the overhead of every successful request.
func (o *OverheadStats) each(samples []record.Sample, calls []call) {
	var total, before, between, tokens, after, upstream metricValues
	of := match(samples, calls)
	made := 0
	for i := range samples {
		s := &samples[i]
		if s.Class != record.OK {
			continue
		}
		own := of[s]
		made += len(own)
		p := partsOf(s, own)
		total.add(s, p.total)
		if len(own) == 0 {
			continue
		}
		o.Correlation = cmp.Or(o.Correlation, own[0].correlation)
		before.add(s, p.before)
		between.add(s, p.between)
		after.add(s, p.after)
		upstream.add(s, float64(s.End-s.Left())-p.total)
		if p.streamed {
			tokens.add(s, p.tokens)
		}
	}
	if o.Correlation == "" {
		return
	}
	o.Total, o.Before, o.BetweenCalls = total.distribution(), before.distribution(), between.distribution()
	o.Tokens, o.After, o.Upstream = tokens.distribution(), after.distribution(), upstream.distribution()
	o.Mean = o.Total.Mean
	o.Calls = float64(made) / float64(o.Total.N)
}

// match finds the calls that were made for each sample.
func match(samples []record.Sample, calls []call) map[*record.Sample][]call {
	byUser := map[int32][]*record.Sample{}
	byKey := map[callKey]*record.Sample{}
	for i := range samples {
		s := &samples[i]
		byUser[s.User] = append(byUser[s.User], s)
		byKey[callKey{s.User, s.Number}] = s
	}
	of := map[*record.Sample][]call{}
	for _, c := range calls {
		if c.correlation == "" {
			continue
		}
		s := byKey[callKey{c.user, c.number}]
		if c.correlation == byPrompt {
			// A conversation's prompt names its first request; a user has but one in flight.
			s = inFlightAt(byUser[c.user], c.arrived)
		}
		if s != nil && int64(c.arrived) < s.End { // nobody waits for a later one
			of[s] = append(of[s], c)
		}
	}
	return of
}

// totals tells what can be told where some calls may be of any request.
func (o *OverheadStats) totals(b *bucket, calls []call) {
	o.Correlation = byTotals
	var each []float64
	inside := 0.0
	for _, c := range calls {
		if b.covers(c.arrived) && c.ended > 0 {
			each = append(each, float64(c.ended-c.arrived))
			inside += float64(c.ended - c.arrived)
		}
	}
	o.Upstream = newDistribution(each)
	if b.part || len(b.samples) == 0 {
		return
	}
	whole := 0.0
	for i := range b.samples {
		if s := &b.samples[i]; s.Left() > 0 {
			whole += float64(s.End - s.Left())
		}
	}
	o.Mean = time.Duration(max(0, whole-inside) / float64(len(b.samples)))
	o.Calls = float64(o.Seen) / float64(len(b.samples))
}

// parseOrigin reads a Call's origin.
func parseOrigin(origin string) (user, number int32, run string, ok bool) {
	fields := strings.Split(origin, "-")
	if len(fields) != 3 {
		return 0, 0, "", false
	}
	u, err := strconv.ParseInt(fields[0], 10, 32)
	n, err2 := strconv.ParseInt(fields[1], 10, 32)
	return int32(u), int32(n), fields[2], err == nil && err2 == nil
}

// inFlightAt is the one of a user's requests that was in flight at t, or nil.
func inFlightAt(samples []*record.Sample, t time.Duration) *record.Sample {
	for _, s := range samples {
		if s.Sent <= int64(t) && int64(t) < s.End {
			return s
		}
	}
	return nil
}

// ownTime is the service's own time of one request, in nanoseconds.
type ownTime struct {
	total, before, between, tokens, after float64
	streamed                              bool
}

// partsOf tells the service's own time of s from that of its calls, which are in
// order of arrival.
func partsOf(s *record.Sample, calls []call) ownTime {
	if len(calls) == 0 {
		return ownTime{total: float64(s.End - s.Left())}
	}
	own := ownTime{before: float64(int64(calls[0].arrived) - s.Left())}
	until := calls[0].arrived
	for _, c := range calls {
		if c.arrived > until {
			own.between += float64(c.arrived - until)
		}
		// What a call takes beyond its request's end is nothing that the user waits for.
		ended := min(c.ended, time.Duration(s.End))
		if c.ended == 0 {
			ended = time.Duration(s.End)
		}
		until = max(until, ended)
		if c.lastToken > c.firstToken && s.LastToken > s.FirstToken {
			own.streamed = true
			own.tokens = float64(s.LastToken-s.FirstToken) - float64(c.lastToken-c.firstToken)
		}
	}
	own.after = float64(s.End - int64(until))
	own.total = own.before + own.between + own.after
	return own
}

// checkUpstreams refuses an SLO on overhead without an upstream.
func (c check) checkUpstreams(s Scenario) error {
	if !slices.Contains(c.metrics, Overhead) || len(s.Upstreams) > 0 {
		return nil
	}
	return fmt.Errorf("%s: scenario.Upstreams is empty: give it the fake servers behind the service, such as llmperftest.NewServer's; a service's overhead is known only beside what its upstreams took", c.name)
}

// overheadTable is where each step's overhead is, as text; empty if it is known
// of none.
func overheadTable(steps []Step) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	rows := 0
	for i := range steps {
		o := &steps[i].Overhead
		switch o.Correlation {
		case "":
			continue
		case byTotals:
			fmt.Fprintf(&text, "overhead at %v: about %s in the mean, upstream calls p50 %s p95 %s; %s of %s are of no known request\n",
				steps[i].Load, duration(o.Mean), duration(o.Upstream.P50), duration(o.Upstream.P95), count(o.Unknown), plural(o.Seen, "call"))
			continue
		}
		if rows++; rows == 1 {
			fmt.Fprintln(w, "the service's own time\toverhead p50\tp95\tp99\tbefore p95\tbetween calls p95\tbetween tokens p95\tafter p95\tcalls\tknown by\t")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.3g\t%s\t\n", steps[i].Name, duration(o.Total.P50), duration(o.Total.P95), duration(o.Total.P99),
			duration(o.Before.P95), duration(o.BetweenCalls.P95), duration(o.Tokens.P95), duration(o.After.P95), o.Calls, o.Correlation)
	}
	w.Flush()
	return text.String()
}
