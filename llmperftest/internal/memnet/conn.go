// Package memnet is a network in memory. Its connections behave like TCP
// sockets, errors included, and may be given latency and a bandwidth. They work
// with the client and the server of net/http, in real time and in
// [testing/synctest] bubbles: a call that waits is durably blocked.
//
// A connection has no goroutine of its own, and a timer only while a call waits
// for an instant: for bytes in flight to arrive, or for a deadline.
//
// Two things are simpler than in TCP. Space that a reader makes is known to the
// writer at once, whatever the latency. And closing a connection is never a
// reset: a peer that writes on learns of it, with EPIPE, as soon as the close
// arrives.
package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// A Conn is one end of a connection. Each direction buffers 64 KiB, and on a
// link with a delay what is in flight comes on top: up to 4 MiB, or one product
// of bandwidth and latency if that is more. A Write waits while the peer has
// 64 KiB to read, and while buffer and link are full together.
type Conn struct {
	mu            *sync.Mutex // guards both ends
	peer          *Conn
	local, remote net.Addr

	in   stream // from the peer
	end  notice // that the peer writes no more
	gone notice // that the peer reads no more
	cut  notice // that the peer has reset the connection

	down    error // why calls fail at this end: net.ErrClosed, or ECONNRESET after Reset
	writing bool  // a Write is half done: others wait for their turn

	readers, writers            gate
	readDeadline, writeDeadline time.Time // zero for none
}

// A notice is what an end learns of its peer, once it has arrived.
type notice struct {
	sent bool
	at   time.Time // when it arrives; zero on an instant link
}

func (n notice) arrived(now time.Time) bool { return n.sent && !now.Before(n.at) }

// Pipe returns the two ends of a connection.
func Pipe(link Link) (a, b *Conn) {
	return connect(link.aligned(), clientAddr(0), clientAddr(1))
}

// connect connects two addresses.
func connect(link Link, a, b net.Addr) (atA, atB *Conn) {
	pair := new(struct {
		mu   sync.Mutex
		a, b Conn
	})
	pair.a.join(&pair.mu, &pair.b, link, a, b)
	pair.b.join(&pair.mu, &pair.a, link, b, a)
	return &pair.a, &pair.b
}

func (c *Conn) join(mu *sync.Mutex, peer *Conn, link Link, local, remote net.Addr) {
	c.mu, c.peer, c.local, c.remote = mu, peer, local, remote
	c.in.line.Link = link
	c.readers.cond.L, c.writers.cond.L = mu, mu
}

// Read reads what has arrived, and waits if nothing has. After the last byte it
// returns io.EOF if the peer has closed, and ECONNRESET if it has reset.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		now := c.now(c.readDeadline)
		switch {
		case c.down != nil:
			return 0, c.failed("read", c.down)
		case len(p) == 0:
			return 0, nil
		case passed(c.readDeadline, now):
			return 0, c.failed("read", os.ErrDeadlineExceeded)
		}
		if n := c.in.receive(p, now); n > 0 {
			if c.in.space() > 0 {
				c.peer.writers.wake()
			}
			return n, nil
		}
		switch {
		case c.cut.arrived(now):
			return 0, c.failed("read", syscall.ECONNRESET)
		case c.end.arrived(now):
			return 0, io.EOF
		}
		c.readers.wait(earliest(c.readDeadline, c.in.next(), c.end.at, c.cut.at), now)
	}
}

// Write sends all of p, and waits while there is no space for it. Concurrent
// writes do not mix.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mine := false // c.writing is set for this call
	defer func() {
		if mine {
			c.writing = false
			c.writers.wake()
		}
	}()
	for {
		now := c.now(c.writeDeadline)
		if err := c.cannotWrite(now); err != nil {
			return n, c.failed("write", err)
		}
		if mine || !c.writing {
			sent, first := c.peer.in.send(p[n:], now)
			if sent > 0 {
				c.peer.readers.wakeAt(first, now)
			}
			n += sent
			if n == len(p) {
				return n, nil
			}
			mine, c.writing = true, true
		}
		c.writers.wait(earliest(c.writeDeadline, c.gone.at, c.cut.at), now)
	}
}

// cannotWrite is why nothing can be written, whether or not there is space.
func (c *Conn) cannotWrite(now time.Time) error {
	switch {
	case c.down != nil:
		return c.down
	case passed(c.writeDeadline, now):
		return os.ErrDeadlineExceeded
	case c.cut.arrived(now):
		return syscall.ECONNRESET
	case c.peer.end.sent, c.gone.arrived(now):
		return syscall.EPIPE
	}
	return nil
}

// CloseWrite tells the peer, after all that has been written, that no more will
// be.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down != nil {
		return c.failed("close", c.down)
	}
	c.endWriting(c.now(time.Time{}))
	return nil
}

// endWriting sends the peer the end, unless it has been sent.
func (c *Conn) endWriting(now time.Time) {
	if c.peer.end.sent {
		return
	}
	c.peer.end = notice{true, c.peer.in.line.arrival(now, 0)}
	c.peer.readers.wakeAt(c.peer.end.at, now)
	c.writers.wake()
}

// Close closes this end. The peer still gets what has been written.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down == net.ErrClosed {
		return c.failed("close", c.down)
	}
	if c.down == nil {
		now := c.now(time.Time{})
		c.endWriting(now)
		c.peer.gone = notice{true, c.peer.in.line.arrival(now, 0)}
		c.peer.writers.wakeAt(c.peer.gone.at, now)
	}
	c.goDown(net.ErrClosed)
	return nil
}

// Reset breaks the connection: calls fail with ECONNRESET, at this end at once
// and at the peer, once it has read what arrived before, one latency later. What
// was to arrive after that is lost.
func (c *Conn) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down != nil {
		return
	}
	c.goDown(syscall.ECONNRESET)
	now := c.now(time.Time{})
	at := now.Add(c.in.line.Latency)
	c.peer.cut = notice{true, at}
	c.peer.in.lose(at)
	c.peer.readers.wakeAt(at, now)
	c.peer.writers.wakeAt(at, now)
}

// goDown makes every call at this end fail from now on.
func (c *Conn) goDown(why error) {
	c.down = why
	c.readers.wake()
	c.writers.wake()
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline makes reads fail from the given instant on, those that wait
// included; the zero time lets them wait for ever.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(&c.readDeadline, &c.readers, t)
}

// SetWriteDeadline makes writes fail from the given instant on, those that wait
// included; the zero time lets them wait for ever.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(&c.writeDeadline, &c.writers, t)
}

func (c *Conn) setDeadline(deadline *time.Time, calls *gate, t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down == net.ErrClosed {
		return &net.OpError{Op: "set", Net: c.local.Network(), Addr: c.local, Err: net.ErrClosed}
	}
	*deadline = t
	if !t.IsZero() {
		calls.wakeAt(t, time.Now())
	}
	return nil
}

// LocalAddr is the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the address of the peer.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// now is the time, or zero if nothing depends on it.
func (c *Conn) now(deadline time.Time) time.Time {
	if c.in.line.instant() && deadline.IsZero() {
		return time.Time{}
	}
	return time.Now()
}

// failed is the error that a socket gives.
func (c *Conn) failed(op string, why error) error {
	if errno, ok := why.(syscall.Errno); ok {
		why = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: why}
}

func passed(deadline, now time.Time) bool { return !deadline.IsZero() && !now.Before(deadline) }

// earliest is the first of some instants, of which those that are zero are none.
func earliest(instants ...time.Time) (first time.Time) {
	for _, at := range instants {
		if first.IsZero() || !at.IsZero() && at.Before(first) {
			first = at
		}
	}
	return first
}
