package direct

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxBody is how long a body may be, since it is copied.
const maxBody = 16 << 20

// Takes says whether req is plain enough: a GET without a body or a POST with one
// in memory, to http without a proxy, with nothing in its header that says
// how to transfer it, and nobody who traces it, for a transport without wishes of
// its own.
func (t *Transport) Takes(req *http.Request) bool {
	u := req.URL
	switch {
	case !supported, t.opaque.Load(), !plainTransport(t.Like), u == nil, u.Scheme != "http", u.Opaque != "", !plainHost(u.Host), !plainHost(req.Host) && req.Host != "":
		return false
	case !plainBody(req), req.Close, len(req.TransferEncoding) > 0, len(req.Trailer) > 0, req.Cancel != nil: //lint:ignore SA1019 whoever still sets it is to be served
		return false
	case !visible(u.RequestURI()), httptrace.ContextClientTrace(req.Context()) != nil:
		return false
	}
	for name, values := range req.Header {
		if !plainHeader(name, values) {
			return false
		}
	}
	if t.Like.Proxy == nil {
		return true
	}
	proxy, err := t.Like.Proxy(req)
	return proxy == nil && err == nil
}

// plainTransport says whether a transport does no more for plain requests than is
// done here.
func plainTransport(t *http.Transport) bool {
	return t.DialContext != nil && !t.DisableKeepAlives && !t.DisableCompression && t.MaxConnsPerHost == 0 && t.ResponseHeaderTimeout == 0 &&
		(t.Protocols == nil || !t.Protocols.UnencryptedHTTP2())
}

// plainBody says whether the body is as the method would have it.
func plainBody(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet:
		return (req.Body == nil || req.Body == http.NoBody) && req.ContentLength == 0
	case http.MethodPost:
		return req.Body != nil && req.Body != http.NoBody && req.GetBody != nil && 0 < req.ContentLength && req.ContentLength <= maxBody
	}
	return false
}

// plainHost says whether a host, perhaps with a port, needs no encoding.
func plainHost(host string) bool {
	for _, c := range []byte(host) {
		if !isToken(c) && c != ':' && c != '[' && c != ']' || c == '%' {
			return false
		}
	}
	return host != ""
}

// plainHeader says whether a header is correct, and only tells the service
// something.
func plainHeader(name string, values []string) bool {
	switch name {
	case "Connection", "Content-Length", "Expect", "Host", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "":
		return false
	}
	for _, c := range []byte(name) {
		if !isToken(c) {
			return false
		}
	}
	return !slices.ContainsFunc(values, func(value string) bool { return !printable(value) })
}

// isToken says whether c may stand in the name of a header (RFC 9110, 5.6.2).
func isToken(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// printable says whether a string has no control characters but tabs.
func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// visible says whether a string has neither control characters nor spaces.
func visible(s string) bool {
	return printable(s) && !strings.ContainsAny(s, " \t")
}

// address is where to dial.
func address(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// A request is the bytes of one.
type request struct {
	bytes []byte
	names []string
	unzip bool // what comes back compressed
}

var requests = sync.Pool{New: func() any { return new(request) }}

// write writes req, in the order in which net/http does, and closes its body.
func (r *request) write(req *http.Request) error {
	if req.Body != nil {
		defer req.Body.Close()
	}
	method, host := req.Method, req.Host
	if method == "" {
		method = http.MethodGet
	}
	if host == "" {
		host = req.URL.Host
	}
	agent, own := req.Header["User-Agent"]
	if !own {
		agent = []string{"Go-http-client/1.1"}
	}
	b := append(r.bytes[:0], method...)
	b = append(b, ' ')
	b = append(b, req.URL.RequestURI()...)
	b = append(b, " HTTP/1.1\r\n"...)
	b = appendHeader(b, "Host", host)
	if len(agent) > 0 && agent[0] != "" {
		b = appendHeader(b, "User-Agent", agent[0])
	}
	if req.ContentLength > 0 {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, req.ContentLength, 10)
		b = append(b, "\r\n"...)
	}
	r.names = r.names[:0]
	for name := range req.Header {
		if name != "User-Agent" {
			r.names = append(r.names, name)
		}
	}
	slices.Sort(r.names)
	for _, name := range r.names {
		for _, value := range req.Header[name] {
			b = appendHeader(b, name, value)
		}
	}
	if r.unzip = req.Header.Get("Accept-Encoding") == "" && req.Header.Get("Range") == ""; r.unzip {
		b = appendHeader(b, "Accept-Encoding", "gzip")
	}
	b = append(b, "\r\n"...)
	r.bytes = b
	if req.ContentLength <= 0 {
		return nil
	}
	head, want := len(b), int(req.ContentLength)
	r.bytes = slices.Grow(b, want+1)[:head+want+1] // and one that must not come
	got, err := io.ReadFull(req.Body, r.bytes[head:])
	switch {
	case got == want && (err == io.EOF || err == io.ErrUnexpectedEOF):
		r.bytes = r.bytes[:head+want]
		return nil
	case err == nil || err == io.EOF || err == io.ErrUnexpectedEOF:
		return fmt.Errorf("http: ContentLength=%d with Body length %d or more", want, got)
	default:
		return err
	}
}

func appendHeader(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, textproto.TrimString(value)...)
	return append(b, "\r\n"...)
}
