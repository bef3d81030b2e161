package memnet

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// A Listener accepts the connections that are dialled to it.
type Listener struct {
	addr net.Addr
	link Link

	mu      sync.Mutex
	dialled sync.Cond // one more in the backlog, or closed
	backlog []*Conn   // dialled, not accepted
	dials   int       // connections there have been
	closed  bool
}

// Listen returns a listener that says its address is addr. Each connection to it
// has the link for itself.
func Listen(addr net.Addr, link Link) *Listener {
	l := &Listener{addr: addr, link: link.aligned()}
	l.dialled.L = &l.mu
	return l
}

// Dial connects to the listener, which takes a round trip, unless the context
// ends first.
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	if err := sleep(ctx, 2*l.link.Latency); err != nil {
		return nil, l.failed("dial", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, l.failed("dial", os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	client, server := connect(l.link, clientAddr(l.dials), l.addr)
	l.dials++
	l.backlog = append(l.backlog, server)
	l.dialled.Signal()
	return client, nil
}

// sleep sleeps, or returns why the context has ended.
func sleep(ctx context.Context, d time.Duration) error {
	if d == 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Accept returns the server's end of the next connection, and waits for one.
func (l *Listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.backlog) == 0 && !l.closed {
		l.dialled.Wait()
	}
	if l.closed {
		return nil, l.failed("accept", net.ErrClosed)
	}
	server := l.backlog[0]
	l.backlog = l.backlog[1:]
	return server, nil
}

// Close ends the listening. Connections that have not been accepted are reset.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.failed("close", net.ErrClosed)
	}
	l.closed = true
	for _, server := range l.backlog {
		server.Reset()
	}
	l.backlog = nil
	l.dialled.Broadcast()
	return nil
}

// Addr is the address that was given to Listen.
func (l *Listener) Addr() net.Addr { return l.addr }

func (l *Listener) failed(op string, why error) error {
	return &net.OpError{Op: op, Net: l.addr.Network(), Addr: l.addr, Err: why}
}

// clientAddr is the address of the n-th client, so that runs repeat: loopback,
// with the ports from 40000 to 59999 in turn.
func clientAddr(n int) net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000 + n%20000}
}
