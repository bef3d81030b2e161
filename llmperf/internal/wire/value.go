package wire

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// The functions below take values as a Scanner returns them: valid JSON without white space around it.

// IsNull says whether value is null.
func IsNull(value []byte) bool { return string(value) == "null" }

// IsEmptyString says whether value is the string "".
func IsEmptyString(value []byte) bool { return string(value) == `""` }

// Int returns value as an integer; ok is false if it is none, or too large. A fraction of zeros and an exponent are accepted.
func Int(value []byte) (n int64, ok bool) {
	digits := value
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return intOf(value)
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return intOf(value)
		}
		n = 10*n + int64(c-'0')
	}
	if len(digits) < len(value) {
		n = -n
	}
	return n, true
}

// intOf is Int for the numbers that are not plain digits, or very many.
func intOf(value []byte) (int64, bool) {
	if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(string(value), 64)
	if err != nil || f < -1<<53 || f > 1<<53 || f != math.Trunc(f) {
		return 0, false
	}
	return int64(f), true
}

// Text returns the string that value is, decoded; ok is false if it is none. What is not UTF-8 becomes U+FFFD, as in encoding/json.
func Text(value []byte) (text string, ok bool) {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return "", false
	}
	content := value[1 : len(value)-1]
	if bytes.IndexByte(content, '\\') < 0 && utf8.Valid(content) {
		return string(content), true
	}
	return string(unescape(nil, content)), true
}

// appendText appends the string that value is to b, decoded.
func appendText(b, value []byte) []byte { return unescape(b, value[1:len(value)-1]) }

// word returns the string that value is, without allocating where it has no escape; nil if it is none.
func word(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	if content := value[1 : len(value)-1]; bytes.IndexByte(content, '\\') < 0 {
		return content
	}
	return unescape(nil, value[1:len(value)-1])
}

// unescape appends the content of a valid JSON string to out, decoded.
func unescape(out, content []byte) []byte {
	for i := 0; i < len(content); {
		if content[i] != '\\' {
			r, size := utf8.DecodeRune(content[i:])
			out = utf8.AppendRune(out, r)
			i += size
			continue
		}
		c := content[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := hex4(content[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				r, i = pair(r, content, i)
			}
			out = utf8.AppendRune(out, r)
			continue
		}
		out = append(out, c)
	}
	return out
}

// pair combines the surrogate r with the one that content has at i, and returns the place after it. Alone r is U+FFFD.
func pair(r rune, content []byte, i int) (rune, int) {
	if bytes.HasPrefix(content[i:], []byte(`\u`)) {
		if r = utf16.DecodeRune(r, hex4(content[i+2:])); r != utf8.RuneError {
			return r, i + 6
		}
	}
	return utf8.RuneError, i
}

// hex4 returns the number that b begins with as four hexadecimal digits.
func hex4(b []byte) rune {
	var n rune
	for _, c := range b[:4] {
		digit := rune(c - '0')
		if c > '9' {
			digit = rune(c|0x20-'a') + 10 // 0x20 makes it lower case
		}
		n = 16*n + digit
	}
	return n
}
