package wire

import (
	"bytes"
	"fmt"
)

// NDJSON splits a body into lines of JSON. Lines end with LF or CRLF; those of white space alone are skipped. What is in them is
// the caller's to check. The zero value is ready for use; MaxLine may be set before the first Feed. After an error every call returns
// that error until Reset.
type NDJSON struct {
	// MaxLine is the longest line, in bytes. The default is 4 MiB.
	MaxLine int

	line  []byte // a line whose end has not come yet
	begun bool   // the first line is over, and with it any byte order mark
	err   error
}

// Feed parses b and calls emit for every line that is complete, without its end and the white space around it; the line is valid
// only during the call. The rest is kept, so b may be reused. An error of emit ends the parsing and is returned.
func (p *NDJSON) Feed(b []byte, emit func(line []byte) error) error {
	if p.err == nil {
		p.err = p.feed(b, emit)
	}
	return p.err
}

func (p *NDJSON) feed(b []byte, emit func(line []byte) error) error {
	for start := 0; start < len(b); {
		end := index(b, start, len(b), '\n')
		if len(p.line)+end-start > p.max() {
			head := append(p.line, b[start:min(end, start+maxExcerpt)]...)
			return fmt.Errorf("%w: a line is longer than %d bytes: %s", ErrTooLong, p.max(), excerpt(head))
		}
		if end == len(b) {
			p.line = append(p.line, b[start:]...)
			return nil
		}
		line := b[start:end]
		if len(p.line) > 0 {
			line = append(p.line, line...)
			p.line = line[:0]
		}
		start = end + 1
		if line = p.trim(line); len(line) == 0 {
			continue
		}
		if err := emit(line); err != nil {
			return err
		}
	}
	return nil
}

// trim returns a line without the white space around it and, on the first one, without a byte order mark.
func (p *NDJSON) trim(line []byte) []byte {
	if !p.begun {
		p.begun = true
		line = bytes.TrimPrefix(line, byteOrderMark)
	}
	return bytes.Trim(line, " \t\r")
}

// Close says that the body has ended. A last line without an end is emitted if it is a JSON value that cannot go on; otherwise it is
// ErrTruncated. Reset makes the parser ready for another stream.
func (p *NDJSON) Close(emit func(line []byte) error) error {
	if p.err == nil {
		p.err = p.close(emit)
	}
	return p.err
}

func (p *NDJSON) close(emit func(line []byte) error) error {
	line := p.trim(p.line)
	p.line = p.line[:0]
	if len(line) == 0 {
		return nil
	}
	if !whole(line) {
		return fmt.Errorf("%w: the body ends within the line %s", ErrTruncated, excerpt(line))
	}
	return emit(line)
}

// Reset makes p ready for another stream, with the same settings. It keeps a buffer of ordinary size.
func (p *NDJSON) Reset() {
	*p = NDJSON{MaxLine: p.MaxLine, line: kept(p.line)}
}

func (p *NDJSON) max() int {
	if p.MaxLine > 0 {
		return p.MaxLine
	}
	return defaultMax
}
