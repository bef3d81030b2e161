package llmperf_test

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"llmperf.dev/llmperf"
)

// TestMain fails the tests if a run leaves a goroutine behind. The runs that they
// make are of no interest to the job that the tests run in, and prove nothing that
// a load beside theirs could spoil. Services that answer in milliseconds keep tests
// short, and on a machine that is busy with others they cannot be measured; those
// tests that are about it set limits of their own.
func TestMain(m *testing.M) {
	if os.Getenv("LLMPERF_SUBJECT") == "" {
		os.Unsetenv("GITHUB_ACTIONS")
		os.Unsetenv("GITHUB_STEP_SUMMARY")
		os.Setenv("LLMPERF_LOCK", "off")
	}
	llmperf.SetLatenessFloor(30 * time.Second)
	goleak.VerifyTestMain(m)
}
