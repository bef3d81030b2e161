package llmperftest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const maxRequestBody = 16 << 20

type chatRequest struct {
	Model    string `json:"model"`
	Messages []struct {
		Content any `json:"content"`
	} `json:"messages"`
	MaxTokens           int  `json:"max_tokens"`
	MaxCompletionTokens int  `json:"max_completion_tokens"`
	Stream              bool `json:"stream"`
	StreamOptions       struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

// promptTokens counts a word as a token.
func (q *chatRequest) promptTokens() int {
	n := 0
	for _, m := range q.Messages {
		if text, ok := m.Content.(string); ok {
			n += len(strings.Fields(text))
		}
	}
	return max(1, n)
}

// An answer is one chat completion being given.
type answer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	request chatRequest
	record  *record
	fault   *Fault
	limit   bool // the answer ends at max_tokens

	head   string            // begins every event
	events [len(words)]event // a token's event, for each word
}

// An event is one event of a stream, as text and as a chunk of HTTP/1.1's
// chunked coding.
type event struct{ text, chunk []byte }

// chat answers POST /v1/chat/completions.
func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	rec := &record{Request: Request{Path: r.URL.Path, Arrived: time.Now()}}
	defer s.ledger.end(rec)
	a := &answer{w: w, control: http.NewResponseController(w), record: rec}
	// The whole body is read, so that the server notices when the client goes away.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBody))
	rec.Number = s.desk.number(&arrival{at: rec.Arrived, origin: r.Header.Get(OriginHeader), body: body})
	if err == nil {
		err = json.Unmarshal(body, &a.request)
	}
	if err != nil {
		a.refuse(http.StatusBadRequest, Refused, "invalid_request_error", "the body is not a chat completion request: "+err.Error())
		return
	}
	if len(a.request.Messages) == 0 {
		a.refuse(http.StatusBadRequest, Refused, "invalid_request_error", "messages is empty")
		return
	}
	rec.Model, rec.Stream, rec.PromptTokens = a.request.Model, a.request.Stream, a.request.promptTokens()

	if a.fault = s.faultFor(rec.Number); a.fault != nil {
		rec.Fault = a.fault.name
		if a.before(r) {
			return
		}
	}
	limit := a.request.MaxTokens
	if a.request.MaxCompletionTokens > 0 {
		limit = a.request.MaxCompletionTokens
	}
	seq := &sequence{ctx: r.Context(), number: rec.Number, prompt: rec.PromptTokens, limit: limit, whole: !a.request.Stream, more: make(chan struct{}, 1), result: make(chan error, 1)}
	s.engine.submit(seq)
	select {
	case err := <-seq.result:
		if err == errStopped {
			a.refuse(http.StatusServiceUnavailable, Cancelled, "server_error", err.Error())
			return
		}
		if err != nil {
			w.Header().Set("Retry-After", strconv.Itoa(int((s.engine.RetryAfter+time.Second-1)/time.Second)))
			a.refuse(s.engine.ShedStatus, Shed, "overloaded_error", err.Error())
			return
		}
	case <-r.Context().Done():
		rec.Outcome = Cancelled
		return
	}
	a.limit = limit > 0 && seq.output == limit
	if a.request.Stream {
		a.stream(r, seq)
	} else {
		a.whole(r, seq)
	}
}

// before lets a fault strike that comes before any token. It returns true if
// the request has ended with it.
func (a *answer) before(r *http.Request) bool {
	switch a.fault.kind {
	case faultStatus:
		a.refuse(a.fault.status, Faulted, "server_error", "fault on purpose")
	case faultReset:
		a.record.Outcome = Faulted
		panic(http.ErrAbortHandler)
	case faultHang:
		<-r.Context().Done()
		a.record.Outcome = Faulted
	case faultSlowHeaders:
		return !pause(r, a.fault.delay)
	default:
		return false
	}
	return true
}

// pause waits for d; it returns false if the client goes away.
func pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (a *answer) refuse(status int, outcome Outcome, kind, message string) {
	a.record.Status, a.record.Outcome = status, outcome
	writeError(a.w, status, kind, message)
}

func writeError(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": kind, "code": status}})
}

func (a *answer) finishReason() string {
	if a.limit {
		return "length"
	}
	return "stop"
}

func (a *answer) usage() string {
	return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":0}}`,
		a.record.PromptTokens, a.record.OutputTokens, a.record.PromptTokens+a.record.OutputTokens)
}

// words are what answers are made of.
var words = [...]string{" the", " quick", " brown", " fox", " jumps", " over", " a", " lazy", " dog", " and", " rests"}

// send writes text at once.
func (a *answer) send(text string) {
	io.WriteString(a.w, text)
	a.control.Flush()
}

// prepare renders the events of all words.
func (a *answer) prepare() {
	a.head = fmt.Sprintf(`data: {"id":"chatcmpl-%d","object":"chat.completion.chunk","created":0,"model":%q,`, a.record.Number, a.request.Model)
	const before, after = `"choices":[{"index":0,"delta":{"content":"`, `"},"finish_reason":null}]}` + "\n\n"
	for i, word := range words {
		size := len(a.head) + len(before) + len(word) + len(after)
		chunk := strconv.AppendInt(make([]byte, 0, size+16), int64(size), 16)
		chunk = append(chunk, "\r\n"...)
		chunk = append(append(append(append(chunk, a.head...), before...), word...), after...)
		text := chunk[len(chunk)-size:]
		a.events[i] = event{text: text, chunk: append(chunk, "\r\n"...)}
	}
}

// token writes the n-th token, 1-based.
func (a *answer) token(n int) {
	a.count()
	a.w.Write(a.events[(n-1)%len(words)].text)
	a.control.Flush()
}

// emit writes the n-th token to the connection itself. The response is known
// to be chunked and to have nothing buffered; the way through it would double
// what a token costs.
func (a *answer) emit(conn net.Conn, n int) {
	a.count()
	conn.Write(a.events[(n-1)%len(words)].chunk)
}

func (a *answer) count() {
	a.record.chunks = append(a.record.chunks, time.Since(a.record.Arrived))
	a.record.OutputTokens++
}

// stream answers with an event a token.
func (a *answer) stream(r *http.Request, seq *sequence) {
	a.w.Header().Set("Content-Type", "text/event-stream")
	a.w.Header().Set("Cache-Control", "no-cache")
	a.record.Status = http.StatusOK
	a.record.chunks = make([]time.Duration, 0, min(seq.output, 256))
	a.prepare()
	a.send(a.head + `"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n")
	if conn, ok := r.Context().Value(pushed{}).(net.Conn); ok && a.fault == nil {
		emit := func(n int) { a.emit(conn, n) }
		seq.emit.Store(&emit)
	}
	for n := range seq.each {
		if a.faultAt(r, n-1) {
			return
		}
		if a.fault == nil || a.fault.kind != faultEmpty {
			a.token(n)
		}
	}
	if seq.generated < seq.output {
		a.record.Outcome = Cancelled
		return
	}
	if a.faultAt(r, seq.output) {
		return
	}
	if a.fault != nil && a.fault.kind == faultNoTerminator {
		a.record.Outcome = Faulted
		return
	}
	end := a.head + `"choices":[{"index":0,"delta":{},"finish_reason":"` + a.finishReason() + `"}]}` + "\n\n"
	if a.request.StreamOptions.IncludeUsage {
		end += a.head + `"choices":[],"usage":` + a.usage() + "}\n\n"
	}
	a.send(end + "data: [DONE]\n\n")
	a.record.Outcome = Completed
}

// faultAt lets a fault strike that comes after the given number of tokens. It
// returns true if the answer has ended with it.
func (a *answer) faultAt(r *http.Request, tokens int) bool {
	if a.fault == nil || a.fault.after != tokens {
		return false
	}
	switch a.fault.kind {
	case faultCut:
		a.record.Outcome = Faulted
		panic(http.ErrAbortHandler)
	case faultErrorEvent:
		a.send("data: {\"error\":{\"message\":\"fault on purpose\",\"type\":\"server_error\",\"code\":500}}\n\n")
	case faultMalformed:
		a.send("data: {\"choices\":[{\"del\n\n")
	case faultStall:
		return !pause(r, a.fault.delay)
	default:
		return false
	}
	a.record.Outcome = Faulted
	return true
}

// whole answers with one body.
func (a *answer) whole(r *http.Request, seq *sequence) {
	for range seq.more {
	}
	if seq.generated < seq.output {
		a.record.Outcome = Cancelled
		return
	}
	var text strings.Builder
	for n := range seq.output {
		text.WriteString(words[n%len(words)])
	}
	content := text.String()
	a.record.OutputTokens = seq.output
	if a.fault != nil && a.fault.kind == faultEmpty {
		content, a.record.OutputTokens = "", 0
	}
	a.record.Status, a.record.Outcome = http.StatusOK, Completed
	a.w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(a.w, `{"id":"chatcmpl-%d","object":"chat.completion","created":0,"model":%q,"choices":[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":%q}],"usage":%s}`,
		a.record.Number, a.request.Model, content, a.finishReason(), a.usage())
}
