package llmperf

import (
	"encoding/json"
	"math"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExtraGoesIntoTheBody(t *testing.T) {
	tests := []struct {
		name   string
		file   string // which is served
		target func(url string) Target
		body   string
		reason string
	}{
		{"chat", "chat-openai-text.sse", func(u string) Target {
			return OpenAI{BaseURL: u, Model: "m", Prompts: talk[1:2], MaxTokens: 9, Extra: map[string]any{
				"temperature": 0, "max_tokens": nil, "max_completion_tokens": 200, "stream_options": map[string]any{"continuous_usage_stats": true},
			}}
		}, `{"model": "m", "temperature": 0, "max_completion_tokens": 200, "stream": true, "stream_options": {"include_usage": true, "continuous_usage_stats": true},
			"messages": [{"role": "user", "content": "Hi"}]}`, "a nil takes away, an object is added to"},
		{"the last word", "completion-openai-text.json", func(u string) Target {
			return OpenAI{BaseURL: u, Model: "m", NoStream: true, Prompts: talk[1:2], Extra: map[string]any{"model": "n", "messages": []any{}, "none": nil}}
		}, `{"model": "n", "messages": []}`, "what is given takes the place of what is there"},
		{"embeddings", "embeddings-openai.json", func(u string) Target {
			return OpenAI{BaseURL: u, Model: "m", API: Embeddings, Prompts: talk[1:2], Extra: map[string]any{"dimensions": 256}}
		}, `{"model": "m", "input": "Hi", "dimensions": 256}`, "in every API"},
		{"Anthropic", "anthropic-text.sse", func(u string) Target {
			return Anthropic{BaseURL: u, Model: "m", Prompts: talk[1:2], Extra: map[string]any{"cache_control": map[string]any{"type": "ephemeral"}}}
		}, `{"model": "m", "max_tokens": 1024, "stream": true, "cache_control": {"type": "ephemeral"}, "messages": [{"role": "user", "content": "Hi"}]}`, "an object where there was none"},
		{"Ollama", "chat-ollama.ndjson", func(u string) Target {
			return Ollama{BaseURL: u, Model: "m", Prompts: talk[1:2], MaxTokens: 9, Extra: map[string]any{"options": map[string]any{"num_ctx": 8192}, "think": false}}
		}, `{"model": "m", "stream": true, "think": false, "options": {"num_predict": 9, "num_ctx": 8192}, "messages": [{"role": "user", "content": "Hi"}]}`, "options stand beside the limit"},
		{"Ollama, no limit", "chat-ollama.ndjson", func(u string) Target {
			return Ollama{BaseURL: u, Model: "m", Prompts: talk[1:2], MaxTokens: 9, Extra: map[string]any{"options": map[string]any{"num_predict": nil, "seed": 1}}}
		}, `{"model": "m", "stream": true, "options": {"seed": 1}, "messages": [{"role": "user", "content": "Hi"}]}`, "a nil takes away within an object too"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, sent := answering(t, tt.file)
			target := tt.target(server.URL)
			require.NoError(t, target.(validator).validate())
			defer target.(idler).closeIdle()
			_, err := accountOf(t, target, false)
			require.NoError(t, err)
			var want map[string]any
			require.NoError(t, json.Unmarshal([]byte(tt.body), &want))
			assert.Equal(t, want, sent.body, tt.reason)
		})
	}
}

func TestExtraLeavesTheTargetAsItIs(t *testing.T) {
	extra := map[string]any{"options": map[string]any{"num_ctx": 1}, "gone": nil}
	server, _ := answering(t, "chat-ollama.ndjson")
	target := Ollama{BaseURL: server.URL, Model: "m", MaxTokens: 9, Extra: extra, Client: server.Client()}
	require.NoError(t, sendTo(t, target))
	assert.Equal(t, map[string]any{"options": map[string]any{"num_ctx": 1}, "gone": nil}, extra, "many requests share it")
}

func TestHeaderIsAddedToEveryRequest(t *testing.T) {
	header := http.Header{"x-tenant": {"a", "b"}, "Accept": {"*/*"}, "Authorization": nil, "Anthropic-Version": {"2030-01-01"}}
	for file, target := range map[string]func(url string) Target{
		"chat-openai-text.sse": func(u string) Target { return OpenAI{BaseURL: u, Model: "m", APIKey: secretKey, Header: header} },
		"anthropic-text.sse":   func(u string) Target { return Anthropic{BaseURL: u, Model: "m", Header: header} },
		"chat-ollama.ndjson":   func(u string) Target { return Ollama{BaseURL: u, Model: "m", Header: header} },
	} {
		server, sent := answering(t, file)
		made := target(server.URL)
		require.NoError(t, made.(validator).validate())
		require.NoError(t, sendTo(t, made))
		made.(idler).closeIdle()
		assert.Equal(t, []string{"a", "b"}, sent.header["X-Tenant"])
		assert.Equal(t, []string{"*/*"}, sent.header["Accept"], "in place of the target's own")
		assert.Equal(t, []string{"2030-01-01"}, sent.header["Anthropic-Version"])
		assert.Empty(t, sent.header["Authorization"], "no values take it away")
		assert.Equal(t, "application/json", sent.header.Get("Content-Type"))
		assert.NotEmpty(t, sent.header.Get(OriginHeader))
	}
}

func TestHeaderMayNameAHost(t *testing.T) {
	host := ""
	server := serveParts(t, "a.json", nil)
	server.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { host = r.Host })
	sendTo(t, OpenAI{BaseURL: server.URL, Model: "m", Header: http.Header{"Host": {"llm.example"}}, Client: server.Client()})
	assert.Equal(t, "llm.example", host)
}

func TestWhatCannotBeAddedIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		extra  map[string]any
		header http.Header
		wants  []string
	}{
		{"stream", map[string]any{"stream": false}, nil, []string{`Extra has "stream"`, "NoStream"}},
		{"function", map[string]any{"temperature": func() float64 { return 1 }}, nil, []string{"Extra cannot be sent", "func() float64"}},
		{"no number", map[string]any{"temperature": math.NaN()}, nil, []string{"Extra cannot be sent", "NaN"}},
		{"header's name", nil, http.Header{"Api Key": {secretKey}}, []string{`Header has the name "Api Key"`, "hyphens"}},
		{"no name", nil, http.Header{"": {secretKey}}, []string{`Header has the name ""`}},
		{"header's value", nil, http.Header{"Api-Key": {secretKey + "\n"}}, []string{"Header has a value of Api-Key that spans lines"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, target := range map[string]validator{
				"OpenAI":    OpenAI{BaseURL: "http://localhost", Model: "m", Extra: tt.extra, Header: tt.header},
				"Anthropic": Anthropic{BaseURL: "http://localhost", Model: "m", Extra: tt.extra, Header: tt.header},
				"Ollama":    Ollama{BaseURL: "http://localhost", Model: "m", Extra: tt.extra, Header: tt.header},
			} {
				err := target.validate()
				require.Error(t, err, name)
				for _, want := range tt.wants {
					assert.ErrorContains(t, err, name+".")
					assert.ErrorContains(t, err, want)
				}
				assert.NotContains(t, err.Error(), secretKey)
			}
		})
	}
}
