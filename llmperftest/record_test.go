package llmperftest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCallsSayForWhichRequestTheyAreMade(t *testing.T) {
	rows := []struct {
		name, header, content string
		origin                string
		by                    Correlation
		reason                string
	}{
		{"header", "3-14-0badcafe", "hello", "3-14-0badcafe", ByHeader, "as targets send it"},
		{"both", "3-14-0badcafe", "[llmperf 1-2-deadbeef]", "3-14-0badcafe", ByHeader, "the header is surer"},
		{"marker", "", "[llmperf 1-2-deadbeef] hello [llmperf 1-3-deadbeef]", "1-2-deadbeef", ByPrompt, "the first one counts"},
		{"counted", "000000012", "[llmperf 1-2-deadbeef]", "1-2-deadbeef", ByPrompt, "a number that the service's server gave says nothing of the load"},
		{"only counted", "000000012", "hello", "000000012", Unknown, "what is there is kept"},
		{"neither", "", "hello [llmperf 1-2-DEADBEEF] [llmperf 1-2-deadbee]", "", Unknown, "these are no markers"},
	}
	for _, row := range rows {
		everywhere(t, Engine{StepBase: time.Millisecond, Output: Fixed(1)}, func(t *testing.T, s *Server, body func(io.Reader) ([]byte, error)) {
			req, _ := http.NewRequest("POST", s.URL+"/api/generate", strings.NewReader(`{"model":"m","stream":false,"prompt":"`+row.content+`"}`))
			req.Header.Set(OriginHeader, row.header)
			resp, err := s.Client().Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			_, err = body(resp.Body)
			require.NoError(t, err)
			require.Eventually(t, func() bool { return len(s.Requests()) == 1 }, 5*time.Second, time.Millisecond)
			r := s.Requests()[0]
			assert.Equal(t, row.origin, r.Origin, "%s: %s", row.name, row.reason)
			assert.Equal(t, row.by, r.Correlation, "%s: %s", row.name, row.reason)
		})
	}
}

func TestRequestsOfAServiceWithoutOriginsAreUnknown(t *testing.T) {
	llm := NewServer(t, Engine{StepBase: time.Millisecond, Output: Fixed(1)})
	svc := Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { sendTo(r.Context(), llm, "m") }))
	for _, origin := range []string{"", "7-0-0badcafe"} {
		req, _ := http.NewRequest("POST", svc.URL, nil)
		if origin != "" {
			req.Header.Set(OriginHeader, origin)
		}
		resp, err := svc.Client().Do(req)
		require.NoError(t, err)
		resp.Body.Close()
	}
	require.Eventually(t, func() bool { return len(llm.Requests()) == 2 }, 5*time.Second, time.Millisecond)
	assert.Equal(t, Unknown, llm.Requests()[0].Correlation)
	assert.Equal(t, ByHeader, llm.Requests()[1].Correlation)
	assert.Equal(t, "7-0-0badcafe", llm.Requests()[1].Origin)
}

// calls is what EachCall yields, in words.
func calls(s *Server) (all []string) {
	s.EachCall(time.Time{}, func(origin, correlation string, arrived, first, last, written time.Time) {
		at := func(at time.Time) string {
			if at.IsZero() {
				return "none"
			}
			return at.Sub(arrived).Round(time.Millisecond).String()
		}
		all = append(all, fmt.Sprintf("%s %q: %s %s %s", origin, correlation, at(first), at(last), at(written)))
	})
	return all
}

func TestEachCallHasItsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(t, Engine{StepBase: 10 * time.Millisecond, StepPerSequence: time.Nanosecond, PrefillRate: 1e9, Output: Fixed(5)})
		s.Fail(Status(500).On(2), CutMidStream(3).On(3), Hang().On(4), Stall(5, time.Second).On(5))
		send := func(n int, stream bool) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			req, _ := http.NewRequestWithContext(ctx, "POST", s.URL+"/v1/chat/completions", strings.NewReader(fmt.Sprintf(`{"stream":%v,"messages":[{"content":"a"}]}`, stream)))
			req.Header.Set(OriginHeader, fmt.Sprintf("0-%d-0badcafe", n))
			if resp, err := s.Client().Do(req); err == nil {
				_, _ = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
		}
		for n := range 6 {
			send(n, n != 1)
		}
		assert.Equal(t, []string{
			`0-0-0badcafe "header": 10ms 50ms 50ms`,
			`0-1-0badcafe "header": none none 50ms`,  // not streamed
			`0-2-0badcafe "header": none none 0s`,    // refused
			`0-3-0badcafe "header": 10ms 30ms 40ms`,  // cut when the fourth was due
			`0-4-0badcafe "header": none none 10s`,   // hung until its client left
			`0-5-0badcafe "header": 10ms 50ms 1.05s`, // the end was stalled
		}, calls(s))
	})
}

// TestWhoeverHasSeenTheEndFindsItInTheRecord looks from within the write of the
// last event, when the handler cannot have returned.
func TestWhoeverHasSeenTheEndFindsItInTheRecord(t *testing.T) {
	for _, x := range apis {
		if !x.generates {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			s := NewServer(t, Engine{Output: Fixed(3)})
			resp, err := s.Client().Post(s.URL+x.path, "application/json", strings.NewReader(x.request(x.stream)))
			require.NoError(t, err)
			defer resp.Body.Close()
			ends := []string{"[DONE]", "response.completed", "message_stop", `"done":true`}
			seen := 0
			err = resp.Body.(interface {
				Push(func([]byte) error) error
			}).Push(func(b []byte) error {
				for _, end := range ends {
					if strings.Contains(string(b), end) {
						seen++
						assert.NotEqual(t, []string{` "": none none none`}, calls(s), x.name)
						assert.Empty(t, s.Requests(), "%s: its handler is still writing", x.name)
						return errors.New("enough")
					}
				}
				assert.Equal(t, []string{` "": none none none`}, calls(s), "%s: more is to come", x.name)
				return nil
			})
			require.ErrorContains(t, err, "enough")
			assert.Equal(t, 1, seen)
		})
	}
}
