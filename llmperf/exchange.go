package llmperf

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

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
)

var readBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// defaultClient serves targets that have no client of their own: a connection
// for every user, kept alive.
var defaultClient = sync.OnceValue(func() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 0
	transport.MaxIdleConnsPerHost = 1 << 20
	return &http.Client{Transport: transport, CheckRedirect: keepKeys}
})

// An idler is a target with connections to let go of.
type idler interface{ closeIdle() }

// keepKeys lets net/http follow a redirect as it does without it, but does not
// let the key that net/http takes for an ordinary header go to another host.
func keepKeys(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	if req.URL.Host != via[0].URL.Host {
		req.Header.Del(anthropicKey)
	}
	return nil
}

// closeIdle lets go of the connections that the default client keeps alive.
// Those of a caller's client are the caller's.
func closeIdle(client *http.Client) {
	if client == nil {
		defaultClient().CloseIdleConnections()
	}
}

// A post is a request of a target that sends JSON.
type post struct {
	client *http.Client
	base   string // the target's BaseURL
	path   string // what is added to it
	header map[string]string
	secret string // what no error may show
	ask    any    // what is sent
}

// send sends the request of c and lets d read the answer.
func (p post) send(ctx context.Context, c *Call, d *dialect, streamed bool) error {
	data, err := json.Marshal(p.ask)
	if err != nil {
		return err
	}
	where, err := url.Parse(p.base)
	if err != nil {
		return errors.New("the target's BaseURL is no URL")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, where.JoinPath(p.path).String(), bytes.NewReader(data))
	if err != nil {
		return err
	}
	body, accept := d.reader(c, streamed)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", accept)
	for name, value := range p.header {
		req.Header.Set(name, value)
	}
	return redact(exchange(p.client, req, c, body), p.secret)
}

// exchange sends req and lets body read the answer, stamping the first byte.
func exchange(client *http.Client, req *http.Request, c *Call, body bodyReader) error {
	if client == nil {
		client = defaultClient()
	}
	if req.Header.Get(OriginHeader) == "" {
		req.Header.Set(OriginHeader, c.Origin())
	}
	resp, err := client.Do(req)
	if err != nil {
		return broken(err)
	}
	defer resp.Body.Close()
	c.FirstByte()
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	if resp.StatusCode >= http.StatusBadRequest {
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
				err = panicked(r)
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
	switch text := err.Error(); {
	case strings.Contains(text, "malformed HTTP"):
		return &Failure{Class: FailMalformed, Err: err}
	case strings.Contains(text, "server closed idle connection"), strings.Contains(text, "transport connection broken"):
		return &Failure{Class: FailReset, Err: err}
	}
	return err
}

// statusFailure reads what an error response says.
func statusFailure(resp *http.Response, buf []byte) error {
	var text []byte
	body := io.LimitReader(resp.Body, maxErrorBody)
	for {
		n, err := body.Read(buf)
		text = append(text, buf[:n]...)
		if err != nil {
			break
		}
	}
	failure := &Failure{Class: FailStatus, Status: resp.StatusCode}
	if len(text) > 0 {
		failure.Err = wire.ParseError(text)
	}
	return failure
}

// protocolFailure gives the errors of package wire their class.
func protocolFailure(err error) error {
	var reported *wire.ServerError
	switch {
	case err == nil:
		return nil
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

func mediaType(resp *http.Response) string {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}

// secretLike matches what looks like a key even where it is not the one sent.
var secretLike = regexp.MustCompile(`(?i)(bearer\s+|\b(?:sk|pk|rk|key|hf|gsk)[-_])[\w.~+/*-]{6,}=*`)

// A redacted error shows its text without anything secret.
type redacted struct {
	error
	text string
}

func (r redacted) Error() string { return r.text }
func (r redacted) Unwrap() error { return r.error }

// redact hides secrets, and what looks like one, in an error's text.
func redact(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := text
	for _, secret := range secrets {
		if secret = strings.TrimSpace(secret); secret == "" {
			continue
		}
		clean = strings.ReplaceAll(clean, secret, "[redacted]")
		if _, token, ok := strings.Cut(secret, " "); ok && token != "" {
			clean = strings.ReplaceAll(clean, token, "[redacted]")
		}
	}
	clean = secretLike.ReplaceAllString(clean, "[redacted]")
	if clean == text {
		return err
	}
	return redacted{err, clean}
}

// describe is an error's text in one line, for reports.
func describe(err error) string {
	const most = 300
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

var errRunOver = fmt.Errorf("the run is over")
