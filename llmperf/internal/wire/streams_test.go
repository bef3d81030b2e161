package wire_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/wire"
)

// streamsDir holds recorded streams; their names say what they are.
const streamsDir = "../../../testdata/streams"

// streams returns the content of the recorded streams whose names match pattern.
func streams(t testing.TB, pattern string) [][]byte {
	names, err := filepath.Glob(filepath.Join(streamsDir, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	var all [][]byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		all = append(all, data)
	}
	return all
}

// An account is what a client makes of one stream.
type account struct {
	Events     int // [DONE] included
	Tokens     int // chunks that bring tokens
	Reasoning  int // of them, chunks that bring reasoning
	ToolCalls  int // of them, chunks that bring tool calls
	Done       bool
	Unfinished bool // the last event lacks its blank line
	Finish     string
	Usage      wire.Usage
	Err        string
}

// read accounts for a stream that arrives in parts, as a client would that stops at the first error.
func read(parts ...[]byte) (a account) {
	emit := func(e wire.Event) error {
		a.Events++
		a.Unfinished = e.Unfinished
		if wire.IsDone(e.Data) {
			a.Done = true
			return nil
		}
		switch e.Name {
		case "error":
			return wire.ParseError(e.Data)
		case "ping":
			return nil
		}
		var c wire.Chunk
		if err := wire.ParseChatChunk(e.Data, &c); err != nil {
			return err
		}
		if c.Tokens() {
			a.Tokens++
		}
		if c.Reasoning {
			a.Reasoning++
		}
		if c.ToolCall {
			a.ToolCalls++
		}
		if c.Finish != "" {
			a.Finish = c.Finish
		}
		if c.HasUsage {
			a.Usage = c.Usage
		}
		if c.Error != nil {
			return c.Error
		}
		return nil
	}
	var p wire.SSE
	for _, part := range parts {
		if err := p.Feed(part, emit); err != nil {
			a.Err = err.Error()
			return a
		}
	}
	if err := p.Close(emit); err != nil {
		a.Err = err.Error()
	}
	return a
}

var recorded = []struct {
	file   string
	want   account
	reason string
}{
	{"chat-openai-text.sse", account{Events: 8, Tokens: 5, Done: true, Finish: "stop"}, "the role, the finish and [DONE] bring no tokens"},
	{"chat-openai-usage-chunk.sse", account{Events: 9, Tokens: 5, Done: true, Finish: "stop", Usage: wire.Usage{Prompt: 21, Cached: 16, Completion: 6}}, "usage is null until its own chunk"},
	{"chat-openai-usage-chunk-crlf.sse", account{Events: 7, Tokens: 3, Done: true, Finish: "length", Usage: wire.Usage{Prompt: 21, Cached: 16, Completion: 6}}, "CRLF ends lines as well"},
	{"chat-openai-tool-calls.sse", account{Events: 8, Tokens: 5, ToolCalls: 5, Done: true, Finish: "tool_calls"}, "the first chunk names a function; the second brings nothing"},
	{"chat-openai-function-call.sse", account{Events: 6, Tokens: 3, ToolCalls: 3, Done: true, Finish: "function_call"}, "calls before there were tools"},
	{"chat-openai-refusal.sse", account{Events: 7, Tokens: 4, Done: true, Finish: "stop"}, "a refusal is output"},
	{"chat-openai-two-choices.sse", account{Events: 9, Tokens: 4, Done: true, Finish: "length"}, "tokens of both choices"},
	{"chat-azure-prompt-filter.sse", account{Events: 7, Tokens: 2, Done: true, Finish: "stop"}, "filter results are no tokens"},
	{"chat-vllm-usage-chunk.sse", account{Events: 9, Tokens: 5, Done: true, Finish: "stop", Usage: wire.Usage{Prompt: 34, Completion: 6}}, "the finish has an empty content"},
	{"chat-vllm-continuous-usage.sse", account{Events: 9, Tokens: 5, Done: true, Finish: "stop", Usage: wire.Usage{Prompt: 34, Completion: 6}}, "usage with every chunk; the last counts"},
	{"chat-vllm-multi-token-chunks.sse", account{Events: 7, Tokens: 4, Done: true, Finish: "stop"}, "escapes and characters beyond ASCII"},
	{"chat-vllm-reasoning.sse", account{Events: 10, Tokens: 7, Reasoning: 5, Done: true, Finish: "stop"}, "both names of reasoning"},
	{"chat-vllm-keep-alive.sse", account{Events: 5, Tokens: 2, Done: true, Finish: "stop"}, "comments are no events"},
	{"chat-vllm-error-in-band.sse", account{Events: 4, Tokens: 2, Err: "the server reports an error InternalServerError 500: EngineCore encountered an issue. See stack trace (above) for the root cause."}, "tokens, then an error inside a successful response"},
	{"chat-vllm-error-object.sse", account{Events: 1, Err: "the server reports an error BadRequestError 400: max_tokens must be at least 1, got 0."}, "the older way to say so"},
	{"chat-vllm-cut-mid-event.sse", account{Events: 5, Tokens: 4, Err: `truncated response: the body ends within the event "{\"id\":\"chatcmpl-9d1f0c5e7ab24d3b8f6610c2e4a7b935\",\"object\":\"chat.completion.chun"...`}, "the connection broke within the last token"},
	{"chat-vllm-cut-between-events.sse", account{Events: 6, Tokens: 5}, "only the missing finish and [DONE] tell"},
	{"chat-vllm-cut-before-blank-line.sse", account{Events: 6, Tokens: 5, Unfinished: true}, "the last event is whole but for its blank line"},
	{"chat-vllm-done-without-blank-line.sse", account{Events: 4, Tokens: 1, Done: true, Unfinished: true, Finish: "stop"}, "the stream is complete all the same"},
	{"chat-vllm-done-without-newline.sse", account{Events: 4, Tokens: 1, Done: true, Unfinished: true, Finish: "stop"}, "the stream is complete all the same"},
	{"chat-vllm-no-choices-no-usage.sse", account{Events: 2, Err: `malformed response: a chunk without choices, usage or error: "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1764000100,\"model\""...`}, "a chunk must say something"},
	{"chat-llamacpp-usage-chunk.sse", account{Events: 8, Tokens: 4, Done: true, Finish: "stop", Usage: wire.Usage{Prompt: 21, Cached: 12, Completion: 4}}, "the first content is null"},
	{"chat-llamacpp-no-done.sse", account{Events: 5, Tokens: 3, Finish: "stop"}, "the finish says that it is complete"},
	{"chat-llamacpp-reasoning.sse", account{Events: 7, Tokens: 4, Reasoning: 3, Done: true, Finish: "length"}, "reasoning comes before content"},
	{"chat-llamacpp-tool-calls.sse", account{Events: 5, Tokens: 2, ToolCalls: 2, Done: true, Finish: "tool_calls"}, "name and arguments in one"},
	{"chat-llamacpp-keep-alive.sse", account{Events: 4, Tokens: 1, Done: true, Finish: "stop"}, "a colon alone is a comment"},
	{"chat-llamacpp-error-in-band.sse", account{Events: 2, Err: "the server reports an error exceed_context_size_error 400: the request exceeds the available context size. try increasing the context size or enable context shift"}, "an error, and no [DONE]"},
	{"chat-llamacpp-error-field.sse", account{Events: 1, Err: "the server reports an error exceed_context_size_error 400: the request exceeds the available context size. try increasing the context size or enable context shift"}, "a field that browsers ignore"},
	{"chat-error-event.sse", account{Events: 3, Tokens: 1, Err: "the server reports an error stream_error: upstream connect timeout"}, "an event named error"},
	{"chat-error-event-plain-text.sse", account{Events: 2, Err: "the server reports an error: upstream went away"}, "whose data need not be JSON"},
	{"chat-bare-json-error.sse", account{Err: "the server reports an error exceed_context_size_error 400: the request exceeds the available context size. try increasing the context size or enable context shift"}, "an error body where a stream was promised"},
	{"chat-bare-json-lines.sse", account{Err: `malformed response: a line that is no field of an event stream: "{\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"role\":\"assistant\",\"content"...`}, "not a stream without events"},
	{"chat-web-page.sse", account{Err: `malformed response: a line that is no field of an event stream: "<!DOCTYPE html>"`}, "nor is this"},
	{"chat-multi-line-data.sse", account{Events: 5, Tokens: 2, Done: true, Finish: "stop"}, "one chunk over many data lines"},
	{"chat-ids-and-names.sse", account{Events: 5, Tokens: 2, Done: true, Finish: "stop"}, "fields that chat has no use for"},
	{"chat-byte-order-mark-cr.sse", account{Events: 5, Tokens: 2, Done: true, Finish: "stop"}, "the standard allows both"},
	{"chat-no-space-after-colon.sse", account{Events: 4, Tokens: 1, Done: true, Finish: "stop"}, "the space is optional"},
	{"chat-content-parts.sse", account{Events: 7, Tokens: 3, Reasoning: 1, Done: true, Finish: "stop"}, "content as a list of parts"},
	{"chat-whole-message-in-stream.sse", account{Events: 2, Done: true, Finish: "stop", Usage: wire.Usage{Prompt: 9, Completion: 4}}, "an answer that was not streamed has no tokens to time"},
	{"chat-deepseek-reasoning.sse", account{Events: 7, Tokens: 4, Reasoning: 2, Done: true, Finish: "stop", Usage: wire.Usage{Prompt: 13, Completion: 8, Reasoning: 3}}, "keep-alives and nulls bring nothing"},
	{"chat-deepseek-cached.sse", account{Events: 6, Tokens: 2, Done: true, Finish: "stop", Usage: wire.Usage{Prompt: 93, Cached: 64, Completion: 3}}, "hits are cached tokens"},
	{"chat-openai-hidden-reasoning.sse", account{Events: 8, Tokens: 4, Done: true, Finish: "stop", Usage: wire.Usage{Prompt: 19, Completion: 202, Reasoning: 192}}, "reasoning is counted and not sent"},
	{"chat-gateway-pings.sse", account{Events: 7, Tokens: 2, Done: true, Finish: "stop"}, "a ping is no chunk"},
	{"chat-gateway-finish-error.sse", account{Events: 3, Tokens: 2, Finish: "error", Err: "the server reports an error: the finish reason is error"}, "a finish that is an error"},
	{"chat-tgi.sse", account{Events: 5, Tokens: 2, Done: true, Finish: "stop", Usage: wire.Usage{Prompt: 13, Completion: 3}}, "every chunk names the role"},
	{"chat-tgi-error.sse", account{Events: 2, Tokens: 1, Err: "the server reports an error generation: Request failed during generation: Server error: CANCELLED"}, "a text with its type beside it"},
	{"text-openai-usage-chunk.sse", account{Events: 5, Tokens: 2, Done: true, Finish: "length", Usage: wire.Usage{Prompt: 7, Cached: 4, Completion: 4}}, "usage as in chat"},
	{"text-openai-cut.sse", account{Events: 2, Tokens: 2}, "only the missing finish and [DONE] tell"},
	{"text-openai-error-in-band.sse", account{Events: 2, Tokens: 1, Err: "the server reports an error server_error: The server had an error."}, "tokens, then an error"},
	{"text-vllm.sse", account{Events: 4, Tokens: 2, Done: true, Finish: "length"}, "a text completion"},
}

func TestRecordedStreams(t *testing.T) {
	for _, row := range recorded {
		t.Run(strings.TrimSuffix(row.file, ".sse"), func(t *testing.T) {
			stream, err := os.ReadFile(filepath.Join(streamsDir, row.file))
			require.NoError(t, err)
			require.Equal(t, row.want, read(stream), "whole: %s", row.reason)
			require.Equal(t, row.want, read(pieces(stream, 1)...), "byte by byte: %s", row.reason)
			for cut := range stream {
				if got := read(stream[:cut], stream[cut:]); got != row.want {
					require.Equal(t, row.want, got, "split at byte %d: %s", cut, row.reason)
				}
			}
		})
	}
}

func TestEveryRecordedStreamIsAccountedFor(t *testing.T) {
	var names []string
	for _, pattern := range []string{"chat-*.sse", "text-*.sse"} {
		matches, err := filepath.Glob(filepath.Join(streamsDir, pattern))
		require.NoError(t, err)
		names = append(names, matches...)
	}
	var have, want []string
	for _, name := range names {
		have = append(have, filepath.Base(name))
	}
	for _, row := range recorded {
		want = append(want, row.file)
	}
	require.ElementsMatch(t, want, have)
}

func TestRecordedLines(t *testing.T) {
	for _, row := range []struct {
		file        string
		lines, done int
		err         error
		reason      string
	}{
		{"chat-ollama.ndjson", 4, 1, nil, "the last line is the summary"},
		{"chat-ollama-crlf.ndjson", 4, 1, nil, "CRLF ends lines as well"},
		{"chat-ollama-no-last-newline.ndjson", 4, 1, nil, "the last line is whole"},
		{"chat-ollama-cut-mid-line.ndjson", 3, 0, wire.ErrTruncated, "the last line is not"},
	} {
		t.Run(row.file, func(t *testing.T) {
			stream, err := os.ReadFile(filepath.Join(streamsDir, row.file))
			require.NoError(t, err)
			for cut := range stream {
				var p wire.NDJSON
				lines, err := feedNDJSON(&p, stream[:cut], stream[cut:])
				require.Len(t, lines, row.lines, row.reason)
				require.True(t, errors.Is(err, row.err), "%v: %s", err, row.reason)
				done := 0
				for _, line := range lines {
					s := wire.Scan([]byte(line))
					require.True(t, s.Object())
					for s.Member() {
						if string(s.Key()) == "done" && string(s.Value()) == "true" {
							done++
						}
					}
					require.NoError(t, s.End())
				}
				require.Equal(t, row.done, done, row.reason)
			}
		})
	}
}
