package push

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// A Body is the body of a response.
type Body struct {
	inner io.ReadCloser // net/http's own, over the connection
	conn  *conn
	resp  *http.Response
	stop  func() bool     // ends the watch over the request's context
	sent  <-chan struct{} // closed when the request's body was sent; nil if it was at once

	state atomic.Int32
}

const (
	open int32 = iota
	ended
	closed
)

// end lets go of the connection after the last byte.
func (b *Body) end() {
	if !b.state.CompareAndSwap(open, ended) {
		return
	}
	b.stop()
	if b.resp.Close || !b.requestSent() {
		b.conn.abort(errBodyClosed)
		return
	}
	b.conn.transport.keep(b.conn)
}

func (b *Body) requestSent() bool {
	if b.sent == nil {
		return true
	}
	select {
	case <-b.sent:
		return true
	default:
		return false
	}
}

// Read reads the body as any.
func (b *Body) Read(p []byte) (int, error) {
	switch b.state.Load() {
	case ended:
		return 0, io.EOF
	case closed:
		return 0, errBodyClosed
	}
	n, err := b.inner.Read(p)
	if err == io.EOF {
		b.end()
	}
	return n, err
}

// Close lets go of the body. Before its end that closes the connection.
func (b *Body) Close() error {
	if b.state.Swap(closed) == open {
		b.stop()
		b.conn.abort(errBodyClosed)
	}
	return nil
}

// Push calls feed with every piece of the body as it is written, and returns at
// the body's end, or with the error that cut it short or that feed returned. It
// takes the place of all reading.
//
// Feed is called on the goroutine of whoever writes. It must not block, and must
// not use the body or its connection.
func (b *Body) Push(feed func([]byte) error) error {
	switch b.state.Load() {
	case ended:
		return nil
	case closed:
		return errBodyClosed
	}
	err, whole := b.conn.push(newDecoder(b.resp), feed)
	if whole {
		b.end()
	}
	return err
}

// push decodes what came already and lets the server's writes do the rest.
// whole says that the body came to its end.
func (c *conn) push(d *decoder, feed func([]byte) error) (err error, whole bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := false
	take := func(p []byte) bool {
		done = done || d.decode(p, feed)
		return done
	}
	head, _ := c.reader.Peek(c.reader.Buffered())
	take(head)
	c.reader.Discard(len(head))
	take(c.unread[c.read:])
	c.unread, c.read = c.unread[:0], 0
	if !done {
		c.feed = take
	}
	for !done && c.err == nil && !c.closed {
		c.changed.Wait()
	}
	c.feed = nil
	if !done {
		return d.cut(c.err), false
	}
	return d.err, d.err == nil
}

// A switched body is what a connection becomes after a 101 response: bytes both
// ways, as for a WebSocket.
type switched struct {
	reader *bufio.Reader
	conn   *conn
}

func (s *switched) Read(p []byte) (int, error)  { return s.reader.Read(p) }
func (s *switched) Write(p []byte) (int, error) { return s.conn.up.Write(p) }
func (s *switched) Close() error {
	s.conn.abort(net.ErrClosed)
	return nil
}
