package llmperftest

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// start serves h on loopback until the test ends.
func start(t testing.TB, h http.Handler) (url string, client *http.Client, stop func()) {
	server := httptest.NewServer(h)
	transport := &http.Transport{MaxIdleConnsPerHost: 1 << 20}
	stop = func() {
		transport.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	}
	t.Cleanup(stop)
	return server.URL, &http.Client{Transport: transport}, stop
}

// A Service is a handler being served.
type Service struct {
	URL    string // without a slash at its end
	client *http.Client
}

// Serve serves any handler, such as the service under test, until the test
// ends.
func Serve(t testing.TB, h http.Handler) *Service {
	t.Helper()
	url, client, _ := start(t, h)
	return &Service{URL: url, client: client}
}

// Client is a client for the service: a connection for every user, kept alive,
// and no proxy.
func (s *Service) Client() *http.Client { return s.client }
