package llmperf

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"llmperf.dev/llmperf/internal/wire"
)

// HTTP is a target for any HTTP endpoint. A body of type text/event-stream is
// read as SSE and one of type application/x-ndjson, application/ndjson or
// application/jsonl line by line; any other body is read whole, checked to be
// JSON if it says so, and has no token metrics.
//
// An answer with a status of 400 or more, an SSE event named error, and a JSON
// object with an error member that is not null are failures.
type HTTP struct {
	// New makes the request; use ctx for it. Required.
	New func(ctx context.Context, c *Call) (*http.Request, error)

	// Tokens says how many output tokens an SSE event or NDJSON line brings; name
	// is the event's, data is valid during the call. An error fails the request.
	// By default each event or line with data is one token, [DONE] excepted.
	Tokens func(name string, data []byte) (int, error)

	// TextPath says where in an SSE event, an NDJSON line or a JSON body the text
	// of the answer stands, such as "choices.0.delta.content": members by name,
	// elements of arrays by number from 0 or * for any, joined by dots. An event
	// or line counts as one token if a string there is not empty, or a number is
	// there, or an object or array with anything in it; true, false, null and
	// nothing are no token. What has no text at all is empty. With a TextPath
	// every event, line and body must be JSON, [DONE] excepted. It takes the place
	// of Tokens.
	TextPath string

	// Client sends the requests. The default keeps one connection a user alive,
	// follows the environment's proxy settings and verifies certificates.
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
	header := req.Header
	secrets := []string{header.Get("Authorization"), header.Get(anthropicKey), header.Get("Api-Key")}
	return redact(exchange(h.Client, req, c, &httpBody{call: c, tokens: h.Tokens, path: path}), secrets...)
}

// An httpBody reads a body by what its headers say it is.
type httpBody struct {
	call   *Call
	tokens func(name string, data []byte) (int, error)
	path   wire.Path // to the text; nil for none
	kind   string
	status int
	size   int
	events wire.SSE
	lines  wire.NDJSON
	whole  []byte
}

func (b *httpBody) begin(resp *http.Response) error {
	b.kind, b.status = mediaType(resp), resp.StatusCode
	return nil
}

// isJSON says whether the body is to be JSON as a whole.
func (b *httpBody) isJSON() bool { return b.kind == "application/json" || b.path != nil }

func (b *httpBody) feed(data []byte) (err error) {
	b.size += len(data)
	switch {
	case b.kind == eventStream:
		return b.events.Feed(data, b.event)
	case isNDJSON(b.kind):
		return b.lines.Feed(data, b.line)
	case b.isJSON():
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
	if wire.IsDone(e.Data) {
		return nil
	}
	return b.count(e.Name, e.Data)
}

func (b *httpBody) line(data []byte) error {
	if !wire.Valid(data) {
		return failf(FailMalformed, "a line of NDJSON is not JSON")
	}
	return b.count("", data)
}

func (b *httpBody) count(name string, data []byte) error {
	if err := errorMember(data); err != nil {
		return err
	}
	if b.path != nil {
		found, err := b.find(data)
		if found {
			b.call.Tokens(1)
		}
		return err
	}
	n := 1
	if b.tokens != nil {
		var err error
		if n, err = b.tokens(name, data); err != nil {
			return err
		}
	}
	b.call.Tokens(n)
	return nil
}

// find says whether data has text, and keeps it where it is wanted.
func (b *httpBody) find(data []byte) (bool, error) {
	found, err := b.path.Find(data, b.call.text())
	if err == nil {
		err = answerBounded(b.call)
	}
	return found, err
}

func (b *httpBody) end() error {
	switch {
	case b.kind == eventStream:
		if err := b.events.Close(b.event); err != nil {
			return err
		}
	case isNDJSON(b.kind):
		if err := b.lines.Close(b.line); err != nil {
			return err
		}
	default:
		return b.endWhole()
	}
	if b.call.sample.Chunks == 0 {
		return failf(FailEmpty, "the stream ended without a token")
	}
	return nil
}

// endWhole judges a body that is no stream.
func (b *httpBody) endWhole() error {
	switch {
	case b.size == 0 && (b.status != http.StatusNoContent || b.path != nil):
		return failf(FailEmpty, "the body is empty")
	case b.size == 0 || !b.isJSON():
		return nil
	case !wire.Valid(b.whole):
		return failf(FailMalformed, "the body is to be JSON and is not")
	}
	if err := errorMember(b.whole); err != nil || b.path == nil {
		return err
	}
	found, err := b.find(b.whole)
	if err == nil && !found {
		return failf(FailEmpty, "there is no text where TextPath leads")
	}
	return err
}

// errorMember returns the error that a JSON object reports in a member of that
// name, or nil.
func errorMember(data []byte) error {
	s := wire.Scan(data)
	reported := false
	if s.Object() {
		for s.Member() {
			if string(s.Key()) == "error" {
				reported = !wire.IsNull(s.Value())
			}
		}
	}
	if s.End() == nil && reported {
		return wire.ParseError(data)
	}
	return nil
}
