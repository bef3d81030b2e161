// Package direct sends requests of HTTP/1.1 on the goroutine that asks, over
// connections that have no goroutines of their own. [http.Transport] has two for
// each, since it must do for every request; a load generator's requests are
// nearly all alike, and every goroutine between a byte's arrival and its reader
// costs memory, processor time, and the truth of the time at which it is stamped.
//
// What is not plain is left to net/http: see [Transport.Takes].
package direct

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// idleTimeout is how long a connection is kept that nobody uses, as by
// [http.DefaultTransport].
const idleTimeout = 90 * time.Second

// A Transport is an [http.RoundTripper] for the requests that it takes. Of what
// [http.Transport] does it keeps what a service sees: the bytes of a request, a
// connection that is kept alive and used again, the one last used first, and gzip
// asked for and undone. A body is read and closed by one goroutine.
type Transport struct {
	// Like says how to dial, which requests a proxy gets, and how long a response's
	// header may be. It is for the requests that are not taken.
	Like *http.Transport

	mu   sync.Mutex
	idle map[string][]*conn // by address; the last is the one last used
}

// RoundTrip sends req, which must be one that t takes.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	out := requests.Get().(*request)
	defer requests.Put(out)
	if err := out.write(req); err != nil {
		return nil, err
	}
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		c, err := t.conn(ctx, address(req.URL))
		if err != nil {
			return nil, err
		}
		resp, err := c.exchange(req, out)
		if err != errNothingSent {
			return resp, err
		}
	}
}

// conn returns an idle connection, or a new one.
func (t *Transport) conn(ctx context.Context, address string) (*conn, error) {
	for {
		c := t.take(address)
		if c == nil {
			break
		}
		if c.usable() {
			c.reused = true
			return c, nil
		}
		c.Close()
	}
	dialed, err := t.Like.DialContext(ctx, "tcp", address)
	if err == nil {
		return newConn(t, address, dialed), nil
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done() // a dialer has a clock of its own, which may go off first
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, err
}

// take takes the idle connection last used, or nil.
func (t *Transport) take(address string) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	idle := t.idle[address]
	if len(idle) == 0 {
		return nil
	}
	last := len(idle) - 1
	c := idle[last]
	idle[last] = nil
	t.idle[address] = idle[:last]
	return c
}

// keep makes a connection idle, and lets go of those that have long been.
func (t *Transport) keep(c *conn) {
	c.since = time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.idle == nil {
		t.idle = map[string][]*conn{}
	}
	idle := t.idle[c.address]
	for len(idle) > 0 && c.since.Sub(idle[0].since) > idleTimeout {
		idle[0].Close()
		idle[0] = nil
		idle = idle[1:]
	}
	t.idle[c.address] = append(idle, c)
}

// CloseIdleConnections closes the connections that carry no request, Like's too.
func (t *Transport) CloseIdleConnections() {
	t.Like.CloseIdleConnections()
	t.mu.Lock()
	all := t.idle
	t.idle = nil
	t.mu.Unlock()
	for _, idle := range all {
		for _, c := range idle {
			c.Close()
		}
	}
}
