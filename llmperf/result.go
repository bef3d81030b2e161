package llmperf

import (
	"math"
	"slices"
	"time"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

// SchemaVersion is the version of result.json. It grows when a field changes
// its meaning or goes; new fields come without it.
const SchemaVersion = 1

// A Result is what a run measured, and what was made of it. It is plain data;
// result.json holds it as it is here. Times in it are nanoseconds.
type Result struct {
	Schema  int       `json:"schema"`            // SchemaVersion
	Name    string    `json:"name,omitempty"`    // the test's name
	Target  string    `json:"target"`            // what was loaded, without secrets
	Seed    uint64    `json:"seed"`              // the scenario's
	Started time.Time `json:"started"`           // when the load began
	Aborted string    `json:"aborted,omitempty"` // why the run ended before its profile did; "" if it did not

	Virtual bool   `json:"virtual,omitempty"` // the run was simulated: its times are virtual
	Digest  string `json:"digest,omitempty"`  // of everything measured of every request, the warm-up's included; of a simulated run. Runs with the same digest are the same

	Elapsed time.Duration `json:"elapsed_ns"` // from the first user's begin to the last request home
	Warmup  Stats         `json:"warmup"`     // what the warm-up saw; part of no verdict
	Steps   []Step        `json:"steps"`      // in the order they were run
	Total   Stats         `json:"total"`      // all steps' measured requests together

	Timeline   []Window   `json:"timeline"`   // the 10 s sliding window, every 5 s
	Saturation Saturation `json:"saturation"` // of the steps by rising load
	Outcomes   []Outcome  `json:"outcomes"`   // of the SLOs given to Run

	scenario Scenario
}

// A Step is what one step of the load measured: the requests sent while all its
// users ran and its settle time was over. A request belongs to the step in
// which it was sent, whenever its answer came.
type Step struct {
	Index int           `json:"index"`            // 0-based
	Name  string        `json:"name"`             // as in test names: users=50
	Load  Load          `json:"load"`             // what the profile asked for
	Begin time.Duration `json:"begin_ns"`         // since the start of the run: the step begins, …
	From  time.Duration `json:"measured_from_ns"` // … measuring begins, …
	Until time.Duration `json:"measured_to_ns"`   // … and ends, with the step

	// Unfinished is how many of the step's requests were still in flight when a
	// profile was asked for the next step. It is 0 in a result.
	Unfinished int `json:"unfinished,omitempty"`

	Stats
}

// Stats sum up requests. Percentiles are by nearest rank over successful
// requests, exact but for ICL, which a histogram counts to three digits.
type Stats struct {
	Requests int            `json:"requests"`           // sent
	Failed   int            `json:"failed"`             // of them, not successful
	Failures map[string]int `json:"failures,omitempty"` // failed requests by class: "timeout", "status 503", …
	Examples []string       `json:"examples,omitempty"` // one failure of each class in its own words

	Seconds      float64 `json:"seconds"`       // time measured
	RPS          float64 `json:"rps"`           // requests sent per second
	Throughput   float64 `json:"throughput"`    // successful requests per second
	FailureRate  float64 `json:"failure_rate"`  // failed/requests
	TailRatio    float64 `json:"tail_ratio"`    // p99/p50 of latency; 0 without successful requests
	InFlight     float64 `json:"in_flight"`     // mean number of these requests in flight while measuring
	OutputTokens int     `json:"output_tokens"` // of successful requests
	PromptTokens int     `json:"prompt_tokens"` // likewise, as the server counted them
	CachedTokens int     `json:"cached_tokens"` // prompt tokens that the server's prefix cache answered

	OutputTokensPerSecond float64 `json:"output_tokens_per_second"`      // output tokens per second measured
	OutputTokensPerUser   float64 `json:"output_tokens_per_second_user"` // the same per user of the step

	Latency Distribution `json:"latency"`
	TTFB    Distribution `json:"ttfb"`
	TTFT    Distribution `json:"ttft"`
	ICL     Distribution `json:"icl"`
	ITL     Distribution `json:"itl"`
	TPOT    Distribution `json:"tpot"`
}

// Succeeded is the number of successful requests.
func (s *Stats) Succeeded() int { return s.Requests - s.Failed }

// A Distribution sums up one metric; all zero if it was never measured.
type Distribution struct {
	N    int           `json:"n"` // requests, or gaps for ICL
	Min  time.Duration `json:"min_ns"`
	Mean time.Duration `json:"mean_ns"`
	P50  time.Duration `json:"p50_ns"`
	P90  time.Duration `json:"p90_ns"`
	P95  time.Duration `json:"p95_ns"`
	P99  time.Duration `json:"p99_ns"`
	Max  time.Duration `json:"max_ns"`

	sorted    []float64         // nanoseconds, of metrics with a value a request
	histogram *record.Histogram // of ICL
	requests  int               // behind histogram
}

// bounds returns the p-quantile in nanoseconds and its bounds, each at
// confidence conf, and the number of requests that they rest on. The gaps of
// one request depend on each other, so that histogram counts as many
// independent values as requests.
func (d *Distribution) bounds(p, conf float64) (q stats.Interval, n int) {
	if d.histogram == nil {
		return stats.Quantile(d.sorted, p, conf, 0), len(d.sorted)
	}
	return histogramQuantile(d.histogram, p, conf, d.requests), d.requests
}

func histogramQuantile(h *record.Histogram, p, conf float64, requests int) stats.Interval {
	n := h.N()
	q := stats.Interval{High: math.Inf(1)}
	if n == 0 {
		return q
	}
	estimate := stats.NearestRank(n, p)
	_, high := h.AtRank(estimate)
	q.Estimate = float64(high)
	stretch := float64(n) / float64(requests)
	if k, ok := stats.LowerRank(requests, p, conf); ok {
		low, _ := h.AtRank(max(1, min(estimate, int(float64(k)*stretch))))
		q.Low = float64(low)
	}
	if k, ok := stats.UpperRank(requests, p, conf); ok {
		_, high := h.AtRank(min(n, max(estimate, int(math.Ceil(float64(k)*stretch)))))
		q.High = float64(high)
	}
	return q
}

// newDistribution sums up values in nanoseconds, which it sorts in place.
func newDistribution(values []float64) Distribution {
	if len(values) == 0 {
		return Distribution{}
	}
	slices.Sort(values)
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	at := func(p float64) time.Duration {
		return time.Duration(math.Round(values[stats.NearestRank(len(values), p)-1]))
	}
	return Distribution{
		N: len(values), Min: at(0), Mean: time.Duration(math.Round(sum / float64(len(values)))), Max: at(1),
		P50: at(0.50), P90: at(0.90), P95: at(0.95), P99: at(0.99),
		sorted: values,
	}
}

func gapDistribution(h *record.Histogram, requests int) Distribution {
	n := h.N()
	if n == 0 {
		return Distribution{}
	}
	at := func(p float64) time.Duration {
		_, high := h.AtRank(max(1, stats.NearestRank(n, p)))
		return time.Duration(high)
	}
	low, _ := h.AtRank(1)
	return Distribution{
		N: n, Min: time.Duration(low), Mean: time.Duration(h.Mean()), Max: time.Duration(h.Max()),
		P50: at(0.50), P90: at(0.90), P95: at(0.95), P99: at(0.99),
		histogram: h, requests: requests,
	}
}
