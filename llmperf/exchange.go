package llmperf

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"llmperf.dev/llmperf/internal/direct"
	"llmperf.dev/llmperf/internal/generator"
	"llmperf.dev/llmperf/internal/wire"
)

// A bodyReader makes sense of one response: begin is given its header, feed the
// body as it arrives, and end is called after the last byte.
type bodyReader interface {
	begin(*http.Response) error
	feed([]byte) error
	end() error
}

const (
	readSize     = 4 << 10  // one read; larger than an event, small enough for thousands of users
	maxErrorBody = 64 << 10 // of an error response
	maxBody      = 64 << 20 // of an answer that is kept whole
	maxHeader    = 1 << 20  // of a response, to the default client
	maxChunks    = 1 << 20  // with tokens, of an answer: the gaps between them are kept
	maxRoom      = 8 << 10  // of the room that a user keeps for the next one
)

var readBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// defaultTransport serves targets that have no client of their own: a connection
// for every user, kept alive.
var defaultTransport = sync.OnceValue(func() *direct.Transport {
	transport := ordinaryTransport(http.DefaultTransport)
	transport.MaxResponseHeaderBytes = maxHeader
	transport.MaxIdleConns = 0
	transport.MaxIdleConnsPerHost = 1 << 20
	return &direct.Transport{Like: transport}
})

// ordinaryTransport is a transport like the default one, or as net/http makes it if
// that has been replaced by something else, such as one that traces.
func ordinaryTransport(usual http.RoundTripper) *http.Transport {
	if known, ok := usual.(*http.Transport); ok {
		return known.Clone()
	}
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, ExpectContinueTimeout: time.Second,
	}
}

// A route is what one sender's requests take that have no client of their own:
// the direct way where there is one, and that of net/http otherwise.
type route struct{ conn *connection }

// RoundTrip sends req; after a redirect, that to the next place.
func (r route) RoundTrip(req *http.Request) (*http.Response, error) {
	r.conn.sends(req)
	transport := defaultTransport()
	if transport.Takes(req) {
		return transport.RoundTrip(req)
	}
	return transport.Like.RoundTrip(r.conn.watch(req))
}

// An idler is a target with connections to let go of.
type idler interface{ closeIdle() }

// keepingKeys is a client that follows a redirect only to where the load may go, and
// does not take keys along to another host. A client that knows what to do about
// redirects is left alone.
func (c *Call) keepingKeys(client *http.Client) *http.Client {
	if client.CheckRedirect != nil {
		return client
	}
	keeping := *client
	keeping.CheckRedirect = c.follow
	return &keeping
}

// follow lets a client follow a redirect as keepingKeys has it.
func (c *Call) follow(req *http.Request, via []*http.Request) error {
	if err := c.public.request(req.URL); err != nil {
		return err
	}
	return keepKeys(req, via)
}

// keepKeys lets net/http follow a redirect as it does without it, but does not
// let what it takes for ordinary headers go to another host. Those that it knows
// to be secret it judges itself.
func keepKeys(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	if req.URL.Host == via[0].URL.Host {
		return nil
	}
	for name := range req.Header {
		switch name {
		case "Authorization", "Cookie":
		default:
			if !harmless[name] {
				delete(req.Header, name)
			}
		}
	}
	return nil
}

// closeIdle lets go of the connections that the default client keeps alive.
// Those of a caller's client are the caller's.
func closeIdle(client *http.Client) {
	if client == nil {
		defaultTransport().CloseIdleConnections()
	}
}

// A post is a request of a target that sends JSON.
type post struct {
	client *http.Client
	base   string // the target's BaseURL
	path   string // what is added to it
	header map[string]string
	ask    any // what is sent

	extra map[string]any // what the target's user adds to it
	added http.Header    // and to the headers
}

// send sends the request of c and lets d read the answer.
func (p post) send(ctx context.Context, c *Call, d *dialect, streamed bool) error {
	data, err := json.Marshal(p.ask)
	if err != nil {
		return err
	}
	if data, err = addExtra(data, p.extra); err != nil {
		return err
	}
	where, err := c.endpoint(p.base, p.path)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, where, bytes.NewReader(data))
	if err != nil {
		return err
	}
	body, accept := d.reader(c, streamed)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", accept)
	for name, value := range p.header {
		req.Header.Set(name, value)
	}
	addHeader(req, p.added)
	if err := exchange(p.client, req, c, body); err != nil {
		return redact(err, secretsOfExtra(p.extra)...)
	}
	return nil
}

// An endpoint is a URL, and what it was made of.
type endpoint struct{ base, path, url string }

// endpoint is the URL of a path below base. The sender's last is kept, which is
// nearly always the next.
func (c *Call) endpoint(base, path string) (string, error) {
	if c.last.url != "" && c.last.base == base && c.last.path == path {
		return c.last.url, nil
	}
	where, err := url.Parse(base)
	if err != nil {
		return "", errors.New("the target's BaseURL is no URL")
	}
	c.last = endpoint{base, path, where.JoinPath(path).String()}
	return c.last.url, nil
}

// exchange sends req and lets body read the answer, stamping the first byte. No
// error, be it one that user code panicked with, shows what is secret in req or
// was sent with it.
func exchange(client *http.Client, req *http.Request, c *Call, body bodyReader) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = failf(FailTarget, "the target %w", panicked(r))
		}
		if err != nil {
			err = redact(err, append(secretsOf(req), c.conn.secrets()...)...)
		}
	}()
	return sendAndRead(client, req, c, body)
}

func sendAndRead(client *http.Client, req *http.Request, c *Call, body bodyReader) error {
	if req.Header.Get(OriginHeader) == "" {
		req.Header.Set(OriginHeader, c.Origin())
	}
	if err := c.public.request(req.URL); err != nil {
		return err
	}
	c.conn.forget()
	switch {
	case c.keeping != nil && c.client == client:
	case client == nil:
		c.client, c.keeping = nil, c.keepingKeys(&http.Client{Transport: route{&c.conn}})
	default:
		c.client, c.keeping = client, c.keepingKeys(client)
	}
	if client != nil {
		req = c.conn.watch(req)
	}
	c.sent()
	resp, err := c.keeping.Do(req)
	switch {
	case err != nil && resp != nil: // a redirect that was not to be followed; the body is closed
		c.conn.answered(resp)
		return &Failure{Class: FailStatus, Status: resp.StatusCode, Err: broken(err)}
	case err != nil:
		return c.conn.explain(broken(err))
	}
	defer resp.Body.Close()
	c.conn.answered(resp)
	c.FirstByte()
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	if resp.StatusCode < http.StatusOK || resp.StatusCode >= http.StatusMultipleChoices {
		return statusFailure(resp, buf[:])
	}
	if err := body.begin(resp); err != nil {
		return err
	}
	if p, ok := resp.Body.(pusher); ok {
		return takePushed(p, body)
	}
	for {
		n, err := resp.Body.Read(buf[:])
		if n > 0 {
			if err := body.feed(buf[:n]); err != nil {
				return protocolFailure(err)
			}
		}
		switch {
		case err == io.EOF:
			return protocolFailure(body.end())
		case err != nil:
			return err
		}
	}
}

// A connection is what is known of how a request was sent: whether it got a
// connection, since a proxy that is asked for a tunnel and refuses has no error of
// its own, and what was secret in the headers that went out, be they those of a
// client's transport or a proxy's, or of where a redirect led. A sender has one for
// all of its requests.
type connection struct {
	tunnels    bool // it is over TLS
	asked, got atomic.Bool

	mu   sync.Mutex // what follows is written by the client's goroutines
	sent []sentHeader
	last *http.Request // that was sent or answered: after redirects, or as a client's transport made it, another than the one that it was given

	trace *httptrace.ClientTrace // tells it; made once, for requests that nobody else traces
}

// A sentHeader is a header that went out, and may be secret.
type sentHeader struct {
	name   string
	values []string
}

// forget forgets what was known of the request before.
func (n *connection) forget() {
	n.tunnels = false
	n.asked.Store(false)
	n.got.Store(false)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent, n.last = n.sent[:0], nil
}

// sends notes which request is sent.
func (n *connection) sends(req *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = req
}

// watch returns req, watched.
func (n *connection) watch(req *http.Request) *http.Request {
	n.tunnels = req.URL.Scheme == "https" // only such ask for a tunnel
	if n.trace == nil {
		n.trace = n.newTrace()
	}
	ctx, trace := req.Context(), n.trace
	if httptrace.ContextClientTrace(ctx) != nil { // which becomes a part of ours
		trace = n.newTrace()
	}
	return req.WithContext(httptrace.WithClientTrace(ctx, trace))
}

// newTrace makes what the client tells of a request.
func (n *connection) newTrace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		WroteHeaderField: n.wrote,
		GetConn:          func(string) { n.asked.Store(true); n.got.Store(false) },
		GotConn:          func(httptrace.GotConnInfo) { n.got.Store(true) },
	}
}

// wrote notes a header that was sent.
func (n *connection) wrote(name string, values []string) {
	if harmlessOnWire(name) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent = append(n.sent, sentHeader{name, values})
}

// answered notes which request was answered.
func (n *connection) answered(resp *http.Response) { n.sends(resp.Request) }

// secrets are what no error of the request may show, beside what was secret in it
// when the client got it.
func (n *connection) secrets() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var secrets []string
	for _, h := range n.sent {
		secrets = append(secrets, secretsOfHeader(h.name, h.values)...)
	}
	if n.last != nil {
		secrets = append(secrets, secretsOf(n.last)...)
	}
	return secrets
}

// explain gives err its class if no more is known of it than that there was no
// connection.
func (n *connection) explain(err error) error {
	if !n.tunnels || !n.asked.Load() || n.got.Load() || isTLS(err) || isBroken(err) || isTimeout(err) || errors.Is(err, context.Canceled) || generator.LackOf(err) != generator.None {
		return err
	}
	return failf(FailConnect, "no connection was made: %w", err)
}

// A pusher is a response body that calls its reader with what arrives, on the
// goroutine that sends it, until the body ends. The in-memory network of package
// llmperftest has such, since waking a reader is most of what a token costs in
// virtual time.
type pusher interface {
	Push(feed func([]byte) error) error
}

// takePushed feeds body with what p pushes. A panic of the body's reader, which
// may call the user's code, must not end the sender's goroutine.
func takePushed(p pusher, body bodyReader) error {
	var wrong error
	err := p.Push(func(b []byte) (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = failf(FailTarget, "the target %w", panicked(r))
			}
			wrong = err
		}()
		return body.feed(b)
	})
	if err == nil {
		err = body.end()
	} else if wrong == nil {
		return err
	}
	return protocolFailure(err)
}

// broken strips an error of http.Client.Do of the URL, whose query may be
// secret, and names what net/http gives no type for.
func broken(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	if generator.LackOf(err) != generator.None {
		return err
	}
	switch text := err.Error(); {
	case isMalformed(err):
	case strings.Contains(text, "server closed idle connection"), strings.Contains(text, "transport connection broken"):
		return &Failure{Class: FailReset, Err: err}
	}
	return err
}

// statusFailure reads what an error response says.
func statusFailure(resp *http.Response, buf []byte) error {
	failure := &Failure{Class: FailStatus, Status: resp.StatusCode}
	if resp.StatusCode == http.StatusSwitchingProtocols { // what follows is no body, and does not end with the request's context
		return failure
	}
	var text []byte
	body := io.LimitReader(resp.Body, maxErrorBody)
	for {
		n, err := body.Read(buf)
		text = append(text, buf[:n]...)
		if err != nil {
			break
		}
	}
	if len(text) > 0 {
		failure.Err = wire.ParseError(text)
	}
	return failure
}

// protocolFailure gives the errors of package wire their class.
func protocolFailure(err error) error {
	if err == nil {
		return nil
	}
	var reported *wire.ServerError
	switch {
	case errors.As(err, &reported):
		return &Failure{Class: FailInBand, Err: err}
	case errors.Is(err, wire.ErrTruncated):
		return &Failure{Class: FailTruncated, Err: err}
	case errors.Is(err, wire.ErrMalformed), errors.Is(err, wire.ErrTooLong):
		return &Failure{Class: FailMalformed, Err: err}
	}
	return err
}

func appendBounded(body, data []byte) ([]byte, error) {
	if len(body)+len(data) > maxBody {
		return body, failf(FailMalformed, "the body is longer than %d MiB", maxBody>>20)
	}
	return append(body, data...), nil
}

// keptRoom is the room that an answer leaves for the next, unless it has grown too
// large to be kept by every user.
func keptRoom(body []byte) []byte {
	if cap(body) > maxRoom {
		return nil
	}
	return body
}

func mediaType(resp *http.Response) string {
	switch kind := resp.Header.Get("Content-Type"); kind {
	case eventStream, "application/json":
		return kind
	}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}

// describe is an error's text in one line, for reports.
func describe(err error) string { return cut(oneLine(err.Error()), 300) }

var errRunOver = fmt.Errorf("the run is over")
