package llmperf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// smallFile is the text of a file of two runs of two steps, as it was made on
// another machine.
func smallFile(t *testing.T) string {
	t.Helper()
	loads := func(requests int) []made {
		return []made{{users: 10, requests: requests, median: 2 * time.Second, sigma: 0.3}, {users: 20, requests: requests + 7, median: 3 * time.Second, sigma: 0.3}}
	}
	two := func(path string) SLO { return NoRegression(path, Latency.P95SlowerBy(0.1), TTFT.P95SlowerBy(0.2)) }
	path := storedIn(t, two, madeResult(loads(100)...), madeResult(loads(110)...))
	f, err := readStored(path)
	require.NoError(t, err)
	f.Alike.Target, f.Alike.Settings = "OpenAI small, chat/completions", "Extra ignore_eos (f16dae1b)"
	for i := range f.Runs {
		run := &f.Runs[i]
		run.Started, run.Machine, run.Go, run.Llmperf, run.Revision = "2026-03-01T12:00:00Z", "linux/amd64, 2 CPUs, A Processor", "go1.26.0", "v0.1.0", "0a1b2c3d"
		run.Host = "llm.example.com"
	}
	text, err := f.encode()
	require.NoError(t, err)
	return string(text)
}

// TestAStoredFileReadsWell: what changes from run to run is a line for each thing
// that was measured, plain figures first.
func TestAStoredFileReadsWell(t *testing.T) {
	text := smallFile(t)
	// What deflate makes of a histogram may change with Go, and means the same.
	histogram := regexp.MustCompile(`"histogram":"[A-Za-z0-9+/=]+"`)
	golden(t, filepath.Join("regression", "small.json"), histogram.ReplaceAllString(text, `"histogram":"…"`))

	f, err := parseStored([]byte(text))
	require.NoError(t, err)
	again, err := f.encode()
	require.NoError(t, err)
	assert.Equal(t, text, string(again), "what is read is written as it was")
	require.Less(t, strings.Count(text, "\n"), 50)
}

// TestAFileOfAVersionBeforeIsComparedWith: what such a file does not have is not
// known, and no difference.
func TestAFileOfAVersionBeforeIsComparedWith(t *testing.T) {
	slo := func(path string) SLO { return NoRegression(path) }
	run := func(requests int) *Result {
		r := usually(requests, 1)
		r.scenario.Target = OpenAI{BaseURL: "https://llm.example.com/v1", Model: "small", Extra: map[string]any{"ignore_eos": true}}
		return r
	}
	path := storedIn(t, slo, run(1200), run(1210), run(1220))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before := regexp.MustCompile(`(?m)^ *"(settings|host)": .*\n`).ReplaceAllString(string(text), "")
	require.Equal(t, 4, strings.Count(string(text), "\n")-strings.Count(before, "\n"), "the settings, and three hosts")
	require.NoError(t, os.WriteFile(path, []byte(before), 0o666))

	o := run(1230).Check(slo(path))[0]
	assert.Equal(t, Pass, o.Verdict, o.Message)
	assert.NotContains(t, o.Message, "not all is as it was")
	require.NoError(t, tryStore(run(1240), path, slo(path)))
	o = run(1230).Check(slo(path))[0]
	assert.Equal(t, Pass, o.Verdict, o.Message)
}

func TestARunOfTwentyStepsAndThreeMetricsIsSmall(t *testing.T) {
	loads := make([]made, 20)
	for i := range loads {
		loads[i] = made{users: 10 * (i + 1), requests: 600, median: 2 * time.Second, sigma: 0.5}
	}
	path := storedIn(t, func(path string) SLO {
		return NoRegression(path, Latency.P95SlowerBy(0.1), TTFT.P95SlowerBy(0.1), ITL.P95SlowerBy(0.1))
	}, madeResult(loads...))
	info, err := os.Stat(path)
	require.NoError(t, err)
	t.Logf("%d bytes", info.Size())
	assert.Less(t, info.Size(), int64(100_000))
}

func TestTheNewestFiveRunsAreKept(t *testing.T) {
	slo := func(path string) SLO { return NoRegression(path) }
	var all []*Result
	for i := range 7 {
		all = append(all, usually(300+i, 1))
	}
	path := storedIn(t, slo, all...)
	f, err := readStored(path)
	require.NoError(t, err)
	var counts []int
	for _, run := range f.Runs {
		counts = append(counts, run.Times[0].N)
	}
	assert.Equal(t, []int{302, 303, 304, 305, 306}, counts)

	said, err := usually(400, 1).storeIn(path, slo(path).checks())
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("no regression was judged: the run was stored in %s, as the last of 5 runs; the oldest was dropped", path), said)
	there, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, there, 1, "no temporary file is left")
}

func TestAVirtualRunTakesThePlaceOfThatOfItsSeed(t *testing.T) {
	slo := func(path string) SLO { return NoRegression(path) }
	path := storedIn(t, slo, virtual(1, usually(300, 1)), virtual(2, usually(301, 1)), virtual(3, usually(302, 1)))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(before), `"started"`, "the time is virtual")
	assert.NotContains(t, string(before), `"machine"`, "it makes no difference")

	said, err := virtual(2, usually(301, 1)).storeIn(path, slo(path).checks())
	require.NoError(t, err)
	assert.Contains(t, said, "the run is the same as the stored one of seed 2")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))

	said, err = virtual(2, usually(301, 1.5)).storeIn(path, slo(path).checks())
	require.NoError(t, err)
	assert.Contains(t, said, ", in the place of the one of seed 2")
	f, err := readStored(path)
	require.NoError(t, err)
	require.Len(t, f.Runs, 3)
	assert.EqualValues(t, []uint64{1, 2, 3}, []uint64{f.Runs[0].Seed, f.Runs[1].Seed, f.Runs[2].Seed})
	assert.Greater(t, f.Runs[1].Times[0].P95, 1.3*f.Runs[0].Times[0].P95)
}

func TestAFileThatIsWrongIsRefused(t *testing.T) {
	good := smallFile(t)
	const first = `run 1 of 2, "users=10/latency": `
	replaced := func(old, new string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, new, 1)
	}
	var f storedRuns
	require.NoError(t, json.Unmarshal([]byte(good), &f))
	encoded, other := f.Runs[0].Times[0].Histogram, f.Runs[1].Times[0].Histogram
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "line 1: unexpected end of JSON input"},
		{"cut off", good[:len(good)/2], "line 28: unexpected end of JSON input"},
		{"a conflict", replaced(`      "seed": 1,`, "<<<<<<< HEAD"), "line 16: invalid character '<'"},
		{"newer", replaced(`"schema": 1`, `"schema": 2`), "schema is 2: this version of llmperf reads 1"},
		{"a result", `{"schema": 1, "target": "x"}`, `unknown field "target"`},
		{"of another type", replaced(`"n":100`, `"n":"100"`), "line 25: json: cannot unmarshal string into Go struct field"},
		{"a wrong name", replaced(`"p95_ms"`, `"p95"`), `unknown field "p95"`},
		{"no runs", `{"schema": 1, "alike": {"steps": ["users=10: 10 users for 1m0s"]}, "runs": []}`, "runs has none"},
		{"no steps", `{"schema": 1, "runs": [{}]}`, "alike.steps has none"},
		{"no times", `{"schema": 1, "alike": {"steps": ["users=10: 10 users for 1m0s"]}, "runs": [{}]}`, "run 1 of 1: times has none"},
		{"another metric", replaced(`users=10/latency`, `users=10/speed`), `run 1 of 2, "users=10/speed": of: want a step and a metric`},
		{"another step", replaced(`users=10/latency`, `users=99/latency`), `run 1 of 2, "users=99/latency": alike.steps has no step "users=99"`},
		{"twice", replaced(`users=20/latency`, `users=10/latency`), `run 1 of 2, "users=10/latency": it is there twice`},
		{"fewer", replaced(`"n":100`, `"n":99`), first + "n is 99, and the histogram counts 100: want the same"},
		{"another p95", replaced(fmt.Sprintf(`"p95_ms":%v`, f.Runs[0].Times[0].P95), `"p95_ms":1000`), first + "p95_ms is 1000, and the histogram has "},
		{"a negative p99", replaced(fmt.Sprintf(`"p99_ms":%v`, f.Runs[0].Times[0].P99), `"p99_ms":-1e300`), first + "p99_ms is -1e+300, and the histogram has "},
		{"worth too much", replaced(`"n_effective":[`, `"n_effective":[1`), first + "n_effective is "},
		{"worth of some", replaced(`"n_effective":[`, `"n_effective":[5,`), first + "n_effective has 5 numbers"},
		{"another histogram", replaced(encoded, other), first + "n is 100, and the histogram counts 110"},
		{"no histogram", replaced(encoded, ""), first + "histogram: "},
		{"half a histogram", replaced(encoded, encoded[:len(encoded)/8*4]), first + "histogram: "},
		{"no base64", replaced(encoded, "????"), first + "histogram: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "capacity.json")
			require.NoError(t, os.WriteFile(path, []byte(tt.text), 0o666))
			_, err := readStored(path)
			require.ErrorContains(t, err, path+" cannot be read: ")
			require.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, tryStore(usually(300, 1), path, NoRegression(path)), tt.want, "nor is it written over")
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, tt.text, string(after))
		})
	}
}

// FuzzStoredRuns: whatever a file holds, it is refused or can be compared with.
func FuzzStoredRuns(f *testing.F) {
	slo := NoRegression("capacity.json", Latency.P95SlowerBy(0.1), TTFT.P50SlowerBy(0.1))
	r := madeResult(made{users: 10, requests: 100, median: time.Second, sigma: 0.3})
	run, err := r.toStore(slo.checks())
	require.NoError(f, err)
	good := &storedRuns{Schema: storedSchema, Alike: alikeOf(r.scenario, false, []string{stepText(r.Steps[0].Name, r.Steps[0].Load)}), Runs: []storedRun{run, run, run}}
	text, err := good.encode()
	require.NoError(f, err)
	f.Add(text)
	f.Add(bytes.Replace(text, []byte(`"n":100`), []byte(`"n":1`), 1))
	f.Add([]byte(`{"schema": 1, "alike": {"steps": [""]}, "runs": [{"times": [{"of": "/latency"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		stored, err := parseStored(data)
		if err != nil {
			return
		}
		_, err = stored.encode()
		require.NoError(t, err)
		for _, c := range slo.checks() {
			c.regression.stored, c.regression.now = stored, run
			o := judgeStep(c, &r.Steps[0], newJudge(r.scenario, 1))
			require.NotEmpty(t, o.Verdict)
			for _, v := range []float64{o.Seen, o.Low, o.High} {
				require.False(t, math.IsNaN(v) || math.IsInf(v, 0), o.Message)
			}
		}
	})
}

// TestNoRegressionIsSeldomWrong holds verdicts on made-up latencies against what
// is claimed of them: of a service as slow as is just tolerated, of one that is
// slower, and of one that has not changed though its runs differ.
func TestNoRegressionIsSeldomWrong(t *testing.T) {
	t.Parallel()
	repetitions := 200
	switch {
	case os.Getenv("LLMPERF_CALIBRATE") != "":
		repetitions = 5000
	case testing.Short():
		repetitions = 50
	}
	type share struct{ least, most float64 }
	for _, tt := range []struct {
		name       string
		stored     int
		ratio      float64 // of the true p95 to that of the stored runs
		drift      float64 // standard deviation of the logarithm of a run's speed
		n          int     // requests of each run
		fail, pass share
		reason     string
	}{
		{"at the limit", 1, 1.1, 0, 300, share{0, 0.05}, share{0, 0.05}, "5 % are claimed of each"},
		{"at the limit, three stored", 3, 1.1, 0, 300, share{0, 0.05}, share{0, 0.05}, "together they are one run of more requests"},
		{"as planned", 1, 1.3, 0, 496, share{0.74, 1}, share{0, 0.001}, "12.4·τ²/ln²(1.3/1.1) requests have a power of 80 % by normal theory, τ being 0.5·√(0.95·0.05)/φ(1.645); order statistics are a little wider"},
		{"unchanged", 3, 1, 0, 300, share{0, 0.005}, share{0.2, 1}, "nothing is slower"},
		{"runs differ by 5 %, one stored", 1, 1, 0.05, 3000, share{0, 0.05}, share{0.5, 1}, "what differs is in no bound"},
		{"runs differ by 5 %, three stored", 3, 1, 0.05, 3000, share{0, 0.025}, share{0.5, 1}, "a run that is slow by itself must be slower than each"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ours, naive := Drifting{Ratio: tt.ratio, Drift: tt.drift, Requests: tt.n, Stored: tt.stored}.Compare(repetitions)
			of := func(count int) float64 { return float64(count) / float64(repetitions) }
			t.Logf("%.1f %% fail, %.1f %% pass; by the bare figures %.1f %% fail", 100*of(ours[Fail]), 100*of(ours[Pass]), 100*of(naive[Fail]))
			// What chance makes of a share once in a thousand times.
			chance := func(share float64) float64 { return 3.1 * math.Sqrt(share*(1-share)/float64(repetitions)) }
			for verdict, claimed := range map[Verdict]share{Fail: tt.fail, Pass: tt.pass} {
				assert.GreaterOrEqual(t, of(ours[verdict]), claimed.least-chance(claimed.least), "%s: %s", verdict, tt.reason)
				assert.LessOrEqual(t, of(ours[verdict]), claimed.most+chance(claimed.most), "%s: %s", verdict, tt.reason)
			}
			if tt.ratio == 1.1 {
				assert.Greater(t, of(naive[Fail]), claimedWrong+chance(claimedWrong), "a check that lets bare figures through checks nothing")
			}
		})
	}
}

// claimedWrong is the share of verdicts that may be wrong at the limit.
const claimedWrong = 0.05
