package direct

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"time"
)

var (
	errAgain      = errors.New("the request is to be sent by another connection")
	errNoRoom     = errors.New("there is no room for more")
	errBodyClosed = errors.New("http: read on closed response body")
)

// A conn is a connection that carries one request at a time.
type conn struct {
	net.Conn
	transport *Transport
	address   string
	reader    *bufio.Reader // of what the conn reads
	room      int64         // how much may still be read
	alive     liveness
	reused    bool
	since     time.Time // when it became idle
}

func newConn(t *Transport, address string, dialed net.Conn) *conn {
	c := &conn{Conn: dialed, transport: t, address: address}
	c.reader = bufio.NewReader(c)
	return c
}

// Read reads from the network, as long as there is room.
func (c *conn) Read(p []byte) (int, error) {
	if c.room <= 0 {
		return 0, errNoRoom
	}
	if int64(len(p)) > c.room {
		p = p[:c.room]
	}
	n, err := c.Conn.Read(p)
	c.room -= int64(n)
	return n, err
}

func (c *conn) headerLimit() int64 {
	if limit := c.transport.Like.MaxResponseHeaderBytes; limit > 0 {
		return limit
	}
	return 10 << 20 // as by net/http
}

// usable says whether an idle connection can be used: it has not been idle for
// too long, is open, and nothing came that was not asked for.
func (c *conn) usable() bool {
	return !c.transport.tooOld(c, time.Now()) && c.reader.Buffered() == 0 && c.alive.check(c.Conn)
}

// An unanswered error is that of a connection which ended before its answer began.
type unanswered struct{ error }

// exchange sends a request and reads the response up to its body. An answer that
// comes before all is sent is an answer too. A connection that was used before may
// be closed by the server as the request is sent: as by net/http, it is then sent
// by another if nothing of it was, or if being sent twice does no harm.
func (c *conn) exchange(req *http.Request, out *request) (*http.Response, error) {
	ctx, unzip := req.Context(), out.unzip
	stop := context.AfterFunc(ctx, func() { c.Close() })
	w := c.send(out)
	resp, err := c.response(req)
	if err != nil {
		stop()
		c.Close()
		<-w.done
		silent, is := err.(unanswered)
		if is {
			err = silent.error
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case c.reused && (w.err != nil && w.n == 0 || is && repeatable(req)):
			return nil, errAgain
		case w.err != nil && !errors.Is(w.err, net.ErrClosed):
			return nil, w.err
		}
		return nil, err
	}
	b := &body{inner: resp.Body, conn: c, ctx: ctx, stop: stop, writing: w, status: resp.StatusCode, reusable: !c.transport.opaque.Load() && !resp.Close && resp.StatusCode >= http.StatusOK}
	if resp.Body == http.NoBody {
		b.end(io.EOF)
		return resp, nil
	}
	resp.Body = b
	if unzip && strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
		resp.ContentLength, resp.Uncompressed = -1, true
		resp.Body = &unzipped{body: b}
	}
	return resp, nil
}

// response reads a response's header; those that only inform are left out, as
// many as there is room for.
func (c *conn) response(req *http.Request) (*http.Response, error) {
	c.room = c.headerLimit()
	resp, err := c.last(req)
	if err != nil && c.room <= 0 {
		return nil, fmt.Errorf("net/http: server response headers exceeded %d bytes; aborted", c.headerLimit())
	}
	c.room = math.MaxInt64
	return resp, err
}

// last reads responses until one that is not followed by another.
func (c *conn) last(req *http.Request) (*http.Response, error) {
	if _, err := c.reader.Peek(1); err != nil {
		return nil, unanswered{err} // the end of the connection is not that of a response
	}
	for {
		resp, err := http.ReadResponse(c.reader, req)
		if err != nil {
			return nil, err
		}
		if status := resp.StatusCode; status < 100 || status >= 200 || status == http.StatusSwitchingProtocols {
			return resp, nil
		}
	}
}
