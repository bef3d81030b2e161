package llmperf

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pieceReader reads a body in pieces of so many bytes.
type pieceReader struct {
	rest []byte
	size int
}

func (r *pieceReader) Read(b []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), r.size)], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// FuzzAnswer gives every target any answer: it is a success or has a class, of
// those that an answer can have, and how it was split makes no difference.
func FuzzAnswer(f *testing.F) {
	kinds := []string{eventStream, "application/x-ndjson", "application/json", "text/html; charset=utf-8", "", "application/problem+json"}
	files, err := filepath.Glob(filepath.Join(streamsDir, "*.*"))
	require.NoError(f, err)
	for i, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		kind := map[string]uint8{".sse": 0, ".ndjson": 1, ".json": 2}[filepath.Ext(file)]
		f.Add(data, kind, uint8(i), uint8(7), uint16(200))
	}
	f.Add([]byte(`{"error":{"message":"no"}}`), uint8(2), uint8(0), uint8(3), uint16(503))
	targets := []func(*http.Client) Target{}
	for _, api := range []API{ChatCompletions, Responses, Completions, Embeddings} {
		for _, whole := range []bool{false, true} {
			targets = append(targets, func(c *http.Client) Target {
				return OpenAI{BaseURL: "http://127.0.0.1", Model: "m", API: api, NoStream: whole, Client: c}
			})
		}
	}
	for _, whole := range []bool{false, true} {
		targets = append(targets,
			func(c *http.Client) Target {
				return Anthropic{BaseURL: "http://127.0.0.1", Model: "m", NoStream: whole, Client: c}
			},
			func(c *http.Client) Target {
				return Ollama{BaseURL: "http://127.0.0.1", Model: "m", NoStream: whole, Client: c}
			})
	}
	get := func(ctx context.Context, _ *Call) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1", http.NoBody)
	}
	for _, path := range []string{"", "choices.0.delta.content", "*.a"} {
		targets = append(targets,
			func(c *http.Client) Target { return HTTP{New: get, TextPath: path, Client: c} },
			func(c *http.Client) Target {
				return HTTP{New: get, TextPath: path, Client: c, Last: func(_ string, data []byte) bool { return strings.Contains(string(data), "end") }}
			})
	}
	f.Fuzz(func(t *testing.T, body []byte, kind, which, size uint8, status uint16) {
		answered := func(body io.Reader) *http.Client {
			return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200 + int(status)%400, Header: http.Header{"Content-Type": {kinds[int(kind)%len(kinds)]}}, Body: io.NopCloser(body), Request: r}, nil
			})}
		}
		make := targets[int(which)%len(targets)]
		whole, err := accountOf(t, make(answered(bytes.NewReader(body))), true)
		switch whole.class {
		case "", FailTruncated, FailMalformed, FailInBand, FailEmpty:
		case FailStatus:
			require.True(t, int(status)%400 >= 100)
		default:
			t.Fatalf("class %s: %v", whole.class, err)
		}
		pieces, other := accountOf(t, make(answered(&pieceReader{body, 1 + int(size)})), true)
		require.Equal(t, whole, pieces, "%v, and in pieces %v", err, other)
	})
}
