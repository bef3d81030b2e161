package llmperf_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mayImport says which packages of this module and of others a folder's code
// may import, tests excepted. The standard library is open to all.
var mayImport = []struct {
	folder  string // the first that a file lies below decides
	allowed []string
}{
	{"llmperf/internal/bench/", []string{"llmperf.dev/llmperf", "github.com/rakyll/hey/requester", "github.com/tsenart/vegeta/v12/lib"}}, // a module of its own
	{"llmperf/internal/", []string{"llmperf.dev/llmperf/internal/", "github.com/HdrHistogram/hdrhistogram-go"}},
	{"llmperf/", []string{"llmperf.dev/llmperf/internal/", "github.com/stretchr/testify/assert"}},
	{"llmperftest/", []string{"llmperf.dev/llmperftest/internal/"}},
	{"examples/", []string{"llmperf.dev/llmperf", "llmperf.dev/llmperftest", "llmperf.dev/examples/"}},
}

func TestImportDirection(t *testing.T) {
	files := 0
	err := fs.WalkDir(os.DirFS(".."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", path), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if !allowed(path, imported) {
				t.Errorf("%s imports %s: see the parts in CONTRIBUTING.md", path, imported)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, files, 30, "the walk saw the module")
}

func TestImportDirectionNoticesAWrongImport(t *testing.T) {
	require.False(t, allowed("llmperf/internal/stats/order.go", "llmperf.dev/llmperf"))
	require.False(t, allowed("llmperftest/server.go", "llmperf.dev/llmperf"))
	require.False(t, allowed("llmperf/run.go", "llmperf.dev/llmperftest"))
	require.True(t, allowed("llmperf/run.go", "net/http"))
}

func allowed(path, imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return true
	}
	for _, rule := range mayImport {
		if strings.HasPrefix(path, rule.folder) {
			for _, prefix := range rule.allowed {
				if imported == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(imported, prefix) {
					return true
				}
			}
			return false
		}
	}
	return false
}
