package llmperf

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// said are prompts that are always the same.
type said []Message

func (f said) Messages(*Call) ([]Message, error) { return f, nil }

// limited are said prompts that limit their answers.
type limited struct{ said }

func (limited) MaxTokens(*Call) int { return 7 }

var talk = said{{"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hello."}, {"user", "Why?"}}

// A request is what a server was sent.
type request struct {
	path   string // with its query
	header http.Header
	body   map[string]any
}

// answering serves a recorded stream and remembers the last request.
func answering(t *testing.T, file string) (*httptest.Server, *request) {
	body, err := os.ReadFile(streamsDir + "/" + file)
	require.NoError(t, err)
	last := new(request)
	inner := serveParts(t, file, [][]byte{body})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		*last = request{path: r.URL.String(), header: r.Header.Clone()}
		assert.NoError(t, json.Unmarshal(sent, &last.body))
		inner.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server, last
}

func TestTargetsAskAsTheirAPIWants(t *testing.T) {
	tests := []struct {
		name   string
		file   string // which is served
		target func(url string) Target
		path   string
		body   string
		header map[string]string
		reason string
	}{
		{"chat", "chat-openai-text.sse", func(u string) Target {
			return OpenAI{BaseURL: u + "/v1/", Model: "m", APIKey: secretKey, Prompts: talk, MaxTokens: 9}
		}, "/v1/chat/completions", `{"model": "m", "max_tokens": 9, "stream": true, "stream_options": {"include_usage": true}, "messages": [
			{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Why?"}]}`,
			map[string]string{"Authorization": "Bearer " + secretKey, "Accept": "text/event-stream", "Content-Type": "application/json", OriginHeader: "0-0-"}, "usage is asked for"},
		{"chat, whole", "completion-openai-text.json", func(u string) Target {
			return OpenAI{BaseURL: u + "/v1", Model: "m", NoStream: true, Prompts: limited{talk[1:2]}, MaxTokens: 9}
		}, "/v1/chat/completions", `{"model": "m", "max_tokens": 7, "messages": [{"role": "user", "content": "Hi"}]}`,
			map[string]string{"Accept": "application/json", "Authorization": ""}, "the prompt's limit takes the target's place"},
		{"query", "chat-openai-text.sse", func(u string) Target {
			return OpenAI{BaseURL: u + "/deployments/x?api-version=1", Model: "m", API: ChatCompletions, Prompts: talk[1:2]}
		}, "/deployments/x/chat/completions?api-version=1", `{"model": "m", "stream": true, "stream_options": {"include_usage": true}, "messages": [{"role": "user", "content": "Hi"}]}`,
			nil, "the path comes before the query"},
		{"responses", "responses-openai-text.sse", func(u string) Target {
			return OpenAI{BaseURL: u + "/v1", Model: "m", API: Responses, APIKey: secretKey, Prompts: talk[:2], MaxTokens: 9}
		}, "/v1/responses", `{"model": "m", "max_output_tokens": 9, "stream": true, "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}`,
			map[string]string{"Authorization": "Bearer " + secretKey}, "it has no stream options and another name of the limit"},
		{"completions", "text-openai-usage-chunk.sse", func(u string) Target {
			return OpenAI{BaseURL: u + "/v1", Model: "m", API: Completions, Prompts: talk[:2], MaxTokens: 9}
		}, "/v1/completions", `{"model": "m", "max_tokens": 9, "stream": true, "stream_options": {"include_usage": true}, "prompt": "Be brief.\n\nHi"}`,
			nil, "messages become one text"},
		{"embeddings", "embeddings-openai.json", func(u string) Target {
			return OpenAI{BaseURL: u + "/v1", Model: "m", API: Embeddings, Prompts: limited{talk[:2]}}
		}, "/v1/embeddings", `{"model": "m", "input": "Be brief.\n\nHi"}`,
			map[string]string{"Accept": "application/json"}, "there is nothing to stream and nothing to limit"},
		{"Anthropic", "anthropic-text.sse", func(u string) Target {
			return Anthropic{BaseURL: u + "/", Model: "m", APIKey: secretKey, Prompts: talk}
		}, "/v1/messages", `{"model": "m", "max_tokens": 1024, "stream": true, "system": "Be brief.", "messages": [
			{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Why?"}]}`,
			map[string]string{"X-Api-Key": secretKey, "Anthropic-Version": "2023-06-01", "Authorization": "", "Accept": "text/event-stream", OriginHeader: "0-0-"}, "a limit is required, and system is no role"},
		{"Anthropic, whole", "anthropic-text.json", func(u string) Target {
			return Anthropic{BaseURL: u + "/gateway", Model: "m", Version: "2030-01-01", NoStream: true, MaxTokens: 9, Prompts: limited{talk[1:2]}}
		}, "/gateway/v1/messages", `{"model": "m", "max_tokens": 7, "messages": [{"role": "user", "content": "Hi"}]}`,
			map[string]string{"X-Api-Key": "", "Anthropic-Version": "2030-01-01", "Accept": "application/json"}, "the prompt's limit takes the target's place"},
		{"Ollama", "ollama-chat-thinking.ndjson", func(u string) Target {
			return Ollama{BaseURL: u, Model: "m", Prompts: talk[:2], MaxTokens: 9}
		}, "/api/chat", `{"model": "m", "stream": true, "options": {"num_predict": 9}, "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}`,
			map[string]string{"Accept": "application/x-ndjson", OriginHeader: "0-0-"}, "the limit is an option"},
		{"Ollama, whole", "ollama-chat.json", func(u string) Target {
			return Ollama{BaseURL: u, Model: "m", Prompts: talk[1:2], NoStream: true}
		}, "/api/chat", `{"model": "m", "stream": false, "messages": [{"role": "user", "content": "Hi"}]}`,
			map[string]string{"Accept": "application/json"}, "it streams unless it is told not to"},
		{"Anthropic, developer", "anthropic-text.sse", func(u string) Target {
			return Anthropic{BaseURL: u, Model: "m", Prompts: said{{"developer", "Be brief."}, {"user", "Hi"}}}
		}, "/v1/messages", `{"model": "m", "max_tokens": 1024, "stream": true, "system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}]}`,
			nil, "OpenAI's newer name of the system"},
		{"Ollama, developer", "chat-ollama.ndjson", func(u string) Target {
			return Ollama{BaseURL: u, Model: "m", Prompts: said{{"developer", "Be brief."}, {"user", "Hi"}}}
		}, "/api/chat", `{"model": "m", "stream": true, "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}`,
			nil, "OpenAI's newer name of the system"},
		{"Ollama, generate, developer", "ollama-generate.ndjson", func(u string) Target {
			return Ollama{BaseURL: u, Model: "m", Generate: true, Prompts: said{{"developer", "Be brief."}, {"user", "Hi"}}}
		}, "/api/generate", `{"model": "m", "stream": true, "system": "Be brief.", "prompt": "Hi"}`,
			nil, "OpenAI's newer name of the system"},
		{"Ollama, generate", "ollama-generate.ndjson", func(u string) Target {
			return Ollama{BaseURL: u, Model: "m", Prompts: talk, Generate: true}
		}, "/api/generate", `{"model": "m", "stream": true, "system": "Be brief.", "prompt": "Hi\n\nHello.\n\nWhy?"}`,
			nil, "messages become one text and the system's"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, sent := answering(t, tt.file)
			target := tt.target(server.URL)
			require.NoError(t, target.(validator).validate())
			defer target.(interface{ closeIdle() }).closeIdle()
			_, err := accountOf(t, target, false)
			require.NoError(t, err)
			assert.Equal(t, tt.path, sent.path, tt.reason)
			var want map[string]any
			require.NoError(t, json.Unmarshal([]byte(tt.body), &want))
			assert.Equal(t, want, sent.body, tt.reason)
			for name, value := range tt.header {
				if name == OriginHeader {
					assert.True(t, strings.HasPrefix(sent.header.Get(name), value), "%s: %q", name, sent.header.Get(name))
				} else {
					assert.Equal(t, value, sent.header.Get(name), name)
				}
			}
		})
	}
}

func TestAnthropicNeedsAMessageOfTheUser(t *testing.T) {
	target := Anthropic{BaseURL: "http://localhost", Model: "m", Prompts: talk[:1]}
	assert.ErrorContains(t, sendTo(t, target), "no messages but system ones")
}

// TestTargetsRefuseMistakes looks for what is wrong, what was given and what
// would do.
func TestTargetsRefuseMistakes(t *testing.T) {
	const local = "http://localhost:8080"
	request := func(context.Context, *Call) (*http.Request, error) { return nil, errors.New("not called") }
	tests := []struct {
		name   string
		target validator
		wants  []string
		reason string
	}{
		{"own path", OpenAI{BaseURL: local + "/v1/responses/", Model: "m", API: Responses}, []string{"OpenAI.BaseURL", "/v1/responses", "leave out /responses, which is added"}, "the path is added"},
		{"completions' path", OpenAI{BaseURL: local + "/v1/completions", Model: "m", API: Completions}, []string{"leave out /completions, which is added"}, "the path is added"},
		{"embeddings' path", OpenAI{BaseURL: local + "/v1/embeddings", Model: "m", API: Embeddings}, []string{"leave out /embeddings, which is added"}, "the path is added"},
		{"another's path", OpenAI{BaseURL: local + "/v1/embeddings?a=b", Model: "m"}, []string{"leave out /embeddings", "what is added is /chat/completions"}, "the API decides the path"},
		{"chat's path for completions", OpenAI{BaseURL: local + "/v1/chat/completions", Model: "m", API: Completions}, []string{"leave out /chat/completions", "what is added is /completions"}, "the whole of it"},
		{"unknown API", OpenAI{BaseURL: local + "/v1", Model: "m", API: "chat"}, []string{`OpenAI.API is "chat"`, `"chat/completions", "responses", "completions" or "embeddings"`}, "the ways are listed"},
		{"limit of embeddings", OpenAI{BaseURL: local + "/v1", Model: "m", API: Embeddings, MaxTokens: 5}, []string{"OpenAI.MaxTokens is 5", "no output tokens", "leave it 0"}, "nothing comes out"},
		{"Anthropic, nothing", Anthropic{}, []string{"Anthropic.BaseURL is empty", "https://api.anthropic.com", "Anthropic.Model is empty"}, "all at once"},
		{"Anthropic, whole path", Anthropic{BaseURL: local + "/v1/messages", Model: "m"}, []string{"Anthropic.BaseURL", "leave out /v1/messages, which is added"}, "the path is added"},
		{"Anthropic, version", Anthropic{BaseURL: local + "/v1/", Model: "m"}, []string{"leave out /v1; what is added is /v1/messages"}, "as other clients want it"},
		{"Anthropic, negative limit", Anthropic{BaseURL: local, Model: "m", MaxTokens: -1}, []string{"Anthropic.MaxTokens is -1"}, "no answer is that short"},
		{"Anthropic, prompts", Anthropic{BaseURL: local, Model: "m", Prompts: PromptTexts()}, []string{"Anthropic.Prompts", "no texts"}, "there is nothing to ask"},
		{"Ollama, nothing", Ollama{}, []string{"Ollama.BaseURL is empty", "http://localhost:11434", "Ollama.Model is empty"}, "all at once"},
		{"Ollama, scheme", Ollama{BaseURL: "localhost:11434", Model: "m"}, []string{"Ollama.BaseURL", "scheme and host", "http://localhost:11434"}, "http or https can't be guessed"},
		{"Ollama, own path", Ollama{BaseURL: local + "/api/chat", Model: "m"}, []string{"leave out /api/chat, which is added"}, "the path is added"},
		{"Ollama, another path", Ollama{BaseURL: local + "/api/chat", Model: "m", Generate: true}, []string{"leave out /api/chat; what is added is /api/generate"}, "Generate decides"},
		{"Ollama, half a path", Ollama{BaseURL: local + "/api", Model: "m"}, []string{"leave out /api; what is added is /api/chat"}, "the path is added"},
		{"Ollama as OpenAI", Ollama{BaseURL: local + "/v1", Model: "m"}, []string{"leave out /v1"}, "that is another API"},
		{"two ways to count", HTTP{New: request, TextPath: "a", Tokens: func(*Call, string, []byte) (int, error) { return 1, nil }}, []string{`HTTP.TextPath is "a"`, "HTTP.Tokens", "one of them"}, "which would hold?"},
		{"dots alone", HTTP{New: request, TextPath: "a..b"}, []string{`HTTP.TextPath is "a..b"`, "empty", "choices.0.delta.content"}, "a part is missing"},
		{"JSONPath", HTTP{New: request, TextPath: "$.choices[0].text"}, []string{"HTTP.TextPath", "JSONPath", "choices.0.delta.content"}, "a language of its own"},
		{"no request", HTTP{TextPath: "a."}, []string{"HTTP.New is nil", "HTTP.TextPath"}, "all at once"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.target.validate()
			for _, want := range tt.wants {
				assert.ErrorContains(t, err, want, tt.reason)
			}
		})
	}
}

func TestTargetsSayWhatTheyAre(t *testing.T) {
	const host = "http://ann:pa55word@llm.example"
	const safe = "http://llm.example"
	tests := []struct {
		target Target
		name   string
		tokens bool
		reason string
	}{
		{OpenAI{BaseURL: host + "/v1", Model: "m"}, "OpenAI m at " + safe + "/v1", true, "the usual API needs no name"},
		{OpenAI{BaseURL: host + "/v1", Model: "m", API: Responses}, "OpenAI m at " + safe + "/v1, responses", true, "others do"},
		{OpenAI{BaseURL: host + "/v1", Model: "m", API: Completions, NoStream: true}, "OpenAI m at " + safe + "/v1, completions", false, "a whole answer has no tokens to time"},
		{OpenAI{BaseURL: host + "/v1", Model: "m", API: Embeddings}, "OpenAI m at " + safe + "/v1, embeddings", false, "embeddings have no tokens"},
		{Anthropic{BaseURL: host, Model: "m", APIKey: secretKey}, "Anthropic m at " + safe, true, "it streams"},
		{Anthropic{BaseURL: host, Model: "m", NoStream: true}, "Anthropic m at " + safe, false, "it does not"},
		{Ollama{BaseURL: host, Model: "m"}, "Ollama m at " + safe, true, "it streams"},
		{Ollama{BaseURL: host, Model: "m", Generate: true, NoStream: true}, "Ollama m at " + safe + ", generate", false, "it does not"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.name, nameOf(tt.target))
			for _, secret := range []string{secretKey, "pa55word"} {
				assert.NotContains(t, everyForm(tt.target), secret)
				assert.NotContains(t, everyForm(Scenario{Target: tt.target}), secret)
			}
			r := tt.target.(interface{ reports(Metric) bool })
			for _, m := range []Metric{TTFT, ICL, ITL, TPOT} {
				assert.Equal(t, tt.tokens, r.reports(m), "%s: %s", m, tt.reason)
			}
			assert.True(t, r.reports(Latency) && r.reports(TTFB))
			assert.ErrorContains(t, planVirtual(Scenario{Target: tt.target}), ".Client is nil", "in virtual time there are no sockets")
		})
	}
}

func TestAStreamOfAnotherTypeIsNotRead(t *testing.T) {
	tests := []struct {
		name, kind, body string
		class            FailureClass
		text, reason     string
	}{
		{"error", "application/json", `{"error": {"message": "no such model"}}`, FailInBand, "no such model", "the server says why"},
		{"whole answer", "application/json", `{"content": [{"type": "text", "text": "a"}], "message": {"content": "a"}, "done": true}`, FailMalformed, `asked for a stream and got Content-Type "application/json"`, "it has no tokens to time"},
		{"web page", "text/html; charset=utf-8", "<p>Sign in</p>", FailMalformed, `"text/html"`, "a proxy answers so"},
		{"no type", "", "", FailMalformed, `""`, "nothing is said and nothing comes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{tt.kind}
				io.WriteString(w, tt.body)
			}))
			t.Cleanup(server.Close)
			for _, target := range []Target{
				OpenAI{BaseURL: server.URL, Model: "m", API: Responses, Client: server.Client()},
				Anthropic{BaseURL: server.URL, Model: "m", Client: server.Client()},
				Ollama{BaseURL: server.URL, Model: "m", Client: server.Client()},
			} {
				got, err := accountOf(t, target, true)
				assert.Equal(t, account{class: tt.class}, got, "%v: %s", target, tt.reason)
				assert.ErrorContains(t, err, tt.text)
			}
		})
	}
}

func TestNDJSONHasSeveralNames(t *testing.T) {
	for _, kind := range []string{"application/x-ndjson", "application/ndjson", "application/jsonl; charset=utf-8"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			io.WriteString(w, `{"response": "Fog", "done": true}`+"\n")
		}))
		t.Cleanup(server.Close)
		want := account{chunks: 1, tokens: 1, text: "Fog"}
		for _, target := range []Target{
			Ollama{BaseURL: server.URL, Model: "m", Generate: true, Client: server.Client()},
			streamTarget("other.ndjson", "response", server.URL, server.Client()),
		} {
			got, err := accountOf(t, target, true)
			require.NoError(t, err, kind)
			assert.Equal(t, want, got, kind)
		}
	}
}

func TestTextPathOfABodyThatIsNoStream(t *testing.T) {
	tests := []struct {
		name, kind, body string
		status           int
		want             account
		reason           string
	}{
		{"problem", "application/problem+json", `{"text": "a"}`, 200, account{text: "a"}, "any type may be JSON"},
		{"page", "text/html", `<p>a</p>`, 200, account{class: FailMalformed}, "what is no JSON has no path"},
		{"nothing", "application/json", ``, 200, account{class: FailEmpty}, "nothing was answered"},
		{"no content", "", ``, 204, account{class: FailEmpty}, "a text was wanted"},
		{"error", "application/json", `{"error": "no", "text": "a"}`, 200, account{class: FailInBand}, "an error is one"},
		{"number", "application/json", `{"text": 1.50}`, 200, account{text: "1.50"}, "a number is an answer, as it is written"},
		{"list", "application/json", `{"text": ["a"]}`, 200, account{}, "a list is something, and no text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			}))
			t.Cleanup(server.Close)
			got, err := accountOf(t, streamTarget("other", "text", server.URL, server.Client()), true)
			assert.Equal(t, tt.want, got, "%s: %v", tt.reason, err)
		})
	}
}

// targetsAt are targets of a server, each with a recorded answer for it and what
// is to be made of that.
func targetsAt(base string, client *http.Client) map[string]Target {
	return map[string]Target{
		"chat-openai-text.sse":     OpenAI{BaseURL: base, Model: "m", Client: client},
		"anthropic-text.sse":       Anthropic{BaseURL: base, Model: "m", Client: client},
		"ollama-generate.ndjson":   Ollama{BaseURL: base, Model: "m", Generate: true, Client: client},
		"embeddings-openai.json":   OpenAI{BaseURL: base, Model: "m", API: Embeddings, Client: client},
		"responses-openai-cut.sse": OpenAI{BaseURL: base, Model: "m", API: Responses, Client: client},
	}
}

// wanted is what is to be made of a recorded answer.
func wanted(t *testing.T, file string) account {
	for _, row := range streamed {
		if row.file == file {
			return row.want
		}
	}
	t.Fatalf("no row for %s", file)
	return account{}
}

func TestTargetsOverHTTP2AndTLS(t *testing.T) {
	for file, target := range targetsAt("", nil) {
		t.Run(nameOf(target), func(t *testing.T) {
			body, err := os.ReadFile(streamsDir + "/" + file)
			require.NoError(t, err)
			protocol := ""
			inner := serveParts(t, file, splits(file, body)["in small pieces"])
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				protocol = r.Proto
				inner.Config.Handler.ServeHTTP(w, r)
			}))
			server.EnableHTTP2 = true
			server.StartTLS()
			t.Cleanup(server.Close)
			got, err := accountOf(t, targetsAt(server.URL, server.Client())[file], true)
			assert.Equal(t, wanted(t, file), got, "%v", err)
			assert.Equal(t, "HTTP/2.0", protocol)
		})
	}
}

func TestAResetOfAnHTTP2StreamIsATruncation(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	got, err := accountOf(t, OpenAI{BaseURL: server.URL, Model: "m", Client: server.Client()}, false)
	assert.Equal(t, account{chunks: 1, tokens: 1, class: FailTruncated}, got, "%v", err)
}

func TestTargetsThroughAProxy(t *testing.T) {
	const host = "http://llm.example"
	for file, target := range targetsAt(host, nil) {
		t.Run(nameOf(target), func(t *testing.T) {
			body, err := os.ReadFile(streamsDir + "/" + file)
			require.NoError(t, err)
			asked := ""
			inner := serveParts(t, file, [][]byte{body})
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.URL.Scheme + "://" + r.URL.Host
				inner.Config.Handler.ServeHTTP(w, r)
			}))
			t.Cleanup(proxy.Close)
			where, err := url.Parse(proxy.URL)
			require.NoError(t, err)
			transport := &http.Transport{Proxy: http.ProxyURL(where)}
			t.Cleanup(transport.CloseIdleConnections)
			got, err := accountOf(t, targetsAt(host, &http.Client{Transport: transport})[file], true)
			assert.Equal(t, wanted(t, file), got, "%v", err)
			assert.Equal(t, host, asked, "the proxy is told where to go")
		})
	}
}

func TestEndlessTextIsMalformed(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 64 MiB")
	}
	piece := []byte(`{"message":{"content":"` + strings.Repeat("x", 1<<20) + `"},"done":false}` + "\n")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		for range 2 * maxBody >> 20 {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	got, err := accountOf(t, Ollama{BaseURL: server.URL, Model: "m", Client: server.Client()}, true)
	assert.ErrorContains(t, err, "longer than 64 MiB")
	assert.Equal(t, FailMalformed, got.class)
	assert.Less(t, len(got.text), maxBody+len(piece))
}

func TestReadersAllocateNothingForAnEvent(t *testing.T) {
	tests := []struct {
		name  string
		d     *dialect
		event string
	}{
		{"chat", openAIs[ChatCompletions], "data: {\"choices\":[{\"delta\":{\"content\":\"Fog\"}}],\"usage\":{\"prompt_tokens\":3}}\n\n"},
		{"responses", openAIs[Responses], "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Fog \\u00e9\"}\n\n"},
		{"Anthropic", anthropic, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Fog\"}}\n\n"},
		{"Ollama", ollama, "{\"message\":{\"role\":\"assistant\",\"content\":\"Fog\"},\"done\":false}\n"},
	}
	for _, keep := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				c := newCall()
				c.keepText, c.answer = keep, make([]byte, 0, 1<<20)
				body, _ := tt.d.reader(c, true)
				requireNoAllocations(t, c, body, tt.event)
				assert.Equal(t, keep, len(c.answer) > 0)
			})
		}
		for kind, event := range map[string]string{eventStream: "event: delta\ndata: {\"delta\":{\"text\":[\"Fog\"]}}\n\n", "application/x-ndjson": "{\"delta\":{\"text\":[\"Fog\"]}}\n"} {
			t.Run("TextPath, "+kind, func(t *testing.T) {
				path, err := HTTP{TextPath: "delta.text.*"}.path()
				require.NoError(t, err)
				c := newCall()
				c.keepText, c.answer = keep, make([]byte, 0, 1<<20)
				body := &httpBody{call: c, path: path, kind: kind, last: func(name string, data []byte) bool { return name == "end" || len(data) == 0 }}
				requireNoAllocations(t, c, body, event)
				assert.Equal(t, keep, len(c.answer) > 0)
			})
		}
	}
}

func requireNoAllocations(t *testing.T, c *Call, body bodyReader, event string) {
	t.Helper()
	require.NoError(t, body.begin(&http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {kindOf(body)}}}))
	data := []byte(event)
	require.NoError(t, body.feed(data))
	before := c.sample.Chunks
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if err := body.feed(data); err != nil {
			t.Error(err)
		}
		if err := errors.Join(body.feed(data[:9]), body.feed(data[9:])); err != nil {
			t.Error(err)
		}
	}))
	require.Equal(t, before+202, c.sample.Chunks, "every event was a token")
}

func kindOf(body bodyReader) string {
	switch b := body.(type) {
	case *streamReader:
		return b.dialect.stream
	case *httpBody:
		return b.kind
	}
	return ""
}
