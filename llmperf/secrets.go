package llmperf

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"unicode/utf8"
)

// Secrets are texts that no output of a run shows: see [Scenario].Secrets. They are
// not shown themselves, however they are printed, logged or written.
type Secrets []string

// shortestDeclared is the length, in characters, from which on a text can be
// declared as secret: a shorter one would be hidden in many words.
const shortestDeclared = 4

// String says how many there are.
func (s Secrets) String() string { return plural(len(s), "secret") }

// Format is String, whatever the verb.
func (s Secrets) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue is String, so that no log shows a secret.
func (s Secrets) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String, so that no JSON shows a secret.
func (s Secrets) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// validate says what is wrong with the secrets, without showing them.
func (s Secrets) validate() error {
	for i, secret := range s {
		switch n := utf8.RuneCountInString(strings.TrimSpace(secret)); {
		case n == 0:
			return fmt.Errorf("scenario.Secrets[%d] is empty: want a text that no output is to show; is the environment variable set that it comes from?", i)
		case n < shortestDeclared:
			return fmt.Errorf("scenario.Secrets[%d] has %s: want at least %d, since a shorter text is part of many words, which would be hidden too", i, plural(n, "character"), shortestDeclared)
		}
	}
	return nil
}

// secrets are what no output of a run may show, as far as it is known before any
// request.
func (s Scenario) secrets() []string { return slices.Concat(secretsOfTarget(s.Target), s.Secrets) }

// tellSecrets has checks know what their words must not show.
func (s Scenario) tellSecrets(checks []check) {
	secrets := s.secrets()
	for i := range checks {
		checks[i].secrets = secrets
	}
}
