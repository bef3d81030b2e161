package llmperf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// PromptFile sends one of the prompts of a file, drawn at random for every
// request. The name's extension says what the file is:
//
//   - .txt: a prompt a line; blank lines don't count.
//   - .json: an array of objects, as the ShareGPT data set is.
//   - .jsonl, .ndjson and any other: an object a line.
//
// An object is the first of these that it can be:
//
//   - {"messages": [{"role": …, "content": …}, …]}, as the OpenAI API takes them
//     and as files for fine-tuning have them. Content is a string or a list of
//     text parts. Answers at the end are left out: they are what is asked for.
//   - {"conversations": [{"from": "human", "value": …}, {"from": "gpt", "value": …}, …]},
//     as ShareGPT has them. A request sends what comes up to the first human turn,
//     without answers; a [Conversation] asks the others too. Conversations in which
//     no human speaks are left out, since that data set has some.
//   - {"prompt": …}, the text of a single user message.
//
// The file is read once, before any load.
func PromptFile(path string) Prompts {
	return &promptList{load: func() ([]entry, error) { return readPrompts(path) }}
}

const wantObject = `want {"messages": [{"role": "user", "content": "…"}]}, {"prompt": "…"} or {"conversations": [{"from": "human", "value": "…"}]}`

// readPrompts reads a prompt file of any kind.
func readPrompts(path string) ([]entry, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("prompt file: %w: the path is relative to the folder of the test", err)
	}
	entries, err := promptsIn(strings.ToLower(filepath.Ext(path)), data)
	if err != nil {
		return nil, fmt.Errorf("prompt file %s%w", path, err)
	}
	return entries, nil
}

// promptsIn reads the prompts of a file with an extension in lower case. Errors
// follow the name of the file.
func promptsIn(ext string, data []byte) (entries []entry, err error) {
	if !utf8.Valid(data) {
		return nil, errors.New(" is not UTF-8 text: save it as such")
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	want := "one JSON object a line"
	switch ext {
	case ".txt":
		entries, want = promptLines(data), "a prompt a line"
	case ".json":
		entries, err = promptArray(data)
		want = "an array of JSON objects"
	default:
		entries, err = promptObjects(data)
	}
	if err != nil {
		return nil, fmt.Errorf(", %w", err)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf(" has no prompts: want %s", want)
	}
	return entries, nil
}

// promptLines reads a prompt a line.
func promptLines(data []byte) (entries []entry) {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			entries = append(entries, entryOfText(string(line)))
		}
	}
	return entries
}

// promptObjects reads a JSON object a line.
func promptObjects(data []byte) (entries []entry, err error) {
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if entries, err = appendObject(entries, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return entries, nil
}

// promptArray reads an array of JSON objects.
func promptArray(data []byte) (entries []entry, err error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(data, &elements); err != nil {
		line := 1
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line += bytes.Count(data[:syntax.Offset], []byte("\n"))
		}
		return nil, fmt.Errorf("line %d: %w: want an array of JSON objects; a file with an object a line is called .jsonl", line, err)
	}
	for i, element := range elements {
		if entries, err = appendObject(entries, element); err != nil {
			return nil, fmt.Errorf("element %d: %w", i+1, err)
		}
	}
	return entries, nil
}

// A promptObject is what one object of a file may be.
type promptObject struct {
	Messages      []chatMessage `json:"messages"`
	Conversations []struct {
		From  string `json:"from"`
		Value string `json:"value"`
	} `json:"conversations"`
	Prompt string `json:"prompt"`
}

// A chatMessage is a message whose content is read only if it is sent.
type chatMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// appendObject appends the prompt of one object, if it is not to be left out.
func appendObject(entries []entry, data []byte) ([]entry, error) {
	var object promptObject
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, fmt.Errorf("%w: %s", err, wantObject)
	}
	switch {
	case len(object.Messages) > 0:
		e, err := object.chat()
		return append(entries, e), err
	case object.Conversations != nil:
		e, err := object.shareGPT()
		if len(e.messages) > 0 {
			entries = append(entries, e)
		}
		return entries, err
	case object.Prompt != "":
		return append(entries, entryOfText(object.Prompt)), nil
	}
	return nil, errors.New("no prompt: " + wantObject)
}

// chat is the prompt of an object with messages.
func (o *promptObject) chat() (e entry, err error) {
	messages := o.Messages
	for len(messages) > 0 && messages[len(messages)-1].Role == "assistant" {
		messages = messages[:len(messages)-1]
	}
	if len(messages) == 0 {
		return e, errors.New(`messages has only answers: want one with "role": "user"`)
	}
	for i, m := range messages {
		switch m.Role {
		case "system", "developer", "user", "assistant":
		default:
			return e, fmt.Errorf(`message %d has the role %q: want "system", "developer", "user" or "assistant"`, i+1, m.Role)
		}
		text, err := m.text()
		if err != nil {
			return e, fmt.Errorf("message %d: %w", i+1, err)
		}
		e.messages = append(e.messages, Message{Role: m.Role, Content: text})
		switch {
		case m.Role != "user":
		case e.opening == 0:
			e.opening = i + 1
		default:
			e.later = append(e.later, text)
		}
	}
	if e.opening == 0 {
		e.opening = len(e.messages)
	}
	return e, nil
}

// text is the content of a message: a string, or a list of parts.
func (m chatMessage) text() (string, error) {
	var text string
	if err := json.Unmarshal(m.Content, &text); err != nil {
		var parts []struct {
			Type string `json:"type"`
			Text string `json:"text"`
		}
		if err := json.Unmarshal(m.Content, &parts); err != nil {
			return "", errors.New("want as content a string or a list of text parts")
		}
		var texts []string
		for _, p := range parts {
			if p.Type != "text" {
				return "", fmt.Errorf(`a part has the type %q: only parts of type "text" can be sent`, p.Type)
			}
			texts = append(texts, p.Text)
		}
		text = strings.Join(texts, "\n")
	}
	if text == "" {
		return "", errors.New("no text: want as content a string or a list of text parts")
	}
	return text, nil
}

// shareGPT is the prompt of an object with conversations. It is without
// messages if no human speaks.
func (o *promptObject) shareGPT() (e entry, err error) {
	asked := false
	for i, turn := range o.Conversations {
		switch turn.From {
		case "human", "user":
			if strings.TrimSpace(turn.Value) == "" {
				continue
			}
			if asked {
				e.later = append(e.later, turn.Value)
				continue
			}
			asked = true
			e.messages = append(e.messages, Message{Role: "user", Content: turn.Value})
		case "system":
			if !asked && turn.Value != "" {
				e.messages = append(e.messages, Message{Role: "system", Content: turn.Value})
			}
		case "gpt", "assistant", "chatgpt", "bing", "bard": // the models that ShareGPT's answers are by
		default:
			return entry{}, fmt.Errorf(`turn %d is from %q: want "system", "human", "user", "gpt" or "assistant"`, i+1, turn.From)
		}
	}
	if !asked {
		return entry{}, nil
	}
	e.opening = len(e.messages)
	return e, nil
}
