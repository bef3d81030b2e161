package memnet_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperftest/internal/memnet"
)

// An httpPair is a client and a server of net/http with a network between them.
type httpPair struct {
	*http.Client
	server   *http.Server
	listener *memnet.Listener
	served   chan error // what Serve returned
}

func newHTTPPair(link memnet.Link, h http.Handler) *httpPair {
	l := memnet.Listen(address, link)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) }}
	return &httpPair{&http.Client{Transport: transport}, &http.Server{Handler: h}, l, make(chan error, 1)}
}

// unencryptedHTTP2 makes both ends speak HTTP/2.
func (p *httpPair) unencryptedHTTP2() {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	p.server.Protocols = &protocols
	p.Transport.(*http.Transport).Protocols = &protocols
}

func (p *httpPair) start() { go func() { p.served <- p.server.Serve(p.listener) }() }

// stop closes both ends, and waits for the server's goroutines: one that has
// closed the writing half gives its client half a second to do the same.
func (p *httpPair) stop(t *testing.T) {
	p.CloseIdleConnections()
	assert.NoError(t, p.server.Close())
	assert.Equal(t, http.ErrServerClosed, <-p.served)
	time.Sleep(time.Second)
}

// inHTTPBubbles runs a test with HTTP/1 and HTTP/2, over an instant link and a
// slow one.
func inHTTPBubbles(t *testing.T, h http.Handler, f func(t *testing.T, p *httpPair)) {
	t.Helper()
	for _, link := range []memnet.Link{{}, {Latency: 10 * ms, Bandwidth: 1e6}} {
		for _, version := range []int{1, 2} {
			t.Run(fmt.Sprintf("HTTP/%d over %v", version, link), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newHTTPPair(link, h)
					if version == 2 {
						p.unencryptedHTTP2()
					}
					p.start()
					defer p.stop(t)
					f(t, p)
				})
			})
		}
	}
}

func get(t *testing.T, p *httpPair, ctx context.Context) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://llm.test/", nil)
	require.NoError(t, err)
	return p.Do(req)
}

func read(t *testing.T, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return string(body)
}

func TestHTTPKeepsConnectionsAlive(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) })
	inHTTPBubbles(t, h, func(t *testing.T, p *httpPair) {
		for range 3 {
			resp, err := get(t, p, t.Context())
			require.NoError(t, err)
			assert.Equal(t, "127.0.0.1:40000", read(t, resp))
			time.Sleep(time.Second)
		}
	})
}

func TestHTTPCarriesLargeBodiesBothWays(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 40_000)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		_, _ = w.Write(got)
	})
	inHTTPBubbles(t, h, func(t *testing.T, p *httpPair) {
		resp, err := p.Post("http://llm.test/", "text/plain", strings.NewReader(body))
		require.NoError(t, err)
		assert.True(t, body == read(t, resp), "the body comes back")
	})
}

func TestHTTPCarriesTrailers(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Tokens")
		fmt.Fprint(w, "one two")
		w.Header().Set("Tokens", "2")
	})
	inHTTPBubbles(t, h, func(t *testing.T, p *httpPair) {
		resp, err := get(t, p, t.Context())
		require.NoError(t, err)
		assert.Equal(t, "one two", read(t, resp))
		assert.Equal(t, "2", resp.Trailer.Get("Tokens"))
	})
}

func TestHTTPStreamsAtTheServersPace(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 5 {
			time.Sleep(20 * ms)
			fmt.Fprintf(w, "token %d\n", i)
			assert.NoError(t, http.NewResponseController(w).Flush())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := newHTTPPair(memnet.Link{Latency: 5 * ms}, h)
		p.start()
		defer p.stop(t)
		begin := time.Now()
		resp, err := get(t, p, t.Context())
		require.NoError(t, err)
		lines := bufio.NewScanner(resp.Body)
		var at []time.Duration
		for lines.Scan() {
			at = append(at, time.Since(begin))
		}
		// A round trip to connect, and one for the request and the answer.
		assert.Equal(t, []time.Duration{40 * ms, 60 * ms, 80 * ms, 100 * ms, 120 * ms}, at)
		require.NoError(t, resp.Body.Close())
	})
}

func TestAHandlerSeesItsClientGo(t *testing.T) {
	seen := make(chan struct{}, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "token")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		seen <- struct{}{}
	})
	inHTTPBubbles(t, h, func(t *testing.T, p *httpPair) {
		ctx, cancel := context.WithCancel(t.Context())
		resp, err := get(t, p, ctx)
		require.NoError(t, err)
		_, err = io.ReadFull(resp.Body, make([]byte, len("token\n")))
		require.NoError(t, err)
		assert.Empty(t, seen)
		cancel()
		time.Sleep(100 * ms)
		assert.Len(t, seen, 1)
		<-seen
		_, err = resp.Body.Read(make([]byte, 1))
		assert.ErrorIs(t, err, context.Canceled)
		require.NoError(t, resp.Body.Close())
	})
}

func TestAServerShutsDownGracefully(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Second)
		fmt.Fprint(w, "done")
	})
	inHTTPBubbles(t, h, func(t *testing.T, p *httpPair) {
		answer := make(chan string)
		go func() {
			resp, err := get(t, p, t.Context())
			if assert.NoError(t, err) {
				body, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				answer <- string(body)
			}
		}()
		time.Sleep(100 * ms)
		down := make(chan error, 1)
		go func() { down <- p.server.Shutdown(context.WithoutCancel(t.Context())) }()
		time.Sleep(100 * ms)
		assert.Empty(t, down, "it waits for the request in flight")
		_, err := p.listener.Dial(t.Context())
		assert.Error(t, err, "it accepts no more")
		assert.Equal(t, "done", <-answer)
		assert.NoError(t, <-down)
	})
}

func TestAServerThatClosesCutsItsRequests(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	inHTTPBubbles(t, h, func(t *testing.T, p *httpPair) {
		time.AfterFunc(time.Second, func() { _ = p.server.Close() })
		_, err := get(t, p, t.Context())
		assert.True(t, errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF), "the answer ends before it begins: %v", err)
	})
}

func TestAClientTimesOut(t *testing.T) {
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	inHTTPBubbles(t, h, func(t *testing.T, p *httpPair) {
		p.Timeout = time.Second
		begin := time.Now()
		_, err := get(t, p, t.Context())
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		assert.True(t, timeout.Timeout())
		assert.Equal(t, time.Second, time.Since(begin))
	})
}

func TestAnIdleServerConnectionTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newHTTPPair(memnet.Link{}, http.NotFoundHandler())
		p.server.IdleTimeout = time.Minute
		p.start()
		defer p.stop(t)
		c, err := p.listener.Dial(t.Context())
		require.NoError(t, err)
		_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: llm.test\r\n\r\n")
		require.NoError(t, err)
		begin := time.Now()
		_, err = io.Copy(io.Discard, c)
		assert.NoError(t, err, "the connection ends in order")
		assert.Equal(t, time.Minute, time.Since(begin))
		require.NoError(t, c.Close())
	})
}
