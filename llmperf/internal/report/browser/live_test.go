package browser

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
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

// text is what a page shows below an element, with ordinary spaces.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return strings.ReplaceAll(eval[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector)), "\u00a0", " ")
}

// until waits for something to be true of the page.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return eval[bool](b, expression) }, 30*time.Second, 50*time.Millisecond, what)
}

// TestLiveSubject is the test that TestALivePageShowsARun watches, in a process of
// its own, since it fails.
func TestLiveSubject(t *testing.T) {
	if os.Getenv("LLMPERF_UI") == "" {
		t.Skip("nobody watches")
	}
	target := llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
		time.Sleep(time.Duration((40 + 40*c.Rand().Float64()) * float64(time.Millisecond)))
		c.Tokens(5)
		return nil
	})
	llmperf.Run(t, llmperf.Scenario{
		Target: target, Warmup: 5 * time.Second, Think: llmperf.Between(5*time.Millisecond, 15*time.Millisecond),
		Profile: llmperf.Steps(llmperf.Load{Users: 2, Hold: 6 * time.Second}, llmperf.Load{Users: 4, Hold: 6 * time.Second}, llmperf.Load{Users: 6, Hold: 6 * time.Second}),
	}, llmperf.Latency.P95Below(20*time.Millisecond), llmperf.TTFT.P95Below(time.Minute))
}

// TestALivePageShowsARun watches a run in real time on screens of all kinds, from
// its first seconds to its end.
func TestALivePageShowsARun(t *testing.T) {
	browser := start(t)
	address := freeAddress(t)
	run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLiveSubject$", "-test.v")
	run.Env = append(os.Environ(), "LLMPERF_UI="+address)
	var said bytes.Buffer
	run.Stdout, run.Stderr = &said, &said
	require.NoError(t, run.Start())
	require.Eventually(t, func() bool {
		answer, err := http.Get("http://" + address + "/")
		return err == nil && answer.Body.Close() == nil
	}, 20*time.Second, 20*time.Millisecond, "the page is served")

	var tabs []*tab
	screens := []screen{{400, false}, {400, true}, {1400, false}, {1400, true}}
	for _, on := range screens {
		tabs = append(tabs, visit(t, browser, "http://"+address+"/", on))
	}
	for _, b := range tabs {
		b.until("the first step is run", `document.getElementById("now").textContent.startsWith("Step 1 of 3: 2 users")`)
		assert.Regexp(t, `^1?\ds left$`, b.text("#left"))
		assert.Equal(t, "running", eval[string](b, `document.getElementById("live").dataset.state`))
		assert.Greater(t, eval[float64](b, `document.getElementById("bar").getBoundingClientRect().width`), 300.0)
		assert.Contains(t, b.text("#counters"), "in flight")
		assert.LessOrEqual(t, eval[int64](b, "document.documentElement.scrollWidth"), eval[int64](b, "innerWidth"), "nothing makes the page wider than the screen")
	}
	for i, b := range tabs {
		b.until("the verdict on the first step comes while the run goes on",
			`document.getElementById("live").dataset.state === "running" && document.querySelector(".slos .mark[data-verdict=fail]") !== null`)
		assert.Equal(t, "1 of 2 SLOs does not hold: latency p95 < 20 ms at 2 users. The run goes on.", b.text("h1"))
		assert.Greater(t, b.pixels("timeline", "p95")+b.pixels("timeline", "p50"), 20, "the curve over time is drawn")
		b.picture(fmt.Sprintf("_%d_%v", screens[i].width, screens[i]))
	}
	for _, b := range tabs {
		b.until("the curves over load are drawn while it goes on",
			`document.getElementById("live").dataset.state === "running" && document.querySelector("#latency canvas") !== null`)
	}
	assert.Error(t, run.Wait(), "the test fails, by its SLO")
	t.Log(said.String())
	for _, b := range tabs {
		b.until("the end is said", `document.getElementById("left").textContent.startsWith("The test has ended")`)
		assert.Equal(t, "The run is over.", b.text("#now"))
		assert.Contains(t, b.text("h1"), "1 of 2 SLOs does not hold")
		assert.NotContains(t, b.text("h1"), "goes on")
		assert.Equal(t, 3, eval[int](b, `document.querySelectorAll(".matrix thead th").length`)-2, "all steps are there")
		assert.Greater(t, b.pixels("latency", "p95"), 20)
		assert.True(t, eval[bool](b, `document.getElementById("bar").hidden`))
		b.lostAtTheEnd()
	}
}

// lostAtTheEnd checks that the page complained of nothing but its server's end.
func (b *tab) lostAtTheEnd() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, message := range b.messages {
		assert.Contains(b.t, message, "net::ERR_", "the console tells only of the connection")
	}
	assert.Empty(b.t, b.requests, "nothing is fetched but the page and its events")
}
