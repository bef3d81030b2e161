package llmperf

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// saying is a server that always answers the same.
func saying(t *testing.T, status int, kind, body string) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header()["Content-Type"] = []string{kind}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server
}

// getting makes requests of a server.
func getting(server *httptest.Server) func(context.Context, *Call) (*http.Request, error) {
	return func(ctx context.Context, _ *Call) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
	}
}

func TestHTTPReadsABodyAsWhatItSaysItIs(t *testing.T) {
	isEnd := func(name string, data []byte) bool { return name == "end" || strings.Contains(string(data), `"end"`) }
	byWord := func(c *Call, _ string, data []byte) (int, error) {
		c.Text(string(data))
		c.Usage(3, 2, 0)
		return len(strings.Fields(string(data))), nil
	}
	refusing := func(*Call, string, []byte) (int, error) { return 0, failf(FailMalformed, "no") }
	tests := []struct {
		name, kind, body string
		target           HTTP
		want             account
		reason           string
	}{
		{"problem", "application/problem+json", `{"error": "no"}`, HTTP{}, account{class: FailInBand}, "a type ending in +json is JSON"},
		{"no JSON", "application/vnd.api+json", `<p>`, HTTP{}, account{class: FailMalformed}, "and must be"},
		{"text/json", "text/json; charset=utf-8", `{"error": "no"}`, HTTP{}, account{class: FailInBand}, "an older name of JSON"},
		{"stream+json", "application/stream+json", "{\"a\":1}\n{\"a\":2}\n", HTTP{}, account{chunks: 2, tokens: 2}, "lines, though it ends in +json"},
		{"jsonlines", "application/x-jsonlines", "{\"a\":1}\n{\"a\":2}\n", HTTP{}, account{chunks: 2, tokens: 2}, "another name of lines"},
		{"no error", "application/json", `{"error": "", "text": "a"}`, HTTP{TextPath: "text"}, account{text: "a"}, "an empty error is none"},
		{"false error", "application/jsonl", `{"error": false, "text": "a"}`, HTTP{TextPath: "text"}, account{chunks: 1, tokens: 1, text: "a"}, "nor is false"},
		{"error twice", "application/json", `{"error": "no", "error": null}`, HTTP{}, account{class: FailInBand}, "one of two is enough"},
		{"empty events", eventStream, "event: open\ndata:\n\ndata:\n\n", HTTP{}, account{class: FailEmpty}, "an event without data is no token"},
		{"empty event and path", eventStream, "event: open\ndata:\n\ndata: {\"text\":\"a\"}\n\n", HTTP{TextPath: "text"}, account{chunks: 1, tokens: 1, text: "a"}, "nor is it malformed"},
		{"blank data", eventStream, "data:  \n\n", HTTP{}, account{chunks: 1, tokens: 1}, "a space is a token"},
		{"ended", eventStream, "data: a\n\nevent: end\ndata:\n\n", HTTP{Last: isEnd}, account{chunks: 1, tokens: 1}, "the end needs no data"},
		{"cut", eventStream, "data: a\n\n", HTTP{Last: isEnd}, account{chunks: 1, tokens: 1, class: FailTruncated}, "there was no end"},
		{"cut before it began", eventStream, "", HTTP{Last: isEnd}, account{class: FailTruncated}, "a stream without events has no end"},
		{"ended without tokens", eventStream, "event: end\ndata:\n\n", HTTP{Last: isEnd}, account{class: FailEmpty}, "an end alone is no answer"},
		{"lines ended", "application/jsonl", "{\"a\":1}\n{\"a\":\"end\"}", HTTP{Last: isEnd}, account{chunks: 2, tokens: 2}, "a line may be both, token and end"},
		{"lines cut", "application/jsonl", "{\"a\":1}\n", HTTP{Last: isEnd}, account{chunks: 1, tokens: 1, class: FailTruncated}, "there was no end"},
		{"lines as JSON", "application/json", "{\"a\":1}\n{\"a\":\"end\"}\n", HTTP{Last: isEnd}, account{chunks: 2, tokens: 2}, "who knows the end knows that there are lines"},
		{"lines as JSON without Last", "application/json", "{\"a\":1}\n{\"a\":2}\n", HTTP{}, account{class: FailMalformed}, "several values are not one"},
		{"page with Last", "text/html", "<p>Sign in</p>\n", HTTP{Last: isEnd}, account{class: FailMalformed}, "a page is no stream"},
		{"Tokens tells all", eventStream, "data: a b\n\ndata: c\n\n", HTTP{Tokens: byWord}, account{chunks: 2, tokens: 3, prompt: 3, cached: 2, text: "a bc"}, "count, text and usage"},
		{"Tokens of a whole body", "text/plain", "a b c", HTTP{Tokens: byWord}, account{tokens: 3, prompt: 3, cached: 2, text: "a b c"}, "counted, at no time of their own"},
		{"Tokens of nothing", "text/plain", " ", HTTP{Tokens: byWord}, account{prompt: 3, cached: 2, text: " ", class: FailEmpty}, "no token is no answer"},
		{"Tokens of an empty body", "text/plain", "", HTTP{Tokens: byWord}, account{class: FailEmpty}, "nor is nothing"},
		{"Tokens refuses", "text/html", "<p>Sign in</p>", HTTP{Tokens: refusing}, account{class: FailMalformed}, "an error of its own keeps its class"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := saying(t, 200, tt.kind, tt.body)
			tt.target.New, tt.target.Client = getting(server), server.Client()
			require.NoError(t, tt.target.validate())
			got, err := accountOf(t, tt.target, true)
			assert.Equal(t, tt.want, got, "%s: %v", tt.reason, err)
		})
	}
}

func TestLinesSentAsJSONNameTheRemedy(t *testing.T) {
	server := saying(t, 200, "application/json", "{\"a\":1}\n{\"a\":2}\n")
	err := sendTo(t, HTTP{New: getting(server), TextPath: "a", Client: server.Client()})
	assert.ErrorContains(t, err, `"application/json"`)
	assert.ErrorContains(t, err, "with an HTTP.Last it is read line by line")
}

func TestAStatusThatIsNoSuccessFails(t *testing.T) {
	for _, status := range []int{300, 302, 304, 307} {
		server := saying(t, status, "text/event-stream", "")
		client := *server.Client()
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		for _, target := range []Target{
			HTTP{New: getting(server), Client: &client},
			OpenAI{BaseURL: server.URL, Model: "m", Client: &client},
			Anthropic{BaseURL: server.URL, Model: "m", NoStream: true, Client: &client},
			Ollama{BaseURL: server.URL, Model: "m", Client: &client},
		} {
			err := sendTo(t, target)
			var failure *Failure
			require.ErrorAs(t, err, &failure, "%v: %d", target, status)
			assert.Equal(t, FailStatus, failure.Class)
			assert.Equal(t, status, failure.Status)
		}
	}
}

// TestAProxyThatDoesNotLetThroughIsNoConnection: the service was never reached.
func TestAProxyThatDoesNotLetThroughIsNoConnection(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	t.Cleanup(refusing.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, tt := range []struct{ name, proxy, base, text string }{
		{"refuses the tunnel", refusing.URL, "https://llm.example", "Proxy Authentication Required"},
		{"refuses connections", gone.URL, "http://llm.example", "refused"},
		{"refuses connections for a tunnel", gone.URL, "https://llm.example", "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			transport := &http.Transport{Proxy: func(r *http.Request) (*url.URL, error) { return r.URL.Parse(tt.proxy) }}
			t.Cleanup(transport.CloseIdleConnections)
			got, err := accountOf(t, OpenAI{BaseURL: tt.base, Model: "m", Client: &http.Client{Transport: transport}}, false)
			assert.Equal(t, FailConnect, got.class, "%v", err)
			assert.ErrorContains(t, err, tt.text)
		})
	}
}

func TestAServiceThatIsReachedIsAConnection(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	server.StartTLS()
	t.Cleanup(server.Close)
	got, err := accountOf(t, OpenAI{BaseURL: server.URL, Model: "m", Client: server.Client()}, false)
	assert.Equal(t, FailReset, got.class, "%v", err)
	got, err = accountOf(t, OpenAI{BaseURL: server.URL, Model: "m", Client: &http.Client{Transport: &http.Transport{}}}, false)
	assert.Equal(t, FailTLS, got.class, "%v", err)
	broken := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("broken") })}
	got, err = accountOf(t, OpenAI{BaseURL: server.URL, Model: "m", Client: broken}, false)
	assert.Equal(t, FailTarget, got.class, "a transport that does not say whether it is connected: %v", err)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestADefaultTransportThatIsReplaced: a service that traces its own requests does
// so for the whole process, tests included.
func TestADefaultTransportThatIsReplaced(t *testing.T) {
	plain := ordinaryTransport(http.DefaultTransport)
	assert.NotSame(t, http.DefaultTransport, plain)
	own := ordinaryTransport(panicky{})
	defer own.CloseIdleConnections()
	for _, transport := range []*http.Transport{plain, own} {
		assert.NotNil(t, transport.Proxy)
		assert.NotNil(t, transport.DialContext)
		assert.True(t, transport.ForceAttemptHTTP2)
		assert.Positive(t, transport.TLSHandshakeTimeout)
	}
	server := saying(t, 200, "text/plain", "fog")
	resp, err := (&http.Client{Transport: own}).Get(server.URL)
	require.NoError(t, err)
	assert.Equal(t, 200, resp.StatusCode)
	require.NoError(t, resp.Body.Close())
}

// panicky is a transport that nobody is to use.
type panicky struct{}

func (panicky) RoundTrip(*http.Request) (*http.Response, error) { panic("used") }
