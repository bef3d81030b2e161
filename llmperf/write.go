package llmperf

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// save writes v as JSON into the test's artifact directory and the folder that
// LLMPERF_OUT names, under the name of what it is, and says where in an attribute.
func save(t *testing.T, what string, v any) {
	t.Helper()
	for _, dir := range []string{t.ArtifactDir(), os.Getenv("LLMPERF_OUT")} {
		if dir == "" {
			continue
		}
		path, err := writeJSON(dir, t.Name(), what+".json", v)
		if err != nil {
			t.Errorf("llmperf: %v", err)
			continue
		}
		t.Attr("llmperf."+what, path)
	}
}

// writeJSON puts a file of v as JSON into dir, under the test's name, and returns its
// path. It is complete or absent: a temporary file is renamed into place.
func writeJSON(dir, test, file string, v any) (path string, err error) {
	defer func() {
		if err != nil {
			path, err = "", fmt.Errorf("%s: %w", file, err)
		}
	}()
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if name := strings.NewReplacer("/", "_", " ", "_", "#", "_").Replace(test); name != "" {
		dir = filepath.Join(dir, name)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	temp, err := os.CreateTemp(dir, strings.TrimSuffix(file, ".json")+"-*.tmp")
	if err != nil {
		return "", err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(append(data, '\n'))
	if closing := temp.Close(); err == nil {
		err = closing
	}
	path = filepath.Join(dir, file)
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	return path, err
}
