package llmperf

import (
	"fmt"
	"log/slog"
	"time"
)

// Targets that hold a key, or a password in their URL, show what String says in
// every form: printed with %#v, logged, and as JSON or any other text.

// GoString is String, so that %#v does not show the key either.
func (o OpenAI) GoString() string { return o.String() }

// LogValue is String, so that no log shows the key.
func (o OpenAI) LogValue() slog.Value { return slog.StringValue(o.String()) }

// MarshalText is String, so that no JSON shows the key.
func (o OpenAI) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// GoString is String, so that %#v does not show the key either.
func (a Anthropic) GoString() string { return a.String() }

// LogValue is String, so that no log shows the key.
func (a Anthropic) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText is String, so that no JSON shows the key.
func (a Anthropic) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// GoString is String, so that %#v does not show what is secret in the URL.
func (o Ollama) GoString() string { return o.String() }

// LogValue is String, so that no log shows what is secret in the URL.
func (o Ollama) LogValue() slog.Value { return slog.StringValue(o.String()) }

// MarshalText is String, so that no JSON shows what is secret in the URL.
func (o Ollama) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// String is the run in a few words. Beside what it shows, a result holds the
// target, with its key.
func (r Result) String() string {
	return fmt.Sprintf("%s: %s to %s in %v, of which %s failed", r.standing(), plural(r.Total.Requests, "request"), r.Target, r.Elapsed.Round(time.Second), count(r.Total.Failed))
}

// GoString is String, so that %#v does not show the key either.
func (r Result) GoString() string { return r.String() }
