package llmperf_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"llmperf.dev/llmperf"
)

// replying is a server that always answers the same.
func replying(kind, body string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", kind)
		io.WriteString(w, body)
	}))
}

// try puts a moment's load on a target and says what came of it.
func try(target llmperf.Target) {
	scenario := moment
	scenario.Target = target
	res, err := llmperf.Measure(context.Background(), scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Total.Failed, "failed,", res.Total.OutputTokens/res.Total.Requests, "tokens a request, TTFT measured:", res.Total.TTFT.N > 0)
}

// Anthropic's messages API. What it says to have counted in the end takes the
// place of the deltas.
func ExampleAnthropic() {
	server := replying("text/event-stream", `event: message_start
data: {"type": "message_start", "message": {"usage": {"input_tokens": 12, "output_tokens": 1}}}

event: content_block_delta
data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "It is the slow"}}

event: content_block_delta
data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " ones that are felt."}}

event: message_delta
data: {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}

event: message_stop
data: {"type": "message_stop"}

`)
	defer server.Close()
	try(llmperf.Anthropic{
		BaseURL:   server.URL, // the real one is at https://api.anthropic.com
		Model:     "claude-sonnet-4-5",
		APIKey:    "secret",
		Prompts:   llmperf.PromptTexts("Why does tail latency matter?"),
		MaxTokens: 100,
		Client:    server.Client(),
	})
	// Output: 0 failed, 9 tokens a request, TTFT measured: true
}

// Extra says what the fields of a target don't, and Header likewise: here how a
// reasoning model on Azure is asked.
func ExampleOpenAI_extra() {
	var asked sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked.Do(func() { fmt.Println(string(body)) })
		io.WriteString(w, `{"choices": [{"message": {"content": "Rope."}, "finish_reason": "stop"}]}`)
	}))
	defer server.Close()
	try(llmperf.OpenAI{
		BaseURL:  server.URL + "/openai/v1",
		Model:    "o4-mini",
		Prompts:  llmperf.Verbatim(llmperf.PromptTexts("What holds?")),
		NoStream: true,
		Extra:    map[string]any{"max_completion_tokens": 200, "reasoning_effort": "low"},
		Header:   http.Header{"Api-Key": {"secret"}},
		Client:   server.Client(),
	})
	// Output:
	// {"max_completion_tokens":200,"messages":[{"role":"user","content":"What holds?"}],"model":"o4-mini","reasoning_effort":"low"}
	// 0 failed, 0 tokens a request, TTFT measured: false
}

// Ollama's own API answers in lines of JSON.
func ExampleOllama() {
	server := replying("application/x-ndjson", `{"message": {"role": "assistant", "content": "Fog"}, "done": false}
{"message": {"role": "assistant", "content": " lifts."}, "done": false}
{"message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 4}
`)
	defer server.Close()
	try(llmperf.Ollama{
		BaseURL: server.URL, // the real one is at http://localhost:11434
		Model:   "llama3.2",
		Client:  server.Client(),
	})
	// Output: 0 failed, 4 tokens a request, TTFT measured: true
}

// The responses API has typed events; the embeddings API has no tokens, so
// that only latency and TTFB are measured.
func ExampleAPI() {
	responses := replying("text/event-stream", `event: response.created
data: {"type": "response.created", "response": {"status": "in_progress"}}

event: response.output_text.delta
data: {"type": "response.output_text.delta", "delta": "Salt keeps"}

event: response.output_text.delta
data: {"type": "response.output_text.delta", "delta": " fish."}

event: response.completed
data: {"type": "response.completed", "response": {"status": "completed", "usage": {"input_tokens": 8, "output_tokens": 5}}}

`)
	defer responses.Close()
	try(llmperf.OpenAI{BaseURL: responses.URL + "/v1", Model: "small", API: llmperf.Responses, Client: responses.Client()})

	embeddings := replying("application/json", `{"data": [{"embedding": [0.25, -0.5]}], "usage": {"prompt_tokens": 8}}`)
	defer embeddings.Close()
	try(llmperf.OpenAI{BaseURL: embeddings.URL + "/v1", Model: "vectors", API: llmperf.Embeddings, Client: embeddings.Client()})
	// Output:
	// 0 failed, 5 tokens a request, TTFT measured: true
	// 0 failed, 0 tokens a request, TTFT measured: false
}

// Any endpoint can be loaded; each SSE event or line of JSON is a token unless
// Tokens says otherwise. Last tells a stream that ends from one that breaks off.
func ExampleHTTP() {
	server := replying("text/event-stream", `event: delta
data: Sails and

event: delta
data:  ropes.

event: end
data: {"asked": 11, "said": 5}

`)
	defer server.Close()
	try(llmperf.HTTP{
		New: func(ctx context.Context, c *llmperf.Call) (*http.Request, error) {
			body := strings.NewReader(fmt.Sprintf(`{"question": "What is %d plus 2?"}`, c.Number()))
			return http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/ask", body)
		},
		Tokens: func(c *llmperf.Call, name string, data []byte) (int, error) {
			switch name {
			case "delta":
				c.Text(string(data)) // which a Conversation goes on with
				return 1, nil
			case "end":
				var counted struct{ Asked, Said int }
				if err := json.Unmarshal(data, &counted); err != nil {
					return 0, err
				}
				c.Usage(counted.Asked, 0, counted.Said)
			}
			return 0, nil
		},
		Last:   func(name string, data []byte) bool { return name == "end" },
		Client: server.Client(),
	})
	// Output: 0 failed, 5 tokens a request, TTFT measured: true
}

// TextPath says where the text stands in the events of a service of one's own.
func ExampleHTTP_textPath() {
	server := replying("text/event-stream", `event: start
data: {"id": 7}

event: delta
data: {"delta": {"text": "Sails"}}

event: delta
data: {"delta": {"text": " set."}}

event: end
data: {"delta": {"text": ""}}

`)
	defer server.Close()
	try(llmperf.HTTP{
		New: func(ctx context.Context, c *llmperf.Call) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/ask", http.NoBody)
		},
		TextPath: "delta.text",
		Client:   server.Client(),
	})
	// Output: 0 failed, 2 tokens a request, TTFT measured: true
}
