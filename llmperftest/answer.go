package llmperftest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const maxRequestBody = 32 << 20

// An answer is one request being answered, in any dialect.
type answer struct {
	server  *Server
	w       http.ResponseWriter
	control *http.ResponseController
	dialect dialect
	ask     ask
	record  *record
	fault   *Fault
	struck  bool // the fault has
	seq     *sequence

	streamer  streamer
	misframes bool              // a fault breaks the next event
	chunk     int               // tokens of an event that was made beforehand; 0 if none is
	turnAt    int               // tokens after which the reasoning is over; -1 if there is none
	skip      int               // tokens of reasoning before those that are being written
	frame     frame             // of the events of tokens
	events    [len(words)]event // that begin with each word
	scratch   []byte            // for events that are made one by one
	serial    int               // the number of the next event, where they are numbered
}

// An event is one event of a stream, as text and as a chunk of HTTP/1.1's
// chunked coding.
type event struct{ text, chunk []byte }

// answer handles the requests of one endpoint.
func (s *Server) answer(speak func(*http.Request) dialect) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// The whole body is read, so that the server notices when the client goes away.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBody))
		rec := &record{Request: Request{Path: r.URL.Path, Arrived: time.Now()}}
		a := &answer{server: s, w: w, control: http.NewResponseController(w), dialect: speak(r), record: rec}
		origin := r.Header.Get(OriginHeader)
		rec.Number = s.desk.number(&arrival{at: rec.Arrived, origin: origin, path: rec.Path, body: body})
		rec.Origin, rec.Correlation = correlate(origin, body)
		s.ledger.begin(rec)
		defer s.ledger.end(rec)
		if header := a.dialect.idHeader(); header != "" {
			w.Header().Set(header, requestID(rec.Number))
		}
		if err != nil {
			a.unread(err)
			return
		}
		if a.ask, err = a.dialect.parse(body); err != nil {
			a.refuse(Refused, asAPIError(err))
			return
		}
		rec.Model, rec.Stream = a.ask.model, a.ask.stream
		if a.ask.reply != "" {
			a.reply(http.StatusOK, Completed, a.ask.reply)
			return
		}
		rec.PromptTokens = a.ask.promptTokens()
		a.seq = &sequence{
			ctx: r.Context(), number: rec.Number, prompt: rec.PromptTokens, limit: a.ask.limit,
			plain: a.ask.plain, embedding: a.ask.embedding, whole: !a.ask.stream,
			more: make(chan struct{}, 1), result: make(chan error, 1),
		}
		a.seq.pace = s.engine.draw(a.seq)
		if a.fault = s.faultFor(rec.Request, a.seq.pace); a.fault != nil && a.before(r) {
			return
		}
		a.give(r)
	}
}

// requestID is how an API names a request, in its answer's header and in errors.
func requestID(number int) string { return "req_" + strconv.Itoa(number) }

// unread ends a request whose body could not be read: one that is too large is
// refused, and the client of any other has left.
func (a *answer) unread(err error) {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		a.refuse(Refused, apiError{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the body is larger than %d bytes", large.Limit)})
		return
	}
	a.record.Outcome = Cancelled
	panic(http.ErrAbortHandler) // else net/http answers
}

// unmarshal decodes a request's body.
func unmarshal(body []byte, what string, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return errors.New("the body is not " + what + ": " + err.Error())
	}
	return nil
}

// give lets the engine answer.
func (a *answer) give(r *http.Request) {
	e := a.server.engine
	if e.PrefixCache && !a.ask.embedding {
		a.seq.prefixes = a.ask.prefixes()
	}
	e.submit(a.seq)
	select {
	case err := <-a.seq.result:
		if err == errStopped {
			a.refuse(Cancelled, apiError{status: http.StatusServiceUnavailable, message: err.Error()})
			return
		}
		if err == errTooLong {
			a.refuse(Refused, apiError{
				status: http.StatusBadRequest, code: "context_length_exceeded",
				message: fmt.Sprintf("the prompt has %d tokens and the answer %d: the context holds %d", a.seq.prompt, a.seq.output, e.KVTokens),
			})
			return
		}
		if err != nil {
			status := e.ShedStatus
			if status == 0 {
				status = a.dialect.shed()
			}
			a.w.Header().Set("Retry-After", seconds(e.RetryAfter))
			a.refuse(Shed, apiError{status: status, message: err.Error()})
			return
		}
	case <-r.Context().Done():
		a.record.Outcome = Cancelled
		return
	}
	a.record.pace, a.record.CachedTokens = a.seq.pace, a.seq.cached
	if a.strikesAs(faultSlowHeaders) && !a.pause(r) {
		return
	}
	if a.ask.stream {
		a.stream(r)
	} else {
		a.whole(r)
	}
}

// seconds is a time in whole seconds, rounded up.
func seconds(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}

// refuse answers with an error.
func (a *answer) refuse(outcome Outcome, e apiError) {
	a.reply(e.status, outcome, a.dialect.refusal(a.record.Number, e))
}

// reply answers with a body of JSON.
func (a *answer) reply(status int, outcome Outcome, body string) {
	a.record.Status, a.record.Outcome = status, outcome
	a.last()
	writeJSON(a.w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// last takes down that what is written now is the last.
func (a *answer) last() { a.server.ledger.write(a.record) }

// limited says that the answer ends at its limit of tokens.
func (a *answer) limited() bool { return a.ask.limit > 0 && a.seq.output == a.ask.limit }

// reasoned is how many tokens of reasoning were written.
func (a *answer) reasoned() int { return min(a.record.OutputTokens, a.seq.reasoning) }

// answering says that what is written, or comes next, belongs to the answer
// itself rather than to the reasoning before it.
func (a *answer) answering() bool {
	return a.seq.reasoning == 0 || a.record.OutputTokens > a.seq.reasoning
}

// reasoning is what was written of it.
func (a *answer) reasoning() string { return said(0, a.reasoned()) }

// text is what was written of the answer itself.
func (a *answer) text() string { return said(0, a.record.OutputTokens-a.reasoned()) }

// words are what answers are made of.
var words = [...]string{" the", " quick", " brown", " fox", " jumps", " over", " a", " lazy", " dog", " and", " rests"}

// said is the text of so many tokens after the first from.
func said(from, tokens int) string {
	if tokens == 1 {
		return words[from%len(words)]
	}
	var text strings.Builder
	for n := range tokens {
		text.WriteString(words[(from+n)%len(words)])
	}
	return text.String()
}

// send writes text at once.
func (a *answer) send(text string) {
	io.WriteString(a.w, text)
	a.control.Flush()
}

// prepare renders the events that can be made beforehand: those of a whole
// chunk, from each word on, unless events are numbered.
func (a *answer) prepare(reasoning bool) {
	a.frame = a.streamer.frame(a, reasoning)
	if a.frame.end != "" {
		return
	}
	a.chunk = a.seq.chunk
	for i := range words {
		text := said(i, a.seq.chunk)
		a.events[i], _ = a.render(make([]byte, 0, room+len(a.frame.before)+len(text)+len(a.frame.after)+2), "", text)
	}
}

// room is left before an event for the size of its chunk.
const room = 18

// render makes an event, in memory that it returns to be used again.
func (a *answer) render(memory []byte, turn, text string) (event, []byte) {
	var left [room]byte
	b := append(append(memory[:0], left[:]...), turn...)
	b = append(append(append(b, a.frame.before...), text...), a.frame.after...)
	if a.frame.end != "" {
		b = append(strconv.AppendInt(b, int64(a.serial), 10), a.frame.end...)
		a.serial++
	}
	end := len(b)
	b = append(b, "\r\n"...)
	size := append(strconv.AppendInt(left[:0], int64(end-room), 16), "\r\n"...)
	start := room - len(size)
	copy(b[start:], size)
	return event{text: b[room:end], chunk: b[start:]}, b
}

// next is the event that brings the tokens after those written, up to the n-th.
func (a *answer) next(n int) event {
	from, turn := a.record.OutputTokens, ""
	a.record.chunks = append(a.record.chunks, time.Since(a.record.Arrived))
	if from != a.turnAt {
		a.record.OutputTokens = n
		if n-from == a.chunk {
			return a.events[(from-a.skip)%len(words)]
		}
	} else {
		a.skip = from
		turn = a.streamer.turn(a)
		a.prepare(false)
		a.record.OutputTokens = n
	}
	var e event
	e, a.scratch = a.render(a.scratch, turn, said(from-a.skip, n-from))
	return e
}

// tokens writes the tokens up to the n-th.
func (a *answer) tokens(n int) {
	for a.record.OutputTokens < n {
		text := a.next(a.seq.after(a.record.OutputTokens)).text
		if a.misframes {
			text = a.misframe(text, bytes.LastIndex(text, dataField))
		}
		a.w.Write(text)
	}
	a.control.Flush()
}

// emit writes the tokens up to the n-th to the connection itself. The response
// is known to be chunked and to have nothing buffered; the way through it would
// double what a token costs.
func (a *answer) emit(conn net.Conn, n int) { conn.Write(a.next(n).chunk) }

// stream answers with an event a chunk.
func (a *answer) stream(r *http.Request) {
	a.streamer = a.dialect.(streamer)
	a.w.Header().Set("Content-Type", a.streamer.mediaType())
	a.w.Header().Set("Cache-Control", "no-cache")
	a.record.chunks = make([]time.Duration, 0, min(a.seq.output, 256))
	a.strikesAs(faultEmpty) // before what comes first, which is empty too
	begin := a.streamer.begin(a)
	a.turnAt = -1
	if a.seq.reasoning > 0 {
		a.turnAt = a.seq.reasoning
	}
	a.prepare(a.seq.reasoning > 0)
	buffered := a.strikesAs(faultBuffered)
	if !buffered {
		a.record.Status = http.StatusOK
		a.send(begin)
	}
	if conn, ok := r.Context().Value(pushed{}).(net.Conn); ok && a.fault == nil {
		emit := func(n int) { a.emit(conn, n) }
		a.seq.emit.Store(&emit)
	}
	for n := range a.seq.each {
		if a.within(r) {
			return
		}
		if !a.holds(n) {
			a.tokens(n)
		}
	}
	if !a.seq.complete {
		a.record.Outcome = Cancelled
		return
	}
	if a.within(r) {
		return
	}
	if buffered {
		a.record.Status = http.StatusOK
		io.WriteString(a.w, begin)
		a.tokens(a.seq.output)
	}
	a.finish()
}

// finish writes the end of a stream.
func (a *answer) finish() {
	a.record.Outcome = Completed
	if a.strikesAs(faultNoTerminator) {
		a.record.Outcome = Faulted
		a.last()
		return
	}
	end := a.streamer.end(a)
	if a.strikesAs(faultTwoTerminators) {
		end += end
	}
	if a.misframes {
		end = string(a.misframe([]byte(end), strings.Index(end, string(dataField))))
	}
	a.last()
	a.send(end)
}

// whole answers with one body.
func (a *answer) whole(r *http.Request) {
	for range a.seq.more {
	}
	if !a.seq.complete {
		a.record.Outcome = Cancelled
		return
	}
	if !a.strikesAs(faultEmpty) {
		a.record.OutputTokens = a.seq.output
	}
	body := a.dialect.whole(a)
	if a.fault != nil && a.instead(r, body) {
		return
	}
	a.reply(http.StatusOK, Completed, body)
}
