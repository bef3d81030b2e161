package llmperf

import (
	"errors"
	"sync"
)

// A Message is one message of a chat.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Prompts chooses the messages of each request. It is shared by all users and
// must be safe for concurrent use; what it draws at random comes from
// [Call.Rand].
//
// Prompts that also have a method MaxTokens(*Call) int set the limit of output
// tokens of each request with it, in place of the target's own; 0 leaves that.
//
// What the prompts of this package send begins with a marker that differs from
// request to request, so that no prefix cache can flatter a service: see
// [Verbatim] and [SharedPrefix]. Prompts of one's own are sent as they are:
// [Nonce] marks them too.
type Prompts interface {
	Messages(c *Call) ([]Message, error)
}

// limiter are prompts that know how long the answer to each may become.
type limiter interface{ MaxTokens(c *Call) int }

// ask returns what a target with such prompts, which may be nil, and such a limit
// of output tokens sends for c.
func (c *Call) ask(p Prompts, limit int) (messages []Message, most int, err error) {
	p = orDefaultPrompts(p)
	if messages, err = p.Messages(c); err != nil {
		return nil, 0, err
	}
	if n := maxTokensOf(p, c); n > 0 {
		limit = n
	}
	return messages, limit, nil
}

// maxTokensOf is the limit that p sets for c, or 0 if it sets none.
func maxTokensOf(p Prompts, c *Call) int {
	if l, ok := p.(limiter); ok {
		return l.MaxTokens(c)
	}
	return 0
}

// PromptTexts sends one of the given texts as the user's message, drawn at
// random for every request.
func PromptTexts(texts ...string) Prompts {
	list := &promptList{}
	for _, text := range texts {
		list.entries = append(list.entries, entryOfText(text))
	}
	if len(texts) == 0 {
		list.err = errors.New("PromptTexts has no texts: give it at least one prompt")
	}
	return list
}

// defaultPrompts are sent by a target without prompts of its own.
var defaultPrompts = PromptTexts(
	"Explain in one paragraph why tail latency matters more than the average.",
	"Write a short story about a lighthouse keeper who learns to sail.",
	"List five questions to ask before choosing a database.",
	"Summarise the causes of the French Revolution for a twelve-year-old.",
	"Give me a recipe for a vegetable soup and explain each step.",
)

func orDefaultPrompts(p Prompts) Prompts {
	if p == nil {
		return defaultPrompts
	}
	return p
}

// A promptList draws one of its entries for every request.
type promptList struct {
	once    sync.Once
	load    func() ([]entry, error) // fills the list before its first use; nil if it is filled already
	entries []entry
	err     error
}

func (l *promptList) validate() error {
	l.once.Do(func() {
		if l.load != nil {
			l.entries, l.err = l.load()
		}
	})
	return l.err
}

func (l *promptList) entry(c *Call) (entry, error) {
	return l.entries[c.Rand().IntN(len(l.entries))], nil
}

// Messages draws one of the prompts.
func (l *promptList) Messages(c *Call) ([]Message, error) { return messagesOf(l, c) }
