package llmperf

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// harmless are the request headers whose values are no secret. Any other may
// hold one: no error shows its value, and no redirect takes it to another host.
var harmless = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Cache-Control": true, "Connection": true,
	"Content-Encoding": true, "Content-Length": true, "Content-Type": true, "User-Agent": true, "Referer": true,
	"Anthropic-Beta": true, "Anthropic-Version": true, "Openai-Beta": true, OriginHeader: true,
}

// shortestSecret is the length below which a value is not looked for in texts,
// so that ordinary words and numbers stay readable.
const shortestSecret = 6

// secretsOf returns what no error of a request may show: values of its headers,
// of its URL's query, and the URL's password, or user where that stands alone.
func secretsOf(req *http.Request) []string {
	var secrets []string
	for name, values := range req.Header {
		if !harmless[name] {
			secrets = append(secrets, values...)
		}
	}
	for _, cookie := range req.Cookies() {
		secrets = append(secrets, cookie.Value)
	}
	for pair := range strings.SplitSeq(req.URL.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		plain, _ := url.QueryUnescape(value)
		secrets = append(secrets, value, plain)
	}
	if user := req.URL.User; user != nil {
		name, escaped, _ := strings.Cut(user.String(), ":")
		password, set := user.Password()
		if !set {
			escaped, password = name, user.Username()
		}
		sent, _ := user.Password()
		secrets = append(secrets, escaped, password, base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+sent)))
	}
	return secrets
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

// redact hides secrets, and what looks like one, in an error's text. A secret
// that a scheme stands before, as in "Basic abcdef", is also one without it.
func redact(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	var all []string
	for _, secret := range secrets {
		secret = strings.TrimSpace(secret)
		_, token, _ := strings.Cut(secret, " ")
		all = append(all, secret, token)
	}
	// The longest first, since one may be part of another.
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	text := err.Error()
	clean := text
	for _, secret := range all {
		if len(secret) >= shortestSecret {
			clean = strings.ReplaceAll(clean, secret, "[redacted]")
		}
	}
	clean = secretLike.ReplaceAllString(clean, "[redacted]")
	if clean == text {
		return err
	}
	return redacted{err, clean}
}
