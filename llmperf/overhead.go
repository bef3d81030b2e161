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
// EachCall yields every call that has been answered, in order of arrival: for
// which request of the load it was made, if that is known, and how ("header" or
// "prompt"); when it arrived; when the first and the last token of its answer
// were written, zero if there were none; and when its last byte was.
type Upstream interface {
	EachCall(yield func(origin, correlation string, arrived, firstToken, lastToken, written time.Time))
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
	//   - "totals": it is not known. Then only Mean is: the mean latency less the mean
	//     time that the upstreams had requests, and nothing can be said of single ones.
	//   - "": nothing called the upstreams, or the scenario has none.
	Correlation string        `json:"correlation"`
	Calls       float64       `json:"calls"`   // mean number of upstream calls of a request
	Unknown     int           `json:"unknown"` // upstream calls of this time of which it is not known what they were made for
	Mean        time.Duration `json:"mean_ns"` // of Total; known from totals too

	Total        Distribution `json:"total"`          // latency less the time in upstreams
	Before       Distribution `json:"before"`         // request sent → first call arrived
	BetweenCalls Distribution `json:"between_calls"`  // between the first call and the last: no call under way
	Tokens       Distribution `json:"between_tokens"` // first token → last token, less the same of the last call that streamed: what passing tokens on adds, or below 0 takes off
	After        Distribution `json:"after"`          // last byte of the last call → last byte of the answer
}

// The ways in which calls are known to belong to requests.
const (
	byHeader = "header"
	byPrompt = "prompt"
	byTotals = "totals"
)

// unknown says why overheads are not known.
func (o *OverheadStats) unknown() string {
	if o.Correlation == byTotals {
		return fmt.Sprintf("which upstream call was made for which request is not known (the service's mean overhead is %s): call the upstream with the context of the request and the client of the fake server, or hand the header %s on, or the prompt; nothing is known of single requests",
			duration(o.Mean), OriginHeader)
	}
	return "no call reached the scenario's upstreams"
}

// A call is one call to an upstream. Times are since the start of the run.
type call struct {
	origin                                  string
	correlation                             string
	arrived, firstToken, lastToken, written time.Duration
}

// A callKey names a request.
type callKey struct{ user, number int32 }

// callsIn are the calls to the scenario's upstreams while samples were in flight,
// in order of arrival.
func (m *measurement) callsIn(samples []record.Sample) []call {
	if len(m.scenario.Upstreams) == 0 || len(samples) == 0 {
		return nil
	}
	first, last := int64(math.MaxInt64), int64(0)
	for i := range samples {
		first, last = min(first, samples[i].Sent), max(last, samples[i].End)
	}
	var calls []call
	since := func(t time.Time) time.Duration {
		if t.IsZero() {
			return 0
		}
		return t.Sub(m.clock.Start())
	}
	for _, u := range m.scenario.Upstreams {
		u.EachCall(func(origin, correlation string, arrived, firstToken, lastToken, written time.Time) {
			if at := since(arrived); int64(at) >= first && int64(at) <= last {
				calls = append(calls, call{origin, correlation, at, since(firstToken), since(lastToken), since(written)})
			}
		})
	}
	slices.SortStableFunc(calls, func(a, b call) int { return cmp.Compare(a.arrived, b.arrived) })
	return calls
}

// overheadOf tells the service's own time of samples from that in the upstreams.
func overheadOf(samples []record.Sample, calls []call) OverheadStats {
	var out OverheadStats
	if len(calls) == 0 {
		return out
	}
	byUser := map[int32][]*record.Sample{}
	byKey := map[callKey]*record.Sample{}
	for i := range samples {
		s := &samples[i]
		byUser[s.User] = append(byUser[s.User], s)
		byKey[callKey{s.User, s.Number}] = s
	}
	of := map[*record.Sample][]call{}
	for _, c := range calls {
		user, number, ok := parseOrigin(c.origin)
		if !ok || c.correlation == "" {
			out.Unknown++
			continue
		}
		out.Correlation = cmp.Or(out.Correlation, c.correlation)
		s := byKey[callKey{user, number}]
		if c.correlation == byPrompt {
			// A conversation's prompt names its first request; a user has but one in flight.
			s = inFlightAt(byUser[user], c.arrived)
		}
		if s != nil && int64(c.arrived) < s.End { // nobody waits for a later one
			of[s] = append(of[s], c)
		}
	}
	if out.Correlation == "" {
		return totals(samples, calls, out)
	}
	var total, before, between, tokens, after metricValues
	made := 0
	for i := range samples {
		s := &samples[i]
		own := of[s]
		if s.Class != record.OK || len(own) == 0 && out.Unknown > 0 {
			continue
		}
		made += len(own)
		p := partsOf(s, own)
		total.add(s, p.total)
		if len(own) == 0 {
			continue
		}
		before.add(s, p.before)
		between.add(s, p.between)
		after.add(s, p.after)
		if p.streamed {
			tokens.add(s, p.tokens)
		}
	}
	out.Total, out.Before, out.BetweenCalls = total.distribution(), before.distribution(), between.distribution()
	out.Tokens, out.After = tokens.distribution(), after.distribution()
	out.Mean = out.Total.Mean
	if out.Total.N > 0 {
		out.Calls = float64(made) / float64(out.Total.N)
	}
	return out
}

// totals tells the mean overhead, of all samples that came home, where it is
// not known which call belongs to which.
func totals(samples []record.Sample, calls []call, out OverheadStats) OverheadStats {
	out.Correlation = byTotals
	own, home := 0.0, 0
	for i := range samples {
		if samples[i].Class == record.OK {
			own += float64(samples[i].Latency())
			home++
		}
	}
	if home == 0 {
		return out
	}
	for _, c := range calls {
		own -= float64(c.written - c.arrived)
	}
	out.Mean = time.Duration(own / float64(home))
	out.Calls = float64(len(calls)) / float64(home)
	return out
}

// parseOrigin reads a Call's origin.
func parseOrigin(origin string) (user, number int32, ok bool) {
	fields := strings.Split(origin, "-")
	if len(fields) != 3 {
		return 0, 0, false
	}
	u, err := strconv.ParseInt(fields[0], 10, 32)
	n, err2 := strconv.ParseInt(fields[1], 10, 32)
	return int32(u), int32(n), err == nil && err2 == nil
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
		return ownTime{total: float64(s.Latency())}
	}
	own := ownTime{before: float64(int64(calls[0].arrived) - s.Sent)}
	until := calls[0].arrived
	for _, c := range calls {
		if c.arrived > until {
			own.between += float64(c.arrived - until)
		}
		// What a call takes beyond its request's end is nothing that the user waits for.
		until = max(until, min(c.written, time.Duration(s.End)))
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
	if c.metric != Overhead || len(s.Upstreams) > 0 {
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
			fmt.Fprintf(&text, "overhead at %d users: %s in the mean; which call was made for which request is not known\n", steps[i].Load.Users, duration(o.Mean))
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
