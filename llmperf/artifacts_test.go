package llmperf

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

// odd is a service that gets slower with every user, sheds a few requests, and
// whose name and errors hold what formats take for their own.
type odd struct{}

func (odd) String() string { return "a service|with `marks`, <b>tags</b>\nand lines" }

func (odd) Send(_ context.Context, c *Call) error {
	time.Sleep(10 * time.Millisecond)
	c.FirstByte()
	for range 4 {
		time.Sleep(time.Duration(40+c.Rand().IntN(20)) * time.Millisecond * time.Duration(10+c.User()) / 10)
		c.Tokens(5)
	}
	if c.Rand().IntN(50) == 0 {
		return &Failure{Class: FailStatus, Status: 503, Err: errors.New("busy | try `later`, <script>*now*</script>")}
	}
	return nil
}

// oddRun simulates a small run of the odd service and judges it.
func oddRun(t *testing.T) *Result {
	t.Helper()
	slos := SLOs{
		Latency.P95Below(time.Second), TTFT.P95Below(70 * time.Millisecond), Guard(Latency.P99Below(900 * time.Millisecond)),
		UpTo(5, TailRatioBelow(1.5)), FailureRateBelow(0.02), GrowthAtMost(Linear),
	}
	sim := simulate(t, func(*testing.T) Scenario {
		return Scenario{
			Target: odd{}, Profile: StepProfile{StepUsers: 5, StepTime: 30 * time.Second, MaxUsers: 10}, Warmup: 5 * time.Second,
			Think: Constant(100 * time.Millisecond), Strictness: PassInconclusive,
		}
	}, new(output), task{
		plan:    func(s Scenario) (Scenario, error) { return plan(s, slos.checks(), time.Time{}) },
		prepare: func(*measurement) {},
	})
	res := sim.result
	res.Name, res.Outcomes = "TestOdd", res.Check(slos)
	res.pkg, res.files = "llmperf.dev/odd", []string{"result.json", "summary.md"}
	return res
}

func TestTheFilesOfARunAreAsTheyWere(t *testing.T) {
	res := oddRun(t)
	require.Contains(t, res.Total.Failures, "status 503")
	bench, err := res.benchText()
	require.NoError(t, err)
	golden(t, filepath.Join("artifacts", "bench.txt"), string(bench))
	golden(t, filepath.Join("artifacts", "summary.md"), res.summary())
}

func TestTheFilesOfASimulatedRunRepeatToTheLastByte(t *testing.T) {
	first := oddRun(t)
	for range 2 {
		again := oddRun(t)
		for _, a := range artifacts {
			want, err := a.render(first)
			require.NoError(t, err)
			got, err := a.render(again)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got), a.name)
		}
	}
}

// readLog reads a log of HdrHistogram, by tag.
func readLog(t *testing.T, log []byte) map[string]*hdrhistogram.Histogram {
	t.Helper()
	lines := map[string]*hdrhistogram.Histogram{}
	reader := hdrhistogram.NewHistogramLogReader(bytes.NewReader(log))
	for {
		h, err := reader.NextIntervalHistogram()
		require.NoError(t, err)
		if h == nil {
			return lines
		}
		assert.NotContains(t, lines, h.Tag())
		lines[h.Tag()] = h
	}
}

// countUpTo is how many values of h are at most v.
func countUpTo(h *hdrhistogram.Histogram, v float64) (n int64) {
	for _, bar := range h.Distribution() {
		if float64(bar.To) <= v {
			n += bar.Count
		}
	}
	return n
}

func TestTheHistogramLogHoldsWhatWasMeasured(t *testing.T) {
	res := oddRun(t)
	log, err := res.histogramLog()
	require.NoError(t, err)
	assert.Regexp(t, `^#\[llmperf: times of TestOdd, in nanoseconds\]\n#\[Histogram log format version 1\.3\]\n#\[BaseTime: 1893456000\.000 \(seconds since epoch\)\]\n#\[StartTime: 1893456000\.000 \(seconds since epoch\), 2030-01-01T00:00:00Z\]\n"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\nTag=users=5/latency,`, string(log))

	lines := readLog(t, log)
	assert.Len(t, lines, 2*6, "two steps, and all metrics but overhead")
	for i := range res.Steps {
		s := &res.Steps[i]
		for _, m := range metrics {
			d := m.of(&s.Stats)
			if d.N == 0 {
				continue
			}
			h := lines[s.Name+"/"+string(m)]
			require.NotNil(t, h, m)
			assert.EqualValues(t, d.N, h.TotalCount(), m)
			for p, v := range map[float64]time.Duration{0.5: d.P50, 0.9: d.P90, 0.95: d.P95, 0.99: d.P99, 1: d.Max} {
				rank := int64(stats.NearestRank(d.N, p))
				assert.GreaterOrEqual(t, countUpTo(h, 1.001*float64(v)), rank, "%s: p%g to three digits", m, 100*p)
				assert.Less(t, countUpTo(h, 0.999*float64(v)), rank, "%s: p%g to three digits", m, 100*p)
			}
			assert.Equal(t, res.Started.Add(s.From).UnixMilli(), h.StartTimeMs())
			assert.Equal(t, res.Started.Add(s.Until).UnixMilli(), h.EndTimeMs())
		}
	}
	most := regexp.MustCompile(`Tag=users=5/latency,[\d.]+,[\d.]+,([\d.]+),`).FindSubmatch(log)
	require.NotNil(t, most)
	millis, err := time.ParseDuration(string(most[1]) + "ms")
	require.NoError(t, err)
	assert.InEpsilon(t, res.Steps[0].Latency.Max, millis, 0.001, "the highest value is in milliseconds")
}

func TestTheHistogramLogTellsTargetsAndAnOpenLoopsDelaysApart(t *testing.T) {
	parts := Mix{{Name: "chat", Weight: 1, Target: takes(300 * time.Millisecond)}, {Name: "embed", Weight: 1, Target: takes(20 * time.Millisecond)}}
	res, _ := watched(t, Scenario{Target: parts, Profile: list{{Rate: 20, Hold: 30 * time.Second, Name: "at,once"}}, Warmup: NoWarmup})
	log, err := res.histogramLog()
	require.NoError(t, err)
	lines := readLog(t, log)
	for i, name := range []string{"chat", "embed"} {
		require.Contains(t, lines, "at_once/"+name+"/latency", "a comma would end the tag")
		assert.EqualValues(t, res.Steps[0].Targets[i].Succeeded(), lines["at_once/"+name+"/latency"].TotalCount())
	}
	assert.EqualValues(t, res.Steps[0].Requests, lines["at_once/dispatch_delay"].TotalCount())
	assert.EqualValues(t, res.Steps[0].Requests, lines["at_once/service_latency"].TotalCount())
}

func TestTagsAreWhatEveryReaderTakesForOne(t *testing.T) {
	for name, want := range map[string]string{
		"users=50/ttft":             "users=50/ttft",
		"rate=2.5/p/latency":        "rate=2.5/p/latency",
		"a,b c\td\ne\u00a0f\u2028g": "a_b_c_d_e_f_g",
	} {
		assert.Equal(t, want, logTag(name))
	}
}

// benchLine matches a line of a benchmark, of which it captures the name, the
// iterations and the mean.
var benchLine = regexp.MustCompile(`(?m)^(Benchmark\S+)\t +(\d+)\t +(\d+) ns/op\t.*%$`)

func TestABenchmarkHasSixPartsThatMakeUpItsStep(t *testing.T) {
	res := oddRun(t)
	for i := range res.Steps {
		s := &res.Steps[i]
		parts := s.parts()
		require.Equal(t, benchParts, len(parts))
		requests, failed, tokens, sum := 0, 0, 0, 0.0
		for _, part := range parts {
			assert.GreaterOrEqual(t, part.Succeeded(), benchLeast)
			assert.InDelta(t, s.Seconds/benchParts, part.Seconds, 1e-6)
			requests += part.Requests
			failed += part.Failed
			tokens += part.OutputTokens
			sum += float64(part.Latency.Mean) * float64(part.Succeeded())
		}
		assert.Equal(t, s.Requests, requests, "every request is in one part")
		assert.Equal(t, s.Failed, failed)
		assert.Equal(t, s.OutputTokens, tokens)
		assert.InDelta(t, float64(s.Latency.Mean), sum/float64(s.Succeeded()), 10, "but for nanoseconds of rounding")
	}
	text, err := res.benchText()
	require.NoError(t, err)
	lines := benchLine.FindAllStringSubmatch(string(text), -1)
	assert.Len(t, lines, 2*benchParts)
	assert.Equal(t, "BenchmarkOdd/users=5", lines[0][1])
}

func TestAShortStepHasFewerParts(t *testing.T) {
	tests := []struct {
		seconds int
		parts   int
		reason  string
	}{
		{3, 1, "less than 20 requests are one part"},
		{30, 1, "30 requests are one part of 20 and more"},
		{50, 2, "50 are two"},
		{600, 6, "and 600 are six"},
	}
	for _, tt := range tests {
		res, _ := watched(t, Scenario{Target: takes(900 * time.Millisecond), Profile: list{{Users: 1, Hold: time.Duration(tt.seconds) * time.Second}}, Warmup: NoWarmup, Think: Constant(99 * time.Millisecond)})
		s := res.Steps[0]
		s.From = 0
		assert.Equal(t, tt.parts, len(s.parts()), "%s: %d", tt.reason, s.Requests)
	}
}

func TestAPartWithoutASuccessHasNoTimes(t *testing.T) {
	res, _ := watched(t, Scenario{
		Target: TargetFunc(func(_ context.Context, c *Call) error {
			time.Sleep(100 * time.Millisecond)
			if c.Number() >= 100 {
				return errors.New("down")
			}
			return nil
		}), Profile: list{{Users: 1, Hold: time.Minute}}, Warmup: NoWarmup, Think: Constant(100 * time.Millisecond),
	})
	text, err := res.benchText()
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^Benchmark/users=1\t +\d+\t +0 req/s\t +100 failed-%$`, string(text), "nor is a mean of nothing 0")
	assert.NotContains(t, string(text), "NaN")
	assert.NotContains(t, string(text), "tokens/s\t", "nothing streamed")
}

func TestTwoRunsToBeComparedHaveOneConfiguration(t *testing.T) {
	config := func(r Result) string {
		text, err := r.benchText()
		require.NoError(t, err)
		head, _, _ := strings.Cut(string(text), "Unit ")
		return head
	}
	local := config(Result{pkg: "a/b", Target: "OpenAI m at http://127.0.0.1:43210/v1"})
	assert.Regexp(t, "^goos: .+\ngoarch: .+\npkg: a/b\ntarget: OpenAI m at http://127.0.0.1/v1\ntime: real\n$", local)
	assert.Equal(t, local, config(Result{pkg: "a/b", Target: "OpenAI m at http://127.0.0.1:9/v1", Seed: 7}), "an in-process server's port is by chance")
	assert.Equal(t, "target: OpenAI m at http://[::1]/v1\ntime: virtual\n", config(Result{Target: "OpenAI m at http://[::1]:1/v1", Virtual: true}), "in virtual time every machine gives the same")
	assert.Contains(t, config(Result{Target: "OpenAI m at https://llm.example:8443/v1"}), "https://llm.example:8443/v1")
}

func TestBenchmarksAreNamedAsStepsAre(t *testing.T) {
	for _, tt := range [][3]string{
		{"TestCapacity", "users=50", "BenchmarkCapacity/users=50"},
		{"TestCapacity/sub", "rate=2.5", "BenchmarkCapacity/sub/rate=2.5"},
		{"TestCapacity", "users=40-50", "BenchmarkCapacity/users=40_50"}, // or 50 would be the processors
		{"TestCapacity", "spike-test", "BenchmarkCapacity/spike-test"},
	} {
		assert.Equal(t, tt[2], benchName(tt[0], tt[1]))
	}
}

func TestFoldersAreNamedSoThatEverySystemTakesThem(t *testing.T) {
	assert.Equal(t, "TestCapacity_users=50_a_b_", folderName(`TestCapacity/users=50/a:b?`))
}

func TestAFileIsWholeOrAbsent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "result.json")
	require.NoError(t, writeWhole(path, []byte("old")))
	require.NoError(t, writeWhole(path, []byte("new")))
	require.Error(t, writeWhole(filepath.Join(dir, "absent", "result.json"), nil))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file is left")
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	assert.Equal(t, "new", string(data))
}
