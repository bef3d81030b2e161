package wire

import (
	"bytes"
	"fmt"
)

// ParseResponsesEvent decodes one event of a stream of the OpenAI responses API into c, whose former content is lost. The event is of the
// type that its data says, or else of its name; types that are not known bring nothing. An error in band is no error of
// ParseResponsesEvent: it is in c.Error. What is no object or has no type is ErrMalformed.
func ParseResponsesEvent(name string, data []byte, c *Chunk) error {
	c.reset()
	var kind, delta, response []byte
	s := Scan(data)
	if s.Object() {
		for s.Member() {
			switch string(s.Key()) {
			case "type":
				kind = word(s.Value())
			case "delta":
				delta = s.Value()
			case "response":
				response = s.Value()
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
		return nil
	case "response.completed", "response.incomplete", "response.failed":
		return c.readEnd(kind, response)
	}
	return c.readDelta(kind, delta)
}

// readDelta reads the delta of an event that brings one: "response.output_text.delta" and the like.
func (c *Chunk) readDelta(kind, delta []byte) error {
	kind, isDelta := bytes.CutSuffix(kind, []byte(".delta"))
	kind, isOurs := bytes.CutPrefix(kind, []byte("response."))
	if !isDelta || !isOurs || delta == nil {
		return nil
	}
	s := Scan(delta)
	switch {
	case string(kind) == "output_text":
		c.readText(&s, &c.Content)
	case string(kind) == "refusal":
		c.readText(&s, &c.Refusal)
	case bytes.HasPrefix(kind, []byte("reasoning")):
		c.readText(&s, &c.Reasoning)
	case bytes.Contains(kind, []byte("_call")):
		c.readInput(&s)
	}
	return s.End()
}

// readEnd reads the response with which a stream ends; its output has come before, piece by piece.
func (c *Chunk) readEnd(kind, response []byte) error {
	var failure []byte
	s := Scan(response)
	if enterObject(&s, "a response is no object") {
		for s.Member() {
			switch string(s.Key()) {
			case "usage":
				c.readUsage(&s)
			case "error":
				failure = s.Value()
			}
		}
	}
	if err := s.End(); err != nil {
		return err
	}
	c.readStatus(bytes.TrimPrefix(kind, []byte("response.")), failure)
	return nil
}

// readStatus notes how a response ended. A status of none and those of a response that goes on leave it incomplete.
func (c *Chunk) readStatus(status, failure []byte) {
	switch string(status) {
	case "completed":
		c.Finish, c.Complete = "completed", true
	case "incomplete":
		c.Finish, c.Complete = "incomplete", true
	case "failed", "cancelled":
		if failure == nil || !IsError(failure) {
			c.Error = &ServerError{Message: "the response's status is " + string(status)}
			return
		}
		c.Error = ParseError(failure)
	}
}

// ParseResponse decodes a whole response of the OpenAI responses API, one that was not streamed, into c, whose former content is lost. An
// error in band is no error of ParseResponse: it is in c.Error. What is not JSON, or has neither output nor an error, is ErrMalformed; a
// response that is still being made is ErrTruncated.
func ParseResponse(data []byte, c *Chunk) error {
	c.reset()
	var status, failure []byte
	hasOutput := false
	s := Scan(data)
	if s.Object() {
		for s.Member() {
			switch string(s.Key()) {
			case "status":
				status = word(s.Value())
			case "error":
				failure = s.Value()
			case "usage":
				c.readUsage(&s)
			case "output":
				hasOutput = true
				if !enterArray(&s, "output is no array") {
					continue
				}
				for s.Element() {
					c.readItem(&s)
				}
			}
		}
	}
	if err := s.End(); err != nil {
		return err
	}
	c.readStatus(status, failure)
	switch {
	case c.Error != nil:
	case failure != nil && IsError(failure):
		c.Error = ParseError(failure)
	case !hasOutput:
		return fmt.Errorf("%w: a response without output or error: %s", ErrMalformed, excerpt(data))
	case len(status) > 0 && !c.Complete:
		return fmt.Errorf("%w: the response is %s", ErrTruncated, excerpt(status))
	}
	return nil
}

// readItem reads an item of a response's output: a message, reasoning or a call, which have members of different names but for content,
// which reasoning has as well.
func (c *Chunk) readItem(s *Scanner) {
	start := s.pos
	var reasoning bool
	peek := Scan(s.Value())
	if !peek.Object() {
		s.fail(start, "an item of output is no object")
		return
	}
	for peek.Member() {
		if string(peek.Key()) == "type" {
			reasoning = string(word(peek.Value())) == "reasoning"
		}
	}
	item := Scan(s.data[start:s.pos])
	item.Object()
	for item.Member() {
		switch string(item.Key()) {
		case "content":
			c.readParts(&item, reasoning)
		case "summary":
			c.readText(&item, &c.Reasoning)
		case "name", "arguments", "input", "code":
			c.readInput(&item)
		}
	}
	if err := item.End(); err != nil && s.err == nil {
		s.err = err
	}
}

// readParts reads the parts of a message or of reasoning.
func (c *Chunk) readParts(s *Scanner, reasoning bool) {
	if !enterArray(s, "the content of an item is no array") {
		return
	}
	for s.Element() {
		if !s.Object() {
			continue
		}
		for s.Member() {
			switch string(s.Key()) {
			case "text":
				if reasoning {
					c.readText(s, &c.Reasoning)
				} else {
					c.readText(s, &c.Content)
				}
			case "refusal":
				c.readText(s, &c.Refusal)
			}
		}
	}
}
