package llmperftest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An api is an endpoint, and a request for it of the words one to six.
type api struct {
	name, path string
	body       string
	limit      string // the member that limits output to 4 tokens
	stream     string // the member that asks for a stream; "" if it cannot, or does so by itself
	noStream   string // the member that asks for none; "" if none is the default
	tokens     int    // in the prompt
	generates  bool
	reasons    bool
}

var apis = []api{
	{name: "chat", path: "/v1/chat/completions", tokens: 6, generates: true, reasons: true,
		body:  `"model":"m","stream_options":{"include_usage":true},"messages":[{"role":"system","content":"one two"},{"role":"user","content":[{"type":"text","text":"three four"},{"type":"image_url","image_url":{"url":"data:,x y"}},{"type":"text","text":"five six"}]}]`,
		limit: `"max_completion_tokens":4`, stream: `"stream":true`},
	{name: "responses", path: "/v1/responses", tokens: 6, generates: true, reasons: true,
		body:  `"model":"m","instructions":"one two","input":[{"role":"user","content":[{"type":"input_text","text":"three four"}]},{"type":"function_call_output","call_id":"c","output":"five six"}]`,
		limit: `"max_output_tokens":4`, stream: `"stream":true`},
	{name: "completions", path: "/v1/completions", tokens: 6, generates: true,
		body:  `"model":"m","stream_options":{"include_usage":true},"prompt":"one two three four five six"`,
		limit: `"max_tokens":4`, stream: `"stream":true`},
	{name: "embeddings", path: "/v1/embeddings", tokens: 6,
		body: `"model":"m","dimensions":3,"input":["one two three","four five six"]`},
	{name: "messages", path: "/v1/messages", tokens: 6, generates: true, reasons: true,
		body:  `"model":"m","max_tokens":100,"system":[{"type":"text","text":"one two"}],"messages":[{"role":"user","content":"three four"},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"five six"}]}]}]`,
		limit: `"max_tokens":4`, stream: `"stream":true`},
	{name: "ollama chat", path: "/api/chat", tokens: 6, generates: true, reasons: true,
		body:  `"model":"m","messages":[{"role":"system","content":"one two"},{"role":"user","content":"three four five six"}]`,
		limit: `"options":{"num_predict":4}`, noStream: `"stream":false`},
	{name: "ollama generate", path: "/api/generate", tokens: 6, generates: true, reasons: true,
		body:  `"model":"m","system":"one two","prompt":"three four five six"`,
		limit: `"options":{"num_predict":4}`, noStream: `"stream":false`},
}

// request is a body with members added; a member that comes twice has its last value.
func (x api) request(members ...string) string {
	all := []string{x.body}
	for _, m := range members {
		if m != "" {
			all = append(all, m)
		}
	}
	return "{" + strings.Join(all, ",") + "}"
}

// An heard is what a client hears of an answer.
type heard struct {
	status int
	header http.Header
	body   string
	err    error
}

// tell sends a request and reads the answer with body.
func tell(t *testing.T, s *Server, path, request string, body func(io.Reader) ([]byte, error)) heard {
	t.Helper()
	resp, err := s.Client().Post(s.URL+path, "application/json", strings.NewReader(request))
	if err != nil {
		return heard{err: err}
	}
	defer resp.Body.Close()
	data, err := body(resp.Body)
	return heard{resp.StatusCode, resp.Header, string(data), err}
}

var durations = regexp.MustCompile(`_duration":\d+`)

// everywhere runs f with a server on loopback and on both networks in memory,
// and a way to read its answers.
func everywhere(t *testing.T, e Engine, f func(t *testing.T, s *Server, body func(io.Reader) ([]byte, error))) {
	t.Run("loopback", func(t *testing.T) { f(t, NewServer(t, e), io.ReadAll) })
	for _, n := range []struct {
		name string
		opts []Option
		body func(io.Reader) ([]byte, error)
	}{{"push, read", nil, io.ReadAll}, {"push, pushed", nil, pushedBody}, {"wire", []Option{Wire{}}, io.ReadAll}} {
		t.Run(n.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, NewServer(t, e, n.opts...), n.body) })
		})
	}
}

// TestAnswersAreGolden holds whole bodies against files; LLMPERF_GOLDEN=1 writes
// them anew.
func TestAnswersAreGolden(t *testing.T) {
	engines := []struct {
		name   string
		engine Engine
	}{
		{"plain", Engine{StepBase: time.Millisecond, Output: Fixed(3)}},
		{"reasoning", Engine{StepBase: time.Millisecond, Output: Fixed(3), Reasoning: Fixed(2)}},
		{"chunks of two", Engine{StepBase: time.Millisecond, Output: Fixed(3), Reasoning: Fixed(3), TokensPerChunk: 2}},
	}
	for _, x := range apis {
		for _, e := range engines {
			if !x.reasons && e.name == "reasoning" || !x.generates && e.name != "plain" {
				continue
			}
			t.Run(x.name+"/"+e.name, func(t *testing.T) {
				everywhere(t, e.engine, func(t *testing.T, s *Server, body func(io.Reader) ([]byte, error)) {
					var text strings.Builder
					for _, request := range []string{x.request(x.stream), x.request(x.noStream), x.request(x.stream, x.limit)} {
						is := tell(t, s, x.path, request, body)
						require.NoError(t, is.err)
						fmt.Fprintf(&text, "%d %s\n%s\n\n", is.status, is.header.Get("Content-Type"), durations.ReplaceAllString(is.body, `_duration":0`))
						if !x.generates {
							break
						}
					}
					file := filepath.Join("testdata", "answers", strings.ReplaceAll(x.name+" "+e.name, " ", "_")+".txt")
					if os.Getenv("LLMPERF_GOLDEN") != "" {
						require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o777))
						require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o666))
					}
					want, err := os.ReadFile(file)
					require.NoError(t, err)
					assert.Equal(t, string(want), text.String())
				})
			})
		}
	}
}

// payloads are the JSON values of a body: of a stream's events or lines, or one.
func payloads(t *testing.T, body string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(body) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "data: ")
		if line == "" || line == "[DONE]" || strings.HasPrefix(line, "event: ") {
			continue
		}
		var value map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &value), "%s", line)
		all = append(all, value)
	}
	return all
}

func TestRecordsCountWhatAnswersBring(t *testing.T) {
	e := Engine{StepBase: time.Millisecond, Output: Fixed(7), Reasoning: Fixed(5), TokensPerChunk: 3}
	for _, x := range apis {
		if !x.reasons {
			continue
		}
		everywhere(t, e, func(t *testing.T, s *Server, body func(io.Reader) ([]byte, error)) {
			require.NoError(t, tell(t, s, x.path, x.request(x.stream), body).err)
			require.Eventually(t, func() bool { return len(s.Requests()) == 1 }, 5*time.Second, time.Millisecond)
			r := s.Requests()[0]
			var tokens []int
			for _, c := range r.Chunks {
				tokens = append(tokens, c.Tokens)
			}
			assert.Equal(t, []int{3, 2, 3, 3, 1}, tokens, "%s: chunks of three, and none with both reasoning and answer", x.name)
			assert.Equal(t, [3]int{x.tokens, 12, 5}, [3]int{r.PromptTokens, r.OutputTokens, r.ReasoningTokens}, x.name)
			assert.Equal(t, Completed, r.Outcome)
			assert.False(t, r.Written.Before(r.Chunks[4].At))
			assert.False(t, r.Ended.Before(r.Written))
		})
	}
}

func TestEventsOfResponsesAreNumbered(t *testing.T) {
	everywhere(t, Engine{StepBase: time.Millisecond, Output: Fixed(120), Reasoning: Fixed(11)}, func(t *testing.T, s *Server, body func(io.Reader) ([]byte, error)) {
		events := payloads(t, tell(t, s, "/v1/responses", `{"model":"m","input":"hi","stream":true}`, body).body)
		require.Greater(t, len(events), 131)
		for i, e := range events {
			assert.EqualValues(t, i, e["sequence_number"])
		}
	})
}

func TestATokenAllocatesNothing(t *testing.T) {
	for _, x := range []struct {
		name    string
		dialect streamer
	}{{"chat", new(chat)}, {"responses", new(response)}, {"completions", new(completion)}, {"messages", new(message)}, {"ollama", new(ollama)}} {
		a := &answer{streamer: x.dialect, turnAt: -1, seq: &sequence{pace: pace{output: 10_000, chunk: 1}}, record: &record{}}
		a.record.chunks = make([]time.Duration, 0, 2000)
		a.streamer.begin(a)
		a.prepare(false)
		a.next(1)
		assert.Zero(t, testing.AllocsPerRun(1000, func() { a.next(a.record.OutputTokens + 1) }), x.name)
	}
}

func TestErrorsHaveTheShapeOfTheirAPI(t *testing.T) {
	shapes := map[string]func(status int, message string) string{
		"/v1/": func(status int, message string) string {
			kind := map[int]string{400: `"invalid_request_error","param":null,"code":null`, 401: `"invalid_request_error","param":null,"code":"invalid_api_key"`, 429: `"requests","param":null,"code":"rate_limit_exceeded"`, 500: `"server_error","param":null,"code":null`, 503: `"server_error","param":null,"code":null`}[status]
			return `{"error":{"message":"` + message + `","type":` + kind + `}}`
		},
		"/v1/messages": func(status int, message string) string {
			kind := map[int]string{400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error", 500: "api_error", 503: "overloaded_error", 529: "overloaded_error"}[status]
			return `{"type":"error","error":{"type":"` + kind + `","message":"` + message + `"},"request_id":"req_0"}`
		},
		"/api/": func(_ int, message string) string { return `{"error":"` + message + `"}` },
	}
	shape := func(path string) func(int, string) string {
		if f := shapes[path]; f != nil {
			return f
		}
		return shapes[path[:strings.Index(path[1:], "/")+2]]
	}
	for _, x := range apis {
		for _, status := range []int{401, 429, 500, 503} {
			s := NewServer(t, Engine{})
			s.Fail(Status(status).RetryAfter(1500 * time.Millisecond))
			is := tell(t, s, x.path, x.request(), io.ReadAll)
			assert.Equal(t, status, is.status)
			assert.Equal(t, shape(x.path)(status, "fault on purpose"), is.body, x.name)
			assert.Equal(t, "2", is.header.Get("Retry-After"), "whole seconds")
			assert.Equal(t, "application/json", is.header.Get("Content-Type"))
			id := map[string]string{"messages": "Request-Id", "ollama chat": "", "ollama generate": ""}
			header, known := id[x.name]
			if !known {
				header = "X-Request-Id"
			}
			if header != "" {
				assert.Equal(t, "req_0", is.header.Get(header), x.name)
			}
		}
		own := map[string]int{"messages": 529, "ollama chat": 503, "ollama generate": 503}[x.name]
		if own == 0 {
			own = 429
		}
		for set, want := range map[int]int{0: own, 503: 503} {
			var is heard
			synctest.Test(t, func(t *testing.T) {
				s := NewServer(t, Engine{MaxBatch: 1, MaxQueue: NoQueue, PrefillRate: 1, ShedStatus: set})
				go sendTo(t.Context(), s, "m")
				time.Sleep(time.Millisecond)
				is = tell(t, s, x.path, x.request(), io.ReadAll)
			})
			assert.Equal(t, want, is.status, "%s, shed with ShedStatus %d", x.name, set)
			assert.Equal(t, strings.ReplaceAll(shape(x.path)(want, "the queue is full"), "req_0", "req_1"), is.body, x.name)
			assert.Equal(t, "1", is.header.Get("Retry-After"))
		}
		s := NewServer(t, Engine{})
		is := tell(t, s, x.path, `{"model":`, io.ReadAll)
		assert.Equal(t, 400, is.status)
		assert.Contains(t, is.body, "the body is not a", x.name)
	}
}

func TestRequestsThatAreWrongSayWhy(t *testing.T) {
	rows := []struct{ path, body, says string }{
		{"/v1/chat/completions", `{"messages":[]}`, "messages is empty"},
		{"/v1/responses", `{"model":"m"}`, "input is empty"},
		{"/v1/completions", `{"prompt":["a","b"]}`, "there are several prompts: want one"},
		{"/v1/completions", `{}`, "prompt: want text, tokens"},
		{"/v1/embeddings", `{"input":[]}`, "input: there are 0: want from 1 to 2048"},
		{"/v1/embeddings", `{"input":["a",""]}`, "input: a text is empty"},
		{"/v1/embeddings", `{"input":[[1,"a"]]}`, "input: a token is not a number"},
		{"/v1/embeddings", `{"input":[[]]}`, "input: there is one without tokens"},
		{"/v1/embeddings", `{"input":"a","dimensions":0}`, "dimensions is 0"},
		{"/v1/embeddings", `{"input":"a","encoding_format":"int8"}`, `encoding_format is \"int8\"`},
		{"/v1/messages", `{"max_tokens":1,"messages":[]}`, "messages is empty"},
		{"/v1/messages", `{"messages":[{"role":"user","content":"a"}]}`, "max_tokens is 0: want at least 1"},
		{"/v1/responses", `{"input":""}`, "input is empty"},
		{"/v1/responses", `{"input":[]}`, "input is empty"},
		{"/v1/responses", `{"input":"a","max_output_tokens":0}`, "max_output_tokens is 0: want at least 1"},
		{"/v1/chat/completions", `{"messages":[{"content":"a"}],"max_tokens":0}`, "max_tokens is 0: want at least 1"},
		{"/v1/chat/completions", `{"messages":[{"content":"a"}],"max_tokens":5,"max_completion_tokens":-1}`, "max_completion_tokens is -1: want at least 1"},
		{"/v1/completions", `{"prompt":"a","max_tokens":0}`, "max_tokens is 0: want at least 1"},
	}
	s := NewServer(t, Engine{})
	for _, row := range rows {
		is := tell(t, s, row.path, row.body, io.ReadAll)
		assert.Equal(t, 400, is.status, "%s %s", row.path, row.body)
		assert.Contains(t, is.body, row.says, "%s %s", row.path, row.body)
	}
}

func TestLimitsThatAreNoneLetAnAnswerBeAsLongAsItIs(t *testing.T) {
	s := NewServer(t, Engine{StepBase: time.Millisecond, Output: Fixed(20)})
	rows := []struct {
		path, body string
		output     int
		reason     string
	}{
		{"/v1/chat/completions", `{"messages":[{"content":"a"}],"max_tokens":null}`, 20, "null is none"},
		{"/v1/chat/completions", `{"messages":[{"content":"a"}],"max_tokens":5,"max_completion_tokens":7}`, 7, "the newer one counts"},
		{"/v1/completions", `{"prompt":"a"}`, 16, "OpenAI's default"},
		{"/v1/completions", `{"prompt":"a","max_tokens":100}`, 20, "as long as it is"},
		{"/api/generate", `{"prompt":"a","stream":false,"options":{"num_predict":-1}}`, 20, "without end"},
		{"/api/generate", `{"prompt":"a","stream":false,"options":{"num_predict":-2}}`, 20, "to the end of the context"},
	}
	for i, row := range rows {
		is := tell(t, s, row.path, row.body, io.ReadAll)
		require.Equal(t, 200, is.status, is.body)
		require.Eventually(t, func() bool { return len(s.Requests()) == i+1 }, 5*time.Second, time.Millisecond)
		assert.Equal(t, row.output, s.Requests()[i].OutputTokens, "%s: %s", row.body, row.reason)
		assert.Equal(t, row.output < 20, strings.Contains(is.body, `"length"`), row.body)
	}
}

func TestInputWithoutTextIsInput(t *testing.T) {
	s := NewServer(t, Engine{StepBase: time.Millisecond, Output: Fixed(1)})
	for _, input := range []string{
		`[{"role":"user","content":[{"type":"input_image","image_url":"data:,x"}]}]`,
		`[{"type":"item_reference","id":"msg_1"}]`,
	} {
		assert.Equal(t, 200, tell(t, s, "/v1/responses", `{"input":`+input+`}`, io.ReadAll).status, input)
	}
}

func TestAnOllamaWithoutAPromptIsLoaded(t *testing.T) {
	rows := []struct{ path, body, want string }{
		{"/api/generate", `{"model":"m"}`, `"response":"","done":true,"done_reason":"load"}`},
		{"/api/generate", `{"model":"m","prompt":"","keep_alive":"5m"}`, `"response":"","done":true,"done_reason":"load"}`},
		{"/api/generate", `{"model":"m","keep_alive":0}`, `"response":"","done":true,"done_reason":"unload"}`},
		{"/api/generate", `{"model":"m","keep_alive":-1}`, `"response":"","done":true,"done_reason":"load"}`},
		{"/api/chat", `{"model":"m","messages":[]}`, `"message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}`},
		{"/api/chat", `{"model":"m","keep_alive":"0s"}`, `"message":{"role":"assistant","content":""},"done":true,"done_reason":"unload"}`},
	}
	everywhere(t, Engine{}, func(t *testing.T, s *Server, body func(io.Reader) ([]byte, error)) {
		s.Fail(CutMidStream(0))
		for i, row := range rows {
			is := tell(t, s, row.path, row.body, body)
			assert.Equal(t, 200, is.status)
			assert.Equal(t, "application/json", is.header.Get("Content-Type"))
			assert.Equal(t, `{"model":"m","created_at":"1970-01-01T00:00:00Z",`+row.want, is.body)
			require.Eventually(t, func() bool { return len(s.Requests()) == i+1 }, 5*time.Second, time.Millisecond)
			r := s.Requests()[i]
			assert.Equal(t, Completed, r.Outcome)
			assert.Zero(t, r.PromptTokens+r.OutputTokens)
		}
	})
}

func TestReasoningCanBeTurnedOff(t *testing.T) {
	rows := []struct {
		path, body string
		reasons    bool
	}{
		{"/v1/messages", `{"max_tokens":9,"messages":[{"content":"a"}]}`, true},
		{"/v1/messages", `{"max_tokens":9,"messages":[{"content":"a"}],"thinking":{"type":"enabled","budget_tokens":1024}}`, true},
		{"/v1/messages", `{"max_tokens":9,"messages":[{"content":"a"}],"thinking":{"type":"disabled"}}`, false},
		{"/api/chat", `{"messages":[{"content":"a"}],"stream":false}`, true},
		{"/api/chat", `{"messages":[{"content":"a"}],"stream":false,"think":true}`, true},
		{"/api/chat", `{"messages":[{"content":"a"}],"stream":false,"think":"low"}`, true},
		{"/api/chat", `{"messages":[{"content":"a"}],"stream":false,"think":false}`, false},
		{"/api/generate", `{"prompt":"a","stream":false,"think":false}`, false},
	}
	s := NewServer(t, Engine{StepBase: time.Millisecond, Output: Fixed(3), Reasoning: Fixed(2)})
	for _, row := range rows {
		is := tell(t, s, row.path, row.body, io.ReadAll)
		assert.Equal(t, 200, is.status)
		assert.Equal(t, row.reasons, strings.Contains(is.body, `"thinking"`), row.body)
	}
}

func TestARequestLargerThanTheCacheIsRefused(t *testing.T) {
	for _, x := range apis {
		s := NewServer(t, Engine{KVTokens: 5, Output: Fixed(3)})
		is := tell(t, s, x.path, x.request(x.noStream), io.ReadAll)
		assert.Equal(t, 400, is.status, x.name)
		tokens := 3
		if !x.generates {
			tokens = 0
		}
		assert.Contains(t, is.body, fmt.Sprintf("the prompt has 6 tokens and the answer %d: the context holds 5", tokens), x.name)
		assert.Equal(t, strings.HasPrefix(x.path, "/v1/") && x.name != "messages", strings.Contains(is.body, `"type":"invalid_request_error","param":null,"code":"context_length_exceeded"`), x.name)
		assert.Empty(t, is.header.Get("Retry-After"))
		assert.Equal(t, Refused, s.Requests()[0].Outcome)
	}
}

func TestAnswersOfOllamaTellTheirTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(t, Engine{MaxBatch: 1, PrefillRate: 1000, StepBase: 10 * time.Millisecond, StepPerSequence: time.Nanosecond, Output: Fixed(5)})
		go sendTo(t.Context(), s, "m") // is done after 1 ms and 50 ms
		time.Sleep(time.Millisecond)
		for _, stream := range []string{"true", "false"} {
			is := tell(t, s, "/api/generate", `{"prompt":"`+say("a", 100)+`","stream":`+stream+`}`, io.ReadAll)
			all := payloads(t, is.body)
			last := all[len(all)-1]
			wait := 50.0 // for the place in the batch
			if stream == "false" {
				wait = 0
			}
			for member, want := range map[string]float64{"total": wait + 100 + 50, "prompt_eval": 100, "eval": 50, "load": 0} {
				assert.InDelta(t, want, last[member+"_duration"].(float64)/1e6, 0.5, "%s, streamed %s", member, stream)
			}
			assert.EqualValues(t, 100, last["prompt_eval_count"])
			assert.EqualValues(t, 5, last["eval_count"])
		}
	})
}

func TestModelsAreListedInEachShape(t *testing.T) {
	s := NewServer(t, Engine{})
	get := func(path, header string) string {
		req, _ := http.NewRequest("GET", s.URL+path, nil)
		if header != "" {
			req.Header.Set(header, "2023-06-01")
		}
		resp, err := s.Client().Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return fmt.Sprint(resp.StatusCode, " ", string(data))
	}
	assert.Equal(t, `200 {"object":"list","data":[{"id":"fake","object":"model","created":0,"owned_by":"llmperftest"}]}`, get("/v1/models", ""))
	assert.Contains(t, get("/v1/models", "anthropic-version"), `"type":"model","id":"fake"`)
	assert.Contains(t, get("/api/tags", ""), `200 {"models":[{"name":"fake"`)
	assert.Contains(t, get("/v1/nowhere", ""), `404 {"error":{"message":"no such endpoint: GET /v1/nowhere"`)
	assert.Contains(t, get("/v1/messages/batches", ""), `404 {"type":"error","error":{"type":"not_found_error"`)
	assert.Contains(t, get("/api/ps", ""), `404 {"error":"no such endpoint`)
	var lost []string
	for _, r := range s.Requests() {
		lost = append(lost, fmt.Sprint(r.Path, " ", r.Status, " ", r.Outcome))
	}
	assert.Equal(t, []string{"/v1/nowhere 404 refused", "/v1/messages/batches 404 refused", "/api/ps 404 refused"}, lost, "a wrong path leaves a trace")
}

func TestEmbeddingsAreDeterministicUnitVectors(t *testing.T) {
	s := NewServer(t, Engine{})
	vectors := func(members string) [][]float64 {
		var list struct {
			Data []struct {
				Embedding []float64 `json:"embedding"`
			} `json:"data"`
		}
		is := tell(t, s, "/v1/embeddings", `{"model":"m",`+members+`}`, io.ReadAll)
		require.NoError(t, json.Unmarshal([]byte(is.body), &list), is.body)
		var all [][]float64
		for _, d := range list.Data {
			square := 0.0
			for _, x := range d.Embedding {
				square += x * x
			}
			assert.InDelta(t, 1, square, 1e-5)
			all = append(all, d.Embedding)
		}
		return all
	}
	both := vectors(`"input":["one","two"]`)
	require.Len(t, both, 2)
	assert.Len(t, both[0], 1536)
	assert.NotEqual(t, both[0], both[1])
	assert.Equal(t, both[1:], vectors(`"input":"two"`), "of the text alone")
	short := vectors(`"input":"two","dimensions":8`)[0]
	require.Len(t, short, 8)
	for d := range short {
		assert.InDelta(t, short[d]/short[0], both[1][d]/both[1][0], 1e-4, "the same direction in fewer dimensions")
	}
	assert.Len(t, vectors(`"input":[1,2,3]`), 1, "the tokens of one")
	assert.Len(t, vectors(`"input":[[1,2],[3]]`), 2, "the tokens of two")
	requests := s.Requests()
	assert.Equal(t, 3, requests[len(requests)-1].PromptTokens, "a token counts as one")
}

func TestEmbeddingsTakeTheTimeOfTheirPrefill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(t, Engine{PrefillRate: 100, StepBase: time.Second})
		begin := time.Now()
		is := tell(t, s, "/v1/embeddings", `{"model":"m","input":"`+strings.Repeat("word ", 50)+`"}`, io.ReadAll)
		require.Equal(t, 200, is.status)
		assert.InDelta(t, 500*time.Millisecond, time.Since(begin), float64(3*grain), "50 tokens at 100 a second and no step of a second")
	})
}
