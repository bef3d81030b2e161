package llmperf_test

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// TestTargetsInVirtualTime pushes recorded answers at the targets, event by
// event.
func TestTargetsInVirtualTime(t *testing.T) {
	rows := []struct {
		file, kind string
		target     func(url string, client *http.Client) llmperf.Target
		tokens     int
	}{
		{"responses-openai-text.sse", "text/event-stream", func(url string, c *http.Client) llmperf.Target {
			return llmperf.OpenAI{BaseURL: url + "/v1", Model: "m", API: llmperf.Responses, Client: c}
		}, 5},
		{"text-openai-usage-chunk.sse", "text/event-stream", func(url string, c *http.Client) llmperf.Target {
			return llmperf.OpenAI{BaseURL: url + "/v1", Model: "m", API: llmperf.Completions, Client: c}
		}, 4},
		{"embeddings-openai.json", "application/json", func(url string, c *http.Client) llmperf.Target {
			return llmperf.OpenAI{BaseURL: url + "/v1", Model: "m", API: llmperf.Embeddings, Client: c}
		}, 0},
		{"anthropic-thinking.sse", "text/event-stream", func(url string, c *http.Client) llmperf.Target {
			return llmperf.Anthropic{BaseURL: url, Model: "m", Client: c}
		}, 31},
		{"ollama-chat-thinking.ndjson", "application/x-ndjson", func(url string, c *http.Client) llmperf.Target {
			return llmperf.Ollama{BaseURL: url, Model: "m", Client: c}
		}, 9},
	}
	for _, row := range rows {
		t.Run(row.file, func(t *testing.T) {
			body, err := os.ReadFile("../testdata/streams/" + row.file)
			require.NoError(t, err)
			res := virtually(t, func(t *testing.T) llmperf.Scenario {
				svc := llmperftest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(100 * time.Millisecond)
					w.Header().Set("Content-Type", row.kind)
					w.Write(body[:len(body)/2])
					w.(http.Flusher).Flush()
					time.Sleep(100 * time.Millisecond)
					w.Write(body[len(body)/2:])
				}))
				return llmperf.Scenario{Target: row.target(svc.URL, svc.Client()), Profile: hold(2, 10*time.Second), Warmup: llmperf.NoWarmup}
			})
			require.Positive(t, res.Total.Requests)
			assert.Zero(t, res.Total.Failed, "%v", res.Total.Examples)
			assert.Equal(t, row.tokens*res.Total.Requests, res.Total.OutputTokens)
			assert.InDelta(t, 200*time.Millisecond, res.Total.Latency.P50, float64(time.Millisecond))
			if row.tokens > 0 {
				assert.InDelta(t, 100*time.Millisecond, res.Total.TTFT.P50, float64(time.Millisecond))
			}
		})
	}
}
