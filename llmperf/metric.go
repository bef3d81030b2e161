package llmperf

import "time"

// A Metric is a time measured on every successful request. Its methods make
// SLOs: llmperf.TTFT.P95Below(800*time.Millisecond).
type Metric string

// The metrics. All of them are over successful requests.
const (
	Latency Metric = "latency" // request sent → last byte
	TTFB    Metric = "ttfb"    // request sent → first byte of the response
	TTFT    Metric = "ttft"    // request sent → first token: first non-empty content, reasoning or tool-call delta
	ICL     Metric = "icl"     // gap between two token chunks, every gap of every request
	ITL     Metric = "itl"     // mean gap per token of one request: (last − first)/(tokens − tokens in the first chunk, its share if the server alone counts them)
	TPOT    Metric = "tpot"    // (latency − TTFT)/(tokens − 1) of one request

	// Overhead is the service's own part of the latency: what was not spent in the
	// scenario's upstreams. See OverheadStats.
	Overhead Metric = "overhead"
)

// metrics are all of them, in the order of reports.
var metrics = []Metric{Latency, TTFB, TTFT, ICL, ITL, TPOT, Overhead}

var titles = map[Metric]string{Latency: "latency", TTFB: "TTFB", TTFT: "TTFT", ICL: "ICL", ITL: "ITL", TPOT: "TPOT", Overhead: "overhead"}

// title is the metric's name in a sentence.
func (m Metric) title() string { return titles[m] }

// of is the metric's distribution in s.
func (m Metric) of(s *Stats) *Distribution {
	switch m {
	case TTFB:
		return &s.TTFB
	case TTFT:
		return &s.TTFT
	case ICL:
		return &s.ICL
	case ITL:
		return &s.ITL
	case TPOT:
		return &s.TPOT
	case Overhead:
		return &s.Overhead.Total
	default:
		return &s.Latency
	}
}

// P50Below holds where the median is below limit.
func (m Metric) P50Below(limit time.Duration) SLO { return percentileSLO(m, 0.50, limit) }

// P90Below holds where 90 % of requests are below limit.
func (m Metric) P90Below(limit time.Duration) SLO { return percentileSLO(m, 0.90, limit) }

// P95Below holds where 95 % of requests are below limit. Proving it takes at
// least 59 requests a step at 95 % confidence.
func (m Metric) P95Below(limit time.Duration) SLO { return percentileSLO(m, 0.95, limit) }

// P99Below holds where 99 % of requests are below limit. Proving it takes at
// least 299 requests a step at 95 % confidence.
func (m Metric) P99Below(limit time.Duration) SLO { return percentileSLO(m, 0.99, limit) }
