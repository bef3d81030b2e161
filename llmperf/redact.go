package llmperf

import (
	"cmp"
	"encoding/base64"
	"errors"
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

// secretsOf returns what no error of a request may show: values of its headers
// and of its URL.
func secretsOf(req *http.Request) []string {
	secrets := secretsOfURL(req.URL)
	for name, values := range req.Header {
		if !harmless[name] {
			secrets = append(secrets, values...)
		}
	}
	for _, cookie := range req.Cookies() {
		secrets = append(secrets, cookie.Value)
	}
	return secrets
}

// secretsOfURL returns the values of a URL's query, and its password, or user
// where that stands alone: as they are written, as they are meant, and as they
// are sent.
func secretsOfURL(u *url.URL) []string {
	var secrets []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		plain, _ := url.QueryUnescape(value)
		secrets = append(secrets, value, plain)
	}
	if u.User == nil {
		return secrets
	}
	name := u.User.Username()
	password, set := u.User.Password()
	sent := base64.StdEncoding.EncodeToString([]byte(name + ":" + password))
	if !set {
		return append(secrets, u.User.String(), name, sent)
	}
	_, escaped, _ := strings.Cut(u.User.String(), ":")
	return append(secrets, escaped, password, sent)
}

// hidden stands in the place of a secret.
const hidden = "[redacted]"

// secretLike matches what looks like a key even where it is not the one sent.
var secretLike = regexp.MustCompile(`(?i)(bearer\s+|\b(?:sk|pk|rk|key|hf|gsk)[-_])[\w.~+/*-]{6,}=*`)

// A redacted error shows its text without anything secret.
type redacted struct {
	error
	text string
}

func (r redacted) Error() string { return r.text }
func (r redacted) Unwrap() error { return r.error }

// redact hides secrets, and what looks like one, in an error's text; the URL of
// an error of net/http may hold some too. A secret that a scheme stands before,
// as in "Basic abcdef", is also one without it.
func redact(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	var at *url.Error
	if errors.As(err, &at) {
		if u, bad := url.Parse(at.URL); bad == nil {
			secrets = append(secrets, secretsOfURL(u)...)
		} else {
			secrets = append(secrets, at.URL)
		}
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
			clean = hideCut(strings.ReplaceAll(clean, secret, hidden), secret)
		}
	}
	clean = secretLike.ReplaceAllString(clean, hidden)
	if clean == text {
		return err
	}
	return redacted{err, clean}
}

// hideCut hides what is left of a secret where a text was cut: at its end, or at
// an edge of what package wire quotes of a body.
func hideCut(text, secret string) string {
	if strings.Contains(secret, " ") {
		return text // its token is a secret of its own
	}
	for n := len(secret) - 1; n >= shortestSecret; n-- {
		head, tail := secret[:n], secret[len(secret)-n:]
		if before, ok := strings.CutSuffix(text, head); ok {
			text = before + hidden
		}
		text = strings.ReplaceAll(text, head+`"...`, hidden+`"...`)
		text = strings.ReplaceAll(text, `..."`+tail, `..."`+hidden)
	}
	return text
}
