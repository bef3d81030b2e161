package llmperf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/report"
	"llmperf.dev/llmperf/internal/stats"
)

// withOutcomes is a made-up result with its outcomes.
func withOutcomes(r *Result, slos ...SLO) *Result {
	r.Outcomes = r.Check(slos...)
	r.Saturation = locateSaturation(r.Steps, r.scenario)
	r.Growth, r.Plateau = growthOf(r.Steps, r.scenario), throughputPlateau(r.Steps)
	r.Health = healthOf(r, r.scenario.Confidence)
	return r
}

// rising is a result of three steps, of which the last fails now and then.
func rising() *Result {
	return madeResult(
		beside(usual, func(m *made) { m.users = 10 }),
		beside(usual, func(m *made) { m.users, m.median = 20, 3*time.Second }),
		beside(usual, func(m *made) { m.users, m.median, m.failed = 30, 5*time.Second, 9 }),
	)
}

func TestAReportHasTheResultsNumbers(t *testing.T) {
	r := rising()
	r.Timeline = []Window{{At: 5 * time.Second, Users: 10, InFlight: 7, Requests: 4, Failed: 1, P50: 1234567890, P95: 2 * time.Second, Cumulative: 3 * time.Second}}
	r.Steps[2].Overhead = OverheadStats{
		Correlation: "header", Calls: 1, Total: lognormal(100, 50*time.Millisecond, 0.1), Before: lognormal(100, 30*time.Millisecond, 0.1),
		BetweenCalls: lognormal(100, 5*time.Millisecond, 0.1), After: lognormal(100, 15*time.Millisecond, 0.1), Upstream: lognormal(100, time.Second, 0.1),
	}
	m := withOutcomes(r).model()
	require.Len(t, m.Steps, len(r.Steps))
	for i, step := range m.Steps {
		want := &r.Steps[i]
		assert.Equal(t, []any{want.Name, want.Load.String(), want.Load.level()}, []any{step.Name, step.Load, step.Level})
		assert.Equal(t, []any{want.Requests, want.Failed, want.Failures}, []any{step.Requests, step.Failed, step.Failures})
		assert.Equal(t, []float64{want.RPS, want.Throughput, want.OutputTokensPerSecond}, []float64{step.RPS, step.Throughput, step.OutputTokens})
		assert.Equal(t, want.failures(0.95).Interval, stats.Interval{Low: step.FailureRate.Low, Estimate: step.FailureRate.Seen, High: step.FailureRate.High})
		for _, metric := range []struct {
			got  *report.Metric
			want *Distribution
		}{{step.Latency, &want.Latency}, {step.TTFT, &want.TTFT}, {step.ITL, &want.ITL}} {
			got, d := metric.got, metric.want
			assert.Equal(t, []any{d.N, d.Min.Seconds(), d.Max.Seconds()}, []any{got.N, got.Min, got.Max})
			assert.Equal(t, []float64{d.P50.Seconds(), d.P90.Seconds(), d.P95.Seconds(), d.P99.Seconds()}, []float64{got.P50.Seen, got.P90, got.P95.Seen, got.P99.Seen})
			for p, e := range map[float64]report.Estimate{0.50: got.P50, 0.95: got.P95, 0.99: got.P99} {
				bounds := d.quantile(p, 0.95)
				assert.Equal(t, bounds.Low/1e9, e.Low, "p%g", 100*p)
				assert.Equal(t, bounds.High/1e9, e.High, "p%g", 100*p)
				assert.Less(t, e.Low, e.Seen)
			}
			sum := 0
			for _, n := range got.Histogram.Counts {
				sum += n
			}
			assert.Equal(t, d.N, sum, "the histogram counts every request")
			assert.Equal(t, report.Round(d.Max.Seconds()), got.CDF[len(got.CDF)-1])
		}
	}
	assert.Equal(t, 2*r.Steps[0].Latency.P95.Seconds(), m.Limits.Latency, "the limit is twice the first step's p95")
	assert.Equal(t, report.Saturation{At: 30, LastBelow: 20, FirstOver: 30}, m.Saturation)
	assert.Equal(t, string(r.Growth), m.Growth)
	assert.Equal(t, report.Timeline{
		Width: 10, Every: 1, At: []float64{5}, Load: []float64{10}, InFlight: []int{7}, Requests: []int{4}, Failed: []int{1},
		P50: []float64{1.23457}, P95: []float64{2}, Cumulative: []float64{3},
	}, m.Timeline)
	assert.Nil(t, m.Steps[0].Overhead, "where it is not known, nothing is said of it")
	assert.Equal(t, []string{"before", "between calls", "after", "upstream"}, partNames(m.Steps[2].Overhead))
	assert.Equal(t, r.Steps[2].Overhead.Before.P95.Seconds(), m.Steps[2].Overhead.Parts[0].Spread.P95)
}

func partNames(o *report.Overhead) []string {
	var names []string
	for _, p := range o.Parts {
		names = append(names, p.Name)
	}
	return names
}

// TestTheSharesOfARequestsTimeAddUp: whatever part of the requests made a call,
// the means of the parts are the mean of the whole.
func TestTheSharesOfARequestsTimeAddUp(t *testing.T) {
	var samples []metricValues
	for range 5 {
		samples = append(samples, metricValues{})
	}
	total, before, between, after, upstream := &samples[0], &samples[1], &samples[2], &samples[3], &samples[4]
	whole := 0.0
	r := rand.New(rand.NewPCG(1, 2))
	add := func(m *metricValues, ns float64) { m.known = append(m.known, stats.Observation{Value: math.Round(ns)}) }
	const n = 500
	for i := range n {
		b, c, a, u := r.Float64()*1e8, r.Float64()*1e6, r.Float64()*1e7, r.Float64()*1e9
		if i%4 == 0 { // a request that made no call is the service's own
			add(total, b)
			whole += b
			continue
		}
		add(before, b)
		add(between, c)
		add(after, a)
		add(upstream, u)
		add(total, b+c+a)
		whole += b + c + a + u
	}
	s := &Step{}
	s.Overhead = OverheadStats{
		Correlation: "prompt", Total: total.distribution(), Before: before.distribution(), BetweenCalls: between.distribution(),
		After: after.distribution(), Upstream: upstream.distribution(),
	}
	o := whereTimeWent(s)
	sum := 0.0
	for _, p := range o.Parts {
		sum += p.Mean
	}
	assert.InDelta(t, whole/n/1e9, sum, 10e-9, "but for rounding to nanoseconds")
	assert.Equal(t, []string{"before", "between calls", "after", "no call", "upstream"}, partNames(o))
}

func TestAStepsLabelIsItsNameInShort(t *testing.T) {
	r := madeResult(usual, usual, usual, usual, usual)
	for i, name := range []string{"users=50", "users=1-60", "users=50_2", "evening", "rate=2.5"} {
		r.Steps[i].Name = name
	}
	var labels []string
	for _, s := range r.model().Steps {
		labels = append(labels, s.Label)
	}
	assert.Equal(t, []string{"50", "1-60", "50_2", "evening", "2.5"}, labels)
}

func TestALongTimelineKeepsItsPeaks(t *testing.T) {
	windows := make([]Window, 17_280) // a day
	highest := time.Duration(0)
	for i := range windows {
		windows[i] = Window{At: time.Duration(i+1) * windowEvery, P95: time.Duration(1000+(i*7919)%5000) * time.Millisecond}
		highest = max(highest, windows[i].P95)
	}
	timeline := timelineOf(windows)
	assert.Equal(t, 9, timeline.Every, "and the page says so")
	assert.LessOrEqual(t, len(timeline.At), mostWindows)
	assert.IsIncreasing(t, timeline.At)
	for i, p95 := range timeline.P95 {
		for _, w := range windows[9*i : min(9*i+9, len(windows))] {
			require.LessOrEqual(t, report.Round(w.P95.Seconds()), p95)
		}
	}
	assert.Equal(t, []float64{5, 10}, timelineOf(windows[:2]).At, "a short one is there in full")
}

func TestTheVerdictOnARunIsOneSentence(t *testing.T) {
	few := func() *Result {
		return madeResult(beside(usual, func(m *made) { m.requests = 40 }), beside(usual, func(m *made) { m.users, m.requests = 60, 40 }))
	}
	none := madeResult(beside(usual, func(m *made) { m.requests, m.failed = 20, 20 }))
	tests := []struct {
		name, reason string
		result       *Result
		verdict      string
		sentence     string
	}{
		{"pass", "one", withOutcomes(rising(), Latency.P95Below(time.Minute)), "pass", "The SLO holds: latency p95 < 60 s."},
		{"both pass", "two", withOutcomes(rising(), Latency.P95Below(time.Minute), TailRatioBelow(5)), "pass", "Both SLOs hold."},
		{"all pass", "three", withOutcomes(rising(), Latency.P95Below(time.Minute), TailRatioBelow(5), TTFT.P50Below(time.Minute)), "pass", "All 3 SLOs hold."},
		{"fail", "where is said of a single one", withOutcomes(rising(), Latency.P95Below(6*time.Second), TailRatioBelow(5)), "fail", "1 of 2 SLOs does not hold: latency p95 < 6 s at 30 users."},
		{"fail everywhere", "so many places are one", withOutcomes(rising(), Latency.P95Below(time.Second)), "fail", "The SLO does not hold: latency p95 < 1 s at every step."},
		{"fail and undecided", "of two it is not said where", withOutcomes(few(), Latency.P95Below(time.Second), Latency.P50Below(time.Second), Latency.P99Below(time.Minute)), "fail",
			"2 of 3 SLOs do not hold: latency p95 < 1 s and latency p50 < 1 s; 1 more lacks evidence."},
		{"undecided", "is not a pass", withOutcomes(few(), Latency.P99Below(time.Minute), Latency.P50Below(time.Minute)), "inconclusive", "1 of 2 SLOs lacks evidence: latency p99 < 60 s at every step."},
		{"none given", "is no verdict", withOutcomes(rising()), "", "No SLO was given, so nothing was judged."},
		{"nothing succeeded", "is no matter of SLOs", withOutcomes(none), "fail", "None of the 20 requests succeeded."},
		{"nothing measured", "proves nothing", madeResult(), "fail", "No request was measured, so nothing was proved."},
		{"aborted", "comes before all else", &Result{Aborted: "all of the first 30 requests failed"}, "aborted", "The run was aborted: all of the first 30 requests failed."},
		{"aborted at length", "a headline is short", &Result{Aborted: "because\nof this"}, "aborted", "The run was aborted."},
		{"unknown", "a verdict that is not known yet is shown as it is", &Result{
			Total:    Stats{Requests: 9},
			Outcomes: []Outcome{{Name: "a", Want: "a", Verdict: Pass}, {Name: "b", Want: "b", Verdict: "not run"}},
		}, "not run", "1 of 2 SLOs holds; the others: not run."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := tt.result.model()
			assert.Equal(t, tt.verdict, m.Verdict, tt.reason)
			assert.Equal(t, tt.sentence, m.Sentence, tt.reason)
		})
	}
}

func TestAnOutcomesNoteIsWhatTheFiguresDoNotSay(t *testing.T) {
	few := madeResult(beside(usual, func(m *made) { m.requests = 40 }))
	for _, tt := range []struct {
		reason string
		slo    SLO
		want   report.Outcome
	}{
		{"what would decide it", Latency.P95Below(time.Minute), report.Outcome{
			Verdict: "inconclusive", Step: "users=50", Where: "50 users", Seen: "2.8 s", Interval: "2.66 s – no upper bound", N: "40", Effective: "40",
			Note: "a p95 can be proved from 59 independent requests on, and this step has 40: hold it 1.5x as long",
		}},
		{"a pass needs none", Latency.P50Below(time.Minute), report.Outcome{
			Verdict: "pass", Step: "users=50", Where: "50 users", Seen: "1.98 s", Interval: "1.86 s – 2.1 s", N: "40", Effective: "40",
		}},
		{"why nothing could be judged", ICL.P95Below(time.Second), report.Outcome{
			Verdict: "fail", Step: "users=50", Where: "users=50", Seen: "nothing measured", N: "0", Effective: "0",
			Note: "icl_p95 cannot be judged: the target never reported ICL in the 40 successful requests",
		}},
	} {
		assert.Equal(t, tt.want, outcomeOf(&few.Check(tt.slo)[0]), tt.reason)
	}
}

// allKinds are results of all kinds, as far as their form goes.
func allKinds() map[string]*Result {
	many := make([]made, 50)
	for i := range many {
		many[i] = made{users: i + 1, requests: 100, median: time.Second, sigma: 0.2}
	}
	open := rising()
	for i := range open.Steps {
		s := &open.Steps[i]
		s.Load = Load{Rate: float64(10 * (i + 1)), Hold: time.Minute}
		s.Arrivals = ArrivalStats{Due: s.Load.Rate, Sent: s.Load.Rate, Delay: lognormal(100, time.Millisecond, 0.2), Service: s.Latency, Held: i}
	}
	plain := rising()
	for i := range plain.Steps {
		s := &plain.Steps[i]
		s.TTFB, s.TTFT, s.ITL, s.TPOT = Distribution{}, Distribution{}, Distribution{}, Distribution{}
	}
	mixed := rising()
	for i := range mixed.Steps {
		mixed.Steps[i].Targets = []TargetStats{{Name: "chat", Stats: mixed.Steps[i].Stats}, {Name: "embed"}}
	}
	mixed.Targets = mixed.Steps[0].Targets
	ramps := rising()
	ramps.Steps[0].Load.FromUsers, ramps.Steps[1].Load.FromUsers = 1, 10
	virtual := rising()
	virtual.Virtual, virtual.Digest = true, "0123456789abcdef"
	totals := rising()
	totals.Steps[1].Overhead = OverheadStats{Correlation: byTotals, Calls: 2, Seen: 10, Unknown: 3, Mean: time.Second, Upstream: lognormal(20, time.Second, 0.1)}
	aborted := rising()
	aborted.Aborted = "the test's deadline is near"
	slos := SLOs{Latency.P95Below(4 * time.Second), FailureRateBelow(0.001), TTFT.P95Below(time.Second), GrowthAtMost(Linear)}
	kinds := map[string]*Result{
		"one step": madeResult(usual), "fifty steps": madeResult(many...), "no step": {Aborted: "nothing works"}, "aborted": aborted, "open loop": open,
		"not streaming": plain, "all failed": madeResult(beside(usual, func(m *made) { m.failed = m.requests })), "a mix": mixed, "ramps": ramps, "virtual": virtual,
		"totals": totals, "the same load": madeResult(usual, usual), "the zero result": {},
	}
	for _, r := range kinds {
		withOutcomes(r, slos...)
	}
	return kinds
}

func TestResultsOfAllKindsHaveAReport(t *testing.T) {
	for name, r := range allKinds() {
		t.Run(name, func(t *testing.T) {
			var page bytes.Buffer
			require.NoError(t, r.WriteReport(&page))
			_, sentence := r.sentence(slosOf(r.Outcomes))
			assert.Contains(t, strings.ReplaceAll(page.String(), "\u00a0", " "), "<h1>"+html.EscapeString(sentence)+"</h1>")
			assert.NotContains(t, page.String(), "NaN")
		})
	}
}

func TestTheReportOfAResultReadBackHasItsPercentiles(t *testing.T) {
	data, err := json.Marshal(withOutcomes(rising()))
	require.NoError(t, err)
	var back Result
	require.NoError(t, json.Unmarshal(data, &back))
	for i, s := range back.model().Steps {
		assert.Equal(t, back.Steps[i].Latency.P95.Seconds(), s.Latency.P95.Seen)
	}
}

// In a golden file an array of numbers takes one line, and a number nine digits:
// the last ones are not the same on every machine.
var (
	arrays  = regexp.MustCompile(`\[\s+(-?[\d.e+-]+,?\s+)+\]`)
	numbers = regexp.MustCompile(`\d+\.\d{9,}(e[+-]\d+)?`)
)

func TestTheModelOfASmallRun(t *testing.T) {
	small := func(users int, median time.Duration, failed int) made {
		return made{users: users, requests: 60, failed: failed, median: median, sigma: 0.3}
	}
	r := withOutcomes(madeResult(small(10, time.Second, 0), small(20, 3*time.Second, 2)), Latency.P95Below(2*time.Second), FailureRateBelow(0.01))
	r.Name, r.Elapsed, r.Started = "TestCapacity", 2*time.Minute, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	r.Timeline = []Window{{At: 5 * time.Second, Users: 10, Requests: 6, P50: time.Second, P95: 2 * time.Second, Cumulative: 2 * time.Second}}
	data, err := json.MarshalIndent(r.model(), "", " ")
	require.NoError(t, err)
	text := arrays.ReplaceAllStringFunc(string(data), func(a string) string { return strings.Join(strings.Fields(a), " ") })
	text = numbers.ReplaceAllStringFunc(text, func(n string) string {
		v, err := strconv.ParseFloat(n, 64)
		require.NoError(t, err)
		return strconv.FormatFloat(v, 'g', 9, 64)
	})
	golden(t, "report/model.json", text+"\n")
}

// big is a result of so many steps of so many requests, with three metrics each.
func big(steps, requests int) *Result {
	r := madeResult()
	for i := range steps {
		values := func(median time.Duration, sigma float64) Distribution {
			measured := make([]stats.Observation, requests)
			for j, v := range logNormals(requests, median, sigma) {
				measured[j] = stats.Observation{User: j % (10 * (i + 1)), Value: v}
			}
			return observe(measured)
		}
		median := time.Duration(i+1) * time.Second
		s := Step{
			Index: i, Name: fmt.Sprintf("users=%d", 10*(i+1)), Load: Load{Users: 10 * (i + 1), Hold: time.Hour},
			Begin: time.Duration(i) * time.Hour, From: time.Duration(i) * time.Hour, Until: time.Duration(i+1) * time.Hour,
			Stats: Stats{Requests: requests, Seconds: 3600, RPS: float64(requests) / 3600, Latency: values(median, 0.6), TTFT: values(median/8, 0.8), ITL: values(median/100, 0.2)},
		}
		r.Steps = append(r.Steps, s)
		r.Total.Requests += requests
	}
	for i := range steps * int(time.Hour/windowEvery) {
		r.Timeline = append(r.Timeline, Window{
			At: time.Duration(i+1) * windowEvery, Users: 10, InFlight: 9, Requests: 278, RPS: 27.8,
			P50: time.Duration(1e9 + i*12345), P95: time.Duration(2e9 + i*23456), Cumulative: time.Duration(2e9 + i*3456),
		})
	}
	return r
}

func TestAReportOfTwoMillionRequestsIsSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("sorts six million numbers")
	}
	var page bytes.Buffer
	require.NoError(t, big(20, 100_000).WriteReport(&page))
	t.Logf("%d bytes", page.Len())
	assert.Less(t, page.Len(), 2_000_000)
}

// BenchmarkReport writes the report of a run of a million requests.
func BenchmarkReport(b *testing.B) {
	r := withOutcomes(big(10, 100_000))
	var page bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		page.Reset()
		require.NoError(b, r.WriteReport(&page))
	}
	b.ReportMetric(float64(page.Len()), "page-bytes")
}
