package llmperf

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// hidden stands in the place of a secret.
const hidden = "[redacted]"

// hide puts [redacted] in the place of a secret, and of what is left of it where
// the text was cut: as it is, in base64 or hexadecimal, and each of them escaped
// in any way.
func hide(text, secret string) string {
	for _, form := range formsOf(secret) {
		text = hideForm(text, form)
	}
	return text
}

// formsOf are the ways in which bytes are written as others: as they are, in
// hexadecimal, and in base64, where they may be part of more that is in it.
func formsOf(secret string) []string {
	digits := hex.EncodeToString([]byte(secret))
	forms := []string{secret, digits, strings.ToUpper(digits)}
	for before := range 3 {
		// A character is six bits. Those that hold bits of what is before or after
		// differ with it.
		whole := strings.Repeat("\x00", before) + secret
		from, until := (8*before+5)/6, 8*len(whole)/6
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, alphabet.EncodeToString([]byte(whole))[from:until])
		}
	}
	return forms
}

// hideForm hides one form of a secret, in any escaping.
func hideForm(text, form string) string {
	if len(form) < shortestDeclared {
		return text
	}
	text = strings.ReplaceAll(text, form, hidden)
	var clean strings.Builder
	kept := 0 // text[:kept] is in clean
	put := func(from, until int) {
		clean.WriteString(text[kept:from])
		clean.WriteString(hidden)
		kept = until
	}
	cuts := 0
	for i := 0; i < len(text); i++ {
		if strings.HasPrefix(text[i:], cutBefore) && cuts < mostCuts {
			cuts++
			if n := restOf(text[i+len(cutBefore):], form); n > 0 {
				put(i+len(cutBefore), i+len(cutBefore)+n)
				i = kept - 1
			}
			continue
		}
		if !mayWrite(text[i], form[0]) {
			continue
		}
		if n, ok := spell(text[i:], form); ok {
			put(i, i+n)
			i = kept - 1
		}
	}
	if kept == 0 {
		return text
	}
	clean.WriteString(text[kept:])
	return clean.String()
}

// cutBefore is how package wire begins what it quotes from within a body.
const cutBefore = `..."`

// mostCuts is how many such beginnings of a text are looked at, since each takes
// its time: errors have one or two.
const mostCuts = 8

// longestEscape is as much of an escape as a cut can leave.
const longestEscape = 8

// spell returns how many bytes at the beginning of text write a secret, or the
// beginning of it up to where the text was cut. A scheme, as in "Basic abcdef", is
// none. A secret may have dots where the text was cut.
func spell(text, secret string) (n int, ok bool) {
	least := shortestSecret + strings.IndexByte(secret, ' ') + 1
	before, cutAt := rune(0), 0
	for at, r := range secret {
		if at >= least && n < len(text) && untilCut(text[n:]) == 0 {
			cutAt = n
		}
		more := written(text[n:], r)
		switch {
		case r == '\\' && before == r: // one or many is not to be told where they are escaped
			continue
		case r == '\\':
			more = backslashes(text[n:])
		case more == 0 && before == '\\' && n > 0 && text[n-1] == '\\': // which escapes r
			more = max(0, written(text[n-1:], r)-1)
		}
		if before = r; more == 0 {
			left := untilCut(text[n:])
			escape := left == 0 || left < longestEscape && strings.IndexByte(`%\&`, text[n]) >= 0
			if at >= least && escape {
				return n + left, true
			}
			return cutAt, cutAt > 0
		}
		n += more
	}
	return n, true
}

// backslashes returns how many bytes at the beginning of text write backslashes.
func backslashes(text string) (n int) {
	for {
		more := written(text[n:], '\\')
		if more == 0 {
			return n
		}
		n += more
	}
}

// untilCut is how many bytes of text are left before it was cut; longestEscape
// for many.
func untilCut(text string) int {
	for i := range min(len(text), longestEscape) {
		if strings.HasPrefix(text[i:], `...`) || strings.HasPrefix(text[i:], `"...`) || strings.HasPrefix(text[i:], "…") {
			return i
		}
	}
	return min(len(text), longestEscape)
}

// restOf returns how many bytes at the beginning of text, which was cut there,
// write what a secret ends with, or what is in its middle; part of an escape may
// come first.
func restOf(text, secret string) int {
	for skip := range min(longestEscape, len(text)) {
		for from := 1; from+shortestSecret <= len(secret); from++ {
			if !mayWrite(text[skip], secret[from]) {
				continue
			}
			if n, ok := spell(text[skip:], secret[from:]); ok {
				return skip + n
			}
		}
	}
	return 0
}

// mayWrite reports whether what begins with c may write what begins with first.
func mayWrite(c, first byte) bool {
	return lower(c) == lower(first) || c == '%' || c == '\\' || c == '&'
}

// written returns how many bytes at the beginning of text write r: as it is, or
// escaped for a URL, as a string of JSON or Go, or for HTML, also several times
// over; 0 if they do not.
func written(text string, r rune) int {
	if text == "" {
		return 0
	}
	n := 0
	switch text[0] {
	case '%':
		n = inURL(text, r)
	case '\\':
		n = inString(text, r)
	case '&':
		n = inHTML(text, r)
	case '+':
		if r == ' ' {
			n = 1
		}
	}
	switch {
	case n > 0:
	case r < utf8.RuneSelf && lower(text[0]) == lower(byte(r)):
		n = 1
	case r >= utf8.RuneSelf && strings.HasPrefix(text, string(r)):
		n = utf8.RuneLen(r)
	}
	return n
}

// lower is c without regard to case, which a name in a header loses on its way.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// inURL is written for what a URL escapes: %2F, and %252F of that.
func inURL(text string, r rune) (n int) {
	for _, b := range []byte(string(r)) {
		if n == len(text) || text[n] != '%' {
			return 0
		}
		n++
		for strings.HasPrefix(text[n:], "25") && isHex(text[n+2:], 2) {
			n += 2
		}
		if !isNumber(text[n:], 2, rune(b)) {
			return 0
		}
		n += 2
	}
	return n
}

// inString is written for what a string escapes: \/, \u002f, \x2f, and \\u002f of
// that.
func inString(text string, r rune) int {
	rest := strings.TrimLeft(text, `\`)
	n := len(text) - len(rest)
	switch {
	case strings.HasPrefix(rest, "u") && isNumber(rest[1:], 4, r):
		return n + 5
	case strings.HasPrefix(rest, "U") && isNumber(rest[1:], 8, r):
		return n + 9
	case strings.HasPrefix(rest, "x") && isNumber(rest[1:], 2, r):
		return n + 3
	case !unicode.IsLetter(r) && !unicode.IsDigit(r) && strings.HasPrefix(rest, string(r)):
		return n + utf8.RuneLen(r)
	}
	return 0
}

// entities are the names that HTML has for characters.
var entities = map[rune]string{'<': "lt;", '>': "gt;", '"': "quot;", '\'': "apos;", '+': "plus;", '/': "sol;", '=': "equals;"}

// inHTML is written for what HTML escapes: &#47;, &#x2f;, &sol;, and &amp;#47; of
// that.
func inHTML(text string, r rune) int {
	n := 1
	for strings.HasPrefix(text[n:], "amp;") {
		n += len("amp;")
	}
	rest := text[n:]
	if name := entities[r]; name != "" && strings.HasPrefix(rest, name) {
		return n + len(name)
	}
	if number, ok := strings.CutPrefix(rest, "#"); ok {
		if digits, _, ended := strings.Cut(number, ";"); ended && isReference(digits, r) {
			return n + len("#") + len(digits) + len(";")
		}
	}
	if r == '&' && n > 1 {
		return n
	}
	return 0
}

// isReference reports whether digits, decimal or hexadecimal after an x, are r.
func isReference(digits string, r rune) bool {
	base := rune(10)
	if rest, ok := strings.CutPrefix(strings.ToLower(digits), "x"); ok {
		digits, base = rest, 16
	}
	if digits == "" || len(digits) > 8 {
		return false
	}
	return valueOf(digits, base) == r
}

// isNumber reports whether text begins with so many hexadecimal digits, which are r.
func isNumber(text string, digits int, r rune) bool {
	return isHex(text, digits) && valueOf(text[:digits], 16) == r
}

// isHex reports whether text begins with so many hexadecimal digits.
func isHex(text string, digits int) bool {
	return len(text) >= digits && valueOf(text[:digits], 16) >= 0
}

// valueOf is the number that digits are; -1 if they are none.
func valueOf(digits string, base rune) (n rune) {
	for _, c := range digits {
		digit := c - '0'
		if c > '9' {
			digit = unicode.ToLower(c) - 'a' + 10
		}
		if digit < 0 || digit >= base {
			return -1
		}
		n = n*base + digit
	}
	return n
}
