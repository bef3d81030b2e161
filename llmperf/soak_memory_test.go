package llmperf_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
	"llmperf.dev/llmperftest"
)

// A gauge reads what the process holds while a soak goes on, a dozen times.
type gauge struct {
	every time.Duration
	n     int // requests so far
	read  []reading
}

type reading struct{ requests, heap, goroutines int }

func (g *gauge) observer() llmperf.Observer {
	return llmperf.Observer{Sample: func(s llmperf.Sample) {
		if g.n++; s.End >= time.Duration(1+len(g.read))*g.every {
			runtime.GC()
			runtime.GC() // pools let go in two
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			g.read = append(g.read, reading{g.n, int(m.HeapAlloc), runtime.NumGoroutine()})
		}
	}}
}

// perRequest is what is kept of each request, in bytes: its sample, and once its
// step is over its value of five metrics, by size and by when it was sent.
const perRequest = unsafe.Sizeof(record.Sample{}) + 5*(unsafe.Sizeof(float64(0))+unsafe.Sizeof(stats.Observation{}))

// check asserts that a soak holds on to nothing but its requests.
func (g *gauge) check(t *testing.T) {
	t.Helper()
	require.GreaterOrEqual(t, len(g.read), 10)
	first, last := g.read[1], g.read[len(g.read)-1] // by the second all users are there
	each := float64(last.heap-first.heap) / float64(last.requests-first.requests)
	t.Logf("%d requests, %.0f bytes each, of which %d are kept on purpose", last.requests, each, perRequest)
	assert.Greater(t, each, 0.5*float64(perRequest), "they are kept, so that percentiles are exact")
	for _, r := range g.read[1:] {
		assert.LessOrEqual(t, r.goroutines, first.goroutines+20, "users have a request in flight or not, and idle connections are let go of: %v", g.read)
		// A slice that grows has room for a quarter more; 4 MB are for what is not of requests.
		assert.LessOrEqual(t, float64(r.heap-first.heap), 1.25*float64(perRequest)*float64(r.requests-first.requests)+4e6, "after %d requests: %v", r.requests, g.read)
	}
}

// fastAnswer is an answer of a few tokens.
func fastAnswer(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	time.Sleep(100 * time.Millisecond)
	for range 4 {
		io.WriteString(w, `data: {"choices":[{"delta":{"content":"a"}}]}`+"\n\n")
		w.(http.Flusher).Flush()
		time.Sleep(10 * time.Millisecond)
	}
	io.WriteString(w, "data: [DONE]\n\n")
}

func soaking(users int, length time.Duration, o llmperf.Observer) llmperf.Scenario {
	return llmperf.Scenario{
		Profile: llmperf.ConstantProfile{Users: users, Duration: length, Every: length / 4}, Warmup: length / 60, Think: llmperf.Between(500*time.Millisecond, 1500*time.Millisecond),
		Observers: []llmperf.Observer{o},
	}
}

// TestASoakOfTwoHoursHoldsOnToNothingButItsRequests in virtual time.
func TestASoakOfTwoHoursHoldsOnToNothingButItsRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("two virtual hours")
	}
	g := &gauge{every: 10 * time.Minute}
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		svc := llmperftest.Serve(t, http.HandlerFunc(fastAnswer))
		s := soaking(20, 2*time.Hour, g.observer())
		s.Target = llmperf.OpenAI{BaseURL: svc.URL, Model: "m", Client: svc.Client()}
		return s
	})
	assert.Zero(t, res.Total.Failed, "%v", res.Total.Examples)
	g.check(t)
}

// TestASoakInRealTime takes ten minutes, and so runs only where LLMPERF_SOAK is
// set.
func TestASoakInRealTime(t *testing.T) {
	if os.Getenv("LLMPERF_SOAK") == "" {
		t.Skip("LLMPERF_SOAK is not set: set it for a soak of ten minutes")
	}
	g := &gauge{every: 50 * time.Second}
	server := httptest.NewServer(http.HandlerFunc(fastAnswer))
	t.Cleanup(server.Close)
	s := soaking(400, 10*time.Minute, g.observer())
	s.Target = llmperf.OpenAI{BaseURL: server.URL, Model: "m"}
	res, err := llmperf.Measure(t.Context(), s)
	require.NoError(t, err)
	assert.Zero(t, res.Total.Failed, "%v", res.Total.Examples)
	g.check(t)
}
