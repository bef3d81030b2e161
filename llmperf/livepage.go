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
	page     *report.Live
	name     string
	m        *measurement
	steps    []*stepRun // complete
	timeline []Window
	outcomes []Outcome
	begun    bool

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
	return &follower{page: page, name: t.Name(), m: m, models: []report.Step{}}
}

// tell shows what happened, with the verdicts that a step brought.
func (f *follower) tell(e event, outcomes []Outcome) {
	switch {
	case f == nil:
	case e.progress != nil:
		f.timeline = append(f.timeline, e.progress.Window)
		f.page.Extend(timelineOf([]Window{e.progress.Window}))
	case e.step != nil:
		f.steps, f.outcomes = append(f.steps, e.step), append(f.outcomes, outcomes...)
		f.show()
	case e.moment != nil:
		if !f.begun { // whatever the page has shown before
			f.begun = true
			f.show()
		}
		f.page.Tell(e.moment.inWords(f.name))
	}
}

// show shows the report of what is complete.
func (f *follower) show() {
	steps, timeline, outcomes := slices.Clip(f.steps), slices.Clip(f.timeline), slices.Clip(f.outcomes)
	f.page.Show(func() *report.Model {
		r := f.m.partial(steps, timeline)
		r.Name, r.Outcomes, r.NotRun, r.running = f.name, outcomes, nil, true
		for i := len(f.models); i < len(r.Steps); i++ {
			f.models = append(f.models, stepOf(&r.Steps[i], r.scenario.Confidence))
		}
		return r.modelOf(slices.Clone(f.models))
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

// partial is the result of complete steps. It may be called from any goroutine once
// the run has begun.
func (m *measurement) partial(steps []*stepRun, timeline []Window) *Result {
	part := newMeasurement(m.scenario, nil)
	part.clock, part.steps, part.timeline = m.clock, steps, timeline
	for _, step := range steps {
		for i := range step.bucket.samples {
			part.spent.add(&step.bucket.samples[i])
		}
	}
	return part.result(0)
}
