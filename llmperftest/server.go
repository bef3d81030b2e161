// Package llmperftest is a fake LLM server for tests. It speaks the OpenAI chat
// completions API, streaming and not, and answers at the pace of a
// continuous-batching inference engine: latency grows with load, waits for a
// place in the batch, and is shed beyond a limit, as it is with a real model.
// The words of its answers mean nothing.
//
//	llm := llmperftest.NewServer(t, llmperftest.Engine{MaxBatch: 32})
//	svc := llmperftest.Serve(t, chat.NewHandler(llm.URL, llm.Client()))
//
// The server records when it wrote every chunk, so that a client's measurements
// can be compared with the truth, and goes wrong on purpose when told to.
//
// In a testing/synctest bubble, servers listen in memory and all of this takes
// virtual time: see [Option]. There, requests are taken, and steps of the engine
// end, at instants at which nobody else acts, so that runs repeat.
//
// It models waiting, not work: there are no prefix caches, no speculative
// decoding and no chunked prefill, and a prompt token is a word.
package llmperftest

import (
	"net/http"
	"sync"
	"testing"
)

// A Server is a fake LLM server.
type Server struct {
	URL string // without a slash at its end; the API is at URL + "/v1"

	engine *engine
	desk   desk
	ledger ledger
	client *http.Client

	mu     sync.Mutex
	faults []Fault
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
	s := &Server{engine: newEngine(e), desk: desk{virtual: inBubble()}}
	t.Cleanup(s.engine.close)
	s.URL, s.client = start(t, s.handler(), opts)
	return s
}

// Client is a client for the server: a connection for every user, kept alive,
// and no proxy.
func (s *Server) Client() *http.Client { return s.client }

// Requests is the record of every request that has ended, in order of arrival.
func (s *Server) Requests() []Request { return s.ledger.requests() }

// Fail makes the server go wrong from now on, in place of what it was told
// before. The first fault that strikes a request is the one it gets.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults
}

func (s *Server) faultFor(number int) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		if s.faults[i].strikes(number, i, s.engine.Seed) {
			return &s.faults[i]
		}
	}
	return nil
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.chat)
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"object":"list","data":[{"id":"fake","object":"model","created":0,"owned_by":"llmperftest"}]}`))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotFound, "not_found_error", "no such endpoint: "+r.Method+" "+r.URL.Path)
	})
	return mux
}
