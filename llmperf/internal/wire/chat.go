package wire

import (
	"bytes"
	"fmt"
	"math"
)

// A ChatChunk is what one chunk of a chat completion, or a whole one, says. Where a chunk has several choices, what is true of any of
// them is true of the chunk.
type ChatChunk struct {
	Content   bool // it brings text of the answer
	Reasoning bool // it brings text of the reasoning before the answer
	ToolCall  bool // it brings part of a call to a tool: a name or arguments
	Refusal   bool // it brings text of a refusal

	HasChoices bool   // it has at least one choice
	Role       bool   // it names the speaker, as the first chunk does
	Finish     string // why a choice ended, such as "stop" or "length"; "" while none has

	HasUsage bool // it says what the server counted
	Usage    Usage

	Error *ServerError // an error reported in band; nil for none
}

// Tokens says whether the chunk brings output tokens of any kind.
func (c *ChatChunk) Tokens() bool { return c.Content || c.Reasoning || c.ToolCall || c.Refusal }

// Usage is the number of tokens that a server counted.
type Usage struct {
	Prompt     int // tokens of the prompt, cached ones included
	Cached     int // of them, tokens that the server had in its prefix cache
	Completion int // output tokens, those of reasoning included
}

// IsDone says whether data is [DONE], with which the OpenAI dialect ends a stream.
func IsDone(data []byte) bool { return string(bytes.TrimSpace(data)) == "[DONE]" }

// ParseChatChunk decodes the data of one event of a streamed chat completion into c, whose former content is lost. An error in band is
// no error of ParseChatChunk: it is in c.Error. What is not JSON, or has neither choices nor usage nor an error, is ErrMalformed.
// Chunks of the older text completions are understood too.
func ParseChatChunk(data []byte, c *ChatChunk) error {
	found, err := parseChat(data, c, "delta")
	if err == nil && !found && !c.HasUsage && c.Error == nil {
		return fmt.Errorf("%w: a chunk without choices, usage or error: %s", ErrMalformed, excerpt(data))
	}
	return err
}

// ParseChatCompletion decodes a whole chat completion, one that was not streamed, into c, whose former content is lost. An error in
// band is no error of ParseChatCompletion: it is in c.Error. What is not JSON, or has neither choices nor an error, is
// ErrMalformed.
func ParseChatCompletion(data []byte, c *ChatChunk) error {
	_, err := parseChat(data, c, "message")
	if err == nil && !c.HasChoices && c.Error == nil {
		return fmt.Errorf("%w: a completion without choices or error: %s", ErrMalformed, excerpt(data))
	}
	return err
}

// parseChat decodes a chunk or a completion; part is the member of a choice that has the output. It says whether there was a
// list of choices, though perhaps an empty one: usage comes with such, and null is one that a server written in Go has left nil.
func parseChat(data []byte, c *ChatChunk, part string) (choices bool, err error) {
	*c = ChatChunk{}
	failed := false
	s := Scan(data)
	if s.Object() {
		for s.Member() {
			switch string(s.Key()) {
			case "choices":
				choices = true
				c.readChoices(&s, part)
			case "usage":
				c.readUsage(&s)
			case "error":
				failed = failed || isError(s.Value())
			case "object":
				failed = failed || string(s.Value()) == `"error"`
			}
		}
	}
	if err := s.End(); err != nil {
		return false, err
	}
	if failed {
		c.Error = ParseError(data)
	}
	return choices, nil
}

// isError says whether the value of a member "error" reports one: servers also send null, "" and false to say that there is none.
func isError(value []byte) bool {
	return !IsNull(value) && !IsEmptyString(value) && string(value) != "false"
}

func (c *ChatChunk) readChoices(s *Scanner, part string) {
	if !enterArray(s, "choices is no array") {
		return
	}
	for s.Element() {
		if !s.Object() {
			s.fail(s.pos, "a choice is no object")
			return
		}
		c.HasChoices = true
		for s.Member() {
			switch key := s.Key(); string(key) {
			case "finish_reason":
				if reason := finish(s.Value()); reason != "" {
					c.Finish = reason
				}
			case "text":
				c.readText(s, &c.Content)
			case "error":
				if value := s.Value(); isError(value) {
					c.Error = ParseError(value)
				}
			default:
				if string(key) == part {
					c.readOutput(s)
				}
			}
		}
	}
}

// readOutput reads a delta or a message.
func (c *ChatChunk) readOutput(s *Scanner) {
	if !enterObject(s, "a delta or message is no object") {
		return
	}
	for s.Member() {
		switch string(s.Key()) {
		case "content":
			c.readText(s, &c.Content)
		case "reasoning_content", "reasoning":
			c.readText(s, &c.Reasoning)
		case "refusal":
			c.readText(s, &c.Refusal)
		case "role":
			c.readText(s, &c.Role)
		case "function_call":
			c.readFunction(s)
		case "tool_calls":
			c.readToolCalls(s)
		}
	}
}

// readText sets found if the current value is a string that is not empty. Text may also come as an array of parts, whose thinking is
// reasoning whatever the text is.
func (c *ChatChunk) readText(s *Scanner, found *bool) {
	switch s.Kind() {
	case '"':
		if !IsEmptyString(s.Value()) {
			*found = true
		}
	case '[':
		s.Array()
		for s.Element() {
			if !s.Object() {
				continue
			}
			for s.Member() {
				switch string(s.Key()) {
				case "text":
					c.readText(s, found)
				case "thinking":
					c.readText(s, &c.Reasoning)
				}
			}
		}
	case 'n':
	default:
		s.fail(s.pos, "a text is neither string nor null")
	}
}

func (c *ChatChunk) readToolCalls(s *Scanner) {
	if !enterArray(s, "tool_calls is no array") {
		return
	}
	for s.Element() {
		if !s.Object() {
			s.fail(s.pos, "a tool call is no object")
			return
		}
		for s.Member() {
			switch string(s.Key()) {
			case "function", "custom":
				c.readFunction(s)
			}
		}
	}
}

// readFunction reads a call's name and arguments; those that are an object and not its text count as well.
func (c *ChatChunk) readFunction(s *Scanner) {
	if !enterObject(s, "a function is no object") {
		return
	}
	for s.Member() {
		switch string(s.Key()) {
		case "name", "arguments", "input":
			if value := s.Value(); !IsNull(value) && !IsEmptyString(value) {
				c.ToolCall = true
			}
		}
	}
}

func (c *ChatChunk) readUsage(s *Scanner) {
	if !enterObject(s, "usage is no object") {
		return
	}
	for s.Member() {
		switch string(s.Key()) {
		case "prompt_tokens":
			c.readCount(s, &c.Usage.Prompt)
		case "completion_tokens":
			c.readCount(s, &c.Usage.Completion)
		case "prompt_tokens_details":
			if !enterObject(s, "prompt_tokens_details is no object") {
				continue
			}
			for s.Member() {
				if string(s.Key()) == "cached_tokens" {
					c.readCount(s, &c.Usage.Cached)
				}
			}
		}
	}
}

func (c *ChatChunk) readCount(s *Scanner, count *int) {
	start := s.pos
	value := s.Value()
	if value == nil || IsNull(value) {
		return
	}
	n, ok := Int(value)
	if !ok || n < 0 || n > math.MaxInt32 {
		s.fail(start, "no number of tokens")
		return
	}
	*count = int(n)
	c.HasUsage = true
}

// enterObject enters an object; anything else but null is an error.
func enterObject(s *Scanner, otherwise string) bool {
	if s.Object() {
		return true
	}
	if s.Kind() != 'n' {
		s.fail(s.pos, otherwise)
	}
	return false
}

// enterArray enters an array; anything else but null is an error.
func enterArray(s *Scanner, otherwise string) bool {
	if s.Array() {
		return true
	}
	if s.Kind() != 'n' {
		s.fail(s.pos, otherwise)
	}
	return false
}

// finish returns a finish_reason, without allocating where it is a usual one.
func finish(value []byte) string {
	switch string(value) {
	case `null`, `""`:
		return ""
	case `"stop"`:
		return "stop"
	case `"length"`:
		return "length"
	case `"tool_calls"`:
		return "tool_calls"
	case `"function_call"`:
		return "function_call"
	case `"content_filter"`:
		return "content_filter"
	}
	return plain(value)
}
