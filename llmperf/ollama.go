package llmperf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"llmperf.dev/llmperf/internal/wire"
)

// Ollama is a target that speaks Ollama's own API, in lines of JSON; for its
// OpenAI-compatible one use [OpenAI]. It streams unless told otherwise.
//
// The first token is the first line with content, thinking or a tool call; a
// line counts as one token, and the server's own count replaces the sum. A
// stream must end with a line that says done, and a whole answer say so, else it
// is truncated; a complete answer without any token is empty.
type Ollama struct {
	BaseURL string // up to and without /api, such as "http://localhost:11434"; required
	Model   string // required

	Prompts   Prompts // what is asked; by default one of a few general questions
	MaxTokens int     // limit of output tokens (num_predict); 0 leaves it to the server
	NoStream  bool    // ask for the whole answer at once; then there is no TTFT, ITL, ICL and TPOT

	// Generate asks /api/generate instead of /api/chat: system and developer
	// messages become its system text, and the contents of the others, with blank
	// lines between, its prompt.
	Generate bool

	// Extra are members added to the body of every request, in place of those of
	// the same name; a nil takes one away, and an object is added to one that is
	// there: {"options": {"num_ctx": 8192}} stands beside the num_predict of
	// MaxTokens. {"think": false} turns thinking off.
	// No error shows a text in it whose name has key, token, secret, password,
	// credential or authorization in it, such as LiteLLM's "api_key".
	Extra map[string]any

	// Header is added to every request, in place of headers of the same name, such
	// as the Authorization that a gateway wants. No error shows a value that may be secret.
	Header http.Header

	// Client sends the requests. The default keeps one connection a user alive,
	// follows the environment's proxy settings and verifies certificates. Plain http
	// is read by the user's own goroutine then, which costs least and is stamped
	// soonest; the rest is net/http's.
	Client *http.Client
}

// String describes the target.
func (o Ollama) String() string {
	if o.Generate {
		return fmt.Sprintf("Ollama %s at %s, generate", o.Model, safeURL(o.BaseURL))
	}
	return fmt.Sprintf("Ollama %s at %s", o.Model, safeURL(o.BaseURL))
}

var ollama = &dialect{
	stream: "application/x-ndjson",
	part:   func(_ string, data []byte, c *wire.Chunk) error { return wire.ParseOllama(data, c) },
	whole:  wire.ParseOllamaAnswer,
	ending: "without a line that says done", content: "content",
}

func (o Ollama) validate() error {
	base := validateBase("Ollama.BaseURL", o.BaseURL, "http://localhost:11434", "/"+o.path(), "/api/chat", "/api/generate", "/api", "/v1")
	errs := append([]error{base}, validateAsk("Ollama", o.Model, o.MaxTokens, o.Prompts)...)
	return errors.Join(append(errs, validateExtra("Ollama", o.Extra, o.Header)...)...)
}

func (o Ollama) path() string {
	if o.Generate {
		return "api/generate"
	}
	return "api/chat"
}

// reports says which metrics the target can measure.
func (o Ollama) reports(m Metric) bool { return !o.NoStream || m == Latency || m == TTFB }

func (o Ollama) asks() []Prompts { return []Prompts{o.Prompts} }

func (o Ollama) virtual() error { return virtualClient("Ollama.Client", o.Client) }

func (o Ollama) closeIdle() { closeIdle(o.Client) }

func (o Ollama) bases() []string { return []string{o.BaseURL} }

func (o Ollama) secrets() []string { return secretsOfPost(o.BaseURL, "", o.Header, o.Extra) }

type ollamaRequest struct {
	Model    string         `json:"model"`
	Messages []Message      `json:"messages,omitempty"`
	System   string         `json:"system,omitempty"`
	Prompt   string         `json:"prompt,omitempty"`
	Stream   bool           `json:"stream"` // which is true where it is left out
	Options  *ollamaOptions `json:"options,omitempty"`
}

type ollamaOptions struct {
	NumPredict int `json:"num_predict"`
}

// Send asks for one answer.
func (o Ollama) Send(ctx context.Context, c *Call) error {
	messages, limit, err := c.ask(o.Prompts, o.MaxTokens)
	if err != nil {
		return err
	}
	ask := ollamaRequest{Model: o.Model, Stream: !o.NoStream}
	if o.Generate {
		system, rest := splitSystem(messages)
		ask.System, ask.Prompt = contents(system), contents(rest)
	} else {
		ask.Messages = asSystem(messages)
	}
	if limit > 0 {
		ask.Options = &ollamaOptions{NumPredict: limit}
	}
	return post{client: o.Client, base: o.BaseURL, path: o.path(), ask: ask, extra: o.Extra, added: o.Header}.send(ctx, c, ollama, !o.NoStream)
}

// asSystem are messages whose developer is the system, as Ollama calls it.
func asSystem(messages []Message) []Message {
	messages = slices.Clone(messages)
	for i := range messages {
		if messages[i].Role == developer {
			messages[i].Role = "system"
		}
	}
	return messages
}
