package bubble_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the tests if one leaves a goroutine behind, but for those that
// are there to do so, in a process of their own.
func TestMain(m *testing.M) {
	if os.Getenv("BUBBLE_SUBJECT") != "" {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}
