package wire

import (
	"fmt"
	"math"
)

// ParseChatChunk decodes the data of one event of a streamed chat completion into c, whose former content is lost. An error in band is
// no error of ParseChatChunk: it is in c.Error. What is not JSON, or has neither choices nor usage nor an error, is ErrMalformed, unless
// its type is "ping", with which gateways keep connections alive. Chunks of the older text completions are understood too.
func ParseChatChunk(data []byte, c *Chunk) error {
	found, ping, err := parseChat(data, c, "delta")
	if err == nil && !found && !ping && !c.HasUsage && c.Error == nil {
		return fmt.Errorf("%w: a chunk without choices, usage or error: %s", ErrMalformed, excerpt(data))
	}
	return err
}

// ParseChatCompletion decodes a whole chat completion, one that was not streamed, into c, whose former content is lost. An error in
// band is no error of ParseChatCompletion: it is in c.Error. What is not JSON, or has neither choices nor an error, is
// ErrMalformed.
func ParseChatCompletion(data []byte, c *Chunk) error {
	_, _, err := parseChat(data, c, "message")
	if err == nil && !c.HasChoices && c.Error == nil {
		return fmt.Errorf("%w: a completion without choices or error: %s", ErrMalformed, excerpt(data))
	}
	return err
}

// parseChat decodes a chunk or a completion; part is the member of a choice that has the output. It says whether there was a
// list of choices, though perhaps an empty one: usage comes with such, and null is one that a server written in Go has left nil; and
// whether it calls itself a ping.
func parseChat(data []byte, c *Chunk, part string) (choices, ping bool, err error) {
	c.reset()
	failed := false
	s := Scan(data)
	if s.Object() {
		for s.Member() {
			switch string(s.Key()) {
			case "type":
				ping = string(word(s.Value())) == "ping"
			case "choices":
				choices = true
				c.readChoices(&s, part)
			case "usage":
				c.readUsage(&s)
			case "error":
				failed = failed || IsError(s.Value())
			case "object":
				failed = string(word(s.Value())) == "error" || failed
			}
		}
	}
	if err := s.End(); err != nil {
		return false, false, err
	}
	if failed {
		c.Error = ParseError(data)
	}
	c.Complete = c.Finish != ""
	return choices, ping, nil
}

// IsError says whether the value of a member "error" reports one: servers also send null, "" and false to say that there is none.
func IsError(value []byte) bool {
	return !IsNull(value) && !IsEmptyString(value) && string(value) != "false"
}

func (c *Chunk) readChoices(s *Scanner, part string) {
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
				if c.Finish == "error" && c.Error == nil {
					c.Error = &ServerError{Message: "the finish reason is error"}
				}
			case "text":
				c.readText(s, &c.Content)
			case "error":
				if value := s.Value(); IsError(value) {
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

// readOutput reads a delta or a message, of OpenAI's dialects or of Ollama's.
func (c *Chunk) readOutput(s *Scanner) {
	if !enterObject(s, "a delta or message is no object") {
		return
	}
	for s.Member() {
		switch string(s.Key()) {
		case "content":
			c.readText(s, &c.Content)
		case "reasoning_content", "reasoning", "thinking":
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

func (c *Chunk) readToolCalls(s *Scanner) {
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
func (c *Chunk) readFunction(s *Scanner) {
	if !enterObject(s, "a function is no object") {
		return
	}
	for s.Member() {
		switch string(s.Key()) {
		case "name", "arguments", "input":
			c.readInput(s)
		}
	}
}

// readUsage reads the counts of chat completions, or of responses, which name them otherwise.
func (c *Chunk) readUsage(s *Scanner) {
	if !enterObject(s, "usage is no object") {
		return
	}
	for s.Member() {
		switch string(s.Key()) {
		case "prompt_tokens", "input_tokens":
			c.readCount(s, &c.Usage.Prompt)
		case "completion_tokens", "output_tokens":
			c.readCount(s, &c.Usage.Completion)
		case "prompt_cache_hit_tokens":
			c.readCount(s, &c.Usage.Cached)
		case "prompt_tokens_details", "input_tokens_details":
			c.readDetail(s, "cached_tokens", &c.Usage.Cached)
		case "completion_tokens_details", "output_tokens_details":
			c.readDetail(s, "reasoning_tokens", &c.Usage.Reasoning)
		}
	}
}

// readDetail reads one count among the details of usage.
func (c *Chunk) readDetail(s *Scanner, name string, count *int) {
	if !enterObject(s, "the details of usage are no object") {
		return
	}
	for s.Member() {
		if string(s.Key()) == name {
			c.readCount(s, count)
		}
	}
}

func (c *Chunk) readCount(s *Scanner, count *int) {
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

// finish returns why an answer ended, without allocating where it is a usual one.
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
	case `"end_turn"`:
		return "end_turn"
	case `"max_tokens"`:
		return "max_tokens"
	case `"tool_use"`:
		return "tool_use"
	}
	return plain(value)
}
