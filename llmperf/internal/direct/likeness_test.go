package direct

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A script answers the n-th request of a connection and says whether the
// connection stays open. It returns what to write.
type script func(req *http.Request, n int) (answer string, open bool)

// A scripted server writes what its script says, byte by byte if it must, and
// keeps what it was sent.
type scripted struct {
	address string
	script  script

	mu          sync.Mutex
	connections int
	sent        bytes.Buffer
}

func serve(t testing.TB, s script) *scripted {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &scripted{address: l.Addr().String(), script: s}
	var all sync.WaitGroup
	var open sync.Map
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(c, true)
			server.mu.Lock()
			server.connections++
			server.mu.Unlock()
			all.Go(func() { server.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		all.Wait()
	})
	return server
}

// dialed is how many connections there were.
func (s *scripted) dialed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Write keeps what was sent.
func (s *scripted) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent.Write(p)
}

func (s *scripted) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(io.TeeReader(c, s))
	for n := 0; ; n++ {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		answer, open := s.script(req, n)
		if _, err := io.WriteString(c, answer); err != nil || !open {
			return
		}
	}
}

// said is what a client saw of three requests, one after the other, and the
// server of them.
type said struct {
	answers     []string
	connections int
	sent        string
}

// ask sends three requests to a server of its own.
func ask(t *testing.T, s script, send func(*http.Request) (*http.Response, error), make func(url string) *http.Request) (is said) {
	server := serve(t, s)
	for range 3 {
		is.answers = append(is.answers, answerOf(send(make("http://"+server.address))))
	}
	is.connections = server.dialed()
	server.mu.Lock()
	defer server.mu.Unlock()
	is.sent = strings.ReplaceAll(server.sent.String(), server.address, "HOST")
	for i := range is.answers {
		is.answers[i] = strings.ReplaceAll(is.answers[i], server.address, "HOST")
	}
	return is
}

// answerOf describes an answer.
func answerOf(resp *http.Response, err error) string {
	if err != nil {
		return "error: " + errorOf(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	text := fmt.Sprintf("%s %s %v length %d coding %v close %v uncompressed %v trailer %v: %q", resp.Proto, resp.Status, resp.Header,
		resp.ContentLength, resp.TransferEncoding, resp.Close, resp.Uncompressed, resp.Trailer, body)
	if err != nil {
		text += ", error: " + errorOf(err)
	}
	return text
}

// errorOf is an error's text without what differs from connection to connection,
// and without what net/http says around it.
func errorOf(err error) string {
	text := strings.TrimPrefix(err.Error(), "net/http: HTTP/1.x transport connection broken: ")
	if strings.HasPrefix(text, "read tcp ") || strings.HasPrefix(text, "write tcp ") { // with ports
		text = text[strings.LastIndex(text, ": ")+2:]
	}
	return text
}

// likeNetHTTP is a transport as llmperf's default one is.
func likeNetHTTP(t testing.TB) *Transport {
	like := http.DefaultTransport.(*http.Transport).Clone()
	like.MaxIdleConnsPerHost, like.MaxResponseHeaderBytes = 100, 10<<10
	d := &Transport{Like: like}
	t.Cleanup(d.CloseIdleConnections)
	return d
}

func get(url string) *http.Request {
	req, _ := http.NewRequest(http.MethodGet, url+"/v1/models?limit=5", nil)
	return req
}

func post(url string) *http.Request {
	req, _ := http.NewRequest(http.MethodPost, url, strings.NewReader(`{"stream":true}`))
	req.Header.Set("Content-Type", "application/json")
	return req
}

// long is a request that is not written at once.
func long(url string) *http.Request {
	req, _ := http.NewRequest(http.MethodPost, url, bytes.NewReader(make([]byte, 1<<20)))
	return req
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// always gives the same answer, and leaves the connection open.
func always(answer string) script {
	return func(*http.Request, int) (string, bool) { return answer, true }
}

// once gives one answer on each connection and closes it.
func once(answer string) script {
	return func(*http.Request, int) (string, bool) { return answer, false }
}

// TestLikeNetHTTP: what a client sees of answers, and a server of requests, is
// what it would see with net/http's own transport.
func TestLikeNetHTTP(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	whole := ok + "Content-Length: 2\r\n\r\nhi"
	for _, tt := range []struct {
		name, reason string
		script       script
		request      func(url string) *http.Request // a POST of JSON, if nil
	}{
		{"whole", "the ordinary answer", always(whole), nil},
		{"get", "a request without a body", always(whole), get},
		{"chunked", "as streams are sent", always(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), nil},
		{"trailer", "after the last chunk", always(ok + "Trailer: X-Usage\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Usage: 7\r\n\r\n"), nil},
		{"empty", "of length 0", always(ok + "Content-Length: 0\r\n\r\n"), nil},
		{"no content", "which has no length", always("HTTP/1.1 204 No Content\r\n\r\n"), nil},
		{"until closed", "its end is the connection's", once(ok + "\r\nhi"), nil},
		{"http/1.0", "which closes unless it says not to", once("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"), nil},
		{"http/1.0 kept alive", "where it says so", always("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi"), nil},
		{"announced close", "the connection is not used again", once(ok + "Connection: close\r\nContent-Length: 2\r\n\r\nhi"), nil},
		{"announced, not done", "nor is one that stays open", always(ok + "Connection: close\r\nContent-Length: 2\r\n\r\nhi"), nil},
		{"failure", "an answer with a status is an answer", always("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy"), nil},
		{"early hints", "an answer that only informs is not the answer", always("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + whole), nil},
		{"many hints", "of no number", always(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 9) + whole), nil},
		{"too many hints", "but of a length", once(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1000)), nil},
		{"gzip", "it was asked for by the transport, which undoes it", always(ok + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(zipped("hello")), zipped("hello"))), nil},
		{"broken gzip", "what is no gzip is an error", always(ok + "Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n0123456789"), nil},
		{"gzip that was asked for", "is what the caller gets", always(ok + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(zipped("hello")), zipped("hello"))), func(url string) *http.Request {
			req := post(url)
			req.Header.Set("Accept-Encoding", "gzip")
			return req
		}},
		{"closed unanswered", "a request that the server has read is not sent twice", once(""), nil},
		{"short", "fewer bytes than announced", once(ok + "Content-Length: 9\r\n\r\nhi"), nil},
		{"chunk cut off", "in the middle", once(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel"), nil},
		{"no last chunk", "the end is missing", once(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), nil},
		{"broken chunk", "a length that is none", once(ok + "Transfer-Encoding: chunked\r\n\r\nxx\r\nhello\r\n"), nil},
		{"not http", "nothing that one could read", once("+OK hello\r\n\r\n"), nil},
		{"header cut off", "in the middle", once(ok + "Content-Le"), nil},
		{"broken header", "a line without a colon", once(ok + "Content-Length 2\r\n\r\nhi"), nil},
		{"two lengths", "that contradict each other", once(ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi"), nil},
		{"unknown coding", "which nobody can undo", once(ok + "Transfer-Encoding: gzip\r\n\r\nhi"), nil},
		{"long header", "more than is to be kept", once(ok + "X: " + strings.Repeat("x", 20<<10) + "\r\n\r\n"), nil},
		{"endless header", "fields without end", once(ok + strings.Repeat("A: b\r\n", 20<<10)), nil},
		{"headers of all kinds", "in one order, trimmed, each value a line", always(whole), func(url string) *http.Request {
			req := post(url + "/a%20b/ü?q=a+b&x=%2F#part")
			req.Header["X-Two"] = []string{" one ", "two"}
			req.Header.Set("Authorization", "Bearer sk-1")
			req.Header.Set("User-Agent", "tests/1")
			req.Header["X-Empty"] = []string{""}
			req.Header["x-low"] = []string{"as it is"}
			return req
		}},
		{"no agent", "an empty one is none", always(whole), func(url string) *http.Request {
			req := post(url)
			req.Header.Set("User-Agent", "")
			return req
		}},
		{"another host", "is asked for, not dialed", always(whole), func(url string) *http.Request {
			req := post(url)
			req.Host = "models.example:8000"
			return req
		}},
		{"range", "a part is not asked for compressed", always("HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nh"), func(url string) *http.Request {
			req := get(url)
			req.Header.Set("Range", "bytes=0-0")
			return req
		}},
		{"a body of nearly 64 KiB", "goes in one piece", always(whole), func(url string) *http.Request {
			req, _ := http.NewRequest(http.MethodPost, url, bytes.NewReader(make([]byte, atOnce-1<<10)))
			return req
		}},
		{"a long body", "is written while the answer is awaited", always(whole), long},
		{"a long body, unanswered", "is not sent twice", once(""), long},
		{"a long body, closed", "the connection is not used again", once(ok + "Connection: close\r\nContent-Length: 2\r\n\r\nhi"), long},
		{"a short body", "is an error, and not sent", always(whole), func(url string) *http.Request {
			req := post(url)
			req.ContentLength++
			return req
		}},
		{"a body longer than it says", "is an error", always(whole), func(url string) *http.Request {
			req := post(url)
			req.ContentLength--
			return req
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.request == nil {
				tt.request = post
			}
			ours := likeNetHTTP(t)
			require.True(t, ours.Takes(tt.request("http://localhost")))
			want := ask(t, tt.script, ours.Like.RoundTrip, tt.request)
			got := ask(t, tt.script, ours.RoundTrip, tt.request)
			if wrong := "error: http: ContentLength="; strings.HasPrefix(got.answers[0], wrong) { // net/http has sent a part of it, and may find its connection closed first
				for i := range got.answers {
					assert.Contains(t, got.answers[i], wrong, tt.reason)
					assert.Contains(t, want.answers[i], "error: ", tt.reason)
				}
				return
			}
			assert.Equal(t, want, got, tt.reason)
		})
	}
}

// TestNothingListens: dialing fails as it does for net/http.
func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.Close()
	ours := likeNetHTTP(t)
	want := answerOf(ours.Like.RoundTrip(post("http://" + l.Addr().String())))
	assert.Contains(t, want, "refused")
	assert.Equal(t, want, answerOf(ours.RoundTrip(post("http://"+l.Addr().String()))))
}

// TestAnAnswerBeforeAllIsRead: a server that refuses a long prompt unread is
// heard.
func TestAnAnswerBeforeAllIsRead(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	var all sync.WaitGroup
	defer all.Wait()
	done := make(chan bool)
	defer close(done)
	refuse := func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
		<-done
	}
	ctx, cancel := contextFor(t, 10*time.Second)
	defer cancel()
	for _, length := range []int{atOnce - 1<<10, maxBody} {
		all.Go(refuse)
		req, err := http.NewRequest(http.MethodPost, "http://"+l.Addr().String(), bytes.NewReader(make([]byte, length)))
		require.NoError(t, err)
		resp, err := likeNetHTTP(t).RoundTrip(req.WithContext(ctx))
		require.NoError(t, err)
		assert.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
		require.NoError(t, resp.Body.Close())
	}
}
