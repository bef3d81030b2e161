package wire

import (
	"errors"
	"strconv"
)

// The ways in which a stream can be wrong. Errors of this package wrap one of them and quote the bytes in question.
var (
	ErrMalformed = errors.New("malformed response")
	ErrTruncated = errors.New("truncated response")
	ErrTooLong   = errors.New("response too long to parse")
)

// maxExcerpt is how many bytes of a response an error quotes, at most.
const maxExcerpt = 80

// excerpt quotes the start of b.
func excerpt(b []byte) string {
	if len(b) <= maxExcerpt {
		return strconv.Quote(string(b))
	}
	return strconv.Quote(string(b[:maxExcerpt])) + "..."
}

// excerptAt quotes the bytes of b around pos.
func excerptAt(b []byte, pos int) string {
	start := max(0, min(pos-maxExcerpt/2, len(b)-maxExcerpt))
	if start == 0 {
		return excerpt(b)
	}
	return "..." + excerpt(b[start:])
}
