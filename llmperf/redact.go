package llmperf

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
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

// shortestSecret is the length below which a value that may be secret is not looked
// for in texts, so that ordinary words and numbers stay readable.
const shortestSecret = 6

// findable are those of some values that are long enough to be looked for.
func findable(values []string) []string {
	return slices.DeleteFunc(values, func(v string) bool { return len(v) < shortestSecret })
}

// harmlessOnWire reports whether a header is harmless as it is sent, where there
// are also those that the client makes of the URL.
func harmlessOnWire(name string) bool {
	return strings.HasPrefix(name, ":") || harmless[http.CanonicalHeaderKey(name)] ||
		strings.EqualFold(name, "Host") || strings.EqualFold(name, "Transfer-Encoding")
}

// secretsOf returns what no error of a request may show: values of its headers
// and of its URL.
func secretsOf(req *http.Request) []string {
	secrets := secretsOfURL(req.URL)
	for name, values := range req.Header {
		if !harmless[name] {
			secrets = append(secrets, secretsOfHeader(name, values)...)
		}
	}
	return secrets
}

// secretsOfHeader returns the values of a header, and those of cookies one by one.
func secretsOfHeader(name string, values []string) []string {
	secrets := slices.Clone(values)
	if strings.EqualFold(name, "Cookie") {
		of := http.Request{Header: http.Header{"Cookie": values}}
		for _, cookie := range of.Cookies() {
			secrets = append(secrets, cookie.Value)
		}
	}
	return findable(secrets)
}

// secretsOfURL returns the values of a URL's query, and its password, or user
// where that stands alone: as they are written, as they are meant, and as they
// are sent.
func secretsOfURL(u *url.URL) (secrets []string) {
	defer func() { secrets = findable(secrets) }()
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

// secretLike matches what looks like a key even where it is not the one sent, and
// the user of a URL.
var secretLike = regexp.MustCompile(`(?i:bearer\s+|\b(?:sk|pk|rk|key|hf|gsk|xai|nvapi|gh[opsu])[-_])[\w.~+/*-]{6,}=*` +
	`|\beyJ[\w-]{8,}\.[\w.-]+|\bAIza[\w-]{20,}|\bAKIA[A-Z0-9]{12,}`)

// basicLike matches what looks like a user and a password as they are sent, and
// userLike those of a URL.
var (
	basicLike = regexp.MustCompile(`(?i:basic\s+)([A-Za-z0-9+/]{6,}=*)`)
	userLike  = regexp.MustCompile(`://[^\s/@"]+@`)
)

// hideAlike hides what looks like a secret.
func hideAlike(text string) string {
	text = secretLike.ReplaceAllString(text, hidden)
	if strings.Contains(text, "://") {
		text = userLike.ReplaceAllString(text, "://"+hidden+"@")
	}
	if !strings.Contains(strings.ToLower(text), "basic") {
		return text
	}
	return basicLike.ReplaceAllStringFunc(text, func(found string) string {
		sent := basicLike.FindStringSubmatch(found)[1]
		plain, _ := base64.RawStdEncoding.DecodeString(strings.TrimRight(sent, "="))
		if !bytes.ContainsRune(plain, ':') {
			return found // it is a word
		}
		return hidden
	})
}

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
	text := err.Error()
	if clean := redactText(text, secrets); clean != text {
		return redacted{err, clean}
	}
	return err
}

// redactText is redact for a text.
func redactText(text string, secrets []string) string {
	var all []string
	for _, secret := range secrets {
		secret = strings.TrimSpace(secret)
		_, token, _ := strings.Cut(secret, " ")
		all = append(append(all, secret), findable([]string{token})...)
	}
	// The longest first, since one may be part of another.
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, secret := range slices.Compact(all) {
		if len(secret) >= shortestDeclared {
			text = hide(text, secret)
		}
	}
	return hideAlike(text)
}

// A secretive target knows secrets that its requests hold.
type secretive interface{ secrets() []string }

// secretsOfTarget returns what a target knows to be secret, before any request.
func secretsOfTarget(t Target) []string {
	if known, ok := t.(secretive); ok && !isNil(t) {
		return known.secrets()
	}
	return nil
}

// secretsOfPost returns the secrets of a target that sends its header to a URL, and
// extra members in the body.
func secretsOfPost(base, key string, header http.Header, extra map[string]any) []string {
	secrets := append(secretsOfExtra(extra), findable([]string{key})...)
	if u, err := url.Parse(base); err == nil {
		secrets = append(secrets, secretsOfURL(u)...)
	}
	for name, values := range header {
		if !harmless[http.CanonicalHeaderKey(name)] {
			secrets = append(secrets, secretsOfHeader(name, values)...)
		}
	}
	return secrets
}

// secretMember matches the name of a member of a body whose text may be secret, such
// as LiteLLM's "api_key".
var secretMember = regexp.MustCompile(`(?i)key|token|secret|password|credential|authorization`)

// secretsOfExtra returns the texts of members that may be secret, at any depth.
func secretsOfExtra(extra map[string]any) []string {
	var members any
	sent, err := json.Marshal(extra)
	if err != nil || json.Unmarshal(sent, &members) != nil {
		return nil // nothing is sent
	}
	return findable(secretsWithin(members, false))
}

// secretsWithin returns the texts within a value of JSON that may be secret: those of
// members so named, alone or in a list. Numbers, as of "max_tokens", are none.
func secretsWithin(value any, secret bool) (found []string) {
	switch value := value.(type) {
	case string:
		if secret {
			found = []string{value}
		}
	case []any:
		for _, element := range value {
			found = append(found, secretsWithin(element, secret)...)
		}
	case map[string]any:
		for name, member := range value {
			found = append(found, secretsWithin(member, secretMember.MatchString(name))...)
		}
	}
	return found
}
