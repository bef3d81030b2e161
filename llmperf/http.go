package llmperf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"llmperf.dev/llmperf/internal/wire"
)

// HTTP is a target for any HTTP endpoint. A body of type text/event-stream is
// read as SSE. One of lines of JSON, such as application/x-ndjson,
// application/jsonl and application/stream+json, is read line by line. Any other
// is read whole, checked to be JSON if it says so, as application/json and types
// ending in +json do, and has no times of tokens.
//
// An answer with a status that is no success, an SSE event named error, and a
// JSON object with an error member that is not null, false or "" are failures.
type HTTP struct {
	// New makes the request; use ctx for it. Required.
	New func(ctx context.Context, c *Call) (*http.Request, error)

	// Tokens says how many output tokens an SSE event, a line, or a body that is
	// read whole brings; name is the event's, data is valid during the call. It may
	// also tell c the text (see [Call.Text]) and what the server counted (see
	// [Call.Usage]). An error fails the request; an answer without any token is
	// empty. By default each event or line with data is one token, [DONE] excepted,
	// and a body that is read whole is not counted.
	Tokens func(c *Call, name string, data []byte) (int, error)

	// TextPath says where in an SSE event, an NDJSON line or a JSON body the text
	// of the answer stands, such as "choices.0.delta.content": members by name,
	// elements of arrays by number from 0 or * for any, joined by dots. An event
	// or line counts as one token if a string there is not empty, or a number is
	// there, or an object or array with anything in it; true, false, null and
	// nothing are no token. What has no text at all is empty. With a TextPath
	// every event with data, every line and every body must be JSON, [DONE]
	// excepted. It takes the place of Tokens.
	TextPath string

	// Last says whether an SSE event or a line is one that ends a stream; it is
	// asked for each, in order, those with an error excepted. A stream that ends
	// without one is truncated; by default any end of the body will do. With a Last
	// every body that is not SSE is read line by line, also one of lines that is
	// sent as application/json.
	Last func(name string, data []byte) bool

	// Client sends the requests. The default keeps one connection a user alive,
	// follows the environment's proxy settings and verifies certificates. Plain http
	// is read by the user's own goroutine then, which costs least and is stamped
	// soonest; the rest is net/http's.
	Client *http.Client
}

// String describes the target.
func (h HTTP) String() string { return "HTTP" }

func (h HTTP) validate() error {
	var errs []error
	if h.New == nil {
		errs = append(errs, errors.New("HTTP.New is nil: want a function that makes a request, such as one that calls http.NewRequestWithContext"))
	}
	if h.TextPath != "" && h.Tokens != nil {
		errs = append(errs, fmt.Errorf("HTTP.TextPath is %q and HTTP.Tokens is set: want one of them, since both say what a token is", h.TextPath))
	}
	if _, err := h.path(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// path is the TextPath, or nil for none.
func (h HTTP) path() (wire.Path, error) {
	if h.TextPath == "" {
		return nil, nil
	}
	path, err := wire.ParsePath(h.TextPath)
	if err != nil {
		return nil, fmt.Errorf(`HTTP.TextPath is %q: %w; want members and elements joined by dots, such as "choices.0.delta.content"`, h.TextPath, err)
	}
	return path, nil
}

func (h HTTP) virtual() error { return virtualClient("HTTP.Client", h.Client) }

func (h HTTP) closeIdle() { closeIdle(h.Client) }

// Send sends one request.
func (h HTTP) Send(ctx context.Context, c *Call) error {
	path, err := h.path()
	if err != nil {
		return err
	}
	req, err := h.New(ctx, c)
	if err != nil {
		return err
	}
	body := &httpBody{call: c, tokens: h.Tokens, path: path, last: h.Last, whole: c.body[:0]}
	defer func() { c.body = keptRoom(body.whole) }()
	return exchange(h.Client, req, c, body)
}

// An httpBody reads a body by what its headers say it is.
type httpBody struct {
	call   *Call
	tokens func(c *Call, name string, data []byte) (int, error)
	path   wire.Path // to the text; nil for none
	last   func(name string, data []byte) bool
	ended  bool // last has found what ends a stream
	kind   string
	status int
	size   int
	events wire.SSE
	lines  wire.NDJSON
	whole  []byte // in the call's room for it
}

func (b *httpBody) begin(resp *http.Response) error {
	b.kind, b.status = mediaType(resp), resp.StatusCode
	return nil
}

// isLines says whether the body is read line by line.
func (b *httpBody) isLines() bool {
	return b.kind != eventStream && (b.last != nil || isNDJSON(b.kind))
}

// counts says whether the target looks for tokens in a body that is read whole.
func (b *httpBody) counts() bool { return b.path != nil || b.tokens != nil }

// isJSON says whether a body that is read whole is to be JSON.
func (b *httpBody) isJSON() bool {
	return b.kind == "application/json" || b.kind == "text/json" || strings.HasSuffix(b.kind, "+json") || b.path != nil
}

func (b *httpBody) feed(data []byte) (err error) {
	b.size += len(data)
	switch {
	case b.kind == eventStream:
		return b.events.Feed(data, b.event)
	case b.isLines():
		return b.lines.Feed(data, b.line)
	case b.isJSON() || b.counts():
		b.whole, err = appendBounded(b.whole, data)
		return err
	default:
		return nil
	}
}

func (b *httpBody) event(e wire.Event) error {
	if e.Name == "error" {
		return wire.ParseError(e.Data)
	}
	b.look(e.Name, e.Data)
	if wire.IsDone(e.Data) || len(e.Data) == 0 && b.tokens == nil {
		return nil
	}
	return b.count(e.Name, e.Data)
}

func (b *httpBody) line(data []byte) error {
	if !wire.Valid(data) {
		return failf(FailMalformed, "a line of NDJSON is not JSON")
	}
	b.look("", data)
	return b.count("", data)
}

// look notes whether an event or a line ends the stream.
func (b *httpBody) look(name string, data []byte) {
	b.ended = b.ended || b.last != nil && b.last(name, data)
}

func (b *httpBody) count(name string, data []byte) error {
	if err := errorMember(data); err != nil {
		return err
	}
	n, err := b.find(name, data)
	if err != nil {
		return err
	}
	b.call.Tokens(n)
	return nil
}

// find says how many tokens data brings, and keeps its text where that is wanted.
func (b *httpBody) find(name string, data []byte) (n int, err error) {
	switch {
	case b.path != nil:
		var found bool
		if found, err = b.path.Find(data, b.call.text()); found {
			n = 1
		}
	case b.tokens != nil:
		n, err = b.tokens(b.call, name, data)
	default:
		n = 1
	}
	if err == nil {
		err = answerBounded(b.call)
	}
	return n, err
}

func (b *httpBody) end() error {
	switch {
	case b.kind == eventStream:
		if err := b.events.Close(b.event); err != nil {
			return err
		}
	case b.isLines():
		if err := b.lines.Close(b.line); err != nil {
			return err
		}
	default:
		return b.endWhole()
	}
	switch {
	case b.last != nil && !b.ended:
		return failf(FailTruncated, "the stream ended after %d chunks without what Last recognises", b.call.sample.Chunks)
	case b.call.sample.Chunks == 0:
		return failf(FailEmpty, "the stream ended without a token")
	}
	return nil
}

// endWhole judges a body that is no stream.
func (b *httpBody) endWhole() error {
	switch {
	case b.size == 0 && (b.status != http.StatusNoContent || b.counts()):
		return failf(FailEmpty, "the body is empty")
	case b.size == 0:
		return nil
	}
	valid, err := scanErrorMember(b.whole)
	switch {
	case b.isJSON() && !valid:
		return b.notJSON()
	case err != nil || !b.counts():
		return err
	}
	n, err := b.find("", b.whole)
	switch {
	case err != nil:
		return err
	case n > 0 && b.tokens != nil:
		b.call.sample.Tokens += int32(n) // at no time of their own
	case n <= 0 && b.tokens != nil:
		return failf(FailEmpty, "Tokens found no token in the body")
	case n <= 0:
		return failf(FailEmpty, "there is no text where TextPath leads")
	}
	return nil
}

// notJSON says what is wrong with a body that is to be JSON and is not.
func (b *httpBody) notJSON() error {
	if line, _, more := bytes.Cut(b.whole, []byte("\n")); more && wire.Valid(bytes.TrimSpace(line)) {
		return failf(FailMalformed, "the body is lines of JSON, and its Content-Type is %q: with an HTTP.Last it is read line by line", b.kind)
	}
	return failf(FailMalformed, "the body is to be JSON and is not")
}

// errorMember returns the error that a JSON object reports in a member of that
// name, or nil.
func errorMember(data []byte) error {
	_, err := scanErrorMember(data)
	return err
}

// scanErrorMember is errorMember, and says whether data is JSON.
func scanErrorMember(data []byte) (valid bool, err error) {
	s := wire.Scan(data)
	reported := false
	if s.Object() {
		for s.Member() {
			if string(s.Key()) == "error" {
				reported = reported || wire.IsError(s.Value())
			}
		}
	}
	valid = s.End() == nil
	if valid && reported {
		return valid, wire.ParseError(data)
	}
	return valid, nil
}
