package llmperf_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// freeAddress is one on loopback at which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// eventsOf reads what a live page is told, to its end.
func eventsOf(address string) <-chan []string {
	told := make(chan []string, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Get("http://" + address + "/events")
		if err != nil {
			told <- []string{err.Error()}
			return
		}
		defer answer.Body.Close()
		var events []string
		lines := bufio.NewScanner(answer.Body)
		lines.Buffer(nil, 1<<24)
		for name := ""; lines.Scan(); {
			switch key, value, _ := strings.Cut(lines.Text(), ": "); key {
			case "event":
				name = value
			case "data":
				events = append(events, name+" "+value)
			}
		}
		told <- events
	}()
	return told
}

// oneWith is the first event that has a text in it.
func oneWith(t *testing.T, events []string, text string) int {
	t.Helper()
	for i, e := range events {
		if strings.Contains(e, text) {
			return i
		}
	}
	require.Fail(t, "no event has "+text, "%d events: %.300q", len(events), events)
	return 0
}

// TestRunServesALivePage runs twice in one test: the page follows both, and goes
// with the test.
func TestRunServesALivePage(t *testing.T) {
	address := freeAddress(t)
	t.Setenv("LLMPERF_UI", address)
	var told <-chan []string
	t.Run("Capacity", func(t *testing.T) {
		watch := llmperf.Observer{Start: func(llmperf.Scenario) { told = eventsOf(address) }}
		for _, users := range []int{2, 3} {
			s := undecided()
			s.Profile, s.Observers = hold(users, 1500*time.Millisecond), []llmperf.Observer{watch}
			llmperf.Run(t, s, llmperf.Latency.P50Below(time.Minute))
			watch.Start = nil
		}
	})
	events := <-told
	begun := oneWith(t, events, `"now":"Step 1 of 1: 2 users"`)
	verdict := oneWith(t, events, "After 1 step no SLO is refuted.")
	over := oneWith(t, events, `"state":"over"`)
	final := oneWith(t, events, "The SLO holds: latency p50 ")
	again := oneWith(t, events, `"now":"Step 1 of 1: 3 users"`)
	assert.IsIncreasing(t, []int{begun, over, again})
	assert.Less(t, verdict, over)
	assert.LessOrEqual(t, final, over)
	assert.Contains(t, events[begun], `"name":"TestRunServesALivePage/Capacity"`)
	assert.Contains(t, events[begun], `"left":"`)
	_, err := net.Dial("tcp", address)
	assert.Error(t, err, "nothing listens when the test is over")
}

func TestALivePageIsServedAtAnAddressThatMakesSense(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for _, c := range []struct{ asked, said, reason string }{
		{":0", "live page: http://127.0.0.1:", "loopback, unless told otherwise"},
		{"localhost:0", "live page: http://127.0.0.1:", "a name"},
		{"8089", `nothing was sent: LLMPERF_UI is "8089": want a host and port to serve the live page at, such as 127.0.0.1:8089`, "a port alone"},
		{"localhost:", `LLMPERF_UI is "localhost:": want a host and port`, "a host alone"},
		{taken.Addr().String(), "want an address that is free, such as 127.0.0.1:0, which chooses one", "an address that is taken"},
		{"", "PASS: TestSubject", "nothing is asked for"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			out := runSubject(t, "watched", "LLMPERF_UI="+c.asked)
			assert.Contains(t, out, c.said)
			assert.Equal(t, strings.Contains(c.said, "live page: http"), strings.Contains(out, "live page: http"), "nothing listens but where it says so")
		})
	}
}

func init() {
	subjects["watched"] = func(t *testing.T) {
		llmperf.Run(t, undecided(), llmperf.Latency.P50Below(time.Minute))
	}
}
