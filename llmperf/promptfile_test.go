package llmperf

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// write puts a file into the test's folder.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	return path
}

func TestAPromptFileIsReadByItsExtension(t *testing.T) {
	user := func(text string) []Message { return []Message{{"user", text}} }
	for _, tt := range []struct {
		name, file, text string
		want             [][]Message
		reason           string
	}{
		{"text", "a.txt", "\ufeffOne\r\n\n  \nTwo {\"x\"} \nThree", [][]Message{user("One"), user(`Two {"x"}`), user("Three")}, "blank lines and what editors add don't count"},
		{"upper case", "A.TXT", "One", [][]Message{user("One")}, "some systems name files so"},
		{"JSONL", "a.jsonl", `{"prompt": "One"}` + "\n\n" + `{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Two"}]}` + "\r\n",
			[][]Message{user("One"), {{"system", "S"}, {"user", "Two"}}}, "an object a line"},
		{"NDJSON", "a.ndjson", `{"prompt": "One"}`, [][]Message{user("One")}, "another name for it"},
		{"other extension", "a.data", `{"prompt": "One"}`, [][]Message{user("One")}, "JSONL is the default"},
		{"array", "a.json", `[{"prompt": "One"}, {"messages": [{"role": "user", "content": "Two"}]}]`, [][]Message{user("One"), user("Two")}, "any object may be an element"},
		{"parts", "a.jsonl", `{"messages": [{"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "Two"}]}]}`, [][]Message{user("One\nTwo")}, "parts are joined"},
		{"fine-tuning", "a.jsonl", `{"messages": [{"role": "user", "content": "One"}, {"role": "assistant", "content": null, "tool_calls": []}]}`, [][]Message{user("One")}, "the answer is what is asked for, so its content does not matter"},
		{"few-shot", "a.jsonl", `{"messages": [{"role": "user", "content": "1+1"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "2+2"}, {"role": "assistant", "content": "4"}]}`,
			[][]Message{chat("1+1", "2", "2+2")}, "answers in between are part of the prompt"},
		{"messages and prompt", "a.jsonl", `{"prompt": "One", "messages": [{"role": "user", "content": "One"}]}`, [][]Message{user("One")}, "data sets that have both repeat the prompt"},
		{"ShareGPT", "a.json", `[{"id": "x", "conversations": [{"from": "human", "value": "One"}, {"from": "gpt", "value": "1"}, {"from": "human", "value": "Two"}]}]`, [][]Message{user("One")}, "up to the first human turn"},
		{"ShareGPT with system", "a.json", `[{"conversations": [{"from": "system", "value": "S"}, {"from": "user", "value": "One"}, {"from": "assistant", "value": "1"}]}]`, [][]Message{{{"system", "S"}, {"user", "One"}}}, "system text belongs to the prompt"},
		{"ShareGPT that goes on", "a.json", `[{"conversations": [{"from": "gpt", "value": "0"}, {"from": "human", "value": " "}, {"from": "human", "value": "One"}]}]`, [][]Message{user("One")}, "chat templates want the user first"},
		{"ShareGPT with gaps", "a.json", `[{"conversations": []}, {"conversations": [{"from": "gpt", "value": "0"}]}, {"conversations": [{"from": "human", "value": "One"}]}]`, [][]Message{user("One")}, "the data set has such"},
		{"ShareGPT as lines", "a.jsonl", `{"conversations": [{"from": "human", "value": "One"}]}`, [][]Message{user("One")}, "any form in any container"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entries, err := readPrompts(write(t, tt.file, tt.text))
			require.NoError(t, err)
			var got [][]Message
			for _, e := range entries {
				got = append(got, e.messages)
			}
			assert.Equal(t, tt.want, got, tt.reason)
		})
	}
}

func TestABadPromptFileIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name, file, text string
		want             []string
		reason           string
	}{
		{"no text", "a.txt", " \n\n", []string{"a.txt has no prompts", "a prompt a line"}, "there is nothing to ask"},
		{"no lines", "a.jsonl", "", []string{"a.jsonl has no prompts", "one JSON object a line"}, "there is nothing to ask"},
		{"no elements", "a.json", "[]", []string{"a.json has no prompts", "an array of JSON objects"}, "there is nothing to ask"},
		{"nobody asks", "a.json", `[{"conversations": [{"from": "gpt", "value": "Hi"}]}]`, []string{"a.json has no prompts"}, "all were left out"},
		{"not JSON", "a.jsonl", "{\"prompt\": \"One\"}\n\nTwo", []string{"a.jsonl, line 3", "invalid character", `want {"messages"`}, "the blank line counts"},
		{"not UTF-8", "a.txt", "caf\xe9", []string{"a.txt is not UTF-8"}, "it would be sent changed"},
		{"not an array", "a.json", `{"prompt": "One"}`, []string{"a.json, line 1", "want an array", ".jsonl"}, "it looks like JSONL"},
		{"broken array", "a.json", "[\n{\"prompt\": \"One\"},\n{\"prompt\" \"Two\"}]", []string{"a.json, line 3", "invalid character"}, "the place is found"},
		{"cut array", "a.json", "[\n{\"prompt\": \"One\"},\n", []string{"a.json, line 3", "unexpected end"}, "the place is the end"},
		{"element that is no object", "a.json", `[{"prompt": "One"}, "Two"]`, []string{"a.json, element 2", `want {"messages"`}, "a bare string could be anything"},
		{"object of something else", "a.jsonl", `{"question": "One"}`, []string{"a.jsonl, line 1: no prompt", `{"prompt": "…"}`, `{"conversations"`}, "the name is not guessed"},
		{"only answers", "a.jsonl", `{"messages": [{"role": "assistant", "content": "Hi"}]}`, []string{"line 1", "only answers", `"role": "user"`}, "there is nothing to ask"},
		{"picture", "a.jsonl", `{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}`, []string{"line 1: message 1", `type "image_url"`, `only parts of type "text"`}, "it would be left out in silence"},
		{"content that is a number", "a.jsonl", `{"messages": [{"role": "user", "content": 5}]}`, []string{"line 1: message 1", "a string or a list of text parts"}, "it is no text"},
		{"no content", "a.jsonl", `{"messages": [{"role": "user"}]}`, []string{"line 1: message 1", "a string or a list of text parts"}, "it is no text"},
		{"empty content", "a.jsonl", `{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": ""}]}`, []string{"line 1: message 2", "no text"}, "servers refuse it"},
		{"tool", "a.jsonl", `{"messages": [{"role": "tool", "content": "5"}, {"role": "user", "content": "Hi"}]}`, []string{"line 1: message 1", `role "tool"`, `"developer"`}, "a tool's answer needs its call"},
		{"unknown speaker", "a.json", `[{"conversations": [{"from": "human", "value": "Hi"}, {"from": "dog", "value": "Woof"}]}]`, []string{"element 1: turn 2", `from "dog"`, `"human"`}, "the role is not guessed"},
		{"value that is no text", "a.json", `[{"conversations": [{"from": "human", "value": 5}]}]`, []string{"element 1", "conversations.value", `"value": "…"`}, "it is no text"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readPrompts(write(t, tt.file, tt.text))
			require.Error(t, err, tt.reason)
			for _, want := range append(tt.want, "prompt file ") {
				assert.ErrorContains(t, err, want, tt.reason)
			}
		})
	}
}

func TestEveryPromptOfAFileIsSent(t *testing.T) {
	prompts := Verbatim(PromptFile("../testdata/prompts.txt"))
	seen := map[string]int{}
	for n := range 200 {
		seen[sent(t, prompts, callOf(1, 0, n))[0].Content]++
	}
	assert.Len(t, seen, 5)
}

// FuzzPromptFile reads anything: what is taken for prompts can be sent, and is the
// same when written as an object a line.
func FuzzPromptFile(f *testing.F) {
	extensions := []string{".txt", ".json", ".jsonl"}
	for i, file := range []string{"prompts.txt", "sharegpt.json", "prompts.jsonl"} {
		data, err := os.ReadFile("../testdata/" + file)
		require.NoError(f, err)
		f.Add(data, uint8(i))
	}
	for _, text := range []string{
		`{"messages": [{"role": "developer", "content": [{"type": "text", "text": "One"}]}, {"role": "assistant", "content": null}]}`,
		`{"prompt": "One", "conversations": [{"from": "system", "value": "S"}, {"from": "human", "value": " "}]}`, `[]`, "\ufeff", "null",
	} {
		f.Add([]byte(text), uint8(2))
		f.Add([]byte("["+text+"]"), uint8(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, kind uint8) {
		entries, err := promptsIn(extensions[int(kind)%len(extensions)], data)
		if err != nil {
			require.Empty(t, entries)
			return
		}
		require.NotEmpty(t, entries)
		var lines bytes.Buffer
		for _, e := range entries {
			require.NotEmpty(t, e.messages)
			require.True(t, e.opening >= 1 && e.opening <= len(e.messages), "%d of %d", e.opening, len(e.messages))
			for _, m := range e.messages {
				require.NotEmpty(t, m.Content)
				require.Contains(t, []string{"system", "developer", "user", "assistant"}, m.Role)
			}
			require.NotEqual(t, "assistant", e.messages[len(e.messages)-1].Role, "an answer is what is asked for")
			require.NoError(t, json.NewEncoder(&lines).Encode(map[string]any{"messages": e.messages}))
		}
		again, err := promptsIn(".jsonl", lines.Bytes())
		require.NoError(t, err)
		require.Len(t, again, len(entries))
		for i := range entries {
			require.Equal(t, entries[i].messages, again[i].messages)
		}
	})
}
