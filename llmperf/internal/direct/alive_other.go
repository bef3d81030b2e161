//go:build !unix

package direct

import "net"

// supported says whether it can be told that a connection is still open.
const supported = false

// A liveness tells whether an idle connection is open.
type liveness struct{}

func (*liveness) check(net.Conn) bool { return false }
