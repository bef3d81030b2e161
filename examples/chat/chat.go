// Package chat is a small chat service in front of an OpenAI-compatible model:
// the kind of service that llmperf tests. It puts its own instructions before
// the user's messages, limits how many requests are at the model at once and
// how long one may take, and turns the model's errors into its own.
package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// A Config says how the service treats its model.
type Config struct {
	Upstream string        // base URL of the model, with /v1
	Client   *http.Client  // to reach it with
	Model    string        // the model's name
	Limit    int           // requests at the model at once; the others wait
	Timeout  time.Duration // for one answer, waiting included
}

const instructions = "You are a helpful assistant. Answer in one paragraph."

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type request struct {
	Messages []message `json:"messages"`
	Stream   bool      `json:"stream"`
}

type upstreamRequest struct {
	Model         string         `json:"model"`
	Messages      []message      `json:"messages"`
	Stream        bool           `json:"stream"`
	StreamOptions map[string]any `json:"stream_options,omitempty"`
}

// NewHandler returns the service: POST /v1/chat/completions.
func NewHandler(c Config) http.Handler {
	s := &service{Config: c, slots: make(chan struct{}, c.Limit)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.chat)
	return mux
}

type service struct {
	Config
	slots chan struct{}
}

func (s *service) chat(w http.ResponseWriter, r *http.Request) {
	var ask request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&ask); err != nil || len(ask.Messages) == 0 {
		fail(w, http.StatusBadRequest, "want a list of messages")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.Timeout)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		fail(w, http.StatusServiceUnavailable, "too busy")
		return
	}
	resp, err := s.ask(ctx, ask)
	if errors.Is(err, context.DeadlineExceeded) {
		fail(w, http.StatusGatewayTimeout, "the model took too long")
		return
	}
	if err != nil {
		fail(w, http.StatusBadGateway, "the model cannot be reached")
		return
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", resp.Header.Get("Retry-After"))
		fail(w, http.StatusServiceUnavailable, "too busy")
		return
	default:
		fail(w, http.StatusBadGateway, "the model failed")
		return
	}
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	pass(w, resp.Body)
}

// ask puts the question to the model.
func (s *service) ask(ctx context.Context, ask request) (*http.Response, error) {
	up := upstreamRequest{Model: s.Model, Messages: append([]message{{"system", instructions}}, ask.Messages...), Stream: ask.Stream}
	if ask.Stream {
		up.StreamOptions = map[string]any{"include_usage": true}
	}
	body, err := json.Marshal(up)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Upstream+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return s.Client.Do(req)
}

// pass hands the answer on as it comes.
func pass(w http.ResponseWriter, body io.Reader) {
	control := http.NewResponseController(w)
	buf := make([]byte, 4<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return
			}
			if control.Flush() != nil {
				return
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			// The client must not take half an answer for a whole one.
			panic(http.ErrAbortHandler)
		}
	}
}

func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"message": message}})
}
