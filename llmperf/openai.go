package llmperf

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"llmperf.dev/llmperf/internal/wire"
)

// An API is one of those that servers in the manner of OpenAI offer; its value
// is the path that is added to the base URL.
type API string

// The APIs that [OpenAI] speaks.
const (
	ChatCompletions API = "chat/completions" // messages in, a message out; the default
	Responses       API = "responses"        // the newer one, with typed events
	Completions     API = "completions"      // the older one, with a prompt and a text
	Embeddings      API = "embeddings"       // a text in, vectors out; no tokens
)

// OpenAI is a target that speaks the APIs of OpenAI, as most servers and many
// services do. It streams unless told otherwise.
//
// The first token is the first chunk with content, reasoning, a tool call or a
// refusal; a chunk counts as one token, and the server's own count, where it
// sends one, replaces the sum. Where that count holds tokens of a reasoning that
// the stream did not show, they are output tokens, and ITL and TPOT leave them
// out. A stream must end with [DONE] or after a finish reason, and one of
// [Responses] with its last event, else it is truncated; a complete answer
// without any token is empty.
//
// [Completions] and [Embeddings] send the contents of the messages as one text,
// with blank lines between. An answer of [Embeddings] comes as a whole and has
// no tokens, so only latency and TTFB are measured; one without numbers is empty.
type OpenAI struct {
	BaseURL string // up to and without the API's path, such as "http://localhost:8080/v1"; required
	Model   string // required
	APIKey  string // sent as a bearer token; no log, report or error shows it
	API     API    // default ChatCompletions

	Prompts   Prompts // what is asked; by default one of a few general questions
	MaxTokens int     // limit of output tokens; 0 leaves it to the server
	NoStream  bool    // ask for the whole answer at once; then there is no TTFT, ITL, ICL and TPOT

	// Extra are members added to the body of every request, in place of those of
	// the same name; a nil takes one away, and an object is added to one that is
	// there. OpenAI's reasoning models want {"max_tokens": nil,
	// "max_completion_tokens": 200}; {"ignore_eos": true} makes answers of vLLM
	// exactly MaxTokens long, and {"min_tokens": 50} no shorter than 50;
	// "temperature", "tools" and "reasoning_effort" are others.
	// No error shows a text in it whose name has key, token, secret, password,
	// credential or authorization in it, such as LiteLLM's "api_key".
	Extra map[string]any

	// Header is added to every request, in place of headers of the same name, such
	// as Azure's Api-Key in place of the APIKey. No error shows a value that may be secret.
	Header http.Header

	// Client sends the requests. The default keeps one connection a user alive,
	// follows the environment's proxy settings and verifies certificates. Plain http
	// is read by the user's own goroutine then, which costs least and is stamped
	// soonest; the rest is net/http's.
	Client *http.Client
}

// String describes the target without its key.
func (o OpenAI) String() string {
	if api := o.api(); api != ChatCompletions {
		return fmt.Sprintf("OpenAI %s at %s, %s", o.Model, safeURL(o.BaseURL), api)
	}
	return fmt.Sprintf("OpenAI %s at %s", o.Model, safeURL(o.BaseURL))
}

func (o OpenAI) api() API {
	if o.API == "" {
		return ChatCompletions
	}
	return o.API
}

// openAIs are the dialects of the APIs. A chunk of a text completion is one of a
// chat but for the name of its text.
var openAIs = map[API]*dialect{
	ChatCompletions: completions,
	Completions:     completions,
	Responses: {
		stream: eventStream, part: wire.ParseResponsesEvent, whole: wire.ParseResponse,
		ending: "without response.completed or response.incomplete", content: "content",
	},
	Embeddings: {whole: wire.ParseEmbeddings, content: "embedding, or an empty one"},
}

var completions = &dialect{
	stream: eventStream,
	part:   func(_ string, data []byte, c *wire.Chunk) error { return wire.ParseChatChunk(data, c) },
	whole:  wire.ParseChatCompletion, doneEnds: true,
	ending: "with neither a finish reason nor [DONE]", content: "content",
}

func (o OpenAI) validate() error {
	var errs []error
	if openAIs[o.api()] == nil {
		errs = append(errs, fmt.Errorf("OpenAI.API is %q: want %q, %q, %q or %q", o.API, ChatCompletions, Responses, Completions, Embeddings))
	}
	errs = append(errs, validateBase("OpenAI.BaseURL", o.BaseURL, "http://localhost:8080/v1", "/"+string(o.api()),
		"/chat/completions", "/responses", "/completions", "/embeddings"))
	errs = append(errs, validateAsk("OpenAI", o.Model, o.MaxTokens, o.Prompts)...)
	errs = append(errs, validateExtra("OpenAI", o.Extra, o.Header)...)
	if o.api() == Embeddings && o.MaxTokens > 0 {
		errs = append(errs, fmt.Errorf("OpenAI.MaxTokens is %d: embeddings have no output tokens to limit; leave it 0", o.MaxTokens))
	}
	return errors.Join(errs...)
}

// reports says which metrics the target can measure.
func (o OpenAI) reports(m Metric) bool { return o.streams() || m == Latency || m == TTFB }

func (o OpenAI) streams() bool { return !o.NoStream && o.api() != Embeddings }

func (o OpenAI) asks() []Prompts { return []Prompts{o.Prompts} }

func (o OpenAI) virtual() error { return virtualClient("OpenAI.Client", o.Client) }

func (o OpenAI) closeIdle() { closeIdle(o.Client) }

func (o OpenAI) bases() []string { return []string{o.BaseURL} }

func (o OpenAI) secrets() []string { return secretsOfPost(o.BaseURL, o.APIKey, o.Header, o.Extra) }

// An openAIRequest is what any of the APIs is sent; members of the others are
// left out.
type openAIRequest struct {
	Model           string         `json:"model"`
	Messages        []Message      `json:"messages,omitempty"`
	Prompt          any            `json:"prompt,omitempty"`
	Input           any            `json:"input,omitempty"`
	MaxTokens       int            `json:"max_tokens,omitempty"`
	MaxOutputTokens int            `json:"max_output_tokens,omitempty"`
	Stream          bool           `json:"stream,omitempty"`
	StreamOptions   *streamOptions `json:"stream_options,omitempty"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// Send sends one request.
func (o OpenAI) Send(ctx context.Context, c *Call) error {
	messages, limit, err := c.ask(o.Prompts, o.MaxTokens)
	if err != nil {
		return err
	}
	ask := openAIRequest{Model: o.Model, Stream: o.streams()}
	if ask.Stream && o.API != Responses { // which says its usage unasked
		ask.StreamOptions = &streamOptions{IncludeUsage: true}
	}
	switch o.api() {
	case Responses:
		ask.Input, ask.MaxOutputTokens = messages, limit
	case Completions:
		ask.Prompt, ask.MaxTokens = contents(messages), limit
	case Embeddings:
		ask.Input = contents(messages)
	default:
		ask.Messages, ask.MaxTokens = messages, limit
	}
	request := post{client: o.Client, base: o.BaseURL, path: string(o.api()), ask: ask, extra: o.Extra, added: o.Header}
	if o.APIKey != "" {
		request.header = map[string]string{"Authorization": "Bearer " + o.APIKey}
	}
	return request.send(ctx, c, openAIs[o.api()], ask.Stream)
}
