package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/wire"
)

// A dialect is how one API's answers are parsed.
type dialect struct {
	name  string
	files string // recorded answers
	lines bool   // a stream is lines of JSON
	part  func(name string, data []byte, c *wire.Chunk) error
	whole func(data []byte, c *wire.Chunk) error
}

func nameless(parse func([]byte, *wire.Chunk) error) func(string, []byte, *wire.Chunk) error {
	return func(_ string, data []byte, c *wire.Chunk) error { return parse(data, c) }
}

var dialects = []dialect{
	{"chat", "chat-*.sse", false, nameless(wire.ParseChatChunk), wire.ParseChatCompletion},
	{"responses", "responses-*", false, wire.ParseResponsesEvent, wire.ParseResponse},
	{"anthropic", "anthropic-*", false, wire.ParseAnthropicEvent, wire.ParseAnthropicMessage},
	{"ollama", "*ollama-*", true, nameless(wire.ParseOllama), wire.ParseOllamaAnswer},
	{"embeddings", "embeddings-*", false, nameless(wire.ParseEmbeddings), wire.ParseEmbeddings},
}

func TestPartsOfStreams(t *testing.T) {
	for _, row := range []struct {
		name, event, data string
		parse             func(string, []byte, *wire.Chunk) error
		want              wire.Chunk
		text, reason      string
	}{
		{"responses, text", "", `{"delta":"Fog\n","type":"response.output_text.delta"}`, wire.ParseResponsesEvent, wire.Chunk{Content: true}, "Fog\n", "members come in any order"},
		{"responses, name alone", "response.output_text.delta", `{"delta":"a"}`, wire.ParseResponsesEvent, wire.Chunk{Content: true}, "a", "the name is the type where the data has none"},
		{"responses, both", "response.refusal.delta", `{"type":"response.output_text.delta","delta":"a"}`, wire.ParseResponsesEvent, wire.Chunk{Content: true}, "a", "the data decides"},
		{"responses, escaped type", "", `{"type":"response.output\u005ftext.delta","delta":"a"}`, wire.ParseResponsesEvent, wire.Chunk{Content: true}, "a", "a type is a string like others"},
		{"responses, empty", "", `{"type":"response.output_text.delta","delta":""}`, wire.ParseResponsesEvent, wire.Chunk{}, "", "an empty delta is none"},
		{"responses, done", "", `{"type":"response.output_text.done","text":"a"}`, wire.ParseResponsesEvent, wire.Chunk{}, "", "it repeats what came"},
		{"responses, reasoning", "", `{"type":"response.reasoning_text.delta","delta":"a"}`, wire.ParseResponsesEvent, wire.Chunk{Reasoning: true}, "", "reasoning is no text"},
		{"responses, summary", "", `{"type":"response.reasoning_summary_text.delta","delta":"a"}`, wire.ParseResponsesEvent, wire.Chunk{Reasoning: true}, "", "nor is its summary"},
		{"responses, refusal", "", `{"type":"response.refusal.delta","delta":"a"}`, wire.ParseResponsesEvent, wire.Chunk{Refusal: true}, "", "nor is a refusal"},
		{"responses, call", "", `{"type":"response.mcp_call_arguments.delta","delta":"{"}`, wire.ParseResponsesEvent, wire.Chunk{ToolCall: true}, "", "any call counts"},
		{"responses, call as object", "", `{"type":"response.mcp_call_arguments.delta","delta":{"a":1}}`, wire.ParseResponsesEvent, wire.Chunk{ToolCall: true}, "", "some servers decode arguments"},
		{"responses, audio", "", `{"type":"response.audio.delta","delta":"AAAA"}`, wire.ParseResponsesEvent, wire.Chunk{}, "", "what we don't know is no token"},
		{"responses, new event", "", `{"type":"response.dreaming","dream":{}}`, wire.ParseResponsesEvent, wire.Chunk{}, "", "APIs grow"},
		{"responses, created", "", `{"type":"response.created","response":{"usage":null}}`, wire.ParseResponsesEvent, wire.Chunk{}, "", "nothing came yet"},
		{"responses, completed", "", `{"type":"response.completed","response":{"error":null,"usage":{"input_tokens":3,"input_tokens_details":{"cached_tokens":2},"output_tokens":4}}}`, wire.ParseResponsesEvent, wire.Chunk{Finish: "completed", Complete: true, HasUsage: true, Usage: wire.Usage{Prompt: 3, Cached: 2, Completion: 4}}, "", "usage comes with the end"},
		{"responses, incomplete", "", `{"type":"response.incomplete","response":{}}`, wire.ParseResponsesEvent, wire.Chunk{Finish: "incomplete", Complete: true}, "", "an end like others"},
		{"responses, failed", "", `{"type":"response.failed","response":{"error":{"code":"server_error","message":"no"}}}`, wire.ParseResponsesEvent, wire.Chunk{Error: &wire.ServerError{Code: "server_error", Message: "no"}}, "", "the response says why"},
		{"responses, failed silently", "", `{"type":"response.failed","response":{"error":null}}`, wire.ParseResponsesEvent, wire.Chunk{Error: &wire.ServerError{Message: "the response's status is failed"}}, "", "or does not"},
		{"responses, error", "", `{"type":"error","code":"x","message":"no","param":null}`, wire.ParseResponsesEvent, wire.Chunk{Error: &wire.ServerError{Code: "x", Message: "no"}}, "", "error is the kind of event, not of error"},

		{"response, error alone", "", `{"error":{"code":"x","message":"no"}}`, nameless(wire.ParseResponse), wire.Chunk{Error: &wire.ServerError{Code: "x", Message: "no"}}, "", "an error needs no status"},
		{"response, no status", "", `{"output":[{"type":"message","content":["x",{"type":"output_text","text":"a"}]}]}`, nameless(wire.ParseResponse), wire.Chunk{Content: true}, "a", "nor does an answer"},

		{"Anthropic, start", "", `{"type":"message_start","message":{"usage":{"input_tokens":3,"cache_read_input_tokens":20,"cache_creation_input_tokens":100,"output_tokens":1}}}`, wire.ParseAnthropicEvent, wire.Chunk{HasUsage: true, Usage: wire.Usage{Prompt: 123, Cached: 20, Written: 100}}, "", "the output is not counted yet"},
		{"Anthropic, text", "", `{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}`, wire.ParseAnthropicEvent, wire.Chunk{Content: true}, "a", "the ordinary case"},
		{"Anthropic, name alone", "content_block_delta", `{"delta":{"text":"a"}}`, wire.ParseAnthropicEvent, wire.Chunk{Content: true}, "a", "the name is the type where the data has none"},
		{"Anthropic, thinking", "", `{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"a"}}`, wire.ParseAnthropicEvent, wire.Chunk{Reasoning: true}, "", "thinking is no text"},
		{"Anthropic, input", "", `{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}`, wire.ParseAnthropicEvent, wire.Chunk{ToolCall: true}, "", "nor is a tool's input"},
		{"Anthropic, no input", "", `{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":""}}`, wire.ParseAnthropicEvent, wire.Chunk{}, "", "the first part is empty"},
		{"Anthropic, signature", "", `{"type":"content_block_delta","delta":{"type":"signature_delta","signature":"Eq"}}`, wire.ParseAnthropicEvent, wire.Chunk{}, "", "is no output"},
		{"Anthropic, citation", "", `{"type":"content_block_delta","delta":{"type":"citations_delta","citation":{"text":"a"}}}`, wire.ParseAnthropicEvent, wire.Chunk{}, "", "is no output"},
		{"Anthropic, block", "", `{"type":"content_block_start","content_block":{"type":"tool_use","name":"f","input":{}}}`, wire.ParseAnthropicEvent, wire.Chunk{}, "", "only deltas count"},
		{"Anthropic, stop reason", "", `{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":9}}`, wire.ParseAnthropicEvent, wire.Chunk{Finish: "max_tokens", HasUsage: true, Usage: wire.Usage{Completion: 9}}, "", "the message has not ended"},
		{"Anthropic, no usage", "", `{"type":"message_delta","delta":{"stop_reason":null}}`, wire.ParseAnthropicEvent, wire.Chunk{}, "", "some gateways don't count"},
		{"Anthropic, end", "", `{"type":"message_stop"}`, wire.ParseAnthropicEvent, wire.Chunk{Complete: true}, "", "now it has"},
		{"Anthropic, ping", "", `{"type":"ping"}`, wire.ParseAnthropicEvent, wire.Chunk{}, "", "is nothing"},
		{"Anthropic, error", "", `{"type":"error","error":{"type":"overloaded_error","message":"no"}}`, wire.ParseAnthropicEvent, wire.Chunk{Error: &wire.ServerError{Type: "overloaded_error", Message: "no"}}, "", "the data says so"},

		{"Ollama, chat", "", `{"message":{"role":"assistant","content":"a"},"done":false}`, nameless(wire.ParseOllama), wire.Chunk{Role: true, Content: true}, "a", "the ordinary case"},
		{"Ollama, thinking", "", `{"message":{"content":"","thinking":"a"},"done":false}`, nameless(wire.ParseOllama), wire.Chunk{Reasoning: true}, "", "thinking is no text"},
		{"Ollama, call", "", `{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false}`, nameless(wire.ParseOllama), wire.Chunk{ToolCall: true}, "", "nor is a call"},
		{"Ollama, generate", "", `{"response":"a","done":false}`, nameless(wire.ParseOllama), wire.Chunk{Content: true}, "a", "the other API"},
		{"Ollama, thinking of generate", "", `{"response":"","thinking":"a","done":false}`, nameless(wire.ParseOllama), wire.Chunk{Reasoning: true}, "", "beside the response"},
		{"Ollama, end", "", `{"response":"","done":true,"done_reason":"length","prompt_eval_count":3,"eval_count":4}`, nameless(wire.ParseOllama), wire.Chunk{Finish: "length", Complete: true, HasUsage: true, Usage: wire.Usage{Prompt: 3, Completion: 4}}, "", "the summary"},
		{"Ollama, loaded", "", `{"done":true,"done_reason":"load"}`, nameless(wire.ParseOllama), wire.Chunk{Finish: "load", Complete: true}, "", "an end without an answer"},
		{"Ollama, error", "", `{"error":"no"}`, nameless(wire.ParseOllama), wire.Chunk{Error: &wire.ServerError{Message: "no"}}, "", "a text"},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := []byte{}
			got := wire.Chunk{Text: &text, Content: true, Refusal: true, Finish: "before", Complete: true, HasUsage: true, Error: &wire.ServerError{}}
			require.NoError(t, row.parse(row.event, []byte(row.data), &got), row.reason)
			require.Same(t, &text, got.Text)
			got.Text = nil
			require.Equal(t, row.want, got, row.reason)
			require.Equal(t, row.text, string(text), row.reason)
		})
	}
}

func TestAnthropicTellsUsageInParts(t *testing.T) {
	var c wire.Chunk
	for _, row := range []struct {
		data   string
		want   wire.Usage
		reason string
	}{
		{`{"type":"message_start","message":{"usage":{"input_tokens":3,"cache_read_input_tokens":20}}}`, wire.Usage{Prompt: 23, Cached: 20}, "the prompt comes first"},
		{`{"type":"ping"}`, wire.Usage{Prompt: 23, Cached: 20}, "other events leave it"},
		{`{"type":"message_delta","delta":{},"usage":{"output_tokens":4}}`, wire.Usage{Prompt: 23, Cached: 20, Completion: 4}, "the output comes later"},
		{`{"type":"message_delta","delta":{},"usage":{"output_tokens":9,"input_tokens":0}}`, wire.Usage{Prompt: 23, Cached: 20, Completion: 9}, "the last sum holds; a zero is no count"},
		{`{"type":"message_delta","delta":{},"usage":{"output_tokens":9,"input_tokens":5}}`, wire.Usage{Prompt: 25, Cached: 20, Completion: 9}, "a later count takes the place of an earlier one, and leaves the others"},
		{`{"type":"message_delta","delta":{},"usage":{"cache_creation_input_tokens":7,"cache_read_input_tokens":2}}`, wire.Usage{Prompt: 14, Cached: 2, Written: 7, Completion: 9}, "each of the three by itself"},
	} {
		require.NoError(t, wire.ParseAnthropicEvent("", []byte(row.data), &c))
		require.Equal(t, row.want, c.Usage, row.reason)
	}
}

func TestPartsThatAreNone(t *testing.T) {
	for _, row := range []struct {
		name, data string
		parse      func(string, []byte, *wire.Chunk) error
		want       string
		err        error
		reason     string
	}{
		{"responses, no type", `{"delta":"a"}`, wire.ParseResponsesEvent, "an event without a type", wire.ErrMalformed, "it can't be told what it is"},
		{"responses, no object", `["a"]`, wire.ParseResponsesEvent, "an event without a type", wire.ErrMalformed, "an object is needed"},
		{"responses, no text", `{"type":"response.output_text.delta","delta":{}}`, wire.ParseResponsesEvent, "a text is neither string nor null", wire.ErrMalformed, "text is needed"},
		{"responses, no response", `{"type":"response.completed"}`, wire.ParseResponsesEvent, "it ends early", wire.ErrMalformed, "the end has one"},
		{"responses, bad usage", `{"type":"response.completed","response":{"usage":{"output_tokens":-1}}}`, wire.ParseResponsesEvent, "no number of tokens", wire.ErrMalformed, "nobody counts so"},
		{"responses, cut", `{"type":"response.created"`, wire.ParseResponsesEvent, "it ends early", wire.ErrMalformed, "no JSON"},
		{"Anthropic, no type", `{"type":"","delta":{}}`, wire.ParseAnthropicEvent, "an event without a type", wire.ErrMalformed, "it can't be told what it is"},
		{"Anthropic, no delta", `{"type":"content_block_delta"}`, wire.ParseAnthropicEvent, "it ends early", wire.ErrMalformed, "a delta is needed"},
		{"Anthropic, delta", `{"type":"content_block_delta","delta":"a"}`, wire.ParseAnthropicEvent, "a content block is no object", wire.ErrMalformed, "an object is needed"},
		{"Anthropic, message", `{"type":"message_start","message":1}`, wire.ParseAnthropicEvent, "a message is no object", wire.ErrMalformed, "an object is needed"},
		{"Anthropic, usage", `{"type":"message_delta","delta":{},"usage":[]}`, wire.ParseAnthropicEvent, "usage is no object", wire.ErrMalformed, "an object is needed"},
		{"Ollama, nothing known", `{"model":"m"}`, nameless(wire.ParseOllama), "a line without message, response, done or error", wire.ErrMalformed, "it says nothing"},
		{"Ollama, whole and not done", `{"response":"a","done":false}`, nameless(wire.ParseOllamaAnswer), "does not say done", wire.ErrTruncated, "more is to come"},
		{"Ollama, whole and not an answer", `{"model":"m"}`, nameless(wire.ParseOllamaAnswer), "a line without message", wire.ErrMalformed, "it says nothing"},
		{"Ollama, message", `{"message":"a"}`, nameless(wire.ParseOllama), "no object", wire.ErrMalformed, "an object is needed"},
		{"Ollama, count", `{"done":true,"eval_count":"1"}`, nameless(wire.ParseOllama), "no number of tokens", wire.ErrMalformed, "nor in words"},
		{"responses, type", `{"type":1,"delta":"a"}`, wire.ParseResponsesEvent, "an event without a type", wire.ErrMalformed, "a type is a text"},
		{"Anthropic, stop", `{"type":"message_delta","delta":[]}`, wire.ParseAnthropicEvent, "a delta is no object", wire.ErrMalformed, "an object is needed"},
		{"response, item", `{"output":[1]}`, nameless(wire.ParseResponse), "an item of output is no object", wire.ErrMalformed, "an object is needed"},
		{"response, output", `{"output":{}}`, nameless(wire.ParseResponse), "output is no array", wire.ErrMalformed, "a list is needed"},
		{"response, content", `{"output":[{"content":"a"}]}`, nameless(wire.ParseResponse), "the content of an item is no array", wire.ErrMalformed, "a list is needed"},
		{"response, queued", `{"status":"queued","output":[]}`, nameless(wire.ParseResponse), `the response is "queued"`, wire.ErrTruncated, "more is to come"},
		{"message, content", `{"content":"a"}`, nameless(wire.ParseAnthropicMessage), "content is no array", wire.ErrMalformed, "a list is needed"},
		{"embeddings, data", `{"data":{}}`, nameless(wire.ParseEmbeddings), "data is no array", wire.ErrMalformed, "a list is needed"},
		{"embeddings, element", `{"data":[1]}`, nameless(wire.ParseEmbeddings), "an element of data is no object", wire.ErrMalformed, "an object is needed"},
		{"embeddings, none", `{"data":[{"embedding":null}]}`, nameless(wire.ParseEmbeddings), "neither a list nor a text", wire.ErrMalformed, "a vector is needed"},
		{"embeddings, nothing known", `{"object":"list"}`, nameless(wire.ParseEmbeddings), "without data or error", wire.ErrMalformed, "it says nothing"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c wire.Chunk
			err := row.parse("", []byte(row.data), &c)
			require.ErrorIs(t, err, row.err, row.reason)
			require.ErrorContains(t, err, row.want, row.reason)
		})
	}
}

func TestDialectsAllocateNothingForAnEvent(t *testing.T) {
	for _, row := range []struct {
		name, data string
		parse      func(string, []byte, *wire.Chunk) error
	}{
		{"chat", string(chunk), nameless(wire.ParseChatChunk)},
		{"responses, text", `{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":" harbor \"B\"","logprobs":[]}`, wire.ParseResponsesEvent},
		{"responses, call", `{"type":"response.function_call_arguments.delta","delta":"{"}`, wire.ParseResponsesEvent},
		{"responses, end", `{"type":"response.completed","response":{"output":[],"usage":{"input_tokens":3,"output_tokens":4}}}`, wire.ParseResponsesEvent},
		{"Anthropic, start", `{"type":"message_start","message":{"usage":{"input_tokens":3,"cache_read_input_tokens":20}}}`, wire.ParseAnthropicEvent},
		{"Anthropic, text", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" h\u00e4fen"}}`, wire.ParseAnthropicEvent},
		{"Anthropic, end", `{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":4}}`, wire.ParseAnthropicEvent},
		{"Ollama, chat", `{"model":"m","message":{"role":"assistant","content":" harbor"},"done":false}`, nameless(wire.ParseOllama)},
		{"Ollama, end", `{"model":"m","response":"","done":true,"done_reason":"stop","eval_count":4}`, nameless(wire.ParseOllama)},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := make([]byte, 0, 1<<16)
			data := []byte(row.data)
			for _, c := range []wire.Chunk{{}, {Text: &text}} {
				require.Zero(t, testing.AllocsPerRun(100, func() {
					if err := row.parse("", data, &c); err != nil {
						t.Error(err)
					}
				}))
			}
		})
	}
}

// TestEndlessLinesAreRefusedInBoundedMemory feeds a line of 100 MB.
func TestEndlessLinesAreRefusedInBoundedMemory(t *testing.T) {
	var events wire.SSE
	var lines wire.NDJSON
	for _, row := range []struct {
		name string
		feed func([]byte) error
		held func() int
	}{
		{"SSE", func(b []byte) error { return events.Feed(b, func(wire.Event) error { return nil }) }, events.Held},
		{"NDJSON", func(b []byte) error { return lines.Feed(b, func([]byte) error { return nil }) }, lines.Held},
	} {
		t.Run(row.name, func(t *testing.T) {
			piece := bytes.Repeat([]byte("x"), 4<<10)
			most, accepted := 0, 0
			var err error
			for range 100_000_000 / len(piece) {
				if err = row.feed(piece); err == nil {
					accepted += len(piece)
				}
				most = max(most, row.held())
			}
			require.ErrorIs(t, err, wire.ErrTooLong)
			require.Equal(t, 4<<20, accepted, "the limit")
			require.Less(t, most, 8<<20, "what is held stays near the limit")
		})
	}
}

// told is what a client makes of a stream in a dialect.
type told struct {
	events, tokens int
	complete       bool
	usage          wire.Usage
	text           string
	err            string
}

// follow reads a stream that arrives in parts, as a client would that stops at
// the first error.
func (d dialect) follow(parts ...[]byte) (a told) {
	text := []byte{}
	c := wire.Chunk{Text: &text}
	part := func(name string, data []byte) error {
		a.events++
		if wire.IsDone(data) {
			return nil
		}
		if err := d.part(name, data, &c); err != nil {
			return err
		}
		if c.Tokens() {
			a.tokens++
		}
		a.complete = a.complete || c.Complete
		a.usage = c.Usage
		if c.Error != nil {
			return c.Error
		}
		return nil
	}
	event := func(e wire.Event) error { return part(e.Name, e.Data) }
	line := func(data []byte) error { return part("", data) }
	var events wire.SSE
	var lines wire.NDJSON
	feed, end := func(b []byte) error { return events.Feed(b, event) }, func() error { return events.Close(event) }
	if d.lines {
		feed, end = func(b []byte) error { return lines.Feed(b, line) }, func() error { return lines.Close(line) }
	}
	for _, part := range parts {
		if err := feed(part); err != nil {
			a.err, a.text = err.Error(), string(text)
			return a
		}
	}
	if err := end(); err != nil {
		a.err = err.Error()
	}
	a.text = string(text)
	return a
}

// fuzz reads a stream in the dialect whole and in pieces, and its bytes as one
// event and as a whole answer.
func (d dialect) fuzz(f *testing.F) {
	names, err := filepath.Glob(filepath.Join(streamsDir, d.files))
	require.NoError(f, err)
	require.NotEmpty(f, names)
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(data, uint8(7))
		for line := range bytes.Lines(data) {
			if payload, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
				f.Add(bytes.TrimSpace(payload), uint8(1))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		want := d.follow(data)
		require.Equal(t, want, d.follow(pieces(data, int(size)+1)...), "a stream is the same however it is split")
		cut := int(size) % (len(data) + 1)
		require.Equal(t, want, d.follow(data[:cut], data[cut:]))
		for _, parse := range []func(string, []byte, *wire.Chunk) error{d.part, nameless(d.whole)} {
			var without wire.Chunk
			text := []byte{}
			with := wire.Chunk{Text: &text}
			err := parse("", data, &without)
			require.Equal(t, err == nil, parse("", data, &with) == nil)
			if !wire.Valid(data) {
				require.ErrorIs(t, err, wire.ErrMalformed)
			}
			if err != nil {
				require.True(t, errors.Is(err, wire.ErrMalformed) || errors.Is(err, wire.ErrTruncated), "%v", err)
				continue
			}
			with.Text = nil
			require.Equal(t, without, with, "keeping the text changes nothing")
			require.LessOrEqual(t, len(text), 3*len(data), "what is not UTF-8 takes three bytes for one")
			if len(text) > 0 {
				require.True(t, with.Content)
				require.True(t, strings.ToValidUTF8(string(text), "") == string(text))
			}
			other := []byte{}
			again := wire.Chunk{Text: &other}
			require.NoError(t, parse("", rewritten(t, data), &again), "the same document, written otherwise")
			require.Equal(t, without.Error == nil, again.Error == nil)
			again.Text, again.Error = nil, without.Error // which may quote it
			if again.Finish != "" && strings.ContainsAny(without.Finish[:min(1, len(without.Finish))], "{[") {
				again.Finish = without.Finish // what is no string is kept as it was written
			}
			require.Equal(t, without, again)
			require.Equal(t, string(text), string(other))
		}
	})
}

// rewritten is a JSON document as encoding/json reads it, written otherwise: with
// white space everywhere and nothing but escapes in strings.
func rewritten(t *testing.T, data []byte) []byte {
	tokens := json.NewDecoder(bytes.NewReader(data))
	tokens.UseNumber()
	var out bytes.Buffer
	type level struct {
		object bool
		n      int // tokens so far
	}
	var open []level
	for {
		token, err := tokens.Token()
		if err == io.EOF {
			return out.Bytes()
		}
		require.NoError(t, err)
		delim, _ := token.(json.Delim)
		if delim == '}' || delim == ']' {
			open = open[:len(open)-1]
		} else if len(open) > 0 {
			at := &open[len(open)-1]
			switch {
			case at.object && at.n%2 == 1:
				out.WriteString("\t:\n")
			case at.n > 0:
				out.WriteString(" , ")
			}
			at.n++
		}
		out.WriteString(" ")
		switch v := token.(type) {
		case json.Delim:
			out.WriteString(v.String())
			if v == '{' || v == '[' {
				open = append(open, level{object: v == '{'})
			}
		case string:
			out.WriteString(`"`)
			for _, unit := range utf16.Encode([]rune(v)) {
				fmt.Fprintf(&out, `\u%04x`, unit)
			}
			out.WriteString(`"`)
		case nil:
			out.WriteString("null")
		default:
			fmt.Fprint(&out, v)
		}
		out.WriteString(" ")
	}
}

func FuzzChat(f *testing.F)       { dialects[0].fuzz(f) }
func FuzzResponses(f *testing.F)  { dialects[1].fuzz(f) }
func FuzzAnthropic(f *testing.F)  { dialects[2].fuzz(f) }
func FuzzOllama(f *testing.F)     { dialects[3].fuzz(f) }
func FuzzEmbeddings(f *testing.F) { dialects[4].fuzz(f) }
