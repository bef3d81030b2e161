package llmperf_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// A logbook is an upstream that is told of its calls.
type logbook struct {
	mu    sync.Mutex
	calls []func(yield func(origin, correlation string, arrived, firstToken, lastToken, ended time.Time))
}

func (l *logbook) EachCall(since time.Time, yield func(origin, correlation string, arrived, firstToken, lastToken, ended time.Time)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, call := range l.calls {
		call(func(origin, correlation string, arrived, firstToken, lastToken, ended time.Time) {
			if !arrived.Before(since) {
				yield(origin, correlation, arrived, firstToken, lastToken, ended)
			}
		})
	}
}

// call takes d from its arrival to its first token, then 4 times 10 ms to its
// last, and ends with that.
func (l *logbook) call(origin, correlation string, d time.Duration) {
	arrived := time.Now()
	time.Sleep(d)
	first := time.Now()
	time.Sleep(40 * time.Millisecond)
	last := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, func(yield func(origin, correlation string, arrived, firstToken, lastToken, ended time.Time)) {
		yield(origin, correlation, arrived, first, last, last)
	})
}

func (l *logbook) scenario(send func(c *llmperf.Call)) func(*testing.T) llmperf.Scenario {
	return func(*testing.T) llmperf.Scenario {
		return llmperf.Scenario{
			Target: llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
				send(c)
				return nil
			}),
			Profile: hold(5, time.Minute), Warmup: time.Second, Upstreams: []llmperf.Upstream{l},
		}
	}
}

// constant asserts that a distribution has one value alone.
func constant(t *testing.T, want time.Duration, n int, d llmperf.Distribution, what string) {
	t.Helper()
	assert.Equal(t, n, d.N, what)
	assert.Equal(t, []time.Duration{want, want}, []time.Duration{d.Min, d.Max}, what)
}

const ms = time.Millisecond

func TestOverheadIsWhatUpstreamsDidNotTake(t *testing.T) {
	for name, tt := range map[string]struct {
		send                                  func(l *logbook, c *llmperf.Call)
		total, before, between, tokens, after time.Duration
		calls                                 float64
		reason                                string
	}{
		"one call": {func(l *logbook, c *llmperf.Call) {
			time.Sleep(15 * ms)
			l.call(c.Origin(), "header", 100*ms)
			time.Sleep(7 * ms)
		}, 22 * ms, 15 * ms, 0, 0, 7 * ms, 1, "before and after"},
		"two calls": {func(l *logbook, c *llmperf.Call) {
			l.call(c.Origin(), "header", 100*ms)
			time.Sleep(9 * ms)
			l.call(c.Origin(), "header", 50*ms)
		}, 9 * ms, 0, 9 * ms, 0, 0, 2, "between calls"},
		"parallel calls": {func(l *logbook, c *llmperf.Call) {
			var wg sync.WaitGroup
			for _, d := range []time.Duration{100 * ms, 50 * ms} {
				wg.Go(func() { l.call(c.Origin(), "header", d) })
			}
			wg.Wait()
			time.Sleep(time.Millisecond)
		}, 1 * ms, 0, 0, 0, 1 * ms, 2, "time under way counts once"},
		"a call that outlives its request": {func(l *logbook, c *llmperf.Call) {
			l.call(c.Origin(), "header", 100*ms)
			time.Sleep(2 * ms)
			go l.call(c.Origin(), "header", 50*ms)
		}, 2 * ms, 0, 0, 0, 2 * ms, 1, "nobody waits for it"},
	} {
		t.Run(name, func(t *testing.T) {
			l := new(logbook)
			res := virtually(t, func(t *testing.T) llmperf.Scenario {
				t.Cleanup(func() { time.Sleep(time.Second) })
				return l.scenario(func(c *llmperf.Call) { tt.send(l, c) })(t)
			})
			o, n := res.Steps[0].Overhead, res.Steps[0].Requests
			require.Greater(t, n, 100)
			assert.Equal(t, "header", o.Correlation)
			assert.Zero(t, o.Unknown)
			assert.Equal(t, tt.calls, o.Calls)
			assert.Equal(t, tt.total, o.Mean)
			constant(t, tt.total, n, o.Total, "total: "+tt.reason)
			constant(t, tt.before, n, o.Before, "before: "+tt.reason)
			constant(t, tt.between, n, o.BetweenCalls, "between calls: "+tt.reason)
			constant(t, tt.after, n, o.After, "after: "+tt.reason)
			assert.Equal(t, o.Total.P50, res.Total.Overhead.Total.P50)
		})
	}
}

func TestOverheadBetweenTokens(t *testing.T) {
	l := new(logbook)
	res := virtually(t, l.scenario(func(c *llmperf.Call) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.call(c.Origin(), "header", 20*ms) // tokens from 20 ms to 60 ms
		}()
		time.Sleep(21 * ms)
		c.Tokens(1)
		time.Sleep(45 * ms)
		c.Tokens(1)
		<-done
	}))
	o, n := res.Steps[0].Overhead, res.Steps[0].Requests
	constant(t, 5*ms, n, o.Tokens, "the stream took 45 ms instead of 40")
	constant(t, 6*ms, n, o.After, "the last token's delay is time after the call")
}

func TestOverheadByThePromptOfTheUser(t *testing.T) {
	l := new(logbook)
	res := virtually(t, l.scenario(func(c *llmperf.Call) {
		time.Sleep(3 * ms)
		l.call(fmt.Sprintf("%d-0-%s", c.User(), strings.Split(c.Origin(), "-")[2]), "prompt", 100*ms) // a conversation, named for its first request
	}))
	o := res.Steps[0].Overhead
	assert.Equal(t, "prompt", o.Correlation)
	constant(t, 3*ms, res.Steps[0].Requests, o.Total, "the call belongs to the user's request in flight")
}

func TestOverheadWithoutACallIsAllOfTheRequest(t *testing.T) {
	l := new(logbook)
	res := virtually(t, l.scenario(func(c *llmperf.Call) {
		time.Sleep(5 * ms)
		if c.Number()%2 == 0 {
			l.call(c.Origin(), "header", 100*ms)
		}
	}))
	o := res.Steps[0].Overhead
	constant(t, 5*ms, res.Steps[0].Requests, o.Total, "a request answered from the service's cache is its own")
	assert.InDelta(t, 0.5, o.Calls, 0.05)
	assert.Less(t, o.Before.N, o.Total.N, "there is nothing before a call that was not made")
}

func TestOverheadOfCallsThatNobodyCanTellApart(t *testing.T) {
	slo := llmperf.Overhead.P95Below(time.Second)
	for name, known := range map[string]int{"none is known": 1000000, "one in five is known": 5} {
		t.Run(name, func(t *testing.T) {
			l := new(logbook)
			res := virtually(t, func(t *testing.T) llmperf.Scenario {
				s := l.scenario(func(c *llmperf.Call) {
					if c.Number()%known == known-1 {
						time.Sleep(5 * ms)
						l.call(c.Origin(), "header", 100*ms)
					} else {
						time.Sleep(500 * ms)
						l.call("", "", 100*ms)
					}
				})(t)
				s.Profile = llmperf.StepProfile{StepUsers: 5, StepTime: 5 * time.Minute, MaxUsers: 15}
				return s
			})
			want := 500.0
			if known == 5 {
				want = 0.2*5 + 0.8*500
			}
			for _, step := range res.Steps {
				o := step.Overhead
				assert.Equal(t, "totals", o.Correlation)
				// Off by what happens at the ends: a call a user, of 140 ms, over some 300 requests a user.
				assert.InDelta(t, want, float64(o.Mean)/1e6, 3)
				assert.InDelta(t, 1, o.Calls, 0.02)
				assert.Zero(t, o.Total.N, "those whose calls are known may be the fast ones")
				assert.Equal(t, 140*ms, o.Upstream.P50)
			}
			assert.InDelta(t, want, float64(res.Total.Overhead.Mean)/1e6, 3, "all steps together")
			outcome := res.Check(slo)[0]
			assert.Equal(t, llmperf.Fail, outcome.Verdict, "nothing is known of the p95")
			assert.Regexp(t, `overhead_p95 cannot be judged: [\d,]+ of [\d,]+ upstream calls are of no known request \(the service's mean overhead is about `, outcome.Message)
		})
	}
	res := virtually(t, new(logbook).scenario(func(c *llmperf.Call) { time.Sleep(5 * ms) }))
	assert.Contains(t, res.Check(slo)[0].Message, "no call reached the scenario's upstreams")
}

func TestOverheadOfTotalsCountsFailedRequestsAndNoSingleTarget(t *testing.T) {
	l := new(logbook)
	one := llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
		time.Sleep(20 * ms)
		l.call("", "", 100*ms)
		if c.Number()%3 == 0 {
			return &llmperf.Failure{Class: llmperf.FailEmpty}
		}
		return nil
	})
	res := virtually(t, func(*testing.T) llmperf.Scenario {
		return llmperf.Scenario{
			Target:  llmperf.Mix{{Name: "a", Weight: 1, Target: one}, {Name: "b", Weight: 1, Target: one}},
			Profile: hold(5, 5*time.Minute), Warmup: time.Second, Upstreams: []llmperf.Upstream{l},
		}
	})
	assert.InDelta(t, 20, float64(res.Steps[0].Overhead.Mean)/1e6, 1)
	for _, target := range res.Steps[0].Targets {
		assert.Equal(t, "totals", target.Overhead.Correlation)
		assert.Zero(t, target.Overhead.Mean, "whose calls are whose is not known")
	}
}

func TestACallThatIsGivenUpIsTheUpstreamsTime(t *testing.T) {
	l := new(logbook)
	res := virtually(t, l.scenario(func(c *llmperf.Call) {
		arrived := time.Now()
		time.Sleep(time.Second) // the service's patience
		ended := time.Now()
		if c.Number()%2 == 0 {
			ended = time.Time{} // the upstream has not noticed yet
		} else {
			time.Sleep(30 * ms)
		}
		origin := c.Origin()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.calls = append(l.calls, func(yield func(origin, correlation string, arrived, firstToken, lastToken, ended time.Time)) {
			yield(origin, "header", arrived, time.Time{}, time.Time{}, ended)
		})
	}))
	o := res.Steps[0].Overhead
	assert.Equal(t, time.Duration(0), o.Total.Min)
	assert.Equal(t, 30*ms, o.Total.Max)
}

func TestCallsOfAnotherRunAreNotThisOnes(t *testing.T) {
	l := new(logbook)
	res := virtually(t, l.scenario(func(c *llmperf.Call) {
		var foreign sync.WaitGroup
		foreign.Go(func() { l.call(fmt.Sprintf("%d-%d-ffffffff", c.User(), c.Number()), "header", 10*ms) })
		time.Sleep(60 * ms)
		l.call(c.Origin(), "header", 100*ms)
		foreign.Wait()
	}))
	o := res.Steps[0].Overhead
	assert.Equal(t, 1.0, o.Calls)
	assert.Zero(t, o.Unknown)
	constant(t, 60*ms, res.Steps[0].Requests, o.Total, "of this run's calls")
}

func TestOverheadNeedsUpstreams(t *testing.T) {
	out := runSubject(t, "overhead of nothing")
	assert.Contains(t, out, "nothing was sent")
	assert.Contains(t, out, "overhead_p95: scenario.Upstreams is empty: give it the fake servers behind the service")
}

func init() {
	subjects["overhead of nothing"] = func(t *testing.T) {
		s := steady(time.Millisecond)
		llmperf.Run(t, s, llmperf.Overhead.P95Below(time.Second))
	}
}
