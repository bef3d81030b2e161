package push

import (
	"bufio"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"llmperf.dev/llmperftest/internal/memnet"
)

// maxUnread is how much a reader may leave unread before a server's write
// blocks. A socket would block far earlier, but the writer may be the engine
// that serves everyone, which must not wait for one slow reader.
const maxUnread = 16 << 20

// A conn is one connection, seen from the client. What the client sends goes
// over a memnet connection, whose end shows the server that the client has
// gone; what the server writes comes straight here.
type conn struct {
	transport *Transport
	host      string
	up        *memnet.Conn
	reader    *bufio.Reader // reads the conn itself
	reused    bool          // it carried a request before

	mu      sync.Mutex
	changed sync.Cond // any of what follows
	unread  []byte    // what the server wrote, …
	read    int       // … of which so much was read
	feed    func([]byte) (done bool)
	err     error // why the client's side ended it
	closed  bool  // the server's side ended it
}

// newConn returns both ends of a connection.
func newConn(t *Transport, host string, local, remote net.Addr) (*conn, *serverConn) {
	up, down := memnet.Pipe(memnet.Link{})
	c := &conn{transport: t, host: host, up: up}
	c.changed.L = &c.mu
	c.reader = bufio.NewReader(c)
	return c, &serverConn{Conn: down, client: c, local: local, remote: remote}
}

// receive takes what the server wrote. Who feeds on it is called here.
func (c *conn) receive(p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.unread) > maxUnread && c.err == nil && !c.closed {
		c.changed.Wait()
	}
	switch {
	case c.err != nil:
		return syscall.EPIPE
	case c.closed:
		return net.ErrClosed
	case c.feed == nil:
		c.unread = append(c.unread, p...)
		c.changed.Broadcast()
	case c.feed(p):
		c.feed = nil
		c.changed.Broadcast()
	}
	return nil
}

// Read reads what the server wrote, for the conn's own reader.
func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.err != nil:
			return 0, c.err
		case c.read < len(c.unread):
			n := copy(p, c.unread[c.read:])
			if c.read += n; c.read == len(c.unread) {
				full := len(c.unread) > maxUnread
				c.unread, c.read = c.unread[:0], 0
				if full {
					c.changed.Broadcast()
				}
			}
			return n, nil
		case c.closed:
			return 0, io.EOF
		}
		c.changed.Wait()
	}
}

// abort ends the connection from the client's side: first for whoever reads,
// then for the server, so that a handler that notices can't still finish well.
func (c *conn) abort(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.feed = nil
	c.changed.Broadcast()
	c.mu.Unlock()
	c.up.Close()
}

// gone reports whether either side has ended the connection.
func (c *conn) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil || c.closed
}

// A serverConn is the server's end of a conn.
type serverConn struct {
	*memnet.Conn
	client        *conn
	local, remote net.Addr

	deadline atomic.Pointer[time.Time] // of writes; nil for none
}

func (s *serverConn) LocalAddr() net.Addr  { return s.local }
func (s *serverConn) RemoteAddr() net.Addr { return s.remote }

// Write hands p to the client's side.
func (s *serverConn) Write(p []byte) (int, error) {
	err := error(os.ErrDeadlineExceeded)
	if d := s.deadline.Load(); d == nil || time.Now().Before(*d) {
		err = s.client.receive(p)
	}
	if err != nil {
		return 0, &net.OpError{Op: "write", Net: "tcp", Source: s.local, Addr: s.remote, Err: err}
	}
	return len(p), nil
}

// SetWriteDeadline makes writes from t on fail.
func (s *serverConn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		s.deadline.Store(nil)
	} else {
		s.deadline.Store(&t)
	}
	return nil
}

// SetDeadline sets both deadlines.
func (s *serverConn) SetDeadline(t time.Time) error {
	s.SetWriteDeadline(t)
	return s.SetReadDeadline(t)
}

// CloseWrite tells the client's side that no more comes.
func (s *serverConn) CloseWrite() error {
	c := s.client
	c.mu.Lock()
	c.closed = true
	c.changed.Broadcast()
	c.mu.Unlock()
	c.transport.forget(c)
	return nil
}

// Close ends the connection. What the client's side has not read yet it can
// still read.
func (s *serverConn) Close() error {
	s.CloseWrite()
	return s.Conn.Close()
}
