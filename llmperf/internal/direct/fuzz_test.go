package direct

import (
	"io"
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzLikeNetHTTP gives any answer at all to a request, and closes the connection:
// it is read as net/http reads it.
func FuzzLikeNetHTTP(f *testing.F) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, answer := range []string{
		ok + "Content-Length: 2\r\n\r\nhi", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", ok + "\r\nhi",
		"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 103 Early Hints\r\n\r\n" + ok + "\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
		ok + "Content-Encoding: gzip\r\n\r\n" + zipped("hello"), ok + "Content-Length: 9\r\n\r\nhi", "+OK\r\n\r\n", "",
	} {
		f.Add(answer)
	}
	log.SetOutput(io.Discard) // where net/http writes what nobody asked for
	ours := likeNetHTTP(f)
	var answer atomic.Value
	server := serve(f, func(*http.Request, int) (string, bool) { return answer.Load().(string), false })
	f.Fuzz(func(t *testing.T, text string) {
		ctx, cancel := contextFor(t, 10*time.Second)
		defer cancel()
		answer.Store(text)
		want := answerOf(ours.Like.RoundTrip(post("http://" + server.address).WithContext(ctx)))
		got := answerOf(ours.RoundTrip(post("http://" + server.address).WithContext(ctx)))
		ours.CloseIdleConnections() // each text has connections of its own
		require.NotContains(t, got, "deadline")
		if strings.Contains(want, " 101 ") { // what follows another protocol's beginning is not read
			return
		}
		assert.Equal(t, want, got)
	})
}
