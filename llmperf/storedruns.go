package llmperf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

const (
	updateEnv    = "LLMPERF_UPDATE" // set to 1, runs are stored
	mostRuns     = 5                // that a file keeps
	storedSchema = 1                // version of the file; it grows when a field changes its meaning or goes

	mostCounted     = 1_000_000_000 // requests or gaps of a step
	mostStoredBytes = 64 << 20      // of a file, which has some 100 KB a run
)

// storedRuns are the runs in a file of [NoRegression]. The file is JSON with a
// line for each thing that a run measured in a step, so that a diff shows what has
// changed in plain figures. Behind them stands the histogram that they are of.
type storedRuns struct {
	Schema int         `json:"schema"`
	Alike  alike       `json:"alike"` // what all runs have in common, without which they could not be compared
	Runs   []storedRun `json:"runs"`  // the oldest first

	path string
}

// A storedRun is one run: what it was, and what it measured.
type storedRun struct {
	Seed     uint64       `json:"seed"`
	Started  string       `json:"started,omitempty"` // in real time
	Warmup   string       `json:"warmup"`
	Machine  string       `json:"machine,omitempty"` // in real time
	Host     string       `json:"host,omitempty"`    // of the target, or loopback for this machine; in real time, where it is known
	Go       string       `json:"go"`
	Llmperf  string       `json:"llmperf,omitempty"`  // version of this module, where it is known
	Revision string       `json:"revision,omitempty"` // of the tests' module, where it is known
	Times    []storedTime `json:"times"`
}

// A storedTime is what a run measured of one metric in one step.
type storedTime struct {
	Of  string  `json:"of"` // users=50/latency, or of one target of a mix users=50/chat/latency
	N   int     `json:"n"`  // requests, or gaps for ICL
	P50 float64 `json:"p50_ms"`
	P90 float64 `json:"p90_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`

	Effective []int  `json:"n_effective"` // as many independent requests are they worth at p50, p90, p95 and p99
	Histogram string `json:"histogram"`   // in nanoseconds, in HdrHistogram's compressed V2 encoding

	histogram *record.Histogram // decoded
}

// storedPercentiles are those that a storedTime has.
var storedPercentiles = []float64{0.50, 0.90, 0.95, 0.99}

func (t *storedTime) percentiles() []*float64 { return []*float64{&t.P50, &t.P90, &t.P95, &t.P99} }

// effective is as many independent requests as t is worth at one of the
// percentiles.
func (t *storedTime) effective(p float64) int { return t.Effective[slices.Index(storedPercentiles, p)] }

// storedTimeOf is the distribution as a file holds it.
func storedTimeOf(of string, d *Distribution) (storedTime, error) {
	t := storedTime{Of: of, N: d.N, histogram: d.toHistogram()}
	var err error
	t.Histogram, err = t.histogram.Encode()
	values := []time.Duration{d.P50, d.P90, d.P95, d.P99}
	for i, p := range t.percentiles() {
		*p = milliseconds(values[i])
		e := d.quantile(storedPercentiles[i], 0.95)
		t.Effective = append(t.Effective, min(e.effective, d.N))
	}
	return t, err
}

// milliseconds is d to the microsecond.
func milliseconds(d time.Duration) float64 { return math.Round(float64(d)/1e3) / 1e3 }

// readStored reads a file of stored runs. It is an error of fs.ErrNotExist if there
// is none.
func readStored(path string) (*storedRuns, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > mostStoredBytes {
		return nil, fmt.Errorf("%s has %s bytes, and stored runs have some 100 KB each: it is another file, or delete it to start afresh", path, count(int(info.Size())))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := parseStored(data)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w; take it back from version control, or delete it to start afresh", path, err)
	}
	f.path = path
	return f, nil
}

// parseStored reads and checks the text of a file.
func parseStored(data []byte) (*storedRuns, error) {
	f := new(storedRuns)
	var version struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, atLine(data, err)
	}
	if version.Schema != storedSchema {
		return nil, fmt.Errorf("schema is %d: this version of llmperf reads %d", version.Schema, storedSchema)
	}
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	if err := strict.Decode(f); err != nil {
		return nil, atLine(data, err)
	}
	return f, f.validate()
}

// atLine says in which line of a JSON text an error is, where that is known.
func atLine(data []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	offset := int64(-1)
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	}
	if offset < 0 || offset > int64(len(data)) {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(data[:offset], []byte("\n")), err)
}

// validate checks what was read, and decodes the histograms.
func (f *storedRuns) validate() error {
	if len(f.Runs) == 0 {
		return errors.New("runs has none: want at least one")
	}
	if len(f.Alike.Steps) == 0 {
		return errors.New("alike.steps has none: want at least one")
	}
	steps := map[string]bool{}
	for _, text := range f.Alike.Steps {
		name, _, _ := strings.Cut(text, ": ")
		steps[name] = true
	}
	for i := range f.Runs {
		run := &f.Runs[i]
		if len(run.Times) == 0 {
			return fmt.Errorf("run %d of %d: times has none: want at least one", i+1, len(f.Runs))
		}
		seen := map[string]bool{}
		for k := range run.Times {
			t := &run.Times[k]
			err := t.validate()
			step, _, _ := strings.Cut(t.Of, "/")
			switch {
			case seen[t.Of]:
				err = errors.New("it is there twice")
			case !steps[step]:
				err = fmt.Errorf("alike.steps has no step %q", step)
			}
			if err != nil {
				return fmt.Errorf("run %d of %d, %q: %w", i+1, len(f.Runs), t.Of, err)
			}
			seen[t.Of] = true
		}
	}
	return nil
}

// validate says which field does not go with the others, and decodes the
// histogram.
func (t *storedTime) validate() error {
	if at := strings.LastIndex(t.Of, "/"); at < 1 || Metric(t.Of[at+1:]).title() == "" {
		return errors.New(`of: want a step and a metric, such as "users=50/latency"`)
	}
	h, err := record.DecodeHistogram(t.Histogram)
	if err != nil {
		return fmt.Errorf("histogram: %w", err)
	}
	t.histogram = h
	if t.N > mostCounted {
		return fmt.Errorf("n is %d: want at most %s", t.N, count(mostCounted))
	}
	if t.N < 1 || t.N != h.N() {
		return fmt.Errorf("n is %d, and the histogram counts %d: want the same, and at least 1", t.N, h.N())
	}
	if len(t.Effective) != len(storedPercentiles) {
		return fmt.Errorf("n_effective has %d numbers: want one each for p50, p90, p95 and p99", len(t.Effective))
	}
	for i, p := range storedPercentiles {
		if e := t.Effective[i]; e < 1 || e > t.N {
			return fmt.Errorf("n_effective is %d at p%g: want 1 to n, which is %d", e, p*100, t.N)
		}
		low, high := h.AtRank(stats.NearestRank(t.N, p))
		ms := *t.percentiles()[i]
		if ns := float64(record.Clamp(int64(min(max(ms, 0)*1e6, math.MaxInt64/2)))); ns < float64(low)-1e3 || ns > float64(high)+1e3 {
			return fmt.Errorf("p%g_ms is %v, and the histogram has %v to %v", p*100, ms, milliseconds(time.Duration(low)), milliseconds(time.Duration(high)))
		}
	}
	return nil
}

// of is what the runs have of one thing in a step, which must be among theirs as
// it is now.
func (f *storedRuns) of(key, step string) (then, error) {
	if !slices.Contains(f.Alike.Steps, step) {
		return nil, fmt.Errorf("%s has no step %s: it has %s; %s", f.path, step, strings.Join(f.Alike.Steps, ", "), startAfresh(f.path))
	}
	var found then
	for i := range f.Runs {
		for k := range f.Runs[i].Times {
			if t := &f.Runs[i].Times[k]; t.Of == key {
				found = append(found, storedOf{f.Runs[i].Seed, t})
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no run in %s has %s, since none was judged by it when it was stored: store this one too, with %s=1", f.path, key, updateEnv)
	}
	return found, nil
}

func startAfresh(path string) string {
	return fmt.Sprintf("compare like with like, or to start afresh delete %s and run with %s=1", path, updateEnv)
}

// encode is the text of the file: a line for each of a run's times.
func (f *storedRuns) encode() ([]byte, error) {
	var text bytes.Buffer
	common, err := json.MarshalIndent(f.Alike, "  ", "  ")
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&text, "{\n  \"schema\": %d,\n  \"alike\": %s,\n  \"runs\": [", f.Schema, common)
	for i, run := range f.Runs {
		times := run.Times
		run.Times = nil
		head, err := json.MarshalIndent(run, "    ", "  ")
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&text, "%s\n    %s[", comma(i), bytes.TrimSuffix(head, []byte("null\n    }")))
		for k := range times {
			line, err := json.Marshal(&times[k])
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&text, "%s\n        %s", comma(k), line)
		}
		fmt.Fprint(&text, "\n      ]\n    }")
	}
	fmt.Fprint(&text, "\n  ]\n}\n")
	return text.Bytes(), nil
}

func comma(i int) string {
	if i > 0 {
		return ","
	}
	return ""
}

// add puts a run beside the others, or in virtual time in the place of that of its
// seed, of which it would be a copy. It returns what became of it; "" if the file
// has it as it is.
func (f *storedRuns) add(run storedRun) string {
	if f.Alike.Time == virtualTime {
		for i := range f.Runs {
			if f.Runs[i].Seed != run.Seed {
				continue
			}
			if slices.EqualFunc(f.Runs[i].Times, run.Times, storedTime.same) {
				return ""
			}
			f.Runs[i] = run
			return fmt.Sprintf("in the place of the one of seed %d", run.Seed)
		}
	}
	f.Runs = append(f.Runs, run)
	dropped := ""
	if more := len(f.Runs) - mostRuns; more > 0 {
		f.Runs = f.Runs[more:]
		dropped = "; the oldest was dropped"
	}
	return fmt.Sprintf("as the last of %s%s", plural(len(f.Runs), "run"), dropped)
}

// same reports whether two runs measured the same.
func (t storedTime) same(o storedTime) bool {
	return t.Of == o.Of && slices.Equal(t.Effective, o.Effective) && t.histogram.Equal(o.histogram)
}

// write writes the file, whole or not at all.
func (f *storedRuns) write(path string) error {
	data, err := f.encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return writeWhole(path, data)
}

// updating reports whether runs are to be stored.
func updating() (bool, error) {
	switch text := os.Getenv(updateEnv); text {
	case "", "0":
		return false, nil
	case "1":
		return true, nil
	default:
		return false, fmt.Errorf("%s is %q: want 1 to store runs, or nothing", updateEnv, text)
	}
}

// noStored says that there is no file, and how to make one.
func noStored(path string, virtual bool) error {
	often := ", best three times"
	if virtual {
		often = ""
	}
	return fmt.Errorf("%s does not exist, so there is nothing to compare with: run the test with %s=1 to store a run%s, and commit the file; the path is relative to the folder of the test", path, updateEnv, often)
}
