package push

import (
	"net"
	"sync"
)

// A Listener is where a net/http server takes connections from, with Serve.
type Listener struct {
	addr    net.Addr
	accept  chan net.Conn
	closing chan struct{}
	once    sync.Once
}

// NewListener returns a listener of that address.
func NewListener(addr net.Addr) *Listener {
	return &Listener{addr: addr, accept: make(chan net.Conn), closing: make(chan struct{})}
}

// Accept waits for a connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closing:
		return nil, net.ErrClosed
	}
}

// Close refuses further connections.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closing) })
	return nil
}

// Addr is the listener's address.
func (l *Listener) Addr() net.Addr { return l.addr }
