package llmperftest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRequestsOfOneInstantAreTakenInOrder lets a service hold its requests back
// and send them all on at one instant, by goroutines that run in any order.
func TestRequestsOfOneInstantAreTakenInOrder(t *testing.T) {
	const requests = 30
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			llm := NewServer(t, Engine{MaxBatch: requests, Output: Fixed(2)})
			gate := make(chan struct{})
			svc := Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				<-gate
				sendTo(r.Context(), llm, string(body))
			}))
			var through sync.WaitGroup
			for i := range requests {
				through.Go(func() {
					time.Sleep(time.Duration(i+1) * time.Millisecond) // the service sees them in order
					resp, err := svc.Client().Post(svc.URL, "text/plain", strings.NewReader(fmt.Sprint("model", i)))
					if assert.NoError(t, err) {
						resp.Body.Close()
					}
				})
			}
			time.Sleep(time.Second)
			close(gate)
			through.Wait()
			all := llm.Requests()
			require.Len(t, all, requests)
			for i, r := range all {
				assert.Equal(t, all[0].Arrived, r.Arrived, "all at one instant")
				assert.Equal(t, fmt.Sprint("model", i), r.Model, "in the order in which the service got the requests they are for")
			}
		})
	}
}

func TestWithoutOriginsContentDecides(t *testing.T) {
	models := []string{"c", "a", "b"}
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			llm := NewServer(t, Engine{Output: Fixed(2)})
			var through sync.WaitGroup
			for _, model := range models {
				through.Go(func() { sendTo(t.Context(), llm, model) })
			}
			through.Wait()
			var order []string
			for _, r := range llm.Requests() {
				order = append(order, r.Model)
			}
			assert.Equal(t, []string{"a", "b", "c"}, order)
		})
	}
}

// TestOriginsPassThroughServices follows a request over two services, on
// loopback too.
func TestOriginsPassThroughServices(t *testing.T) {
	follow := func(t *testing.T) {
		seen := make(chan string, 2)
		back := Serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get(OriginHeader) }))
		front := Serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			seen <- r.Header.Get(OriginHeader)
			req, _ := http.NewRequestWithContext(r.Context(), "GET", back.URL, nil)
			if resp, err := back.Client().Do(req); assert.NoError(t, err) {
				resp.Body.Close()
			}
		}))
		for _, given := range []string{"", "mine"} {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", front.URL, nil)
			req.Header.Set(OriginHeader, given)
			resp, err := front.Client().Do(req)
			require.NoError(t, err)
			resp.Body.Close()
			assert.Equal(t, given, <-seen, "the front sees what was sent")
			if atBack := <-seen; given == "" {
				assert.NotEmpty(t, atBack, "a request without an origin gets one")
			} else {
				assert.Equal(t, given, atBack)
			}
		}
	}
	t.Run("on loopback", follow)
	t.Run("in memory", func(t *testing.T) { synctest.Test(t, follow) })
}

// sendTo asks for a whole answer.
func sendTo(ctx context.Context, llm *Server, model string) {
	body := fmt.Sprintf(`{"model": %q, "messages": [{"role": "user", "content": "hi"}]}`, model)
	req, _ := http.NewRequestWithContext(ctx, "POST", llm.URL+"/v1/chat/completions", strings.NewReader(body))
	if resp, err := llm.Client().Do(req); err == nil {
		resp.Body.Close()
	}
}

func TestClientsInMemoryReachTheServersOfTheirTestAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") }))
		far := Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "far") }), Wire{Latency: 30 * time.Millisecond})
		for _, client := range []*http.Client{here.Client(), far.Client()} {
			for url, want := range map[string]string{here.URL: "here", far.URL: "far"} {
				resp, err := client.Get(url)
				require.NoError(t, err)
				data, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				assert.Equal(t, want, string(data))
			}
		}
		_, err := here.Client().Get("http://example.com/")
		assert.ErrorContains(t, err, "example.com")
		assert.ErrorContains(t, err, "none of this test's servers in memory")
		_, err = here.Client().Get(strings.Replace(here.URL, "http", "https", 1))
		assert.ErrorContains(t, err, "with http")
	})
}
