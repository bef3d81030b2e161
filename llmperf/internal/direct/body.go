package direct

import (
	"compress/gzip"
	"context"
	"io"
)

// A body is a response's. Where it ends, its connection is for the next request.
type body struct {
	inner    io.Reader
	conn     *conn
	ctx      context.Context // the request's
	stop     func() bool     // has the end of ctx no longer close the connection
	writing  *writing        // of the request
	status   int             // of the answer
	reusable bool            // the connection, if the body is read to its end
	err      error           // of every Read from now on
}

// Read reads what is there.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.inner.Read(p)
	if err != nil {
		b.end(err)
	}
	return n, b.err
}

// Close closes the connection of a body that is not read to its end.
func (b *body) Close() error {
	if b.err == nil {
		b.end(errBodyClosed)
	}
	return nil
}

// end ends the exchange.
func (b *body) end(err error) {
	b.err = err
	open := b.stop()
	switch {
	case err == io.EOF && open && b.reusable && b.conn.reader.Buffered() == 0 && b.writing.whole(b.status):
		b.conn.transport.keep(b.conn)
		return
	case err != io.EOF && err != errBodyClosed && b.ctx.Err() != nil:
		b.err = context.Cause(b.ctx)
	}
	b.conn.Close()
	<-b.writing.done
}

// An unzipped body is what another brings compressed, from its first Read on.
type unzipped struct {
	*body
	zip *gzip.Reader
	bad error
}

// Read reads what is there.
func (u *unzipped) Read(p []byte) (int, error) {
	if u.zip == nil && u.bad == nil {
		u.zip, u.bad = gzip.NewReader(u.body)
	}
	if u.bad != nil {
		return 0, u.bad
	}
	return u.zip.Read(p)
}
