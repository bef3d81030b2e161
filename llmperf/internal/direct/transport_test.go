package direct

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func contextFor(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func TestWhatIsNotPlainIsLeftToNetHTTP(t *testing.T) {
	proxied := http.DefaultTransport.(*http.Transport).Clone()
	proxied.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy:3128"})
	header := func(name, value string) func(*http.Request) {
		return func(req *http.Request) { req.Header[name] = []string{value} }
	}
	for _, tt := range []struct {
		name, reason string
		change       func(*http.Request)
		takes        bool
	}{
		{"plain", "the ordinary request", func(*http.Request) {}, true},
		{"https", "TLS, and perhaps HTTP/2", func(r *http.Request) { r.URL.Scheme = "https" }, false},
		{"name with umlauts", "it must be encoded", func(r *http.Request) { r.URL.Host = "bücher.example" }, false},
		{"zone", "it must be left out of the header", func(r *http.Request) { r.URL.Host = "[fe80::1%25en0]:80" }, false},
		{"no host", "an error of net/http's", func(r *http.Request) { r.URL.Host = "" }, false},
		{"host with a space", "an error of net/http's", func(r *http.Request) { r.Host = "a b" }, false},
		{"opaque", "not a path", func(r *http.Request) { r.URL.Opaque = "//other/path" }, false},
		{"control character", "it would be another request", func(r *http.Request) { r.URL.RawQuery = "a\r\nX: y" }, false},
		{"put", "methods that are seldom", func(r *http.Request) { r.Method = http.MethodPut }, false},
		{"head", "its answer has a length and no body", func(r *http.Request) { r.Method, r.Body, r.ContentLength = http.MethodHead, nil, 0 }, false},
		{"get with a body", "seldom", func(r *http.Request) { r.Method = http.MethodGet }, false},
		{"get with a length", "of a body that is not there", func(r *http.Request) { r.Method, r.Body = http.MethodGet, nil }, false},
		{"post of a length without a body", "an error of net/http's", func(r *http.Request) { r.Body = nil }, false},
		{"post without", "its length is said to be 0", func(r *http.Request) { r.Body, r.ContentLength = nil, 0 }, false},
		{"long", "it would be copied", func(r *http.Request) { r.ContentLength = maxBody + 1 }, false},
		{"unknown length", "it is sent in chunks", func(r *http.Request) { r.ContentLength = -1 }, false},
		{"body not in memory", "it may be slow", func(r *http.Request) { r.GetBody = nil }, false},
		{"close", "the connection is not to be kept", func(r *http.Request) { r.Close = true }, false},
		{"chunks", "asked for", func(r *http.Request) { r.TransferEncoding = []string{"chunked"} }, false},
		{"trailer", "after the body", func(r *http.Request) { r.Trailer = http.Header{"X": nil} }, false},
		{"expect", "the body waits for an answer", header("Expect", "100-continue"), false},
		{"upgrade", "the connection becomes another", header("Upgrade", "websocket"), false},
		{"connection", "headers that are the connection's", header("Connection", "close"), false},
		{"broken name", "an error of net/http's", header("X Y", "z"), false},
		{"empty name", "an error of net/http's", header("", "z"), false},
		{"broken value", "an error of net/http's", header("X", "a\nY: b"), false},
		{"traced", "who traces a request is to be told", func(r *http.Request) {
			*r = *r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{}))
		}, false},
	} {
		req := post("http://localhost:8000/v1")
		tt.change(req)
		assert.Equal(t, tt.takes, (&Transport{Like: http.DefaultTransport.(*http.Transport)}).Takes(req), "%s: %s", tt.name, tt.reason)
		assert.False(t, (&Transport{Like: proxied}).Takes(req), "%s, by a proxy", tt.name)
	}
}

func TestATransportWithWishesIsLeftToNetHTTP(t *testing.T) {
	for name, change := range map[string]func(*http.Transport){
		"dialer":      func(t *http.Transport) { t.DialContext = nil },
		"connections": func(t *http.Transport) { t.MaxConnsPerHost = 2 },
		"no reuse":    func(t *http.Transport) { t.DisableKeepAlives = true },
		"no gzip":     func(t *http.Transport) { t.DisableCompression = true },
		"timeout":     func(t *http.Transport) { t.ResponseHeaderTimeout = time.Second },
		"http/2": func(t *http.Transport) {
			t.Protocols = new(http.Protocols)
			t.Protocols.SetUnencryptedHTTP2(true)
		},
	} {
		ours := likeNetHTTP(t)
		assert.True(t, ours.Takes(post("http://localhost")), name)
		change(ours.Like)
		assert.False(t, ours.Takes(post("http://localhost")), name)
	}
}

// An echo answers with the path, in chunks with a pause after the first.
func echo(t *testing.T) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s ", r.URL.Path)
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestManyAtOnceGetTheirOwnAnswers(t *testing.T) {
	server, ours := echo(t), likeNetHTTP(t)
	var all sync.WaitGroup
	for user := range 50 {
		all.Go(func() {
			for n := range 40 {
				ctx, cancel := contextFor(t, time.Minute)
				if n%5 == 4 { // one in five gives up, at any moment
					time.AfterFunc(time.Duration(user*n)*time.Microsecond, cancel)
				}
				says := fmt.Sprintf("%d-%d", user, n)
				req, _ := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/"+says, strings.NewReader(says))
				resp, err := ours.RoundTrip(req)
				if err == nil {
					var body []byte
					body, err = io.ReadAll(resp.Body)
					if err == nil {
						assert.Equal(t, "/"+says+" "+says, string(body))
					}
					resp.Body.Close()
				}
				if err != nil {
					assert.Equal(t, 4, n%5, "%v", err)
					assert.ErrorIs(t, err, context.Canceled)
				}
				cancel()
			}
		})
	}
	all.Wait()
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	server, ours := serve(t, always("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")), likeNetHTTP(t)
	for range 20 {
		answerOf(ours.RoundTrip(post("http://" + server.address)))
	}
	assert.Equal(t, 1, server.dialed())

	resp, err := ours.RoundTrip(post("http://" + server.address))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	_, err = resp.Body.Read(make([]byte, 1))
	require.ErrorIs(t, err, errBodyClosed)
	answerOf(ours.RoundTrip(post("http://" + server.address)))
	assert.Equal(t, 2, server.dialed(), "not one whose answer was not read")

	ours.CloseIdleConnections()
	answerOf(ours.RoundTrip(post("http://" + server.address)))
	assert.Equal(t, 3, server.dialed())
}

// TestIdleConnections: one that cannot be used is not tried.
func TestIdleConnections(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
	for _, tt := range []struct {
		name, reason string
		script       script
	}{
		{"closed", "as servers close what is idle, after five seconds or so", once(answer)},
		{"talking", "an answer that nobody asked for would be taken for the next one's", always(answer + "HTTP/1.1 500 No\r\n\r\n")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server, ours := serve(t, tt.script), likeNetHTTP(t)
			for i := range 5 {
				require.Contains(t, answerOf(ours.RoundTrip(post("http://"+server.address))), `"hi"`, tt.reason)
				require.Eventually(t, func() bool {
					ours.mu.Lock()
					defer ours.mu.Unlock()
					idle := ours.idle[server.address]
					return len(idle) == 0 || !idle[0].usable()
				}, 10*time.Second, time.Millisecond)
				assert.Equal(t, i+1, server.dialed())
			}
		})
	}
}

func TestWhatIsLongIdleIsClosed(t *testing.T) {
	server, ours := echo(t), likeNetHTTP(t)
	address := server.Listener.Addr().String()
	two := func() { // at the same time
		first, err := ours.RoundTrip(post(server.URL))
		require.NoError(t, err)
		answerOf(ours.RoundTrip(post(server.URL)))
		answerOf(first, nil)
	}
	two()
	require.Len(t, ours.idle[address], 2)
	for _, c := range ours.idle[address] {
		c.since = c.since.Add(-ours.Like.IdleConnTimeout)
	}
	oldest := ours.idle[address][0]
	answerOf(ours.RoundTrip(post(server.URL)))
	require.Len(t, ours.idle[address], 1, "the last is too old to be used, and the other is let go of")
	_, err := oldest.Conn.Write([]byte("x"))
	assert.ErrorIs(t, err, net.ErrClosed)
}

func TestAnEndedContextEndsTheRequest(t *testing.T) {
	wait := make(chan bool)
	left := make(chan error, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, "a beginning")
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-wait:
		case <-r.Context().Done():
			left <- r.Context().Err()
		}
	}))
	defer server.Close()
	defer close(wait)
	ours := likeNetHTTP(t)
	reason := errors.New("the run is over")
	for _, tt := range []struct {
		path string
		end  func(context.Context) (context.Context, context.CancelFunc)
		want error
	}{
		{"/header", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 50*time.Millisecond)
		}, context.DeadlineExceeded},
		{"/body", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 50*time.Millisecond)
		}, context.DeadlineExceeded},
		{"/body", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(50*time.Millisecond, func() { cancel(reason) })
			return ctx, func() { cancel(nil) }
		}, reason},
	} {
		ctx, cancel := tt.end(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+tt.path, nil)
		require.NoError(t, err)
		resp, err := ours.RoundTrip(req)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		assert.ErrorIs(t, err, tt.want, "%s", tt.path)
		select {
		case <-left:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the server does not see that its client has left", tt.path)
		}
		_, err = ours.RoundTrip(req)
		assert.ErrorIs(t, err, tt.want, "%s: with a context that has ended nothing is sent", tt.path)
		cancel()
	}
	assert.Empty(t, ours.idle[server.Listener.Addr().String()])
}

// A brittle connection breaks where its second request begins.
type brittle struct {
	*net.TCPConn
	writes *atomic.Int32
}

func (b brittle) Write(p []byte) (int, error) {
	if b.writes.Add(1) == 2 {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
	}
	return b.TCPConn.Write(p)
}

// TestAConnectionThatHidesIsLeftToNetHTTP: whether one that is idle is open cannot be seen
// of every kind of connection.
func TestAConnectionThatHidesIsLeftToNetHTTP(t *testing.T) {
	server, ours := echo(t), likeNetHTTP(t)
	dial := ours.Like.DialContext
	ours.Like.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		return struct{ net.Conn }{c}, err
	}
	require.True(t, ours.Takes(post(server.URL)))
	require.Contains(t, answerOf(ours.RoundTrip(post(server.URL))), "stream")
	assert.False(t, ours.Takes(post(server.URL)))
	assert.Empty(t, ours.idle, "nobody would take it")
}

// TestClosedWhileSending: a request to a connection that its server closes while it
// is idle, which is not seen before, is sent again where that does no harm.
func TestClosedWhileSending(t *testing.T) {
	const whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
	second := func(_ *http.Request, n int) (string, bool) { // is not answered
		if n == 1 {
			return "", false
		}
		return whole, true
	}
	marked := func(url string) *http.Request {
		req := post(url)
		req.Header.Set("Idempotency-Key", "7")
		return req
	}
	for _, tt := range []struct {
		name    string
		request func(url string) *http.Request
		again   bool
	}{
		{"get", get, true},
		{"post with a key", marked, true},
		{"post", post, false},
		{"long", long, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ours := likeNetHTTP(t)
			want := ask(t, second, ours.Like.RoundTrip, tt.request)
			got := ask(t, second, ours.RoundTrip, tt.request)
			assert.Equal(t, want, got)
			assert.Equal(t, tt.again, strings.HasSuffix(got.answers[1], `"hi"`), got.answers[1])
		})
	}
}

// TestALongRequestUsesItsConnectionAgain: one whose prompt is written while the
// answer is awaited.
func TestALongRequestUsesItsConnectionAgain(t *testing.T) {
	server, ours := serve(t, always("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")), likeNetHTTP(t)
	for range 5 {
		require.Contains(t, answerOf(ours.RoundTrip(long("http://"+server.address))), `"hi"`)
		require.Contains(t, answerOf(ours.RoundTrip(post("http://"+server.address))), `"hi"`)
	}
	assert.Equal(t, 1, server.dialed())
}

// TestNobodyReadsALongRequest: one that is never read ends with its context.
func TestNobodyReadsALongRequest(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	ctx, cancel := contextFor(t, 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.Addr().String(), bytes.NewReader(make([]byte, maxBody)))
	require.NoError(t, err)
	_, err = likeNetHTTP(t).RoundTrip(req)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

// TestNothingSent: a request of which nothing was sent is sent by another
// connection, since no server can have seen it.
func TestNothingSent(t *testing.T) {
	server, ours := echo(t), likeNetHTTP(t)
	dial, writes := ours.Like.DialContext, new(atomic.Int32)
	ours.Like.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return brittle{c.(*net.TCPConn), writes}, nil
	}
	for range 3 {
		require.Contains(t, answerOf(ours.RoundTrip(post(server.URL))), `stream`)
	}
	assert.EqualValues(t, 4, writes.Load())
}
