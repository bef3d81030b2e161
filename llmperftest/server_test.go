package llmperftest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperftest"
)

var fast = llmperftest.Engine{StepBase: time.Millisecond, StepPerSequence: time.Microsecond, Output: llmperftest.Fixed(6)}

func post(t *testing.T, s *llmperftest.Server, body string) (*http.Response, string, error) {
	t.Helper()
	resp, err := s.Client().Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp, string(data), err
}

const (
	streaming = `{"model": "m", "stream": true, "stream_options": {"include_usage": true}, "messages": [{"role": "user", "content": "one two three"}]}`
	whole     = `{"model": "m", "max_tokens": 4, "messages": [{"role": "user", "content": "one two three"}]}`
)

func TestAStreamHasExactlyItsTokens(t *testing.T) {
	server := llmperftest.NewServer(t, fast)
	resp, body, err := post(t, server, streaming)
	require.NoError(t, err)
	assert.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	assert.Equal(t, 6, strings.Count(body, `"content":" `))
	assert.Contains(t, body, `"usage":{"prompt_tokens":3,"completion_tokens":6,"total_tokens":9,`)
	assert.Contains(t, body, `"finish_reason":"stop"`)
	assert.True(t, strings.HasSuffix(body, "data: [DONE]\n\n"))

	record := server.Requests()[0]
	assert.Equal(t, llmperftest.Completed, record.Outcome)
	assert.Len(t, record.Chunks, 6)
	at := record.Arrived
	for _, chunk := range record.Chunks {
		assert.True(t, chunk.At.After(at), "times ascend")
		at = chunk.At
	}
}

func TestAWholeAnswerIsCutAtMaxTokens(t *testing.T) {
	server := llmperftest.NewServer(t, fast)
	_, body, err := post(t, server, whole)
	require.NoError(t, err)
	assert.Contains(t, body, `"completion_tokens":4`)
	assert.Contains(t, body, `"finish_reason":"length"`)
}

func TestWrongRequestsAreRefused(t *testing.T) {
	server := llmperftest.NewServer(t, fast)
	resp, body, err := post(t, server, `{"messages": []}`)
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Contains(t, body, "messages is empty")
	resp, err = server.Client().Get(server.URL + "/v2")
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	resp, err = server.Client().Get(server.URL + "/v1/models")
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestAFullQueueShedsWithRetryAfter(t *testing.T) {
	engine := fast
	engine.MaxBatch, engine.MaxQueue, engine.PrefillRate = 1, llmperftest.NoQueue, 1
	engine.ShedStatus, engine.RetryAfter = 503, 2*time.Second
	synctest.Test(t, func(t *testing.T) {
		server := llmperftest.NewServer(t, engine)
		go func() { _, _, _ = post(t, server, whole) }()
		time.Sleep(time.Millisecond)
		resp, _, err := post(t, server, streaming)
		require.NoError(t, err)
		assert.Equal(t, 503, resp.StatusCode)
		assert.Equal(t, "2", resp.Header.Get("Retry-After"))
		time.Sleep(time.Millisecond)
		assert.Equal(t, llmperftest.Shed, server.Requests()[0].Outcome)
	})
}

func TestFaultsStrikeTheRequestsTheyAreMeantFor(t *testing.T) {
	rows := []struct {
		name   string
		fault  llmperftest.Fault
		struck []int
		reason string
	}{
		{"all", llmperftest.Status(500), []int{0, 1, 2, 3, 4, 5}, "no limit is set"},
		{"every third", llmperftest.Status(500).Every(3), []int{2, 5}, "the third and the sixth"},
		{"first two", llmperftest.Status(500).First(2), []int{0, 1}, "from the first on"},
		{"never", llmperftest.Status(500).Rate(1e-12), nil, "so rare that six requests see none"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			server := llmperftest.NewServer(t, fast)
			server.Fail(row.fault)
			var struck []int
			for i := range 6 {
				resp, _, err := post(t, server, streaming)
				require.NoError(t, err)
				if resp.StatusCode == 500 {
					struck = append(struck, i)
				}
			}
			assert.Equal(t, row.struck, struck, row.reason)
		})
	}
}

func TestAClientThatGoesIsRecordedAsCancelled(t *testing.T) {
	engine := fast
	engine.Output = llmperftest.Fixed(100_000)
	server := llmperftest.NewServer(t, engine)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/v1/chat/completions", strings.NewReader(streaming))
	require.NoError(t, err)
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	cancel()
	resp.Body.Close()
	require.Eventually(t, func() bool { return len(server.Requests()) == 1 }, 5*time.Second, time.Millisecond)
	assert.Equal(t, llmperftest.Cancelled, server.Requests()[0].Outcome)
}

// A fatalTB notes what ends a test.
type fatalTB struct {
	testing.TB
	message string
}

func (f *fatalTB) Helper() {}
func (f *fatalTB) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestAnEngineThatCannotBeIsFatal(t *testing.T) {
	rows := []struct {
		name   string
		engine llmperftest.Engine
		says   string
	}{
		{"batch", llmperftest.Engine{MaxBatch: -1}, "Engine.MaxBatch is -1"},
		{"queue", llmperftest.Engine{MaxQueue: -2}, "Engine.MaxQueue is -2"},
		{"status", llmperftest.Engine{ShedStatus: 200}, "want 429, 503 or 529"},
		{"jitter", llmperftest.Engine{Jitter: 2}, "Engine.Jitter is 2"},
		{"jitter that is no number", llmperftest.Engine{Jitter: math.NaN()}, "Engine.Jitter is NaN"},
		{"prefill that is no number", llmperftest.Engine{PrefillRate: math.NaN()}, "Engine.PrefillRate is NaN"},
		{"prefill without end", llmperftest.Engine{PrefillRate: math.Inf(1)}, "Engine.PrefillRate is +Inf"},
		{"prefill", llmperftest.Engine{PrefillRate: -1}, "Engine.PrefillRate is -1"},
		{"cache", llmperftest.Engine{KVTokens: -1}, "Engine.KVTokens is -1"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			fake := &fatalTB{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				llmperftest.NewServer(fake, row.engine)
			}()
			<-done
			assert.Contains(t, fake.message, row.says)
		})
	}
}

func TestServeServesAnyHandler(t *testing.T) {
	svc := llmperftest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	resp, err := svc.Client().Post(svc.URL, "text/plain", bytes.NewBufferString("echo"))
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "echo", string(data))
}
