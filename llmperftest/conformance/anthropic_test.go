package conformance_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperftest"
)

func anthropicClient(s *llmperftest.Server) anthropic.Client {
	return anthropic.NewClient(option.WithBaseURL(s.URL), option.WithAPIKey("none"), option.WithHTTPClient(s.Client()), option.WithMaxRetries(0))
}

var messageParams = anthropic.MessageNewParams{
	Model: "m", MaxTokens: 100, System: []anthropic.TextBlockParam{{Text: "one two"}},
	Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("three"))},
}

func TestAnthropicMessages(t *testing.T) {
	engine := quick
	engine.Reasoning, engine.TokensPerChunk = llmperftest.Fixed(3), 2
	s := llmperftest.NewServer(t, engine)
	client := anthropicClient(s)
	stream := client.Messages.NewStreaming(t.Context(), messageParams)
	var streamed anthropic.Message
	for stream.Next() {
		require.NoError(t, streamed.Accumulate(stream.Current()))
	}
	require.NoError(t, stream.Err())
	whole, err := client.Messages.New(t.Context(), messageParams)
	require.NoError(t, err)
	for i, m := range []anthropic.Message{streamed, *whole} {
		r := ended(t, s, i)
		require.Len(t, m.Content, 2)
		assert.Equal(t, " the quick brown", m.Content[0].AsThinking().Thinking)
		assert.NotEmpty(t, m.Content[0].AsThinking().Signature)
		assert.Equal(t, text, m.Content[1].AsText().Text)
		assert.Equal(t, anthropic.StopReasonEndTurn, m.StopReason)
		assert.EqualValues(t, r.PromptTokens, m.Usage.InputTokens)
		assert.EqualValues(t, r.OutputTokens, m.Usage.OutputTokens)
		assert.Equal(t, [2]int64{3, 23}, [2]int64{m.Usage.InputTokens, m.Usage.OutputTokens})
	}
	params := messageParams
	params.Thinking = anthropic.ThinkingConfigParamUnion{OfDisabled: &anthropic.ThinkingConfigDisabledParam{}}
	plain, err := client.Messages.New(t.Context(), params)
	require.NoError(t, err)
	require.Len(t, plain.Content, 1)
	assert.Equal(t, text, plain.Content[0].AsText().Text)
	params = messageParams
	params.MaxTokens = 10
	short, err := client.Messages.New(t.Context(), params)
	require.NoError(t, err)
	assert.Equal(t, anthropic.StopReasonMaxTokens, short.StopReason)
	assert.EqualValues(t, 10, short.Usage.OutputTokens)
}

func TestAnthropicModels(t *testing.T) {
	client := anthropicClient(llmperftest.NewServer(t, quick))
	page, err := client.Models.List(t.Context(), anthropic.ModelListParams{})
	require.NoError(t, err)
	require.Len(t, page.Data, 1)
	assert.Equal(t, "fake", page.Data[0].ID)
	assert.Equal(t, time.Unix(0, 0).UTC(), page.Data[0].CreatedAt)
}

func TestAnthropicErrors(t *testing.T) {
	s := llmperftest.NewServer(t, quick)
	client := anthropicClient(s)
	for status, kind := range map[int]anthropic.ErrorType{
		400: anthropic.ErrorTypeInvalidRequestError, 429: anthropic.ErrorTypeRateLimitError,
		500: anthropic.ErrorTypeAPIError, 529: anthropic.ErrorTypeOverloadedError,
	} {
		s.Fail(llmperftest.Status(status))
		_, whole := client.Messages.New(t.Context(), messageParams)
		for _, err := range []error{whole, client.Messages.NewStreaming(t.Context(), messageParams).Err()} {
			var own *anthropic.Error
			require.True(t, errors.As(err, &own), "%v", err)
			assert.Equal(t, status, own.StatusCode)
			assert.Equal(t, kind, own.Type())
		}
	}
}

func TestAnthropicShed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := anthropicClient(llmperftest.NewServer(t, llmperftest.Engine{MaxBatch: 1, MaxQueue: llmperftest.NoQueue}))
		go func() { _, _ = client.Messages.New(t.Context(), messageParams) }()
		time.Sleep(time.Millisecond)
		_, err := client.Messages.New(t.Context(), messageParams)
		var own *anthropic.Error
		require.True(t, errors.As(err, &own), "%v", err)
		assert.Equal(t, 529, own.StatusCode)
		assert.Equal(t, anthropic.ErrorTypeOverloadedError, own.Type())
		assert.Equal(t, "req_1", own.RequestID)
	})
}

func TestAnthropicErrorsInsideAStream(t *testing.T) {
	s := llmperftest.NewServer(t, quick)
	client := anthropicClient(s)
	s.Fail(llmperftest.ErrorEvent(5))
	stream := client.Messages.NewStreaming(t.Context(), messageParams)
	deltas := 0
	for stream.Next() {
		if stream.Current().Type == "content_block_delta" {
			deltas++
		}
	}
	var own *anthropic.Error
	require.True(t, errors.As(stream.Err(), &own), "%v", stream.Err())
	assert.Equal(t, anthropic.ErrorTypeAPIError, own.Type())
	assert.Equal(t, 5, deltas)
}
