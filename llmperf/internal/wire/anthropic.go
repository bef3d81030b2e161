package wire

import "fmt"

// ParseAnthropicEvent decodes one event of a stream of Anthropic's messages API into c, whose former content is lost but for the usage,
// which a stream tells in parts: the prompt's at its beginning and the output's, as a sum so far, at its end. The event is of the type
// that its data says, or else of its name; types that are not known bring nothing. An error in band is no error of
// ParseAnthropicEvent: it is in c.Error. What is no object or has no type is ErrMalformed.
func ParseAnthropicEvent(name string, data []byte, c *Chunk) error {
	usage := c.Usage
	c.reset()
	c.Usage = usage
	var kind, delta, message, counts []byte
	s := Scan(data)
	if s.Object() {
		for s.Member() {
			switch string(s.Key()) {
			case "type":
				kind = word(s.Value())
			case "delta":
				delta = s.Value()
			case "message":
				message = s.Value()
			case "usage":
				counts = s.Value()
			}
		}
	}
	if err := s.End(); err != nil {
		return err
	}
	if len(kind) == 0 {
		kind = []byte(name)
	}
	switch string(kind) {
	case "":
		return fmt.Errorf("%w: an event without a type: %s", ErrMalformed, excerpt(data))
	case "error":
		c.Error = ParseError(data)
	case "message_start":
		part := Scan(message)
		c.readStart(&part)
		c.Usage.Completion = 0 // what a stream begins with is no count of the output
		return part.End()
	case "content_block_delta":
		part := Scan(delta)
		c.readBlock(&part)
		return part.End()
	case "message_delta":
		part := Scan(delta)
		c.readStop(&part)
		if err := part.End(); err != nil || counts == nil {
			return err
		}
		part = Scan(counts)
		c.readAnthropicUsage(&part)
		return part.End()
	case "message_stop":
		c.Complete = true
	}
	return nil
}

// readStart reads the message that a stream begins with, which has no content yet.
func (c *Chunk) readStart(s *Scanner) {
	if !enterObject(s, "a message is no object") {
		return
	}
	for s.Member() {
		if string(s.Key()) == "usage" {
			c.readAnthropicUsage(s)
		}
	}
}

// readStop reads why a message ended.
func (c *Chunk) readStop(s *Scanner) {
	if !enterObject(s, "a delta is no object") {
		return
	}
	for s.Member() {
		if string(s.Key()) == "stop_reason" {
			c.Finish = finish(s.Value())
		}
	}
}

// readBlock reads a block of content or a delta of one. Signatures and citations are not output; a call's input is an object in a block
// and text in a delta.
func (c *Chunk) readBlock(s *Scanner) {
	if !enterObject(s, "a content block is no object") {
		return
	}
	for s.Member() {
		switch string(s.Key()) {
		case "text":
			c.readText(s, &c.Content)
		case "thinking":
			c.readText(s, &c.Reasoning)
		case "name", "input", "partial_json":
			c.readInput(s)
		}
	}
}

// readAnthropicUsage reads counts. The tokens of a prompt are told in three parts: those read from the cache, those written to it, and
// the rest. What is left out or zero stays as it was told before.
func (c *Chunk) readAnthropicUsage(s *Scanner) {
	if !enterObject(s, "usage is no object") {
		return
	}
	read, written := c.Usage.Cached, c.Usage.Written
	rest := c.Usage.Prompt - read - written
	for s.Member() {
		switch string(s.Key()) {
		case "input_tokens":
			c.readSum(s, &rest)
		case "cache_read_input_tokens":
			c.readSum(s, &read)
		case "cache_creation_input_tokens":
			c.readSum(s, &written)
		case "output_tokens":
			c.readCount(s, &c.Usage.Completion)
		}
	}
	c.Usage.Prompt, c.Usage.Cached, c.Usage.Written = rest+read+written, read, written
}

// readSum reads a count that a zero leaves as it is.
func (c *Chunk) readSum(s *Scanner, sum *int) {
	before := *sum
	if c.readCount(s, sum); *sum == 0 {
		*sum = before
	}
}

// ParseAnthropicMessage decodes a whole message of Anthropic's API, one that was not streamed, into c, whose former content is lost. An
// error in band is no error of ParseAnthropicMessage: it is in c.Error. What is not JSON, or has neither content nor an error, is
// ErrMalformed.
func ParseAnthropicMessage(data []byte, c *Chunk) error {
	c.reset()
	hasContent, failed := false, false
	s := Scan(data)
	if s.Object() {
		for s.Member() {
			switch string(s.Key()) {
			case "content":
				hasContent = true
				if !enterArray(&s, "content is no array") {
					continue
				}
				for s.Element() {
					c.readBlock(&s)
				}
			case "stop_reason":
				c.Finish = finish(s.Value())
				c.Complete = c.Finish != ""
			case "usage":
				c.readAnthropicUsage(&s)
			case "error":
				failed = failed || IsError(s.Value())
			}
		}
	}
	if err := s.End(); err != nil {
		return err
	}
	switch {
	case failed:
		c.Error = ParseError(data)
	case !hasContent:
		return fmt.Errorf("%w: a message without content or error: %s", ErrMalformed, excerpt(data))
	}
	return nil
}
