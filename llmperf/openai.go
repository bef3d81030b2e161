package llmperf

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"llmperf.dev/llmperf/internal/wire"
)

// OpenAI is a target that speaks the OpenAI chat completions API, as most
// servers and many services do. It streams unless told otherwise.
//
// The first token is the first chunk with content, reasoning, a tool call or a
// refusal; a chunk counts as one token, and the server's own count, where it
// sends one, replaces the sum. A stream must end with [DONE] or after a finish
// reason, else it is truncated; a complete answer without any token is empty.
type OpenAI struct {
	BaseURL string // up to and without /chat/completions, such as "http://localhost:8080/v1"; required
	Model   string // required
	APIKey  string // sent as a bearer token; no log, report or error shows it

	Prompts   Prompts // what is asked; by default one of a few general questions
	MaxTokens int     // limit of output tokens; 0 leaves it to the server
	NoStream  bool    // ask for the whole answer at once; then there is no TTFT, ITL, ICL and TPOT

	// Client sends the requests. The default keeps one connection a user alive,
	// follows the environment's proxy settings and verifies certificates.
	Client *http.Client
}

// String describes the target without its key.
func (o OpenAI) String() string { return fmt.Sprintf("OpenAI %s at %s", o.Model, safeURL(o.BaseURL)) }

// GoString is String, so that %#v does not show the key either.
func (o OpenAI) GoString() string { return o.String() }

func (o OpenAI) validate() error {
	var errs []error
	if err := validateURL("OpenAI.BaseURL", o.BaseURL); err != nil {
		errs = append(errs, err)
	} else if strings.HasSuffix(strings.TrimRight(o.BaseURL, "/"), "/chat/completions") {
		errs = append(errs, fmt.Errorf("OpenAI.BaseURL is %q: leave out /chat/completions, which is added", safeURL(o.BaseURL)))
	}
	if o.Model == "" {
		errs = append(errs, errors.New(`OpenAI.Model is empty: want the model to ask for; any name, such as "any", if the server has but one`))
	}
	if o.MaxTokens < 0 {
		errs = append(errs, fmt.Errorf("OpenAI.MaxTokens is %d: want a limit of output tokens, or 0 for none", o.MaxTokens))
	}
	if v, ok := o.Prompts.(validator); ok {
		if err := v.validate(); err != nil {
			errs = append(errs, fmt.Errorf("OpenAI.Prompts: %w", err))
		}
	}
	return errors.Join(errs...)
}

// reports says which metrics the target can measure.
func (o OpenAI) reports(m Metric) bool { return !o.NoStream || m == Latency || m == TTFB }

func (o OpenAI) virtual() error { return virtualClient("OpenAI.Client", o.Client) }

func (o OpenAI) closeIdle() { closeIdle(o.Client) }

type chatRequest struct {
	Model         string         `json:"model"`
	Messages      []Message      `json:"messages"`
	MaxTokens     int            `json:"max_tokens,omitempty"`
	Stream        bool           `json:"stream,omitempty"`
	StreamOptions *streamOptions `json:"stream_options,omitempty"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// Send asks for one chat completion.
func (o OpenAI) Send(ctx context.Context, c *Call) error {
	messages, limit, err := c.ask(o.Prompts, o.MaxTokens)
	if err != nil {
		return err
	}
	ask := chatRequest{Model: o.Model, Messages: messages, MaxTokens: limit}
	if !o.NoStream {
		ask.Stream, ask.StreamOptions = true, &streamOptions{IncludeUsage: true}
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(o.BaseURL, "/")+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if o.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+o.APIKey)
	}
	if o.NoStream {
		req.Header.Set("Accept", "application/json")
		err = exchange(o.Client, req, c, &chatBody{call: c})
	} else {
		req.Header.Set("Accept", "text/event-stream")
		err = exchange(o.Client, req, c, &chatStream{call: c})
	}
	return redact(err, o.APIKey)
}

// A chatStream reads a streamed chat completion.
type chatStream struct {
	call     *Call
	parser   wire.SSE
	chunk    wire.ChatChunk
	finished bool // a finish reason came
	done     bool // [DONE] came

	kind  string // the Content-Type of what is no stream
	whole []byte // its body, in which the server may say why
}

func (s *chatStream) begin(resp *http.Response) error {
	if kind := mediaType(resp); kind != "text/event-stream" {
		s.kind = strconv.Quote(kind)
	}
	return nil
}

func (s *chatStream) feed(b []byte) (err error) {
	if s.kind != "" {
		s.whole, err = appendBounded(s.whole, b)
		return err
	}
	return s.parser.Feed(b, s.event)
}

func (s *chatStream) event(e wire.Event) error {
	switch {
	case s.done:
		return nil
	case wire.IsDone(e.Data):
		s.done = true
		return nil
	case e.Name == "error":
		return wire.ParseError(e.Data)
	}
	if err := wire.ParseChatChunk(e.Data, &s.chunk); err != nil {
		return err
	}
	if s.chunk.Error != nil {
		return s.chunk.Error
	}
	if s.chunk.Tokens() {
		s.call.Tokens(1)
	}
	s.finished = s.finished || s.chunk.Finish != ""
	if s.chunk.HasUsage {
		s.call.Usage(s.chunk.Usage.Prompt, s.chunk.Usage.Cached, s.chunk.Usage.Completion)
	}
	return nil
}

func (s *chatStream) end() error {
	if s.kind != "" {
		if err := errorMember(s.whole); err != nil {
			return err
		}
		return failf(FailMalformed, "asked for a stream and got Content-Type %s instead of text/event-stream", s.kind)
	}
	if err := s.parser.Close(s.event); err != nil {
		return err
	}
	if !s.done && !s.finished {
		return failf(FailTruncated, "the stream ended after %d chunks with neither a finish reason nor [DONE]", s.call.sample.Chunks)
	}
	if s.call.sample.Chunks == 0 {
		return failf(FailEmpty, "the stream ended without content")
	}
	return nil
}

// A chatBody reads a chat completion that comes as a whole.
type chatBody struct {
	call *Call
	body []byte
}

func (b *chatBody) begin(*http.Response) error { return nil }

func (b *chatBody) feed(data []byte) (err error) {
	b.body, err = appendBounded(b.body, data)
	return err
}

func (b *chatBody) end() error {
	var answer wire.ChatChunk
	if err := wire.ParseChatCompletion(b.body, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return answer.Error
	}
	if !answer.Tokens() {
		return failf(FailEmpty, "the completion has no content")
	}
	if answer.HasUsage {
		b.call.Usage(answer.Usage.Prompt, answer.Usage.Cached, answer.Usage.Completion)
	}
	return nil
}

func validateURL(field, raw string) error {
	if raw == "" {
		return fmt.Errorf(`%s is empty: want a URL such as "http://localhost:8080/v1"`, field)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf(`%s is %q: want a URL with scheme and host, such as "http://localhost:8080/v1"`, field, safeURL(raw))
	}
	return nil
}

// safeURL is a URL without user, password and query, which may be secret.
func safeURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	text := u.String()
	if u.Host == "" {
		text = text[strings.LastIndex(text, "@")+1:] // without a scheme, a password is not seen as one
	}
	return text
}
