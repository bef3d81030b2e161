package llmperftest

import (
	"slices"
	"sync"
	"time"
)

// A Request is the server's own record of one request: the truth that a
// client's measurements can be held against.
type Request struct {
	Number       int       // 0-based, in order of arrival
	Path         string    // /v1/chat/completions
	Model        string    // asked for
	Stream       bool      // whether the answer was to be streamed
	PromptTokens int       // as reported in usage
	Arrived      time.Time // the request's body was read
	Chunks       []Chunk   // of a streamed answer: the chunks with tokens
	Ended        time.Time // the handler was through with the answer
	OutputTokens int       // written to the client, or in the answer as a whole
	Status       int       // HTTP status; 0 if none was sent
	Outcome      Outcome
	Fault        string // the fault that hit it; "" for none
}

// A Chunk is one chunk of a streamed answer.
type Chunk struct {
	At     time.Time // just before it was written
	Tokens int
}

// An Outcome says how a request ended on the server's side.
type Outcome string

// The outcomes of requests.
const (
	Completed Outcome = "completed" // the whole answer was written
	Shed      Outcome = "shed"      // the waiting queue was full
	Cancelled Outcome = "cancelled" // the client went away
	Faulted   Outcome = "faulted"   // a fault ended it
	Refused   Outcome = "refused"   // the request itself was wrong
)

// A record is a Request being written.
type record struct {
	Request
	chunks []time.Duration // when each chunk with a token was written, since Arrived
}

// request returns the record as it is told.
func (r *record) request() Request {
	out := r.Request
	for _, at := range r.chunks {
		out.Chunks = append(out.Chunks, Chunk{At: r.Arrived.Add(at), Tokens: 1})
	}
	return out
}

// A ledger holds all records of requests that have ended.
type ledger struct {
	mu    sync.Mutex
	ended []*record
}

func (l *ledger) end(r *record) {
	r.Ended = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = append(l.ended, r)
}

// requests returns the ended requests by number.
func (l *ledger) requests() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Request, len(l.ended))
	for i, r := range l.ended {
		all[i] = r.request()
	}
	slices.SortFunc(all, func(a, b Request) int { return a.Number - b.Number })
	return all
}
