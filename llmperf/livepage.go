package llmperf

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"llmperf.dev/llmperf/internal/report"
)

// livePageEnv asks for a page that shows a run while it goes on, and says where.
const livePageEnv = "LLMPERF_UI"

// pages are those that are open in this process, by what livePageEnv asked for.
// Runs of one test, one after the other, share a page.
var pages = struct {
	sync.Mutex
	open map[string]*report.Live
}{open: map[string]*report.Live{}}

// openPage serves the page that livePageEnv asks for until the test ends; nil if
// it asks for none.
func openPage(t *testing.T) *report.Live {
	t.Helper()
	asked := os.Getenv(livePageEnv)
	if asked == "" {
		return nil
	}
	pages.Lock()
	defer pages.Unlock()
	if page := pages.open[asked]; page != nil {
		return page
	}
	address, err := pageAddress(asked)
	if err != nil {
		t.Fatalf("llmperf: nothing was sent: %v", err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("llmperf: nothing was sent: %s is %q: %v; want an address that is free, such as 127.0.0.1:0, which chooses one", livePageEnv, asked, err)
	}
	host, _, _ := net.SplitHostPort(address)
	page := report.NewLive(host)
	server := &http.Server{Handler: page, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 1 << 16}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Serve(listener) // returns when the server is shut down
	}()
	pages.open[asked] = page
	t.Cleanup(func() {
		pages.Lock()
		defer pages.Unlock()
		delete(pages.open, asked)
		page.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
		<-ended
	})
	t.Logf("live page: http://%s/", listener.Addr())
	return page
}

// pageAddress is where a page that was asked for listens: on loopback, unless
// another host is named.
func pageAddress(asked string) (string, error) {
	host, port, err := net.SplitHostPort(asked)
	if err != nil || port == "" {
		return "", fmt.Errorf("%s is %q: want a host and port to serve the live page at, such as 127.0.0.1:8089", livePageEnv, asked)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// A follower shows a run on a live page.
type follower struct {
	page  *report.Live
	name  string
	begun bool

	// models are those of steps. Whoever makes a model of the run has them to
	// itself, since the page makes one after the other.
	models []report.Step
}

// follow begins to show a run; nil if no page is asked for.
func follow(t *testing.T, m *measurement) *follower {
	t.Helper()
	page := openPage(t)
	if page == nil {
		return nil
	}
	m.watched = true
	return &follower{page: page, name: t.Name(), models: []report.Step{}}
}

// tell says where the run is. The first time, the result it starts with takes the
// place of what the page has shown before.
func (f *follower) tell(now *moment, start func() *Result) {
	if !f.begun {
		f.begun = true
		f.show(start())
	}
	f.page.Tell(now.inWords(f.name))
}

// extend shows one more window.
func (f *follower) extend(w Window) {
	if f != nil {
		f.page.Extend(timelineOf([]Window{w}))
	}
}

// show shows the result of the steps that are complete.
func (f *follower) show(r *Result) {
	if f == nil {
		return
	}
	so := *r
	so.running, so.Aborted, so.NotRun = true, "", nil
	f.page.Show(func() *report.Model {
		for i := len(f.models); i < len(so.Steps); i++ {
			f.models = append(f.models, stepOf(&so.Steps[i], so.scenario.Confidence))
		}
		return so.modelOf(slices.Clone(f.models))
	})
}

// end shows the report of the whole run.
func (f *follower) end(r *Result) {
	if f == nil {
		return
	}
	f.page.Show(r.model)
	f.page.Tell(report.Moment{Name: f.name, State: "over", Now: "The run is over.", Done: 1})
}
