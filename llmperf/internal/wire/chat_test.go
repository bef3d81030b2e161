package wire_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/wire"
)

func TestParseChatChunkFindsWhatAChunkBrings(t *testing.T) {
	for _, row := range []struct {
		name, chunk string
		want        wire.Chunk
		reason      string
	}{
		{"content", `{"choices":[{"delta":{"content":"a"}}]}`, wire.Chunk{HasChoices: true, Content: true}, "the ordinary case"},
		{"white space", `{"choices":[{"delta":{"content":" "}}]}`, wire.Chunk{HasChoices: true, Content: true}, "a space is a token"},
		{"role", `{"choices":[{"delta":{"role":"assistant","content":""}}]}`, wire.Chunk{HasChoices: true, Role: true}, "the first chunk is no token"},
		{"role and null", `{"choices":[{"delta":{"role":"assistant","content":null}}]}`, wire.Chunk{HasChoices: true, Role: true}, "nor is it in llama.cpp's dialect"},
		{"role and content", `{"choices":[{"delta":{"role":"assistant","content":"a"}}]}`, wire.Chunk{HasChoices: true, Role: true, Content: true}, "some send both at once"},
		{"empty delta", `{"choices":[{"delta":{},"finish_reason":"stop"}]}`, wire.Chunk{HasChoices: true, Finish: "stop", Complete: true}, "the last chunk is no token"},
		{"null delta", `{"choices":[{"delta":null}]}`, wire.Chunk{HasChoices: true}, "null is nothing"},
		{"no delta", `{"choices":[{"index":0}]}`, wire.Chunk{HasChoices: true}, "Azure's filter results"},
		{"finish with content", `{"choices":[{"delta":{"content":"a"},"finish_reason":"length"}]}`, wire.Chunk{HasChoices: true, Content: true, Finish: "length", Complete: true}, "both count"},
		{"unusual finish", `{"choices":[{"delta":{},"finish_reason":"abort"}]}`, wire.Chunk{HasChoices: true, Finish: "abort", Complete: true}, "any reason is told"},
		{"filtered", `{"choices":[{"delta":{},"finish_reason":"content_filter"}]}`, wire.Chunk{HasChoices: true, Finish: "content_filter", Complete: true}, "a reason like others"},
		{"empty finish", `{"choices":[{"delta":{},"finish_reason":""}]}`, wire.Chunk{HasChoices: true}, "no reason is none"},
		{"reasoning_content", `{"choices":[{"delta":{"reasoning_content":"a"}}]}`, wire.Chunk{HasChoices: true, Reasoning: true}, "one name of it"},
		{"reasoning", `{"choices":[{"delta":{"reasoning":"a","content":null}}]}`, wire.Chunk{HasChoices: true, Reasoning: true}, "the other name"},
		{"empty reasoning", `{"choices":[{"delta":{"reasoning":"","reasoning_content":null}}]}`, wire.Chunk{HasChoices: true}, "no token"},
		{"refusal", `{"choices":[{"delta":{"refusal":"no"}}]}`, wire.Chunk{HasChoices: true, Refusal: true}, "is output too"},
		{"null refusal", `{"choices":[{"delta":{"refusal":null}}]}`, wire.Chunk{HasChoices: true}, "is none"},
		{"tool name", `{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":""}}]}}]}`, wire.Chunk{HasChoices: true, ToolCall: true}, "a name is output"},
		{"tool arguments", `{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]}`, wire.Chunk{HasChoices: true, ToolCall: true}, "arguments are output"},
		{"second tool", `{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":""}},{"function":{"name":"f"}}]}}]}`, wire.Chunk{HasChoices: true, ToolCall: true}, "any call counts"},
		{"arguments as object", `{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":{"a":1}}}]}}]}`, wire.Chunk{HasChoices: true, ToolCall: true}, "some servers decode them"},
		{"custom tool", `{"choices":[{"delta":{"tool_calls":[{"type":"custom","custom":{"input":"x"}}]}}]}`, wire.Chunk{HasChoices: true, ToolCall: true}, "input is its arguments"},
		{"empty tool call", `{"choices":[{"delta":{"tool_calls":[{"id":"x","function":{"name":null,"arguments":""}}]}}]}`, wire.Chunk{HasChoices: true}, "an id is no output"},
		{"no tool calls", `{"choices":[{"delta":{"tool_calls":[]}}]}`, wire.Chunk{HasChoices: true}, "no call"},
		{"null tool calls", `{"choices":[{"delta":{"tool_calls":null,"function_call":null}}]}`, wire.Chunk{HasChoices: true}, "no call"},
		{"null function", `{"choices":[{"delta":{"tool_calls":[{"function":null}]}}]}`, wire.Chunk{HasChoices: true}, "no call"},
		{"function_call", `{"choices":[{"delta":{"function_call":{"arguments":"{"}}}]}`, wire.Chunk{HasChoices: true, ToolCall: true}, "as it was called before tools"},
		{"second choice", `{"choices":[{"delta":{"content":""}},{"delta":{"content":"a"}}]}`, wire.Chunk{HasChoices: true, Content: true}, "any choice counts"},
		{"finish of the first", `{"choices":[{"finish_reason":"stop","delta":{}},{"finish_reason":null,"delta":{}}]}`, wire.Chunk{HasChoices: true, Finish: "stop", Complete: true}, "any choice counts"},
		{"text", `{"choices":[{"text":"a"}]}`, wire.Chunk{HasChoices: true, Content: true}, "text completions have no delta"},
		{"message beside delta", `{"choices":[{"delta":{"content":""},"message":{"content":"so far"}}]}`, wire.Chunk{HasChoices: true}, "what was sent before is no new token"},
		{"parts of text", `{"choices":[{"delta":{"content":[{"type":"text","text":""},{"type":"text","text":"a"}]}}]}`, wire.Chunk{HasChoices: true, Content: true}, "content may be a list"},
		{"parts of thinking", `{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]}]}}]}`, wire.Chunk{HasChoices: true, Reasoning: true}, "as Mistral sends reasoning"},
		{"other parts", `{"choices":[{"delta":{"content":["x",{"type":"reference","reference_ids":[1]}]}}]}`, wire.Chunk{HasChoices: true}, "are no text"},
		{"escaped key", `{"choices":[{"delta":{"c\u006fntent":"a"}}]}`, wire.Chunk{HasChoices: true, Content: true}, "keys may be escaped"},
		{"usage chunk", `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`, wire.Chunk{HasUsage: true, Usage: wire.Usage{Prompt: 3, Completion: 2}}, "usage comes without choices"},
		{"usage without choices", `{"usage":{"prompt_tokens":3}}`, wire.Chunk{HasUsage: true, Usage: wire.Usage{Prompt: 3}}, "or without the list"},
		{"cached", `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1,"audio_tokens":9}}}`, wire.Chunk{HasUsage: true, Usage: wire.Usage{Prompt: 3, Cached: 1, Completion: 2}}, "what the prefix cache had"},
		{"null details", `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"prompt_tokens_details":null}}`, wire.Chunk{HasUsage: true, Usage: wire.Usage{Prompt: 3, Completion: 2}}, "as vLLM sends"},
		{"null usage", `{"choices":[{"delta":{"content":"a"}}],"usage":null}`, wire.Chunk{HasChoices: true, Content: true}, "as OpenAI sends with every chunk"},
		{"null counts", `{"choices":[],"usage":{"prompt_tokens":null,"completion_tokens":null}}`, wire.Chunk{}, "nothing was counted"},
		{"count as float", `{"choices":[],"usage":{"prompt_tokens":3.0,"completion_tokens":2e0}}`, wire.Chunk{HasUsage: true, Usage: wire.Usage{Prompt: 3, Completion: 2}}, "whole numbers"},
		{"usage with content", `{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}`, wire.Chunk{HasChoices: true, Content: true, HasUsage: true, Usage: wire.Usage{Prompt: 3, Completion: 1}}, "vLLM's continuous usage"},
		{"no choices yet", `{"choices":[],"prompt_filter_results":[]}`, wire.Chunk{}, "Azure's first chunk"},
		{"null choices", `{"choices":null}`, wire.Chunk{}, "an empty list of Go"},
		{"error", `{"error":{"message":"no","type":"t","code":500}}`, wire.Chunk{Error: &wire.ServerError{"t", "500", "no"}}, "reported in band"},
		{"error as text", `{"error":"no"}`, wire.Chunk{Error: &wire.ServerError{Message: "no"}}, "reported in band"},
		{"object error", `{"object":"error","message":"no","type":"t","code":400}`, wire.Chunk{Error: &wire.ServerError{"t", "400", "no"}}, "vLLM's older way"},
		{"error without words", `{"error":{}}`, wire.Chunk{Error: &wire.ServerError{Message: `{"error":{}}`}}, "an error all the same"},
		{"error in a choice", `{"choices":[{"delta":{"content":""},"finish_reason":"error","error":{"code":502,"message":"no"}}]}`, wire.Chunk{HasChoices: true, Finish: "error", Complete: true, Error: &wire.ServerError{Code: "502", Message: "no"}}, "routers report one provider's failure so"},
		{"error before the finish", `{"choices":[{"error":{"message":"no"},"finish_reason":"error"}]}`, wire.Chunk{HasChoices: true, Finish: "error", Complete: true, Error: &wire.ServerError{Message: "no"}}, "what it says is more than that there is one"},
		{"finish error", `{"choices":[{"delta":{},"finish_reason":"error"}]}`, wire.Chunk{HasChoices: true, Finish: "error", Complete: true, Error: &wire.ServerError{Message: "the finish reason is error"}}, "an error all the same"},
		{"ping", `{"type": "ping"}`, wire.Chunk{}, "keeps a connection alive"},
		{"cache hits", `{"usage":{"prompt_tokens":9,"prompt_cache_hit_tokens":8}}`, wire.Chunk{HasUsage: true, Usage: wire.Usage{Prompt: 9, Cached: 8}}, "DeepSeek's name"},
		{"error with content", `{"choices":[{"delta":{"content":"a"}}],"error":{"message":"no"}}`, wire.Chunk{HasChoices: true, Content: true, Error: &wire.ServerError{Message: "no"}}, "both are told"},
		{"no error", `{"choices":[{"delta":{}}],"error":null}`, wire.Chunk{HasChoices: true}, "null says that there is none"},
		{"empty error", `{"choices":[{"delta":{},"error":""}],"error":""}`, wire.Chunk{HasChoices: true}, "so does an empty text"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := wire.Chunk{Content: true, Finish: "before", Complete: true, HasUsage: true, Error: &wire.ServerError{}}
			require.NoError(t, wire.ParseChatChunk([]byte(row.chunk), &got), row.reason)
			require.Equal(t, row.want, got, row.reason)
			require.Equal(t, got.Content || got.Reasoning || got.ToolCall || got.Refusal, got.Tokens())
		})
	}
}

func TestParseChatChunkRejectsWhatIsNoChunk(t *testing.T) {
	for _, row := range []struct{ name, chunk, want, reason string }{
		{"nothing", ``, `malformed response: JSON at byte 0 of 0: it ends early: ""`, "no JSON"},
		{"done", `[DONE]`, `malformed response: JSON at byte 1 of 6: no value begins like this: "[DONE]"`, "the caller must look for it"},
		{"cut", `{"choices":[{"delta":{"content":"a`, `malformed response: JSON at byte 34 of 34: it ends early: "{\"choices\":[{\"delta\":{\"content\":\"a"`, "no JSON"},
		{"trailing", `{"choices":[]}}`, `malformed response: JSON at byte 14 of 15: only white space may follow the value: "{\"choices\":[]}}"`, "no JSON"},
		{"array", `[]`, `malformed response: a chunk without choices, usage or error: "[]"`, "no object"},
		{"null", `null`, `malformed response: a chunk without choices, usage or error: "null"`, "no object"},
		{"nothing known", `{"id":"x"}`, `malformed response: a chunk without choices, usage or error: "{\"id\":\"x\"}"`, "it says nothing"},
		{"null usage alone", `{"usage":null}`, `malformed response: a chunk without choices, usage or error: "{\"usage\":null}"`, "it says nothing"},
		{"other type", `{"type":"pong"}`, `malformed response: a chunk without choices, usage or error: "{\"type\":\"pong\"}"`, "of no known dialect"},
		{"no error", `{"error":false}`, `malformed response: a chunk without choices, usage or error: "{\"error\":false}"`, "it says nothing"},
		{"choices", `{"choices":{}}`, `malformed response: JSON at byte 11 of 14: choices is no array: "{\"choices\":{}}"`, "a list is needed"},
		{"choice", `{"choices":[1]}`, `malformed response: JSON at byte 12 of 15: a choice is no object: "{\"choices\":[1]}"`, "an object is needed"},
		{"delta", `{"choices":[{"delta":"a"}]}`, `malformed response: JSON at byte 21 of 27: a delta or message is no object: "{\"choices\":[{\"delta\":\"a\"}]}"`, "an object is needed"},
		{"content", `{"choices":[{"delta":{"content":1}}]}`, `malformed response: JSON at byte 32 of 37: a text is neither string nor null: "{\"choices\":[{\"delta\":{\"content\":1}}]}"`, "text is needed"},
		{"tool calls", `{"choices":[{"delta":{"tool_calls":{}}}]}`, `malformed response: JSON at byte 35 of 41: tool_calls is no array: "{\"choices\":[{\"delta\":{\"tool_calls\":{}}}]}"`, "a list is needed"},
		{"tool call", `{"choices":[{"delta":{"tool_calls":[0]}}]}`, `malformed response: JSON at byte 36 of 42: a tool call is no object: "{\"choices\":[{\"delta\":{\"tool_calls\":[0]}}]}"`, "an object is needed"},
		{"function", `{"choices":[{"delta":{"function_call":""}}]}`, `malformed response: JSON at byte 38 of 44: a function is no object: "{\"choices\":[{\"delta\":{\"function_call\":\"\"}}]}"`, "an object is needed"},
		{"usage", `{"usage":5}`, `malformed response: JSON at byte 9 of 11: usage is no object: "{\"usage\":5}"`, "an object is needed"},
		{"details", `{"usage":{"prompt_tokens_details":5}}`, `malformed response: JSON at byte 34 of 37: the details of usage are no object: "{\"usage\":{\"prompt_tokens_details\":5}}"`, "an object is needed"},
		{"negative count", `{"usage":{"prompt_tokens":-1}}`, `malformed response: JSON at byte 26 of 30: no number of tokens: "{\"usage\":{\"prompt_tokens\":-1}}"`, "nobody counts so"},
		{"large count", `{"usage":{"prompt_tokens":3000000000}}`, `malformed response: JSON at byte 26 of 38: no number of tokens: "{\"usage\":{\"prompt_tokens\":3000000000}}"`, "nor so far"},
		{"half a token", `{"usage":{"prompt_tokens":1.5}}`, `malformed response: JSON at byte 26 of 31: no number of tokens: "{\"usage\":{\"prompt_tokens\":1.5}}"`, "nor in halves"},
		{"count as text", `{"usage":{"prompt_tokens":"1"}}`, `malformed response: JSON at byte 26 of 31: no number of tokens: "{\"usage\":{\"prompt_tokens\":\"1\"}}"`, "nor in words"},
		{"error, then no JSON", `{"error":"no",}`, `malformed response: JSON at byte 14 of 15: an object's key must be a string: "{\"error\":\"no\",}"`, "an error does not excuse what follows"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c wire.Chunk
			err := wire.ParseChatChunk([]byte(row.chunk), &c)
			require.EqualError(t, err, row.want, row.reason)
			require.ErrorIs(t, err, wire.ErrMalformed)
		})
	}
}

func TestParseChatCompletionReadsMessages(t *testing.T) {
	for _, row := range []struct {
		file   string
		want   wire.Chunk
		reason string
	}{
		{"completion-vllm-text.json", wire.Chunk{HasChoices: true, Role: true, Content: true, Finish: "stop", Complete: true, HasUsage: true, Usage: wire.Usage{Prompt: 34, Completion: 6}}, "nulls and empty lists are nothing"},
		{"completion-openai-text.json", wire.Chunk{HasChoices: true, Role: true, Content: true, Finish: "stop", Complete: true, HasUsage: true, Usage: wire.Usage{Prompt: 21, Cached: 16, Completion: 6}}, "printed over many lines"},
		{"completion-openai-tool-calls.json", wire.Chunk{HasChoices: true, Role: true, ToolCall: true, Finish: "tool_calls", Complete: true, HasUsage: true, Usage: wire.Usage{Prompt: 21, Cached: 16, Completion: 6}}, "a call without content"},
		{"completion-llamacpp-reasoning.json", wire.Chunk{HasChoices: true, Role: true, Content: true, Reasoning: true, Finish: "stop", Complete: true, HasUsage: true, Usage: wire.Usage{Prompt: 34, Completion: 6}}, "reasoning and content"},
		{"completion-vllm-empty.json", wire.Chunk{HasChoices: true, Role: true, Finish: "length", Complete: true, HasUsage: true, Usage: wire.Usage{Prompt: 34, Completion: 6}}, "complete, and without output"},
		{"completion-vllm-error.json", wire.Chunk{Error: &wire.ServerError{"NotFoundError", "404", "The model `nope` does not exist."}}, "an error instead"},
	} {
		t.Run(row.file, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join(streamsDir, row.file))
			require.NoError(t, err)
			var c wire.Chunk
			require.NoError(t, wire.ParseChatCompletion(body, &c), row.reason)
			require.Equal(t, row.want, c, row.reason)
		})
	}
}

func TestParseChatCompletionRejectsWhatIsNoCompletion(t *testing.T) {
	for _, row := range []struct{ name, body, want, reason string }{
		{"no choices", `{"choices":[],"usage":{"prompt_tokens":1}}`, `malformed response: a completion without choices or error: "{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}"`, "usage alone is no answer"},
		{"stream", `data: {}`, `malformed response: JSON at byte 0 of 8: no value begins like this: "data: {}"`, "a stream is no completion"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c wire.Chunk
			require.EqualError(t, wire.ParseChatCompletion([]byte(row.body), &c), row.want, row.reason)
		})
	}
}

func TestParseChatChunkAllocatesNothing(t *testing.T) {
	for _, row := range []struct{ name, chunk string }{
		{"content", string(chunk)},
		{"tool call", `{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]},"finish_reason":"tool_calls"}]}`},
		{"usage", `{"choices":[],"usage":{"prompt_tokens":34,"completion_tokens":6,"prompt_tokens_details":{"cached_tokens":16}}}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c wire.Chunk
			data := []byte(row.chunk)
			require.Zero(t, testing.AllocsPerRun(100, func() {
				if err := wire.ParseChatChunk(data, &c); err != nil {
					t.Error(err)
				}
			}))
		})
	}
}

func TestIsDone(t *testing.T) {
	require.True(t, wire.IsDone([]byte("[DONE]")))
	require.True(t, wire.IsDone([]byte(" [DONE] ")))
	require.False(t, wire.IsDone([]byte("[done]")))
	require.False(t, wire.IsDone(nil))
}
