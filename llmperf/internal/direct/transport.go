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
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A Transport is an [http.RoundTripper] for the requests that it takes. Of what
// [http.Transport] does it keeps what a service sees: the bytes of a request, a
// connection that is kept alive and used again, the one last used first, and gzip
// asked for and undone. A body is read and closed by one goroutine.
type Transport struct {
	// Like says how to dial, which requests a proxy gets, how long a response's
	// header may be, and for how long a connection may be idle. It is for the
	// requests that are not taken.
	Like *http.Transport

	opaque atomic.Bool // connections are of a kind that does not show whether they are open

	mu   sync.Mutex
	idle map[string][]*conn // by address; the last is the one last used
}

// RoundTrip sends req, which must be one that t takes.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.try(req)
	for err == errAgain {
		again := *req
		if req.GetBody != nil {
			if again.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
		if resp, err = t.try(&again); err == nil {
			resp.Request = req
		}
	}
	return resp, err
}

// try sends req by one connection.
func (t *Transport) try(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	out := requests.Get().(*request)
	err := out.write(req)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	var c *conn
	if err == nil {
		c, err = t.conn(ctx, address(req.URL))
	}
	if err != nil {
		requests.Put(out)
		return nil, err
	}
	return c.exchange(req, out)
}

// conn returns an idle connection, or a new one.
func (t *Transport) conn(ctx context.Context, address string) (*conn, error) {
	var dead []*conn
	defer func() {
		if len(dead) > 0 {
			go closeAll(dead) // after a peak there are many
		}
	}()
	for {
		c := t.take(address)
		if c == nil {
			break
		}
		if c.usable() {
			c.reused = true
			return c, nil
		}
		dead = append(dead, c)
	}
	dialed, err := t.Like.DialContext(ctx, "tcp", address)
	if err == nil {
		if _, shows := dialed.(syscall.Conn); !shows {
			t.opaque.Store(true)
		}
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
	if t.idle == nil {
		t.idle = map[string][]*conn{}
	}
	idle := t.idle[c.address]
	old := 0
	for old < len(idle) && t.tooOld(idle[old], c.since) {
		old++
	}
	dead := slices.Clone(idle[:old])
	clear(idle[:old])
	t.idle[c.address] = append(idle[old:], c)
	t.mu.Unlock()
	closeAll(dead)
}

// tooOld says whether a connection has been idle for longer than is allowed.
func (t *Transport) tooOld(c *conn, now time.Time) bool {
	limit := t.Like.IdleConnTimeout
	return limit > 0 && now.Sub(c.since) >= limit
}

// CloseIdleConnections closes the connections that carry no request, Like's too.
func (t *Transport) CloseIdleConnections() {
	t.Like.CloseIdleConnections()
	t.mu.Lock()
	all := t.idle
	t.idle = nil
	t.mu.Unlock()
	for _, idle := range all {
		closeAll(idle)
	}
}

func closeAll(conns []*conn) {
	for _, c := range conns {
		c.Close()
	}
}
