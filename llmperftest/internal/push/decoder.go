package push

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
)

// maxLine bounds a chunk's size line and a trailer's line.
const maxLine = 4 << 10

// A decoder takes the transfer coding off a body that is pushed: chunked, a
// known length, or until the connection's end. Of [http.ReadResponse]'s own
// decoder it differs in being called with bytes instead of calling for them.
type decoder struct {
	resp *http.Response
	err  error

	chunked bool
	state   decoderState
	left    int64  // bytes of the chunk or the body; -1 for until the end
	line    []byte // the beginning of a line whose end has not come
}

type decoderState int

const (
	inData decoderState = iota
	afterData
	inSize
	inTrailer
)

func newDecoder(resp *http.Response) *decoder {
	d := &decoder{resp: resp, left: resp.ContentLength}
	if len(resp.TransferEncoding) > 0 && resp.TransferEncoding[0] == "chunked" {
		d.chunked, d.state = true, inSize
	}
	return d
}

// decode hands the content in p to feed. It returns true when the body has
// ended, or err is set.
func (d *decoder) decode(p []byte, feed func([]byte) error) (done bool) {
	for len(p) > 0 {
		if d.state == inData {
			n := len(p)
			if d.left >= 0 {
				n = int(min(int64(n), d.left))
				d.left -= int64(n)
			}
			if d.err = feed(p[:n]); d.err != nil {
				return true
			}
			p = p[n:]
			if d.left == 0 {
				if !d.chunked {
					return true
				}
				d.state = afterData
			}
			continue
		}
		end := bytes.IndexByte(p, '\n')
		if end < 0 || len(d.line)+end > maxLine {
			d.line = append(d.line, p[:min(len(p), maxLine)]...)
			if len(d.line) >= maxLine {
				d.err = fmt.Errorf("malformed chunked encoding: a line of more than %d bytes", maxLine)
			}
			return d.err != nil
		}
		line := p[:end]
		if len(d.line) > 0 {
			line = append(d.line, line...)
			d.line = line[:0]
		}
		p = p[end+1:]
		if d.takeLine(line) {
			return true
		}
	}
	return false
}

// takeLine interprets a line between the data of two chunks; its line feed is
// off already.
func (d *decoder) takeLine(line []byte) (done bool) {
	line, ok := bytes.CutSuffix(line, []byte("\r"))
	if !ok {
		d.err = errors.New("malformed chunked encoding: a line ends without a carriage return")
		return true
	}
	switch d.state {
	case afterData:
		if len(line) > 0 {
			d.err = fmt.Errorf("malformed chunked encoding: %q after a chunk", line)
		}
		d.state = inSize
	case inSize:
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 63)
		switch {
		case err != nil || n > math.MaxInt32:
			d.err = fmt.Errorf("malformed chunked encoding: a chunk of size %q", line)
		case n == 0:
			d.state = inTrailer
		default:
			d.state, d.left = inData, int64(n)
		}
	case inTrailer:
		if len(line) == 0 {
			return true
		}
		if key, value, ok := bytes.Cut(line, []byte(":")); ok {
			if d.resp.Trailer == nil {
				d.resp.Trailer = http.Header{}
			}
			d.resp.Trailer.Add(string(key), string(bytes.TrimSpace(value)))
		}
	}
	return d.err != nil
}

// cut is the error of a body whose connection ended; err says why, nil that the
// server closed it.
func (d *decoder) cut(err error) error {
	switch {
	case err != nil:
		return err
	case d.chunked || d.left > 0:
		return io.ErrUnexpectedEOF
	default:
		return nil
	}
}
