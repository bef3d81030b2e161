package llmperf

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"llmperf.dev/llmperf/internal/record"
)

// samplesEnv asks for samples.csv.
const samplesEnv = "LLMPERF_SAMPLES"

const samplesName = "samples.csv"

// A samplesFile is samples.csv: a row for each request, the warm-up's included,
// written as they end. Times are nanoseconds since the start of the run, and empty
// where the moment never came. Nothing that was asked or answered is in it, and of
// a failure its class alone.
type samplesFile struct {
	mu      sync.Mutex // what follows may still be held by a simulation that is stuck
	csv     *csv.Writer
	files   []*os.File
	wrong   []error         // by file, why it is written no longer
	waiting []record.Sample // ended, and not written
}

var samplesColumns = []string{
	"user", "number", "step", "target", "measured",
	"sent_ns", "dispatched_ns", "first_byte_ns", "first_token_ns", "last_token_ns", "end_ns",
	"chunks", "output_tokens", "prompt_tokens", "cached_tokens", "failure",
}

// samplesWanted reports whether the environment asks for samples.csv.
func samplesWanted() (bool, error) {
	switch text := os.Getenv(samplesEnv); text {
	case "", "0":
		return false, nil
	case "1":
		return true, nil
	default:
		return false, fmt.Errorf("%s is %q: want 1 for %s, or nothing", samplesEnv, text, samplesName)
	}
}

// createSamples begins samples.csv in each of the folders. It is to be closed, even
// if that was not possible.
func createSamples(dirs []string) (*samplesFile, error) {
	f := new(samplesFile)
	for _, dir := range dirs {
		file, err := os.Create(filepath.Join(dir, samplesName))
		if err != nil {
			return f, err
		}
		f.files = append(f.files, file)
	}
	f.wrong = make([]error, len(f.files))
	f.csv = csv.NewWriter(f)
	return f, f.csv.Write(samplesColumns)
}

// Write writes to each file, as long as it takes it.
func (f *samplesFile) Write(p []byte) (int, error) {
	for i, file := range f.files {
		if f.wrong[i] == nil {
			_, f.wrong[i] = file.Write(p)
		}
	}
	return len(p), nil
}

// add takes in a request that ended.
func (f *samplesFile) add(s *record.Sample) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append(f.waiting, *s)
}

// writeSamples writes the requests that have ended, in that order, but for those
// of whom it is not known whether, or in which step, they count.
func (m *measurement) writeSamples() {
	f := m.samples
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.csv == nil {
		return // closed
	}
	slices.SortFunc(f.waiting, func(a, b record.Sample) int { return cmp.Or(cmp.Compare(a.End, b.End), compareSamples(&a, &b)) })
	f.waiting = slices.DeleteFunc(f.waiting, func(s record.Sample) bool {
		if m.undecidedYet(&s) {
			return false
		}
		_ = f.csv.Write(m.sampleOf(&s).row()) // close returns the error
		return true
	})
	f.csv.Flush()
}

// undecidedYet reports whether a request was sent after the end of the last step,
// or of the warm-up: that step may yet be held on, or the next have begun by then.
func (m *measurement) undecidedYet(s *record.Sample) bool {
	end := time.Duration(0)
	if m.warmup != nil {
		end = m.warmup.until
	}
	if len(m.steps) > 0 {
		end = m.steps[len(m.steps)-1].Until
	}
	return !m.over && time.Duration(s.Sent) >= end
}

// row is the sample as a row of samples.csv.
func (s Sample) row() []string {
	moment := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return strconv.FormatInt(int64(d), 10)
	}
	return []string{
		strconv.Itoa(s.User), strconv.Itoa(s.Number), s.Step, s.Target, strconv.FormatBool(s.Measured),
		moment(s.Sent), moment(s.Dispatched), moment(s.FirstByte), moment(s.FirstToken), moment(s.LastToken), moment(s.End),
		strconv.Itoa(s.Chunks), strconv.Itoa(s.OutputTokens), strconv.Itoa(s.PromptTokens), strconv.Itoa(s.CachedTokens), s.Failure,
	}
}

// close ends the file. It returns what went wrong while it was written.
func (f *samplesFile) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	if f.csv != nil {
		f.csv.Flush()
		errs = append(errs, f.wrong...)
	}
	for _, file := range f.files {
		errs = append(errs, file.Close())
	}
	f.csv, f.files = nil, nil
	return errors.Join(errs...)
}
