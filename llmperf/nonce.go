package llmperf

import "errors"

// Nonce marks prompts of one's own as this package marks those that it makes:
// the first message begins with "[llmperf 3-14-9f86d081] ", whose middle is
// [Call.Origin]. No two requests of a run begin alike then, nor those of two
// runs in real time, and a prefix cache has nothing to answer with. To most
// models a marker is some fifteen tokens.
func Nonce(p Prompts) Prompts { return nonce{wrapped{orDefaultPrompts(p)}} }

// Verbatim sends prompts as they are, without the marker: a prefix cache may
// answer for much of a prompt that was sent before. Verbatim(nil) is the general
// questions that a target asks by default.
func Verbatim(p Prompts) Prompts { return verbatim{wrapped{orDefaultPrompts(p)}} }

type nonce struct{ wrapped }

func (n nonce) entry(c *Call) (entry, error) {
	e, err := entryOf(n.of, c)
	e.mark = max(e.mark, 0)
	return e, err
}

// Messages returns the prompts' messages, marked.
func (n nonce) Messages(c *Call) ([]Message, error) { return messagesOf(n, c) }

type verbatim struct{ wrapped }

func (v verbatim) entry(c *Call) (entry, error) {
	e, err := entryOf(v.of, c)
	e.mark = unmarked
	return e, err
}

// Messages returns the prompts' messages, not marked.
func (v verbatim) Messages(c *Call) ([]Message, error) { return messagesOf(v, c) }

// wrapped are prompts that other prompts change.
type wrapped struct{ of Prompts }

func (w wrapped) unwrap() Prompts { return w.of }

// MaxTokens is the limit that the wrapped prompts set.
func (w wrapped) MaxTokens(c *Call) int { return maxTokensOf(w.of, c) }

func (w wrapped) validate() error {
	if _, ok := w.of.(*Conversation); ok {
		return errors.New("a Conversation is wrapped in other prompts: wrap its Prompts instead, as in &llmperf.Conversation{Prompts: llmperf.Verbatim(…)}")
	}
	if v, ok := w.of.(validator); ok {
		return v.validate()
	}
	return nil
}
