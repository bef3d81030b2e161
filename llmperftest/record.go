package llmperftest

import (
	"slices"
	"sync"
	"time"
)

// A Request is the server's own record of one request: the truth that a
// client's measurements can be held against.
type Request struct {
	Number          int         // 0-based, in order of arrival
	Path            string      // such as /v1/chat/completions
	Model           string      // asked for
	Stream          bool        // whether the answer was to be streamed
	Origin          string      // which request to the service it was made for; "" if unknown
	Correlation     Correlation // how that is known
	PromptTokens    int         // as reported in usage
	CachedTokens    int         // of these, found in the prefix cache
	Arrived         time.Time   // all of the request's body was here
	Chunks          []Chunk     // of a streamed answer: the chunks with tokens
	Written         time.Time   // just before the last byte was written, of an error too, or the connection broken; zero if the client left first
	Ended           time.Time   // the handler was through with the answer
	OutputTokens    int         // written to the client, or in the answer as a whole
	ReasoningTokens int         // of these, the reasoning
	Status          int         // HTTP status; 0 if none was sent
	Outcome         Outcome
	Fault           string // the fault that hit it; "" for none
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
	Cancelled Outcome = "cancelled" // the client went away, perhaps before all of the request was here
	Faulted   Outcome = "faulted"   // a fault ended it
	Refused   Outcome = "refused"   // the request itself was wrong, or its path
)

// A Correlation says how it is known which request to the service a request was
// made for.
type Correlation string

// The ways to know.
const (
	ByHeader Correlation = "header" // by OriginHeader
	// ByPrompt is by the first marker such as [llmperf 3-14-0badcafe] in the body.
	// In a conversation that is sent as a whole, it names the first request of it.
	ByPrompt Correlation = "prompt"
	// Unknown is that of a request with neither. Its origin is what the header
	// says, if it is there at all.
	Unknown Correlation = ""
)

// A record is a Request being written.
type record struct {
	Request
	pace   pace
	chunks []time.Duration // when each chunk with a token was written, since Arrived
}

// request returns the record as it is told.
func (r *record) request() Request {
	out := r.Request
	out.ReasoningTokens = min(out.OutputTokens, r.pace.reasoning)
	tokens := 0
	for _, at := range r.chunks {
		next := r.pace.after(tokens)
		out.Chunks = append(out.Chunks, Chunk{At: r.Arrived.Add(at), Tokens: next - tokens})
		tokens = next
	}
	return out
}

// ends are when the first and the last chunk with a token were written; zero if
// there were none.
func (r *record) ends() (first, last time.Time) {
	n := len(r.chunks)
	if n == 0 {
		return first, last
	}
	return r.Arrived.Add(r.chunks[0]), r.Arrived.Add(r.chunks[n-1])
}

// A ledger holds the records of all requests.
type ledger struct {
	mu  sync.Mutex
	all []*record
}

func (l *ledger) begin(r *record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, r)
}

// write takes down that the last of an answer is about to be written. Whoever
// has seen that finds it in the ledger.
func (l *ledger) write(r *record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Written = time.Now()
}

func (l *ledger) end(r *record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Ended = time.Now()
}

// requests returns the ended requests by number.
func (l *ledger) requests() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Request
	for _, r := range l.all {
		if !r.Ended.IsZero() {
			all = append(all, r.request())
		}
	}
	slices.SortFunc(all, func(a, b Request) int { return a.Number - b.Number })
	return all
}

// A call is what the ledger says of a request, answered or not.
type call struct {
	number                      int
	origin                      string
	correlation                 Correlation
	arrived, first, last, ended time.Time
}

// calls returns the requests that arrived from since on, by number, their
// handlers through or not.
func (l *ledger) calls(since time.Time) []call {
	all := l.callsSince(since)
	slices.SortFunc(all, func(a, b call) int { return a.number - b.number })
	return all
}

func (l *ledger) callsSince(since time.Time) (all []call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.all {
		if r.Arrived.Before(since) {
			continue
		}
		c := call{number: r.Number, origin: r.Origin, correlation: r.Correlation, arrived: r.Arrived, ended: r.Written}
		if c.ended.IsZero() {
			c.ended = r.Ended
		}
		if !c.ended.IsZero() { // until then its chunks belong to whoever writes them
			c.first, c.last = r.ends()
		}
		all = append(all, c)
	}
	return all
}
