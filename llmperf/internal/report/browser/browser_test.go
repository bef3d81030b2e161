package browser

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// chromium is the path of the browser that LLMPERF_CHROMIUM names, or of one that
// is installed; the test is skipped if there is none.
func chromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("LLMPERF_CHROMIUM"); path != "" {
		return path
	}
	names := []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("no browser to look at reports with: install one of %s, or let LLMPERF_CHROMIUM name it", strings.Join(names, ", "))
	return ""
}

// start starts a browser that ends with the test.
func start(t *testing.T) context.Context {
	t.Helper()
	// It opens nothing but what the test wrote, and as root it has no sandbox.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox)
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	browser, quit := chromedp.NewContext(allocator)
	t.Cleanup(quit)
	require.NoError(t, chromedp.Do(browser), "the browser starts")
	return browser
}

// A tab is one page that is open.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	messages []string // of the console, and exceptions
	requests []string // URLs, but for the page's own
}

// A screen is what a page is looked at on.
type screen struct {
	width int64
	dark  bool
}

func (s screen) String() string {
	if s.dark {
		return "dark"
	}
	return "light"
}

// artifact is the path of a file that is named for the test.
func artifact(t *testing.T, ending string) string {
	return filepath.Join(t.ArtifactDir(), strings.ReplaceAll(t.Name(), "/", "_")+ending)
}

// open opens a page on a screen.
func open(t *testing.T, browser context.Context, content []byte, on screen) *tab {
	t.Helper()
	file := artifact(t, ".html")
	require.NoError(t, os.WriteFile(file, content, 0o666))
	return visit(t, browser, "file://"+file, on)
}

// visit opens the page at an address, which may fetch its own events.
func visit(t *testing.T, browser context.Context, address string, on screen) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(stop)
	b := &tab{t: t, ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.messages = append(b.messages, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
		case *runtime.EventConsoleAPICalled:
			b.messages = append(b.messages, string(e.Type))
		case *log.EventEntryAdded:
			b.messages = append(b.messages, e.Entry.Text)
		case *network.EventRequestWillBeSent:
			if e.Request.URL != address && e.Request.URL != address+"events" {
				b.requests = append(b.requests, e.Request.URL)
			}
		}
	}))
	scheme := "light"
	if on.dark {
		scheme = "dark"
	}
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	require.NoError(t, err)
	b.do(chromedp.EmulateViewport(on.width, 900), chromedp.Navigate(address))
	return b
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

// eval is the value of an expression in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	require.NoError(b.t, err, expression)
	return v
}

// wentWell checks that the page did nothing but show itself.
func (b *tab) wentWell() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Empty(b.t, b.messages, "the console says nothing")
	assert.Empty(b.t, b.requests, "nothing is fetched")
}

// picture keeps a screenshot of the whole page among the test's artifacts, if
// those are kept; what it is of ends its name.
func (b *tab) picture(of string) {
	b.t.Helper()
	if kept := flag.Lookup("test.artifacts"); kept == nil || kept.Value.String() != "true" {
		return
	}
	yes := true
	height := eval[float64](b, "document.documentElement.scrollHeight")
	width := eval[float64](b, "innerWidth")
	shot, err := chromedp.Call(b.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		CaptureBeyondViewport: &yes, Clip: &page.Viewport{Width: width, Height: height, Scale: 1},
	})
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(artifact(b.t, of+".png"), shot.Data, 0o666))
}
