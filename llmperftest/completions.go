package llmperftest

import (
	"errors"
	"fmt"
)

// A completion is a request to POST /v1/completions, of one prompt.
type completion struct {
	openAI
	Model         string `json:"model"`
	Prompt        any    `json:"prompt"`
	MaxTokens     *int   `json:"max_tokens"`
	Stream        bool   `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`

	head string // begins every event, and the answer
}

// defaultCompletion is the limit of output tokens where a request has none.
const defaultCompletion = 16

func (c *completion) parse(body []byte) (ask, error) {
	if err := unmarshal(body, "a completion request", c); err != nil {
		return ask{}, err
	}
	inputs, err := inputsOf(c.Prompt)
	if err != nil {
		return ask{}, fmt.Errorf("prompt: %w", err)
	}
	if len(inputs) != 1 {
		return ask{}, errors.New("there are several prompts: want one")
	}
	limit, err := limitOf("max_tokens", c.MaxTokens, defaultCompletion)
	if err != nil {
		return ask{}, err
	}
	q := ask{model: c.Model, stream: c.Stream, limit: limit, plain: true}
	inputs[0].addTo(&q)
	return q, nil
}

// choice is an answer's only choice around its text.
func (c *completion) choice(a *answer) (before, after string) {
	c.head = fmt.Sprintf(`{"id":"cmpl-%d","object":"text_completion","created":0,"model":%s,`, a.record.Number, quote(c.Model))
	return c.head + `"choices":[{"index":0,"text":"`, `","logprobs":null,"finish_reason":`
}

func (c *completion) begin(*answer) string { return "" }

func (c *completion) frame(a *answer, _ bool) frame {
	before, after := c.choice(a)
	return frame{before: "data: " + before, after: after + "null}]" + eventTail(c.StreamOptions.IncludeUsage)}
}

func (c *completion) turn(*answer) string { return "" }

func (c *completion) end(a *answer) string {
	before, after := c.choice(a)
	end := "data: " + before + after + `"` + finishReason(a) + `"}]` + eventTail(c.StreamOptions.IncludeUsage)
	if c.StreamOptions.IncludeUsage {
		end += "data: " + c.head + `"choices":[],"usage":` + usage(a) + "}\n\n"
	}
	return end + "data: [DONE]\n\n"
}

func (c *completion) failure(a *answer, message string) string {
	return "data: " + c.refusal(a.record.Number, apiError{status: 500, message: message}) + "\n\n"
}

func (c *completion) whole(a *answer) string {
	before, after := c.choice(a)
	return before + a.text() + after + `"` + finishReason(a) + `"}],"usage":` + usage(a) + "}"
}
