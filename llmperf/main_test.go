package llmperf_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the tests if a run leaves a goroutine behind. The runs that they
// make are of no interest to the job that the tests run in, and prove nothing that
// a load beside theirs could spoil.
func TestMain(m *testing.M) {
	if os.Getenv("LLMPERF_SUBJECT") == "" {
		os.Unsetenv("GITHUB_ACTIONS")
		os.Unsetenv("GITHUB_STEP_SUMMARY")
		os.Setenv("LLMPERF_LOCK", "off")
	}
	goleak.VerifyTestMain(m)
}
