package llmperftest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// A message is a request to POST /v1/messages, of Anthropic.
type message struct {
	Model    string `json:"model"`
	System   any    `json:"system"`
	Messages []struct {
		Content any `json:"content"`
	} `json:"messages"`
	MaxTokens int  `json:"max_tokens"`
	Stream    bool `json:"stream"`
	Thinking  struct {
		Type string `json:"type"`
	} `json:"thinking"`
}

func (m *message) parse(body []byte) (ask, error) {
	if err := unmarshal(body, "a messages request", m); err != nil {
		return ask{}, err
	}
	if len(m.Messages) == 0 {
		return ask{}, errors.New("messages is empty")
	}
	if m.MaxTokens < 1 {
		return ask{}, fmt.Errorf("max_tokens is %d: want at least 1", m.MaxTokens)
	}
	q := ask{model: m.Model, stream: m.Stream, limit: m.MaxTokens, plain: m.Thinking.Type == "disabled", prompt: texts(m.System)}
	for _, message := range m.Messages {
		q.prompt = append(q.prompt, texts(message.Content)...)
	}
	return q, nil
}

func (m *message) mediaType() string { return "text/event-stream" }

// sse is an event with a name, which its data repeats.
func sse(name, rest string) string {
	return "event: " + name + "\ndata: {\"type\":\"" + name + "\"" + rest + "}\n\n"
}

func (m *message) begin(a *answer) string {
	begin := sse("message_start", `,"message":`+m.object(a, "", "null"))
	if !a.struckAs(faultEmpty) {
		begin += m.open(a, a.seq.reasoning > 0)
	}
	return begin + sse("ping", "")
}

func (m *message) frame(a *answer, reasoning bool) frame {
	delta := `"text_delta","text":"`
	if reasoning {
		delta = `"thinking_delta","thinking":"`
	}
	return frame{
		before: fmt.Sprintf("event: content_block_delta\ndata: "+`{"type":"content_block_delta","index":%d,"delta":{"type":%s`, m.index(a, reasoning), delta),
		after:  `"}}` + "\n\n",
	}
}

func (m *message) turn(a *answer) string { return m.close(a, true) + m.open(a, false) }

func (m *message) end(a *answer) string {
	end := ""
	if !a.struckAs(faultEmpty) {
		end = m.close(a, !a.answering())
	}
	return end +
		sse("message_delta", fmt.Sprintf(`,"delta":{"stop_reason":%s,"stop_sequence":null},"usage":{"output_tokens":%d}`, m.stop(a), a.record.OutputTokens)) +
		sse("message_stop", "")
}

func (m *message) failure(a *answer, message string) string {
	return "event: error\ndata: " + m.refusal(a.record.Number, apiError{status: http.StatusInternalServerError, message: message}) + "\n\n"
}

func (m *message) whole(a *answer) string {
	var blocks []string
	if a.reasoned() > 0 {
		blocks = append(blocks, `{"type":"thinking","thinking":"`+a.reasoning()+`","signature":"`+signature+`"}`)
	}
	if text := a.text(); text != "" {
		blocks = append(blocks, `{"type":"text","text":"`+text+`"}`)
	}
	return m.object(a, strings.Join(blocks, ","), m.stop(a))
}

// object is the message with its content.
func (m *message) object(a *answer, content, stop string) string {
	return fmt.Sprintf(`{"id":"msg_%d","type":"message","role":"assistant","model":%s,"content":[%s],"stop_reason":%s,"stop_sequence":null,"usage":{"input_tokens":%d,"cache_creation_input_tokens":0,"cache_read_input_tokens":%d,"output_tokens":%d}}`,
		a.record.Number, quote(m.Model), content, stop, a.record.PromptTokens-a.record.CachedTokens, a.record.CachedTokens, a.record.OutputTokens)
}

// index is the place of the block of reasoning or of text among all.
func (m *message) index(a *answer, reasoning bool) int {
	if reasoning || a.seq.reasoning == 0 {
		return 0
	}
	return 1
}

func (m *message) open(a *answer, reasoning bool) string {
	block := `{"type":"text","text":""}`
	if reasoning {
		block = `{"type":"thinking","thinking":"","signature":""}`
	}
	return sse("content_block_start", fmt.Sprintf(`,"index":%d,"content_block":%s`, m.index(a, reasoning), block))
}

// signature is what stands below a block of thinking.
const signature = "c2lnbmVk"

func (m *message) close(a *answer, reasoning bool) string {
	index := m.index(a, reasoning)
	signed := ""
	if reasoning {
		signed = sse("content_block_delta", fmt.Sprintf(`,"index":%d,"delta":{"type":"signature_delta","signature":"%s"}`, index, signature))
	}
	return signed + sse("content_block_stop", fmt.Sprintf(`,"index":%d`, index))
}

func (m *message) stop(a *answer) string {
	if a.limited() {
		return `"max_tokens"`
	}
	return `"end_turn"`
}

// statusOverloaded is Anthropic's own.
const statusOverloaded = 529

func (m *message) shed() int { return statusOverloaded }

func (m *message) idHeader() string { return "Request-Id" }

func (m *message) refusal(number int, e apiError) string {
	return fmt.Sprintf(`{"type":"error","error":{"type":"%s","message":%s},"request_id":"%s"}`, anthropicError(e.status), quote(e.message), requestID(number))
}

// anthropicError is the type of an error.
func anthropicError(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusGatewayTimeout:
		return "timeout_error"
	case http.StatusServiceUnavailable, statusOverloaded:
		return "overloaded_error"
	}
	if status < http.StatusInternalServerError {
		return "invalid_request_error"
	}
	return "api_error"
}
