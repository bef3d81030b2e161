package conformance_test

import (
	"net"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"llmperf.dev/llmperftest/internal/memnet"
)

func TestConnectionsInMemoryBehaveLikeConnections(t *testing.T) {
	rows := []struct {
		name string
		link memnet.Link
	}{
		{"instant", memnet.Link{}},
		{"late", memnet.Link{Latency: 100 * time.Microsecond}},
		{"narrow", memnet.Link{Bandwidth: 50e6}},
		{"late and narrow", memnet.Link{Latency: 100 * time.Microsecond, Bandwidth: 50e6}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			nettest.TestConn(t, func() (a, b net.Conn, stop func(), err error) {
				atA, atB := memnet.Pipe(row.link)
				return atA, atB, func() {
					_ = atA.Close()
					_ = atB.Close()
				}, nil
			})
		})
	}
}
