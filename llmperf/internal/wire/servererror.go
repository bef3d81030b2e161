package wire

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A ServerError is an error that a server reports in a body, be it inside a successful response or with a status that says so too.
type ServerError struct {
	Type    string // such as "invalid_request_error"; "" if not given
	Code    string // such as "context_length_exceeded", or "400" where it is a number; "" if not given
	Message string // at most 1 KiB
}

// maxMessage is how many bytes of a server's message are kept.
const maxMessage = 1 << 10

// Error returns what the server says, in one line of at most 200 bytes of message.
func (e *ServerError) Error() string {
	var text strings.Builder
	text.WriteString("the server reports an error")
	for _, part := range []string{e.Type, e.Code} {
		if part != "" {
			short := clip(part, maxExcerpt)
			text.WriteString(" " + strings.Join(strings.Fields(short), " "))
			if len(short) < len(part) {
				text.WriteString("...")
			}
		}
	}
	if message := strings.Join(strings.Fields(e.Message), " "); message != "" {
		text.WriteString(": " + clip(message, 200))
	}
	return text.String()
}

// ParseError makes the best of a body, an event or a line that is known to be an error: the shapes of OpenAI, Anthropic, Ollama, vLLM,
// llama.cpp, TGI and FastAPI, else the text itself.
func ParseError(data []byte) *ServerError {
	data = bytes.TrimSpace(data)
	s := Scan(data)
	e := readError(&s)
	if s.End() != nil || *e == (ServerError{}) {
		e = &ServerError{Message: clip(string(data[:min(len(data), maxMessage+utf8.UTFMax)]), maxMessage)}
	}
	return e
}

// strayError returns the error that a line reports which is no field of an event stream, or nil: {"error": ...} without its "data:", or
// a field "error".
func strayError(line []byte) *ServerError {
	start := index(line, 0, len(line), '{')
	body := bytes.TrimSpace(line[start:])
	if string(bytes.TrimSpace(line[:start])) == "error:" && Valid(body) {
		return ParseError(body)
	}
	var c Chunk
	if ParseChatChunk(body, &c) != nil {
		return nil
	}
	return c.Error
}

// readError reads the current value as an error: an object or a text. The members of an object "error" inside it come first.
func readError(s *Scanner) *ServerError {
	e := new(ServerError)
	if !s.Object() {
		e.Message = plain(s.Value())
		return e
	}
	inner := new(ServerError)
	for s.Member() {
		switch string(s.Key()) {
		case "error":
			if s.Kind() == '{' || s.Kind() == '"' {
				inner = readError(s)
			}
		case "message", "detail":
			if text := plain(s.Value()); text != "" {
				e.Message = text
			}
		case "type", "error_type":
			if text := plain(s.Value()); text != "" && text != "error" { // which an event calls itself
				e.Type = text
			}
		case "code":
			e.Code = plain(s.Value())
		}
	}
	if inner.Message != "" {
		e.Message = inner.Message
	}
	if inner.Type != "" {
		e.Type = inner.Type
	}
	if inner.Code != "" {
		e.Code = inner.Code
	}
	return e
}

// plain returns a value as text: a string decoded, null as nothing, anything else as it is written.
func plain(value []byte) string {
	if IsNull(value) {
		return ""
	}
	text, ok := Text(value)
	if !ok {
		text = string(value)
	}
	return clip(text, maxMessage)
}

// clip returns the first n bytes of text at most, as valid UTF-8.
func clip(text string, n int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= n {
		return text
	}
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return strings.Clone(text[:n])
}
