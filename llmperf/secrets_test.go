package llmperf_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// plantedKeys are keys, each of which is in one place alone and has a part that is in
// no other text.
var plantedKeys = struct {
	bearer, header, query, password, anthropic, cookie, transport, made, sdk string
}{
	bearer: "Qz7kP2mX9vWa+/=tail", header: `odd"Ht5rN8bL3cYd\\'<x>`, query: "Jf6sV1wK4gRe+/&more", password: "Mg2qZ9rS6jCk!$word",
	anthropic: "Lw4tF7xH1yVm=/=end", cookie: "Cb9vG2kJ5qNs.~-", transport: "Tr3mW8dP6zXe:colon", made: "Kd5yR1hB7nQg.-_~", sdk: "Ws8nC3fD6uTp:/&=",
}

// cores are the parts of the planted keys that are looked for.
func cores() []string {
	p := plantedKeys
	return []string{p.bearer[:12], p.header[4:16], p.query[:12], p.password[:12], p.anthropic[:12], p.cookie[:12], p.transport[:12], p.made[:12], p.sdk[:12]}
}

// echoes are the ways in which a server gives away what it was sent.
var echoes = []struct {
	name string
	say  func(w http.ResponseWriter, secret string)
}{
	{"plain", denied(func(s string) string { return "no such key: " + s })},
	{"in JSON", denied(func(s string) string {
		return fmt.Sprintf(`{"error":{"message":"Incorrect key %s provided","type":"auth"}}`, inJSON(s))
	})},
	{"cut in the type", denied(func(s string) string {
		return fmt.Sprintf(`{"error":{"message":"no","type":"%s%s"}}`, strings.Repeat("x", 69), inJSON(s))
	})},
	{"cut in the message", denied(func(s string) string { return strings.Repeat("x", 188) + s })},
	{"in a JSON that is cut", denied(func(s string) string { return `{"error":{"message":"` + inJSON(s) })},
	{"every character as \\u", denied(func(s string) string { return `{"error":{"message":"` + everyAsEscape(s) })},
	{"with escaped slashes", denied(func(s string) string { return `broken "` + strings.ReplaceAll(s, "/", `\/`) })},
	{"in a URL", denied(func(s string) string { return "no such page: /v1?key=" + url.QueryEscape(s) })},
	{"in a path of a URL in a URL", denied(func(s string) string { return url.PathEscape(url.PathEscape(s)) })},
	{"in a page", denied(func(s string) string { return "<p>" + html.EscapeString(s) + "</p>" })},
	{"in Go's quotes", denied(strconv.Quote)},
	{"base64", denied(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) })},
	{"base64 of more", denied(func(s string) string { return base64.URLEncoding.EncodeToString([]byte("a:" + s + ".")) })},
	{"base64 of a header", denied(func(s string) string { return base64.StdEncoding.EncodeToString([]byte("key " + s + "\r\n")) })},
	{"base64 in a URL", denied(func(s string) string {
		return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("0" + s)))
	})},
	{"hexadecimal", denied(func(s string) string { return hex.EncodeToString([]byte(s)) })},
	{"in band", granted("text/event-stream", func(s string) string { return `data: {"error":{"message":"key ` + inJSON(s) + " is blocked\"}}\n\n" })},
	{"in an event that is no JSON", granted("text/event-stream", func(s string) string { return "data: {broken " + s + "\n\n" })},
	{"at the edge of an excerpt", granted("text/event-stream", func(s string) string { return "data: {" + strings.Repeat("x", 68) + s + "\n\n" })},
	{"in the middle of an excerpt", granted("text/event-stream", func(s string) string {
		return `data: {"a":"` + strings.Repeat("x", 100) + inJSON(s) + `" broken` + "\n\n"
	})},
	{"at the other edge of an excerpt", granted("text/event-stream", func(s string) string {
		return `data: {"a":"` + strings.Repeat("x", 100) + inJSON(s) + strings.Repeat("x", 30) + `" broken` + "\n\n"
	})},
	{"in a line that is no field", granted("text/event-stream", func(s string) string { return "<p>" + s + "\n" })},
	{"in a line that is cut", granted("text/event-stream", func(s string) string { return "event: " + s })},
	{"as a media type", func(w http.ResponseWriter, s string) {
		granted("text/"+s, func(string) string { return "?" })(w, s)
	}},
	{"where a redirect leads", func(w http.ResponseWriter, s string) {
		w.Header().Set("Location", "/elsewhere?token="+url.QueryEscape(s))
		w.WriteHeader(http.StatusTemporaryRedirect)
	}},
	{"where a redirect cannot lead", func(w http.ResponseWriter, s string) {
		w.Header().Set("Location", "http://[:"+s)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}},
	{"as a status", raw(func(s string) string { return "HTTP/1.1 " + s + "\r\n\r\n" })},
	{"as a header", raw(func(s string) string { return "HTTP/1.1 200 OK\r\nbroken " + s + "\r\n\r\n" })},
	{"as a version", raw(func(s string) string { return s + "\r\n\r\n" })},
}

// denied is an answer that says what is wrong with a secret.
func denied(text func(string) string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, secret string) {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, text(secret))
	}
}

// granted is an answer with status 200.
func granted(kind string, text func(string) string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, secret string) {
		w.Header().Set("Content-Type", kind)
		io.WriteString(w, text(secret))
	}
}

// raw answers with bytes that need not be HTTP.
func raw(text func(string) string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, secret string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, text(secret))
	}
}

func inJSON(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "+", `\u002B`, "<", `\u003c`).Replace(s)
}

func everyAsEscape(s string) string {
	var text strings.Builder
	for _, r := range s {
		fmt.Fprintf(&text, `\u%04x`, r)
	}
	return text.String()
}

// secretsIn are the secrets that a request brought, as its server sees them.
func secretsIn(r *http.Request) (secrets []string) {
	for name, values := range r.Header {
		switch name {
		case "Authorization", "Cookie", "X-Api-Key", "X-Odd", "X-Made", "X-Signed":
			secrets = append(secrets, values...)
			secrets = append(secrets, strings.TrimPrefix(values[0], "Bearer "))
		}
	}
	for _, c := range r.Cookies() {
		secrets = append(secrets, c.Value)
	}
	for _, values := range r.URL.Query() {
		secrets = append(secrets, values...)
	}
	if user, password, ok := r.BasicAuth(); ok {
		secrets = append(secrets, password, user+":"+password)
	}
	slices.Sort(secrets)
	return append(secrets, r.URL.RawQuery)
}

// telltale is a server that gives away what it is sent, in every way; every tenth
// request of a target is answered.
func telltale(t *testing.T) *httptest.Server {
	var count atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/elsewhere" {
			echoes[0].say(w, r.URL.Query().Get("token"))
			return
		}
		n := int(count.Add(1))
		if n%10 == 0 {
			giveAnswer(w, r.URL.Path)
			return
		}
		secrets := secretsIn(r)
		echoes[n%len(echoes)].say(w, secrets[n/len(echoes)%len(secrets)])
	}))
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	return server
}

// giveAnswer writes a short answer of the API that a path belongs to.
func giveAnswer(w http.ResponseWriter, path string) {
	w.Header().Set("Content-Type", "text/event-stream")
	switch {
	case strings.HasSuffix(path, "/messages"):
		io.WriteString(w, `data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}`+"\n\n"+`data: {"type":"message_stop"}`+"\n\n")
	default:
		io.WriteString(w, `data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}`+"\n\n")
	}
}

// signing adds a secret header to requests, as clients for OAuth do.
type signing struct{ http.RoundTripper }

func (s signing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Signed", plantedKeys.transport)
	return s.RoundTripper.RoundTrip(r)
}

// secretTargets are targets with the planted keys.
func secretTargets(t *testing.T, server *httptest.Server) llmperf.Mix {
	where, err := url.Parse(server.URL)
	require.NoError(t, err)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	jar.SetCookies(where, []*http.Cookie{{Name: "session", Value: plantedKeys.cookie}})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	query := "?key=" + url.QueryEscape(plantedKeys.query)
	with := *where
	with.User = url.UserPassword("ann", plantedKeys.password)
	return llmperf.Mix{
		{Name: "bearer", Weight: 1, Target: llmperf.OpenAI{BaseURL: server.URL + "/v1" + query, Model: "m", APIKey: plantedKeys.bearer, Header: http.Header{"X-Odd": {plantedKeys.header}}}},
		{Name: "user", Weight: 1, Target: llmperf.OpenAI{BaseURL: with.String(), Model: "m", Client: &http.Client{Transport: transport, Jar: jar}}},
		{Name: "anthropic", Weight: 1, Target: llmperf.Anthropic{BaseURL: server.URL, Model: "m", APIKey: plantedKeys.anthropic}},
		{Name: "transport", Weight: 1, Target: llmperf.OpenAI{BaseURL: server.URL, Model: "m", Client: &http.Client{Transport: signing{transport}}}},
		{Name: "made", Weight: 1, Target: llmperf.HTTP{Client: &http.Client{Transport: transport}, New: func(ctx context.Context, _ *llmperf.Call) (*http.Request, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
			if err == nil {
				req.Header.Set("X-Made", plantedKeys.made)
			}
			return req, err
		}, Tokens: func(c *llmperf.Call, _ string, data []byte) (int, error) {
			if c.Number()%3 == 0 {
				panic(fmt.Sprintf("cannot count %s with %s", data, plantedKeys.made))
			}
			return 1, nil
		}}},
		{Name: "sdk", Weight: 1, Target: llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
			echo := httptest.NewRecorder()
			echoes[c.Number()%len(echoes[:16])].say(echo, plantedKeys.sdk)
			return fmt.Errorf("the SDK says %s", echo.Body)
		})},
	}
}

// giveAway is a scenario in which the planted keys go to a server that tells them
// everybody, and an observer that says what it sees and at last panics with one.
func giveAway(t *testing.T, see func(llmperf.Sample)) llmperf.Scenario {
	return llmperf.Scenario{
		Target: secretTargets(t, telltale(t)), Profile: hold(10, 3*time.Second), Warmup: 200 * time.Millisecond,
		Think: llmperf.Constant(time.Millisecond), Timeout: 10 * time.Second, Secrets: llmperf.Secrets{plantedKeys.sdk},
		Observers: []llmperf.Observer{{Sample: see, Stop: func(*llmperf.Result) { panic("no use for " + plantedKeys.bearer) }}},
	}
}

func init() {
	subjects["give away"] = func(t *testing.T) {
		s := giveAway(t, func(s llmperf.Sample) {
			if s.Detail != "" {
				fmt.Fprintln(t.Output(), s.Detail)
			}
		})
		llmperf.Run(t, s, llmperf.FailureRateBelow(0.5), llmperf.Latency.P50Below(time.Minute))
	}
}

// tellsSecrets fails the test for every plantedKeys key of which text has a part, in
// any way.
func tellsSecrets(t *testing.T, where, text string) {
	t.Helper()
	plain := strings.ToLower(unescaped(text))
	for _, key := range cores() {
		forms := []string{key, hex.EncodeToString([]byte(key))}
		for before := range 3 {
			coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + key))
			forms = append(forms, coded[4:12])
		}
		for i := range len(key) - 7 {
			forms = append(forms, key[i:i+8])
		}
		for _, form := range forms {
			if at := strings.Index(plain, strings.ToLower(form)); at >= 0 {
				t.Errorf("%s tells of the key %s: …%s…", where, key, plain[max(0, at-200):min(len(plain), at+100)])
				break
			}
		}
	}
}

// unescaped undoes what JSON, HTML and URLs do to letters and signs, as often as it
// was done.
func unescaped(text string) string {
	var pairs []string
	for c := rune(' '); c < 127; c++ {
		pairs = append(pairs, fmt.Sprintf(`\u%04x`, c), string(c), fmt.Sprintf("%%%02X", c), string(c), fmt.Sprintf("&#%d;", c), string(c))
	}
	pairs = append(pairs, "&amp;", "&", "&lt;", "<", "&gt;", ">", `\\`, `\`)
	undo := strings.NewReplacer(pairs...)
	for range 4 {
		text = undo.Replace(text)
	}
	return text
}

// TestNoFileOfARunTellsAKey plants a key in every place that a request has, and
// reads every byte that a run writes.
func TestNoFileOfARunTellsAKey(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a run of several seconds")
	}
	dir := t.TempDir()
	summary := filepath.Join(dir, "step-summary.md")
	r := reportSubject(t, "give away", "LLMPERF_OUT="+dir, "LLMPERF_SAMPLES=1", "GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY="+summary)
	var output strings.Builder
	for _, e := range r.events {
		output.WriteString(e.Output)
		output.WriteString(e.Value)
		output.WriteString("\n")
	}
	for _, class := range []string{"status 401: ", "in_band_error: ", "malformed", "truncated: ", "the target panicked: ", "no such page", "the SDK says ", "an observer panicked: "} {
		assert.Contains(t, output.String(), class, "the server did what it could")
	}
	assert.Greater(t, strings.Count(output.String(), "[redacted]"), len(echoes))
	for name, properties := range r.properties {
		for key, value := range properties {
			output.WriteString(name + key + value + "\n")
		}
		output.WriteString(r.failures[name])
	}
	tellsSecrets(t, "the output", output.String()+r.printed)
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		tellsSecrets(t, d.Name(), string(data))
		return err
	}))
	assert.Equal(t, 7, files, "result, report, histograms, bench, summary twice, samples")
}

func TestMeasureTellsNoKey(t *testing.T) {
	told := map[string]bool{}
	res, err := llmperf.Measure(t.Context(), giveAway(t, func(s llmperf.Sample) { told[s.Detail] = true }))
	require.ErrorContains(t, err, "an observer panicked: no use for [redacted]")
	data, err := json.Marshal(res)
	require.NoError(t, err)
	all := fmt.Sprintf("%v %+v %#v %s", res, res, *res, data)
	for detail := range told {
		all += detail + "\n"
	}
	tellsSecrets(t, "the result", all)
	tellsSecrets(t, "the scenario", fmt.Sprintf("%v %+v", res.Target, giveAway(t, nil).Target))
}

func TestThePlantedKeysWouldBeFound(t *testing.T) {
	for _, echo := range echoes[:24] {
		for _, key := range []string{plantedKeys.bearer, plantedKeys.header, plantedKeys.query} {
			w := httptest.NewRecorder()
			if echo.name == "at the edge of an excerpt" || strings.HasPrefix(echo.name, "base64") {
				continue // of which less is there, or in another form
			}
			echo.say(w, key)
			seen := new(testing.T)
			tellsSecrets(seen, "it", w.Body.String()+w.Header().Get("Content-Type"))
			assert.True(t, seen.Failed(), "%s: %s", echo.name, w.Body)
		}
	}
}
