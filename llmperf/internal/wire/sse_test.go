package wire_test

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/wire"
)

// A fed is an event copied out of its callback.
type fed struct {
	Name, ID, Data string
	Unfinished     bool
}

// pieces cuts b into pieces of size bytes.
func pieces(b []byte, size int) [][]byte {
	var all [][]byte
	for ; len(b) > size; b = b[size:] {
		all = append(all, b[:size])
	}
	return append(all, b)
}

// feedSSE feeds p from a buffer that is spoilt after each Feed, closes it, and returns the events and the first error.
func feedSSE(p *wire.SSE, parts ...[]byte) ([]fed, error) {
	var events []fed
	emit := func(e wire.Event) error {
		events = append(events, fed{e.Name, string(e.ID), string(e.Data), e.Unfinished})
		return nil
	}
	for _, part := range parts {
		buffer := bytes.Clone(part)
		err := p.Feed(buffer, emit)
		for i := range buffer {
			buffer[i] = '!'
		}
		if err != nil {
			return events, err
		}
	}
	return events, p.Close(emit)
}

func ignore([]byte) error { return nil }

func TestSSEFollowsTheStandard(t *testing.T) {
	for _, row := range []struct {
		name, stream string
		want         []fed
		reason       string
	}{
		{"one event", "data: a\n\n", []fed{{Data: "a"}}, "the ordinary case"},
		{"no stream", "", nil, "nothing is no event, and no error"},
		{"two lines of data", "data: a\ndata: b\n\n", []fed{{Data: "a\nb"}}, "lines are joined by a line feed"},
		{"three lines of data", "data: a\ndata\ndata: c\n\n", []fed{{Data: "a\n\nc"}}, "an empty one in the middle counts"},
		{"CRLF", "data: a\r\ndata: b\r\n\r\n", []fed{{Data: "a\nb"}}, "CRLF is one end of line"},
		{"CR", "data: a\rdata: b\r\r", []fed{{Data: "a\nb"}}, "CR alone ends a line"},
		{"mixed ends", "data: a\rdata: b\ndata: c\r\n\r\rdata: d\n\r\n", []fed{{Data: "a\nb\nc"}, {Data: "d"}}, "ends may change from line to line"},
		{"LF then CR", "data: a\n\rdata: b\n\r", []fed{{Data: "a"}, {Data: "b"}}, "LF CR is two ends of line"},
		{"byte order mark", "\uFEFFdata: a\n\n", []fed{{Data: "a"}}, "one may lead the stream"},
		{"second byte order mark", "\uFEFF\uFEFFdata: a\n\ndata: b\n\n", []fed{{Data: "b"}}, "only one is taken away"},
		{"late byte order mark", "data: a\n\n\uFEFFdata: b\n\n", []fed{{Data: "a"}}, "not within the stream"},
		{"comments", ": keep-alive\n\n:\n\ndata: a\n: between\n\n", []fed{{Data: "a"}}, "lines that begin with a colon say nothing"},
		{"no space", "data:a\n\n", []fed{{Data: "a"}}, "the space is optional"},
		{"two spaces", "data:  a \n\n", []fed{{Data: " a "}}, "only one space is taken away"},
		{"tab", "data:\ta\n\n", []fed{{Data: "\ta"}}, "a tab is not a space"},
		{"colon in data", "data: a: b\n\n", []fed{{Data: "a: b"}}, "the first colon separates"},
		{"field without colon", "data\n\n", []fed{{Data: ""}}, "the whole line is the name; the value is empty"},
		{"data without value", "data:\n\n", []fed{{Data: ""}}, "there is a data field, so there is an event"},
		{"two fields without value", "data\ndata\n\n", []fed{{Data: "\n"}}, "as in the standard's example"},
		{"name without data", "event: a\n\ndata: b\n\n", []fed{{Data: "b"}}, "an event without data is none, and its name is forgotten"},
		{"names", "event: a\ndata: 1\n\nevent: b\ndata: 2\n\ndata: 3\n\n", []fed{{Name: "a", Data: "1"}, {Name: "b", Data: "2"}, {Data: "3"}}, "a name is of one event"},
		{"name after data", "data: 1\nevent: a\n\n", []fed{{Name: "a", Data: "1"}}, "the order of fields is free"},
		{"name given twice", "event: a\nevent: b\ndata: 1\n\n", []fed{{Name: "b", Data: "1"}}, "the last one counts"},
		{"default name", "event: message\ndata: 1\n\nevent:\ndata: 2\n\n", []fed{{Data: "1"}, {Data: "2"}}, "message is the default"},
		{"ids", "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", []fed{{ID: "1", Data: "a"}, {ID: "1", Data: "b"}, {Data: "c"}}, "an id lasts until the next"},
		{"id without data", "id: 7\n\ndata: a\n\n", []fed{{ID: "7", Data: "a"}}, "an id without event lasts too"},
		{"id with NUL", "id: 1\ndata: a\n\nid: 2\x00\ndata: b\n\n", []fed{{ID: "1", Data: "a"}, {ID: "1", Data: "b"}}, "such an id is ignored"},
		{"retry", "retry: 3000\ndata: a\n\nretry: soon\n\n", []fed{{Data: "a"}}, "there is no connecting again"},
		{"unknown fields", "da: x\ndatas: x\nData: x\n data: x\ndata : x\nx\ndata: a\n\n", []fed{{Data: "a"}}, "names are exact; others are ignored"},
		{"NUL in data", "data: \x00\n\n", []fed{{Data: "\x00"}}, "data is not text to the parser"},
		{"not UTF-8", "data: \xff\n\n", []fed{{Data: "\xff"}}, "bytes stay as they are"},
		{"blank lines", "\n\n\r\n\rdata: a\n\n\n\n", []fed{{Data: "a"}}, "blank lines alone are no events"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for size := 1; size <= max(1, len(row.stream)); size++ {
				got, err := feedSSE(new(wire.SSE), pieces([]byte(row.stream), size)...)
				require.NoError(t, err, "pieces of %d: %s", size, row.reason)
				require.Equal(t, row.want, got, "pieces of %d: %s", size, row.reason)
			}
		})
	}
}

func TestSSEEmitsAsSoonAsTheBlankLineIsThere(t *testing.T) {
	for _, row := range []struct{ name, before, last, reason string }{
		{"LF", "data: a\n", "\n", "the second line feed ends the event"},
		{"CRLF", "data: a\r\n", "\r", "the CR does: the LF after it may be long in coming"},
		{"CR", "data: a\r", "\r", "the second CR does"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var p wire.SSE
			var n int
			emit := func(wire.Event) error { n++; return nil }
			require.NoError(t, p.Feed([]byte(row.before), emit))
			require.Zero(t, n, row.reason)
			require.NoError(t, p.Feed([]byte(row.last), emit))
			require.Equal(t, 1, n, row.reason)
			require.NoError(t, p.Feed([]byte("\n"), emit))
			require.NoError(t, p.Close(emit))
			require.Equal(t, 1, n, row.reason)
		})
	}
}

func TestSSEReportsStrayPayload(t *testing.T) {
	for _, row := range []struct{ name, stream, want, reason string }{
		{"bare JSON", "{\"a\":1}\n\n", `malformed response: a line that is no field of an event stream: "{\"a\":1}"`, "JSON whose data: was forgotten"},
		{"no end of line", `{"a":1}`, `malformed response: a line that is no field of an event stream: "{\"a\":1}"`, "a body that is JSON from end to end"},
		{"pretty JSON", "{\n  \"a\": 1\n}\n", `malformed response: a line that is no field of an event stream: "{"`, "its first line is enough"},
		{"indented field", " data: {}\n\n", `malformed response: a line that is no field of an event stream: " data: {}"`, "a space before data: makes it another field"},
		{"field in capitals", "DATA: {}\n\n", `malformed response: a line that is no field of an event stream: "DATA: {}"`, "names are exact"},
		{"no colon", "data {\"a\":1}\n\n", `malformed response: a line that is no field of an event stream: "data {\"a\":1}"`, "nor does the JSON's colon help"},
		{"array", "[1]\n", `malformed response: a line that is no field of an event stream: "[1]"`, "JSON need not be an object"},
		{"web page", "<html>\n", `malformed response: a line that is no field of an event stream: "<html>"`, "a proxy's page of success"},
		{"long line", "{" + strings.Repeat("x", 100) + "\n", `malformed response: a line that is no field of an event stream: "{` + strings.Repeat("x", 79) + `"...`, "80 bytes are quoted"},
		{"bare error", "{\"error\":{\"message\":\"no\",\"code\":500}}\n\n", "the server reports an error 500: no", "the server's own words say more"},
		{"error field", "error: {\"message\":\"no\",\"code\":500}\n\n", "the server reports an error 500: no", "as llama.cpp sent until 2025"},
		{"error field that is no JSON", "error: {no}\n\n", `malformed response: a line that is no field of an event stream: "error: {no}"`, "it is quoted as it is"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for size := 1; size <= len(row.stream); size++ {
				_, err := feedSSE(new(wire.SSE), pieces([]byte(row.stream), size)...)
				require.EqualError(t, err, row.want, row.reason)
			}
			var lines []string
			_, err := feedSSE(&wire.SSE{Stray: func(line []byte) error { lines = append(lines, string(line)); return nil }}, []byte(row.stream))
			require.NoError(t, err, "a caller may take stray lines as browsers do")
			require.NotEmpty(t, lines)
		})
	}
}

func TestSSEStrayErrorIsAServerError(t *testing.T) {
	_, err := feedSSE(new(wire.SSE), []byte("{\"error\":{\"message\":\"no\",\"type\":\"overloaded\"}}\n"))
	var reported *wire.ServerError
	require.ErrorAs(t, err, &reported)
	require.Equal(t, &wire.ServerError{Type: "overloaded", Message: "no"}, reported)
}

func TestSSECloseTellsWholeFromCut(t *testing.T) {
	for _, row := range []struct {
		name, stream string
		want         []fed
		err          string
		reason       string
	}{
		{"after an event", "data: a\n\n", []fed{{Data: "a"}}, "", "the ordinary end"},
		{"done without blank line", "data: [DONE]\n", []fed{{Data: "[DONE]", Unfinished: true}}, "", "some servers end so"},
		{"done without end of line", "data: [DONE]", []fed{{Data: "[DONE]", Unfinished: true}}, "", "or so"},
		{"done cut", "data: [DON", nil, `truncated response: the body ends within the event "[DON"`, "but this is a cut"},
		{"object without blank line", "data: {\"a\":1}\n", []fed{{Data: `{"a":1}`, Unfinished: true}}, "", "it is whole"},
		{"object without end of line", "data: {\"a\":1}", []fed{{Data: `{"a":1}`, Unfinished: true}}, "", "it is whole all the same"},
		{"object cut", "data: {\"a\":1", nil, `truncated response: the body ends within the event "{\"a\":1"`, "an object without its end"},
		{"object cut after a line", "data: {\ndata: \"a\":1\n", nil, `truncated response: the body ends within the event "{\n\"a\":1"`, "lines of data that are no object yet"},
		{"object of lines without end of line", "data: {\ndata: }", []fed{{Data: "{\n}", Unfinished: true}}, "", "lines of data that are one"},
		{"number without end of line", "data: 12", nil, `truncated response: the body ends within the event "12"`, "it may have been 123"},
		{"text without blank line", "data: hello\n", []fed{{Data: "hello", Unfinished: true}}, "", "the line is whole, and text need not be JSON"},
		{"text without end of line", "data: hello", nil, `truncated response: the body ends within the event "hello"`, "the line may not be whole"},
		{"named error without blank line", "event: error\ndata: {}\n", []fed{{Name: "error", Data: "{}", Unfinished: true}}, "", "the name is kept"},
		{"field name cut", "data: {}\n\ndat", []fed{{Data: "{}"}}, `truncated response: the body ends within the line "dat"`, "something began"},
		{"field name cut after data", "data: {}\ndat", nil, `truncated response: the body ends within the line "dat"`, "the event had more to come"},
		{"event field cut", "event: err", nil, `truncated response: the body ends within the line "event: err"`, "the name may be cut too"},
		{"only a name", "event: error\n", nil, `truncated response: the body ends within an event that has no data yet`, "its data is missing"},
		{"only an id", "id: 1\n", nil, `truncated response: the body ends within an event that has no data yet`, "its data is missing"},
		{"retry", "retry: 10\n", nil, "", "which is of no event"},
		{"comment", ": bye", nil, "", "nothing of an event is lost"},
		{"comment after data", "data: {}\n: bye", []fed{{Data: "{}", Unfinished: true}}, "", "nor here"},
		{"byte order mark", "\uFEFFdata: {}", []fed{{Data: "{}", Unfinished: true}}, "", "the first line may be the last"},
		{"byte order mark alone", "\uFEFF", nil, "", "it is an empty stream"},
		{"CR", "data: a\r\n\r", []fed{{Data: "a"}}, "", "the LF is not needed"},
		{"data without value", "data:", nil, `truncated response: the body ends within the event ""`, "a value was to come"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for size := 1; size <= len(row.stream); size++ {
				var p wire.SSE
				got, err := feedSSE(&p, pieces([]byte(row.stream), size)...)
				require.Equal(t, row.want, got, row.reason)
				if row.err == "" {
					require.NoError(t, err, row.reason)
				} else {
					require.EqualError(t, err, row.err, row.reason)
					require.ErrorIs(t, err, wire.ErrTruncated)
				}
				require.Equal(t, err, p.Close(func(wire.Event) error { return errors.New("emitted twice") }), "a second Close says the same")
			}
		})
	}
}

func TestSSELimitsWhatItHolds(t *testing.T) {
	for _, row := range []struct {
		name, stream string
		events       int
		err          string
		reason       string
	}{
		{"line at the limit", "data: 4567\n\n", 1, "", "MaxEvent is what is allowed"},
		{"line above it", "data: 45678\n\n", 0, `response too long to parse: a line is longer than 10 bytes: "data: 45678"`, "one more is not"},
		{"line that never ends", "data: 4567890123", 0, `response too long to parse: a line is longer than 10 bytes: "data: 45678`, "its end need not come"},
		{"comment", ":234567890\n\n:2345678901\n\n", 0, `response too long to parse: a line is longer than 10 bytes: ":2345678901"`, "comments are lines"},
		{"data at the limit", "data:12345\ndata:7890\n\n", 1, "", "line feeds count"},
		{"data above it", "data:12345\ndata:78901\n\n", 0, `response too long to parse: the data of an event is longer than 10 bytes: "12345"`, "though no line is"},
		{"data of nothing", "data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n\n", 0, `response too long to parse: the data of an event is longer than 10 bytes: "\n\n\n\n\n\n\n\n\n\n"`, "line feeds alone can fill memory"},
		{"data above it at the end", "data:12345\ndata:78901", 0, `response too long to parse: the data of an event is longer than 10 bytes: "12345"`, "Close minds the limit too"},
		{"later event", "data: 1\n\ndata: 45678\n\n", 1, `response too long to parse: a line is longer than 10 bytes: "data: 45678"`, "events before it are emitted"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for size := 1; size <= len(row.stream); size++ {
				p := wire.SSE{MaxEvent: 10}
				got, err := feedSSE(&p, pieces([]byte(row.stream), size)...)
				require.Len(t, got, row.events, row.reason)
				if row.err == "" {
					require.NoError(t, err, row.reason)
					continue
				}
				require.ErrorIs(t, err, wire.ErrTooLong, row.reason)
				require.Contains(t, err.Error(), strings.TrimSuffix(row.err, `"`), row.reason)
			}
		})
	}
}

func TestSSEAcceptsFourMiBUnlessToldOtherwise(t *testing.T) {
	line := "data: " + strings.Repeat("x", 4<<20-6)
	got, err := feedSSE(new(wire.SSE), []byte(line+"\n\n"))
	require.NoError(t, err)
	require.Len(t, got, 1)
	_, err = feedSSE(new(wire.SSE), []byte(line+"x\n\n"))
	require.ErrorIs(t, err, wire.ErrTooLong)
}

func TestSSEStopsAtAnErrorOfEmit(t *testing.T) {
	enough := errors.New("enough")
	var p wire.SSE
	var n int
	emit := func(wire.Event) error {
		if n++; n == 2 {
			return enough
		}
		return nil
	}
	require.Equal(t, enough, p.Feed([]byte("data: a\n\ndata: b\n\ndata: c\n\n"), emit))
	require.Equal(t, enough, p.Feed([]byte("data: d\n\n"), emit))
	require.Equal(t, enough, p.Close(emit))
	require.Equal(t, 2, n, "nothing is emitted after an error")
}

func TestSSEResetForgetsTheStream(t *testing.T) {
	for _, row := range []struct{ name, stream, reason string }{
		{"id", "id: 1\ndata: a\n\n", "an id is of one stream"},
		{"name and data", "event: a\ndata: a\n", "an event is of one stream"},
		{"line", "data: a", "a line is of one stream"},
		{"CR", "data: a\n\r", "the blank line that follows is not its LF"},
		{"error", strings.Repeat("x", 200), "errors last until Reset"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := wire.SSE{MaxEvent: 100, Stray: ignore}
			_ = p.Feed([]byte(row.stream), func(wire.Event) error { return nil })
			p.Reset()
			got, err := feedSSE(&p, []byte("\n\uFEFF{}\ndata: b\n\n"))
			require.NoError(t, err, row.reason)
			require.Equal(t, []fed{{Data: "b"}}, got, row.reason)
			require.Equal(t, 100, p.MaxEvent, "settings stay")
		})
	}
}

func TestSSEResetLetsGoOfLargeBuffers(t *testing.T) {
	var p wire.SSE
	_, err := feedSSE(&p, []byte("data: "+strings.Repeat("x", 1<<20)), []byte("\n"), []byte("\n"))
	require.NoError(t, err)
	require.Greater(t, p.Held(), 1<<20)
	p.Reset()
	require.Less(t, p.Held(), 1<<16)
}

func TestSSEAllocatesNothingForAnEvent(t *testing.T) {
	for _, row := range []struct {
		name   string
		event  string
		size   int
		reason string
	}{
		{"whole", string(event), len(event), "an event that arrives in one piece is not copied"},
		{"halves", string(event), len(event)/2 + 1, "buffers are used again"},
		{"bytes", string(event), 1, "buffers are used again"},
		{"lines of data", "data: {\ndata: }\n\n", 100, "joined in a buffer that is used again"},
		{"names", "event: start\ndata: a\n\nevent: delta\ndata: b\n\nevent: stop\ndata: c\n\n", 100, "names are remembered"},
		{"ids", "id: 1\ndata: a\n\nid: 2\ndata: b\n\n", 100, "ids are views"},
		{"comment", ": keep-alive\n\n", 5, "nothing is kept of it"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var p wire.SSE
			emit := func(wire.Event) error { return nil }
			parts := pieces([]byte(row.event), row.size)
			require.Zero(t, testing.AllocsPerRun(100, func() {
				for _, part := range parts {
					if err := p.Feed(part, emit); err != nil {
						t.Error(err)
					}
				}
			}), row.reason)
		})
	}
}

func TestSSEEmitsWholeEventsWithoutCopying(t *testing.T) {
	var p wire.SSE
	stream := []byte("data: ab\n\n")
	require.NoError(t, p.Feed(stream, func(e wire.Event) error {
		require.Same(t, &stream[6], &e.Data[0])
		return nil
	}))
	require.Zero(t, p.Held())
}

var lineEnd = regexp.MustCompile(`\r\n|\n|\r`)

// standardSSE interprets a stream by the letter of the standard, all at once, up to the last blank line.
func standardSSE(stream string) []fed {
	lines := lineEnd.Split(strings.TrimPrefix(stream, "\uFEFF"), -1)
	events := []fed{}
	var name, data, id string
	for _, line := range lines[:len(lines)-1] {
		if line == "" {
			if data != "" {
				if name == "message" {
					name = ""
				}
				events = append(events, fed{Name: name, ID: id, Data: strings.TrimSuffix(data, "\n")})
			}
			name, data = "", ""
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data += value + "\n"
		case "id":
			if !strings.Contains(value, "\x00") {
				id = value
			}
		}
	}
	return events
}

func FuzzSSE(f *testing.F) {
	for _, stream := range streams(f, "*.sse") {
		f.Add(stream, uint8(7), false)
	}
	for _, s := range []string{"", "\xef\xbb", "\xef\xbb\xbfdata:\r\r", "data\r\n\r\ndata:1\n\nid:\x00\n", "{}", "event: a\nid: 1\ndata: {\ndata: }", "data: [DONE]", ":\n:\r:\r\n"} {
		f.Add([]byte(s), uint8(1), true)
	}
	f.Fuzz(func(t *testing.T, stream []byte, size uint8, strict bool) {
		const limit = 200
		settings := wire.SSE{MaxEvent: limit}
		if !strict {
			settings.Stray = ignore
		}
		whole := settings
		want, wantErr := feedSSE(&whole, stream)
		split := settings
		got, err := feedSSE(&split, pieces(stream, int(size)+1)...)
		if cut := int(size) % (len(stream) + 1); size > 127 {
			split = settings
			got, err = feedSSE(&split, stream[:cut], nil, stream[cut:])
		}
		require.Equal(t, want, got, "events do not depend on how the stream was split")
		for _, class := range []error{wire.ErrTooLong, wire.ErrTruncated, wire.ErrMalformed, nil} {
			require.Equal(t, errors.Is(wantErr, class), errors.Is(err, class), "%v and %v", wantErr, err)
		}
		require.Less(t, whole.Held(), 10*limit)
		require.Less(t, split.Held(), 10*limit)
		if strict || errors.Is(wantErr, wire.ErrTooLong) {
			return
		}
		if n := len(want); n > 0 && want[n-1].Unfinished {
			want = want[:n-1]
		}
		require.Equal(t, standardSSE(string(stream)), append([]fed{}, want...), "and are those of the standard")
	})
}
