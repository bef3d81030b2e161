package llmperf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"llmperf.dev/llmperf/internal/bubble"
)

// startFolder is that of the package under test, where go test starts its tests.
var startFolder, _ = os.Getwd()

// neverCached keeps go test from answering the next time with this time's result.
//
// Go test caches what a test says, and runs it again only if its code, a variable
// of the environment or a file of its module that it has read is another one: not
// if the service is. What it never caches is a test that has read a file of its
// module which is less than two seconds old, since it could not tell whether that
// changes. So here is a file from the future. It lies in the folder for temporary
// files and not in anybody's module; but its path goes by the module.
func neverCached(t *testing.T) {
	t.Helper()
	if err := readFromTheFuture(); err != nil {
		t.Logf("llmperf: %s", mayBeCached(err))
	}
}

// neverCached is neverCached of a result that was measured without a test around
// it, and may be a test's all the same.
func (r *Result) neverCached() {
	if !testing.Testing() || bubble.Inside() {
		return
	}
	if err := readFromTheFuture(); err != nil {
		r.Warnings = append(r.Warnings, mayBeCached(err))
	}
}

func mayBeCached(err error) string {
	return fmt.Sprintf("go test may answer the next time with this result, from its cache: %v; with -count=1 it never does", err)
}

func readFromTheFuture() error {
	dir, err := sharedFolder()
	if err != nil {
		return err
	}
	path, err := filepath.Abs(filepath.Join(dir, "from_the_future"))
	if err != nil {
		return err
	}
	const text = "A test that has read this file is not cached by go test, since the file is too new.\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	future := time.Now().AddDate(1, 0, 0)
	if err := os.Chtimes(path, future, future); err != nil {
		return err
	}
	by, err := detour(startFolder, path)
	if err != nil {
		return err
	}
	_, err = os.ReadFile(by)
	return err
}

// detour is a path that begins with a folder's, and leads elsewhere.
func detour(folder, to string) (string, error) {
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return "", err
	}
	volume := filepath.VolumeName(real)
	if volume != filepath.VolumeName(to) {
		return "", fmt.Errorf("no path leads from %s to %s", folder, to)
	}
	const separator = string(filepath.Separator)
	up := strings.Repeat(separator+"..", strings.Count(real, separator))
	return folder + up + strings.TrimPrefix(to, volume), nil
}
