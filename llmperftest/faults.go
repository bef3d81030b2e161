package llmperftest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Fault goes wrong on purpose: make one with a function of this package, such
// as CutMidStream(5), which goes wrong in the way of the API that is asked. It
// strikes every request, unless methods limit it: CutMidStream(5).Every(10).
//
// Those that count tokens strike when the next token, or the end, is due; where
// nothing is streamed, when the answer is. A fault that does not fit a request
// leaves it to the next one: one after more tokens than the answer has (an
// embedding has none), and one of streams where nothing is streamed.
type Fault struct {
	name   string
	kind   faultKind
	after  int // tokens written before it strikes
	size   int // of a burst, in tokens, or of a line, in bytes
	status int
	delay  time.Duration // also of Retry-After
	body   string        // of an error; "" for the API's own

	conditions []condition
	wrong      []error // what cannot be
}

// A condition is one of those that all must hold for a fault to strike. The
// request is the nth, 0-based, since the server was told to fail; index is the
// fault's own among all.
type condition func(r Request, nth, index int, seed uint64) bool

type faultKind int

const (
	faultNone faultKind = iota
	faultStatus
	faultReset
	faultCut
	faultErrorEvent
	faultMalformed
	faultMisframed
	faultLongLine
	faultHang
	faultStall
	faultEmpty
	faultSlowHeaders
	faultWrongType
	faultBuffered
	faultBurst
	faultNoTerminator
	faultTwoTerminators
)

// after makes a fault that strikes after so many tokens.
func after(tokens int, name, function string, kind faultKind) Fault {
	f := Fault{name: name, kind: kind, after: tokens}
	f.want(tokens >= 0, "%s after %d tokens: want at least 0", function, tokens)
	return f
}

// want notes what is wrong with the fault, if it is.
func (f *Fault) want(ok bool, format string, args ...any) {
	if !ok {
		f.wrong = append(slices.Clip(f.wrong), fmt.Errorf(format, args...))
	}
}

// Status answers with an HTTP error status, from 400 to 599, and an error of the
// API's own.
func Status(code int) Fault {
	f := Fault{name: fmt.Sprintf("status %d", code), kind: faultStatus, status: code}
	f.want(code >= 400 && code <= 599, "Status(%d): want an error, from 400 to 599", code)
	return f
}

// RetryAfter adds the header Retry-After to [Status], in whole seconds, rounded up.
func (f Fault) RetryAfter(d time.Duration) Fault {
	f.want(f.kind == faultStatus, "RetryAfter of a fault %q: want Status before it", f.name)
	f.want(d > 0, "RetryAfter(%v): want a positive time", d)
	f.delay = d
	return f
}

// Body takes the place of the API's own error in [Status], as a proxy's page does.
func (f Fault) Body(text string) Fault {
	f.want(f.kind == faultStatus, "Body of a fault %q: want Status before it", f.name)
	f.want(text != "", "Body is empty: want text, or leave it out")
	f.body = text
	return f
}

// Reset breaks the connection before the response begins; a socket's with a RST.
func Reset() Fault { return Fault{name: "reset", kind: faultReset} }

// CutMidStream breaks the connection after the given number of tokens, or in the
// middle of a body that is not streamed.
func CutMidStream(tokens int) Fault { return after(tokens, "cut", "CutMidStream", faultCut) }

// ErrorEvent sends an error inside the stream after the given number of tokens,
// or as the body of a successful answer that is not streamed, which of a Response
// is one that failed.
func ErrorEvent(tokens int) Fault { return after(tokens, "error event", "ErrorEvent", faultErrorEvent) }

// Malformed sends an event that is not JSON after the given number of tokens, or
// half a body where nothing is streamed, and ends there.
func Malformed(tokens int) Fault { return after(tokens, "malformed", "Malformed", faultMalformed) }

// Misframed breaks the line of the event after the given number of tokens in
// two, as a proxy may, and goes on. The record counts the event's tokens, which a
// client that drops broken events does not see.
func Misframed(tokens int) Fault { return after(tokens, "misframed", "Misframed", faultMisframed) }

// LongLine sends a line of so many bytes after the given number of tokens, and
// ends without having ended it.
func LongLine(tokens, bytes int) Fault {
	f := after(tokens, "long line", "LongLine", faultLongLine)
	f.want(bytes >= 1, "LongLine of %d bytes: want at least 1", bytes)
	f.size = bytes
	return f
}

// Hang sends nothing until the client goes away.
func Hang() Fault { return Fault{name: "hang", kind: faultHang} }

// Stall pauses for d after the given number of tokens. What the engine generates
// meanwhile then comes at once.
func Stall(tokens int, d time.Duration) Fault {
	f := after(tokens, "stall", "Stall", faultStall)
	f.want(d > 0, "Stall of %v: want a positive time", d)
	f.delay = d
	return f
}

// Empty answers with no content at all.
func Empty() Fault { return Fault{name: "empty", kind: faultEmpty} }

// SlowHeaders holds the response back for d from when the engine takes the
// request, header included. What the engine generates meanwhile then comes at
// once.
func SlowHeaders(d time.Duration) Fault {
	f := Fault{name: "slow headers", kind: faultSlowHeaders, delay: d}
	f.want(d > 0, "SlowHeaders(%v): want a positive time", d)
	return f
}

// WrongType answers with status 200 and a page of HTML.
func WrongType() Fault { return Fault{name: "wrong type", kind: faultWrongType} }

// Buffered holds a stream back until it is complete, header included, and sends
// all of it at once.
func Buffered() Fault { return Fault{name: "buffered", kind: faultBuffered} }

// Burst holds tokens back until there are so many, or all, and sends them at
// once. It fits streams of several chunks, each of fewer tokens than that.
func Burst(tokens int) Fault {
	f := Fault{name: "burst", kind: faultBurst, size: tokens}
	f.want(tokens >= 2, "Burst(%d): want at least 2 tokens", tokens)
	return f
}

// NoTerminator ends the stream cleanly, but without a finish reason and whatever
// else ends it.
func NoTerminator() Fault { return Fault{name: "no terminator", kind: faultNoTerminator} }

// TwoTerminators sends the end of the stream twice.
func TwoTerminators() Fault { return Fault{name: "two terminators", kind: faultTwoTerminators} }

// Every limits the fault to every n-th request since [Server.Fail].
func (f Fault) Every(n int) Fault {
	f.want(n >= 1, "Every(%d): want at least 1", n)
	return f.when(func(_ Request, nth, _ int, _ uint64) bool { return (nth+1)%n == 0 })
}

// First limits the fault to the first n requests since [Server.Fail].
func (f Fault) First(n int) Fault {
	f.want(n >= 1, "First(%d): want at least 1", n)
	return f.when(func(_ Request, nth, _ int, _ uint64) bool { return nth < n })
}

// On limits the fault to the requests of these numbers: the next request after
// [Server.Fail] is 0.
func (f Fault) On(numbers ...int) Fault {
	f.want(len(numbers) > 0, "On(): want numbers of requests")
	for _, n := range numbers {
		f.want(n >= 0, "On(%d): want numbers from 0 on", n)
	}
	numbers = slices.Clone(numbers)
	return f.when(func(_ Request, nth, _ int, _ uint64) bool { return slices.Contains(numbers, nth) })
}

// Rate limits the fault to a share of requests, from 0 for none to 1 for all,
// drawn for each with the engine's seed.
func (f Fault) Rate(share float64) Fault {
	f.want(share >= 0 && share <= 1, "Rate(%v): want a share from 0 to 1", share)
	return f.when(func(r Request, _, index int, seed uint64) bool {
		draw := rand.New(rand.NewPCG(seed^0x6661756c74, uint64(r.Number)<<8|uint64(index)))
		return draw.Float64() < share
	})
}

// If limits the fault to requests of which is returns true. Of a request it sees
// what was asked and by whom, not yet how it went. Several goroutines call it, in
// any order, so it must depend on the request alone.
func (f Fault) If(is func(Request) bool) Fault {
	f.want(is != nil, "If(nil): want a function")
	return f.when(func(r Request, _, _ int, _ uint64) bool { return is(r) })
}

func (f Fault) when(c condition) Fault {
	f.conditions = append(slices.Clip(f.conditions), c)
	return f
}

func (f Fault) validate() error {
	if f.kind == faultNone {
		return errors.New("the zero Fault does nothing: want one that a function of this package made, such as Status(500)")
	}
	return errors.Join(f.wrong...)
}

// fits says whether an answer of that pace can go wrong so.
func (f Fault) fits(stream bool, p pace) bool {
	switch f.kind {
	case faultMisframed, faultLongLine, faultBuffered, faultNoTerminator, faultTwoTerminators:
		return stream && f.after <= p.output
	case faultBurst:
		return stream && f.size > p.chunk && p.output > p.chunk
	}
	return f.after <= p.output
}

// strikes says whether all conditions hold.
func (f Fault) strikes(r Request, nth, index int, seed uint64) bool {
	for _, holds := range f.conditions {
		if !holds(r, nth, index, seed) {
			return false
		}
	}
	return true
}

// strike takes down that the fault has struck.
func (a *answer) strike() {
	a.struck = true
	a.record.Fault = a.fault.name
}

// strikesAs lets the fault strike if it is of that kind.
func (a *answer) strikesAs(kind faultKind) bool {
	if a.fault == nil || a.fault.kind != kind {
		return false
	}
	a.strike()
	return true
}

// struckAs says whether the fault is of that kind and has struck.
func (a *answer) struckAs(kind faultKind) bool { return a.struck && a.fault.kind == kind }

// page is a body that no API sends.
const page = "<!DOCTYPE html>\n<html><body><h1>Fault on purpose</h1></body></html>\n"

// before lets a fault strike that comes before any token. It returns true if
// the request has ended with it.
func (a *answer) before(r *http.Request) bool {
	switch {
	case a.strikesAs(faultStatus):
		if a.fault.delay > 0 {
			a.w.Header().Set("Retry-After", seconds(a.fault.delay))
		}
		if a.fault.body == "" {
			a.refuse(Faulted, apiError{status: a.fault.status, message: purpose})
			return true
		}
		a.other(a.fault.status, a.fault.body)
	case a.strikesAs(faultWrongType):
		a.other(http.StatusOK, page)
	case a.strikesAs(faultReset):
		a.record.Outcome = Faulted
		a.last()
		a.reset()
	case a.strikesAs(faultHang):
		<-r.Context().Done()
		a.record.Outcome = Faulted
	default:
		return false
	}
	return true
}

// other answers with a body that need not be JSON.
func (a *answer) other(status int, body string) {
	if json.Valid([]byte(body)) {
		a.w.Header().Set("Content-Type", "application/json")
	} // else net/http finds out
	a.record.Status, a.record.Outcome = status, Faulted
	a.last()
	a.w.WriteHeader(status)
	io.WriteString(a.w, body)
}

// reset breaks the connection.
func (a *answer) reset() {
	conn, _, err := a.control.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	switch c := conn.(type) {
	case *net.TCPConn:
		c.SetLinger(0)
	case interface{ Reset() }:
		c.Reset()
	}
	conn.Close()
}

// cut breaks the connection after what was flushed.
func (a *answer) cut() {
	a.record.Outcome = Faulted
	a.last()
	panic(http.ErrAbortHandler)
}

// pause waits; it returns false if the client goes away.
func (a *answer) pause(r *http.Request) bool {
	timer := time.NewTimer(a.fault.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		a.record.Outcome = Cancelled
		return false
	}
}

// holds says that a fault keeps the tokens up to the n-th back for now.
func (a *answer) holds(n int) bool {
	switch {
	case a.struckAs(faultEmpty), a.struckAs(faultBuffered):
		return true
	case a.strikesAs(faultBurst):
		return n-a.record.OutputTokens < a.fault.size && n < a.seq.output
	}
	return false
}

// within lets a fault strike that comes after some tokens of a stream. It
// returns true if the answer has ended with it.
func (a *answer) within(r *http.Request) bool {
	if a.fault == nil || a.struck || a.record.OutputTokens < a.fault.after {
		return false
	}
	switch {
	case a.strikesAs(faultStall):
		return !a.pause(r)
	case a.strikesAs(faultCut):
		a.cut()
	case a.strikesAs(faultErrorEvent):
		a.finalize(a.streamer.failure(a, purpose))
	case a.strikesAs(faultMalformed):
		a.finalize(a.half())
	case a.strikesAs(faultMisframed):
		a.misframes = true
		return false
	case a.strikesAs(faultLongLine):
		a.record.Outcome = Faulted
		a.last()
		a.line()
	default:
		return false
	}
	return true
}

// finalize sends what ends the answer by a fault.
func (a *answer) finalize(text string) {
	a.record.Outcome = Faulted
	a.last()
	a.send(text)
}

// half is the first half of an event that brings a token, ended as events are.
func (a *answer) half() string {
	e, _ := a.render(nil, "", said(0, 1))
	event := string(e.text)
	line := strings.TrimRight(event, "\n")
	return line[:len(line)/2] + event[len(line):]
}

// dataField begins the data of an event, but of Ollama's, which is a line.
var dataField = []byte("data: ")

// misframe breaks the line that begins at start, or at 0, in two.
func (a *answer) misframe(text []byte, start int) []byte {
	a.misframes = false
	start = max(0, start)
	middle := start + bytes.IndexByte(text[start:], '\n')/2
	return slices.Concat(text[:middle], []byte("\n"), text[middle:])
}

// line writes a long line up to its end.
func (a *answer) line() {
	const piece = 32 << 10
	text := a.frame.before + strings.Repeat("x", piece)
	for left := a.fault.size; left > 0; {
		n, err := io.WriteString(a.w, text[:min(left, len(text))])
		if err != nil {
			return
		}
		left -= n
		text = text[len(text)-piece:]
	}
}

// instead lets a fault strike in place of the body of an answer that is not
// streamed. It returns true if the answer has ended with it.
func (a *answer) instead(r *http.Request, body string) bool {
	switch {
	case a.strikesAs(faultStall):
		return !a.pause(r)
	case a.strikesAs(faultCut):
		a.w.Header().Set("Content-Type", "application/json")
		a.record.Status = http.StatusOK
		a.send(body[:len(body)/2])
		a.cut()
	case a.strikesAs(faultErrorEvent):
		a.record.OutputTokens = 0
		if d, ok := a.dialect.(failer); ok {
			a.reply(http.StatusOK, Faulted, d.failed(a, purpose))
		} else {
			a.reply(http.StatusOK, Faulted, a.dialect.refusal(a.record.Number, apiError{status: http.StatusInternalServerError, message: purpose}))
		}
	case a.strikesAs(faultMalformed):
		a.reply(http.StatusOK, Faulted, body[:len(body)/2])
	default:
		return false
	}
	return true
}
