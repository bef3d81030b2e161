package llmperf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnAnnotationIsAWorkflowCommand(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	t.Setenv("GITHUB_WORKSPACE", root)
	at := place{file: filepath.Join(root, "chat", "a,b:c_test.go"), line: 16}
	tests := []struct {
		reason, title, message string
		at                     place
		want                   string
	}{
		{"where, what and why", "TestCapacity/users=50/ttft_p95", "TTFT p95: 53 ms, want < 50 ms: FAIL", place{file: filepath.Join(root, "chat_test.go"), line: 7},
			"::error file=chat_test.go,line=7,title=TestCapacity/users=50/ttft_p95::TTFT p95: 53 ms, want < 50 ms: FAIL"},
		{"what ends a property or a line is escaped", "a,b:c", "100 %\r\n::warning::x", at,
			"::error file=chat/a%2Cb%3Ac_test.go,line=16,title=a%2Cb%3Ac::100 %25%0D%0A::warning::x"},
		{"a file outside of the repository is none of GitHub's", "t", "m", place{file: filepath.Join(filepath.Dir(root), "x_test.go"), line: 1}, "::error title=t::m"},
		{"nor is a place that is not known", "t", "m", place{}, "::error title=t::m"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, errorCommand(tt.at, tt.title, tt.message), tt.reason)
	}
}

// TestAPlaceIsFoundThoughPathsAreTrimmed: go test -trimpath names files by import
// path, and runs tests in their package's folder.
func TestAPlaceIsFoundThoughPathsAreTrimmed(t *testing.T) {
	dir, err := os.Getwd()
	require.NoError(t, err)
	t.Setenv("GITHUB_WORKSPACE", filepath.Dir(dir))
	assert.Equal(t, "llmperf/annotation_test.go", place{file: "llmperf.dev/llmperf/annotation_test.go"}.inRepository())
	assert.Equal(t, "llmperf/annotation_test.go", caller().inRepository())
}

func TestOnlyWhatFailsIsAnnotated(t *testing.T) {
	r := judged(Pass, Inconclusive, Fail, "not run")
	annotated := func() string {
		var text strings.Builder
		annotate(&text, r, place{})
		return text.String()
	}
	t.Setenv("GITHUB_ACTIONS", "")
	assert.Empty(t, annotated(), "a reader of a terminal needs none")
	t.Setenv("GITHUB_ACTIONS", "true")
	assert.Equal(t, "::error title=TestCapacity/slo::a sentence on fail\n", annotated())
	r.scenario.Strictness = FailInconclusive
	assert.Equal(t, 3, strings.Count(annotated(), "::error "), "a nightly run fails what is undecided, and what was not run")
	r.Aborted = "the server is gone"
	assert.True(t, strings.HasPrefix(annotated(), "::error title=TestCapacity::the run was aborted: the server is gone\n"))
}
