package llmperf

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
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
type Prompts interface {
	Messages(c *Call) ([]Message, error)
}

// limiter are prompts that know how long the answer to each may become.
type limiter interface{ MaxTokens(c *Call) int }

// ask returns what a target with such prompts, which may be nil, and such a limit
// of output tokens sends for c.
func (c *Call) ask(p Prompts, limit int) (messages []Message, most int, err error) {
	if p == nil {
		p = defaultPrompts
	}
	if messages, err = p.Messages(c); err != nil {
		return nil, 0, err
	}
	if l, ok := p.(limiter); ok {
		if n := l.MaxTokens(c); n > 0 {
			limit = n
		}
	}
	return messages, limit, nil
}

// PromptTexts sends one of the given texts as the user's message, drawn at
// random for every request.
func PromptTexts(texts ...string) Prompts {
	list := &promptList{}
	for _, text := range texts {
		list.prompts = append(list.prompts, []Message{{Role: "user", Content: text}})
	}
	if len(texts) == 0 {
		list.err = errors.New("PromptTexts has no texts: give it at least one prompt")
	}
	return list
}

// PromptFile sends one line of a JSONL file, drawn at random for every request.
// Each line is an object with "messages", a list of {"role": …, "content": …},
// or with "prompt", the text of a single user message. The file is read once,
// before any load.
func PromptFile(path string) Prompts {
	list := &promptList{}
	list.load = func() { list.prompts, list.err = readPrompts(path) }
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

type promptList struct {
	once    sync.Once
	load    func() // fills the list before its first use; nil if it is filled already
	prompts [][]Message
	err     error
}

func (l *promptList) ready() error {
	l.once.Do(func() {
		if l.load != nil {
			l.load()
		}
	})
	return l.err
}

func (l *promptList) validate() error { return l.ready() }

// Messages draws one of the prompts.
func (l *promptList) Messages(c *Call) ([]Message, error) {
	if err := l.ready(); err != nil {
		return nil, err
	}
	return l.prompts[c.Rand().IntN(len(l.prompts))], nil
}

const maxPromptLine = 4 << 20

func readPrompts(path string) ([][]Message, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("prompt file: %w: the path is relative to the folder of the test", err)
	}
	var prompts [][]Message
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxPromptLine)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var line struct {
			Messages []Message `json:"messages"`
			Prompt   string    `json:"prompt"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("prompt file %s, line %d: %w", path, n, err)
		}
		if line.Prompt != "" {
			line.Messages = append(line.Messages, Message{Role: "user", Content: line.Prompt})
		}
		if len(line.Messages) == 0 {
			return nil, fmt.Errorf(`prompt file %s, line %d has no prompt: want {"messages": [{"role": "user", "content": "…"}]} or {"prompt": "…"}`, path, n)
		}
		prompts = append(prompts, line.Messages)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("prompt file %s: %w", path, err)
	}
	if len(prompts) == 0 {
		return nil, fmt.Errorf("prompt file %s is empty: want one JSON object a line", path)
	}
	return prompts, nil
}
