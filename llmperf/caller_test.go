package llmperf

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestACallerIsTheTestThatCalled(t *testing.T) {
	var at place
	func() { at = caller() }()
	assert.Equal(t, "caller_test.go", filepath.Base(at.file))
	assert.Positive(t, at.line)
	assert.Equal(t, "llmperf.dev/llmperf", at.pkg)
	for function, want := range map[string]string{
		"llmperf.dev/examples/chat_test.TestCapacity.func1": "llmperf.dev/examples/chat",
		"gopkg.in/yaml%2ev3.TestX":                          "gopkg.in/yaml.v3",
		"example.com/a.b/c.(*T).Method":                     "example.com/a.b/c",
		"main.TestX":                                        "main",
	} {
		assert.Equal(t, want, packageOf(function))
	}
}
