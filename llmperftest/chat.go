package llmperftest

import (
	"errors"
	"fmt"
)

// A chat is a request to POST /v1/chat/completions.
type chat struct {
	openAI
	Model    string `json:"model"`
	Messages []struct {
		Content any `json:"content"`
	} `json:"messages"`
	MaxTokens           *int `json:"max_tokens"`
	MaxCompletionTokens *int `json:"max_completion_tokens"`
	Stream              bool `json:"stream"`
	StreamOptions       struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`

	head, tail string // begin and end every event but that of the usage
}

func (c *chat) parse(body []byte) (ask, error) {
	if err := unmarshal(body, "a chat completion request", c); err != nil {
		return ask{}, err
	}
	if len(c.Messages) == 0 {
		return ask{}, errors.New("messages is empty")
	}
	limit, err := limitOf("max_tokens", c.MaxTokens, 0)
	if err != nil {
		return ask{}, err
	}
	if limit, err = limitOf("max_completion_tokens", c.MaxCompletionTokens, limit); err != nil {
		return ask{}, err
	}
	q := ask{model: c.Model, stream: c.Stream, limit: limit}
	for _, m := range c.Messages {
		q.prompt = append(q.prompt, texts(m.Content)...)
	}
	return q, nil
}

func (c *chat) begin(a *answer) string {
	c.tail = eventTail(c.StreamOptions.IncludeUsage)
	c.head = fmt.Sprintf(`data: {"id":"chatcmpl-%d","object":"chat.completion.chunk","created":0,"model":%s,`, a.record.Number, quote(c.Model))
	return c.head + `"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]` + c.tail
}

func (c *chat) frame(_ *answer, reasoning bool) frame {
	member := "content"
	if reasoning {
		member = "reasoning_content"
	}
	return frame{before: c.head + `"choices":[{"index":0,"delta":{"` + member + `":"`, after: `"},"finish_reason":null}]` + c.tail}
}

func (c *chat) turn(*answer) string { return "" }

func (c *chat) end(a *answer) string {
	end := c.head + `"choices":[{"index":0,"delta":{},"finish_reason":"` + finishReason(a) + `"}]` + c.tail
	if c.StreamOptions.IncludeUsage {
		end += c.head + `"choices":[],"usage":` + usage(a) + "}\n\n"
	}
	return end + "data: [DONE]\n\n"
}

func (c *chat) failure(a *answer, message string) string {
	return "data: " + c.refusal(a.record.Number, apiError{status: 500, message: message}) + "\n\n"
}

func (c *chat) whole(a *answer) string {
	reasoning := ""
	if a.reasoned() > 0 {
		reasoning = `"reasoning_content":"` + a.reasoning() + `",`
	}
	return fmt.Sprintf(`{"id":"chatcmpl-%d","object":"chat.completion","created":0,"model":%s,"choices":[{"index":0,"message":{"role":"assistant",%s"content":"%s"},"finish_reason":"%s"}],"usage":%s}`,
		a.record.Number, quote(c.Model), reasoning, a.text(), finishReason(a), usage(a))
}

// eventTail ends the events of OpenAI's completions, which have a member for the
// usage if it was asked for, though only the last has any.
func eventTail(usage bool) string {
	if usage {
		return `,"usage":null}` + "\n\n"
	}
	return "}\n\n"
}

// finishReason is OpenAI's word for why an answer ends.
func finishReason(a *answer) string {
	if a.limited() {
		return "length"
	}
	return "stop"
}

// usage is what OpenAI's completions report.
func usage(a *answer) string {
	prompt, output := a.record.PromptTokens, a.record.OutputTokens
	return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d},"completion_tokens_details":{"reasoning_tokens":%d}}`,
		prompt, output, prompt+output, a.record.CachedTokens, a.reasoned())
}
