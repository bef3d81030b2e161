package llmperf

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// SharedPrefix puts prefix caches to use: every request begins with the same
// system text of so many words, as those of a service with long instructions
// do. A system message of p goes on in the same message. The marker that keeps
// the rest out of the cache follows in the user's message; [Verbatim] around p,
// or around all, leaves it out.
//
// The text has no meaning, a word is about a token, and it is the same in every
// run: a server that is not started anew may know it from the last.
func SharedPrefix(words int, p Prompts) Prompts {
	s := sharedPrefix{wrapped: wrapped{orDefaultPrompts(p)}, words: words}
	if s.validateWords() == nil {
		s.text = randomWords(rand.New(rand.NewPCG(0, 0)), words)
	}
	return s
}

type sharedPrefix struct {
	wrapped
	words int
	text  string
}

func (s sharedPrefix) validateWords() error {
	if s.words < 1 || s.words > maxLength {
		return fmt.Errorf("SharedPrefix(%d, …): want a prefix of 1 to %s words, such as 1000", s.words, count(maxLength))
	}
	return nil
}

func (s sharedPrefix) validate() error {
	if err := s.validateWords(); err != nil {
		return err
	}
	return s.wrapped.validate()
}

func (s sharedPrefix) entry(c *Call) (entry, error) {
	e, err := entryOf(s.of, c)
	if err != nil || len(e.messages) == 0 {
		return e, err
	}
	asked := slices.IndexFunc(e.messages, func(m Message) bool { return m.Role != "system" && m.Role != "developer" })
	if e.mark != unmarked {
		e.mark = max(e.mark, asked)
	}
	if first := e.messages[0]; first.Role == "system" && (asked >= 0 || e.mark == unmarked) {
		e.messages = slices.Clone(e.messages)
		e.messages[0].Content = s.text + "\n\n" + first.Content
		return e, nil
	}
	e.messages = slices.Insert(slices.Clone(e.messages), 0, Message{Role: "system", Content: s.text})
	e.opening++
	if e.mark != unmarked {
		e.mark++
	}
	return e, nil
}

// Messages returns the prompts' messages after the shared text.
func (s sharedPrefix) Messages(c *Call) ([]Message, error) { return messagesOf(s, c) }
