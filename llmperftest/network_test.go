package llmperftest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An exchange is a handler, and what a client does with it. What both see must
// be the same over every network: loopback, which is net/http as everyone runs
// it, is the truth.
type exchange struct {
	name, reason string
	handler      func(w http.ResponseWriter, r *http.Request, see sink)
	fresh        func() func(w http.ResponseWriter, r *http.Request, see sink) // makes a handler that remembers, in place of handler
	request      func(url string) *http.Request                                // GET / by default
	client       func(c *http.Client, url string, see sink)                    // sends request and reads the answer by default

	unserved   bool // nothing gets as far as the handler
	clientOnly bool // how far the handler gets is chance
}

// A sink takes down what one side sees.
type sink func(format string, args ...any)

// A sheet is what both sides saw.
type sheet struct {
	mu             sync.Mutex
	server, client []string
}

func (s *sheet) sink(lines *[]string) sink {
	return func(format string, args ...any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		*lines = append(*lines, fmt.Sprintf(format, args...))
	}
}

func (s *sheet) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "server:\n" + strings.Join(s.server, "\n") + "\nclient:\n" + strings.Join(s.client, "\n")
}

var exchanges = []exchange{
	{name: "short answer", reason: "its length is known when the handler is through",
		handler: func(w http.ResponseWriter, _ *http.Request, _ sink) { io.WriteString(w, "hello") }},
	{name: "no answer", reason: "an empty 200 has a length of 0", handler: func(http.ResponseWriter, *http.Request, sink) {}},
	{name: "long answer", reason: "past the buffer it is chunked", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		for range 100 {
			io.WriteString(w, strings.Repeat("x", 100))
		}
	}},
	{name: "one long write", reason: "a write past the buffers", handler: func(w http.ResponseWriter, _ *http.Request, see sink) {
		n, err := w.Write(bytes.Repeat([]byte("y"), 100_000))
		see("wrote %d %s", n, kind(err))
	}},
	{name: "length declared", reason: "no chunks", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		w.Header().Set("Content-Length", "3")
		io.WriteString(w, "abc")
	}},
	{name: "length not reached", reason: "the client must not take it for whole", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "abc")
	}},
	{name: "length exceeded", reason: "the handler is told", handler: func(w http.ResponseWriter, _ *http.Request, see sink) {
		w.Header().Set("Content-Length", "3")
		n, err := io.WriteString(w, "abcdef")
		see("wrote %d %v", n, err)
	}},
	{name: "length is no number", reason: "it is left out", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		w.Header().Set("Content-Length", "many")
		io.WriteString(w, "abc")
	}},
	{name: "no content", reason: "204 has no body", handler: func(w http.ResponseWriter, _ *http.Request, see sink) {
		w.WriteHeader(http.StatusNoContent)
		_, err := io.WriteString(w, "abc")
		see("%v", err)
	}},
	{name: "not modified", reason: "304 has no body, and no type", handler: func(w http.ResponseWriter, _ *http.Request, see sink) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusNotModified)
		_, err := io.WriteString(w, "abc")
		see("%v", err)
	}},
	{name: "head", reason: "a header alone", request: request("HEAD", "/", nil), handler: func(w http.ResponseWriter, _ *http.Request, see sink) {
		n, err := io.WriteString(w, "abc")
		see("wrote %d %v", n, err)
	}},
	{name: "error status", reason: "a refusal has a body", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		http.Error(w, "busy", http.StatusServiceUnavailable)
	}},
	{name: "headers", reason: "keys are made canonical, values kept in order and in one line", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		w.Header()["x-small"] = []string{"1"}
		w.Header()["X-Two"] = []string{"1", " 2 "}
		w.Header().Set("X-Line", "a\nb")
		w.Header()["Bad Key"] = []string{"1"}
		w.Header()["Date"] = nil
		io.WriteString(w, "abc")
	}},
	{name: "header after WriteHeader", reason: "too late", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		w.Header().Set("X-Early", "1")
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Late", "1")
		w.Header().Del("X-Early")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "abc")
	}},
	{name: "header after Write", reason: "too late", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		w.Header().Set("X-Early", "1")
		io.WriteString(w, "abc")
		w.Header().Set("X-Late", "1")
	}},
	{name: "sniffed type", reason: "from the first bytes", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		io.WriteString(w, "<html><body>hi</body></html>")
	}},
	{name: "type unset", reason: "nil means none", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "<html>")
	}},
	{name: "declared trailers", reason: "they come after the body", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		w.Header().Set("Trailer", "X-Sum, X-Other")
		io.WriteString(w, "abc")
		w.Header().Set("X-Sum", "6")
	}},
	{name: "late trailers", reason: "by their prefix", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		io.WriteString(w, "abc")
		http.NewResponseController(w).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Sum", "6")
	}},
	{name: "early hints", reason: "they are no answer", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "abc")
	}},
	{name: "until the end", reason: "identity encoding ends with the connection", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		w.Header().Set("Transfer-Encoding", "identity")
		io.WriteString(w, "abc")
	}},
	{name: "last answer", reason: "the server closes the connection", handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		w.Header().Set("Connection", "close")
		io.WriteString(w, "abc")
	}},

	{name: "abort before the header", reason: "there is no response", request: request("POST", "/", nil),
		handler: func(http.ResponseWriter, *http.Request, sink) { panic(http.ErrAbortHandler) }},
	{name: "abort with a little written", reason: "what was buffered is lost", request: request("POST", "/", nil), handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		io.WriteString(w, "abc")
		panic(http.ErrAbortHandler)
	}},
	{name: "abort with much written", reason: "part of it was sent", request: request("POST", "/", nil), handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		for range 100 {
			io.WriteString(w, strings.Repeat("x", 100))
		}
		panic(http.ErrAbortHandler)
	}},
	{name: "abort after a flush", reason: "the body breaks off", request: request("POST", "/", nil), handler: func(w http.ResponseWriter, _ *http.Request, _ sink) {
		io.WriteString(w, "abc")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}},
	{name: "goexit", reason: "a test's FailNow within a handler", request: request("POST", "/", nil),
		handler: func(w http.ResponseWriter, _ *http.Request, _ sink) { runtime.Goexit() }},

	{name: "request", reason: "a handler sees what was asked", request: func(url string) *http.Request {
		req := request("POST", "/a%2Fb/c?q=1&r=%20", strings.NewReader("four"))(url)
		req.Header.Set("X-One", "1")
		req.Header["X-Two"] = []string{"a", "b"}
		req.Header.Set("User-Agent", "tester")
		req.SetBasicAuth("me", "secret")
		return req
	}, handler: echo},
	{name: "request of another host", reason: "the Host header is the client's", request: func(url string) *http.Request {
		req := request("GET", "/", nil)(url)
		req.Host = "example.com"
		return req
	}, handler: echo},
	{name: "request without a body", reason: "a POST says that there is none", request: request("POST", "/", nil), handler: echo},
	{name: "streamed request", reason: "a body of unknown length is chunked", request: func(url string) *http.Request {
		req := request("POST", "/", io.MultiReader(strings.NewReader("one "), strings.NewReader("two")))(url)
		req.Trailer = http.Header{"X-After": {"3"}}
		return req
	}, handler: echo},
	{name: "request body with an error", reason: "the client's own error comes back", clientOnly: true, request: func(url string) *http.Request {
		return request("POST", "/", io.MultiReader(strings.NewReader("one"), errorReader{}))(url)
	}, handler: echo},
	{name: "request body too short", reason: "fewer bytes than were declared", clientOnly: true, request: func(url string) *http.Request {
		req := request("POST", "/", io.NopCloser(strings.NewReader("one")))(url)
		req.ContentLength = 10
		return req
	}, handler: echo},
	{name: "request body not read", reason: "the server reads a small one itself", request: request("POST", "/", strings.NewReader("four")),
		handler: func(w http.ResponseWriter, _ *http.Request, _ sink) { io.WriteString(w, "ok") }},
	{name: "expect", reason: "the body waits for the server's word", request: func(url string) *http.Request {
		req := request("POST", "/", strings.NewReader("four"))(url)
		req.Header.Set("Expect", "100-continue")
		return req
	}, handler: echo},
	{name: "redirect", reason: "the client follows it", request: request("POST", "/", strings.NewReader("four")), handler: func(w http.ResponseWriter, r *http.Request, see sink) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
			return
		}
		echo(w, r, see)
	}},

	{name: "compressed", reason: "the client asks for gzip by itself and undoes it", handler: compressed},
	{name: "compressed on request", reason: "whoever asks for gzip gets gzip", request: func(url string) *http.Request {
		req := request("GET", "/", nil)(url)
		req.Header.Set("Accept-Encoding", "gzip")
		return req
	}, handler: compressed},
	{name: "part", reason: "ranges are not compressed", request: func(url string) *http.Request {
		req := request("GET", "/", nil)(url)
		req.Header.Set("Range", "bytes=1-2")
		return req
	}, handler: func(w http.ResponseWriter, r *http.Request, see sink) {
		see("accepts %q", r.Header.Get("Accept-Encoding"))
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader("abcdef"))
	}},

	{name: "cancelled in the stream", reason: "both sides notice", client: func(c *http.Client, url string, see sink) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
		resp, err := c.Do(req)
		if err != nil {
			see("%s", kind(err))
			return
		}
		defer resp.Body.Close()
		io.ReadFull(resp.Body, make([]byte, 3))
		cancel()
		_, err = io.ReadAll(resp.Body)
		see("%s", kind(err))
	}, handler: untilGone},
	{name: "cancelled before the header", reason: "both sides notice", client: func(c *http.Client, url string, see sink) {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
		_, err := c.Do(req)
		see("%s", kind(err))
	}, handler: func(w http.ResponseWriter, r *http.Request, see sink) {
		<-r.Context().Done()
		see("%v", r.Context().Err())
	}},
	{name: "client timeout in the stream", reason: "http.Client has a timeout of its own", client: func(c *http.Client, url string, see sink) {
		hasty := *c
		hasty.Timeout = 50 * time.Millisecond
		resp, err := hasty.Get(url)
		if err != nil {
			see("%s", kind(err))
			return
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		see("%q %s", data, kind(err))
	}, handler: untilGone},
	{name: "body closed early", reason: "the handler notices", client: func(c *http.Client, url string, see sink) {
		resp, err := c.Get(url)
		if err != nil {
			see("%s", kind(err))
			return
		}
		io.ReadFull(resp.Body, make([]byte, 3))
		see("%v", resp.Body.Close())
		_, err = resp.Body.Read(make([]byte, 1))
		see("%v", err)
	}, handler: untilGone},
	{name: "gone with the body unread", reason: "a handler that has not read its body does not notice, and fails to write", client: func(c *http.Client, url string, see sink) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader("four"))
		_, err := c.Do(req)
		see("%s", kind(err))
	}, handler: func(w http.ResponseWriter, r *http.Request, see sink) {
		time.Sleep(100 * time.Millisecond)
		see("before: %v", r.Context().Err())
		for range 100 { // a socket takes a few writes before it knows
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				see("cannot write: %v", r.Context().Err())
				return
			}
			time.Sleep(time.Millisecond)
		}
	}},
	{name: "close notify", reason: "frameworks still ask for it", client: func(c *http.Client, url string, see sink) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
		_, err := c.Do(req)
		see("%s", kind(err))
	}, handler: func(w http.ResponseWriter, r *http.Request, see sink) {
		<-w.(interface{ CloseNotify() <-chan bool }).CloseNotify()
		see("notified")
	}},
	{name: "write deadline", reason: "a handler bounds its own writing", request: request("POST", "/", nil), handler: func(w http.ResponseWriter, r *http.Request, see sink) {
		control := http.NewResponseController(w)
		see("%v", control.SetWriteDeadline(time.Now().Add(20*time.Millisecond)))
		io.WriteString(w, "abc")
		see("%s", kind(control.Flush()))
		time.Sleep(50 * time.Millisecond)
		io.WriteString(w, "def")
		see("%s", kind(control.Flush()))
	}},
	{name: "hijacked", reason: "a handler takes the connection over", request: request("POST", "/", nil), handler: func(w http.ResponseWriter, r *http.Request, see sink) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			see("%v", err)
			return
		}
		defer conn.Close()
		rw.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
		rw.Flush()
	}},
	{name: "switched protocols", reason: "as a WebSocket does", client: func(c *http.Client, url string, see sink) {
		req, _ := http.NewRequest("GET", url, nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "echo")
		resp, err := c.Do(req)
		if err != nil {
			see("%s", kind(err))
			return
		}
		see("%d", resp.StatusCode)
		both := resp.Body.(io.ReadWriteCloser)
		defer both.Close()
		io.WriteString(both, "ping\n")
		line, err := bufio.NewReader(both).ReadString('\n')
		see("%q %v", line, err)
	}, handler: func(w http.ResponseWriter, r *http.Request, see sink) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			see("%v", err)
			return
		}
		defer conn.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		rw.Flush()
		line, err := rw.ReadString('\n')
		see("%q %v", line, err)
		rw.WriteString(line)
		rw.Flush()
	}},
	{name: "connections", reason: "kept alive, closed after an abort or an early close, and then new", client: func(c *http.Client, url string, see sink) {
		for _, path := range []string{"/", "/", "/abort", "/", "/half", "/", "/last", "/"} {
			resp, err := c.Post(url+path, "text/plain", nil)
			if err != nil {
				see("%s %s", path, kind(err))
				continue
			}
			if path == "/half" {
				io.ReadFull(resp.Body, make([]byte, 3))
			} else {
				data, err := io.ReadAll(resp.Body)
				see("%s %q %v", path, data, err)
			}
			resp.Body.Close()
			time.Sleep(10 * time.Millisecond) // both sides are through with it
		}
	}, fresh: numbered},
	{name: "repeated on a dead connection", reason: "a GET that meets a connection closed meanwhile is sent again", client: func(c *http.Client, url string, see sink) {
		for _, path := range []string{"/", "/abort-once"} {
			resp, err := c.Get(url + path)
			if err != nil {
				see("%s %s", path, kind(err))
				continue
			}
			data, err := io.ReadAll(resp.Body)
			see("%s %q %v", path, data, err)
			resp.Body.Close()
			time.Sleep(10 * time.Millisecond)
		}
	}, fresh: numbered},
	{name: "bad requests", reason: "refused before anything is sent", unserved: true, client: func(c *http.Client, url string, see sink) {
		for _, spoil := range []func(*http.Request){
			func(r *http.Request) { r.Header.Set("X-Bad", "a\nb") },
			func(r *http.Request) { r.Header["Bad Key"] = []string{"1"} },
			func(r *http.Request) { r.Method = "BAD METHOD" },
			func(r *http.Request) { r.URL.Host = "" },
		} {
			req := request("GET", "/", nil)(url)
			spoil(req)
			_, err := c.Do(req)
			see("%v", err != nil)
		}
	}, handler: echo},
}

func request(method, path string, body io.Reader) func(url string) *http.Request {
	return func(url string) *http.Request {
		if seeker, ok := body.(io.Seeker); ok {
			seeker.Seek(0, io.SeekStart) // the row is used over several networks
		}
		req, err := http.NewRequest(method, url+path, body)
		if err != nil {
			panic(err)
		}
		return req
	}
}

type errorReader struct{}

var errOfBody = errors.New("the body broke")

func (errorReader) Read([]byte) (int, error) { return 0, errOfBody }

// echo takes down the request.
func echo(w http.ResponseWriter, r *http.Request, see sink) {
	see("%s %s %s %q %q", r.Method, r.RequestURI, r.Proto, r.URL.Path, r.URL.RawQuery)
	see("host %s, length %d, encoding %v, close %v", r.Host, r.ContentLength, r.TransferEncoding, r.Close)
	var keys []string
	for key := range r.Header {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		see("%s: %q", key, r.Header[key])
	}
	data, err := io.ReadAll(r.Body)
	see("body %q %s, trailer %v", data, kind(err), r.Trailer)
	io.WriteString(w, "ok")
}

func compressed(w http.ResponseWriter, r *http.Request, see sink) {
	see("accepts %q", r.Header.Get("Accept-Encoding"))
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Content-Type", "text/plain")
	zip := gzip.NewWriter(w)
	io.WriteString(zip, strings.Repeat("abc", 1000))
	zip.Close()
}

func untilGone(w http.ResponseWriter, r *http.Request, see sink) {
	io.WriteString(w, "abc")
	http.NewResponseController(w).Flush()
	<-r.Context().Done()
	see("%v", r.Context().Err())
}

// numbered answers with the number of the connection, in order of appearance.
func numbered() func(w http.ResponseWriter, r *http.Request, see sink) {
	var mu sync.Mutex
	var seen []string
	aborted := false
	return func(w http.ResponseWriter, r *http.Request, see sink) {
		mu.Lock()
		defer mu.Unlock()
		if !slices.Contains(seen, r.RemoteAddr) {
			seen = append(seen, r.RemoteAddr)
		}
		number := slices.Index(seen, r.RemoteAddr)
		switch r.URL.Path {
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/abort-once":
			if !aborted {
				aborted = true
				panic(http.ErrAbortHandler)
			}
		case "/half":
			untilGone(w, r, func(string, ...any) {})
			return
		case "/last":
			w.Header().Set("Connection", "close")
		}
		fmt.Fprintf(w, "connection %d", number)
	}
}

// kind names an error by what a program can tell of it.
func kind(err error) string {
	var timeout net.Error
	switch {
	case err == nil:
		return "no error"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "deadline"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "unexpected EOF"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), strings.Contains(err.Error(), "server closed idle connection"):
		return "broken"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, errOfBody):
		return "error of the body"
	default:
		return err.Error()
	}
}

// read takes down a response, reading its body as told.
func read(c *http.Client, req *http.Request, see sink, body func(io.Reader) ([]byte, error)) {
	resp, err := c.Do(req)
	if err != nil {
		see("%s", kind(err))
		return
	}
	defer resp.Body.Close()
	see("%s %s, length %d, encoding %v, close %v, uncompressed %v, trailers announced %v",
		resp.Proto, resp.Status, resp.ContentLength, resp.TransferEncoding, resp.Close, resp.Uncompressed, resp.Trailer)
	var keys []string
	for key := range resp.Header {
		if key != "Date" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		see("%s: %q", key, resp.Header[key])
	}
	see("date %v", resp.Header.Get("Date") != "")
	data, err := body(resp.Body)
	if len(data) > 200 {
		data = fmt.Appendf(nil, "%d bytes of %q", len(data), data[:3])
	}
	see("body %q %s, trailer %v", data, kind(err), resp.Trailer)
}

// pushedBody reads a body by having it pushed.
func pushedBody(r io.Reader) (data []byte, err error) {
	p, ok := r.(interface {
		Push(func([]byte) error) error
	})
	if !ok {
		return io.ReadAll(r)
	}
	err = p.Push(func(b []byte) error {
		data = append(data, b...)
		return nil
	})
	return data, err
}

// play runs an exchange over a network and returns what was seen.
func (x *exchange) play(t *testing.T, start func(t testing.TB, h http.Handler) (string, *http.Client), body func(io.Reader) ([]byte, error)) string {
	t.Helper()
	var s sheet
	through := make(chan struct{}, 100)
	handler := x.handler
	if x.fresh != nil {
		handler = x.fresh()
	}
	url, client := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { through <- struct{}{} }()
		handler(w, r, s.sink(&s.server))
	}))
	switch {
	case x.client != nil:
		x.client(client, url, s.sink(&s.client))
	case x.request != nil:
		read(client, x.request(url), s.sink(&s.client), body)
	default:
		read(client, request("GET", "/", nil)(url), s.sink(&s.client), body)
	}
	if !x.unserved && !x.clientOnly {
		<-through
	}
	seen := s.String()
	if x.clientOnly {
		_, seen, _ = strings.Cut(seen, "client:")
	}
	return strings.ReplaceAll(seen, strings.TrimPrefix(url, "http://"), "HOST")
}

// TestNetworksAgreeWithNetHTTP keeps both networks in memory true to net/http
// on loopback.
func TestNetworksAgreeWithNetHTTP(t *testing.T) {
	inMemory := func(wire *Wire) func(t testing.TB, h http.Handler) (string, *http.Client) {
		return func(t testing.TB, h http.Handler) (string, *http.Client) {
			return networkOf(t).start(t, h, wire)
		}
	}
	for _, x := range exchanges {
		t.Run(x.name, func(t *testing.T) {
			want := x.play(t, startLoopback, io.ReadAll)
			for _, n := range []struct {
				name  string
				start func(t testing.TB, h http.Handler) (string, *http.Client)
				body  func(io.Reader) ([]byte, error)
			}{
				{"push, read", inMemory(nil), io.ReadAll},
				{"push, pushed", inMemory(nil), pushedBody},
				{"wire", inMemory(&Wire{}), io.ReadAll},
			} {
				synctest.Test(t, func(t *testing.T) {
					assert.Equal(t, want, x.play(t, n.start, n.body), "%s in a bubble: %s", n.name, x.reason)
				})
				assert.Equal(t, want, x.play(t, n.start, n.body), "%s in real time: %s", n.name, x.reason)
			}
		})
	}
}

// TestBytesArriveWhenNetHTTPSendsThem looks at what a client has read when: an
// unflushed answer comes in pieces of net/http's buffers, or at its end.
func TestBytesArriveWhenNetHTTPSendsThem(t *testing.T) {
	for _, size := range []int{10, 2048, 2049, 5000, 9000} {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for range 5 {
				w.Write(bytes.Repeat([]byte("z"), size))
				time.Sleep(time.Second)
			}
		})
		arrivals := func(wire *Wire) (seen []string) {
			synctest.Test(t, func(t *testing.T) {
				url, client := networkOf(t).start(t, h, wire)
				begin := time.Now()
				resp, err := client.Get(url)
				require.NoError(t, err)
				defer resp.Body.Close()
				total, last := 0, time.Duration(-1)
				for buf := make([]byte, 1<<20); ; {
					n, err := resp.Body.Read(buf)
					total += n
					if at := time.Since(begin); at != last && n > 0 {
						last = at
						seen = append(seen, "")
					}
					if n > 0 {
						seen[len(seen)-1] = fmt.Sprintf("%d by %v", total, last)
					}
					if err != nil {
						assert.Equal(t, io.EOF, err)
						return
					}
				}
			})
			return seen
		}
		over := arrivals(&Wire{})
		assert.Equal(t, over, arrivals(nil), "writes of %d bytes", size)
		assert.NotEmpty(t, over)
	}
}
