package llmperftest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sendSlowly sends a request whose header is sent at once and whose body after d.
func sendSlowly(t *testing.T, s *Server, path, origin, body string, d time.Duration) {
	pipe, w := io.Pipe()
	go func() {
		time.Sleep(d)
		_, _ = io.WriteString(w, body)
		w.Close()
	}()
	req, _ := http.NewRequestWithContext(t.Context(), "POST", s.URL+path, pipe)
	req.Header.Set(OriginHeader, origin)
	resp, err := s.Client().Do(req)
	if assert.NoError(t, err) {
		resp.Body.Close()
	}
}

// TestARequestArrivesWithTheEndOfItsBody lets bodies that began one after the
// other end at one instant.
func TestARequestArrivesWithTheEndOfItsBody(t *testing.T) {
	const requests = 10
	for _, opts := range [][]Option{nil, {Wire{}}} {
		for range 20 {
			synctest.Test(t, func(t *testing.T) {
				s := NewServer(t, Engine{Output: Fixed(2)}, opts...)
				begin := time.Now()
				var through sync.WaitGroup
				for i := range requests {
					through.Go(func() {
						late := time.Duration(requests-i) * time.Millisecond
						time.Sleep(late)
						sendSlowly(t, s, "/v1/chat/completions", fmt.Sprint(i), `{"messages":[{"content":"a"}]}`, 20*time.Millisecond-late)
					})
				}
				through.Wait()
				for i, r := range s.Requests() {
					assert.Equal(t, fmt.Sprint(i), r.Origin, "the first to begin is the last by origin")
					assert.InDelta(t, 20*time.Millisecond, r.Arrived.Sub(begin), float64(grain))
				}
			})
		}
	}
}

func TestThePathDecidesBeforeTheBody(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			s := NewServer(t, Engine{Output: Fixed(2)})
			var through sync.WaitGroup
			for path, body := range map[string]string{
				"/v1/completions":      `{"model":"b","prompt":"a"}`,
				"/v1/chat/completions": `{"model":"b","prompt":"a"}`,
				"/api/generate":        `{"model":"c","prompt":"a"}`,
			} {
				through.Go(func() { tell(t, s, path, body, io.ReadAll) })
			}
			through.Wait()
			var order []string
			for _, r := range s.Requests() {
				order = append(order, r.Path)
			}
			assert.Equal(t, []string{"/api/generate", "/v1/chat/completions", "/v1/completions"}, order)
		})
	}
}

func TestABodyThatIsTooLargeIsRefused(t *testing.T) {
	body := `{"model":"m"}` + strings.Repeat(" ", maxRequestBody)
	for _, x := range apis {
		if x.name != "chat" && x.name != "messages" && x.name != "ollama chat" {
			continue // answer as these do
		}
		everywhere(t, Engine{}, func(t *testing.T, s *Server, read func(io.Reader) ([]byte, error)) {
			resp, err := s.Client().Post(s.URL+x.path, "application/json", bytes.NewBufferString(body))
			require.NoError(t, err)
			defer resp.Body.Close()
			answer, err := read(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, 413, resp.StatusCode, x.name)
			assert.Contains(t, string(answer), "the body is larger than 33554432 bytes")
			if x.name == "messages" {
				assert.Contains(t, string(answer), `"type":"request_too_large"`)
			}
			require.Eventually(t, func() bool { return len(s.Requests()) == 1 }, 5*time.Second, time.Millisecond)
			assert.Equal(t, Refused, s.Requests()[0].Outcome)
		})
	}
}

func TestAClientThatLeavesWhileItSendsIsCancelled(t *testing.T) {
	everywhere(t, Engine{}, func(t *testing.T, s *Server, _ func(io.Reader) ([]byte, error)) {
		ctx, cancel := context.WithCancel(t.Context())
		pipe, w := io.Pipe()
		req, _ := http.NewRequestWithContext(ctx, "POST", s.URL+"/v1/chat/completions", pipe)
		go func() {
			_, _ = io.WriteString(w, `{"model":`)
			time.Sleep(20 * time.Millisecond)
			cancel()
			w.CloseWithError(context.Canceled)
		}()
		_, err := s.Client().Do(req)
		require.Error(t, err)
		require.Eventually(t, func() bool { return len(s.Requests()) == 1 }, 5*time.Second, time.Millisecond)
		r := s.Requests()[0]
		assert.Equal(t, Cancelled, r.Outcome)
		assert.Zero(t, r.Status)
		assert.True(t, r.Written.IsZero())
	})
}

// TestHalfARequestGetsNoAnswer ends a body early and goes on listening.
func TestHalfARequestGetsNoAnswer(t *testing.T) {
	s := NewServer(t, Engine{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	answer, _ := io.ReadAll(conn)
	assert.Empty(t, answer)
}
