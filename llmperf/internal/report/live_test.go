package report_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/report"
)

// An event is one that a page was sent.
type event struct{ name, data string }

// watch opens the events of a page.
func watch(t *testing.T, server *httptest.Server) func() event {
	t.Helper()
	answer, err := server.Client().Get(server.URL + "/events")
	require.NoError(t, err)
	t.Cleanup(func() { answer.Body.Close() })
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	lines := bufio.NewReader(answer.Body)
	return func() event {
		t.Helper()
		var e event
		for {
			line, err := lines.ReadString('\n')
			if err == io.EOF {
				return event{"closed", ""}
			}
			require.NoError(t, err)
			switch name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); name {
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				return e
			}
		}
	}
}

func serve(t *testing.T, page *report.Live) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(page)
	t.Cleanup(server.Close)
	t.Cleanup(page.Close)
	return server
}

func TestAPageIsToldWhatIsNew(t *testing.T) {
	page := report.NewLive()
	made := 0
	show := func(sentence string) {
		page.Show(func() *report.Model {
			made++
			return &report.Model{Sentence: sentence, Steps: []report.Step{}}
		})
	}
	page.Extend(report.Timeline{At: []float64{1}}) // of no report
	server := serve(t, page)
	next := watch(t, server)
	e := next()
	require.Equal(t, "now", e.name)
	assert.Contains(t, e.data, `"state":"waiting"`)

	show("No step is complete yet.")
	e = next()
	require.Equal(t, "report", e.name)
	var got struct {
		Above, Below string
		Model        report.Model
	}
	require.NoError(t, json.Unmarshal([]byte(e.data), &got))
	assert.Contains(t, got.Above, "<h1>No step is complete yet.</h1>")
	assert.Equal(t, "No step is complete yet.", got.Model.Sentence)
	require.Equal(t, "now", next().name)

	page.Extend(report.Timeline{At: []float64{5}, P95: []float64{0.25}})
	e = next()
	require.Equal(t, "rows", e.name)
	var rows report.Timeline
	require.NoError(t, json.Unmarshal([]byte(e.data), &rows))
	assert.Equal(t, []float64{5}, rows.At)
	assert.Equal(t, []float64{0.25}, rows.P95)
	require.Equal(t, "now", next().name)

	late := watch(t, server)
	assert.Equal(t, []string{"report", "rows", "now"}, []string{late().name, late().name, late().name}, "who comes late is told everything")
	assert.Equal(t, 1, made, "the model is made once for all")

	page.Tell(report.Moment{Name: "TestCapacity", State: "running", Now: "Step 1 of 2: 5 users", Done: 0.25})
	e = next()
	require.Equal(t, "now", e.name)
	assert.JSONEq(t, `{"name":"TestCapacity","state":"running","now":"Step 1 of 2: 5 users","left":"","done":0.25,"marks":null,"counters":null}`, e.data)
	page.Close()
	assert.Equal(t, []string{"now", "closed"}, []string{next().name, next().name})
}

func TestAModelThatNobodyLooksAtIsNotMade(t *testing.T) {
	page := report.NewLive()
	for i := range 3 {
		page.Show(func() *report.Model {
			assert.Equal(t, 2, i, "only the latest is made")
			return &report.Model{Sentence: fmt.Sprint("report ", i)}
		})
	}
	assert.Contains(t, watch(t, serve(t, page))().data, "report 2")
}

func TestNoTextBecomesAPartOfALivePage(t *testing.T) {
	var m report.Model
	fill(reflect.ValueOf(&m).Elem(), evil)
	page := report.NewLive()
	page.Show(func() *report.Model { return &m })
	e := watch(t, serve(t, page))()
	var got struct {
		Above, Below string
		Model        report.Model
	}
	require.NoError(t, json.Unmarshal([]byte(e.data), &got))
	for _, part := range []string{got.Above, got.Below} {
		assert.NotContains(t, part, "<script")
		assert.NotContains(t, part, "<img")
		assert.NotContains(t, part, "<!--")
	}
	assert.Equal(t, m, got.Model)
}

func TestWhoMayReadALivePage(t *testing.T) {
	page := report.NewLive("loadbox.lan")
	server := serve(t, page)
	for _, c := range []struct {
		method, path, host string
		header             http.Header
		status             int
		reason             string
	}{
		{"GET", "/", "", nil, 200, "a reader"},
		{"GET", "/", "localhost:8089", nil, 200, "a reader who writes a name"},
		{"GET", "/", "[::1]:8089", nil, 200, "an address"},
		{"GET", "/", "loadbox.lan:8089", nil, 200, "the name that was asked for"},
		{"GET", "/", "evil.example:8089", nil, 421, "a name of somebody else that leads here (DNS rebinding)"},
		{"GET", "/events", "evil.example", nil, 421, "likewise, of the events"},
		{"GET", "/events", "", http.Header{"Origin": {"http://evil.example"}}, 403, "a page of another origin"},
		{"GET", "/events", "", http.Header{"Origin": {"null"}}, 403, "a file, or a sandboxed frame"},
		{"GET", "/events", "", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"no-cors"}}, 403, "a script or image of another site"},
		{"GET", "/events", "", http.Header{"Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Mode": {"cors"}}, 403, "a page at another port of this machine"},
		{"GET", "/", "", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}}, 403, "a frame in a page of another site"},
		{"GET", "/", "", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}, 200, "a link, such as in a CI's log"},
		{"POST", "/", "", nil, 405, "nothing is to be written"},
		{"GET", "/result.json", "", nil, 404, "there is nothing else"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			r, err := http.NewRequest(c.method, server.URL+c.path, nil)
			require.NoError(t, err)
			r.Host = c.host
			for name, values := range c.header {
				r.Header[name] = values
			}
			answer, err := server.Client().Do(r)
			require.NoError(t, err)
			defer answer.Body.Close()
			assert.Equal(t, c.status, answer.StatusCode)
			assert.Empty(t, answer.Header.Get("Access-Control-Allow-Origin"))
			assert.Equal(t, "same-origin", answer.Header.Get("Cross-Origin-Resource-Policy"))
			if c.status == 200 {
				assert.Contains(t, answer.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
			}
		})
	}
}

// TestAReaderWhoDoesNotReadDelaysNobody lets a page connect and read nothing.
func TestAReaderWhoDoesNotReadDelaysNobody(t *testing.T) {
	page := report.NewLive()
	server := serve(t, page)
	deaf, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	require.NoError(t, err)
	defer deaf.Close()
	_, err = io.WriteString(deaf, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	next := watch(t, server)
	next()
	long := strings.Repeat("x", 1<<20)
	for i := range 50 { // far more than buffers hold
		page.Tell(report.Moment{Name: fmt.Sprint(i), Now: long})
	}
	for e := next(); !strings.Contains(e.data, `"name":"49"`); e = next() {
		require.Equal(t, "now", e.name)
	}
}

func TestOnlySoManyPagesAreOpen(t *testing.T) {
	page := report.NewLive()
	server := serve(t, page)
	for range 16 {
		require.Equal(t, "now", watch(t, server)().name)
	}
	ask := func() int {
		answer, err := server.Client().Get(server.URL + "/events")
		require.NoError(t, err)
		defer answer.Body.Close()
		return answer.StatusCode
	}
	assert.Equal(t, http.StatusServiceUnavailable, ask())
	server.CloseClientConnections()
	require.Eventually(t, func() bool { return ask() == http.StatusOK }, 10*time.Second, 10*time.Millisecond, "those that leave make room")
}
