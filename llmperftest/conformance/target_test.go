package conformance_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/websocket"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// TestATargetOverAnSDK measures through the client that a team uses anyway.
func TestATargetOverAnSDK(t *testing.T) {
	llm := llmperftest.NewServer(t, quick)
	client := openai.NewClient(option.WithBaseURL(llm.URL+"/v1"), option.WithAPIKey("none"), option.WithHTTPClient(llm.Client()), option.WithMaxRetries(0))

	target := llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
		stream := client.Chat.Completions.NewStreaming(ctx, openai.ChatCompletionNewParams{
			Model: "any", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Why is the sky blue?")},
		})
		for stream.Next() {
			if chunk := stream.Current(); len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
				c.Tokens(1)
			}
		}
		return stream.Err()
	})
	measured(t, target)
}

// TestATargetOverAWebSocket measures a service that is not spoken to by HTTP.
func TestATargetOverAWebSocket(t *testing.T) {
	svc := httptest.NewServer(websocket.Handler(func(ws *websocket.Conn) {
		var question string
		for websocket.Message.Receive(ws, &question) == nil {
			for n := range 20 {
				time.Sleep(time.Millisecond)
				_ = websocket.Message.Send(ws, fmt.Sprint("word ", n))
			}
			_ = websocket.Message.Send(ws, "")
		}
	}))
	defer svc.Close()

	target := llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
		ws, err := websocket.Dial(strings.Replace(svc.URL, "http", "ws", 1), "", svc.URL)
		if err != nil {
			return err
		}
		defer ws.Close()
		defer context.AfterFunc(ctx, func() { ws.Close() })()
		err = websocket.Message.Send(ws, "Why is the sky blue?")
		for word := "?"; err == nil && word != ""; {
			if err = websocket.Message.Receive(ws, &word); word != "" {
				c.Tokens(1)
			}
		}
		return err
	})
	measured(t, target)
}

// measured runs a short load and expects twenty tokens of every request.
func measured(t *testing.T, target llmperf.Target) {
	t.Helper()
	res, err := llmperf.Measure(t.Context(), llmperf.Scenario{
		Target: target, Profile: llmperf.StepProfile{StepUsers: 3, StepTime: time.Second, MaxUsers: 3},
		Warmup: llmperf.NoWarmup, Think: llmperf.Constant(5 * time.Millisecond),
	})
	require.NoError(t, err)
	require.Positive(t, res.Total.Requests)
	assert.Zero(t, res.Total.Failed, "%v", res.Total.Examples)
	assert.Equal(t, 20*res.Total.Requests, res.Total.OutputTokens)
	assert.GreaterOrEqual(t, res.Total.Latency.Min-res.Total.TTFT.Min, time.Duration(0))
	assert.GreaterOrEqual(t, res.Total.Latency.P50, 20*time.Millisecond)
}
