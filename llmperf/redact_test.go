package llmperf

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const secretKey = "Zm9vYmFy.c2VjcmV0+a2V5/MTIz" // looks like no known kind of key, so that only knowing it hides it

// everyForm is a value the ways it may get into a log.
func everyForm(v any) string { return fmt.Sprintf("%v | %+v | %#v | %s | %q", v, v, v, v, v) }

func TestTargetShowsNoKey(t *testing.T) {
	o := OpenAI{BaseURL: "https://ann:pa55word@llm.example/v1?token=que5tion#frag5", Model: "m", APIKey: secretKey}
	for form, text := range map[string]string{
		"value":       everyForm(o),
		"pointer":     everyForm(&o),
		"in a struct": fmt.Sprintf("%v %+v %#v", Scenario{Target: o}, Scenario{Target: o}, Scenario{Target: o}),
		"String":      o.String(),
		"in a result": nameOf(o),
	} {
		t.Run(form, func(t *testing.T) {
			for _, secret := range []string{secretKey, "ann", "pa55word", "que5tion", "frag5"} {
				assert.NotContains(t, text, secret)
			}
			assert.Contains(t, text, "llm.example/v1", "the host is no secret")
		})
	}
}

func TestPlanShowsNoSecretOfAURL(t *testing.T) {
	tests := []struct{ name, reason, url string }{
		{"other scheme", "it parses, and so can be cleaned", "ftp://ann:pa55word@llm.example/v1?token=que5tion"},
		{"no URL", "what can't be parsed can't be cleaned", "http://ann:pa55word@llm example/%zz?token=que5tion"},
		{"whole path", "the hint repeats the URL", "http://ann:pa55word@llm.example/v1/chat/completions?token=que5tion"},
		{"no host", "a URL with a query alone", "http:///v1?token=que5tion"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := OpenAI{BaseURL: tt.url, Model: "m", APIKey: secretKey, MaxTokens: -1}.validate()
			require.Error(t, err)
			for _, secret := range []string{secretKey, "pa55word", "que5tion"} {
				assert.NotContains(t, everyForm(err), secret, tt.reason)
			}
		})
	}
}

// TestPlanShowsNoSecretOfAURLWithoutScheme holds because a forgotten scheme is
// the commonest mistake in a URL.
func TestPlanShowsNoSecretOfAURLWithoutScheme(t *testing.T) {
	for _, raw := range []string{"ann:pa55word@llm.example/v1", "pa55word@llm.example/v1", "//ann:pa55word@llm.example/v1"} {
		t.Run(raw, func(t *testing.T) {
			err := OpenAI{BaseURL: raw, Model: "m"}.validate()
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "pa55word")
		})
	}
}

// sendTo sends one request of target and returns its error.
func sendTo(t *testing.T, target Target) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return target.Send(ctx, newCall())
}

func TestErrorBodiesThatEchoTheKey(t *testing.T) {
	echo := func(format string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") + r.Header.Get("X-Api-Key") + r.Header.Get("X-Tenant")
			if kind, rest, ok := strings.Cut(format, "\n"); ok {
				w.Header().Set("Content-Type", kind)
				fmt.Fprintf(w, rest, key)
				return
			}
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, format, key)
		}
	}
	tests := []struct{ name, reason, answer string }{
		{"OpenAI's shape", "it quotes the key in the message", `{"error":{"message":"Incorrect API key provided: %s.","type":"invalid_request_error","code":"invalid_api_key"}}`},
		{"in the code", "any part of the error may hold it", `{"error":{"message":"no","code":"%s"}}`},
		{"plain text", "proxies answer so", "no such key: %s"},
		{"header", "some echo the header", "bad header Authorization: Bearer %s"},
		{"in band", "an error may come inside a stream", "text/event-stream\ndata: {\"error\":{\"message\":\"key %s is blocked\"}}\n\n"},
		{"malformed", "an excerpt of the stream is quoted", "text/event-stream\ndata: {broken %s\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(echo(tt.answer))
			t.Cleanup(server.Close)
			for name, target := range map[string]Target{
				"OpenAI":    OpenAI{BaseURL: server.URL, Model: "m", APIKey: secretKey, Client: server.Client()},
				"Responses": OpenAI{BaseURL: server.URL, Model: "m", API: Responses, APIKey: secretKey, Client: server.Client()},
				"Anthropic": Anthropic{BaseURL: server.URL, Model: "m", APIKey: secretKey, Client: server.Client()},
				"Header":    OpenAI{BaseURL: server.URL, Model: "m", Header: http.Header{"x-tenant": {secretKey}}, Client: server.Client()},
				"Ollama":    Ollama{BaseURL: server.URL, Model: "m", NoStream: true, Header: http.Header{"Authorization": {"Bearer " + secretKey}}, Client: server.Client()},
				"HTTP with another header": HTTP{TextPath: "text", Client: server.Client(), New: func(ctx context.Context, _ *Call) (*http.Request, error) {
					req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, http.NoBody)
					if err == nil {
						req.Header.Set("X-Api-Key", secretKey)
					}
					return req, err
				}},
			} {
				err := sendTo(t, target)
				require.Error(t, err, name)
				assert.NotContains(t, err.Error(), secretKey, tt.reason)
				assert.NotContains(t, describe(err), secretKey, tt.reason)
				assert.Contains(t, err.Error(), "[redacted]", "%s: the reader sees that something was there", name)
				var failure *Failure
				assert.ErrorAs(t, err, &failure, "%s: a cleaned error keeps its class", name)
			}
		})
	}
}

// TestEveryPlaceOfASecretIsKnown gives each place a secret of its own, since one
// that is known from another place would be hidden anyway.
func TestEveryPlaceOfASecretIsKnown(t *testing.T) {
	tests := []struct{ name, user, query, header, value, echo, hidden, shown, reason string }{
		{"query", "", "?token=qu3ry-v4lue&next=1", "", "", "no qu3ry-v4lue", "qu3ry-v4lue", "no [redacted]", "a query may hold a key"},
		{"second value", "", "?a=b&token=qu3ry-v4lue", "", "", "no qu3ry-v4lue", "qu3ry-v4lue", "no [redacted]", "every value of it"},
		{"escaped query", "", "?token=qu3ry%2Fv4lue", "", "", "no qu3ry/v4lue or qu3ry%2Fv4lue", "v4lue", "no [redacted] or [redacted]", "as it is written and as it is meant"},
		{"short value", "", "?user=Jones", "", "", "no Jones and no Joneses", "", "no Jones and no Joneses", "ordinary words stay readable"},
		{"password", "ann:pa55%21word@", "", "", "", "no pa55!word or pa55%21word", "word", "no [redacted] or [redacted]", "a password, both ways"},
		{"basic", "ann:pa55word@", "", "", "", "no YW5uOnBhNTV3b3Jk", "YW5uOnBhNTV3b3Jk", "no [redacted]", "which is sent so"},
		{"user alone", "t0ken-0f-ann@", "", "", "", "no t0ken-0f-ann", "t0ken-0f-ann", "no [redacted]", "some have their key there"},
		{"authorization", "", "", "Authorization", "Basic b4sic-v4lue", "no b4sic-v4lue", "b4sic-v4lue", "no [redacted]", "with or without its scheme"},
		{"Azure's key", "", "", "Api-Key", "4zure-v4lue", "no 4zure-v4lue", "4zure-v4lue", "no [redacted]", "a header of a key"},
		{"Google's key", "", "", "X-Goog-Api-Key", "g00gle-v4lue", "no g00gle-v4lue", "g00gle-v4lue", "no [redacted]", "another"},
		{"cookie", "", "", "Cookie", "s=c00kie-v4lue", "no c00kie-v4lue", "c00kie-v4lue", "no [redacted]", "a cookie is a key"},
		{"header of one's own", "", "", "X-Tenant-Pass", "t3nant-v4lue", "no t3nant-v4lue", "t3nant-v4lue", "no [redacted]", "any other header may hold one"},
		{"short header", "", "", "X-Region", "eu-1", "no eu-1", "", "no eu-1", "a value that was not declared"},
		{"harmless", "", "", "Accept", "application/json", "no application/json", "", "no application/json", "what is asked for is no secret"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := saying(t, http.StatusBadRequest, "text/plain", tt.echo)
			err := sendTo(t, HTTP{Client: server.Client(), New: func(ctx context.Context, _ *Call) (*http.Request, error) {
				base := strings.Replace(server.URL, "http://", "http://"+tt.user, 1)
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/chat"+tt.query, http.NoBody)
				if err != nil {
					return nil, err
				}
				if tt.header != "" {
					req.Header.Set(tt.header, tt.value)
				}
				return req, nil
			}})
			require.Error(t, err)
			assert.Contains(t, err.Error(), tt.shown, tt.reason)
			if tt.hidden != "" {
				assert.NotContains(t, everyForm(err), tt.hidden, tt.reason)
			}
		})
	}
}

// TestATextInExtraThatIsNamedAsAKeyIsHidden, by the target itself and by what a run
// knows of it.
func TestATextInExtraThatIsNamedAsAKeyIsHidden(t *testing.T) {
	type own struct {
		Token string `json:"session_token"`
	}
	tests := []struct {
		name, reason string
		extra        map[string]any
		echo, shown  string
	}{
		{"LiteLLM's", "a gateway takes the key of another there", map[string]any{"api_key": "l1tellm-v4lue"}, "no l1tellm-v4lue", "no [redacted]"},
		{"in capitals", "names are of any style", map[string]any{"apiKey": "l1tellm-v4lue"}, "no l1tellm-v4lue", "no [redacted]"},
		{"password", "likewise", map[string]any{"db_password": "l1tellm-v4lue"}, "no l1tellm-v4lue", "no [redacted]"},
		{"nested", "at any depth", map[string]any{"litellm_params": map[string]any{"extra_headers": map[string]string{"Authorization": "Basic l1tellm-v4lue"}}}, "no l1tellm-v4lue", "no [redacted]"},
		{"list", "any of several", map[string]any{"fallbacks": []any{map[string]any{"client_secret": []string{"f1rst-v4lue", "s3cond-v4lue"}}}}, "no f1rst-v4lue, no s3cond-v4lue", "no [redacted], no [redacted]"},
		{"struct", "by the name that is sent", map[string]any{"session": own{"l1tellm-v4lue"}}, "no l1tellm-v4lue", "no [redacted]"},
		{"escaped", "as any secret", map[string]any{"api_key": "l1tellm/v4lue"}, "no l1tellm%2Fv4lue", "no [redacted]"},
		{"number", "numbers are no secrets", map[string]any{"max_completion_tokens": 1234567}, "at most 1234567", "at most 1234567"},
		{"other", "nor are other texts", map[string]any{"reasoning_effort": "medium"}, "no medium", "no medium"},
		{"below a name", "a tool may have a parameter called so, which is described", map[string]any{"tools": map[string]any{"token": map[string]any{"type": "string"}}}, "want a string", "want a string"},
		{"short", "ordinary words stay readable", map[string]any{"token": "Jones"}, "no Jones", "no Jones"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := saying(t, http.StatusUnauthorized, "text/plain", tt.echo)
			for _, target := range []Target{
				OpenAI{BaseURL: server.URL, Model: "m", Extra: tt.extra, Client: server.Client()},
				Anthropic{BaseURL: server.URL, Model: "m", Extra: tt.extra, Client: server.Client()},
				Ollama{BaseURL: server.URL, Model: "m", Extra: tt.extra, Client: server.Client()},
			} {
				err := sendTo(t, target)
				assert.EqualError(t, err, "status 401: the server reports an error: "+tt.shown, tt.reason)
				var failure *Failure
				assert.ErrorAs(t, err, &failure, "a cleaned error keeps its class")
				assert.Equal(t, tt.shown, redactText(tt.echo, secretsOfTarget(target)), tt.reason)
			}
		})
	}
	assert.Empty(t, secretsOfExtra(map[string]any{"api_key": func() {}}), "what cannot be sent")
}

// TestKeysDoNotFollowARedirectToAnotherHost: with the target's client, or the
// caller's.
func TestKeysDoNotFollowARedirectToAnotherHost(t *testing.T) {
	names := []string{"X-Api-Key", "Api-Key", "X-Goog-Api-Key", "X-Tenant-Pass", "Authorization", "Cookie", "Accept"}
	var seen []string
	note := func(r *http.Request) {
		values := make([]string, len(names))
		for i, name := range names {
			values[i] = r.Header.Get(name)
		}
		seen = append(seen, strings.Join(values, " "))
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		http.NotFound(w, r)
	}))
	t.Cleanup(other.Close)
	// By another name it is another host to net/http too.
	away := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	var first *httptest.Server
	first = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		to := first.URL
		if r.URL.Path == "/elsewhere" {
			to = away
		}
		http.Redirect(w, r, to+"/elsewhere", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(first.Close)
	header := http.Header{"Accept": {"yes"}}
	for i, name := range names[:6] {
		header.Set(name, fmt.Sprintf("s3cret-%d", i))
	}
	all := "s3cret-0 s3cret-1 s3cret-2 s3cret-3 s3cret-4 s3cret-5 yes"
	for _, client := range []*http.Client{nil, first.Client()} {
		for _, target := range []Target{
			OpenAI{BaseURL: first.URL, Model: "m", Header: header, Client: client},
			Anthropic{BaseURL: first.URL, Model: "m", APIKey: secretKey, Header: header, Client: client},
			Ollama{BaseURL: first.URL, Model: "m", Header: header, Client: client},
			HTTP{Client: client, New: func(ctx context.Context, _ *Call) (*http.Request, error) {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, first.URL, http.NoBody)
				if err == nil {
					req.Header = header.Clone()
				}
				return req, err
			}},
		} {
			seen = nil
			require.ErrorContains(t, sendTo(t, target), "status 404")
			assert.Equal(t, []string{all, all, "      yes"}, seen, "%v", target)
			target.(idler).closeIdle()
		}
		if client != nil {
			assert.Nil(t, client.CheckRedirect, "the caller's client is left as it is")
		}
	}
}

func TestAClientThatKnowsAboutRedirectsIsLeftAlone(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return errors.New("not this way") }
	assert.ErrorContains(t, sendTo(t, OpenAI{BaseURL: server.URL, Model: "m", Client: client}), "not this way")
}

func TestARedirectInCirclesEnds(t *testing.T) {
	circles := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/v1/messages", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(circles.Close)
	target := Anthropic{BaseURL: circles.URL, Model: "m"}
	t.Cleanup(target.closeIdle)
	assert.ErrorContains(t, sendTo(t, target), "stopped after 10 redirects")
}

// TestWhatAProxyIsSentIsHidden, though the target does not know of it.
func TestWhatAProxyIsSentIsHidden(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "not with %s", strings.TrimPrefix(r.Header.Get("Proxy-Authorization"), "Basic "))
	}))
	t.Cleanup(proxy.Close)
	transport := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
		return url.Parse(strings.Replace(proxy.URL, "http://", "http://ann:pa55word@", 1))
	}}
	t.Cleanup(transport.CloseIdleConnections)
	err := sendTo(t, OpenAI{BaseURL: "http://llm.example/v1", Model: "m", Client: &http.Client{Transport: transport}})
	assert.EqualError(t, err, "status 403: the server reports an error: not with [redacted]")
}

func TestConnectionErrorsShowNoURL(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	where, err := url.Parse(server.URL)
	require.NoError(t, err)
	where.User = url.UserPassword("ann", "pa55word")
	o := OpenAI{BaseURL: where.String(), Model: "m", APIKey: secretKey, Client: server.Client()}
	sent := sendTo(t, o)
	require.Error(t, sent)
	for _, secret := range []string{secretKey, "pa55word"} {
		assert.NotContains(t, everyForm(sent), secret)
	}
	query := HTTP{Client: server.Client(), New: func(ctx context.Context, _ *Call) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/?token=que5tion", http.NoBody)
	}}
	sent = sendTo(t, query)
	require.Error(t, sent)
	assert.NotContains(t, everyForm(sent), "que5tion")
}

func TestRedact(t *testing.T) {
	tests := []struct{ name, reason, text, secret, want string }{
		{"the key", "wherever it stands", "a K3y-K3y-K3y b K3y-K3y-K3y", "K3y-K3y-K3y", "a [redacted] b [redacted]"},
		{"header", "the token of a header is secret without its scheme too", "a b1c2d3 and Basic b1c2d3", "Basic b1c2d3", "a [redacted] and [redacted]"},
		{"another's bearer", "a gateway may quote its own", "upstream said Bearer abc.def-123456== no", "", "upstream said [redacted] no"},
		{"another's key", "kinds of keys are known by their beginning", "invalid sk-proj-abcdef123456, try again", "", "invalid [redacted], try again"},
		{"masked key", "even a masked key tells its kind", "Incorrect API key provided: sk-12****ef", "", "Incorrect API key provided: [redacted]"},
		{"nothing secret", "most errors stay as they are", "connection refused", "K3y-K3y-K3y", "connection refused"},
		{"part of another", "the longer one goes first", "a K3y-K3y-K3y b", "K3y-K3y", "a [redacted]-K3y b"},
		{"short", "what is short is in many texts", "connection refused by 8080", "808", "connection refused by 8080"},
		{"just long enough", "whoever calls it a secret means it", "no such key: k3Y4", "k3Y4", "no such key: [redacted]"},
		{"short in base64", "in any form", "no such key: azNZNA==", "k3Y4", "no such key: [redacted]A=="},
		{"short token", "a scheme and a word is no word", "by 8080, not by Port 8080", "Port 8080", "by 8080, not by [redacted]"},
		{"cut", "what is left of a key is no less secret", "no K3y-K3y-K", "K3y-K3y-K3y", "no [redacted]"},
		{"cut quote", "as package wire quotes a body", `no "a K3y-K3y-K"... nor ..."3y-K3y-K3y b"`, "K3y-K3y-K3y", `no "a [redacted]"... nor ..."[redacted] b"`},
		{"cut scheme", "a scheme is no secret", "want Bearer", "Bearer K3y-K3y-K3y", "want Bearer"},
		{"no key", "an empty key is in every text", "connection refused", " ", "connection refused"},
		{"ordinary words", "a word is not a key by its beginning", "the risk-free task-list", "", "the risk-free task-list"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, redact(errors.New(tt.text), tt.secret).Error(), tt.reason)
		})
	}
	assert.NoError(t, redact(nil, "key"))
	for _, raw := range []string{"http://ann:pa55word@llm.example/?token=que5tion", "http://ann:pa55word@llm example/?token=que5tion"} {
		at := redact(&url.Error{Op: "Post", URL: raw, Err: io.EOF}).Error()
		assert.Contains(t, at, "EOF")
		for _, secret := range []string{"pa55word", "que5tion"} {
			assert.NotContains(t, at, secret, "errors of net/http tell the URL, also those of a TargetFunc")
		}
	}
	wrapped := redact(fmt.Errorf("%w of K3y-K3y", io.ErrUnexpectedEOF), "K3y-K3y")
	assert.ErrorIs(t, wrapped, io.ErrUnexpectedEOF, "the cause stays known")
	assert.NotContains(t, everyForm(wrapped), "K3y", "no verb shows what was hidden")
}

// FuzzHide hides secrets in anything, however they are written, whole and cut.
func FuzzHide(f *testing.F) {
	escapes := []func(string) string{
		func(s string) string { return s },
		url.QueryEscape,
		url.PathEscape,
		strconv.Quote,
		html.EscapeString,
		func(s string) string { return strings.ReplaceAll(s, "/", `\/`) },
		func(s string) string { data, _ := json.Marshal(s); return string(data) },
	}
	codings := []func(string) string{
		func(s string) string { return s },
		func(s string) string { return hex.EncodeToString([]byte(s)) },
		func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		func(s string) string { return base64.URLEncoding.EncodeToString([]byte("a" + s + "b")) },
		func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte("ab" + s + "abc")) },
	}
	for i := range 10 {
		f.Add(secretKey, "no such key: ", " at all", uint8(i), uint8(i+1), uint8(200))
		f.Add(`pa55<w"o'r&d>`, "100 % \\ &amp;", "%%\\\\", uint8(i), uint8(2*i), uint8(20))
	}
	f.Fuzz(func(t *testing.T, secret, before, after string, inner, outer, cut uint8) {
		if len(secret) < shortestSecret || len(secret) > 200 || len(before)+len(after) > 1000 || strings.ContainsAny(secret, ` %\&`) || !isPrintable(secret) {
			t.Skip()
		}
		w := escapes[int(outer)%len(escapes)](codings[int(inner)%len(codings)](secret))
		clean := redactText(before+w+after, []string{secret})
		if !strings.Contains(before+hidden+after, w) { // or it would be there anyway
			require.NotContains(t, clean, w)
		}
		if !meetsMark(secret) {
			require.Equal(t, clean, redactText(clean, []string{secret}), "what is hidden stays so")
		}
		if n := int(cut); n < len(secret) && n > shortestSecret { // of what was cut, the plain key
			for _, mark := range []string{"", `"...`, "..."} {
				require.NotContains(t, redactText("? "+secret[:n]+mark, []string{secret}), secret[:n])
			}
			require.NotContains(t, redactText(`..."`+secret[len(secret)-n:]+" ?", []string{secret}), secret[len(secret)-n:])
		}
	})
}

// meetsMark reports whether a secret begins as the mark ends that is put in its
// place, or ends as it begins: with what stands beside it, the mark may look like
// the secret.
func meetsMark(secret string) bool {
	secret = strings.ToLower(secret)
	for i := range hidden {
		if i > 0 && strings.HasSuffix(secret, hidden[:i]) || strings.HasPrefix(secret, hidden[i:]) {
			return true
		}
	}
	return false
}

// isPrintable reports whether a text can be a header's value.
func isPrintable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 127 })
}

func BenchmarkRedact(b *testing.B) {
	err := failf(FailStatus, "the server reports an error: %s", strings.Repeat("no such model ", 14))
	secrets := []string{"Bearer " + strings.Repeat("K3y-", 15), strings.Repeat("q", 40)}
	for b.Loop() {
		redact(err, secrets...)
	}
}
