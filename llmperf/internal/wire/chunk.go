package wire

import "bytes"

// A Chunk is what one event or line of an answer says, or a whole answer, whatever the dialect. Where a chunk has several choices, what
// is true of any of them is true of the chunk.
type Chunk struct {
	// Text is where the text of the answer is appended, decoded, without reasoning, calls and refusals. It is a setting, which
	// parsing leaves alone; with nil nothing is decoded.
	Text *[]byte

	Content   bool // it brings text of the answer, or in an answer without text what was asked for
	Reasoning bool // it brings text of the reasoning before the answer
	ToolCall  bool // it brings part of a call to a tool: a name or arguments
	Refusal   bool // it brings text of a refusal

	HasChoices bool   // it has at least one choice, in the dialects of OpenAI that have such
	Role       bool   // it names the speaker, as the first chunk of a chat completion does
	Finish     string // why the answer ended, such as "stop" or "length"; "" while it has not
	Complete   bool   // the answer is complete; of the stream no more than figures may follow

	HasUsage bool // it says what the server counted
	Usage    Usage

	Error *ServerError // an error reported in band; nil for none
}

// Tokens says whether the chunk brings output tokens of any kind.
func (c *Chunk) Tokens() bool { return c.Content || c.Reasoning || c.ToolCall || c.Refusal }

// Usage is the number of tokens that a server counted.
type Usage struct {
	Prompt     int // tokens of the prompt, cached ones included
	Cached     int // of them, tokens that the server had in its prefix cache
	Written    int // and tokens that it wrote to it, where it tells
	Completion int // output tokens, those of reasoning included
	Reasoning  int // of them, tokens of reasoning, whether the server shows it or not; 0 if not told
}

// IsDone says whether data is [DONE], with which the OpenAI dialect ends a stream.
func IsDone(data []byte) bool {
	if len(data) > 0 && data[0] == '{' { // as nearly all do
		return false
	}
	return string(bytes.TrimSpace(data)) == "[DONE]"
}

// reset forgets what the last chunk said.
func (c *Chunk) reset() { *c = Chunk{Text: c.Text} }

// readText sets found if the current value is a string that is not empty. Text may also come as an array of parts, whose thinking is
// reasoning whatever the text is.
func (c *Chunk) readText(s *Scanner, found *bool) {
	switch s.Kind() {
	case '"':
		if value := s.Value(); value != nil && !IsEmptyString(value) {
			*found = true
			if c.Text != nil && found == &c.Content {
				*c.Text = appendText(*c.Text, value)
			}
		}
	case '[':
		s.Array()
		for s.Element() {
			if !s.Object() {
				continue
			}
			for s.Member() {
				switch string(s.Key()) {
				case "text":
					c.readText(s, found)
				case "thinking":
					c.readText(s, &c.Reasoning)
				}
			}
		}
	case 'n':
	default:
		s.fail(s.pos, "a text is neither string nor null")
	}
}

// readInput sets ToolCall if the current value is something: a name, or arguments, as text or as they are.
func (c *Chunk) readInput(s *Scanner) {
	if value := s.Value(); value != nil && !IsNull(value) && !IsEmptyString(value) {
		c.ToolCall = true
	}
}
