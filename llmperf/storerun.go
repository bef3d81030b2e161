package llmperf

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"
	"time"
)

// openRegressions readies checks of NoRegression for a run of s: it reads the
// stored runs that they compare it with. In a run that is to be stored, they need
// not be there yet. What is wrong becomes the check's own error.
func openRegressions(checks []check, s Scenario, virtual, update bool) error {
	var errs []error
	type file struct {
		stored *storedRuns
		err    error
	}
	read := map[string]file{}
	for i := range checks {
		c := &checks[i]
		if c.regression == nil || c.err != nil {
			continue
		}
		r := c.regression
		r.update, r.virtual, r.now = update, virtual, circumstances(s, virtual)
		f, known := read[r.path]
		if !known {
			f.stored, f.err = readStored(r.path)
			switch none := errors.Is(f.err, fs.ErrNotExist); {
			case none && update:
				f.err = nil
			case none:
				f.err = noStored(r.path, virtual)
			case f.err == nil:
				f.err = f.stored.accept(alikeOf(s, virtual, plannedTexts(s.Profile)))
			}
			if f.err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", c.name, f.err))
			}
			read[r.path] = f
		}
		r.stored, c.err = f.stored, f.err
	}
	return errors.Join(errs...)
}

// accept refuses a run that is unlike the stored ones.
func (f *storedRuns) accept(now alike) error {
	if unlike := now.differences(f.Alike); len(unlike) > 0 {
		return fmt.Errorf("the runs in %s are of another kind (%s): %s", f.path, strings.Join(unlike, "; "), startAfresh(f.path))
	}
	return nil
}

// planRegressions readies a run's checks, before any load.
func planRegressions(checks []check, s Scenario, virtual bool) error {
	update, err := updating()
	if err == nil && update && s.short {
		err = fmt.Errorf("a run under go test -short cannot be stored: run without -short, or without %s", updateEnv)
	}
	for _, c := range checks {
		if c.regression != nil {
			return errors.Join(err, openRegressions(checks, s, virtual, update))
		}
	}
	return nil
}

// storeRun stores a run in the files of those of its checks that asked for it, and
// says so.
func storeRun(t *testing.T, r *Result, checks []check) {
	t.Helper()
	of := map[string][]check{}
	var paths []string
	for _, c := range checks {
		if c.regression == nil || !c.regression.update {
			continue
		}
		path := c.regression.path
		if of[path] == nil {
			paths = append(paths, path)
		}
		of[path] = append(of[path], c)
	}
	for _, path := range paths {
		if said, err := r.storeIn(path, of[path]); err != nil {
			t.Errorf("llmperf: this run was not stored in %s: %v", path, err)
		} else {
			t.Log(said)
		}
	}
}

// storeIn stores a run in a file, with what checks compare, and returns what to
// say of it.
func (r *Result) storeIn(path string, checks []check) (string, error) {
	run, err := r.toStore(checks)
	if err != nil {
		return "", err
	}
	var steps []string
	for i := range r.Steps {
		steps = append(steps, stepText(r.Steps[i].Name, r.Steps[i].Load))
	}
	now := alikeOf(r.scenario, r.Virtual, steps)
	stored, err := readStored(path)
	if errors.Is(err, fs.ErrNotExist) {
		stored, err = &storedRuns{Schema: storedSchema, Alike: now}, nil
	}
	if err == nil {
		err = stored.accept(now)
	}
	if err != nil {
		return "", err
	}
	how := stored.add(run)
	if how == "" {
		return fmt.Sprintf("no regression was judged: the run is the same as the stored one of seed %d, and %s stays as it is", run.Seed, path), nil
	}
	if err := stored.write(path); err != nil {
		return "", err
	}
	return fmt.Sprintf("no regression was judged: the run was stored in %s, %s", path, how), nil
}

// toStore is a run with what checks compare, or why it is not fit to be compared
// with.
func (r *Result) toStore(checks []check) (storedRun, error) {
	run := circumstances(r.scenario, r.Virtual)
	switch {
	case r.ended() != "":
		return run, fmt.Errorf("it was %s", r.ended())
	case r.Short:
		return run, errors.New("it was shortened")
	}
	var failed []string
	for i := range r.Outcomes {
		if r.Outcomes[i].Verdict == Fail {
			failed = append(failed, r.Outcomes[i].path())
		}
	}
	if len(failed) > 0 {
		return run, fmt.Errorf("it is no measure for later ones, since SLOs failed%s", listed("namely", failed))
	}
	if !r.Virtual {
		run.Started = r.Started.Format(time.RFC3339)
	}
	seen := map[string]bool{}
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.Invalid != "" {
			return run, fmt.Errorf("%s is invalid: %s", s.Name, s.Invalid)
		}
		for _, c := range checks {
			if !c.covers(s) {
				continue
			}
			key, d := c.key(s.Name), c.regression.slow.metric.of(&c.view(s).Stats)
			if err := c.enoughToStore(key, d, r.scenario.Confidence); err != nil {
				return run, err
			}
			if seen[key] {
				continue
			}
			seen[key] = true
			t, err := storedTimeOf(key, d)
			if err != nil {
				return run, fmt.Errorf("%s: %w", key, err)
			}
			run.Times = append(run.Times, t)
		}
	}
	if len(run.Times) == 0 {
		return run, errors.New("no step in scope was measured")
	}
	return run, nil
}

// enoughToStore refuses what was measured in a step if its percentile has not both
// bounds.
func (c check) enoughToStore(key string, d *Distribution, conf float64) error {
	e := d.quantile(c.regression.slow.p, conf)
	switch {
	case e.n == 0:
		return fmt.Errorf("nothing was measured for %s", key)
	case math.IsInf(e.High, 1) || e.Low == 0 && e.High > 0:
		return fmt.Errorf("%s: %s", key, tooFew(fmt.Sprintf("a p%g", c.regression.slow.p*100), c.leastStep(judge{pass: conf}), e))
	}
	return nil
}
