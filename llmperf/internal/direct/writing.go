package direct

import (
	"errors"
	"net/http"
	"syscall"
	"time"
)

// atOnce is how long a request is that is written before its answer is read: it has
// room on the way, even to a service that answers without reading it.
const atOnce = 64 << 10

// A writing is that of a request. Once done is closed it has ended, and n bytes of
// it were taken.
type writing struct {
	n    int
	err  error
	done chan struct{}
}

// written is the done of what was written at once.
var written = func() chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}()

// send writes out, which it takes: at once, or while the answer is awaited.
func (c *conn) send(out *request) *writing {
	w := &writing{done: written}
	if len(out.bytes) <= atOnce {
		w.write(c, out)
		return w
	}
	w.done = make(chan struct{})
	go func() {
		defer close(w.done)
		w.write(c, out)
	}()
	return w
}

func (w *writing) write(c *conn, out *request) {
	w.n, w.err = c.Write(out.bytes)
	requests.Put(out)
	// A server that has closed the connection may have answered before.
	if w.err != nil && !(w.n > 0 && (errors.Is(w.err, syscall.EPIPE) || errors.Is(w.err, syscall.ECONNRESET))) {
		c.Close()
	}
}

// whole says whether all was written. Where the server has read it all and answered,
// the writer may have yet to see that: it is waited for, for as long as by net/http.
// A server that refuses may have read nothing.
func (w *writing) whole(status int) bool {
	select {
	case <-w.done:
		return w.err == nil
	default:
	}
	if status >= http.StatusMultipleChoices {
		return false
	}
	select {
	case <-w.done:
		return w.err == nil
	case <-time.After(50 * time.Millisecond):
		return false
	}
}

// repeatable says whether a request does no harm if it is sent twice (RFC 9110,
// 9.2.2), or says so itself.
func repeatable(req *http.Request) bool {
	_, key := req.Header["Idempotency-Key"]
	_, xKey := req.Header["X-Idempotency-Key"]
	return req.Method != http.MethodPost || key || xKey
}
