package llmperf

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNoLogAndNoJSONShowsAKey(t *testing.T) {
	const base = "https://ann:pa55word@llm.example?token=que5tion"
	openAI := OpenAI{BaseURL: base, Model: "m", APIKey: secretKey, Header: map[string][]string{"X-Tenant-Pass": {"t3nant-v4lue"}}}
	anthropic := Anthropic{BaseURL: base, Model: "m", APIKey: secretKey}
	ollama := Ollama{BaseURL: base, Model: "m"}
	for _, tt := range []struct {
		name   string
		target any
		shown  string
	}{
		{"OpenAI", openAI, openAI.String()},
		{"pointer", &openAI, openAI.String()},
		{"Anthropic", anthropic, anthropic.String()},
		{"Ollama", ollama, ollama.String()},
		{"mix", Mix{{"chat", 1, openAI}, {"messages", 1, &anthropic}, {"local", 2, ollama}}, openAI.String()},
		{"in a struct", struct{ Target Target }{anthropic}, anthropic.String()},
		{"in a map", map[string]Target{"a": ollama}, ollama.String()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data, err := json.Marshal(tt.target)
			require.NoError(t, err)
			assert.Contains(t, string(data), tt.shown, "what it is can be read")
			var text, lines bytes.Buffer
			slog.New(slog.NewTextHandler(&text, nil)).Info("load", "target", tt.target)
			slog.New(slog.NewJSONHandler(&lines, nil)).Info("load", "target", tt.target)
			assert.Contains(t, lines.String(), tt.shown)
			for _, secret := range []string{secretKey, "pa55word", "que5tion", "t3nant-v4lue"} {
				assert.NotContains(t, string(data)+text.String()+lines.String(), secret)
			}
		})
	}
	assert.Equal(t, slog.KindString, slog.AnyValue(openAI).Resolve().Kind(), "a handler of any kind gets the text")
}
