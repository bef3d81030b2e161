package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/wire"
)

func TestIntReadsWholeNumbers(t *testing.T) {
	for _, row := range []struct {
		name, value string
		want        int64
		ok          bool
		reason      string
	}{
		{"zero", "0", 0, true, "a number"},
		{"digits", "128000", 128000, true, "the ordinary case"},
		{"negative", "-7", -7, true, "a number"},
		{"largest", "9223372036854775807", 1<<63 - 1, true, "of int64"},
		{"smallest", "-9223372036854775808", -1 << 63, true, "of int64"},
		{"too large", "9223372036854775808", 0, false, "for int64"},
		{"far too large", "1e400", 0, false, "for any number of Go"},
		{"fraction of zeros", "12.0", 12, true, "servers in other languages write so"},
		{"exponent", "1.5e3", 1500, true, "it is whole"},
		{"fraction", "12.5", 0, false, "it is not whole"},
		{"inexact", "1e300", 0, false, "a float does not know its digits"},
		{"string", `"12"`, 0, false, "text is no number"},
		{"null", "null", 0, false, "nothing is no number"},
		{"no value", "", 0, false, "as after an error"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := wire.Int([]byte(row.value))
			require.Equal(t, row.ok, ok, row.reason)
			require.Equal(t, row.want, got, row.reason)
		})
	}
}

func TestTextDecodesStrings(t *testing.T) {
	for _, row := range []struct {
		name, value, want string
		ok                bool
		reason            string
	}{
		{"empty", `""`, "", true, "a string"},
		{"plain", `"café"`, "café", true, "the ordinary case"},
		{"escapes", `"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t", true, "all short ones"},
		{"unicode", `"\u00E9\u20ac"`, "é€", true, "digits in either case"},
		{"pair", `"\ud83c\udf0a!"`, "🌊!", true, "two surrogates are one character"},
		{"lone surrogate", `"\ud83c!"`, "\uFFFD!", true, "half a character is none"},
		{"two first halves", `"\ud83c\ud83c\udf0a"`, "\uFFFD🌊", true, "the second may still find its other half"},
		{"surrogate and other", `"\ud83c\u0041"`, "\uFFFDA", true, "what follows is not lost"},
		{"not UTF-8", "\"a\xffb\"", "a\uFFFDb", true, "as encoding/json does"},
		{"number", `1`, "", false, "is no string"},
		{"null", `null`, "", false, "is no string"},
		{"no value", ``, "", false, "as after an error"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := wire.Text([]byte(row.value))
			require.Equal(t, row.ok, ok, row.reason)
			require.Equal(t, row.want, got, row.reason)
		})
	}
}

func TestNullAndEmptyString(t *testing.T) {
	require.True(t, wire.IsNull([]byte("null")))
	require.False(t, wire.IsNull([]byte(`"null"`)))
	require.True(t, wire.IsEmptyString([]byte(`""`)))
	require.False(t, wire.IsEmptyString([]byte(`" "`)))
	require.False(t, wire.IsEmptyString(nil))
}
