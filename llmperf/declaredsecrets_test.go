package llmperf

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gatewayToken looks like no known kind of key, and no target of this package knows it.
const gatewayToken = "correct/horse+battery"

// A gateway is a target of a user's own, around an SDK that llmperf does not see.
type gateway struct{ name, fails string }

func (g gateway) String() string { return g.name }

func (g gateway) Send(context.Context, *Call) error {
	if strings.HasPrefix(g.fails, "panic: ") {
		panic(g.fails)
	}
	return errors.New(g.fails)
}

func TestADeclaredSecretIsShownNowhere(t *testing.T) {
	tests := []struct {
		name, reason string
		target       Target
		secrets      Secrets
		shown        string // somewhere in what a run tells
		hidden       string
	}{
		{"in an error", "a server echoes the key of an SDK", gateway{"g", "401: no such key: " + gatewayToken}, Secrets{gatewayToken}, "401: no such key: [redacted]", gatewayToken},
		{"escaped", "as any secret", gateway{"g", "401: /v1?key=correct%2Fhorse%2Bbattery"}, Secrets{gatewayToken}, "key=[redacted]", "horse"},
		{"short", "four characters are enough", gateway{"g", "401: no such key: zQ7w"}, Secrets{"zQ7w"}, "no such key: [redacted]", "zQ7w"},
		{"one of several", "the longest first", gateway{"g", "401: correct/horse+battery or zQ7w"}, Secrets{"horse", "zQ7w", gatewayToken}, "401: [redacted] or [redacted]", "battery"},
		{"in a panic", "a panic is a text of the target too", gateway{"g", "panic: with " + gatewayToken}, Secrets{gatewayToken}, "panicked: panic: with [redacted]", gatewayToken},
		{"in the name", "it is in the heading of every file", gateway{"g with " + gatewayToken, "no"}, Secrets{gatewayToken}, "g with [redacted]", gatewayToken},
		{"in the name, undeclared", "it looks like a key", gateway{"g with sk-abcdef123456", "no"}, nil, "g with [redacted]", "abcdef123456"},
		{"in the name, known", "what embeds a target is not that target", named{OpenAI{BaseURL: "http://127.0.0.1:1/v1", Model: "m", APIKey: gatewayToken}}, nil, "named [redacted]", gatewayToken},
		{"a path in the name", "a declared secret is one everywhere", OpenAI{BaseURL: "http://127.0.0.1:1/" + gatewayToken, Model: "m"}, Secrets{gatewayToken}, "OpenAI m at http://127.0.0.1:1/[redacted]", gatewayToken},
		{"a key of a word", "a name without a key stays readable", OpenAI{BaseURL: "http://127.0.0.1:1/ollama", Model: "m", APIKey: "ollama"}, nil, "OpenAI m at http://127.0.0.1:1/ollama", "?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var told []string
			s := Scenario{
				Target: tt.target, Profile: list{{Users: 1, Hold: 300 * time.Millisecond}}, Warmup: NoWarmup, Think: Constant(10 * time.Millisecond), Secrets: tt.secrets,
				Observers: []Observer{{Sample: func(s Sample) { told = append(told, s.Detail) }}},
			}
			res, err := Measure(t.Context(), s)
			require.NotNil(t, res)
			data, bad := json.Marshal(res)
			require.NoError(t, bad)
			all := fmt.Sprintf("%v %s %v %v", err, data, res, told)
			assert.Contains(t, all, tt.shown, tt.reason)
			assert.NotContains(t, all, tt.hidden, tt.reason)
		})
	}
}

func TestACustomSLOShowsNoSecret(t *testing.T) {
	says := Custom("says", func(Step) Outcome {
		return Outcome{Verdict: Pass, Want: "no " + gatewayToken, Message: "seen: " + gatewayToken}
	})
	panics := OnTarget("a", Custom("panics", func(Step) Outcome { panic("with " + gatewayToken) }))
	s := Scenario{Target: Mix{{"a", 1, takes(time.Millisecond)}}, Profile: list{{Users: 2, Hold: 300 * time.Millisecond}}, Warmup: NoWarmup, Think: Constant(10 * time.Millisecond), Secrets: Secrets{gatewayToken}}
	res, err := Measure(t.Context(), s)
	require.NoError(t, err)
	checked := res.Check(says, panics)
	checks := SLOs{says, panics}.checks()
	s, err = plan(s, checks, time.Time{})
	require.NoError(t, err)
	for i, c := range checks {
		checked = append(checked, judgeStep(c, &res.Steps[0], newJudge(s, 1)))
		assert.Equal(t, checked[i].Message, checked[i+2].Message, "a run judges as Check does")
	}
	assert.Equal(t, "no [redacted]", checked[0].Want)
	assert.Contains(t, checked[0].Message, "seen: [redacted]")
	assert.Contains(t, checked[1].Message, "panicked: with [redacted]")
	assert.NotContains(t, fmt.Sprintf("%+v", checked), gatewayToken)
}

// named is a target that embeds one, and tells more of it.
type named struct{ OpenAI }

func (n named) String() string { return "named " + n.APIKey }

func TestAScenarioThatCannotRunShowsNoSecret(t *testing.T) {
	s := Scenario{Target: named{OpenAI{BaseURL: "ftp://llm.example/" + gatewayToken, Model: "m", API: Embeddings, APIKey: secretKey}}, Secrets: Secrets{gatewayToken}}
	_, measured := Measure(t.Context(), s)
	_, planned := plan(s, TTFT.P95Below(time.Second).checks(), time.Time{})
	assert.ErrorContains(t, measured, "ftp://llm.example/[redacted]")
	assert.ErrorContains(t, planned, "the target named [redacted] never reports TTFT")
	for _, secret := range []string{gatewayToken, secretKey} {
		assert.NotContains(t, everyForm(measured)+everyForm(planned), secret)
	}
}

func TestDeclaredSecretsAreChecked(t *testing.T) {
	tests := []struct {
		name, reason string
		secrets      Secrets
		want         string // "" for none
	}{
		{"none", "most need none", nil, ""},
		{"good", "four characters", Secrets{"äöü!"}, ""},
		{"empty", "an environment variable that is not set protects nothing", Secrets{gatewayToken, ""}, "scenario.Secrets[1] is empty"},
		{"blank", "spaces are in every text", Secrets{" \t\n "}, "scenario.Secrets[0] is empty"},
		{"short", "it would be hidden in many words", Secrets{"zQ7"}, "scenario.Secrets[0] has 3 characters: want at least 4"},
		{"short within spaces", "which are not looked for", Secrets{" zQ7 "}, "has 3 characters"},
		{"short in bytes of three", "characters are what is counted", Secrets{"日本語"}, "has 3 characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Scenario{Target: takes(time.Millisecond), Profile: list{{Users: 1, Hold: time.Second}}, Secrets: tt.secrets}.withDefaults().validate()
			if tt.want == "" {
				assert.NoError(t, err, tt.reason)
				return
			}
			assert.ErrorContains(t, err, tt.want, tt.reason)
			assert.NotContains(t, everyForm(err), "zQ7", "not even a bad one is shown")
		})
	}
}

func TestSecretsAreNotShownThemselves(t *testing.T) {
	s := Scenario{Secrets: []string{gatewayToken, "zQ7w"}}
	text := everyForm(s) + everyForm(&s) + everyForm(s.Secrets) + fmt.Sprintf("%d %x %v", s.Secrets, s.Secrets, &s.Secrets)
	data, err := json.Marshal(map[string]any{"secrets": s.Secrets})
	require.NoError(t, err)
	var lines bytes.Buffer
	slog.New(slog.NewTextHandler(&lines, nil)).Info("load", "secrets", s.Secrets)
	slog.New(slog.NewJSONHandler(&lines, nil)).Info("load", "secrets", &s.Secrets)
	text += string(data) + lines.String()
	assert.Equal(t, slog.KindString, slog.AnyValue(s.Secrets).Resolve().Kind(), "a handler of any kind gets the text")
	assert.Contains(t, text, "2 secrets")
	for _, hidden := range []string{gatewayToken, "horse", "zQ7w", fmt.Sprintf("%x", "zQ7w")} {
		assert.NotContains(t, text, hidden)
	}
}
