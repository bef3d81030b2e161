package llmperf

import (
	"context"
	"errors"
	"net/http"

	"llmperf.dev/llmperf/internal/wire"
)

// HTTP is a target for any HTTP endpoint. A body of type text/event-stream is
// read as SSE and one of type application/x-ndjson or application/jsonl line by
// line; any other body is read whole, checked to be JSON if it says so, and has
// no token metrics.
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

	// Client sends the requests. The default keeps one connection a user alive,
	// follows the environment's proxy settings and verifies certificates.
	Client *http.Client
}

// String describes the target.
func (h HTTP) String() string { return "HTTP" }

func (h HTTP) validate() error {
	if h.New == nil {
		return errors.New("HTTP.New is nil: want a function that makes a request, such as one that calls http.NewRequestWithContext")
	}
	return nil
}

func (h HTTP) virtual() error { return virtualClient("HTTP.Client", h.Client) }

func (h HTTP) closeIdle() { closeIdle(h.Client) }

// Send sends one request.
func (h HTTP) Send(ctx context.Context, c *Call) error {
	req, err := h.New(ctx, c)
	if err != nil {
		return err
	}
	secret := req.Header.Get("Authorization")
	return redact(exchange(h.Client, req, c, &httpBody{call: c, tokens: h.Tokens}), secret)
}

// An httpBody reads a body by what its headers say it is.
type httpBody struct {
	call   *Call
	tokens func(name string, data []byte) (int, error)
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

func (b *httpBody) feed(data []byte) (err error) {
	b.size += len(data)
	switch b.kind {
	case "text/event-stream":
		return b.events.Feed(data, b.event)
	case "application/x-ndjson", "application/jsonl":
		return b.lines.Feed(data, b.line)
	case "application/json":
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

func (b *httpBody) end() error {
	switch b.kind {
	case "text/event-stream":
		if err := b.events.Close(b.event); err != nil {
			return err
		}
	case "application/x-ndjson", "application/jsonl":
		if err := b.lines.Close(b.line); err != nil {
			return err
		}
	case "application/json":
		if len(b.whole) > 0 && !wire.Valid(b.whole) {
			return failf(FailMalformed, "the body says it is JSON and is not")
		}
		if err := errorMember(b.whole); err != nil {
			return err
		}
		fallthrough
	default:
		if b.size == 0 && b.status != http.StatusNoContent {
			return failf(FailEmpty, "the body is empty")
		}
		return nil
	}
	if b.call.sample.Chunks == 0 {
		return failf(FailEmpty, "the stream ended without a token")
	}
	return nil
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
