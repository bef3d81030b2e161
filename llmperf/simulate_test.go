package llmperf_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/examples/chat"
	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// busy is a chat service that lets few requests at its model, in front of one
// that varies in speed, sheds, fails and stalls: there is much that could come
// out otherwise from run to run. With 40 users and think times to whole 10 ms,
// many things happen at one instant.
func busy(t *testing.T, seed uint64, opts ...llmperftest.Option) llmperf.Scenario {
	llm := llmperftest.NewServer(t, llmperftest.Engine{
		MaxBatch: 16, MaxQueue: 3, Jitter: 0.1, KVTokens: 2000, Output: llmperftest.LogNormal(40, 0.5, 150), Seed: seed,
	}, opts...)
	llm.Fail(llmperftest.Status(500).Rate(0.01), llmperftest.CutMidStream(5).Every(37), llmperftest.Stall(3, 6*time.Second).Every(41))
	svc := llmperftest.Serve(t, chat.NewHandler(chat.Config{
		Upstream: llm.URL + "/v1", Client: llm.Client(), Model: "small", Limit: 20, Timeout: 5 * time.Second,
	}), opts...)
	return llmperf.Scenario{
		Target:  llmperf.OpenAI{BaseURL: svc.URL + "/v1", Model: "any", Client: svc.Client()},
		Profile: llmperf.StepProfile{StepUsers: 20, StepTime: 20 * time.Second, MaxUsers: 40},
		Warmup:  5 * time.Second, Timeout: 3 * time.Second, Seed: seed,
		Think: llmperf.Constant(150 * time.Millisecond),
	}
}

// loose is an SLO that everything holds.
var loose = llmperf.Latency.P50Below(time.Hour)

// virtually measures a scenario in a bubble.
func virtually(t testing.TB, setup func(t *testing.T) llmperf.Scenario) (res *llmperf.Result) {
	t.Helper()
	inBubble(t, func(t *testing.T) {
		var err error
		res, err = llmperf.Measure(t.Context(), setup(t))
		assert.NoError(t, err)
	})
	return res
}

// inBubble runs f in a bubble of a test or, which synctest has no word for, of a
// benchmark.
func inBubble(t testing.TB, f func(t *testing.T)) {
	t.Helper()
	if test, ok := t.(*testing.T); ok {
		synctest.Test(test, f)
		return
	}
	var inner testing.T
	synctest.Test(&inner, f)
	if inner.Failed() {
		t.Error("the test in the bubble failed")
	}
}

// golden is the digest of every request of the busy service's run with seed 1.
// It is the same on every machine. A change that alters what is sent or when,
// or the pace of the fake model, alters it too.
const golden = "295bbea9468c071e"

func TestARunInVirtualTimeRepeatsToTheLastBit(t *testing.T) {
	runs := 10 // for each number of processors
	if testing.Short() {
		runs = 2
	}
	var first []byte
	for _, procs := range []int{1, 2} {
		before := runtime.GOMAXPROCS(procs)
		defer runtime.GOMAXPROCS(before)
		for range runs {
			res := llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario { return busy(t, 1) }, loose)
			res.Outcomes = nil // subtests of one name are numbered
			data, err := json.Marshal(res)
			require.NoError(t, err)
			require.Equal(t, golden, res.Digest)
			if first == nil {
				first = data
				require.Greater(t, len(res.Total.Failures), 2, "%v: the run has seen a good deal", res.Total.Failures)
			}
			require.Equal(t, string(first), string(data), "with GOMAXPROCS=%d", procs)
		}
	}
}

func TestBothNetworksInMemoryGiveTheSameResult(t *testing.T) {
	over := llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario { return busy(t, 1, llmperftest.Wire{}) }, loose)
	assert.Equal(t, golden, over.Digest)
}

func TestSeedsDiffer(t *testing.T) {
	other := llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario { return busy(t, 2) }, loose)
	assert.NotEqual(t, golden, other.Digest)
}

func TestALatencyOfTheNetworkIsAddedToEveryAnswer(t *testing.T) {
	measure := func(opts ...llmperftest.Option) *llmperf.Result {
		return virtually(t, func(t *testing.T) llmperf.Scenario {
			server := llmperftest.NewServer(t, llmperftest.Engine{Output: llmperftest.Fixed(10)}, opts...)
			return llmperf.Scenario{Target: target(server), Profile: hold(1, 10*time.Second), Warmup: time.Second}
		})
	}
	near, far := measure(), measure(llmperftest.Wire{Latency: 40 * time.Millisecond})
	// The engine's steps begin when a request arrives, so that nothing but the way there and back changes.
	assert.Equal(t, 80*time.Millisecond, far.Total.TTFT.P50-near.Total.TTFT.P50)
	assert.Equal(t, near.Total.ITL.P95, far.Total.ITL.P95, "the distance delays all tokens alike")
}

func TestThousandsOfUsersAreSimulated(t *testing.T) {
	users := 3000
	if testing.Short() {
		users = 300
	}
	var server *llmperftest.Server
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		server = llmperftest.NewServer(t, llmperftest.Engine{MaxBatch: users, StepPerSequence: 5 * time.Microsecond, Output: llmperftest.Uniform(20, 40)})
		return llmperf.Scenario{Target: target(server), Profile: hold(users, 20*time.Second), Warmup: llmperf.NoWarmup}
	})
	require.Zero(t, res.Total.Failed, "%v", res.Total.Examples)
	from, until := res.Started.Add(res.Steps[0].From), res.Started.Add(res.Steps[0].Until)
	requests, tokens := 0, 0
	for _, r := range server.Requests() {
		if !r.Arrived.Before(from) && r.Arrived.Before(until) {
			requests++
			tokens += r.OutputTokens
		}
	}
	assert.Equal(t, requests, res.Total.Requests, "in virtual time a request arrives at the instant at which it is sent")
	assert.Equal(t, tokens, res.Total.OutputTokens)
	assert.Greater(t, tokens, 30*users)
}

// TestTimesAgreeInRealAndVirtualTime needs a machine with nothing else to do,
// like TestTimesAgreeWithTheServersOwnRecord, and like it tries three times.
//
// Two runs that are not alike to the nanosecond take different turns in the
// queue, so that their percentiles differ by chance: over 20 seeds in virtual
// time, those of this scenario vary by up to 2 %. They are held against the same
// scenario with steps ten times as long, each time with another seed, and the
// verdicts against a twin's.
func TestTimesAgreeInRealAndVirtualTime(t *testing.T) {
	if os.Getenv("LLMPERF_ACCURACY") == "" {
		t.Skip("LLMPERF_ACCURACY is not set: set it on a machine that is otherwise idle")
	}
	const step = 20 * time.Second
	lasting := func(step time.Duration, seed uint64) func(t *testing.T) llmperf.Scenario {
		return func(t *testing.T) llmperf.Scenario {
			llm := llmperftest.NewServer(t, llmperftest.Engine{MaxBatch: 8, StepBase: 10 * time.Millisecond, Output: llmperftest.Uniform(15, 25), Seed: seed})
			svc := llmperftest.Serve(t, chat.NewHandler(chat.Config{Upstream: llm.URL + "/v1", Client: llm.Client(), Model: "small", Limit: 12, Timeout: 10 * time.Second}))
			return llmperf.Scenario{
				Target:  llmperf.OpenAI{BaseURL: svc.URL + "/v1", Model: "any", Client: svc.Client()},
				Profile: llmperf.StepProfile{StepUsers: 8, StepTime: step, MaxUsers: 24}, Warmup: time.Second, Seed: seed,
			}
		}
	}
	slos := llmperf.SLOs{ // some that hold, some that do not, and one that so few requests cannot decide
		llmperf.NoSaturationBelow(16), llmperf.FailureRateBelow(0.05), llmperf.FailureRateBelow(0.001),
		llmperf.Latency.P95Below(450 * time.Millisecond), llmperf.UpTo(8, llmperf.TTFT.P95Below(100*time.Millisecond)),
		llmperf.TTFT.P50Below(100 * time.Millisecond),
	}
	long, twin := virtually(t, lasting(10*step, 1)), virtually(t, lasting(step, 1))
	want := twin.Check(slos)
	for seed := range uint64(3) {
		measured, err := llmperf.Measure(t.Context(), lasting(step, seed+1)(t))
		require.NoError(t, err)
		agree := true
		for i, v := range long.Steps {
			r := measured.Steps[i]
			for _, pair := range [][2]time.Duration{{v.Latency.P50, r.Latency.P50}, {v.Latency.P95, r.Latency.P95}} {
				off := pair[1].Seconds()/pair[0].Seconds() - 1
				t.Logf("%s: latency virtual %v, real %v: %+.1f %%", v.Name, pair[0], pair[1], 100*off)
				agree = agree && math.Abs(off) < 0.05
			}
		}
		verdicts := map[llmperf.Verdict]int{}
		for i, o := range measured.Check(slos) {
			verdicts[o.Verdict]++
			if o.Verdict != want[i].Verdict {
				t.Logf("virtual: %s\nreal: %s", want[i].Message, o.Message)
				agree = false
			}
		}
		require.Len(t, verdicts, 3, "verdicts of every kind were compared")
		if agree {
			return
		}
	}
	t.Error("want latencies within 5 % and the same verdicts")
}

func TestSimulateRefusesWhatCannotWork(t *testing.T) {
	out := runSubject(t, "simulate default client")
	assert.Contains(t, out, "OpenAI.Client is nil")
	assert.Contains(t, out, "llmperftest.Serve")
	out = runSubject(t, "simulate real client")
	assert.Contains(t, out, "HTTP.Client dials real addresses")
	out = runSubject(t, "simulate bad scenario")
	assert.Contains(t, out, "nothing was sent")
	assert.Contains(t, out, "scenario.Profile is nil")
	out = runSubject(t, "simulate in a bubble")
	assert.Contains(t, out, "cannot run in another")
	out = runSubject(t, "run in a bubble")
	assert.Contains(t, out, "Run needs real time")
}

func TestSimulateEndsAsItsSetupDoes(t *testing.T) {
	out := runSubject(t, "simulate skipped")
	assert.Contains(t, out, "--- SKIP: TestSubject ")
	assert.Contains(t, out, "no model here")
	out = runSubject(t, "simulate failed")
	assert.Contains(t, out, "--- FAIL: TestSubject ")
	assert.Contains(t, out, "cannot build the service")
	assert.NotContains(t, out, "panic")
}

func TestSimulateReportsLikeRun(t *testing.T) {
	dir := t.TempDir()
	out := runSubject(t, "simulate verdicts", "LLMPERF_OUT="+dir)
	for _, line := range []string{
		`    --- PASS: TestSubject/users=20 `,
		`        --- PASS: TestSubject/users=20/latency_p50 `,
		`=== ATTR  TestSubject/users=20/latency_p50 llmperf.verdict pass`,
		`of load in `,
	} {
		assert.Contains(t, out, line)
	}
	data, err := os.ReadFile(filepath.Join(dir, "TestSubject", "result.json"))
	require.NoError(t, err)
	var res llmperf.Result
	require.NoError(t, json.Unmarshal(data, &res))
	assert.True(t, res.Virtual)
	assert.Equal(t, golden, res.Digest)
	again := t.TempDir()
	runSubject(t, "simulate verdicts", "LLMPERF_OUT="+again)
	repeated, err := os.ReadFile(filepath.Join(again, "TestSubject", "result.json"))
	require.NoError(t, err)
	assert.Equal(t, string(data), string(repeated), "result.json is the same in another process")
}

func TestASimulationThatOutlastsTheTestReportsWhatItHas(t *testing.T) {
	t.Parallel()
	out := runSubjectWithin(t, 15*time.Second, "simulate for years")
	assert.Contains(t, out, "the run was aborted: the test's deadline is near")
	assert.Contains(t, out, "--- PASS: TestSubject/users=100/latency_p50")
	assert.NotContains(t, out, "panic: test timed out")
}

func TestTwoRunsOfAServiceThatDecidesByChanceDiffer(t *testing.T) {
	for _, name := range []string{"simulate random source", "simulate map order"} {
		out := runSubject(t, name, "LLMPERF_TWICE=1")
		assert.Regexp(t, `two runs of the same seed differ, first in request \d+ of user \d+, sent at \S+, with \w+ after .* in one run and request`, out, name)
		assert.Contains(t, out, "--- FAIL: TestSubject ")
	}
	out := runSubject(t, "simulate verdicts", "LLMPERF_TWICE=1")
	assert.NotContains(t, out, "differ", "the check passes where nothing differs")
	assert.Contains(t, out, "--- PASS: TestSubject ")
}

// TestWhatStopsTheClockIsSaid shows each trap as a user of Simulate meets it;
// package bubble has the whole messages.
func TestWhatStopsTheClockIsSaid(t *testing.T) {
	tests := []struct {
		name, reason string
		want         []string
	}{
		{"simulate real socket", "a real server's answer never comes in virtual time",
			[]string{"a goroutine waits for a real network connection", "subjects.go:", "llmperftest.NewServer", "llmperf.Run"}},
		{"simulate channel from outside", "nobody in the bubble closes it",
			[]string{"a channel that was made outside the simulation", "subjects.go:", "inside the setup function"}},
		{"simulate mutex across a sleep", "the sleeper holds the lock, and its waiters hold the clock",
			[]string{"a goroutine waits for a lock", "The holder is most likely", "subjects.go:", "channel as semaphore"}},
		{"simulate goroutine left behind", "a ticker that nobody stops",
			[]string{"the simulation has ended, but not every goroutine in it", "subjects.go:", "t.Cleanup", "--- PASS: TestSubject/users=2/latency_p50"}},
		{"simulate stuck after a step", "what was measured is not lost",
			[]string{"a channel that was made outside the simulation", "the run was aborted", "--- PASS: TestSubject/users=10/latency_p50"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // each waits for seconds
			out := runSubject(t, tt.name)
			for _, want := range tt.want {
				assert.Contains(t, out, strings.ReplaceAll(want, "subjects.go", "simulate_test.go"), tt.reason)
			}
			assert.Contains(t, out, "--- FAIL: TestSubject ")
		})
	}
}

func init() {
	simulated := func(setup func(t *testing.T) llmperf.Scenario) func(t *testing.T) {
		return func(t *testing.T) { llmperf.Simulate(t, setup, loose) }
	}
	// handler serves a handler to two users.
	handler := func(h http.HandlerFunc) func(t *testing.T) {
		return simulated(func(t *testing.T) llmperf.Scenario { return plain(t, h) })
	}
	outside := make(chan struct{})
	var lock sync.Mutex
	var late time.Time
	for name, subject := range map[string]func(t *testing.T){
		"simulate default client": simulated(func(t *testing.T) llmperf.Scenario {
			return llmperf.Scenario{Target: llmperf.OpenAI{BaseURL: "http://localhost/v1", Model: "any"}, Profile: hold(1, time.Minute)}
		}),
		"simulate real client": simulated(func(t *testing.T) llmperf.Scenario {
			s := plain(t, func(http.ResponseWriter, *http.Request) {})
			target := s.Target.(llmperf.HTTP)
			target.Client = &http.Client{Transport: &http.Transport{MaxIdleConns: 10}}
			s.Target = target
			return s
		}),
		"simulate bad scenario": simulated(func(t *testing.T) llmperf.Scenario { return llmperf.Scenario{} }),
		"simulate in a bubble": func(t *testing.T) {
			synctest.Test(t, simulated(func(t *testing.T) llmperf.Scenario { return busy(t, 1) }))
		},
		"run in a bubble": func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { llmperf.Run(t, busy(t, 1), loose) })
		},
		"simulate skipped": simulated(func(t *testing.T) llmperf.Scenario {
			t.Skip("no model here")
			return llmperf.Scenario{}
		}),
		"simulate failed": simulated(func(t *testing.T) llmperf.Scenario {
			t.Fatal("cannot build the service")
			return llmperf.Scenario{}
		}),
		"simulate for years": simulated(func(t *testing.T) llmperf.Scenario {
			server := llmperftest.NewServer(t, llmperftest.Engine{MaxBatch: 1000, StepPerSequence: time.Microsecond})
			return llmperf.Scenario{
				Target:  target(server),
				Profile: llmperf.StepProfile{StepUsers: 100, StepTime: time.Minute, MaxUsers: 1000, Duration: 20_000 * time.Hour},
			}
		}),
		"simulate verdicts": simulated(func(t *testing.T) llmperf.Scenario { return busy(t, 1) }),
		"simulate random source": handler(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
			io.WriteString(w, "ok")
		}),
		"simulate map order": handler(func(w http.ResponseWriter, r *http.Request) {
			for wait := range map[time.Duration]bool{10: true, 20: true, 30: true, 40: true, 50: true, 60: true} {
				time.Sleep(wait * time.Millisecond)
				break
			}
			io.WriteString(w, "ok")
		}),
		"simulate real socket": func(t *testing.T) {
			real := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
			handler(func(http.ResponseWriter, *http.Request) { http.Get(real.URL) })(t)
		},
		"simulate channel from outside": handler(func(http.ResponseWriter, *http.Request) { <-outside }),
		"simulate mutex across a sleep": handler(func(w http.ResponseWriter, _ *http.Request) {
			lock.Lock()
			defer lock.Unlock()
			time.Sleep(time.Second)
			io.WriteString(w, "ok")
		}),
		"simulate goroutine left behind": simulated(func(t *testing.T) llmperf.Scenario {
			go func() {
				for range time.NewTicker(time.Second).C {
				}
			}()
			return plain(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
		}),
		"simulate stuck after a step": simulated(func(t *testing.T) llmperf.Scenario {
			late = time.Now().Add(30 * time.Second)
			s := plain(t, func(w http.ResponseWriter, _ *http.Request) {
				if time.Now().After(late) {
					<-outside
				}
				io.WriteString(w, "ok")
			})
			s.Profile = llmperf.StepProfile{StepUsers: 10, StepTime: 20 * time.Second, MaxUsers: 30}
			return s
		}),
	} {
		subjects[name] = subject
	}
}

// plain is a scenario of two users for a handler that answers with anything.
func plain(t *testing.T, h http.HandlerFunc) llmperf.Scenario {
	svc := llmperftest.Serve(t, h)
	return llmperf.Scenario{
		Target: llmperf.HTTP{Client: svc.Client(), New: func(ctx context.Context, _ *llmperf.Call) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, "GET", svc.URL, nil)
		}},
		Profile: hold(2, 20*time.Second), Warmup: llmperf.NoWarmup,
	}
}

// BenchmarkSimulate reports what virtual time costs: the steps of the article's
// profile and the Stress preset, over both networks in memory.
func BenchmarkSimulate(b *testing.B) {
	profiles := []struct {
		name    string
		profile llmperf.Profile
		engine  llmperftest.Engine
	}{
		{"Steps", llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 100}, llmperftest.Engine{MaxBatch: 128, StepPerSequence: 100 * time.Microsecond}},
		{"Stress", llmperf.Stress, llmperftest.Engine{MaxBatch: 256, StepPerSequence: 100 * time.Microsecond}},
	}
	networks := []struct {
		name string
		opts []llmperftest.Option
	}{{"Push", nil}, {"Wire", []llmperftest.Option{llmperftest.Wire{}}}}
	for _, p := range profiles {
		for _, n := range networks {
			b.Run(fmt.Sprintf("%s/%s", p.name, n.name), func(b *testing.B) {
				var virtual, tokens float64
				for b.Loop() {
					res := virtually(b, func(t *testing.T) llmperf.Scenario {
						return llmperf.Scenario{Target: target(llmperftest.NewServer(t, p.engine, n.opts...)), Profile: p.profile}
					})
					virtual += res.Elapsed.Seconds()
					tokens += float64(res.Total.OutputTokens)
				}
				b.ReportMetric(virtual/b.Elapsed().Seconds(), "virtual-s/s")
				b.ReportMetric(float64(b.Elapsed().Microseconds())/tokens, "µs/token")
				b.ReportMetric(tokens/float64(b.N), "tokens/op")
			})
		}
	}
}

// BenchmarkScaling reports how the cost of virtual time grows with users, and with
// the length of the run: ns a token, and the exponent of real time over tokens. In
// proportion is 1.
func BenchmarkScaling(b *testing.B) {
	sizes := []int{10, 30, 100, 300}
	run := func(users int, length time.Duration) (cost time.Duration, made int) {
		began := time.Now()
		res := virtually(b, func(t *testing.T) llmperf.Scenario {
			server := llmperftest.NewServer(t, llmperftest.Engine{MaxBatch: 512, StepPerSequence: 10 * time.Microsecond})
			return llmperf.Scenario{Target: target(server), Profile: hold(users, length), Warmup: llmperf.NoWarmup}
		})
		return time.Since(began), res.Total.OutputTokens
	}
	for _, over := range []struct {
		name string
		load func(size int) (users int, length time.Duration)
	}{
		{"users", func(size int) (int, time.Duration) { return size, 30 * time.Second }},
		{"time", func(size int) (int, time.Duration) { return 50, time.Duration(size) * time.Second }},
	} {
		b.Run("over="+over.name, func(b *testing.B) {
			costs, made := make([]float64, len(sizes)), make([]int, len(sizes))
			for b.Loop() {
				for i, size := range sizes {
					cost, n := run(over.load(size))
					costs[i] += cost.Seconds()
					made[i] += n
				}
			}
			tokens := make([]float64, len(sizes))
			for i, size := range sizes {
				tokens[i] = float64(made[i])
				b.ReportMetric(costs[i]/tokens[i]*1e9, fmt.Sprintf("ns/token@%d", size))
			}
			b.ReportMetric(exponent(tokens, costs), "exponent")
		})
	}
}

// exponent is the slope of log y over log x, by least squares.
func exponent(x, y []float64) float64 {
	var mx, my, xx, xy float64
	for i := range x {
		mx, my = mx+math.Log(x[i])/float64(len(x)), my+math.Log(y[i])/float64(len(x))
	}
	for i := range x {
		xx += (math.Log(x[i]) - mx) * (math.Log(x[i]) - mx)
		xy += (math.Log(x[i]) - mx) * (math.Log(y[i]) - my)
	}
	return xy / xx
}

// BenchmarkUser reports the memory of a user in the middle of an answer or of a
// pause, its connection and the server's side of it included.
func BenchmarkUser(b *testing.B) {
	networks := []struct {
		name string
		opts []llmperftest.Option
	}{{"Push", nil}, {"Wire", []llmperftest.Option{llmperftest.Wire{}}}}
	for _, state := range []struct {
		name string
		step time.Duration // of the engine
	}{{"idle", time.Millisecond}, {"streaming", 500 * time.Millisecond}} {
		for _, n := range networks {
			for _, users := range []int{1000, 5000, 10_000} {
				if users > 1000 && testing.Short() {
					continue
				}
				b.Run(fmt.Sprintf("%s/%s/users=%d", state.name, n.name, users), func(b *testing.B) {
					var used float64
					for b.Loop() {
						inBubble(b, func(t *testing.T) {
							server := llmperftest.NewServer(t, llmperftest.Engine{MaxBatch: users, StepBase: state.step, StepPerSequence: 10 * time.Nanosecond, PrefillRate: 1e9}, n.opts...)
							before := inUse()
							ctx, cancel := context.WithCancel(t.Context())
							go func() {
								time.Sleep(20 * time.Second)
								used += (inUse() - before) / float64(users)
								cancel()
							}()
							_, _ = llmperf.Measure(ctx, llmperf.Scenario{
								Target: target(server), Profile: hold(users, time.Hour), Think: llmperf.Constant(time.Hour), Warmup: llmperf.NoWarmup, Timeout: time.Hour,
							})
						})
					}
					b.ReportMetric(used/float64(b.N), "bytes/user")
				})
			}
		}
	}
}

// inUse is the memory of live objects and of goroutines' stacks.
func inUse() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
