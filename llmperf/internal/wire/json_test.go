package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/wire"
)

// documents are valid and invalid JSON with what is at stake in each.
var documents = []struct {
	name, json string
	valid      bool
	reason     string
}{
	{"object", `{"a":1,"b":[true,false,null],"c":{"d":"e"}}`, true, "the ordinary case"},
	{"empty object", `{}`, true, "no members"},
	{"empty array", `[ ]`, true, "no elements"},
	{"white space", " \t\r\n{ \"a\" : [ 1 , 2 ] } \n", true, "everywhere between tokens"},
	{"nothing", ``, false, "a value is needed"},
	{"only space", ` `, false, "a value is needed"},
	{"no-break space", "\u00a0{}", false, "is no white space"},
	{"form feed", "{\f}", false, "is no white space"},
	{"byte order mark", "\uFEFF{}", false, "is no white space"},
	{"two values", `{} {}`, false, "one is the limit"},
	{"trailing NUL", "{}\x00", false, "NUL is not the end"},
	{"trailing comma in object", `{"a":1,}`, false, "no comma before the end"},
	{"trailing comma in array", `[1,]`, false, "no comma before the end"},
	{"leading comma", `[,1]`, false, "nor after the beginning"},
	{"missing comma", `[1 2]`, false, "between elements"},
	{"missing colon", `{"a" 1}`, false, "between key and value"},
	{"missing value", `{"a":}`, false, "after the colon"},
	{"missing key", `{:1}`, false, "before the colon"},
	{"number as key", `{1:2}`, false, "keys are strings"},
	{"single quotes", `{'a':1}`, false, "are no quotes"},
	{"wrong end of array", `[1}`, false, "ends must match"},
	{"wrong end of object", `{"a":1]`, false, "ends must match"},
	{"object cut", `{"a":1`, false, "the end is missing"},
	{"array cut", `[1,`, false, "the end is missing"},
	{"key cut", `{"a`, false, "the end is missing"},
	{"true", `true`, true, "a literal"},
	{"tru", `tru`, false, "a literal cut"},
	{"trux", `trux`, false, "no literal"},
	{"True", `True`, false, "literals are lower case"},
	{"truefalse", `truefalse`, false, "two literals"},
	{"nan", `NaN`, false, "no literal"},
	{"zero", `0`, true, "a number"},
	{"minus zero", `-0`, true, "a number"},
	{"minus", `-`, false, "digits are needed"},
	{"plus", `+1`, false, "no plus"},
	{"leading zero", `01`, false, "no leading zeros"},
	{"minus leading zero", `-01`, false, "nor after a minus"},
	{"fraction", `1.50`, true, "a number"},
	{"fraction without digits", `1.`, false, "digits are needed"},
	{"fraction without integer", `.5`, false, "digits are needed"},
	{"exponent", `1e5`, true, "a number"},
	{"signed exponents", `[1E+5,-0.1e-5]`, true, "numbers"},
	{"exponent without digits", `1e`, false, "digits are needed"},
	{"signed exponent without digits", `1e+`, false, "digits are needed"},
	{"huge number", `1e999999`, true, "its size is no concern of syntax"},
	{"hexadecimal", `0x1`, false, "no such numbers"},
	{"string", `"a string longer than eight bytes"`, true, "looked at in words"},
	{"escapes", `"\"\\\/\b\f\n\r\t\u00e9\uD83C\udf0a"`, true, "all of them"},
	{"bad escape", `"\x"`, false, "no such escape"},
	{"short unicode escape", `"\u12"`, false, "four digits are needed"},
	{"bad unicode escape", `"\u12g4"`, false, "hexadecimal ones"},
	{"escape cut", `"\`, false, "the end is missing"},
	{"escaped quote", `"\"`, false, "the end is missing"},
	{"lone surrogate", `"\ud800"`, true, "encoding/json takes it"},
	{"line feed in string", "\"a\nb\"", false, "control characters are escaped"},
	{"late control character", "\"abcdefghijkl\x1fm\"", false, "in the second word too"},
	{"delete", "\"\x7f\"", true, "is no control character of JSON"},
	{"not UTF-8", "\"\xff\xc0 and more\"", true, "encoding/json takes it"},
	{"high bytes before the end", "\"\u00e9\u00e9\u00e9\u00e9\" ", true, "a word with all high bits set"},
	{"duplicate keys", `{"a":1,"a":2}`, true, "no concern of syntax"},
	{"escaped key", `{"\u0061":1}`, true, "keys are strings like others"},
	{"bad value deep inside", `{"a":[{"b":[nul]}]}`, false, "all is checked"},
	{"depth at the limit", strings.Repeat("[", 1000) + strings.Repeat("]", 1000), true, "1000 is allowed"},
	{"objects at the limit", strings.Repeat(`{"":`, 1000) + "0" + strings.Repeat("}", 1000), true, "1000 is allowed"},
	{"depth never closed", strings.Repeat("[", 100_000), false, "the stack is safe"},
}

func TestValidAgreesWithEncodingJSON(t *testing.T) {
	for _, row := range documents {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.valid, json.Valid([]byte(row.json)), "encoding/json: %s", row.reason)
			require.Equal(t, row.valid, wire.Valid([]byte(row.json)), row.reason)
			require.Equal(t, row.valid, walk([]byte(row.json)) == nil, "entering every value: %s", row.reason)
		})
	}
}

func TestValidLimitsDepth(t *testing.T) {
	for _, row := range []struct{ name, open, end, reason string }{
		{"arrays", "[", "]", "1001 deep"},
		{"objects", `{"a":`, "}", "1001 deep"},
		{"both", `[{"a":`, "}]", "2002 deep"},
	} {
		t.Run(row.name, func(t *testing.T) {
			deep := []byte(strings.Repeat(row.open, 1001) + "0" + strings.Repeat(row.end, 1001))
			require.True(t, json.Valid(deep), row.reason)
			require.False(t, wire.Valid(deep), row.reason)
			require.ErrorContains(t, walk(deep), "nested deeper than 1000", row.reason)
		})
	}
}

// walk enters every value of a document.
func walk(data []byte) error {
	s := wire.Scan(data)
	walkValue(&s)
	return s.End()
}

func walkValue(s *wire.Scanner) {
	switch {
	case s.Object():
		for s.Member() {
			walkValue(s)
		}
	case s.Array():
		for s.Element() {
			walkValue(s)
		}
	default:
		s.Value()
	}
}

func TestScannerVisitsWhatIsThere(t *testing.T) {
	var visited []string
	note := func(parts ...string) { visited = append(visited, strings.Join(parts, " ")) }
	s := wire.Scan([]byte(` { "a" : [ 1 , "two" , { "deep" : [ ] } ] , "\u0062" : null , "skipped" : { "x" : [ { } ] } , "last" : -2.5e1 } `))
	require.True(t, s.Object())
	for s.Member() {
		switch string(s.Key()) {
		case "a":
			require.False(t, s.Object(), "an array is no object")
			require.True(t, s.Array())
			for s.Element() {
				note("element", string(s.Kind()), string(s.Value()))
			}
			require.Nil(t, s.Value(), "after an array there is no value to read")
			require.Zero(t, s.Kind())
		case "skipped":
			note("skipped", string(s.Kind()))
		default:
			note(string(s.Key()), string(s.Kind()), string(s.Value()))
			require.Nil(t, s.Value(), "a value is read once")
		}
	}
	require.NoError(t, s.End())
	require.Equal(t, []string{`element 0 1`, `element " "two"`, `element { { "deep" : [ ] }`, `b n null`, `skipped {`, `last 0 -2.5e1`}, visited)
}

func TestScannerChecksWhatItsUserSkips(t *testing.T) {
	for _, row := range []struct{ name, json, want, reason string }{
		{"skipped value", `{"a":[1,}`, `malformed response: JSON at byte 8 of 9: no value begins like this: "{\"a\":[1,}"`, "a member's value"},
		{"rest", `{"a":1} x`, `malformed response: JSON at byte 8 of 9: only white space may follow the value: "{\"a\":1} x"`, "after the document"},
		{"early end", `{"a":"b`, `malformed response: JSON at byte 7 of 7: it ends early: "{\"a\":\"b"`, "in a string"},
		{"no document", ``, `malformed response: JSON at byte 0 of 0: it ends early: ""`, "at the beginning"},
		{"long document", `{"a":"` + strings.Repeat("b", 300) + `",}` + strings.Repeat(" ", 300), `malformed response: JSON at byte 308 of 609: an object's key must be a string: ..."` + strings.Repeat("b", 38) + `\",}` + strings.Repeat(" ", 39) + `"...`, "the place in question is quoted"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := wire.Scan([]byte(row.json))
			if s.Object() {
				for s.Member() {
					continue
				}
			}
			require.EqualError(t, s.End(), row.want, row.reason)
			require.ErrorIs(t, s.End(), wire.ErrMalformed)
		})
	}
}

func TestScannerNoticesALoopLeftEarly(t *testing.T) {
	s := wire.Scan([]byte(`[1`))
	require.True(t, s.Array())
	require.True(t, s.Element())
	require.Error(t, s.End())
}

// depth returns how deep a valid document nests.
func depth(data []byte) int {
	var now, deepest int
	var quoted, escaped bool
	for _, c := range data {
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

func FuzzJSON(f *testing.F) {
	for _, row := range documents {
		if len(row.json) < 1000 { // long ones would take the fuzzing engine its time to shorten
			f.Add([]byte(row.json))
		}
	}
	for _, data := range streams(f, "*.json") {
		f.Add(data)
	}
	f.Add(chunk)
	f.Fuzz(func(t *testing.T, data []byte) {
		valid := json.Valid(data)
		if valid && depth(data) > 1000 {
			require.False(t, wire.Valid(data))
			return
		}
		require.Equal(t, valid, wire.Valid(data))
		require.Equal(t, valid, walk(data) == nil)
		var c wire.Chunk
		for _, parse := range []func([]byte, *wire.Chunk) error{wire.ParseChatChunk, wire.ParseChatCompletion} {
			if err := parse(data, &c); !valid {
				require.ErrorIs(t, err, wire.ErrMalformed)
			}
		}
		_ = wire.ParseError(data).Error()
		if !valid {
			return
		}
		s := wire.Scan(data)
		switch s.Kind() {
		case '{':
			var want map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(data, &want))
			got := map[string]json.RawMessage{}
			s.Object()
			for s.Member() {
				key := string([]rune(string(s.Key()))) // as encoding/json replaces what is not UTF-8
				got[key] = s.Value()
			}
			require.Equal(t, want, got)
		case '[':
			var want []json.RawMessage
			require.NoError(t, json.Unmarshal(data, &want))
			got := []json.RawMessage{}
			s.Array()
			for s.Element() {
				got = append(got, s.Value())
			}
			require.Equal(t, want, got)
		case '"':
			var want string
			require.NoError(t, json.Unmarshal(data, &want))
			got, ok := wire.Text(s.Value())
			require.True(t, ok)
			require.Equal(t, want, got)
		case '0':
			var want int64
			if json.Unmarshal(data, &want) == nil {
				got, ok := wire.Int(s.Value())
				require.True(t, ok)
				require.Equal(t, want, got)
			}
		}
		require.NoError(t, s.End())
	})
}
