package conformance_test

import (
	"errors"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"
	"github.com/openai/openai-go/v3/responses"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperftest"
)

// quick answers with twenty tokens at once; text is what they are.
var quick = llmperftest.Engine{StepBase: time.Millisecond, Output: llmperftest.Fixed(20)}

const text = " the quick brown fox jumps over a lazy dog and rests the quick brown fox jumps over a lazy dog"

func openAI(s *llmperftest.Server) openai.Client {
	return openai.NewClient(option.WithBaseURL(s.URL+"/v1"), option.WithAPIKey("none"), option.WithHTTPClient(s.Client()), option.WithMaxRetries(0))
}

// ended is the record of the request of that number, once it has ended.
func ended(t *testing.T, s *llmperftest.Server, number int) llmperftest.Request {
	t.Helper()
	require.Eventually(t, func() bool { return len(s.Requests()) > number }, 5*time.Second, time.Millisecond)
	return s.Requests()[number]
}

var chatParams = openai.ChatCompletionNewParams{
	Model: "m", Messages: []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("one two"), openai.UserMessage("three")},
	StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
}

func TestOpenAIChat(t *testing.T) {
	s := llmperftest.NewServer(t, quick)
	client := openAI(s)
	stream := client.Chat.Completions.NewStreaming(t.Context(), chatParams)
	var streamed openai.ChatCompletionAccumulator
	for stream.Next() {
		require.True(t, streamed.AddChunk(stream.Current()))
	}
	require.NoError(t, stream.Err())
	params := chatParams
	params.StreamOptions, params.MaxCompletionTokens = openai.ChatCompletionStreamOptionsParam{}, openai.Int(5)
	whole, err := client.Chat.Completions.New(t.Context(), params)
	require.NoError(t, err)
	for i, c := range []openai.ChatCompletion{streamed.ChatCompletion, *whole} {
		r := ended(t, s, i)
		assert.Equal(t, text[:len(c.Choices[0].Message.Content)], c.Choices[0].Message.Content)
		assert.EqualValues(t, r.PromptTokens, c.Usage.PromptTokens)
		assert.EqualValues(t, r.OutputTokens, c.Usage.CompletionTokens)
		assert.EqualValues(t, 3, c.Usage.PromptTokens)
	}
	assert.Equal(t, text, streamed.Choices[0].Message.Content)
	assert.Equal(t, "stop", streamed.Choices[0].FinishReason)
	assert.EqualValues(t, 5, whole.Usage.CompletionTokens)
	assert.Equal(t, "length", whole.Choices[0].FinishReason)
}

func TestOpenAIResponses(t *testing.T) {
	engine := quick
	engine.Reasoning = llmperftest.Fixed(3)
	s := llmperftest.NewServer(t, engine)
	client := openAI(s)
	params := responses.ResponseNewParams{Model: "m", Instructions: openai.String("one"), Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("two three four")}}
	stream := client.Responses.NewStreaming(t.Context(), params)
	var deltas, thoughts string
	var streamed responses.Response
	for number := int64(0); stream.Next(); number++ {
		require.Equal(t, number, stream.Current().SequenceNumber)
		switch e := stream.Current().AsAny().(type) {
		case responses.ResponseTextDeltaEvent:
			deltas += e.Delta
		case responses.ResponseReasoningTextDeltaEvent:
			thoughts += e.Delta
		case responses.ResponseTextDoneEvent:
			assert.Equal(t, deltas, e.Text)
		case responses.ResponseCompletedEvent:
			streamed = e.Response
		}
	}
	require.NoError(t, stream.Err())
	assert.Equal(t, text, deltas)
	assert.Equal(t, " the quick brown", thoughts)
	whole, err := client.Responses.New(t.Context(), params)
	require.NoError(t, err)
	for i, p := range []responses.Response{streamed, *whole} {
		r := ended(t, s, i)
		assert.Equal(t, text, p.OutputText())
		assert.Equal(t, responses.ResponseStatusCompleted, p.Status)
		require.Len(t, p.Output, 2)
		assert.Equal(t, " the quick brown", p.Output[0].AsReasoning().Content[0].Text)
		assert.EqualValues(t, r.PromptTokens, p.Usage.InputTokens)
		assert.EqualValues(t, r.OutputTokens, p.Usage.OutputTokens)
		assert.EqualValues(t, r.ReasoningTokens, p.Usage.OutputTokensDetails.ReasoningTokens)
		assert.Equal(t, [3]int64{4, 23, 27}, [3]int64{p.Usage.InputTokens, p.Usage.OutputTokens, p.Usage.TotalTokens})
	}
	params.MaxOutputTokens = openai.Int(10)
	short, err := client.Responses.New(t.Context(), params)
	require.NoError(t, err)
	assert.Equal(t, responses.ResponseStatusIncomplete, short.Status)
	assert.Equal(t, "max_output_tokens", string(short.IncompleteDetails.Reason))
	assert.Equal(t, "completed", string(short.Output[0].AsReasoning().Status))
	assert.Equal(t, "incomplete", string(short.Output[1].AsMessage().Status))
	s.Fail(llmperftest.ErrorEvent(0))
	failed, err := client.Responses.New(t.Context(), params)
	require.NoError(t, err)
	assert.Equal(t, responses.ResponseStatusFailed, failed.Status)
	assert.Equal(t, "server_error", string(failed.Error.Code))
	assert.Equal(t, "fault on purpose", failed.Error.Message)
}

func TestOpenAIContextLength(t *testing.T) {
	client := openAI(llmperftest.NewServer(t, llmperftest.Engine{KVTokens: 10}))
	_, err := client.Chat.Completions.New(t.Context(), chatParams)
	var own *openai.Error
	require.True(t, errors.As(err, &own), "%v", err)
	assert.Equal(t, 400, own.StatusCode)
	assert.Equal(t, "context_length_exceeded", own.Code)
	assert.Equal(t, "req_0", own.Response.Header.Get("x-request-id"))
}

func TestOpenAICompletions(t *testing.T) {
	s := llmperftest.NewServer(t, quick)
	client := openAI(s)
	params := openai.CompletionNewParams{Model: "m", MaxTokens: openai.Int(100), Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("one two")}}
	whole, err := client.Completions.New(t.Context(), params)
	require.NoError(t, err)
	params.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
	stream := client.Completions.NewStreaming(t.Context(), params)
	var streamed string
	var usage openai.CompletionUsage
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			streamed += choice.Text
		}
		usage = stream.Current().Usage
	}
	require.NoError(t, stream.Err())
	assert.Equal(t, text, whole.Choices[0].Text)
	assert.Equal(t, text, streamed)
	for i, u := range []openai.CompletionUsage{whole.Usage, usage} {
		r := ended(t, s, i)
		assert.EqualValues(t, r.PromptTokens, u.PromptTokens)
		assert.EqualValues(t, r.OutputTokens, u.CompletionTokens)
		assert.EqualValues(t, 22, u.TotalTokens)
	}
}

func TestOpenAIEmbeddings(t *testing.T) {
	s := llmperftest.NewServer(t, quick)
	client := openAI(s)
	for _, format := range []openai.EmbeddingNewParamsEncodingFormat{"", openai.EmbeddingNewParamsEncodingFormatFloat} {
		list, err := client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
			Model: "m", Dimensions: openai.Int(8), EncodingFormat: format,
			Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"one two", "three"}},
		})
		require.NoError(t, err)
		require.Len(t, list.Data, 2)
		assert.Len(t, list.Data[1].Embedding, 8)
		assert.EqualValues(t, 1, list.Data[1].Index)
		assert.EqualValues(t, 3, list.Usage.PromptTokens)
	}
	assert.Equal(t, 3, ended(t, s, 1).PromptTokens)
}

func TestOpenAIModels(t *testing.T) {
	client := openAI(llmperftest.NewServer(t, quick))
	page, err := client.Models.List(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "fake", page.Data[0].ID)
}

func TestOpenAIErrors(t *testing.T) {
	rows := []struct {
		status     int
		kind, code string
	}{{400, "invalid_request_error", ""}, {401, "invalid_request_error", "invalid_api_key"}, {429, "requests", "rate_limit_exceeded"}, {500, "server_error", ""}}
	s := llmperftest.NewServer(t, quick)
	client := openAI(s)
	for _, row := range rows {
		s.Fail(llmperftest.Status(row.status))
		_, chat := client.Chat.Completions.New(t.Context(), chatParams)
		_, response := client.Responses.New(t.Context(), responses.ResponseNewParams{Model: "m", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("a")}})
		_, completion := client.Completions.New(t.Context(), openai.CompletionNewParams{Model: "m", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("a")}})
		_, embedding := client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{Model: "m", Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("a")}})
		for _, err := range []error{chat, response, completion, embedding, client.Chat.Completions.NewStreaming(t.Context(), chatParams).Err()} {
			var own *openai.Error
			require.True(t, errors.As(err, &own), "%v", err)
			assert.Equal(t, row.status, own.StatusCode)
			assert.Equal(t, row.kind, own.Type)
			assert.Equal(t, row.code, own.Code)
			assert.Equal(t, "fault on purpose", own.Message)
		}
	}
}

func TestOpenAIErrorsInsideAStream(t *testing.T) {
	s := llmperftest.NewServer(t, quick)
	client := openAI(s)
	s.Fail(llmperftest.ErrorEvent(5))
	chat := client.Chat.Completions.NewStreaming(t.Context(), chatParams)
	chunks := 0
	for chat.Next() {
		chunks++
	}
	var own *ssestream.StreamError
	require.True(t, errors.As(chat.Err(), &own), "%v", chat.Err())
	assert.Contains(t, own.Message, "fault on purpose")
	assert.Equal(t, 6, chunks, "the role and five tokens")

	response := client.Responses.NewStreaming(t.Context(), responses.ResponseNewParams{Model: "m", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("a")}})
	var reported responses.ResponseErrorEvent
	var failed responses.ResponseFailedEvent
	for response.Next() {
		switch e := response.Current().AsAny().(type) {
		case responses.ResponseErrorEvent:
			reported = e
		case responses.ResponseFailedEvent:
			failed = e
		}
	}
	require.NoError(t, response.Err())
	assert.Equal(t, "fault on purpose", reported.Message)
	assert.Equal(t, responses.ResponseStatusFailed, failed.Response.Status)
	assert.Equal(t, "server_error", string(failed.Response.Error.Code))
}
