package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

//go:embed live.html
var liveHTML string

//go:embed live.js
var liveJS string

var (
	livePage   = template.Must(template.Must(page.Clone()).New("live").Parse(liveHTML))
	liveScript = script + "\n" + liveJS
	livePolicy = fmt.Sprintf("default-src 'none'; connect-src 'self'; img-src data:; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		hashOf(style), hashOf(liveScript))
)

const (
	mostWatchers = 16               // pages that are open at once
	writeLimit   = 10 * time.Second // for what a page is told at once
)

// A Live serves the report of a run while it goes on. A page that is open is told
// over server-sent events what is new: it is never waited for, and one that reads
// slowly misses moments, but not the latest.
type Live struct {
	hosts []string // names under which it may be asked, beside addresses

	mu       sync.Mutex
	changed  chan struct{} // closed when anything below changes
	version  int           // of model
	model    func() *Model // nil before the first
	rows     []Timeline    // what came after the model
	now      Moment
	closed   bool
	watchers int

	rendering sync.Mutex
	rendered  int // the version that report is
	report    []byte
}

// A Moment is where a run is, in words.
type Moment struct {
	Name     string    `json:"name"`     // of the run
	State    string    `json:"state"`    // "waiting", "running", "over"
	Now      string    `json:"now"`      // Step 3 of 10: 30 users
	Left     string    `json:"left"`     // 4m10s left; "" if it is not known
	Done     float64   `json:"done"`     // share of the run that is over; -1 if it is not known
	Marks    []float64 `json:"marks"`    // where steps begin, as such shares
	Counters []Fact    `json:"counters"` // what is counted at that moment
}

// NewLive makes a page of a run that has not begun. It answers to requests that
// name an address, localhost, or one of hosts: a name of anybody else's that
// leads to this machine is one by which a foreign page would read along.
func NewLive(hosts ...string) *Live {
	return &Live{hosts: hosts, changed: make(chan struct{}), now: Moment{State: "waiting", Now: "Waiting for the run.", Done: -1}}
}

// Show replaces the report. The model is made when it is first looked at, on
// another goroutine, and never if nobody looks.
func (l *Live) Show(model func() *Model) {
	l.change(func() { l.model, l.rows, l.version = model, nil, l.version+1 })
}

// Extend adds to the end of the timeline of the report shown last.
func (l *Live) Extend(rows Timeline) {
	l.change(func() {
		if l.model != nil {
			l.rows = append(l.rows, rows)
		}
	})
}

// Tell says where the run is.
func (l *Live) Tell(now Moment) {
	l.change(func() { l.now = now })
}

// Close ends all pages' connections, after they were told what is latest.
func (l *Live) Close() {
	l.change(func() { l.closed = true })
}

func (l *Live) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.changed)
	l.changed = make(chan struct{})
}

// ServeHTTP serves the page and its events. It reads nothing from a request but
// its path and its headers.
func (l *Live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	switch {
	case !l.knows(r.Host):
		http.Error(w, "this page is not served under that name", http.StatusMisdirectedRequest)
	case foreign(r):
		http.Error(w, "another site asks", http.StatusForbidden)
	case r.Method != http.MethodGet:
		http.Error(w, "only GET is served", http.StatusMethodNotAllowed)
	case r.URL.Path == "/":
		l.servePage(w)
	case r.URL.Path == "/events":
		l.serveEvents(w, r)
	default:
		http.NotFound(w, r)
	}
}

// knows reports whether a request's Host is an address or one of the page's names.
func (l *Live) knows(host string) bool {
	name := host
	if only, _, err := net.SplitHostPort(host); err == nil {
		name = only
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	for _, known := range append([]string{"localhost"}, l.hosts...) {
		if strings.EqualFold(name, known) {
			return true
		}
	}
	return false
}

// foreign reports whether a page of another origin made a request, unless a reader
// follows its link.
func foreign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

func (l *Live) servePage(w http.ResponseWriter) {
	w.Header().Set("Content-Security-Policy", livePolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Referrer-Policy", "no-referrer")
	livePage.Execute(w, struct {
		Style  template.CSS
		Script template.JS
	}{template.CSS(style), template.JS(liveScript)}) // an error is the reader's leaving
}

// serveEvents tells a page what is new until it goes or the Live is closed.
func (l *Live) serveEvents(w http.ResponseWriter, r *http.Request) {
	if !l.enter() {
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer l.leave()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	version, rows := 0, 0
	for {
		l.mu.Lock()
		changed, now, closed := l.changed, l.now, l.closed
		model, latest, news := l.model, l.version, l.rows
		l.mu.Unlock()

		var events bytes.Buffer
		if latest > version {
			report, ok := l.render(model, latest)
			if !ok {
				continue // there is a later one by now
			}
			writeEvent(&events, "report", report)
			version, rows = latest, 0
		}
		for ; rows < len(news); rows++ {
			writeEvent(&events, "rows", asJSON(news[rows]))
		}
		writeEvent(&events, "now", asJSON(now))
		out.SetWriteDeadline(time.Now().Add(writeLimit)) // only a test's own writer has none
		if _, err := w.Write(events.Bytes()); err != nil || out.Flush() != nil || closed {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func (l *Live) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watchers == mostWatchers {
		return false
	}
	l.watchers++
	return true
}

func (l *Live) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watchers--
}

// render is the report of a version, made once for all pages, unless a later one
// was made already.
func (l *Live) render(model func() *Model, version int) ([]byte, bool) {
	l.rendering.Lock()
	defer l.rendering.Unlock()
	if version > l.rendered {
		m := model()
		l.report = asJSON(struct {
			Above string `json:"above"`
			Below string `json:"below"`
			Model *Model `json:"model"`
		}{m.part("above"), m.part("below"), m})
		l.rendered = version
	}
	return l.report, version == l.rendered
}

// part is a part of the report's page.
func (m *Model) part(name string) string {
	var text strings.Builder
	if err := page.ExecuteTemplate(&text, name, m.content()); err != nil {
		panic(err) // the template and the model are ours
	}
	return text.String()
}

func asJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // likewise
	}
	return data
}

// writeEvent writes data, which has no line break, as a server-sent event.
func writeEvent(to *bytes.Buffer, name string, data []byte) {
	fmt.Fprintf(to, "event: %s\ndata: %s\n\n", name, data)
}
