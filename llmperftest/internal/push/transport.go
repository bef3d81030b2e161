package push

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// A Transport is an [http.RoundTripper] to the listeners that Find finds. Of
// [http.Transport] it keeps what a client of a service sees: connections are
// kept alive and used again, a request of no effect whose idle connection turns
// out to be closed is sent again, and a compressed answer that nobody asked to
// have compressed is decompressed.
type Transport struct {
	Find func(host string) (*Listener, error)

	mu     sync.Mutex
	idle   map[string][]*conn // by host; the last is the one last used
	dialed int
}

// The ports of connections' clients, in turn.
const (
	firstPort = 40000
	ports     = 20000
)

var (
	errBodyClosed = errors.New("http: read on closed response body")
	errIdleClosed = errors.New("http: CloseIdleConnections called")
)

// RoundTrip sends req and returns its response, whose body is a [*Body].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := validate(req); err != nil {
		closeBody(req)
		return nil, err
	}
	for {
		ctx := req.Context()
		if ctx.Err() != nil {
			closeBody(req)
			return nil, context.Cause(ctx)
		}
		c, err := t.conn(ctx, req.URL.Host)
		if err != nil {
			closeBody(req)
			return nil, err
		}
		resp, err := c.exchange(req)
		if err == nil {
			return resp, nil
		}
		if !c.reused || !repeatable(req) || !errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil, err
		}
		if req, err = rewound(req); err != nil {
			return nil, err
		}
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

// repeatable says whether net/http would send the request again if the
// connection that was kept alive for it turned out to be dead.
func repeatable(req *http.Request) bool {
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return false
	}
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return req.Header.Get("Idempotency-Key") != "" || req.Header.Get("X-Idempotency-Key") != ""
}

func rewound(req *http.Request) (*http.Request, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	again := *req
	again.Body = body
	return &again, nil
}

// conn returns an idle connection to host, or a new one.
func (t *Transport) conn(ctx context.Context, host string) (*conn, error) {
	t.mu.Lock()
	if idle := t.idle[host]; len(idle) > 0 {
		c := idle[len(idle)-1]
		t.idle[host] = idle[:len(idle)-1]
		t.mu.Unlock()
		c.reused = true
		return c, nil
	}
	port := firstPort + t.dialed%ports
	t.dialed++
	t.mu.Unlock()

	l, err := t.Find(host)
	if err != nil {
		return nil, err
	}
	c, server := newConn(t, host, l.addr, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	select {
	case l.accept <- server:
		return c, nil
	case <-l.closing:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: l.addr, Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// keep makes a connection idle.
func (t *Transport) keep(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.gone() {
		return
	}
	if t.idle == nil {
		t.idle = map[string][]*conn{}
	}
	t.idle[c.host] = append(t.idle[c.host], c)
}

// forget drops a connection that the server has closed.
func (t *Transport) forget(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	idle := t.idle[c.host]
	for i := range idle {
		if idle[i] == c {
			t.idle[c.host] = append(idle[:i:i], idle[i+1:]...)
			return
		}
	}
}

// CloseIdleConnections closes the connections that carry no request.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	all := t.idle
	t.idle = nil
	t.mu.Unlock()
	for _, idle := range all {
		for _, c := range idle {
			c.abort(errIdleClosed)
		}
	}
}

// exchange sends a request and reads the response up to its body.
func (c *conn) exchange(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	stop := context.AfterFunc(ctx, func() { c.abort(context.Cause(ctx)) })
	sent, unzip := c.send(req)
	resp, err := c.response(req)
	if err != nil {
		stop()
		c.abort(err)
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		stop()
		resp.Body = &switched{reader: c.reader, conn: c}
		return resp, nil
	}
	body := &Body{inner: resp.Body, conn: c, resp: resp, stop: stop, sent: sent}
	if resp.Body == http.NoBody || req.Method == http.MethodHead {
		body.end()
		return resp, nil
	}
	resp.Body = body
	if unzip && resp.Header.Get("Content-Encoding") == "gzip" {
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
		resp.ContentLength, resp.Uncompressed = -1, true
		resp.Body = &unzipped{body: body}
	}
	return resp, nil
}

// send writes the request. A body that is not in memory is sent by a goroutine
// of its own, since the response may come before its end; sent is then closed
// when all is sent, and nil otherwise.
func (c *conn) send(req *http.Request) (sent <-chan struct{}, unzip bool) {
	out := *req
	if req.Method != http.MethodHead && req.Header.Get("Accept-Encoding") == "" && req.Header.Get("Range") == "" {
		unzip = true
		out.Header = req.Header.Clone()
		out.Header.Set("Accept-Encoding", "gzip")
	}
	if req.Body == nil || req.Body == http.NoBody || req.GetBody != nil {
		buf := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(buf)
		buf.Reset()
		err := out.Write(buf)
		if err == nil {
			_, err = c.up.Write(buf.Bytes())
		}
		c.unsent(err)
		return nil, unzip
	}
	body := &noted{ReadCloser: req.Body}
	out.Body = body
	done := make(chan struct{})
	go func() {
		defer close(done)
		w := bufio.NewWriter(c.up)
		err := out.Write(w)
		if err == nil {
			err = w.Flush()
		}
		c.unsent(cmp.Or(body.err, err))
	}()
	return done, unzip
}

// A noted body keeps its own error, which [http.Request.Write] hides.
type noted struct {
	io.ReadCloser
	err error
}

func (n *noted) Read(p []byte) (int, error) {
	count, err := n.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return count, err
}

// unsent ends the connection if its request could not be sent whole. That the
// server closed it is for the reader to see, who may have a response.
func (c *conn) unsent(err error) {
	if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, net.ErrClosed) {
		c.abort(err)
	}
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// response reads a response's header; those that only inform are left out.
func (c *conn) response(req *http.Request) (*http.Response, error) {
	for {
		if _, err := c.reader.Peek(1); err != nil {
			return nil, err
		}
		resp, err := http.ReadResponse(c.reader, req)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
}

// An unzipped body decompresses another, from its first read on.
type unzipped struct {
	body *Body
	gzip *gzip.Reader
	err  error
}

func (u *unzipped) Read(p []byte) (int, error) {
	if u.gzip == nil && u.err == nil {
		u.gzip, u.err = gzip.NewReader(u.body)
	}
	if u.err != nil {
		return 0, u.err
	}
	return u.gzip.Read(p)
}

func (u *unzipped) Close() error { return u.body.Close() }
