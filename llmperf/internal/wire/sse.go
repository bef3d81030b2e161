package wire

import (
	"bytes"
	"fmt"
)

// An Event is one event of an event stream.
type Event struct {
	Name string // the event field; "" is "message", the default
	ID   []byte // the last id field of the stream so far; valid only during the callback
	Data []byte // the data lines, joined by line feeds; valid only during the callback

	// Unfinished says that the body ended before the blank line that ends an event. Browsers discard such an event; some servers
	// end their streams this way. Only Close emits one.
	Unfinished bool
}

// defaultMax is the length that parsers accept where no other is set.
const defaultMax = 4 << 20

// maxKept is the capacity above which Reset lets go of a buffer.
const maxKept = 64 << 10

// SSE parses an event stream as the WHATWG HTML standard defines it (section 9.2). Bytes are not decoded: invalid UTF-8 stays as it
// is. The zero value is ready for use; fields may be set before the first Feed. After an error every call returns that error until
// Reset.
type SSE struct {
	// MaxEvent is the longest line, and the longest data of an event, in bytes. The default is 4 MiB.
	MaxEvent int

	// Stray is called with every line that the standard would have ignored as an unknown field although it looks like a payload:
	// it contains a {, or begins with [ or <. A bare line of JSON is one, a web page, and "error: {...}", which llama.cpp once
	// sent. The line is valid only during the call. By default such a line ends the stream: with the *ServerError that it reports, or
	// with ErrMalformed.
	Stray func(line []byte) error

	line    []byte // a line whose end has not come yet
	begun   bool   // the first line is over, and with it any byte order mark
	afterCR bool   // the last byte was a CR: a LF now belongs to it

	// The event so far.
	open    bool   // a line of it was seen
	name    string // its event field
	hasData bool   // a data field was seen, though perhaps an empty one
	data    []byte // its data: a view of the fed bytes, or of buf
	copied  bool   // data is a view of buf
	buf     []byte

	id    []byte    // the last id field
	names [8]string // event names seen, so that one that comes again is not allocated again
	spare int       // the element of names to be replaced next

	err error
}

var byteOrderMark = []byte("\uFEFF")

// Feed parses b and calls emit for every event that is complete. The rest is kept, so b may be reused. An error of emit ends the
// parsing and is returned.
func (p *SSE) Feed(b []byte, emit func(Event) error) error {
	if p.err == nil {
		p.err = p.feed(b, emit)
	}
	return p.err
}

func (p *SSE) feed(b []byte, emit func(Event) error) error {
	start := 0
	if p.afterCR && len(b) > 0 {
		p.afterCR = false
		if b[0] == '\n' {
			start = 1
		}
	}
	lf := -1 // the next LF; looked for once, so that a stream of CRs alone is not searched to its end for every line
	for start < len(b) {
		if lf < start {
			lf = index(b, start, len(b), '\n')
		}
		end := index(b, start, lf, '\r')
		if len(p.line)+end-start > p.max() {
			return p.tooLong("a line", append(p.line, b[start:min(end, start+maxExcerpt)]...))
		}
		if end == len(b) {
			break
		}
		line := b[start:end]
		if len(p.line) > 0 {
			line = append(p.line, line...)
			p.line = line[:0]
		}
		start = end + 1
		if b[end] == '\r' {
			if start == len(b) {
				p.afterCR = true
			} else if b[start] == '\n' {
				start++
			}
		}
		if err := p.take(line, emit); err != nil {
			return err
		}
	}
	if p.hasData && !p.copied {
		p.own()
	}
	p.line = append(p.line, b[start:]...)
	return nil
}

// index returns the position of the first c in b[start:end], or end.
func index(b []byte, start, end int, c byte) int {
	if i := bytes.IndexByte(b[start:end], c); i >= 0 {
		return start + i
	}
	return end
}

// take interprets one complete line.
func (p *SSE) take(line []byte, emit func(Event) error) error {
	line = p.first(line)
	if len(line) == 0 {
		return p.dispatch(emit, false)
	}
	name, value := field(line)
	switch string(name) {
	case "data":
		return p.addData(value)
	case "event":
		p.open = true
		p.name = p.intern(value)
	case "id":
		p.open = true
		if bytes.IndexByte(value, 0) < 0 {
			p.id = append(p.id[:0], value...)
		}
	case "", "retry": // a comment, or the time after which to connect again
	default:
		if looksLikePayload(line) {
			return p.stray(line)
		}
	}
	return nil
}

// first returns line without the byte order mark that the first line of a stream may begin with.
func (p *SSE) first(line []byte) []byte {
	if p.begun {
		return line
	}
	p.begun = true
	return bytes.TrimPrefix(line, byteOrderMark)
}

// field splits a line into a field's name and its value; the name of a comment is empty.
func field(line []byte) (name, value []byte) {
	colon := index(line, 0, len(line), ':')
	if colon == len(line) {
		return line, nil
	}
	value = line[colon+1:]
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	return line[:colon], value
}

// addData appends a data field's value to the event.
func (p *SSE) addData(value []byte) error {
	p.open = true
	if !p.hasData {
		p.hasData, p.data, p.copied = true, value, false
		return nil
	}
	if len(p.data)+1+len(value) > p.max() {
		return p.tooLong("the data of an event", p.data)
	}
	if !p.copied {
		p.own()
	}
	p.buf = append(append(p.buf, '\n'), value...)
	p.data = p.buf
	return nil
}

// own copies the event's data out of the fed bytes.
func (p *SSE) own() {
	p.buf = append(p.buf[:0], p.data...)
	p.data, p.copied = p.buf, true
}

// dispatch emits the event if it has data, and begins a new one.
func (p *SSE) dispatch(emit func(Event) error, unfinished bool) error {
	e, ok := Event{Name: p.name, ID: p.id, Data: p.data, Unfinished: unfinished}, p.hasData
	p.open, p.name, p.hasData, p.data = false, "", false, nil
	if !ok {
		return nil
	}
	return emit(e)
}

// intern returns name as a string, without allocating where the stream has had that name before.
func (p *SSE) intern(name []byte) string {
	if len(name) == 0 || string(name) == "message" {
		return ""
	}
	for _, known := range p.names {
		if known == string(name) {
			return known
		}
	}
	s := string(name)
	if len(s) <= 64 {
		p.names[p.spare] = s
		p.spare = (p.spare + 1) % len(p.names)
	}
	return s
}

// looksLikePayload says whether a line that is no field was perhaps meant to be read.
func looksLikePayload(line []byte) bool {
	return line[0] == '<' || line[0] == '[' || bytes.IndexByte(line, '{') >= 0
}

func (p *SSE) stray(line []byte) error {
	if p.Stray != nil {
		return p.Stray(line)
	}
	if e := strayError(line); e != nil {
		return e
	}
	return fmt.Errorf("%w: a line that is no field of an event stream: %s", ErrMalformed, excerpt(line))
}

// Close says that the body has ended. An event that lacks only its blank line, or the end of its last line too, is emitted as
// Unfinished if it is whole: data in a last line without an end must be a JSON value or [DONE], and data that begins like a JSON
// object must be one. Anything else that remains of an event is ErrTruncated. Reset makes the parser ready for another stream.
func (p *SSE) Close(emit func(Event) error) error {
	if p.err == nil {
		p.err = p.close(emit)
	}
	return p.err
}

func (p *SSE) close(emit func(Event) error) error {
	line := p.first(p.line)
	p.line = p.line[:0]
	cut := false
	if len(line) > 0 && line[0] != ':' {
		name, value := field(line)
		switch string(name) {
		case "data":
			if err := p.addData(value); err != nil {
				return err
			}
			cut = true
		case "event", "id", "retry":
			return fmt.Errorf("%w: the body ends within the line %s", ErrTruncated, excerpt(line))
		default:
			if !looksLikePayload(line) {
				return fmt.Errorf("%w: the body ends within the line %s", ErrTruncated, excerpt(line))
			}
			if err := p.stray(line); err != nil {
				return err
			}
		}
	}
	if !p.open {
		return nil
	}
	if !p.hasData {
		return fmt.Errorf("%w: the body ends within an event that has no data yet", ErrTruncated)
	}
	if text := bytes.TrimSpace(p.data); !IsDone(text) && (cut || bytes.HasPrefix(text, []byte("{"))) && !whole(text) {
		return fmt.Errorf("%w: the body ends within the event %s", ErrTruncated, excerpt(p.data))
	}
	return p.dispatch(emit, true)
}

// whole says whether b is JSON that cannot be the beginning of a longer value, as 12 can be that of 123.
func whole(b []byte) bool {
	return Valid(b) && b[0] != '-' && (b[0] < '0' || b[0] > '9')
}

// Reset makes p ready for another stream, with the same settings. It keeps buffers of ordinary size.
func (p *SSE) Reset() {
	*p = SSE{
		MaxEvent: p.MaxEvent, Stray: p.Stray,
		line: kept(p.line), buf: kept(p.buf), id: kept(p.id),
		names: p.names, spare: p.spare,
	}
}

// kept returns b emptied for reuse, or nil if it has grown too large to be kept.
func kept(b []byte) []byte {
	if cap(b) > maxKept {
		return nil
	}
	return b[:0]
}

func (p *SSE) max() int {
	if p.MaxEvent > 0 {
		return p.MaxEvent
	}
	return defaultMax
}

func (p *SSE) tooLong(what string, b []byte) error {
	return fmt.Errorf("%w: %s is longer than %d bytes: %s", ErrTooLong, what, p.max(), excerpt(b))
}
