package llmperf

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

// A RequestLimit is a limit that each request holds or not, such as
// llmperf.TTFT.Within(800*time.Millisecond). It is what goodput is counted by.
type RequestLimit struct {
	metric Metric
	limit  time.Duration
}

// Within limits one request's value of the metric: latency, TTFB, TTFT, ITL or
// TPOT. A request that reports no TTFB or TTFT is not within their limits. An
// answer of one chunk has no ITL, one of a single token no TPOT, and is within
// those: nobody waits between its tokens.
func (m Metric) Within(limit time.Duration) RequestLimit { return RequestLimit{m, limit} }

// String is the limit in words.
func (l RequestLimit) String() string {
	return fmt.Sprintf("%s within %s", l.metric.title(), duration(l.limit))
}

func (l RequestLimit) validate() error {
	switch l.metric {
	case Latency, TTFB, TTFT, ITL, TPOT:
	case ICL, Overhead:
		return fmt.Errorf("%s.Within: goodput counts requests by what each has one value of: want Latency, TTFB, TTFT, ITL or TPOT", l.metric.title())
	default:
		return errors.New("a RequestLimit is empty: make it with Within, as in llmperf.TTFT.Within(800*time.Millisecond)")
	}
	if l.limit < shortestLimit {
		return fmt.Errorf("%s.Within(%v): a limit under %v; did you mean %d*time.Millisecond?", l.metric.title(), l.limit, shortestLimit, max(1, int64(l.limit)))
	}
	return nil
}

// holds reports whether a successful request is within the limit.
func (l RequestLimit) holds(r *record.Sample) bool {
	within := func(ns float64) bool { return ns <= float64(l.limit) }
	switch l.metric {
	case TTFB:
		ns, ok := r.TTFB()
		return ok && within(float64(ns))
	case TTFT:
		ns, ok := r.TTFT()
		return ok && within(float64(ns))
	case ITL:
		ns, ok := r.ITL()
		return !ok || within(ns)
	case TPOT:
		ns, ok := r.TPOT()
		return !ok || within(ns)
	default:
		return within(float64(r.Latency()))
	}
}

// GoodputAbove holds where goodput is above perSecond in every step in scope:
// requests per second that succeed and are within every limit given. Throughput
// rises with load while answers come too late for anybody; goodput does not
// (Zhong et al., DistServe, OSDI 2024). A run with a step that does not even send
// so many requests is refused.
//
//	llmperf.GoodputAbove(2, llmperf.TTFT.Within(800*time.Millisecond), llmperf.Latency.Within(10*time.Second))
//
// The bounds are those of a Poisson count (Garwood, Biometrika 28, 1936), wider
// where stretches of the step, or users, have more or fewer good requests than
// by chance, as at [OutputTokensAbove].
func GoodputAbove(perSecond float64, limits ...RequestLimit) SLO {
	var words []string
	var errs []error
	c := check{name: "goodput", leastRate: perSecond}
	for _, l := range limits {
		words = append(words, l.String())
		errs = append(errs, l.validate())
		c.metrics = append(c.metrics, l.metric)
	}
	c.want = fmt.Sprintf("goodput > %g requests/s (%s)", perSecond, strings.Join(words, ", "))
	if !(perSecond > 0) || math.IsInf(perSecond, 1) {
		errs = append(errs, fmt.Errorf("GoodputAbove(%v, …): want good requests per second above 0", perSecond))
	}
	if len(limits) == 0 {
		errs = append(errs, fmt.Errorf("GoodputAbove(%v) has no limit: give it at least one, such as llmperf.TTFT.Within(800*time.Millisecond), or use ThroughputAbove", perSecond))
	}
	c.err = errors.Join(errs...)
	c.step = func(c check, s *Step, j judge) Outcome {
		o := c.above(s, j, "goodput", perSecond, func(conf float64) evidence {
			e := s.rateOf(conf, func(r *record.Sample) float64 {
				if good(r, limits) {
					return 1
				}
				return 0
			})
			if e.Estimate == 0 {
				e.High = stats.CountBounds(0, conf).High / s.Seconds
			}
			return e
		})
		for _, l := range limits {
			if f := s.figure(l.metric, l.limit); o.figure == 0 || f < o.figure {
				o.figure = f
			}
		}
		if s.Requests > 0 {
			o.more(missed(s, limits))
		}
		return o
	}
	return c
}

// good reports whether a request succeeded within every limit.
func good(r *record.Sample, limits []RequestLimit) bool {
	if r.Class != record.OK {
		return false
	}
	for _, l := range limits {
		if !l.holds(r) {
			return false
		}
	}
	return true
}

// missed says how many requests were not good, and what they missed: some may
// have missed several limits.
func missed(s *Step, limits []RequestLimit) string {
	bad, past := 0, make([]int, len(limits))
	for i := range s.samples {
		r := &s.samples[i]
		if !good(r, limits) {
			bad++
		}
		for k, l := range limits {
			if r.Class == record.OK && !l.holds(r) {
				past[k]++
			}
		}
	}
	if bad == 0 {
		return "all requests were good"
	}
	var causes []string
	if s.Failed > 0 {
		causes = append(causes, fmt.Sprintf("%s failed", count(s.Failed)))
	}
	for k, l := range limits {
		if past[k] > 0 {
			causes = append(causes, fmt.Sprintf("%s without %v", count(past[k]), l))
		}
	}
	return fmt.Sprintf("%s of %s requests were not good: %s", count(bad), count(s.Requests), strings.Join(causes, ", "))
}
