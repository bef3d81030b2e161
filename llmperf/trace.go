package llmperf

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"llmperf.dev/llmperf/internal/load"
)

// A Trace replays recorded requests: each is sent when it came, with a prompt as
// long as it had and room for an answer as long as it got. It is both a profile
// and prompts, and the same value serves as both:
//
//	trace := &llmperf.Trace{File: "testdata/azure_code.csv", Duration: 10 * time.Minute}
//	scenario := llmperf.Scenario{
//		Target:  llmperf.OpenAI{…, Prompts: trace},
//		Profile: trace,
//	}
//
// The load is an open loop: requests come at their times, whether or not the
// service keeps up, and in bursts where the trace has bursts. It is cut into
// steps, each named for the time in the trace at which it begins:
//
//	requests/s
//	   8 |        █                          ▄
//	   6 |       ▆█▂                        ▂█
//	   4 |       ███▅          ▃            ██▃
//	   2 | ▁▃▂▁▂▆████▄▁▂▁▁▂▁▃▂▅█▄▂▁▁  ▁▂▁▁▂▅███▆▁▂▁▁
//	     +─┬────────────┬────────────┬────────────┬── time
//	       at=0s        at=1m0s      at=2m0s      end
//
// The load of a step, by which it is limited and compared, is its mean rate; all
// of its requests are measured. A stretch without any request belongs to the
// step before it, or at the start to the one after it; so does a rest at the end
// that is shorter than half a step. Saturation is judged against the first step,
// so a trace that is to show it should begin where it is quiet.
//
// The file is comma-separated, with a header. The names of the columns, in
// whatever order, say what it is; others than these don't matter:
//
//   - TIMESTAMP, ContextTokens, GeneratedTokens, with times such as 2023-11-16
//     18:15:46.6805900: Azure's LLM inference traces of 2023 and 2024, of
//     github.com/Azure/AzurePublicDataset.
//   - Timestamp, Request tokens, Response tokens, and maybe Model, with times in
//     seconds: BurstGPT in any of its versions, of github.com/HPMLL/BurstGPT.
//   - time_s, input_tokens, output_tokens, with times in seconds: such as an
//     export of one's own log.
//
// Times count from the first request, and are kept to 20 µs. Lines need not be in
// the order of their times, though those of the files above are; requests of the
// same time are sent in the order of their lines. Requests with 0 output tokens
// are left out: in BurstGPT they are those that failed. String says how many.
//
// Prompts are random words, as many as the request had input tokens but at least
// one, and marked, as those of [Synthetic] are. The limit of output tokens is
// what the request got. A model may end its answer before; what makes it go on
// is said at Extra of [OpenAI].
//
// A request that is none of the trace's is as long as one of them, drawn at
// random. So with another profile a Trace is prompts with lengths as they are in
// life: long answers go with the prompts that had them. The warm-up sends the
// trace's requests at the first step's rate, from the first on and, where the
// trace is short, again.
//
// The file is read once, before any load. No field may change after that.
type Trace struct {
	File  string  // the path, relative to the folder of the test; required
	Model string  // only requests to this model, as if the file had no others: BurstGPT has "ChatGPT" and "GPT-4"; "" for all
	Speed float64 // how much faster than recorded: 2 halves the gaps, which doubles the rate; default 1

	Step time.Duration // length of a step of the run, in whole milliseconds; default a minute

	// A part of the trace, in times as recorded, whatever the Speed: requests that
	// came at From or later, and less than Duration after that. From counts from
	// the first request. Without Duration, the part ends with the second in which
	// the last one came.
	From     time.Duration
	Duration time.Duration

	once  sync.Once
	file  *traceFile // what the part holds; times count from its start
	steps []Load     // shared, so never changed
	err   error
}

const (
	defaultTraceStep = time.Minute
	longestTrace     = 366 * 24 * time.Hour
)

// noRow is the row of a request that is none of a trace's.
const noRow = -1

// Next returns the step after those done.
func (t *Trace) Next(done []Step) (Load, bool) {
	return nextOf(t.plan(), done)
}

// plan is without steps if the trace is not valid.
func (t *Trace) plan() []Load {
	_ = t.validate()
	return t.steps
}

// Messages makes one user message, as long as the request's prompt was.
func (t *Trace) Messages(c *Call) ([]Message, error) { return messagesOf(t, c) }

func (t *Trace) entry(c *Call) (entry, error) {
	return entryOfText(randomWords(c.Rand(), max(1, int(t.row(c).input)))), nil
}

// MaxTokens is how many output tokens the request got.
func (t *Trace) MaxTokens(c *Call) int {
	if t.validate() != nil {
		return 0
	}
	return int(t.row(c).output)
}

// row is the row of the trace that a request is, or one drawn at random.
func (t *Trace) row(c *Call) traceRow {
	n := c.row
	if n == noRow {
		n = c.stream(streamRow).IntN(len(t.file.rows))
	}
	return t.file.rows[n%len(t.file.rows)]
}

// String says what is replayed, and what was left out.
func (t *Trace) String() string {
	if t.validate() != nil {
		return "trace " + t.File
	}
	var length time.Duration
	for _, l := range t.steps {
		length += l.Hold
	}
	var text strings.Builder
	fmt.Fprintf(&text, "trace %s: %s in %v", filepath.Base(t.File), plural(len(t.file.rows), "request"), length)
	if t.Model != "" {
		fmt.Fprintf(&text, " to %s", t.Model)
	}
	if t.From > 0 {
		fmt.Fprintf(&text, " from %v on", t.From)
	}
	if t.speed() != 1 {
		fmt.Fprintf(&text, " at %sx speed", number(t.Speed))
	}
	if t.file.failed > 0 {
		fmt.Fprintf(&text, ", without %s that got no answer", count(t.file.failed))
	}
	return text.String()
}

func (t *Trace) speed() float64      { return orDefault(t.Speed, 1) }
func (t *Trace) step() time.Duration { return orDefault(t.Step, defaultTraceStep) }

// validate reads the file, the first time.
func (t *Trace) validate() error {
	t.once.Do(func() {
		if t.err = t.validateFields(); t.err == nil {
			t.err = t.load()
		}
	})
	return t.err
}

func (t *Trace) validateFields() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if t.File == "" {
		wrong(`Trace.File is empty: want the path of a trace, such as "testdata/azure_code.csv"`)
	}
	if t.Speed != 0 && !(t.Speed >= 1e-6 && t.Speed <= 1e6) {
		wrong("Trace.Speed is %v: want how much faster than recorded, such as 2, or 0 for as recorded", t.Speed)
	}
	if t.Step != 0 && (t.Step < time.Millisecond || t.Step%time.Millisecond != 0) {
		wrong("Trace.Step is %v: want the length of a step in whole milliseconds, such as 30*time.Second, or 0 for %v", t.Step, defaultTraceStep)
	}
	if t.From < 0 {
		wrong("Trace.From is %v: want a time since the trace's first request, or 0", t.From)
	}
	if t.Duration < 0 {
		wrong("Trace.Duration is %v: want the length of a part of the trace, or 0 for all", t.Duration)
	}
	return errors.Join(errs...)
}

// load reads the file and plans the steps.
func (t *Trace) load() error {
	until := time.Duration(math.MaxInt64)
	if t.Duration > 0 && t.Duration < until-t.From {
		until = t.From + t.Duration
	}
	file, err := readTrace(t.File, t.Model, until)
	if err != nil {
		return err
	}
	rest := file.last - t.From
	switch past := float64(t.Duration - rest); {
	case rest < 0:
		return fmt.Errorf("trace file %s: the last request comes at %v, and Trace.From is %v: want an earlier part", t.File, file.last, t.From)
	case t.Duration > 0 && past > float64(t.step())*t.speed():
		return fmt.Errorf("trace file %s: the last request comes at %v, and Trace.Duration is %v from %v on: want a part that ends with it, or within a step after it; without a Duration it does", t.File, file.last, t.Duration, t.From)
	}
	file.rows = slices.Clone(file.rows[rowAt(file.rows, t.From):])
	if len(file.rows) == 0 {
		return fmt.Errorf("trace file %s: no request from %v to %v: want a part with requests", t.File, t.From, until)
	}
	for i := range file.rows {
		file.rows[i].at -= t.From
	}
	if takes := float64(orDefault(t.Duration, rest)) / t.speed(); takes > float64(longestTrace) {
		return fmt.Errorf("trace file %s: to replay it takes %.3g days at %sx speed: replay a part of it, with Trace.Duration, or look for times that are wrong",
			t.File, takes/float64(24*time.Hour), number(t.speed()))
	}
	t.file, t.steps = file, t.cut(file.rows)
	return nil
}

// inRun is when in the run a time of the trace comes.
func (t *Trace) inRun(at time.Duration) time.Duration {
	return time.Duration(float64(at) / t.speed())
}

// cut makes steps of the rows.
func (t *Trace) cut(rows []traceRow) []Load {
	step := t.step()
	end := t.inRun(rows[len(rows)-1].at).Truncate(time.Second) + time.Second
	if t.Duration > 0 {
		end = (t.inRun(t.Duration) + time.Millisecond - 1).Truncate(time.Millisecond)
	}
	most := max(1, int((end+step/2)/step)) // the last stretch is at least half as long as the others
	var starts []int                       // of each stretch with requests, its number …
	var firsts []int                       // … and its first row
	at := make([]time.Duration, len(rows))
	for i, row := range rows {
		at[i] = min(t.inRun(row.at), end-1).Truncate(load.Grain)
		if n := min(int(at[i]/step), most-1); i == 0 || n > starts[len(starts)-1] {
			starts, firsts = append(starts, n), append(firsts, i)
		}
	}
	starts[0] = 0
	loads := make([]Load, len(starts))
	for i, n := range starts {
		begin, until, past := time.Duration(n)*step, end, len(rows)
		if i+1 < len(starts) {
			until, past = time.Duration(starts[i+1])*step, firsts[i+1]
		}
		own := at[firsts[i]:past:past]
		for j := range own {
			own[j] -= begin
		}
		inTrace := t.From + time.Duration(math.Round(float64(begin)*t.speed()))
		loads[i] = Load{
			Rate: float64(len(own)) / (until - begin).Seconds(), Hold: until - begin,
			Name:   "at=" + inTrace.Round(time.Millisecond).String(),
			replay: &replay{first: firsts[i], at: own},
		}
	}
	return loads
}
