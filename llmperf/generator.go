package llmperf

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"llmperf.dev/llmperf/internal/generator"
	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

// GeneratorStats say how the generator of the load, which is this process on this
// machine, fared while requests were measured. A generator that runs late measures
// itself. They are of real time; in virtual time there is nothing to measure.
//
// A service that runs in the same process, as behind an httptest.Server, takes CPU
// time and files of the same, and is in all figures but Lag and Delay.
type GeneratorStats struct {
	// Lag is how late this process read what it wrote to itself at every 10th
	// millisecond, which waits as an answer does: in the system's queue of what can be
	// read, and behind the goroutines that are ready. A request's times are as late as
	// that. N counts the looks. While nothing ran, each look that was due meanwhile
	// counts, from when it was due.
	Lag Distribution `json:"lag"`

	// Delay is from when a closed loop's request was due, its user's think time being
	// over, until it was sent; making up its prompt is in it, where the target says
	// when it has done so, as those of this package do. An open loop's is in
	// ArrivalStats.
	Delay Distribution `json:"dispatch_delay,omitzero"`

	CPU   float64 `json:"cpu"`   // share of the CPU time of Cores that this process took, 1 being all; 0 if the system does not tell
	Cores int     `json:"cores"` // that Go's scheduler may use at once, GOMAXPROCS: those of the machine, or of its container's limit

	// What others did to it, of real machines and containers: 0 if there was nothing
	// or the system does not tell.
	Stolen    float64       `json:"stolen,omitempty"`    // share of the time for which the machine's hypervisor ran others while its processors were wanted, on average
	Throttled time.Duration `json:"throttled,omitempty"` // for which the CPU limit of its container held this process back, of all cores together

	GC      float64       `json:"gc"`           // share of the CPU time of Cores that garbage collection took, up to the last one that ended
	Pauses  int           `json:"gc_pauses"`    // how often garbage collection stopped all goroutines, …
	Pause99 time.Duration `json:"gc_pause_p99"` // … and for how long, p99 …
	Pause   time.Duration `json:"gc_pause_max"` // … and at most, to the width of Go's buckets

	Ready99 time.Duration `json:"ready_p99"` // how long Go let goroutines wait that were ready to run, p99, to the width of its buckets
	Ready   time.Duration `json:"ready_max"` // the same at most

	Files      int `json:"files,omitempty"`       // most files open at once in this process, sockets included, of those counted every second; 0 if the system does not tell
	FilesLimit int `json:"files_limit,omitempty"` // how many it may have open; 0 if the system does not tell
	Sockets    int `json:"sockets,omitempty"`     // likewise most TCP sockets on this machine, or in its container, those included that are closed and keep their port for a while; 0 if the system does not tell
	Ports      int `json:"ports,omitempty"`       // local ports there are for connections to one address; 0 if the system does not tell

	// Failures are requests that this machine could not send, by what it lacked:
	// "file descriptors", "local ports", "memory for sockets", "permission to
	// connect", "what it needs" of other things. Each makes its step Invalid.
	Failures map[string]int `json:"failures,omitempty"`
	Example  string         `json:"example,omitempty"` // one of them in its own words

	limits     GeneratorLimits
	confidence float64      // with which it must be proved that they are exceeded
	sending    Distribution // dispatch delay of an open loop whose requests were not held; else nothing
}

// GeneratorLimits say how late the generator may be before the figures of a step
// are its own rather than the service's. What is judged is the p99 of
// [GeneratorStats].Lag, or of an open loop's dispatch delay if that is more: whether
// its lower bound, at the scenario's confidence, is past the limit. So one moment in
// which a busy machine did nothing, however long, is not taken for a slow generator.
// The limit is Floor, or Share of the time that the lateness would falsify, if that
// is more:
//
//   - of one outcome, that is the time judged: the limit or what was seen, whichever
//     is more. For p99/p50 it is this of p50; for means over the tokens of a request,
//     ITL and TPOT, of all its tokens; for goodput the shortest of its limits.
//   - of a whole step, that is the median latency. A generator that is late by more
//     sends less than the step's load, and nothing of the step stands.
//
// With Share at a tenth, a p95 of 800 ms stands up to 80 ms, and answers of 5 s up
// to half a second. Where this process uses CPU or more of its cores, the limit is
// Floor. CPU time alone says nothing, since the service may run in the
// same process.
type GeneratorLimits struct {
	Share float64       // of the time judged; default 0.1
	Floor time.Duration // lateness that is never too much; default 10ms
	CPU   float64       // share of its cores from which on the process has none to spare; default 0.95

	// Off leaves steps valid however late the generator was. It is measured all the
	// same, and requests that this machine could not send still make a step Invalid.
	Off bool
}

// latenessFloor is the default Floor: further behind than this are clocks of a busy
// machine seldom.
var latenessFloor = 10 * time.Millisecond

func (l GeneratorLimits) withDefaults() GeneratorLimits {
	l.Share = orDefault(l.Share, 0.1)
	l.Floor = orDefault(l.Floor, latenessFloor)
	l.CPU = orDefault(l.CPU, 0.95)
	return l
}

func (l GeneratorLimits) validate() error {
	var errs []error
	if !(l.Share > 0 && l.Share <= 1) {
		errs = append(errs, fmt.Errorf("scenario.Generator.Share is %v: want a share of the time judged between 0 and 1, such as 0.1, or Off", l.Share))
	}
	if l.Floor < time.Microsecond {
		errs = append(errs, fmt.Errorf("scenario.Generator.Floor is %v: want a time such as 10ms", l.Floor))
	}
	if !(l.CPU > 0 && l.CPU <= 1) {
		errs = append(errs, fmt.Errorf("scenario.Generator.CPU is %v: want a share of its cores between 0 and 1, such as 0.95", l.CPU))
	}
	return errors.Join(errs...)
}

// generatorOf is how the generator fared while a bucket was measured.
func (m *measurement) generatorOf(b *bucket, a *ArrivalStats) GeneratorStats {
	var g GeneratorStats
	for i := range b.own {
		g.lacked(&b.own[i])
	}
	if m.monitor == nil {
		return g
	}
	g.limits, g.confidence = m.scenario.Generator, m.scenario.Confidence
	if a.Held == 0 {
		g.sending = a.Delay
	}
	stretches := b.stretches()
	var lag []stats.Observation
	for _, ns := range m.monitor.Lateness(stretches) {
		lag = append(lag, stats.Observation{Value: ns})
	}
	g.Lag, g.Delay = observe(lag), delayOf(b.samples)
	u := m.monitor.Use(stretches)
	g.CPU, g.Cores, g.GC = u.Share(), u.Cores, u.GCShare()
	g.Stolen, g.Throttled = u.StolenShare(), u.Held
	g.Pauses, g.Pause99, g.Pause = u.Pauses.N(), u.Pauses.Quantile(0.99), u.Pauses.Quantile(1)
	g.Ready99, g.Ready = u.Ready.Quantile(0.99), u.Ready.Quantile(1)
	g.Files, g.FilesLimit, g.Sockets, g.Ports = u.Files, generator.FilesLimit(), u.Sockets, generator.Ports()
	return g
}

// lacked takes in a request that this machine could not send.
func (g *GeneratorStats) lacked(s *record.Sample) {
	if g.Failures == nil {
		g.Failures, g.Example = map[string]int{}, s.Detail
	}
	g.Failures[generator.Lack(s.Status).String()]++
}

// failures is how many requests this machine could not send.
func (g *GeneratorStats) failures() int {
	n := 0
	for _, of := range g.Failures {
		n += of
	}
	return n
}

// delayOf is how late the requests of a closed loop were sent.
func delayOf(samples []record.Sample) Distribution {
	var delays []float64
	for i := range samples {
		if s := &samples[i]; !s.Open {
			delays = append(delays, float64(s.Delay)*float64(time.Microsecond))
		}
	}
	return newDistribution(delays)
}

// stretches are the times that a bucket measures.
func (b *bucket) stretches() []generator.Stretch {
	if b.merged == nil {
		return []generator.Stretch{{From: b.from, Until: b.until}}
	}
	var all []generator.Stretch
	for _, o := range b.merged {
		all = append(all, o.stretches()...)
	}
	return all
}

// generatorTable is how the generator fared in each step, as text; empty of virtual
// time.
func generatorTable(steps []Step) string {
	rows := generatorRows(steps)
	if len(rows) == 0 {
		return ""
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range append([][]string{append([]string{"the generator itself"}, generatorColumns...)}, rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t")+"\t")
	}
	w.Flush()
	return text.String()
}

var generatorColumns = []string{"late by p50", "p99", "max", "sent late by p99", "CPU", "GC", "GC pause p99", "files", "not sent"}

// generatorRows are the cells of a table of how the generator fared, a row for each
// step; none of virtual time.
func generatorRows(steps []Step) [][]string {
	known := func(v bool, text string) string {
		if !v {
			return orDash(0)
		}
		return text
	}
	var rows [][]string
	for i := range steps {
		s := &steps[i]
		g, delay := &s.Generator, &s.Generator.Delay
		if s.Load.open() {
			delay = &s.Arrivals.Delay
		}
		if g.Lag.N == 0 && s.GeneratorFailures == 0 {
			continue
		}
		rows = append(rows, []string{
			s.Name, known(g.Lag.N > 0, duration(g.Lag.P50)), known(g.Lag.N > 0, duration(g.Lag.P99)), known(g.Lag.N > 0, duration(g.Lag.Max)), known(delay.N > 0, duration(delay.P99)),
			known(g.CPU > 0, fmt.Sprintf("%s of %s", percent(g.CPU), plural(g.Cores, "core"))), known(g.CPU > 0, percent(g.GC)), known(g.Pauses > 0, duration(g.Pause99)),
			known(g.Files > 0, fmt.Sprintf("%s of %s", count(g.Files), count(g.FilesLimit))), count(s.GeneratorFailures),
		})
	}
	return rows
}
