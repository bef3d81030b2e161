package llmperf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"llmperf.dev/llmperf/internal/wire"
)

// Anthropic is a target that speaks Anthropic's messages API, as Claude does and
// some gateways and servers. It streams unless told otherwise.
//
// System and developer messages become the request's system text. The first
// token is the first delta of a text, of thinking or of a tool's input that is
// not empty; a delta counts as one token, and the server's own count replaces
// the sum. The tokens of a prompt are those it read from its cache, wrote to it,
// and the rest. A stream must end with message_stop, else it is truncated; a
// complete answer without any token is empty.
//
// The count of output tokens holds all thinking, also where the stream sums it
// up or leaves it out, and does not tell how much that was. ITL and TPOT are too
// low then: judge ICL in their place, or leave thinking off.
type Anthropic struct {
	BaseURL string // up to and without /v1/messages, such as "https://api.anthropic.com"; required
	Model   string // required
	APIKey  string // sent as x-api-key; no log, report or error shows it
	Version string // sent as anthropic-version; default "2023-06-01"

	Prompts   Prompts // what is asked; by default one of a few general questions
	MaxTokens int     // limit of output tokens, which the API requires; default 1024
	NoStream  bool    // ask for the whole answer at once; then there is no TTFT, ITL, ICL and TPOT

	// Extra are members added to the body of every request, in place of those of
	// the same name; a nil takes one away, and an object is added to one that is
	// there. {"cache_control": {"type": "ephemeral"}} has prompts cached;
	// "temperature", "thinking" and "tools" are others.
	// No error shows a text in it whose name has key, token, secret, password,
	// credential or authorization in it, such as LiteLLM's "api_key".
	Extra map[string]any

	// Header is added to every request, in place of headers of the same name, such
	// as Anthropic-Beta. No error shows a value that may be secret.
	Header http.Header

	// Client sends the requests. The default keeps one connection a user alive,
	// follows the environment's proxy settings and verifies certificates. Plain http
	// is read by the user's own goroutine then, which costs least and is stamped
	// soonest; the rest is net/http's.
	Client *http.Client
}

// String describes the target without its key.
func (a Anthropic) String() string {
	return fmt.Sprintf("Anthropic %s at %s", a.Model, safeURL(a.BaseURL))
}

var anthropic = &dialect{
	stream: eventStream, part: wire.ParseAnthropicEvent, whole: wire.ParseAnthropicMessage,
	ending: "without message_stop", content: "content",
}

func (a Anthropic) validate() error {
	base := validateBase("Anthropic.BaseURL", a.BaseURL, "https://api.anthropic.com", "/v1/messages", "/v1/messages", "/messages", "/v1")
	errs := append([]error{base}, validateAsk("Anthropic", a.Model, a.MaxTokens, a.Prompts)...)
	return errors.Join(append(errs, validateExtra("Anthropic", a.Extra, a.Header)...)...)
}

// reports says which metrics the target can measure.
func (a Anthropic) reports(m Metric) bool { return !a.NoStream || m == Latency || m == TTFB }

func (a Anthropic) asks() []Prompts { return []Prompts{a.Prompts} }

func (a Anthropic) virtual() error { return virtualClient("Anthropic.Client", a.Client) }

func (a Anthropic) closeIdle() { closeIdle(a.Client) }

func (a Anthropic) bases() []string { return []string{a.BaseURL} }

func (a Anthropic) secrets() []string { return secretsOfPost(a.BaseURL, a.APIKey, a.Header, a.Extra) }

type anthropicRequest struct {
	Model     string    `json:"model"`
	System    string    `json:"system,omitempty"`
	Messages  []Message `json:"messages"`
	MaxTokens int       `json:"max_tokens"`
	Stream    bool      `json:"stream,omitempty"`
}

const (
	anthropicMaxTokens = 1024
	anthropicVersion   = "2023-06-01"
)

// Send asks for one message.
func (a Anthropic) Send(ctx context.Context, c *Call) error {
	messages, limit, err := c.ask(a.Prompts, a.MaxTokens)
	if err != nil {
		return err
	}
	system, messages := splitSystem(messages)
	if len(messages) == 0 {
		return errors.New("the prompt has no messages but system ones: Anthropic's API wants one of the user")
	}
	header := map[string]string{"Anthropic-Version": cmp.Or(a.Version, anthropicVersion)}
	if a.APIKey != "" {
		header["X-Api-Key"] = a.APIKey
	}
	return post{
		client: a.Client, base: a.BaseURL, path: "v1/messages", header: header, extra: a.Extra, added: a.Header,
		ask: anthropicRequest{
			Model: a.Model, System: contents(system), Messages: messages,
			MaxTokens: cmp.Or(limit, anthropicMaxTokens), Stream: !a.NoStream,
		},
	}.send(ctx, c, anthropic, !a.NoStream)
}
