package llmperf

import (
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
	Aborted string    `json:"aborted,omitempty"` // what went wrong, so that the run ended before its profile did; "" if nothing did
	Stopped string    `json:"stopped,omitempty"` // why it stopped before that on purpose: a Stop of the scenario, or its Budget; "" if it did not

	Virtual bool   `json:"virtual,omitempty"` // the run was simulated: its times are virtual
	Digest  string `json:"digest,omitempty"`  // of everything measured of every request, the warm-up's included; of a simulated run. Runs with the same digest are the same

	Elapsed time.Duration `json:"elapsed_ns"`        // from the first user's begin to the last request home
	Warmup  Stats         `json:"warmup"`            // what the warm-up saw; part of no verdict
	Steps   []Step        `json:"steps"`             // in the order they were run
	NotRun  []Load        `json:"not_run,omitempty"` // planned, and not run since the run ended early, each with the step's name; nil if the profile decides as it goes
	Short   bool          `json:"short,omitempty"`   // warm-up and steps were shortened, as under go test -short
	Spent   Spending      `json:"spent"`             // by all requests, measured or not
	Total   Stats         `json:"total"`             // all steps' measured requests together
	Targets []TargetStats `json:"targets,omitempty"` // the same by target, of a Mix

	Generator GeneratorStats `json:"generator,omitzero"` // how the generator fared in the time measured; nothing in virtual time

	Timeline   []Window   `json:"timeline"`           // the 10 s sliding window, every 5 s
	Saturation Saturation `json:"saturation"`         // of the steps by rising load
	Growth     Growth     `json:"growth"`             // of p95 latency with load
	Plateau    float64    `json:"plateau,omitempty"`  // load from which on throughput levels off, in users or, in an open loop, in requests per second; 0 if it does not
	Health     []Signal   `json:"health"`             // the signals that an operator looks at
	Warnings   []string   `json:"warnings,omitempty"` // what makes the measurement itself doubtful
	Outcomes   []Outcome  `json:"outcomes"`           // of the SLOs given to Run

	scenario Scenario
	capacity *Capacity // what a search made of it
	running  bool      // the run goes on, and these are its steps so far
	pkg      string    // import path of the package whose test it was
	folder   string    // where its files are, if they outlive the test
	files    []string  // their names
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
	Targets []TargetStats `json:"targets,omitempty"` // the same by target, of a Mix

	Recovery *Recovery `json:"recovery,omitempty"` // of a step that falls back to the load of an earlier one; else nil

	Generator GeneratorStats `json:"generator,omitzero"` // how the generator of the load fared meanwhile; nothing in virtual time
	Invalid   string         `json:"invalid,omitempty"`  // why the generator, not the service, was the bottleneck, so that the figures say nothing of the service; "" if it was not

	trial trial // what a search made of it, of which it is a probe
}

// Stats sum up requests. Percentiles are by nearest rank over successful
// requests, exact but for ICL, which a histogram counts to three digits.
//
// Every request that was due is in one place: it succeeded, or it is among Failed
// and, by its class, in Failures, as those are that were unfinished when the run
// had to end; these two are Requests. One that failed on this machine before the
// service could answer for it is in GeneratorFailures and nowhere else.
type Stats struct {
	Requests int            `json:"requests"`           // sent
	Failed   int            `json:"failed"`             // of them, not successful
	Failures map[string]int `json:"failures,omitempty"` // failed requests by class: "timeout", "status 503", …
	Examples []string       `json:"examples,omitempty"` // one failure of each class in its own words

	GeneratorFailures int `json:"generator_failures,omitempty"` // requests of class FailGenerator, which are not among Requests; what was lacking is in Step.Generator

	Seconds      float64 `json:"seconds"`       // time measured
	RPS          float64 `json:"rps"`           // requests sent per second; of an open loop, due
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

	Overhead OverheadStats `json:"overhead,omitzero"` // if the scenario has upstreams
	Arrivals ArrivalStats  `json:"arrivals,omitzero"` // of an open loop

	failureEffect float64         // design effect of failing; 0 for none
	samples       []record.Sample // the requests in the order in which they were sent; not of the whole run, which no SLO judges at once
}

// Succeeded is the number of successful requests.
func (s *Stats) Succeeded() int { return s.Requests - s.Failed }

// failures returns the failure rate between its bounds, each at confidence
// conf. Requests that fail in bursts count as fewer.
func (s *Stats) failures(conf float64) evidence {
	e := evidence{n: s.Requests, effective: stats.EffectiveN(s.Requests, s.failureEffect)}
	e.Interval = stats.FailureBoundsEffective(s.Failed, s.Requests, e.effective, conf)
	return e
}

// tailRatio returns p99/p50 of latency between its bounds, each at confidence
// conf.
func (s *Stats) tailRatio(conf float64) evidence { return s.tailRatioAgainst(s.TailRatio, conf) }

// tailRatioAgainst is tailRatio, for comparison with a limit.
func (s *Stats) tailRatioAgainst(limit, conf float64) evidence {
	p50 := s.Latency.quantile(0.50, conf)
	p99 := s.Latency.quantileAgainst(limit*p50.Estimate, 0.99, conf)
	return evidence{stats.Ratio(p99.Interval, p50.Interval), p99.n, p99.effective}
}
