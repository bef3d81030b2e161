package llmperf

import "slices"

// An entry is one prompt before it is marked and sent.
type entry struct {
	messages []Message // what a single request sends; shared by all, so never changed
	opening  int       // how many of them open a conversation
	later    []string  // what its user says in the turns after that
	mark     int       // the message that the marker goes to, or unmarked
}

const unmarked = -1

// entryOfText is a prompt of a single user message.
func entryOfText(text string) entry {
	return entry{messages: []Message{{Role: "user", Content: text}}, opening: 1}
}

// A source is prompts that this package makes. Its entries are asked for only
// once it has been found valid.
type source interface {
	validator
	entry(c *Call) (entry, error)
}

// entryOf is what p asks in request c. Prompts of a user's own are not marked.
func entryOf(p Prompts, c *Call) (entry, error) {
	if s, ok := p.(source); ok {
		return s.entry(c)
	}
	messages, err := p.Messages(c)
	return entry{messages: messages, opening: len(messages), mark: unmarked}, err
}

// messagesOf is what a request to a source sends.
func messagesOf(s source, c *Call) ([]Message, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	e, err := s.entry(c)
	if err != nil {
		return nil, err
	}
	return e.marked(c), nil
}

// marked is a copy of the entry's messages, with the request's marker.
func (e entry) marked(c *Call) []Message {
	messages := slices.Clone(e.messages)
	if e.mark >= 0 && e.mark < len(messages) {
		messages[e.mark].Content = "[llmperf " + c.Origin() + "] " + messages[e.mark].Content
	}
	return messages
}

// question is what the user says first in the entry.
func (e entry) question() string {
	for i := len(e.messages[:e.opening]) - 1; i >= 0; i-- {
		if e.messages[i].Role == "user" {
			return e.messages[i].Content
		}
	}
	return e.messages[e.opening-1].Content
}
