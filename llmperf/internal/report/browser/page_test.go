package browser

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperf/internal/report"
)

// TestPages opens reports in a browser: all kinds of runs on screens of all
// kinds, and what a reader can do with them. With -artifacts, go test keeps the
// pages and pictures of them.
func TestPages(t *testing.T) {
	browser := start(t)
	for _, k := range kinds {
		t.Run(strings.ReplaceAll(k.name, " ", "_"), func(t *testing.T) {
			res := k.resultOf(t)
			var content bytes.Buffer
			require.NoError(t, res.WriteReport(&content))
			for _, on := range []screen{{400, false}, {400, true}, {1400, false}, {1400, true}} {
				t.Run(fmt.Sprintf("%d_%v", on.width, on), func(t *testing.T) {
					b := open(t, browser, content.Bytes(), on)
					b.shows(&k, on)
					b.picture("")
					b.wentWell()
				})
			}
		})
	}

	chat := kindNamed(t, "chat").resultOf(t)
	var content bytes.Buffer
	require.NoError(t, chat.WriteReport(&content))
	for _, does := range []struct {
		name string
		test func(*tab, *llmperf.Result)
	}{
		{"keys_read_the_values", keysReadTheValues},
		{"tables_have_the_numbers", tablesHaveTheNumbers},
		{"the_view_of_time_is_chosen", theViewOfTimeIsChosen},
		{"steps_and_metrics_are_chosen", stepsAndMetricsAreChosen},
		{"lines_are_hidden", linesAreHidden},
		{"colours_are_chosen", coloursAreChosen},
		{"paper_is_light_and_open", paperIsLightAndOpen},
		{"new_data_is_drawn", newDataIsDrawn},
		{"what_is_pointed_at_stays", whatIsPointedAtStays},
		{"the_plots_follow_the_window", thePlotsFollowTheWindow},
		{"a_text_is_there_for_each_plot", aTextIsThereForEachPlot},
	} {
		t.Run(does.name, func(t *testing.T) {
			b := open(t, browser, content.Bytes(), screen{1400, false})
			does.test(b, chat)
			b.wentWell()
		})
	}
	t.Run("two_million_requests_open_at_once", func(t *testing.T) {
		content := big(t)
		b := open(t, browser, content, screen{1400, false})
		took := time.Duration(eval[float64](b, "performance.getEntriesByType('navigation')[0].loadEventEnd") * float64(time.Millisecond))
		t.Logf("%d bytes, open after %v", len(content), took.Round(time.Millisecond))
		assert.Less(t, took, 2*time.Second)
		assert.Less(t, len(content), 2_000_000)
		b.picture("")
		b.wentWell()
	})
}

// inkOf are the colours that each chart must have in it, any of those in a row:
// names of the style sheet.
var inkOf = map[string][][]string{
	"latency":      {{"p50"}, {"p95"}, {"p99"}},
	"failures":     {{"c1"}, {"limit"}},
	"throughput":   {{"c1", "muted"}},
	"timeline":     {{"p50", "p95"}, {"load"}},
	"distribution": {{"first", "middle"}},
	"ttft":         {{"p50", "p95", "p99"}},
	"itl":          {{"p50", "p95", "p99"}},
	"overhead":     {{"upstream"}},
	"generator":    {{"c1"}},
}

// shows checks that everything is there that there is to see.
func (b *tab) shows(k *kind, on screen) {
	b.t.Helper()
	assert.LessOrEqual(b.t, eval[int64](b, "document.documentElement.scrollWidth"), on.width, "nothing makes the page wider than the screen")
	assert.NotEmpty(b.t, eval[string](b, "document.querySelector('h1').innerText"))
	assert.NotContains(b.t, eval[string](b, "document.title"), "owned", "no text has become a script")
	assert.Zero(b.t, eval[int](b, "document.images.length"), "nor an image")

	drawn := eval[[]string](b, "[...document.querySelectorAll('#charts > figure')].filter(f => f.querySelector('canvas')).map(f => f.id)")
	assert.ElementsMatch(b.t, k.charts, drawn, k.reason)
	empty := eval[[]string](b, "[...document.querySelectorAll('#charts > figure')].filter(f => !f.querySelector('canvas') && f.innerText.trim().split('\\n').length < 2).map(f => f.id)")
	assert.Empty(b.t, empty, "where there is no chart there is a sentence")
	for _, id := range drawn {
		for _, any := range inkOf[id] {
			most := 0
			for _, colour := range any {
				most = max(most, b.pixels(id, colour))
			}
			assert.Greater(b.t, most, 20, "pixels of colour %v in %s", any, id)
		}
	}
}

// pixels is how many pixels of the canvases of a figure have a colour of the
// style sheet.
func (b *tab) pixels(figure, colour string) int {
	b.t.Helper()
	return eval[int](b, fmt.Sprintf(`(() => {
		const probe = document.createElement("span");
		probe.style.color = "var(--%s)";
		document.body.append(probe);
		const want = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
		probe.remove();
		let n = 0;
		for (const canvas of document.querySelectorAll("#%s canvas")) {
			const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
			copy.drawImage(canvas, 0, 0);
			const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
			for (let i = 0; i < data.length; i += 4) {
				if (data[i + 3] > 200 && [0, 1, 2].every(c => Math.abs(data[i + c] - want[c]) < 10)) n++;
			}
		}
		return n;
	})()`, colour, figure))
}

// press presses a key with a chart in focus.
func (b *tab) press(plot string, keys ...string) {
	b.t.Helper()
	b.do(chromedp.Focus(chromedp.CSS(plot)))
	for _, key := range keys {
		b.do(chromedp.KeyEvent(key))
	}
}

func keysReadTheValues(b *tab, res *llmperf.Result) {
	const plot = "#latency .plot"
	tip := func() string { return eval[string](b, `document.querySelector("#latency .tip").innerText`) }
	b.press(plot, kb.ArrowRight)
	assert.Contains(b.t, tip(), "10 users")
	assert.Contains(b.t, tip(), seconds(res.Steps[0].Latency.P95))
	b.press(plot, kb.ArrowRight)
	assert.Contains(b.t, tip(), "20 users")
	b.press(plot, kb.End)
	assert.Contains(b.t, tip(), "100 users")
	last := res.Steps[len(res.Steps)-1].Latency
	for _, v := range []time.Duration{last.P50, last.P95, last.P99} {
		assert.Contains(b.t, tip(), seconds(v))
		assert.Contains(b.t, eval[string](b, `document.querySelector("#latency [aria-live]").textContent`), seconds(v), "it is said to those who do not see it")
	}
	b.press("#timeline .plot", kb.ArrowRight)
	assert.True(b.t, eval[bool](b, `document.querySelector("#latency .tip").hidden`), "a chart that is left says no more")
	assert.Contains(b.t, eval[string](b, `document.querySelector("#timeline .tip").innerText`), "0:05, warm-up")
}

// seconds is a time as the page writes it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3g\u00a0s", d.Seconds()) }

func tablesHaveTheNumbers(b *tab, res *llmperf.Result) {
	cells := func(figure string) [][]string {
		b.do(chromedp.Click(chromedp.CSS("#" + figure + " summary")))
		var rows [][]string
		require.Eventually(b.t, func() bool {
			rows = eval[[][]string](b, fmt.Sprintf(`[...document.querySelectorAll("#%s details tbody tr")].map(r => [...r.children].map(c => c.textContent))`, figure))
			return len(rows) > 0
		}, 5*time.Second, 10*time.Millisecond, "the table of %s opens", figure)
		return rows
	}
	for i, row := range cells("latency") {
		l := res.Steps[i].Latency
		assert.Equal(b.t, []string{res.Steps[i].Name, seconds(l.P50), seconds(l.P95), seconds(l.P99), seconds(l.Max)}, []string{row[0], row[2], row[4], row[6], row[8]})
	}
	assert.Len(b.t, cells("timeline"), len(res.Timeline))
	distribution := cells("distribution")
	for i, s := range res.Steps {
		assert.Equal(b.t, []string{s.Name, seconds(s.Latency.Min), seconds(s.Latency.P50), seconds(s.Latency.P90), seconds(s.Latency.P95), seconds(s.Latency.P99)},
			[]string{distribution[i][0], distribution[i][2], distribution[i][3], distribution[i][5], distribution[i][6], distribution[i][7]})
	}
	counted := 0
	for _, row := range distribution[len(res.Steps):] {
		n := 0
		_, err := fmt.Sscan(row[2], &n)
		require.NoError(b.t, err)
		counted += n
	}
	assert.Equal(b.t, res.Steps[0].Latency.N, counted, "the histogram's bins hold every request of the first step")
	for _, figure := range []string{"failures", "throughput", "ttft", "itl", "overhead"} {
		assert.GreaterOrEqual(b.t, len(cells(figure)), len(res.Steps), "%s has a row for each step", figure)
	}
}

// click presses a button of a figure, by its text.
func (b *tab) click(figure, text string) {
	b.t.Helper()
	found := eval[bool](b, fmt.Sprintf(`(() => {
		const button = [...document.querySelectorAll("#%s button")].find(b => b.textContent === %q);
		button?.focus();
		button?.click();
		return !!button;
	})()`, figure, text))
	require.True(b.t, found, "%s has a button %q", figure, text)
	assert.Equal(b.t, text, eval[string](b, "document.activeElement.textContent"), "the button keeps the focus")
}

func theViewOfTimeIsChosen(b *tab, _ *llmperf.Result) {
	window, cumulative := b.pixels("timeline", "p95"), b.pixels("timeline", "ink")
	require.Greater(b.t, window, 100)
	require.Greater(b.t, cumulative, 100)
	b.click("timeline", "the last 10 s")
	assert.Greater(b.t, b.pixels("timeline", "p95"), 100)
	assert.Less(b.t, b.pixels("timeline", "ink"), cumulative/10)
	b.click("timeline", "since the step began")
	assert.Less(b.t, b.pixels("timeline", "p95"), window/10)
	assert.Greater(b.t, b.pixels("timeline", "ink"), 100)
	assert.Contains(b.t, eval[string](b, `document.querySelector("#timeline").innerText`), "Why the window's percentiles jump")
}

func stepsAndMetricsAreChosen(b *tab, _ *llmperf.Result) {
	pressed := func() []string {
		return eval[[]string](b, `[...document.querySelectorAll("#distribution [aria-pressed=true]")].map(b => b.textContent)`)
	}
	assert.Equal(b.t, []string{"latency", "10", "80", "100"}, pressed(), "the first step, the one that is saturated, the last")
	b.click("distribution", "80")
	b.click("distribution", "30")
	b.click("distribution", "TTFT")
	assert.Equal(b.t, []string{"TTFT", "10", "30", "100"}, pressed())
	for _, step := range []string{"10", "30", "100"} {
		b.click("distribution", step)
	}
	assert.Zero(b.t, eval[int](b, `document.querySelectorAll("#distribution canvas").length`))
	assert.Contains(b.t, eval[string](b, `document.querySelector("#distribution").innerText`), "Choose a step.")
}

func linesAreHidden(b *tab, _ *llmperf.Result) {
	require.Greater(b.t, b.pixels("latency", "p50"), 100)
	b.click("latency", "p50")
	assert.Zero(b.t, b.pixels("latency", "p50"))
	assert.Greater(b.t, b.pixels("latency", "p95"), 100)
	b.click("latency", "p50")
	assert.Greater(b.t, b.pixels("latency", "p50"), 100)
	for _, line := range []string{"p50", "p95", "p99"} {
		b.click("latency", line)
	}
	assert.Zero(b.t, b.pixels("latency", "p95"), "all of them can be")
	b.click("overhead", "in upstreams")
	assert.Less(b.t, b.pixels("overhead", "upstream"), 200, "but for what looks like it")
}

func coloursAreChosen(b *tab, _ *llmperf.Result) {
	ground := func() string { return eval[string](b, "getComputedStyle(document.body).backgroundColor") }
	system := ground()
	press := func() { b.do(chromedp.Click(chromedp.CSS("#theme"))) }
	press()
	assert.Equal(b.t, system, ground(), "light, as the system is")
	press()
	dark := ground()
	assert.NotEqual(b.t, system, dark)
	assert.Greater(b.t, b.pixels("latency", "p95"), 100, "charts are drawn in the colours of the page")
	b.do(chromedp.Reload())
	assert.Equal(b.t, dark, ground(), "it is remembered")
	press()
	assert.Equal(b.t, system, ground())
}

func paperIsLightAndOpen(b *tab, _ *llmperf.Result) {
	b.do(chromedp.Click(chromedp.CSS("#theme")), chromedp.Click(chromedp.CSS("#theme"))) // dark
	eval[chromedp.Void](b, `addEventListener("beforeprint", () => window.printed = {
		open: document.querySelectorAll("#charts details[open]").length, theme: document.documentElement.dataset.theme,
		wide: Math.max(...[...document.querySelectorAll("canvas")].map(c => c.clientWidth)),
	})`)
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(func(p *page.PrintToPDFParams) { p.PaperWidth, p.PaperHeight = 8.27, 11.69 }))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(artifact(b.t, ".pdf"), pdf, 0o666))
	assert.Greater(b.t, eval[int](b, "printed.open"), 5, "tables are open on paper")
	assert.Equal(b.t, "light", eval[string](b, "printed.theme"))
	assert.LessOrEqual(b.t, eval[float64](b, "printed.wide"), 718.0, "charts are as wide as A4")
	assert.Equal(b.t, "dark", eval[string](b, "document.documentElement.dataset.theme"), "and afterwards all is as before")
	assert.Zero(b.t, eval[int](b, `document.querySelectorAll("#charts details[open]").length`))
	b.do(chromedp.Click(chromedp.CSS("#theme")))
}

// newDataIsDrawn is what a page of a run that goes on does.
func newDataIsDrawn(b *tab, _ *llmperf.Result) {
	b.click("timeline", "since the step began")
	b.do(chromedp.Click(chromedp.CSS("#throughput summary")))
	figures := `[...document.querySelectorAll("#charts > figure")].map(f => f.id)`
	before := eval[[]string](b, figures)
	eval[chromedp.Void](b, `window.whole = JSON.parse(document.getElementById("model").textContent); drawReport({...whole, steps: whole.steps.slice(0, 1)})`)
	assert.Contains(b.t, eval[string](b, `document.querySelector("#latency").innerText`), "There is one step")
	eval[chromedp.Void](b, `drawReport({...whole, steps: []})`)
	eval[chromedp.Void](b, `drawReport(whole)`)
	assert.Equal(b.t, before, eval[[]string](b, figures), "figures that come back come to their places")
	assert.Greater(b.t, b.pixels("latency", "p95"), 100)
	assert.Equal(b.t, "since the step began", eval[string](b, `document.querySelector("#timeline .controls [aria-pressed=true]").textContent`), "what the reader chose stays")
	assert.Equal(b.t, len(eval[[]string](b, `[...document.querySelectorAll(".plot")].map(p => "")`)), eval[int](b, `document.querySelectorAll(".uplot").length`), "no plot is left over")
}

// whatIsPointedAtStays draws new data while a reader looks closely.
func whatIsPointedAtStays(b *tab, _ *llmperf.Result) {
	tip := func() string { return eval[string](b, `document.querySelector("#timeline .tip").innerText`) }
	b.do(chromedp.ScrollIntoView(chromedp.CSS("#timeline .u-over")))
	// A drag zooms in, from a quarter to half of the chart.
	box := eval[[]float64](b, `(() => { const r = document.querySelector("#timeline .u-over").getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()`)
	y := box[1] + box[3]/2
	mouse := func(kind input.DispatchMouseEventType, part float64) chromedp.Action[chromedp.Void] {
		return chromedp.MouseEvent(kind, box[0]+part*box[2], y, chromedp.ButtonLeft)
	}
	b.do(mouse("mousePressed", 0.25), mouse("mouseMoved", 0.4), mouse("mouseMoved", 0.5), mouse("mouseReleased", 0.5))
	b.press("#timeline .plot", kb.ArrowRight)
	first := tip()
	require.NotContains(b.t, first, "warm-up", "the chart begins later")
	require.NotEmpty(b.t, first)
	eval[chromedp.Void](b, `drawReport.extend({at: [1000], load: [100], in_flight: [1], requests: [1], failed: [0], p50: [1], p95: [1], cumulative: [1]})`)
	assert.Eventually(b.t, func() bool { return tip() == first }, 5*time.Second, 10*time.Millisecond, "the reader sees the same values: %q", first)
	assert.True(b.t, eval[bool](b, `document.activeElement === document.querySelector("#timeline .plot")`), "and may go on from there")
	b.press("#timeline .plot", kb.End)
	assert.Contains(b.t, tip(), "50 users", "keys stay within what is seen")
	b.do(chromedp.Click(chromedp.CSS("#timeline summary")))
	require.Eventually(b.t, func() bool {
		return strings.Contains(eval[string](b, `document.querySelector("#timeline details tbody")?.innerText ?? ""`), "16:40")
	}, 5*time.Second, 10*time.Millisecond, "the new point is there")
}

func thePlotsFollowTheWindow(b *tab, _ *llmperf.Result) {
	b.do(chromedp.EmulateViewport(400, 900))
	require.Eventually(b.t, func() bool {
		return eval[float64](b, `Math.max(...[...document.querySelectorAll(".uplot")].map(u => u.clientWidth))`) < 400
	}, 5*time.Second, 20*time.Millisecond)
	assert.LessOrEqual(b.t, eval[int](b, "document.documentElement.scrollWidth"), 400)
	assert.Greater(b.t, b.pixels("latency", "p95"), 100)
}

func aTextIsThereForEachPlot(b *tab, res *llmperf.Result) {
	texts := eval[[]string](b, `[...document.querySelectorAll(".plot")].map(p => p.getAttribute("aria-label"))`)
	require.Len(b.t, texts, 9)
	assert.Contains(b.t, texts[0], "saturates at 80 users")
	assert.Contains(b.t, texts[0], "p95 goes from "+seconds(res.Steps[0].Latency.P95)+" to "+seconds(res.Steps[9].Latency.P95))
	assert.Zero(b.t, eval[int](b, `[...document.querySelectorAll("figure")].filter(f => !document.getElementById(f.getAttribute("aria-labelledby"))).length`), "each figure has its name")
	assert.Zero(b.t, eval[int](b, `[...document.querySelectorAll("button")].filter(b => !b.textContent.trim()).length`))
	assert.Zero(b.t, eval[int](b, `[...document.querySelectorAll("td .mark")].filter(m => !m.getAttribute("aria-label") && !m.parentElement.textContent.match(/pass|fail|inconclusive/)).length`), "no verdict is a colour or a sign alone")
}

// big is the page of 20 steps of 100,000 requests each, over 20 hours.
func big(t *testing.T) []byte {
	m := &report.Model{
		Name: "big", Verdict: "pass", Sentence: "All SLOs hold.", Unit: "users", Confidence: 0.95, Growth: "linear",
		Limits: report.Limits{Ratio: 2, Quantile: 0.95, Latency: 5, Failures: 0.01}, Percentiles: report.Percentiles(),
		Timeline: report.Timeline{Width: 10, Every: 8},
	}
	r := rand.New(rand.NewPCG(1, 1))
	metric := func(median, sigma float64) *report.Metric {
		times := make([]float64, 100_000)
		for i := range times {
			times[i] = median * math.Exp(sigma*r.NormFloat64())
		}
		slices.Sort(times)
		at := func(p float64) report.Estimate {
			v := times[int(p*float64(len(times)))-1]
			return report.Estimate{Seen: v, Low: 0.99 * v, High: 1.01 * v}
		}
		return &report.Metric{
			N: len(times), Min: times[0], P50: at(0.5), P95: at(0.95), P99: at(0.99), Max: times[len(times)-1],
			CDF: report.CDF(times), Histogram: report.NewHistogram(times),
		}
	}
	for i := range 20 {
		users := float64(10 * (i + 1))
		m.Steps = append(m.Steps, report.Step{
			Name: fmt.Sprintf("users=%g", users), Label: fmt.Sprint(users), Load: fmt.Sprintf("%g users", users), Level: users,
			Begin: float64(i) * 3600, From: float64(i)*3600 + 10, Until: float64(i+1) * 3600,
			Requests: 101_000, Failed: 1000, Failures: map[string]int{"timeout": 600, "status 503": 400}, FailureRate: report.Estimate{Seen: 0.0099, Low: 0.0094, High: 0.0104},
			RPS: 28, Throughput: 27.8, OutputTokens: 2780,
			Latency: metric(1+0.2*float64(i), 0.4), TTFT: metric(0.1+0.05*float64(i), 0.6), ITL: metric(0.02, 0.1),
		})
	}
	for i := range 1800 {
		at := float64(i+1) * 40
		line := &m.Timeline
		line.At, line.Load = append(line.At, at), append(line.Load, math.Ceil(at/3600)*10)
		line.InFlight, line.Requests, line.Failed = append(line.InFlight, 40), append(line.Requests, 280), append(line.Failed, 3)
		line.P50, line.P95 = append(line.P50, report.Round(1+at/36000)), append(line.P95, report.Round(2+at/18000+r.Float64()))
		line.Cumulative = append(line.Cumulative, report.Round(2.5+at/18000))
	}
	var page bytes.Buffer
	require.NoError(t, report.Write(&page, m))
	return page.Bytes()
}
