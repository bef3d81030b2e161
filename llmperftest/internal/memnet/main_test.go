package memnet_test

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"llmperf.dev/llmperftest/internal/memnet"
)

// TestMain fails the tests if a run leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inBothTimes runs a test in real time and in a bubble.
func inBothTimes(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Run("real time", f)
	t.Run("bubble", func(t *testing.T) { synctest.Test(t, f) })
}

// overLinks runs a test over links of every kind, in both times.
func overLinks(t *testing.T, f func(t *testing.T, link memnet.Link)) {
	t.Helper()
	rows := []struct {
		name string
		link memnet.Link
	}{
		{"instant", memnet.Link{}},
		{"late", memnet.Link{Latency: time.Millisecond}},
		{"narrow", memnet.Link{Bandwidth: 20e6}},
		{"late and narrow", memnet.Link{Latency: time.Millisecond, Bandwidth: 20e6}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			inBothTimes(t, func(t *testing.T) { f(t, row.link) })
		})
	}
}

// pipe is a connection whose ends close with the test.
func pipe(t *testing.T, link memnet.Link) (a, b *memnet.Conn) {
	a, b = memnet.Pipe(link)
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
	})
	return a, b
}
