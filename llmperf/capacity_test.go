package llmperf_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// counter is a service with one counter at which requests queue up; each takes the
// given time there. In a closed loop that is never empty, an answer takes as many
// times that as there are users, less the pause between requests.
func counter(each time.Duration) llmperf.TargetFunc {
	open := make(chan struct{}, 1)
	return func(ctx context.Context, c *llmperf.Call) error {
		select {
		case open <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		time.Sleep(each)
		<-open
		return nil
	}
}

// searchIn looks for a capacity in a bubble.
func searchIn(t *testing.T, scenario func() llmperf.Scenario, search llmperf.Search, slos ...llmperf.SLO) (c *llmperf.Capacity, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err = llmperf.MeasureCapacity(t.Context(), scenario(), search, slos...)
	})
	return c, err
}

func TestTheCapacityOfAQueueIsFound(t *testing.T) {
	// With N users p95 is about N/10 s less the shortest pause: 8 s for 81 users.
	c, err := searchIn(t, func() llmperf.Scenario { return llmperf.Scenario{Target: counter(100 * time.Millisecond)} },
		llmperf.Search{MaxUsers: 200}, llmperf.Latency.P95Below(8*time.Second))
	require.NoError(t, err)
	assert.InDelta(t, 82, c.Users, 2)
	assert.LessOrEqual(t, c.Low, float64(c.Users))
	assert.Greater(t, c.High, float64(c.Users))
	assert.Equal(t, "latency_p95", c.LimitedBy)
	assert.Regexp(t, `^capacity: 8\d users \[8\d, 8\d\], limited by latency p95 < 8 s, in \d+\.\d minutes of load and 9 probes$`, c.String())

	require.Len(t, c.Probes, len(c.Result.Steps), "the steps of the run are the probes")
	minutes, userMinutes := 0.0, 0.5*10 // of the warm-up
	for i, p := range c.Probes {
		step := &c.Result.Steps[i]
		assert.Equal(t, step.Name, p.Step)
		assert.Equal(t, step.Load.Users, p.Users)
		assert.Equal(t, step.Requests, p.Requests)
		assert.Equal(t, p.Users < c.Users, p.Held, "%+v", p)
		assert.Len(t, p.Outcomes, 1)
		end := c.Result.Elapsed
		if i+1 < len(c.Probes) {
			end = c.Result.Steps[i+1].Begin
		}
		minutes += (end - step.Begin).Minutes()
		userMinutes += float64(p.Users) * (end - step.Begin).Minutes()
	}
	assert.InDelta(t, minutes+0.5, c.Minutes, 1e-6)
	assert.InDelta(t, userMinutes, c.UserMinutes, 1e-6)
	for load, want := range map[float64]llmperf.Verdict{1: llmperf.Pass, c.Low: llmperf.Pass, c.High: llmperf.Fail, 500: llmperf.Fail} {
		assert.Equal(t, want, c.AtLeast(load).Verdict, "%v users", load)
	}
}

func TestAProbeIsNotToldByTheOneBefore(t *testing.T) {
	// At 160 users an answer takes 80 s, far more than the settle time.
	const each = 500 * time.Millisecond
	c, err := searchIn(t, func() llmperf.Scenario {
		return llmperf.Scenario{Target: counter(each), Think: llmperf.Constant(time.Second)}
	}, llmperf.Search{MaxUsers: 200}, llmperf.Latency.P95Below(40*time.Second))
	require.NoError(t, err)
	fell := false
	for i := range c.Result.Steps {
		step := &c.Result.Steps[i]
		want := float64(step.Load.Users)*each.Seconds() - 1
		assert.InDelta(t, want, step.Latency.P95.Seconds(), 0.02*want+0.1, "%d users: what was left of the probe before is not seen in this one", step.Load.Users)
		if i > 0 && step.Load.Users < c.Result.Steps[i-1].Load.Users {
			fell = true
			left := c.Result.Steps[i-1].Latency.P95
			assert.Greater(t, step.From-step.Begin, left-10*time.Second, "nothing is measured while the queue of %v is worked off", c.Result.Steps[i-1].Load)
		}
	}
	assert.True(t, fell)
	assert.InDelta(t, 82, c.Users, 2)
}

func TestWhatIsProvedToFailIsNotWaitedFor(t *testing.T) {
	c, err := searchIn(t, func() llmperf.Scenario {
		return llmperf.Scenario{Target: counter(500 * time.Millisecond)}
	}, llmperf.Search{MaxUsers: 100}, llmperf.Latency.P95Below(10*time.Second))
	require.NoError(t, err)
	waited := map[bool]int{}
	for i, p := range c.Probes[:len(c.Probes)-1] {
		if step := &c.Result.Steps[i]; p.Users >= 40 {
			assert.Less(t, c.Result.Steps[i+1].Begin-step.Until, time.Second, "%d users: requests in flight have waited for longer than the limit", p.Users)
			assert.Equal(t, 1, p.Looks)
			assert.Greater(t, step.Latency.P95, 10*time.Second, "and when they are home they count")
			waited[true]++
		} else if p.Held {
			assert.Greater(t, c.Result.Steps[i+1].Begin-step.Until, time.Second, "%d users: to prove that the SLO holds takes all answers", p.Users)
			waited[false]++
		}
	}
	assert.Len(t, waited, 2)
}

// atOnce is a service that takes the given time, and from so many requests at once
// on ten times that.
func atOnce(most int64, each time.Duration) llmperf.TargetFunc {
	var inside atomic.Int64
	return func(ctx context.Context, c *llmperf.Call) error {
		took := each
		if inside.Add(1) >= most {
			took *= 10
		}
		defer inside.Add(-1)
		select {
		case <-time.After(took):
		case <-ctx.Done():
		}
		return ctx.Err()
	}
}

func TestTheEndsOfASearch(t *testing.T) {
	second := func() llmperf.Scenario {
		return llmperf.Scenario{Target: atOnce(1000, time.Second)}
	}
	tests := []struct {
		name     string
		search   llmperf.Search
		limit    time.Duration
		probes   []int
		users    int
		low      float64
		high     float64
		ceiling  bool
		sentence string
		reason   string
	}{
		{"ceiling", llmperf.Search{MaxUsers: 50}, 2 * time.Second, []int{10, 20, 40, 50}, 50, 50, 0, true, "capacity: at least 50 users [50, no upper bound], the ceiling of the search, in", "nothing fails"},
		{"nothing", llmperf.Search{MaxUsers: 50}, time.Second, []int{10, 5, 2, 1}, 0, 0, 1, false, "capacity: 0 users [no lower bound, 1], limited by latency p95 < 1 s, in", "even one user gets no answer in time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := searchIn(t, second, tt.search, llmperf.Latency.P95Below(tt.limit))
			require.NoError(t, err)
			var probes []int
			for _, p := range c.Probes {
				probes = append(probes, p.Users)
			}
			assert.Equal(t, tt.probes, probes, tt.reason)
			assert.Equal(t, tt.users, c.Users, tt.reason)
			assert.Equal(t, tt.low, c.Low)
			assert.Equal(t, tt.high, c.High)
			assert.Equal(t, tt.ceiling, c.Ceiling)
			assert.Contains(t, c.String(), tt.sentence)
		})
	}
}

func TestTheSLOThatEndsFirstIsNamed(t *testing.T) {
	// 20 sequences run and 10 wait; with 40 users about every tenth request is shed, at a latency that hardly grows any more.
	c := llmperf.SimulateCapacity(t, func(t *testing.T) llmperf.Scenario {
		server := llmperftest.NewServer(t, llmperftest.Engine{MaxBatch: 20, MaxQueue: 10, StepBase: 50 * time.Millisecond, Output: llmperftest.Uniform(15, 25)})
		return llmperf.Scenario{Target: target(server)}
	}, llmperf.Search{MaxUsers: 100}, llmperf.Latency.P95Below(10*time.Second), llmperf.TTFT.P95Below(5*time.Second), llmperf.FailureRateBelow(0.05))
	assert.Equal(t, "failure_rate", c.LimitedBy)
	for _, p := range c.Probes {
		rate := c.Result.Steps[0].FailureRate
		for i := range c.Result.Steps {
			if c.Result.Steps[i].Name == p.Step {
				rate = c.Result.Steps[i].FailureRate
			}
		}
		if p.Users >= c.Users+2 {
			assert.Greater(t, rate, 0.04, "%d users", p.Users)
		} else if p.Users <= c.Users-2 {
			assert.Less(t, rate, 0.06, "%d users", p.Users)
		}
	}
}

func TestTheClaimedLoadIsProbed(t *testing.T) {
	for claim, want := range map[float64]llmperf.Verdict{40: llmperf.Pass, 82: llmperf.Inconclusive, 120: llmperf.Fail} {
		c, err := searchIn(t, func() llmperf.Scenario {
			return llmperf.Scenario{Target: counter(100 * time.Millisecond), Confidence: 0.99}
		}, llmperf.Search{MaxUsers: 200, AtLeast: claim}, llmperf.Latency.P95Below(8*time.Second))
		require.NoError(t, err)
		o := c.AtLeast(claim)
		if claim != 82 { // at the very limit any verdict may come
			assert.Equal(t, want, o.Verdict, o.Message)
		}
		assert.Equal(t, 0.99, o.Confidence, "it is judged at the scenario's confidence")
		n := 0
		for _, p := range c.Probes {
			if float64(p.Users) == claim {
				n++
				assert.InDelta(t, 1-0.01/3, p.Outcomes[0].Confidence, 1e-9, "any of three looks may decide")
			} else {
				assert.Equal(t, 0.9, p.Outcomes[0].Confidence)
			}
		}
		assert.Equal(t, 1, n)
	}
}

func TestACapacityRepeatsToTheLastBit(t *testing.T) {
	var first []byte
	for _, procs := range []int{1, 2} {
		before := runtime.GOMAXPROCS(procs)
		defer runtime.GOMAXPROCS(before)
		for range 2 {
			c := llmperf.SimulateCapacity(t, func(t *testing.T) llmperf.Scenario {
				s := busy(t, 1)
				s.Profile = nil
				return s
			}, llmperf.Search{MaxUsers: 60, First: 4, AtLeast: 7}, llmperf.TTFT.P90Below(400*time.Millisecond), llmperf.FailureRateBelow(0.2))
			require.Greater(t, len(c.Probes), 4)
			c.Result.Outcomes = nil // subtests of one name are numbered
			data, err := json.Marshal(struct {
				*llmperf.Capacity
				Run *llmperf.Result
			}{c, c.Result})
			require.NoError(t, err)
			if first == nil {
				first = data
			}
			require.Equal(t, string(first), string(data), "with GOMAXPROCS=%d", procs)
		}
	}
}

func TestASearchCutShortLosesNothing(t *testing.T) {
	var c *llmperf.Capacity
	var err error
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Minute+10*time.Second, func() { cancel(errors.New("enough")) })
		c, err = llmperf.MeasureCapacity(ctx, llmperf.Scenario{Target: counter(100 * time.Millisecond)}, llmperf.Search{MaxUsers: 200}, llmperf.Latency.P95Below(8*time.Second))
	})
	assert.ErrorContains(t, err, "llmperf: the search was aborted: enough")
	assert.Equal(t, "enough", c.Aborted)
	assert.Len(t, c.Probes, 3)
	assert.Equal(t, 40, c.Users)
	assert.Contains(t, c.String(), "capacity: at least 40 users [40, no upper bound], in 3.2 minutes of load and 3 probes; the search was aborted: enough")
	assert.Len(t, c.Result.Steps, 4, "what was measured of the fourth is in the result")
}

func TestASearchWhoseBudgetIsSpentSaysSo(t *testing.T) {
	c, err := searchIn(t, func() llmperf.Scenario {
		return llmperf.Scenario{Target: counter(100 * time.Millisecond), Budget: llmperf.Budget{Requests: 1500}}
	}, llmperf.Search{MaxUsers: 200, AtLeast: 100}, llmperf.Latency.P95Below(8*time.Second))
	const spent = "the search was aborted: the budget of 1,500 requests is spent"
	assert.ErrorContains(t, err, spent)
	require.NotEmpty(t, c.Probes)
	assert.Contains(t, c.String(), spent)
	assert.False(t, c.Ceiling)
	claim := c.AtLeast(100)
	assert.Equal(t, llmperf.Inconclusive, claim.Verdict)
	assert.Contains(t, claim.Message, "no probe tells of 100 users: "+spent)
}

func TestASearchForNothingEndsAtOnce(t *testing.T) {
	c, err := searchIn(t, func() llmperf.Scenario {
		return llmperf.Scenario{Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { return errors.New("no such model") })}
	}, llmperf.Search{MaxUsers: 200}, llmperf.Latency.P95Below(8*time.Second))
	assert.ErrorContains(t, err, "requests failed: no such model")
	assert.Empty(t, c.Probes)
	assert.Contains(t, c.String(), "capacity: unknown, since no probe was decided")

	c, err = searchIn(t, func() llmperf.Scenario {
		return llmperf.Scenario{Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { return errors.New("no such model") })}
	}, llmperf.Search{MaxRate: 20}, llmperf.Latency.P95Below(8*time.Second))
	require.Error(t, err)
	assert.Equal(t, "capacity >= 5 requests/s", c.AtLeast(5).Want, "though there is no probe to tell what was counted")

	c, err = searchIn(t, func() llmperf.Scenario {
		return llmperf.Scenario{Target: counter(10 * time.Millisecond), Warmup: llmperf.NoWarmup}
	}, llmperf.Search{MaxUsers: 200}, llmperf.TTFT.P95Below(8*time.Second))
	assert.ErrorContains(t, err, "ttft_p95 cannot be judged: the target never reported TTFT")
	assert.Empty(t, c.Probes)
}

func TestASearchJudgesTheTargetsOfAMix(t *testing.T) {
	c, err := searchIn(t, func() llmperf.Scenario {
		return llmperf.Scenario{Target: llmperf.Mix{
			{Name: "quick", Weight: 1, Target: counter(time.Millisecond)},
			{Name: "slow", Weight: 1, Target: counter(100 * time.Millisecond)},
		}}
	}, llmperf.Search{MaxUsers: 200}, llmperf.OnTarget("quick", llmperf.Latency.P95Below(time.Second)), llmperf.OnTarget("slow", llmperf.Latency.P95Below(4*time.Second)))
	require.NoError(t, err)
	assert.Equal(t, "latency_p95_slow", c.LimitedBy)
	assert.InDelta(t, 45, c.Users, 4)
}

func TestASearchThatCannotWorkIsNotBegun(t *testing.T) {
	fine := llmperf.Latency.P95Below(time.Second)
	works := llmperf.Scenario{Target: counter(time.Millisecond)}
	twenty := llmperf.Search{MaxUsers: 20}
	beside := func(change func(*llmperf.Scenario)) llmperf.Scenario {
		s := works
		change(&s)
		return s
	}
	tests := []struct {
		name     string
		scenario llmperf.Scenario
		search   llmperf.Search
		slo      llmperf.SLO
		want     string
		reason   string
	}{
		{"profile", beside(func(s *llmperf.Scenario) { s.Profile = llmperf.Stress }), twenty, fine, "scenario.Profile is set: leave it nil, since the search decides the load", "which load would it be?"},
		{"stop", beside(func(s *llmperf.Scenario) { s.Stop = []llmperf.Stop{llmperf.WhenLost} }), twenty, fine, "scenario.Stop is set: leave it out", "what it waits for is what the search looks for"},
		{"too few, though held", beside(func(s *llmperf.Scenario) { s.Think, s.HoldUntilDecided = llmperf.Constant(time.Second), true }), llmperf.Search{MaxUsers: 20, AtLeast: 2}, llmperf.Latency.P99Below(time.Second), "a probe of 2 users yields about 240 requests in 2m0s", "probes are held for as long as the looks say"},
		{"search", works, llmperf.Search{}, fine, "search.MaxUsers is 0", "there is no ceiling"},
		{"target", llmperf.Scenario{}, twenty, fine, "scenario.Target is nil", "there is nothing to load"},
		{"no SLO", works, twenty, llmperf.SLOs{}, "no SLOs: want at least one", "nothing would end the search"},
		{"bad SLO", works, twenty, llmperf.Latency.P95Below(1), "a limit under", "the SLO itself is wrong"},
		{"saturation", works, twenty, llmperf.NoSaturationBelow(10), "saturation is judged over steps of several loads", "one load does not saturate by itself"},
		{"growth", works, twenty, llmperf.GrowthAtMost(llmperf.Linear), "growth is judged over steps of several loads", "one load has no growth"},
		{"throughput", works, twenty, llmperf.ThroughputAbove(5), "throughput does not get harder with load", "at a low load it would always fail"},
		{"scope", works, twenty, llmperf.UpTo(10, fine), "latency_p95 is limited to steps of at most 10 users: leave the limit out", "above it nothing would be judged"},
		{"too few", beside(func(s *llmperf.Scenario) { s.Think = llmperf.Constant(time.Second) }), llmperf.Search{MaxUsers: 20, AtLeast: 2}, llmperf.Latency.P99Below(time.Second), "latency_p99: with answers of 0 ms, a probe of 2 users yields about 240 requests in 2m0s; proving latency p99 < 1 s takes 408: give search.Looks a later last one, such as 4m46s, or ask for less", "the claim could never be proved"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // a search that is begun all the same ends at once
			_, err := llmperf.MeasureCapacity(ctx, tt.scenario, tt.search, tt.slo)
			assert.ErrorContains(t, err, tt.want, tt.reason)
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err := llmperf.MeasureCapacity(ctx, works, llmperf.Search{MaxUsers: 200}, fine)
	assert.ErrorContains(t, err, "to come to its ceiling the search takes at least 5m0s with its warm-up, and the test's deadline is in 2m0s: run go test with -timeout ", "there is no time for it")
}

func init() {
	// A cliff between 4 and 16 users.
	cliff := func() llmperf.Scenario {
		return llmperf.Scenario{Target: atOnce(9, 25*time.Millisecond), Think: llmperf.Constant(10 * time.Millisecond), Warmup: 100 * time.Millisecond, Timeout: 5 * time.Second}
	}
	simulated := func(*testing.T) llmperf.Scenario { return cliff() }
	search := llmperf.Search{MaxUsers: 64, First: 4, Settle: 200 * time.Millisecond, Looks: []time.Duration{500 * time.Millisecond, time.Second}, Precision: 0.5}
	claiming := func(load float64) llmperf.Search {
		s := search
		s.AtLeast = load
		return s
	}
	slos := llmperf.SLOs{llmperf.Latency.P90Below(150 * time.Millisecond), llmperf.FailureRateBelow(0.1)}
	for name, subject := range map[string]func(t *testing.T){
		"capacity":        func(t *testing.T) { llmperf.FindCapacity(t, cliff(), search, slos) },
		"capacity passes": func(t *testing.T) { llmperf.SimulateCapacity(t, simulated, claiming(4), slos) },
		"capacity fails":  func(t *testing.T) { llmperf.SimulateCapacity(t, simulated, claiming(64), slos) },
		"capacity open": func(t *testing.T) {
			llmperf.SimulateCapacity(t, simulated, claiming(4), slos, llmperf.FailureRateBelow(0.0001))
		},
		"capacity refused": func(t *testing.T) {
			llmperf.FindCapacity(t, cliff(), llmperf.Search{MaxUsers: 200}, llmperf.NoSaturationBelow(5))
		},
		"capacity aborted": func(t *testing.T) {
			s := cliff()
			s.Target = llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { return errors.New("no such model") })
			llmperf.FindCapacity(t, s, claiming(4), slos)
		},
		"capacity in a bubble": func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { llmperf.FindCapacity(t, cliff(), search, slos) })
		},
		"capacity simulated in a bubble": func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				llmperf.SimulateCapacity(t, simulated, search, slos)
			})
		},
		"capacity stuck": func(t *testing.T) {
			outside := make(chan struct{})
			llmperf.SimulateCapacity(t, func(*testing.T) llmperf.Scenario {
				late := time.Now().Add(2 * time.Minute)
				return llmperf.Scenario{Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error {
					if time.Now().After(late) {
						<-outside
					}
					time.Sleep(time.Second)
					return nil
				})}
			}, llmperf.Search{MaxUsers: 64}, llmperf.Latency.P90Below(2*time.Second))
		},
	} {
		subjects[name] = subject
	}
}

func TestFindCapacityReportsProbesAsSubtests(t *testing.T) {
	t.Parallel()
	dir, out := t.TempDir(), ""
	for round := 0; round < 5 && !strings.Contains(out, "16 users: the SLOs don't hold"); round++ { // others may keep a machine so busy that four users wait
		dir = t.TempDir()
		out = runSubject(t, "capacity", "LLMPERF_OUT="+dir)
	}
	for _, line := range []string{
		"--- PASS: TestSubject ",
		"    --- PASS: TestSubject/users=4 ",
		"    --- PASS: TestSubject/users=16 ",
		"=== ATTR  TestSubject/users=4 llmperf.probe 4 users: the SLOs hold",
		"=== ATTR  TestSubject/users=16 llmperf.probe 16 users: the SLOs don't hold",
		"=== ATTR  TestSubject llmperf.capacity_limited_by latency_p90",
	} {
		assert.Contains(t, out, line)
	}
	assert.Regexp(t, `capacity_test.go:\d+: capacity: \d+ users \[.*\], limited by latency p90 < 150 ms, in 0\.\d minutes of load and \d probes`, out)
	assert.Regexp(t, `capacity_test.go:\d+: latency p90 at 16 users: \d+ ms \[.*\], want < 150 ms: FAIL \(n=`, out, "what was seen is told")
	assert.Regexp(t, `4 users +\S+ +\d+ +.* ms\] +0 % \[0 %, \S+ %\] +the SLOs hold`, out, "and stands in a table")
	assert.NotContains(t, out, "TestSubject/capacity ", "nothing was claimed")

	var c llmperf.Capacity
	data, err := os.ReadFile(filepath.Join(dir, "TestSubject", "capacity.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &c))
	assert.Equal(t, "latency_p90", c.LimitedBy)
	assert.Greater(t, c.Users, 3)
	assert.Less(t, c.Users, 16)
	assert.Equal(t, llmperf.Fail, c.AtLeast(64).Verdict, "it is plain data")

	var res llmperf.Result
	data, err = os.ReadFile(filepath.Join(dir, "TestSubject", "result.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &res))
	assert.Len(t, res.Steps, len(c.Probes))
}

func TestAClaimedCapacityIsASubtest(t *testing.T) {
	tests := []struct{ subject, line, sentence, reason string }{
		{"capacity passes", "    --- PASS: TestSubject/capacity ", `capacity: .* want at least 4 users: PASS \(n=\d+(, effective \d+)?, 95 % confidence\)`, "4 users are served"},
		{"capacity fails", "    --- FAIL: TestSubject/capacity ", `capacity: .* want at least 64 users: FAIL \(.*\); latency p90 at 64 users: .*: FAIL`, "64 users are not"},
		{"capacity open", "    --- SKIP: TestSubject/capacity ", `1 verdicts: 0 pass, 0 fail, 1 inconclusive \(undecided: capacity\)`, "so few requests don't prove 0.01 %"},
	}
	for _, tt := range tests {
		t.Run(tt.subject, func(t *testing.T) {
			out := runSubject(t, tt.subject)
			assert.Contains(t, out, tt.line, tt.reason)
			assert.Regexp(t, tt.sentence, out, tt.reason)
			assert.Contains(t, out, "    --- PASS: TestSubject/users=16 ", "a probe that fails is no failure")
		})
	}
}

func TestASearchThatCannotGoOnFailsItsTest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		subject string
		wants   []string
		reason  string
	}{
		{"capacity refused", []string{"nothing was sent, since this cannot work:"}, "the SLO is of another kind"},
		{"capacity aborted", []string{"the run was aborted: all of the first", "capacity cannot be judged: no probe was decided"}, "nothing works"},
		{"capacity in a bubble", []string{"FindCapacity needs real time and cannot run in a testing/synctest bubble: use llmperf.SimulateCapacity, or llmperf.MeasureCapacity inside the bubble"}, "time there is not real"},
		{"capacity simulated in a bubble", []string{"SimulateCapacity makes a testing/synctest bubble of its own and cannot run in another: call it outside, or llmperf.MeasureCapacity inside"}, "bubbles don't nest"},
		{"capacity stuck", []string{"the run was aborted: the simulation cannot go on", "capacity: at least 20 users"}, "the clock stopped, and what was measured until then is reported"},
	}
	for _, tt := range tests {
		t.Run(tt.subject, func(t *testing.T) {
			out := runSubject(t, tt.subject)
			for _, want := range append(tt.wants, "--- FAIL: TestSubject ") {
				assert.Contains(t, out, want, tt.reason)
			}
		})
	}
}

func TestAServiceThatTakesNothingIsNotTakenForOne(t *testing.T) {
	// Half of the requests fail, at any load.
	var n atomic.Int64
	c, err := searchIn(t, func() llmperf.Scenario {
		return llmperf.Scenario{Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error {
			time.Sleep(time.Second)
			if n.Add(1)%2 == 0 {
				return errors.New("out of order")
			}
			return nil
		})}
	}, llmperf.Search{MaxUsers: 50}, llmperf.Latency.P95Below(2*time.Second), llmperf.FailureRateBelow(0.01))
	require.NoError(t, err)
	assert.Zero(t, c.Users)
	assert.Equal(t, "failure_rate", c.LimitedBy)
	assert.Equal(t, llmperf.Fail, c.AtLeast(1).Verdict)
	assert.False(t, math.IsNaN(c.High))
}
