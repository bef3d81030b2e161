package llmperf

import (
	"context"
	"net"
	"time"
)

// SetLatenessFloor sets how late the generator may be at any rate where a scenario
// does not say.
func SetLatenessFloor(d time.Duration) { latenessFloor = d }

// DialBy has the connections of targets without a client of their own made by dial,
// until restore is called; those that are there are let go of before and after.
func DialBy(dial func(ctx context.Context, network, addr string) (net.Conn, error)) (restore func()) {
	transport := defaultTransport()
	transport.CloseIdleConnections()
	before := transport.Like.DialContext
	transport.Like.DialContext = dial
	return func() {
		transport.CloseIdleConnections()
		transport.Like.DialContext = before
	}
}
