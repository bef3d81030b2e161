package llmperf

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// repeating writes text over and over until nobody takes it any more, and counts
// the bytes. Head comes first: a response's beginning as it is written, or its
// media type and, in the next line, what its body begins with.
func repeating(taken *atomic.Int64, head, text string) http.HandlerFunc {
	block := []byte(strings.Repeat(text, 1+1<<16/len(text)))
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		out := io.Writer(w)
		if strings.HasPrefix(head, "HTTP/") {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			out = conn
			io.WriteString(conn, head)
		} else {
			kind, first, _ := strings.Cut(head, "\n")
			w.Header().Set("Content-Type", kind)
			io.WriteString(w, first)
		}
		for {
			n, err := out.Write(block)
			if taken.Add(int64(n)); err != nil {
				return
			}
		}
	}
}

// peakHeap calls f and returns by how much the heap grew at most meanwhile.
func peakHeap(f func()) int {
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	most := 0
	for {
		runtime.ReadMemStats(&now)
		most = max(most, int(now.HeapAlloc)-int(before.HeapAlloc))
		select {
		case <-done:
			return most
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// TestNoAnswerTakesAllMemory: whatever a server sends, and for how long, the
// request ends as malformed, and what was taken in of it is bounded.
func TestNoAnswerTakesAllMemory(t *testing.T) {
	const mib = 1 << 20
	const sockets = 16 * mib // what is on the way in a connection
	chat := func(url string, client *http.Client) Target {
		return OpenAI{BaseURL: url, Model: "m", Client: client}
	}
	whole := func(url string, client *http.Client) Target {
		return OpenAI{BaseURL: url, Model: "m", NoStream: true, Client: client}
	}
	embeddings := func(url string, client *http.Client) Target {
		return OpenAI{BaseURL: url, Model: "m", API: Embeddings, Client: client}
	}
	messages := func(url string, client *http.Client) Target {
		return Anthropic{BaseURL: url, Model: "m", Client: client}
	}
	ollama := func(url string, client *http.Client) Target {
		return Ollama{BaseURL: url, Model: "m", Client: client}
	}
	responses := func(url string, client *http.Client) Target {
		return OpenAI{BaseURL: url, Model: "m", API: Responses, Client: client}
	}
	any := func(url string, client *http.Client) Target {
		return HTTP{Client: client, TextPath: "a", New: func(ctx context.Context, _ *Call) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
		}}
	}
	tests := []struct {
		name, head, text string
		target           func(string, *http.Client) Target
		most             int // bytes taken
		want, reason     string
	}{
		{"status line", "HTTP/1.1 ", "2", chat, 4 * mib, "", "a line without end"},
		{"header", "HTTP/1.1 200 OK\r\n", "A: b\r\n", chat, 4 * mib, "response headers exceeded 1048576 bytes", "fields without end"},
		{"informational", "HTTP/1.1 ", "102 Processing\r\n\r\nHTTP/1.1 ", any, 4 * mib, "", "responses before the response"},
		{"trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n", any, 4 * mib, "suspiciously long trailer", "fields without end, after the body"},
		{"chunk extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x", any, 4 * mib, "", "a line without end, before a chunk"},
		{"chat line", "text/event-stream\ndata: ", "x", chat, 4 * mib, "longer than 4194304 bytes", "a line without end"},
		{"chat event", "text/event-stream\n", "data: x\n", chat, 4 * mib, "longer than 4194304 bytes", "an event without end"},
		{"chat tokens", "text/event-stream\n", `data: {"choices":[{"delta":{"content":"a"}}]}` + "\n\n", chat, 49 * mib, "1,048,576 chunks", "tokens without end"},
		{"chat of another type", "text/html\n", "<p>", chat, 64 * mib, "longer than 64 MiB", "a page without end"},
		{"completion", "application/json\n", `{"choices":[`, whole, 64 * mib, "longer than 64 MiB", "a body that is kept"},
		{"embedding", "application/json\n" + `{"data":[{"embedding":[`, "0.1,", embeddings, 64 * mib, "longer than 64 MiB", "a vector without end"},
		{"message line", "text/event-stream\nevent: ", "x", messages, 4 * mib, "longer than 4194304 bytes", "a name without end"},
		{"message tokens", "text/event-stream\n", `data: {"type":"content_block_delta","delta":{"text":"a"}}` + "\n\n", messages, 64 * mib, "1,048,576 chunks", "tokens without end"},
		{"ollama line", "application/x-ndjson\n", `{"message":[`, ollama, 4 * mib, "longer than 4194304 bytes", "a line without end"},
		{"ollama tokens", "application/x-ndjson\n", `{"message":{"content":"a"}}` + "\n", ollama, 64 * mib, "1,048,576 chunks", "tokens without end"},
		{"responses line", "text/event-stream\n", `{"type":`, responses, 4 * mib, "longer than 4194304 bytes", "a line without end, of no field"},
		{"any events", "text/event-stream\n", "data: {\"a\":1}\n\n", any, 49 * mib, "1,048,576 chunks", "tokens without end"},
		{"any line", "application/jsonl\n", "[", any, 4 * mib, "longer than 4194304 bytes", "a line without end"},
		{"any body", "application/json\n", "[", any, 64 * mib, "longer than 64 MiB", "a body that is kept"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var taken atomic.Int64
			server := httptest.NewServer(repeating(&taken, tt.head, tt.text))
			t.Cleanup(server.Close)
			t.Cleanup(func() { closeIdle(nil) })
			var got account
			var err error
			heap := peakHeap(func() { got, err = accountOf(t, tt.target(server.URL, nil), false) })
			assert.Equal(t, FailMalformed, got.class, "%s: %v", tt.reason, err)
			assert.ErrorContains(t, err, tt.want, tt.reason)
			assert.Less(t, int(taken.Load()), tt.most+sockets, tt.reason)
			assert.Less(t, heap, 5*tt.most+sockets, "a copy while it grows, and what is not yet collected: %s", tt.reason)
		})
	}
}

// TestABombIsNotUnpacked: what was compressed counts unpacked.
func TestABombIsNotUnpacked(t *testing.T) {
	var bomb bytes.Buffer
	packed, err := gzip.NewWriterLevel(&bomb, gzip.BestCompression)
	require.NoError(t, err)
	zeros := bytes.Repeat([]byte(" "), 1<<20)
	for range 512 {
		_, err := packed.Write(zeros)
		require.NoError(t, err)
	}
	require.NoError(t, packed.Close())
	require.Less(t, bomb.Len(), 1<<20)
	for _, kind := range []string{"application/json", "text/event-stream"} {
		for _, status := range []int{200, 500} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", kind)
				w.Header().Set("Content-Encoding", "gzip")
				w.WriteHeader(status)
				w.Write(bomb.Bytes())
			}))
			var got account
			heap := peakHeap(func() {
				got, err = accountOf(t, OpenAI{BaseURL: server.URL, Model: "m", NoStream: kind == "application/json", Client: server.Client()}, true)
			})
			want := map[int]FailureClass{200: FailMalformed, 500: FailStatus}[status]
			assert.Equal(t, want, got.class, "%s: %v", kind, err)
			assert.Less(t, heap, 400<<20, "%s, status %d: 512 MiB were not unpacked", kind, status)
			server.Close()
		}
	}
}

// TestWhatSaysNothingForEverEndsInTime: what is not kept may go on until the
// request's time is over.
func TestWhatSaysNothingForEverEndsInTime(t *testing.T) {
	for _, tt := range []struct{ name, head, text string }{
		{"comments", "text/event-stream\n", ": keep-alive\n\n"},
		{"events without tokens", "text/event-stream\n", `data: {"choices":[{"delta":{}}]}` + "\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var taken atomic.Int64
			server := httptest.NewServer(repeating(&taken, tt.head, tt.text))
			t.Cleanup(server.Close)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			var err error
			heap := peakHeap(func() { err = OpenAI{BaseURL: server.URL, Model: "m", Client: server.Client()}.Send(ctx, newCall()) })
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Less(t, heap, 64<<20)
		})
	}
}

// TestWhatIsNotHTTPIsMalformed, wherever in a response it is.
func TestWhatIsNotHTTPIsMalformed(t *testing.T) {
	const chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
	const packed = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 40\r\n\r\n"
	tests := []struct {
		name, response string
		want           FailureClass
		reason         string
	}{
		{"another protocol", "SSH-2.0-OpenSSH_9.6\r\n\r\n", FailMalformed, "a wrong port"},
		{"binary", "\x15\x03\x01\x00\x02\x02\x0a\r\n\r\n", FailMalformed, "TLS where there is to be none"},
		{"no status", "HTTP/1.1 abc\r\n\r\n", FailMalformed, "a status is a number"},
		{"no header", "HTTP/1.1 200 OK\r\nbroken\r\n\r\n", FailMalformed, "a field has a colon"},
		{"no length", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", FailMalformed, "a length is a number"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", FailMalformed, "and one"},
		{"no encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab", FailMalformed, "one that is not known"},
		{"no chunk", chunked + "x\r\n", FailMalformed, "a chunk has a length"},
		{"bad end of a chunk", chunked + "1\r\n{}\r\n", FailMalformed, "and that length"},
		{"large chunk", chunked + "fffffffffffffffff\r\n", FailMalformed, "of what can be"},
		{"not compressed", packed + `{"choices":[{"message":{"content":"a"}}]}`, FailMalformed, "though it says so"},
		{"badly compressed", packed + "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + strings.Repeat("\xff", 30), FailMalformed, "or in part"},
		{"compressed in part", packed + "\x1f\x8b\x08", FailTruncated, "what is cut is no more than cut"},
		{"no redirect", "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n", FailMalformed, "it leads nowhere"},
		{"another protocol from here on", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", FailStatus, "nobody asked for it"},
		{"nothing", "", FailReset, "the connection broke"},
		{"part of a header", "HTTP/1.1 200 OK\r\nContent-Ty", FailMalformed, "a line that is cut looks like one that is wrong"},
		{"part of a response's header", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", FailReset, "but not where it is whole"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					panic(err)
				}
				defer conn.Close()
				io.WriteString(conn, tt.response)
				if strings.Contains(tt.response, " 101 ") {
					io.Copy(io.Discard, conn) // until the client has gone
				}
			}))
			t.Cleanup(server.Close)
			got, err := accountOf(t, OpenAI{BaseURL: server.URL, Model: "m", NoStream: true, Client: server.Client()}, false)
			assert.Equal(t, tt.want, got.class, "%s: %v", tt.reason, err)
		})
	}
}

func TestTLSIsVerified(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	t.Cleanup(func() { closeIdle(nil) })
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	knowing := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	t.Cleanup(knowing.CloseIdleConnections)
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	for _, tt := range []struct {
		name, url string
		client    *http.Client
		want      FailureClass
		reason    string
	}{
		{"self-signed", server.URL, nil, FailTLS, "nobody vouches for it"},
		{"known", server.URL, knowing, "", "a client may have roots of its own"},
		{"of another name", "https://localhost:" + port, knowing, FailTLS, "it is not that server's"},
		{"no TLS", "https" + strings.TrimPrefix(plain.URL, "http"), knowing, FailTLS, "it speaks HTTP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, target := range []Target{
				OpenAI{BaseURL: tt.url, Model: "m", NoStream: true, Client: tt.client},
				HTTP{Client: tt.client, New: func(ctx context.Context, _ *Call) (*http.Request, error) {
					return http.NewRequestWithContext(ctx, http.MethodGet, tt.url, http.NoBody)
				}},
			} {
				got, err := accountOf(t, target, false)
				assert.Equal(t, tt.want, got.class, "%v, %s: %v", target, tt.reason, err)
			}
		})
	}
}

// TestNothingOfOursLeavesTLSUnverified reads our own code.
func TestNothingOfOursLeavesTLSUnverified(t *testing.T) {
	files := 0
	require.NoError(t, fs.WalkDir(os.DirFS(".."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || path == "llmperf/bounds_test.go" {
			return err
		}
		files++
		text, err := os.ReadFile(filepath.Join("..", path))
		assert.NotContains(t, string(text), "InsecureSkipVerify", path)
		return err
	}))
	assert.Greater(t, files, 100)
}

func TestARedirectThatIsNotFollowedIsAStatus(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	refusing := *server.Client()
	refusing.CheckRedirect = func(*http.Request, []*http.Request) error { return errors.New("not this way") }
	for _, client := range []*http.Client{server.Client(), &refusing} {
		got, err := accountOf(t, OpenAI{BaseURL: server.URL, Model: "m", Client: client}, false)
		assert.Equal(t, FailStatus, got.class, "%v", err)
		assert.ErrorContains(t, err, "status 307: ")
	}
}
