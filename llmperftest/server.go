// Package llmperftest is a fake LLM server for tests. It answers at the pace of a
// continuous-batching inference engine: latency grows with load, waits for a
// place in the batch, and is shed beyond a limit, as it is with a real model.
// The words of its answers mean nothing.
//
//	llm := llmperftest.NewServer(t, llmperftest.Engine{MaxBatch: 32})
//	svc := llmperftest.Serve(t, chat.NewHandler(chat.Config{Upstream: llm.URL + "/v1", Client: llm.Client(), Limit: 32}))
//
// It speaks these APIs, each with its own errors, defaults and usage:
//
//   - OpenAI: POST /v1/chat/completions, /v1/responses, /v1/completions and
//     /v1/embeddings, GET /v1/models
//   - Anthropic: POST /v1/messages, GET /v1/models
//   - Ollama: POST /api/chat and /api/generate, GET /api/tags
//
// All but embeddings stream on request, and Ollama's unless told otherwise. Keys
// are not looked at, and any model is there. Embeddings take the time that their
// input takes to be read. An engine that reasons does so unless a request turns
// it off, by Anthropic's "thinking":{"type":"disabled"} or Ollama's "think":false.
// Without max_tokens, /v1/completions ends at 16 tokens, as OpenAI's does. A
// request to Ollama without a prompt loads the model: it is answered at once, and
// no fault strikes it.
//
// Of a request, the model, the text of the prompt, the limit of output tokens and
// what concerns streams and embeddings count. The rest is ignored, such as n,
// stop, tools, formats and what concerns sampling.
//
// The server records when it wrote every chunk, so that a client's measurements
// can be compared with the truth, and goes wrong on purpose when told to: see
// [Fault].
//
// In a testing/synctest bubble, servers listen in memory and all of this takes
// virtual time: see [Option]. There, requests are taken, and steps of the engine
// end, at instants at which nobody else acts, so that runs repeat.
//
// It models waiting, not work: there is no chunked prefill, and a prompt token
// is a word of any text that is part of the prompt.
package llmperftest

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// A Server is a fake LLM server.
type Server struct {
	// URL is the server's, without a slash at its end. The APIs of OpenAI are at
	// URL + "/v1"; clients of Anthropic and Ollama want URL itself.
	URL string

	t      testing.TB
	engine *engine
	desk   desk
	ledger ledger
	client *http.Client

	mu     sync.Mutex
	faults []Fault
	failed int // the number of the first request that they may strike
}

// NewServer starts a server that answers at the engine's pace: in memory if the
// test runs in a testing/synctest bubble, else on loopback (see [Option]). It
// ends with the test. An engine that cannot be is fatal.
func NewServer(t testing.TB, e Engine, opts ...Option) *Server {
	t.Helper()
	e = e.withDefaults()
	if err := e.validate(); err != nil {
		t.Fatalf("llmperftest: %v", err)
	}
	s := &Server{t: t, engine: newEngine(e), desk: desk{virtual: inBubble()}}
	t.Cleanup(s.engine.close)
	s.URL, s.client = start(t, s.handler(), opts)
	return s
}

// Client is a client for the server: a connection for every user, kept alive,
// and no proxy.
func (s *Server) Client() *http.Client { return s.client }

// Requests is the record of every request that has ended, in order of arrival.
func (s *Server) Requests() []Request { return s.ledger.requests() }

// EachCall yields every request that arrived from since on, in order of arrival:
// for which request to the service it was made and how that is known (see
// [Correlation]); when it arrived; when its first and last chunk with a token were
// written, zero for an answer that was not streamed; and when it ended, with the
// last byte of the answer, with a broken connection, or when the client was found
// to have left. An answer that is not at its end yet has but its arrival. Whoever
// has seen the end of an answer finds it here, though its handler may not have
// returned.
func (s *Server) EachCall(since time.Time, yield func(origin, correlation string, arrived, firstToken, lastToken, ended time.Time)) {
	for _, c := range s.ledger.calls(since) {
		yield(c.origin, string(c.correlation), c.arrived, c.first, c.last, c.ended)
	}
}

// Fail makes the server go wrong from now on, in place of what it was told
// before: the next request to arrive is the first that may be struck, and the
// one that [Fault.First], [Fault.Every] and [Fault.On] count from. The first
// fault that fits a request and strikes it is the one it gets. A fault that
// cannot be is fatal.
func (s *Server) Fail(faults ...Fault) {
	s.t.Helper()
	for _, f := range faults {
		if err := f.validate(); err != nil {
			s.t.Fatalf("llmperftest: %v", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.failed = slices.Clone(faults), s.desk.upcoming()
}

// faultFor returns the fault that strikes a request, or nil.
func (s *Server) faultFor(r Request, p pace) *Fault {
	s.mu.Lock()
	faults, nth := s.faults, r.Number-s.failed
	s.mu.Unlock()
	if nth < 0 {
		return nil
	}
	for i := range faults {
		if faults[i].fits(r.Stream, p) && faults[i].strikes(r, nth, i, s.engine.Seed) {
			return &faults[i]
		}
	}
	return nil
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.answer(func(*http.Request) dialect { return new(chat) }))
	mux.HandleFunc("POST /v1/responses", s.answer(func(*http.Request) dialect { return new(response) }))
	mux.HandleFunc("POST /v1/completions", s.answer(func(*http.Request) dialect { return new(completion) }))
	mux.HandleFunc("POST /v1/embeddings", s.answer(func(*http.Request) dialect { return new(embedding) }))
	mux.HandleFunc("POST /v1/messages", s.answer(func(*http.Request) dialect { return new(message) }))
	mux.HandleFunc("POST /api/chat", s.answer(func(*http.Request) dialect { return new(ollama) }))
	mux.HandleFunc("POST /api/generate", s.answer(func(*http.Request) dialect { return &ollama{generate: true} }))
	mux.HandleFunc("GET /v1/models", models)
	mux.HandleFunc("GET /api/tags", tags)
	mux.HandleFunc("/", s.answer(elsewhere))
	return mux
}
