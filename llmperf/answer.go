package llmperf

import (
	"net/http"
	"strconv"

	"llmperf.dev/llmperf/internal/wire"
)

// A dialect is how an API writes its answers.
type dialect struct {
	stream string // the media type of its streams
	part   func(name string, data []byte, c *wire.Chunk) error
	whole  func(data []byte, c *wire.Chunk) error

	doneEnds bool   // [DONE] ends its streams
	ending   string // what a stream lacks that was cut
	content  string // what an answer lacks that is empty
}

const eventStream = "text/event-stream"

// isNDJSON says whether a body of the media type is lines of JSON.
func isNDJSON(kind string) bool {
	switch kind {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/x-jsonlines", "application/stream+json":
		return true
	}
	return false
}

// reader returns what reads the answer to c, streamed or whole, and the media
// type that it wants.
func (d *dialect) reader(c *Call, streamed bool) (body bodyReader, accept string) {
	r := chunkReader{call: c, dialect: d, chunk: wire.Chunk{Text: c.text()}}
	if streamed {
		return &streamReader{chunkReader: r}, d.stream
	}
	return &wholeReader{chunkReader: r, body: c.body[:0]}, "application/json"
}

// text is where the text of the answer belongs; nil if it is not wanted.
func (c *Call) text() *[]byte {
	if c.keepText {
		return &c.answer
	}
	return nil
}

// A chunkReader accounts to a call for what chunks say.
type chunkReader struct {
	call     *Call
	dialect  *dialect
	chunk    wire.Chunk
	complete bool
	reasoned bool // reasoning was shown
}

// take accounts for the chunk that was parsed last.
func (r *chunkReader) take() error {
	if r.chunk.Error != nil {
		return r.chunk.Error
	}
	r.complete = r.complete || r.chunk.Complete
	r.reasoned = r.reasoned || r.chunk.Reasoning
	if r.chunk.HasUsage {
		r.call.Usage(r.chunk.Usage.Prompt, r.chunk.Usage.Cached, r.chunk.Usage.Completion)
		hidden := r.chunk.Usage.Reasoning
		if r.reasoned {
			hidden = 0
		}
		r.call.hide(hidden)
	}
	return answerBounded(r.call)
}

// answerBounded refuses an answer whose text, or the times of its tokens, would
// take all memory.
func answerBounded(c *Call) error {
	switch {
	case len(c.answer) > maxBody:
		return failf(FailMalformed, "the text of the answer is longer than %d MiB", maxBody>>20)
	case c.sample.Chunks >= maxChunks:
		return failf(FailMalformed, "the answer has %s chunks with tokens, and goes on: no answer is so long", count(maxChunks))
	}
	return nil
}

// A streamReader reads an answer that is streamed.
type streamReader struct {
	chunkReader
	events wire.SSE
	lines  wire.NDJSON
	done   bool // [DONE] came

	kind string // the Content-Type of what is no stream of the dialect
	body []byte // its body, in which the server may say why
}

func (s *streamReader) begin(resp *http.Response) error {
	kind := mediaType(resp)
	if kind != s.dialect.stream && !(isNDJSON(kind) && isNDJSON(s.dialect.stream)) {
		s.kind = strconv.Quote(kind)
	}
	return nil
}

func (s *streamReader) feed(b []byte) (err error) {
	switch {
	case s.kind != "":
		s.body, err = appendBounded(s.body, b)
		return err
	case s.dialect.stream == eventStream:
		return s.events.Feed(b, s.event)
	}
	return s.lines.Feed(b, s.line)
}

func (s *streamReader) event(e wire.Event) error {
	switch {
	case s.done:
		return nil
	case wire.IsDone(e.Data):
		s.done = true
		s.complete = s.complete || s.dialect.doneEnds
		return nil
	case e.Name == "ping":
		return nil
	case e.Name == "error":
		return wire.ParseError(e.Data)
	}
	return s.part(e.Name, e.Data)
}

func (s *streamReader) line(data []byte) error { return s.part("", data) }

func (s *streamReader) part(name string, data []byte) error {
	if err := s.dialect.part(name, data, &s.chunk); err != nil {
		return err
	}
	if s.chunk.Error == nil && s.chunk.Tokens() {
		s.call.Tokens(1)
	}
	return s.take()
}

func (s *streamReader) end() (err error) {
	switch {
	case s.kind != "":
		if err := errorMember(s.body); err != nil {
			return err
		}
		return failf(FailMalformed, "asked for a stream and got Content-Type %s instead of %s", s.kind, s.dialect.stream)
	case s.dialect.stream == eventStream:
		err = s.events.Close(s.event)
	default:
		err = s.lines.Close(s.line)
	}
	switch {
	case err != nil:
		return err
	case !s.complete:
		return failf(FailTruncated, "the stream ended after %d chunks %s", s.call.sample.Chunks, s.dialect.ending)
	case s.call.sample.Chunks == 0:
		return failf(FailEmpty, "the stream ended without %s", s.dialect.content)
	}
	return nil
}

// A wholeReader reads an answer that comes as a whole.
type wholeReader struct {
	chunkReader
	body []byte
}

func (w *wholeReader) begin(*http.Response) error { return nil }

func (w *wholeReader) feed(data []byte) (err error) {
	w.body, err = appendBounded(w.body, data)
	return err
}

func (w *wholeReader) end() error {
	w.call.body = keptRoom(w.body)
	if err := w.dialect.whole(w.body, &w.chunk); err != nil {
		return err
	}
	if err := w.take(); err != nil {
		return err
	}
	if !w.chunk.Tokens() {
		return failf(FailEmpty, "the answer has no %s", w.dialect.content)
	}
	return nil
}
