package llmperf

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// write puts result.json into dir, under the test's name, and returns its path.
// It is complete or absent: a temporary file is renamed into place.
func (r *Result) write(dir string) (string, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", fmt.Errorf("result.json: %w", err)
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("result.json: %w", err)
	}
	if name := strings.NewReplacer("/", "_", " ", "_", "#", "_").Replace(r.Name); name != "" {
		dir = filepath.Join(dir, name)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("result.json: %w", err)
	}
	temp, err := os.CreateTemp(dir, "result-*.tmp")
	if err != nil {
		return "", fmt.Errorf("result.json: %w", err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(append(data, '\n'))
	if closing := temp.Close(); err == nil {
		err = closing
	}
	path := filepath.Join(dir, "result.json")
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return "", fmt.Errorf("result.json: %w", err)
	}
	return path, nil
}
