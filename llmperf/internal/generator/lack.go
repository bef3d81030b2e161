package generator

import (
	"errors"
	"net"
	"strings"
	"syscall"
)

// A Lack is what a machine had too little of to send a request.
type Lack int16

// The lacks.
const (
	None       Lack = iota
	Files           // this process, or the machine, may not open more files, of which a socket is one
	LocalPorts      // there is no free local port, or no address to send from
	Buffers         // there is no memory for a socket, or for what is to be sent
	Permission      // this machine does not let the process connect, as a local firewall does
	Other           // something else, as the target says
	lacks
)

// String is the lack in words.
func (l Lack) String() string {
	if l < 0 || l >= lacks {
		l = Other
	}
	return [lacks]string{"nothing", "file descriptors", "local ports", "memory for sockets", "permission to connect", "what it needs"}[l]
}

// LackOf is what this machine lacked where that is why err came; None if err came
// otherwise.
func LackOf(err error) Lack {
	var dns *net.DNSError
	var op *net.OpError
	inDNS := errors.As(err, &dns) // which holds the text of what went wrong alone
	for _, l := range localErrors {
		if errors.Is(err, l.err) || inDNS && strings.Contains(dns.Err, l.err.Error()) {
			return l.lack
		}
	}
	if errors.As(err, &op) && op.Op == "dial" && strings.HasPrefix(op.Net, "tcp") {
		for _, refused := range forbidden {
			if errors.Is(err, refused) {
				return Permission
			}
		}
	}
	return None
}

type localError struct {
	err  syscall.Errno
	lack Lack
}
