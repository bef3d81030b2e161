package llmperf

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// artifacts are the files of a run that are made of its result. Beside them there
// may be samples.csv.
var artifacts = []struct {
	name, attr string // of the file, and of the attribute that says where it is
	render     func(*Result) ([]byte, error)
}{
	{"result.json", "result", func(r *Result) ([]byte, error) { return asJSON(r) }},
	{"report.html", "report", func(r *Result) ([]byte, error) {
		var page bytes.Buffer
		err := r.WriteReport(&page)
		return page.Bytes(), err
	}},
	{"latency.hlog", "hlog", (*Result).histogramLog},
	{"bench.txt", "bench", (*Result).benchText},
	{"summary.md", "summary", func(r *Result) ([]byte, error) { return []byte(r.summary()), nil }},
}

// An output is where the files of a run go.
type output struct {
	folders []string     // all files go into each
	kept    string       // that of them which outlives the test; "" if none does
	samples *samplesFile // nil if it was not asked for
	page    *follower    // likewise
}

// prepareOutput makes the folders for a run's files, so that it is not lost for
// want of them: one of the test's name in its artifact directory, and one in the
// folder that LLMPERF_OUT names.
func prepareOutput(t *testing.T) *output {
	t.Helper()
	out := new(output)
	add := func(of, dir string) string {
		dir, err := filepath.Abs(filepath.Join(dir, folderName(t.Name())))
		if err == nil {
			err = os.MkdirAll(dir, 0o777)
		}
		if err != nil {
			t.Fatalf("llmperf: %s: %v", of, err)
		}
		out.folders = append(out.folders, dir)
		return dir
	}
	dir := add("the test's artifact directory", t.ArtifactDir())
	if testFlag("artifacts") {
		out.kept = dir
	}
	if named := os.Getenv("LLMPERF_OUT"); named != "" {
		neverCached(t) // who names a folder wants the files
		out.kept = add("LLMPERF_OUT", named)
	}
	if _, err := samplesWanted(); err != nil {
		t.Fatalf("llmperf: %v", err)
	}
	return out
}

// begin begins the files of a run whose turn it is. Those of an earlier one go, so
// that none is taken for one of this run, should it be killed.
func (o *output) begin(t *testing.T) {
	t.Helper()
	for _, dir := range o.folders {
		for _, a := range artifacts {
			os.Remove(filepath.Join(dir, a.name))
		}
		os.Remove(filepath.Join(dir, capacityName))
	}
	if wanted, _ := samplesWanted(); !wanted {
		for _, dir := range o.folders {
			os.Remove(filepath.Join(dir, samplesName))
		}
		return
	}
	var err error
	o.samples, err = createSamples(o.folders)
	t.Cleanup(func() { o.samples.close() }) // of a test that ends before its run is over
	if err != nil {
		t.Fatalf("llmperf: %v", err)
	}
}

// folderName is a test's name as that of a folder, on every system.
func folderName(test string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\ #:*?"<>|`, r) {
			return '_'
		}
		return r
	}, test)
}

// write writes the files of a run and says in attributes where they are.
func (o *output) write(t *testing.T, r *Result) {
	t.Helper()
	for _, a := range artifacts {
		r.files = append(r.files, a.name)
	}
	if r.folder = o.kept; o.samples != nil {
		r.files = append(r.files, samplesName)
		o.say(t, "samples", samplesName, o.samples.close())
	}
	for _, a := range artifacts {
		data, err := a.render(r)
		o.save(t, a.attr, a.name, data, err)
	}
}

// keep writes what is known of a run while it goes on, for the case that it does not
// come to its end, when the file is written again.
func (o *output) keep(t *testing.T, name string, v any) {
	t.Helper()
	data, err := asJSON(v)
	if err = o.put(name, data, err); err != nil {
		t.Logf("llmperf: %s, while the run goes on: %v", name, err)
	}
}

// save writes a file into each folder, and says where it is.
func (o *output) save(t *testing.T, key, name string, data []byte, err error) {
	t.Helper()
	o.say(t, key, name, o.put(name, data, err))
}

// put writes a file into each folder that takes it, unless it could not be made,
// which err says.
func (o *output) put(name string, data []byte, err error) error {
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range o.folders {
		errs = append(errs, writeWhole(filepath.Join(dir, name), data))
	}
	return errors.Join(errs...)
}

// say puts out where a file is, unless it could not be written.
func (o *output) say(t *testing.T, key, name string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("llmperf: %s: %v", name, err)
	} else if o.kept != "" {
		attr(t, key, filepath.Join(o.kept, name))
	}
}

// writeWhole writes a file that is complete or absent: a temporary file is
// renamed into place.
func writeWhole(path string, data []byte) error {
	temp := path + ".tmp"
	defer os.Remove(temp)
	if err := os.WriteFile(temp, data, 0o666); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// asJSON is v as the text of a file.
func asJSON(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	return append(data, '\n'), err
}
