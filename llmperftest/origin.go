package llmperftest

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"sync/atomic"
)

// OriginHeader is the HTTP header that says which request to a service another
// request was made for, so that a fake server behind the service knows it: with
// several requests at one instant, the fake takes them in the order of their
// origins, and a run in virtual time repeats.
//
// Clients of this package set it by themselves where a request's context comes
// from that of the request being served. A service in a process of its own, or
// one that does not hand its context on, can copy it.
const OriginHeader = "Llmperf-Origin"

type originKey struct{}

// An origin that names a request of a load: its user, its number, and the run.
var (
	originForm = regexp.MustCompile(`^[0-9]+-[0-9]+-[0-9a-f]{8}$`)
	marker     = regexp.MustCompile(`\[llmperf ([0-9]+-[0-9]+-[0-9a-f]{8})\]`)
)

// correlate says for which request of a load a request was made, by its header
// or by the first marker in its body.
func correlate(header string, body []byte) (origin string, by Correlation) {
	if originForm.MatchString(header) {
		return header, ByHeader
	}
	if found := marker.FindSubmatch(body); found != nil {
		return string(found[1]), ByPrompt
	}
	return header, Unknown
}

// originated gives each request that comes without an origin one of its own,
// and puts the origin into its context.
func originated(h http.Handler) http.Handler {
	var count atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get(OriginHeader)
		if origin == "" {
			origin = fmt.Sprintf("%09d", count.Add(1))
		}
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), originKey{}, origin)))
	})
}

// withOrigin is a client's transport that hands the context's origin on.
type withOrigin struct {
	base interface {
		http.RoundTripper
		CloseIdleConnections()
	}
}

func (t withOrigin) RoundTrip(req *http.Request) (*http.Response, error) {
	origin, ok := req.Context().Value(originKey{}).(string)
	if ok && req.Header.Get(OriginHeader) == "" {
		headed := *req
		headed.Header = req.Header.Clone()
		headed.Header.Set(OriginHeader, origin)
		req = &headed
	}
	return t.base.RoundTrip(req)
}

func (t withOrigin) CloseIdleConnections() { t.base.CloseIdleConnections() }
