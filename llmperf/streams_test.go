package llmperf

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/load"
	"llmperf.dev/llmperf/internal/record"
)

const streamsDir = "../testdata/streams"

// An account is what a target makes of one answer.
type account struct {
	chunks, tokens int // tokens as the server says it counted, or else the chunks
	prompt, cached int
	hidden         int // of the tokens, those of a reasoning that was not shown
	text           string
	class          FailureClass // "" for a success
}

// newCall is the first request of a user.
func newCall() *Call {
	c := &Call{clock: load.StartClock(), rec: record.NewRecorder()}
	c.begin(load.Request{Sent: 1})
	return c
}

// accountOf sends one request of target, which keeps the text if keep is set.
func accountOf(t *testing.T, target Target, keep bool) (a account, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := newCall()
	c.keepText = keep
	if err = target.Send(ctx, c); err != nil {
		class, _ := classify(ctx, err, c.sample.FirstByte > 0)
		for name, known := range recordClasses {
			if known == class {
				a.class = name
			}
		}
	}
	a.chunks, a.tokens = int(c.sample.Chunks), c.sample.OutputTokens()
	a.prompt, a.cached = int(c.sample.Prompt), int(c.sample.Cached)
	a.hidden = int(c.sample.Hidden)
	a.text = string(c.answer)
	return a, err
}

// streamTarget is the target whose dialect the file's name begins with.
func streamTarget(file, path, url string, client *http.Client) Target {
	whole := strings.HasSuffix(file, ".json")
	openAI := func(api API) Target {
		return OpenAI{BaseURL: url + "/v1", Model: "m", API: api, NoStream: whole, Client: client}
	}
	kind, _, _ := strings.Cut(file, "-")
	switch {
	case strings.HasSuffix(file, ".ndjson") && kind == "chat", strings.HasPrefix(file, "ollama-chat"):
		return Ollama{BaseURL: url, Model: "m", NoStream: whole, Client: client}
	case kind == "ollama":
		return Ollama{BaseURL: url, Model: "m", NoStream: whole, Generate: true, Client: client}
	case kind == "anthropic":
		return Anthropic{BaseURL: url, Model: "m", NoStream: whole, Client: client}
	case kind == "responses":
		return openAI(Responses)
	case kind == "text":
		return openAI(Completions)
	case kind == "embeddings":
		return openAI(Embeddings)
	case kind == "chat", kind == "completion":
		return openAI(ChatCompletions)
	}
	return HTTP{Client: client, TextPath: path, New: func(ctx context.Context, _ *Call) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	}}
}

// serveParts serves the parts of a body, each sent off before the next.
func serveParts(t *testing.T, file string, parts [][]byte) *httptest.Server {
	kind := map[string]string{".sse": "text/event-stream; charset=utf-8", ".ndjson": "application/x-ndjson", ".json": "application/json"}[filepath.Ext(file)]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		for _, part := range parts {
			w.Write(part)
			w.(http.Flusher).Flush()
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// splits are ways in which a body may arrive.
func splits(file string, body []byte) map[string][][]byte {
	seed := fnv.New64a()
	seed.Write([]byte(file))
	r := rand.New(rand.NewPCG(seed.Sum64(), 1))
	ways := map[string][][]byte{"in one piece": {body}}
	for _, way := range []struct {
		name string
		most int
	}{{"byte by byte", 1}, {"in small pieces", 20}, {"in large pieces", 700}} {
		var parts [][]byte
		for rest := body; len(rest) > 0; {
			n := min(1+r.IntN(way.most), len(rest))
			parts, rest = append(parts, rest[:n]), rest[n:]
		}
		ways[way.name] = parts
	}
	return ways
}

var streamed = []struct {
	file   string
	want   account
	reason string
	path   string // HTTP.TextPath, for files of no known dialect
}{
	{"chat-azure-prompt-filter.sse", account{chunks: 2, tokens: 2, text: "Sand dunes"}, "filter results are no tokens", ""},
	{"chat-bare-json-error.sse", account{class: FailInBand}, "an error body where a stream was promised", ""},
	{"chat-bare-json-lines.sse", account{class: FailMalformed}, "not a stream without events", ""},
	{"chat-byte-order-mark-cr.sse", account{chunks: 2, tokens: 2, text: "Old Mac"}, "the standard allows both", ""},
	{"chat-content-parts.sse", account{chunks: 3, tokens: 3, text: "Yes."}, "content as a list of parts", ""},
	{"chat-deepseek-reasoning.sse", account{chunks: 4, tokens: 8, prompt: 13, text: "A bowline holds."}, "keep-alives bring nothing; content is null while it reasons", ""},
	{"chat-deepseek-cached.sse", account{chunks: 2, tokens: 3, prompt: 93, cached: 64, text: "Splice it."}, "hits are cached tokens", ""},
	{"chat-error-event-plain-text.sse", account{class: FailInBand}, "whose data need not be JSON", ""},
	{"chat-error-event.sse", account{chunks: 1, tokens: 1, text: "Oh", class: FailInBand}, "an event named error", ""},
	{"chat-gateway-finish-error.sse", account{chunks: 2, tokens: 2, text: "Peat burns", class: FailInBand}, "a finish that is an error", ""},
	{"chat-gateway-pings.sse", account{chunks: 2, tokens: 2, text: "Peat burns"}, "a ping is no chunk, whatever its data", ""},
	{"chat-ids-and-names.sse", account{chunks: 2, tokens: 2, text: "One two"}, "fields that chat has no use for", ""},
	{"chat-llamacpp-error-field.sse", account{class: FailInBand}, "a field that browsers ignore", ""},
	{"chat-llamacpp-error-in-band.sse", account{class: FailInBand}, "an error, and no [DONE]", ""},
	{"chat-llamacpp-keep-alive.sse", account{chunks: 1, tokens: 1, text: "Late"}, "a colon alone is a comment", ""},
	{"chat-llamacpp-no-done.sse", account{chunks: 3, tokens: 3, text: "Moss on stone"}, "the finish says that it is complete", ""},
	{"chat-llamacpp-reasoning.sse", account{chunks: 4, tokens: 4, text: "Moss"}, "reasoning comes before content", ""},
	{"chat-llamacpp-tool-calls.sse", account{chunks: 2, tokens: 2}, "name and arguments in one", ""},
	{"chat-llamacpp-usage-chunk.sse", account{chunks: 4, tokens: 4, prompt: 21, cached: 12, text: "Moss on stone."}, "the first content is null", ""},
	{"chat-multi-line-data.sse", account{chunks: 2, tokens: 2, text: "Many lines"}, "one chunk over many data lines", ""},
	{"chat-no-space-after-colon.sse", account{chunks: 1, tokens: 1, text: "Tight"}, "the space is optional", ""},
	{"chat-ollama-crlf.ndjson", account{chunks: 3, tokens: 4, prompt: 18, text: "Fog lifts."}, "CRLF ends lines as well", ""},
	{"chat-ollama-cut-mid-line.ndjson", account{chunks: 3, tokens: 3, text: "Fog lifts.", class: FailTruncated}, "the last line is not whole", ""},
	{"chat-ollama-no-last-newline.ndjson", account{chunks: 3, tokens: 4, prompt: 18, text: "Fog lifts."}, "the last line is whole", ""},
	{"chat-ollama.ndjson", account{chunks: 3, tokens: 4, prompt: 18, text: "Fog lifts."}, "the last line is the summary", ""},
	{"chat-openai-function-call.sse", account{chunks: 3, tokens: 3}, "calls before there were tools", ""},
	{"chat-openai-hidden-reasoning.sse", account{chunks: 4, tokens: 202, prompt: 19, hidden: 192, text: "Geese fly south."}, "reasoning is counted and not sent", ""},
	{"chat-openai-refusal.sse", account{chunks: 4, tokens: 4}, "a refusal is output", ""},
	{"chat-openai-text.sse", account{chunks: 5, tokens: 5, text: "Rivers carry rain home."}, "the role, the finish and [DONE] bring no tokens", ""},
	{"chat-openai-tool-calls.sse", account{chunks: 5, tokens: 5}, "the first chunk names a function; the second brings nothing", ""},
	{"chat-openai-two-choices.sse", account{chunks: 4, tokens: 4, text: "RedBlue. sky"}, "tokens and text of both choices, as they come", ""},
	{"chat-openai-usage-chunk-crlf.sse", account{chunks: 3, tokens: 6, prompt: 21, cached: 16, text: "Wind and salt"}, "CRLF ends lines as well", ""},
	{"chat-openai-usage-chunk.sse", account{chunks: 5, tokens: 6, prompt: 21, cached: 16, text: "Tides turn twice daily."}, "usage is null until its own chunk", ""},
	{"chat-tgi-error.sse", account{chunks: 1, tokens: 1, text: "A", class: FailInBand}, "tokens, then an error of TGI's shape", ""},
	{"chat-tgi.sse", account{chunks: 2, tokens: 3, prompt: 13, text: "A bowline"}, "every chunk names the role; the first has content too", ""},
	{"chat-vllm-continuous-usage.sse", account{chunks: 5, tokens: 6, prompt: 34, text: "A quiet harbor at dawn"}, "usage with every chunk; the last counts", ""},
	{"chat-vllm-cut-before-blank-line.sse", account{chunks: 5, tokens: 5, text: "A quiet harbor at dawn", class: FailTruncated}, "the last event is whole, and still there is no end", ""},
	{"chat-vllm-cut-between-events.sse", account{chunks: 5, tokens: 5, text: "A quiet harbor at dawn", class: FailTruncated}, "only the missing finish and [DONE] tell", ""},
	{"chat-vllm-cut-mid-event.sse", account{chunks: 4, tokens: 4, text: "A quiet harbor at", class: FailTruncated}, "the connection broke within the last token", ""},
	{"chat-vllm-done-without-blank-line.sse", account{chunks: 1, tokens: 1, text: "Enough"}, "the stream is complete all the same", ""},
	{"chat-vllm-done-without-newline.sse", account{chunks: 1, tokens: 1, text: "Enough"}, "the stream is complete all the same", ""},
	{"chat-vllm-error-in-band.sse", account{chunks: 2, tokens: 2, text: "Half an", class: FailInBand}, "tokens, then an error inside a successful response", ""},
	{"chat-vllm-error-object.sse", account{class: FailInBand}, "the older way to say so", ""},
	{"chat-vllm-keep-alive.sse", account{chunks: 2, tokens: 2, text: "Slow prefill"}, "comments are no events", ""},
	{"chat-vllm-multi-token-chunks.sse", account{chunks: 4, tokens: 4, text: "A quiet harbor at dawn, with\n\n- gulls\n- \"nets\" \\ ropes and cafés 🌊"}, "escapes and characters beyond ASCII", ""},
	{"chat-vllm-no-choices-no-usage.sse", account{class: FailMalformed}, "a chunk must say something", ""},
	{"chat-vllm-reasoning.sse", account{chunks: 7, tokens: 7, text: "\n\nBrest."}, "reasoning is output and no text", ""},
	{"chat-vllm-usage-chunk.sse", account{chunks: 5, tokens: 6, prompt: 34, text: "A quiet harbor at dawn"}, "the finish has an empty content", ""},
	{"chat-web-page.sse", account{class: FailMalformed}, "nor is this", ""},
	{"chat-whole-message-in-stream.sse", account{tokens: 4, prompt: 9, class: FailEmpty}, "an answer that was not streamed has no tokens to time", ""},
	{"completion-llamacpp-reasoning.json", account{tokens: 6, prompt: 34, text: "Moss."}, "reasoning is output and no text", ""},
	{"completion-openai-text.json", account{tokens: 6, prompt: 21, cached: 16, text: "Tides turn twice daily."}, "printed over many lines", ""},
	{"completion-openai-tool-calls.json", account{tokens: 6, prompt: 21, cached: 16}, "a call without content", ""},
	{"completion-vllm-empty.json", account{tokens: 6, prompt: 34, class: FailEmpty}, "complete, and without output", ""},
	{"completion-vllm-error.json", account{class: FailInBand}, "a success says no error", ""},
	{"completion-vllm-text.json", account{tokens: 6, prompt: 34, text: "A quiet harbor at dawn"}, "nulls and empty lists are nothing", ""},
	{"text-openai-cut.sse", account{chunks: 2, tokens: 2, text: " Herring and cod", class: FailTruncated}, "only the missing end tells", ""},
	{"text-openai-empty.json", account{prompt: 7, class: FailEmpty}, "complete, and without output", ""},
	{"text-openai-error-in-band.sse", account{chunks: 1, tokens: 1, text: " Herring", class: FailInBand}, "tokens, then an error inside a successful response", ""},
	{"text-openai-usage-chunk.sse", account{chunks: 2, tokens: 4, prompt: 7, cached: 4, text: " Herring and cod"}, "usage with cached tokens", ""},
	{"text-openai.json", account{tokens: 5, prompt: 7, text: " Herring and cod."}, "a text as a whole", ""},
	{"text-vllm.sse", account{chunks: 2, tokens: 2, text: "One two"}, "a text completion", ""},
	{"embeddings-bad-base64.json", account{class: FailMalformed}, "a text is base64", ""},
	{"embeddings-error.json", account{class: FailInBand}, "a success says no error", ""},
	{"embeddings-no-data.json", account{prompt: 8, class: FailEmpty}, "complete, and without an embedding", ""},
	{"embeddings-no-vector.json", account{class: FailMalformed}, "an element has an embedding", ""},
	{"embeddings-null-in-vector.json", account{class: FailMalformed}, "a vector is of numbers", ""},
	{"embeddings-openai-base64.json", account{prompt: 8}, "as short as clients ask for", ""},
	{"embeddings-openai.json", account{prompt: 8}, "no tokens come out", ""},
	{"embeddings-two-of-which-one-empty.json", account{prompt: 8, class: FailEmpty}, "one empty vector is enough", ""},
	{"responses-chat-chunks.sse", account{class: FailMalformed}, "an event has a type", ""},
	{"responses-no-output.json", account{class: FailMalformed}, "a response has output", ""},
	{"responses-openai-cancelled.json", account{class: FailInBand}, "what was cancelled is no answer", ""},
	{"responses-openai-cut.sse", account{chunks: 2, tokens: 2, text: "Salt keeps", class: FailTruncated}, "only the missing end tells", ""},
	{"responses-openai-empty.json", account{prompt: 44, class: FailEmpty}, "complete, and without output", ""},
	{"responses-openai-error-unnamed.sse", account{class: FailInBand}, "the data says that it is an error", ""},
	{"responses-openai-error.sse", account{class: FailInBand}, "an error event", ""},
	{"responses-openai-failed.json", account{class: FailInBand}, "a response that failed says why", ""},
	{"responses-openai-failed.sse", account{chunks: 1, tokens: 1, text: "Salt", class: FailInBand}, "a response that failed says why", ""},
	{"responses-openai-function-call.json", account{tokens: 17, prompt: 61}, "a call without text", ""},
	{"responses-openai-function-call.sse", account{chunks: 3, tokens: 17, prompt: 61}, "arguments are output; the item that names the function is none", ""},
	{"responses-openai-hidden-reasoning.sse", account{chunks: 4, tokens: 133, prompt: 44, cached: 32, hidden: 128, text: "Salt keeps fish."}, "reasoning is counted and not sent", ""},
	{"responses-openai-in-progress.json", account{class: FailTruncated}, "there is more to come", ""},
	{"responses-openai-incomplete.sse", account{chunks: 2, tokens: 2, prompt: 44, text: "Salt keeps"}, "an answer that was cut short by its limit is complete", ""},
	{"responses-openai-no-deltas.sse", account{prompt: 44, class: FailEmpty}, "complete, and without output", ""},
	{"responses-openai-other-calls.sse", account{chunks: 4, tokens: 9, prompt: 61}, "input of any kind of call is output", ""},
	{"responses-openai-reasoning-summary.sse", account{chunks: 4, tokens: 75, prompt: 30, text: "Brest, then Lorient — \"by noon\"."}, "reasoning is output and no text", ""},
	{"responses-openai-refusal.json", account{tokens: 8, prompt: 20}, "a refusal is output and no text", ""},
	{"responses-openai-refusal.sse", account{chunks: 2, tokens: 8, prompt: 20}, "a refusal is output and no text", ""},
	{"responses-openai-text.json", account{tokens: 5, prompt: 44, cached: 32, text: "Salt keeps fish."}, "the text is that of the message", ""},
	{"responses-openai-text.sse", account{chunks: 4, tokens: 5, prompt: 44, cached: 32, text: "Salt keeps fish."}, "what is created, added and done brings no tokens", ""},
	{"responses-openai-unnamed-crlf.sse", account{chunks: 4, tokens: 5, prompt: 44, cached: 32, text: "Salt keeps fish."}, "the type in the data is enough; [DONE] does no harm", ""},
	{"responses-vllm-reasoning-only.json", account{tokens: 3, prompt: 44}, "reasoning is output", ""},
	{"responses-vllm-reasoning-text.sse", account{chunks: 4, tokens: 6, prompt: 30, cached: 16, text: "Brest."}, "an empty delta is no token", ""},
	{"anthropic-citations.sse", account{chunks: 1, tokens: 5, prompt: 90, text: "At noon"}, "a citation is no output", ""},
	{"anthropic-crlf-comments.sse", account{chunks: 4, tokens: 9, prompt: 25, text: "Ropes fray first where they bend."}, "comments and pings bring nothing; zeros at the end leave the counts", ""},
	{"anthropic-cut-mid-event.sse", account{chunks: 4, tokens: 4, prompt: 25, text: "Ropes fray first where they bend.", class: FailTruncated}, "the connection broke within an event", ""},
	{"anthropic-cut.sse", account{chunks: 4, tokens: 9, prompt: 25, text: "Ropes fray first where they bend.", class: FailTruncated}, "a stop reason is not the end", ""},
	{"anthropic-empty.json", account{tokens: 31, prompt: 1049, cached: 1024, class: FailEmpty}, "complete, and without output", ""},
	{"anthropic-empty.sse", account{tokens: 1, prompt: 25, class: FailEmpty}, "an empty block is no output", ""},
	{"anthropic-error-unnamed.sse", account{prompt: 25, class: FailInBand}, "the data says that it is an error", ""},
	{"anthropic-error.json", account{class: FailInBand}, "a success says no error", ""},
	{"anthropic-error.sse", account{chunks: 1, tokens: 1, prompt: 25, text: "Ropes", class: FailInBand}, "tokens, then an error inside a successful response", ""},
	{"anthropic-input-at-the-end.sse", account{chunks: 4, tokens: 9, prompt: 1147, cached: 1024, text: "Ropes fray first where they bend."}, "a count at the end leaves those that it does not repeat", ""},
	{"anthropic-no-content.json", account{class: FailMalformed}, "a message has content", ""},
	{"anthropic-no-type.sse", account{class: FailMalformed}, "an event has a type", ""},
	{"anthropic-not-json.sse", account{prompt: 25, class: FailMalformed}, "an event is JSON", ""},
	{"anthropic-refusal.sse", account{chunks: 1, tokens: 7, prompt: 25, text: "I won't help with that."}, "the words of a refusal are output", ""},
	{"anthropic-text.json", account{tokens: 31, prompt: 1049, cached: 1024, text: "The wet one."}, "the text is that of the text blocks", ""},
	{"anthropic-text.sse", account{chunks: 4, tokens: 9, prompt: 1145, cached: 1024, text: "Ropes fray first where they bend."}, "the prompt is what was read, written and the rest; a ping and empty blocks are no tokens", ""},
	{"anthropic-thinking.sse", account{chunks: 5, tokens: 31, prompt: 25, text: "The wet one."}, "thinking is output and no text; a signature and redacted thinking are none", ""},
	{"anthropic-tool-use.json", account{tokens: 31, prompt: 1049, cached: 1024}, "a call without text", ""},
	{"anthropic-tool-use.sse", account{chunks: 4, tokens: 58, prompt: 472, text: "Let me look."}, "parts of the input are output, an empty one is none", ""},
	{"anthropic-unnamed-done.sse", account{chunks: 1, tokens: 2, prompt: 25, text: "Ropes"}, "the type in the data is enough; [DONE] does no harm", ""},
	{"anthropic-usage-at-the-end.sse", account{chunks: 2, tokens: 3, prompt: 20, cached: 8, text: "Ropes fray"}, "the last count holds", ""},
	{"ollama-chat-empty.json", account{tokens: 9, prompt: 18, class: FailEmpty}, "complete, and without output", ""},
	{"ollama-chat-empty.ndjson", account{tokens: 9, prompt: 18, class: FailEmpty}, "a count of tokens is no token", ""},
	{"ollama-chat-error.json", account{class: FailInBand}, "a success says no error", ""},
	{"ollama-chat-error.ndjson", account{chunks: 1, tokens: 1, text: "Fog", class: FailInBand}, "tokens, then an error", ""},
	{"ollama-chat-no-done.ndjson", account{chunks: 2, tokens: 2, text: "Fog lifts", class: FailTruncated}, "only the missing end tells", ""},
	{"ollama-chat-not-json.ndjson", account{chunks: 1, tokens: 1, text: "Fog", class: FailMalformed}, "a line is JSON", ""},
	{"ollama-chat-not-done.json", account{text: "Fog", class: FailTruncated}, "an answer says that it is done", ""},
	{"ollama-chat-nothing-known.ndjson", account{chunks: 1, tokens: 1, text: "Fog", class: FailMalformed}, "a line says something", ""},
	{"ollama-chat-thinking.ndjson", account{chunks: 4, tokens: 9, prompt: 18, text: "On little cat feet.\n"}, "thinking is output and no text; lines may be of several tokens", ""},
	{"ollama-chat-tools.ndjson", account{chunks: 1, tokens: 9, prompt: 18}, "a call is output", ""},
	{"ollama-chat.json", account{tokens: 9, prompt: 18, text: "Fog lifts."}, "thinking is no text", ""},
	{"ollama-generate-length.ndjson", account{chunks: 2, tokens: 2, text: "Fog lifts"}, "the last line may bring text; a null count is none", ""},
	{"ollama-generate-thinking.ndjson", account{chunks: 3, tokens: 9, prompt: 18, text: "Fog lifts."}, "thinking is output and no text", ""},
	{"ollama-generate.json", account{tokens: 9, prompt: 18, text: "Fog lifts."}, "one line is the answer", ""},
	{"ollama-generate.ndjson", account{chunks: 3, tokens: 9, prompt: 18, text: "Fog lifts slowly."}, "context is no output", ""},
	{"other-answer-empty.json", account{class: FailEmpty}, "nothing at the path is no answer", "answer.lines.*"},
	{"other-answer.json", account{text: "Sails set"}, "any element of a list", "answer.lines.*"},
	{"other-candidates.ndjson", account{chunks: 2, tokens: 2, text: "Sails set at dawn"}, "any part of any candidate; a line without parts is no token", "candidates.*.content.parts.*.text"},
	{"other-delta-text.sse", account{chunks: 3, tokens: 3, text: "Sails \"set\" é"}, "an empty text, a null and nothing are no tokens", "delta.text"},
	{"other-error.sse", account{chunks: 1, tokens: 1, text: "Sails", class: FailInBand}, "an error member is one", "delta.text"},
	{"other-no-text.sse", account{class: FailEmpty}, "complete, and without text", "delta.text"},
	{"other-not-json.sse", account{chunks: 1, tokens: 1, text: "Sails", class: FailMalformed}, "a path leads through JSON alone", "delta.text"},
}

// TestRecordedStreamsThroughTargets drives every file of testdata/streams
// through the target of its dialect.
func TestRecordedStreamsThroughTargets(t *testing.T) {
	for _, row := range streamed {
		t.Run(row.file, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join(streamsDir, row.file))
			require.NoError(t, err)
			for way, parts := range splits(row.file, body) {
				server := serveParts(t, row.file, parts)
				target := streamTarget(row.file, row.path, server.URL, server.Client())
				require.NoError(t, target.(validator).validate())
				got, err := accountOf(t, target, true)
				require.Equal(t, row.want, got, "%s: %s: %v", way, row.reason, err)
				var failure *Failure
				require.Equal(t, row.want.class != "", errors.As(err, &failure), "%s: every failure has a class: %v", way, err)
				without := row.want
				without.text = ""
				got, _ = accountOf(t, target, false)
				require.Equal(t, without, got, "%s: text is kept only where it is wanted", way)
			}
		})
	}
}

func TestEveryRecordedStreamIsDriven(t *testing.T) {
	files, err := os.ReadDir(streamsDir)
	require.NoError(t, err)
	readme, err := os.ReadFile(filepath.Join(streamsDir, "README.md"))
	require.NoError(t, err)
	var have, want []string
	for _, file := range files {
		switch filepath.Ext(file.Name()) {
		case ".sse", ".ndjson", ".json":
			have = append(have, file.Name())
			assert.Contains(t, string(readme), "`"+file.Name()+"`", "README.md says what each file is")
		}
	}
	for _, row := range streamed {
		want = append(want, row.file)
	}
	require.ElementsMatch(t, have, want)
}
