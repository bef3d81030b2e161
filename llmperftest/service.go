package llmperftest

import (
	"net/http"
	"testing"
)

// A Service is a handler being served.
type Service struct {
	URL    string // without a slash at its end
	client *http.Client
}

// Serve serves any handler, such as the service under test, until the test
// ends: in memory if the test runs in a testing/synctest bubble, else on
// loopback (see [Option]).
func Serve(t testing.TB, h http.Handler, opts ...Option) *Service {
	t.Helper()
	url, client := start(t, originated(h), opts)
	return &Service{URL: url, client: client}
}

// Client is a client for the service: a connection for every user, kept alive,
// and no proxy.
func (s *Service) Client() *http.Client { return s.client }
