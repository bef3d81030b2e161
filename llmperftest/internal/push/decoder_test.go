package push

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPushedBytesDecodeAsReadOnes holds the decoder against net/http's own, with
// the bytes split at every place on their way.
func TestPushedBytesDecodeAsReadOnes(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	rows := []struct{ name, raw, reason string }{
		{"chunks", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n", "sizes are hexadecimal"},
		{"capital digits", head + "Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", "in either case"},
		{"extension", head + "Transfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n0\r\n\r\n", "what follows the size is ignored"},
		{"bare line feeds", head + "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\n\n", "lines end with both"},
		{"empty", head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "no data at all"},
		{"trailers", head + "Trailer: X-A\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n", "announced and not"},
		{"length", head + "Content-Length: 5\r\n\r\nabcde", "counted"},
		{"until the end", head + "Connection: close\r\n\r\nabcde", "whatever comes"},
		{"cut in a chunk", head + "Transfer-Encoding: chunked\r\n\r\n5\r\nabc", "the body is not whole"},
		{"cut after a chunk", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "the last chunk is missing"},
		{"cut in the length", head + "Content-Length: 5\r\n\r\nabc", "the body is not whole"},
		{"no size", head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n", "malformed"},
		{"longer than its size", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n", "malformed"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(row.raw)), nil)
			require.NoError(t, err)
			want, wantErr := io.ReadAll(resp.Body)

			_, body, _ := strings.Cut(row.raw, "\r\n\r\n")
			for split := range len(body) {
				pushed, err := http.ReadResponse(bufio.NewReader(strings.NewReader(row.raw)), nil)
				require.NoError(t, err)
				d := newDecoder(pushed)
				var got []byte
				feed := func(p []byte) error {
					got = append(got, p...)
					return nil
				}
				done := d.decode([]byte(body[:split]), feed) || d.decode([]byte(body[split:]), feed)
				err = d.err
				if !done {
					err = d.cut(nil)
				}
				assert.Equal(t, string(want), string(got), "%s, split at %d", row.reason, split)
				assert.Equal(t, wantErr == nil, err == nil, "split at %d: %v, want %v", split, err, wantErr)
				assert.Equal(t, errors.Is(wantErr, io.ErrUnexpectedEOF), errors.Is(err, io.ErrUnexpectedEOF), "split at %d: %v, want %v", split, err, wantErr)
				assert.Equal(t, resp.Trailer, pushed.Trailer, "split at %d", split)
			}
		})
	}
}

func TestAnEndlessLineEndsTheBody(t *testing.T) {
	d := newDecoder(&http.Response{TransferEncoding: []string{"chunked"}, ContentLength: -1})
	feed := func([]byte) error { return nil }
	piece := []byte(strings.Repeat("1", 1000))
	for range 4 {
		require.False(t, d.decode(piece, feed))
	}
	require.True(t, d.decode(piece, feed))
	assert.ErrorContains(t, d.err, "4096 bytes")
}

func TestWhoFeedsCanEndTheBody(t *testing.T) {
	d := newDecoder(&http.Response{ContentLength: 10})
	enough := errors.New("enough")
	assert.True(t, d.decode([]byte("abc"), func([]byte) error { return enough }))
	assert.Equal(t, enough, d.err)
}
