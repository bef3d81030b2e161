//go:build unix

package direct

import (
	"net"
	"syscall"
)

// supported says whether it can be told that a connection is still open.
const supported = true

// A liveness tells whether an idle connection is open.
type liveness struct {
	raw  syscall.RawConn
	look func(fd uintptr) bool
	open bool
}

// check says whether c is open and has nothing to read: a server that has closed
// it, or said something unasked, is seen before a request is sent. It does not
// wait.
func (l *liveness) check(c net.Conn) bool {
	if l.raw == nil {
		known, ok := c.(syscall.Conn)
		if !ok {
			return false
		}
		raw, err := known.SyscallConn()
		if err != nil {
			return false
		}
		l.raw, l.look = raw, l.peek
	}
	l.open = false
	return l.raw.Read(l.look) == nil && l.open
}

func (l *liveness) peek(fd uintptr) bool {
	var one [1]byte
	_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
	l.open = err == syscall.EAGAIN
	return true
}
