package wire

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// maxDepth is how deep objects and arrays may nest in JSON.
const maxDepth = 1000

// A Scanner walks through one JSON document, once, from its beginning to its end. It allocates nothing and checks everything it passes,
// including the values that its user has no interest in, as strictly as encoding/json; but nesting is limited to 1000.
//
//	s := Scan(data)
//	if s.Object() {
//		for s.Member() {
//			switch string(s.Key()) {
//			case "error":
//				message = s.Value()
//			case "choices":
//				if s.Array() {
//					for s.Element() {
//						...
//					}
//				}
//			}
//		}
//	}
//	return s.End()
//
// At each value the user may enter it with Object or Array, read it with Value, or leave it: then the next call steps over it. The
// loop over an object or array that was entered must run to its end. An error ends all loops, and End returns it.
type Scanner struct {
	data []byte
	pos  int

	unread  bool // a value begins at pos
	first   bool // no member or element of the current object or array was visited yet
	depth   int
	key     []byte
	escaped bool // an escape was seen in a string
	err     error
}

// Scan returns a Scanner at the value that data consists of.
func Scan(data []byte) Scanner {
	s := Scanner{data: data, unread: true}
	s.space()
	return s
}

// Valid says whether data is one JSON value.
func Valid(data []byte) bool {
	s := Scan(data)
	return s.End() == nil
}

// Kind returns what the current value is, by its first byte: '{', '[', '"', 't', 'f' or 'n', and '0' for any number. It returns 0
// where there is no value, or none that JSON has.
func (s *Scanner) Kind() byte {
	if !s.unread || s.err != nil || s.pos == len(s.data) {
		return 0
	}
	switch c := s.data[s.pos]; c {
	case '{', '[', '"', 't', 'f', 'n':
		return c
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return '0'
	}
	return 0
}

// Object enters the current value if it is an object, and says whether it is.
func (s *Scanner) Object() bool { return s.enter('{') }

// Array enters the current value if it is an array, and says whether it is.
func (s *Scanner) Array() bool { return s.enter('[') }

func (s *Scanner) enter(open byte) bool {
	if s.Kind() != open {
		return false
	}
	if s.depth == maxDepth {
		s.fail(s.pos, tooDeep)
		return false
	}
	s.depth++
	s.pos++
	s.unread, s.first = false, true
	return true
}

// Member goes to the next member of the object; its value becomes the current one. It returns false, and leaves the object, when there
// is none.
func (s *Scanner) Member() bool {
	if !s.next('}') {
		return false
	}
	i := s.pos
	if i == len(s.data) || s.data[i] != '"' {
		return s.fail(i, "an object's key must be a string")
	}
	s.escaped = false
	if i = s.skipString(i + 1); i < 0 {
		return false
	}
	s.key = s.data[s.pos+1 : i-1]
	s.pos, s.unread = i, true
	if s.tight(':') {
		return true
	}
	if s.space() != ':' {
		s.unread = false
		return s.fail(s.pos, "a key must be followed by a colon")
	}
	s.pos++
	s.space()
	return true
}

// tight goes past c if it comes next without white space around it, as it does
// in most of what servers send.
func (s *Scanner) tight(c byte) bool {
	if s.pos+1 < len(s.data) && s.data[s.pos] == c && s.data[s.pos+1] > ' ' {
		s.pos++
		return true
	}
	return false
}

// Key returns the current member's key, decoded.
func (s *Scanner) Key() []byte {
	if s.escaped {
		return unescape(nil, s.key)
	}
	return s.key
}

// Element goes to the next element of the array, which becomes the current value. It returns false, and leaves the array, when there
// is none.
func (s *Scanner) Element() bool {
	if !s.next(']') {
		return false
	}
	s.unread = true
	return true
}

// next goes to where the next member or element begins, or leaves the object or array that end ends and returns false.
func (s *Scanner) next(end byte) bool {
	if s.unread {
		s.Value()
	}
	if s.err != nil {
		return false
	}
	if !s.first && s.tight(',') {
		return true
	}
	c := s.space()
	if c == end && s.depth > 0 {
		s.pos++
		s.depth--
		s.first = false
		return false
	}
	if s.first {
		s.first = false
		return true
	}
	if c != ',' {
		return s.fail(s.pos, "a comma or the end of the object or array must follow")
	}
	s.pos++
	s.space()
	return true
}

// Value reads the current value and returns it as it is written. It returns nil where there is none or it is not valid.
func (s *Scanner) Value() []byte {
	if !s.unread || s.err != nil {
		return nil
	}
	s.unread = false
	end := s.skip(s.pos, s.depth)
	if end < 0 {
		return nil
	}
	value := s.data[s.pos:end]
	s.pos = end
	return value
}

// End checks that nothing follows the document's one value and returns the first error there was.
func (s *Scanner) End() error {
	s.Value()
	if s.space(); s.pos < len(s.data) {
		s.fail(s.pos, "only white space may follow the value")
	} else if s.depth > 0 {
		s.fail(s.pos, "an object or array was left before its end")
	}
	return s.err
}

// fail records that the document is wrong at pos, unless it was already wrong, and returns false.
func (s *Scanner) fail(pos int, reason string) bool {
	if s.err == nil {
		if pos >= len(s.data) {
			reason = "it ends early"
		}
		s.err = fmt.Errorf("%w: JSON at byte %d of %d: %s: %s", ErrMalformed, pos, len(s.data), reason, excerptAt(s.data, pos))
	}
	return false
}

const (
	tooDeep   = "nested deeper than 1000"
	badNumber = "bad number"
)

// space steps over white space and returns the byte that follows it, or 0, which JSON has no use for, at the end.
func (s *Scanner) space() byte {
	s.pos = skipSpace(s.data, s.pos)
	if s.pos == len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skip returns where the value that begins at i ends. Like all functions named so, it returns -1 after an error.
func (s *Scanner) skip(i, depth int) int {
	if i >= len(s.data) {
		s.fail(i, "")
		return -1
	}
	switch c := s.data[i]; c {
	case '"':
		return s.skipString(i + 1)
	case '{', '[':
		return s.skipNested(i, depth)
	case 't':
		return s.skipWord(i, "true")
	case 'f':
		return s.skipWord(i, "false")
	case 'n':
		return s.skipWord(i, "null")
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return s.skipNumber(i)
		}
	}
	s.fail(i, "no value begins like this")
	return -1
}

// skipNested steps over the object or array that begins at i.
func (s *Scanner) skipNested(i, depth int) int {
	if depth == maxDepth {
		s.fail(i, tooDeep)
		return -1
	}
	b := s.data
	object := b[i] == '{'
	end := b[i] + 2 // ] is two after [, as } is after {
	if i = skipSpace(b, i+1); i < len(b) && b[i] == end {
		return i + 1
	}
	for {
		if object {
			if i >= len(b) || b[i] != '"' {
				s.fail(i, "an object's key must be a string")
				return -1
			}
			if i = s.skipString(i + 1); i < 0 {
				return -1
			}
			if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
				s.fail(i, "a key must be followed by a colon")
				return -1
			}
			i = skipSpace(b, i+1)
		}
		if i = s.skip(i, depth+1); i < 0 {
			return -1
		}
		i = skipSpace(b, i)
		if i < len(b) && b[i] == end {
			return i + 1
		}
		if i >= len(b) || b[i] != ',' {
			s.fail(i, "a comma or the end of the object or array must follow")
			return -1
		}
		i = skipSpace(b, i+1)
	}
}

func (s *Scanner) skipWord(i int, word string) int {
	if len(s.data)-i < len(word) {
		s.fail(len(s.data), "")
		return -1
	}
	if string(s.data[i:i+len(word)]) != word {
		s.fail(i, "no value begins like this")
		return -1
	}
	return i + len(word)
}

func (s *Scanner) skipNumber(i int) int {
	b := s.data
	if b[i] == '-' {
		i++
	}
	start := i
	if i = skipDigits(b, i); i == start || b[start] == '0' && i > start+1 {
		s.fail(start, badNumber)
		return -1
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = skipDigits(b, start); i == start {
			s.fail(start, badNumber)
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		start = i + 1
		if start < len(b) && (b[start] == '+' || b[start] == '-') {
			start++
		}
		if i = skipDigits(b, start); i == start {
			s.fail(start, badNumber)
			return -1
		}
	}
	return i
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

// skipString returns where the string ends whose content begins at i. Content is looked at in words of eight bytes.
func (s *Scanner) skipString(i int) int {
	b := s.data
	for {
		for i+8 <= len(b) {
			special := specialBytes(binary.LittleEndian.Uint64(b[i:]))
			if special != 0 {
				i += bits.TrailingZeros64(special) / 8
				break
			}
			i += 8
		}
		for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' {
			i++
		}
		if i >= len(b) || b[i] < ' ' {
			s.fail(i, "a string must not contain control characters")
			return -1
		}
		if b[i] == '"' {
			return i + 1
		}
		if i = s.skipEscape(i + 1); i < 0 {
			return -1
		}
	}
}

// specialBytes returns a word that is 0 if no byte of w is a quote, a backslash or a control character, and whose lowest set bit lies in
// the first such byte otherwise.
func specialBytes(w uint64) uint64 {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	quote := w ^ '"'*ones
	backslash := w ^ '\\'*ones
	// x - ones borrows into the high bit of a byte that was 0, and w - 0x20 in each byte into that of one that was less than 0x20. A
	// borrow can falsely mark only bytes above a rightly marked one.
	return ((quote-ones)&^quote | (backslash-ones)&^backslash | (w-' '*ones)&^w) & highs
}

// skipEscape returns where the escape ends whose backslash precedes i.
func (s *Scanner) skipEscape(i int) int {
	b := s.data
	s.escaped = true
	if i < len(b) {
		switch b[i] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			return i + 1
		case 'u':
			for range 4 {
				if i++; i >= len(b) || !isHex(b[i]) {
					s.fail(i, "bad escape")
					return -1
				}
			}
			return i + 1
		}
	}
	s.fail(i, "bad escape")
	return -1
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
