package wire_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/wire"
)

// feedNDJSON feeds p from a buffer that is spoilt after each Feed, closes it, and returns the lines and the first error.
func feedNDJSON(p *wire.NDJSON, parts ...[]byte) ([]string, error) {
	var lines []string
	emit := func(line []byte) error {
		lines = append(lines, string(line))
		return nil
	}
	for _, part := range parts {
		buffer := bytes.Clone(part)
		err := p.Feed(buffer, emit)
		for i := range buffer {
			buffer[i] = '!'
		}
		if err != nil {
			return lines, err
		}
	}
	return lines, p.Close(emit)
}

func TestNDJSONSplitsLines(t *testing.T) {
	for _, row := range []struct {
		name, stream string
		want         []string
		err          string
		reason       string
	}{
		{"no stream", "", nil, "", "nothing is no line, and no error"},
		{"lines", "{}\n{\"a\":1}\n", []string{"{}", `{"a":1}`}, "", "the ordinary case"},
		{"CRLF", "{}\r\n[]\r\n", []string{"{}", "[]"}, "", "CRLF is one end of line"},
		{"blank lines", "\n \n\t\r\n{}\n\n", []string{"{}"}, "", "white space alone is skipped"},
		{"space around", "  {} \n", []string{"{}"}, "", "it is no part of the value"},
		{"byte order mark", "\uFEFF{}\n", []string{"{}"}, "", "one may lead the stream"},
		{"not JSON", "hello\n", []string{"hello"}, "", "a whole line is the caller's to check"},
		{"no last end", "{}\n{}", []string{"{}", "{}"}, "", "a value that cannot go on is whole"},
		{"no last end and space", "{} ", []string{"{}"}, "", "nor does space make it go on"},
		{"last literal", "null", []string{"null"}, "", "a literal cannot go on"},
		{"last number", "{}\n12", []string{"{}"}, `truncated response: the body ends within the line "12"`, "a number can"},
		{"cut", "{}\n{\"a\"", []string{"{}"}, `truncated response: the body ends within the line "{\"a\""`, "no value"},
		{"at the limit", "{\"45678\":0}\n", []string{`{"45678":0}`}, "", "MaxLine is what is allowed"},
		{"above it", "{}\n{\"456789\":0}\n", []string{"{}"}, `response too long to parse: a line is longer than 11 bytes: "{\"456789\":0}"`, "one more is not"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for size := 1; size <= max(1, len(row.stream)); size++ {
				p := wire.NDJSON{MaxLine: 11}
				got, err := feedNDJSON(&p, pieces([]byte(row.stream), size)...)
				require.Equal(t, row.want, got, row.reason)
				if row.err == "" {
					require.NoError(t, err, row.reason)
				} else {
					require.EqualError(t, err, row.err, row.reason)
				}
			}
		})
	}
}

func TestNDJSONStopsAtAnErrorOfEmitUntilReset(t *testing.T) {
	enough := errors.New("enough")
	var p wire.NDJSON
	var n int
	emit := func([]byte) error { n++; return enough }
	require.Equal(t, enough, p.Feed([]byte("{}\n{}\n"), emit))
	require.Equal(t, enough, p.Feed([]byte("{}\n"), emit))
	require.Equal(t, enough, p.Close(emit))
	require.Equal(t, 1, n)
	p.Reset()
	got, err := feedNDJSON(&p, []byte("\uFEFF{}\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"{}"}, got)
}

func TestNDJSONAcceptsFourMiBUnlessToldOtherwise(t *testing.T) {
	line := strings.Repeat("x", 4<<20)
	_, err := feedNDJSON(new(wire.NDJSON), []byte(line+"\n"))
	require.NoError(t, err)
	_, err = feedNDJSON(new(wire.NDJSON), []byte(line+"x\n"))
	require.ErrorIs(t, err, wire.ErrTooLong)
}

func TestNDJSONAllocatesNothingForALine(t *testing.T) {
	var p wire.NDJSON
	emit := func([]byte) error { return nil }
	for _, size := range []int{1, 100, 1000} {
		parts := pieces(append(bytes.Clone(chunk), '\n'), size)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			for _, part := range parts {
				if err := p.Feed(part, emit); err != nil {
					t.Error(err)
				}
			}
		}), "pieces of %d", size)
	}
}

func FuzzNDJSON(f *testing.F) {
	for _, stream := range streams(f, "*.ndjson") {
		f.Add(stream, uint8(7))
	}
	for _, s := range []string{"", "\xef\xbb\xbf{}\r\n", "\n\r\n{}\n[1", "12", "\xef\xbb"} {
		f.Add([]byte(s), uint8(0))
	}
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		const limit = 200
		whole, split := wire.NDJSON{MaxLine: limit}, wire.NDJSON{MaxLine: limit}
		want, wantErr := feedNDJSON(&whole, stream)
		got, err := feedNDJSON(&split, pieces(stream, int(size)+1)...)
		require.Equal(t, want, got, "lines do not depend on how the stream was split")
		for _, class := range []error{wire.ErrTooLong, wire.ErrTruncated, nil} {
			require.Equal(t, errors.Is(wantErr, class), errors.Is(err, class), "%v and %v", wantErr, err)
		}
		require.Less(t, whole.Held(), 4*limit)
		require.Less(t, split.Held(), 4*limit)
		if wantErr != nil {
			return
		}
		var plain []string
		for line := range strings.SplitSeq(strings.TrimPrefix(string(stream), "\uFEFF"), "\n") {
			if line = strings.Trim(line, " \t\r"); line != "" {
				plain = append(plain, line)
			}
		}
		require.Equal(t, plain, want, "and are those of a plain split")
	})
}
