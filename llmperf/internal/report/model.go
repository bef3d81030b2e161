package report

// A Model is all that a page shows, as plain data. Its texts may hold anything.
// In it, times are seconds, rates are per second, shares are of 1, and loads are
// in the Model's Unit.
type Model struct {
	Name     string   `json:"name"`     // of the run
	Verdict  string   `json:"verdict"`  // of the run in one word; "" if nothing was judged
	Sentence string   `json:"sentence"` // the same in one sentence
	Running  bool     `json:"running"`  // the run goes on: there is more to come
	Findings []string `json:"findings"` // what else there is to say of the service, a sentence each

	Notices []Notice `json:"notices"` // what the reader must know before believing the rest
	Facts   []Fact   `json:"facts"`
	Signals []Signal `json:"signals"`
	SLOs    []SLO    `json:"slos"`   // those to look at first come first
	Tables  []Table  `json:"tables"` // figures as text

	Unit       string     `json:"unit"`       // of loads: "users" or "requests/s"
	Confidence float64    `json:"confidence"` // of each bound
	Limits     Limits     `json:"limits"`     // what counts as saturated
	Saturation Saturation `json:"saturation"`
	Growth     string     `json:"growth"`  // of p95 latency with load, in one word
	Plateau    float64    `json:"plateau"` // load from which on throughput levels off; 0 if it does not

	Percentiles []float64 `json:"percentiles"` // those of every Metric's CDF, ascending
	Steps       []Step    `json:"steps"`       // in the order they were run
	Timeline    Timeline  `json:"timeline"`
}

// A Notice is a text of some kind: "aborted", "invalid", "stopped", "short",
// "warning".
type Notice struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// A Fact is something about the run.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Signal is what an operator looks at, graded: "healthy", "warning",
// "critical", two of them joined by a dash, or "" for no grade.
type Signal struct {
	Name  string `json:"name"`
	Seen  string `json:"seen"`
	Grade string `json:"grade"`
}

// An SLO is what was required, with the verdict on each step and on all together.
type SLO struct {
	Name     string    `json:"name"`
	Want     string    `json:"want"`
	Verdict  string    `json:"verdict"`  // the worst of the outcomes'
	Outcomes []Outcome `json:"outcomes"` // those to look at first come first
}

// An Outcome is one verdict.
type Outcome struct {
	Verdict   string `json:"verdict"` // "pass", "fail", "inconclusive", "invalid", or any other word
	Step      string `json:"step"`    // the step's name; "" for all steps together
	Where     string `json:"where"`   // the same in words
	Seen      string `json:"seen"`
	Interval  string `json:"interval"`
	N         string `json:"n"`         // requests that it rests on
	Effective string `json:"effective"` // as many independent ones are they worth
	Guard     bool   `json:"guard"`     // a pass is no proof
	Note      string `json:"note"`      // what else to know
}

// A Table is figures as text. The first column names the row.
type Table struct {
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Limits are what a step must stay within not to count as saturated.
type Limits struct {
	Ratio    float64 `json:"ratio"`    // times the latency of the first step
	Quantile float64 `json:"quantile"` // of latency: 0.95 or 0.9
	Latency  float64 `json:"latency"`  // the limit itself; 0 if it is not known
	Failures float64 `json:"failures"` // share of failed requests
}

// A Saturation is where a service stops coping, as loads; 0 for none.
type Saturation struct {
	At        float64 `json:"at"`         // the first saturated step
	LastBelow float64 `json:"last_below"` // the last step proved to be within the limits
	FirstOver float64 `json:"first_over"` // the first step proved to be past one
}

// A Step is what one step of the load measured.
type Step struct {
	Name  string  `json:"name"`
	Label string  `json:"label"` // the name, in short: 50, 1-60, 50_2
	Load  string  `json:"load"`  // in words
	Level float64 `json:"level"` // the highest load of the step

	Begin float64 `json:"begin"` // since the start of the run: the step begins, …
	From  float64 `json:"from"`  // … measuring begins, …
	Until float64 `json:"until"` // … and ends, with the step

	Requests     int            `json:"requests"`
	Failed       int            `json:"failed"`
	Failures     map[string]int `json:"failures"` // failed requests by class
	FailureRate  Estimate       `json:"failure_rate"`
	RPS          float64        `json:"rps"`
	Throughput   float64        `json:"throughput"`
	OutputTokens float64        `json:"output_tokens"` // per second

	Latency *Metric `json:"latency,omitempty"` // nil if it was not measured, as the others
	TTFT    *Metric `json:"ttft,omitempty"`
	ITL     *Metric `json:"itl,omitempty"`

	Overhead *Overhead `json:"overhead,omitempty"`
	Arrivals *Arrivals `json:"arrivals,omitempty"`
}

// An Estimate is a figure between its bounds.
type Estimate struct {
	Seen float64 `json:"seen"`
	Low  float64 `json:"low"`            // 0 claims nothing
	High float64 `json:"high,omitempty"` // 0 if there is none
}

// A Metric is the distribution of one time.
type Metric struct {
	N   int      `json:"n"`
	Min float64  `json:"min"`
	P50 Estimate `json:"p50"`
	P90 float64  `json:"p90"`
	P95 Estimate `json:"p95"`
	P99 Estimate `json:"p99"`
	Max float64  `json:"max"`

	CDF       []float64 `json:"cdf"` // at the Model's Percentiles, up to the first that is the maximum
	Histogram Histogram `json:"histogram"`
}

// A Histogram counts in bins of equal width on a logarithmic axis: Counts[i] is
// of times from 2^((First+i)/PerOctave) s up to 2^((First+i+1)/PerOctave) s.
// PerOctave is a power of two, so that the bins of several histograms can be
// made the same by joining neighbours.
type Histogram struct {
	PerOctave int   `json:"per_octave"`
	First     int   `json:"first"`
	Counts    []int `json:"counts"`
}

// An Overhead is where the time of a step's successful requests went.
type Overhead struct {
	Known string  `json:"known"` // how it is known: "header", "prompt"; "totals" for the means alone
	Calls float64 `json:"calls"` // mean number of upstream calls of a request
	Parts []Part  `json:"parts"` // which together are the mean time of a request since it was sent
	Total *Spread `json:"total,omitempty"`

	// Tokens is what passing tokens on adds between the first and the last. It is
	// not one of Parts, whose times it lies within.
	Tokens *Spread `json:"tokens,omitempty"`
}

// A Part is a share of the time of a request.
type Part struct {
	Name   string  `json:"name"` // "before", "between calls", "after", "no call", "service", "upstream"
	Mean   float64 `json:"mean"` // over all successful requests
	Spread *Spread `json:"spread,omitempty"`
}

// A Spread is percentiles without bounds.
type Spread struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// Arrivals are how the requests of an open loop were sent.
type Arrivals struct {
	Due   float64 `json:"due"`  // per second
	Sent  float64 `json:"sent"` // per second
	P50   float64 `json:"p50"`  // from due to sent
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
	Since float64 `json:"since"` // p95 from sent to the last byte
	Held  int     `json:"held"`  // requests that waited since too many others were in flight
}

// A Timeline is the run from moment to moment, column by column. Percentiles are
// of successful requests and 0 where there was none.
type Timeline struct {
	Width float64 `json:"width"` // of the sliding window
	Every int     `json:"every"` // of so many windows in a row, the one with the highest p95 is here

	At         []float64 `json:"at"`   // since the start of the run
	Load       []float64 `json:"load"` // at that moment
	InFlight   []int     `json:"in_flight"`
	Requests   []int     `json:"requests"` // that ended within the window
	Failed     []int     `json:"failed"`   // of them
	P50        []float64 `json:"p50"`
	P95        []float64 `json:"p95"`
	Cumulative []float64 `json:"cumulative"` // p95 of all that ended since the step began
}
