package wire_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/wire"
)

func TestPathFindsText(t *testing.T) {
	for _, row := range []struct {
		name, path, json string
		found            bool
		text, reason     string
	}{
		{"chat", "choices.0.delta.content", `{"choices":[{"delta":{"content":"a \"b\""}}]}`, true, `a "b"`, "the ordinary case, decoded"},
		{"member", "text", `{"text":"a"}`, true, "a", "one part is a path"},
		{"second element", "a.1", `{"a":["x","y"]}`, true, "y", "from 0"},
		{"element past the end", "a.2", `{"a":["x","y"]}`, false, "", "there is none"},
		{"any element", "a.*.b", `{"a":[{"b":"x"},{},{"b":""},{"b":"y"}]}`, true, "xy", "all of them, in order"},
		{"root array", "0.a", `[{"a":"x"}]`, true, "x", "a document may be a list"},
		{"number as name", "a.0", `{"a":{"0":"x"}}`, true, "x", "objects have names, whatever they look like"},
		{"star as name", "a.*", `{"a":{"*":"x","y":"z"}}`, true, "x", "any element is of lists only"},
		{"name in a list", "a.b", `{"a":["b"]}`, false, "", "lists have no names"},
		{"path into a text", "a.b", `{"a":"b"}`, false, "", "a text has no members"},
		{"absent", "a.b", `{"c":{"b":"x"}}`, false, "", "another member"},
		{"empty", "a", `{"a":""}`, false, "", "an empty text is none"},
		{"null", "a", `{"a":null}`, false, "", "null is nothing"},
		{"true", "a", `{"a":true}`, false, "", "nor is true a text"},
		{"number", "a", `{"a":-1.50e0}`, true, "-1.50e0", "a number is one as it is written"},
		{"zero", "a", `{"a":0}`, true, "0", "zero is a number"},
		{"object", "a", `{"a":{"b":null}}`, true, "", "something without a text"},
		{"empty object", "a", `{"a":{}}`, false, "", "nothing"},
		{"list", "a", `{"a":["x"]}`, true, "", "something without a text"},
		{"empty list", "a", `{"a":[ ]}`, false, "", "nothing"},
		{"escaped key", "é", `{"\u00e9":"x"}`, true, "x", "keys are decoded"},
		{"twice", "a", `{"a":"","a":"x"}`, true, "x", "any of them counts"},
		{"white space", "a.0", " { \"a\" : [ \"x\" ] } ", true, "x", "everywhere between tokens"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path, err := wire.ParsePath(row.path)
			require.NoError(t, err)
			var text []byte
			found, err := path.Find([]byte(row.json), &text)
			require.NoError(t, err)
			require.Equal(t, row.found, found, row.reason)
			require.Equal(t, row.text, string(text), row.reason)
			found, err = path.Find([]byte(row.json), nil)
			require.NoError(t, err)
			require.Equal(t, row.found, found, "with and without text")
		})
	}
}

func TestPathChecksTheWholeDocument(t *testing.T) {
	path, err := wire.ParsePath("a")
	require.NoError(t, err)
	for _, document := range []string{``, `a`, `{"a":"x"`, `{"a":"x"}}`, `{"a":"x","b":nul}`, `{"a":["x",]}`, `{"a":"x\q"}`} {
		found, err := path.Find([]byte(document), nil)
		require.ErrorIs(t, err, wire.ErrMalformed, document)
		require.False(t, found, document)
	}
}

func TestParsePathRefusesWhatLeadsNowhere(t *testing.T) {
	for _, row := range []struct{ path, want, reason string }{
		{"", "the path is empty", "nothing"},
		{".", "a part between dots is empty", "dots join"},
		{"a.", "a part between dots is empty", "dots join"},
		{".a", "a part between dots is empty", "dots join"},
		{"a..b", "a part between dots is empty", "dots join"},
		{"$.a", "looks like JSONPath", "another language"},
		{"a[0].b", "looks like JSONPath", "another language"},
		{"a.99999999999999999999", "too large a number", "no list is that long"},
		{strings.Repeat("a.", 1000) + "a", "1001 parts", "no document is that deep"},
	} {
		_, err := wire.ParsePath(row.path)
		require.ErrorContains(t, err, row.want, row.reason)
	}
}

func TestPathAllocatesNothing(t *testing.T) {
	text := make([]byte, 0, 1<<16)
	for _, row := range []string{"choices.0.delta.content", "choices.*.delta", "model"} {
		path, err := wire.ParsePath(row)
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if found, err := path.Find(chunk, &text); err != nil || !found {
				t.Error(found, err)
			}
		}), row)
	}
}

// finds is what Find is to find, in a document that encoding/json has decoded.
func finds(v any, parts []string) bool {
	if len(parts) == 0 {
		switch v := v.(type) {
		case string:
			return v != ""
		case json.Number:
			return true
		case map[string]any:
			return len(v) > 0
		case []any:
			return len(v) > 0
		}
		return false
	}
	switch v := v.(type) {
	case map[string]any:
		inner, ok := v[parts[0]]
		return ok && finds(inner, parts[1:])
	case []any:
		for i, inner := range v {
			n, err := strconv.Atoi(parts[0])
			if (parts[0] == "*" || err == nil && n == i && !strings.ContainsAny(parts[0], "+-")) && finds(inner, parts[1:]) {
				return true
			}
		}
	}
	return false
}

func FuzzPath(f *testing.F) {
	for _, path := range []string{"choices.0.delta.content", "choices.*.message.content", "delta.text", "a.00", "*", "", "a..b"} {
		f.Add(path, chunk)
		f.Add(path, []byte(`{"delta":{"text":["a",{"b":1}]},"a":[null],"*":{"a":"é"}}`))
	}
	for _, body := range streams(f, "*.json") {
		f.Add("choices.0.message.content", body)
		f.Add("output.*.content.0.text", body)
		f.Add("content.0.text", body)
	}
	f.Fuzz(func(t *testing.T, raw string, data []byte) {
		path, err := wire.ParsePath(raw)
		if err != nil {
			return
		}
		var text []byte
		found, err := path.Find(data, &text)
		require.Equal(t, wire.Valid(data), err == nil)
		if err != nil {
			require.ErrorIs(t, err, wire.ErrMalformed)
			return
		}
		require.True(t, found || len(text) == 0, "no text without a find")
		if !utf8.Valid(data) || !utf8.ValidString(raw) || strings.Contains(string(data), `\u`) {
			return // encoding/json makes U+FFFD of what is not UTF-8 and of halves of pairs, in keys too
		}
		decoder := json.NewDecoder(strings.NewReader(string(data)))
		decoder.UseNumber()
		var document any
		require.NoError(t, decoder.Decode(&document))
		if finds(document, strings.Split(raw, ".")) {
			require.True(t, found, "of members that come twice, encoding/json keeps but the last")
			return
		}
		again, err := json.Marshal(document)
		require.NoError(t, err)
		found, err = path.Find(again, nil)
		require.NoError(t, err)
		require.False(t, found)
	})
}
