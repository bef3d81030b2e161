package llmperf_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// A taken is what a server recorded that it was asked for.
type taken struct {
	requests, prompt, output int
	last                     time.Time // request's arrival
}

// budgeted measures a run of up to 60 users within a budget, and returns also what
// the server recorded of it. Of so many users many are at the gate within a moment.
func budgeted(t *testing.T, engine llmperftest.Engine, change func(*llmperf.Scenario, *llmperftest.Server)) (*llmperf.Result, taken) {
	t.Helper()
	var server *llmperftest.Server
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		server = llmperftest.NewServer(t, engine)
		s := llmperf.Scenario{
			Target: target(server), Warmup: 3 * time.Second,
			Profile: llmperf.StepProfile{StepUsers: 20, StepTime: 15 * time.Second, MaxUsers: 60},
		}
		change(&s, server)
		return s
	})
	var is taken
	for _, r := range server.Requests() {
		is.requests++
		is.prompt += r.PromptTokens
		is.output += r.OutputTokens
		is.last = r.Arrived
	}
	return res, is
}

func TestABudgetOfRequestsIsKeptExactly(t *testing.T) {
	tests := []struct {
		requests int
		reason   string
		run, not []string
	}{
		{1, "the first user of the warm-up sends the only one", nil, []string{"users=20", "users=40", "users=60"}},
		{111, "it ends in the warm-up", nil, []string{"users=20", "users=40", "users=60"}},
		{700, "it ends in the first step", []string{"users=20"}, []string{"users=40", "users=60"}},
		{2500, "it ends in the second step", []string{"users=20", "users=40"}, []string{"users=60"}},
		{1_000_000, "it is not spent", []string{"users=20", "users=40", "users=60"}, nil},
	}
	for _, tt := range tests {
		res, is := budgeted(t, quick, func(s *llmperf.Scenario, _ *llmperftest.Server) { s.Budget.Requests = tt.requests })
		run, not := namesOf(res)
		assert.Equal(t, tt.run, run, tt.reason)
		assert.Equal(t, tt.not, not, tt.reason)
		assert.Equal(t, is.requests, res.Spent.Requests)
		if not == nil {
			assert.Empty(t, res.Stopped)
			continue
		}
		assert.Equal(t, tt.requests, is.requests, tt.reason)
		assert.Regexp(t, `^the budget of [\d,]+ requests? is spent$`, res.Stopped)
		if len(run) > 0 {
			last := res.Steps[len(run)-1]
			assert.Less(t, last.Until-last.Begin, 15*time.Second)
			assert.Less(t, res.Started.Add(last.Until).Sub(is.last), 150*time.Millisecond, "the time in which none may be sent is not measured")
		}
	}
}

// TestTheRequestThatABudgetForbidsIsNoFailure is in real time, where requests are
// sent a little after they are due.
func TestTheRequestThatABudgetForbidsIsNoFailure(t *testing.T) {
	res, err := llmperf.Measure(t.Context(), llmperf.Scenario{
		Target: steady(time.Millisecond).Target, Warmup: llmperf.NoWarmup,
		Profile: llmperf.ConstantProfile{Rate: 200, Duration: 3 * time.Second}, Budget: llmperf.Budget{Requests: 300},
	})
	require.NoError(t, err)
	assert.Equal(t, 300, res.Spent.Requests)
	require.Len(t, res.Steps, 1)
	assert.Positive(t, res.Steps[0].Requests)
	assert.Zero(t, res.Steps[0].Failed, "%v", res.Steps[0].Failures)
	assert.Zero(t, res.Steps[0].Arrivals.NotSent)
}

// TestABudgetThatIsSpentAtTheVeryEndStopsTheRun takes a budget that ends within
// the last half second, after the last look at the run.
func TestABudgetThatIsSpentAtTheVeryEndStopsTheRun(t *testing.T) {
	sent := 0
	whole, _ := budgeted(t, quick, func(s *llmperf.Scenario, _ *llmperftest.Server) {
		s.Observers = []llmperf.Observer{{Sample: func(r llmperf.Sample) {
			if r.Sent < 3*time.Second+3*15*time.Second-200*time.Millisecond {
				sent++
			}
		}}}
	})
	require.Equal(t, 48*time.Second, whole.Steps[2].Until)
	res, is := budgeted(t, quick, func(s *llmperf.Scenario, _ *llmperftest.Server) { s.Budget.Requests = sent })
	assert.Equal(t, sent, is.requests)
	assert.NotEmpty(t, res.Stopped)
	assert.Len(t, res.Steps, 3)
	assert.Empty(t, res.NotRun)
	assert.InDelta(t, 47.8, res.Steps[2].Until.Seconds(), 0.05)
}

func TestABudgetOfTokensIsKept(t *testing.T) {
	for name, engine := range map[string]llmperftest.Engine{
		"alike":    {StepBase: 2 * time.Millisecond, MaxBatch: 200, Output: llmperftest.Fixed(10)},
		"spread":   quick,
		"reasoned": {StepBase: 2 * time.Millisecond, MaxBatch: 200, Output: llmperftest.Uniform(10, 60), Reasoning: llmperftest.Uniform(0, 40)},
	} {
		for _, budget := range []int{20_000, 40_001} {
			res, is := budgeted(t, engine, func(s *llmperf.Scenario, _ *llmperftest.Server) { s.Budget.Tokens = budget })
			require.NotEmpty(t, res.Stopped, name)
			assert.Contains(t, res.Stopped, "tokens is spent: ", name)
			assert.LessOrEqual(t, is.prompt+is.output, budget, name)
			assert.Greater(t, is.prompt+is.output, budget-6000, "%s: what was held back is what 60 users might have taken", name)
			assert.Equal(t, is.prompt, res.Spent.PromptTokens, name)
			assert.Equal(t, is.output, res.Spent.OutputTokens, name)
			assert.Equal(t, is.requests, res.Spent.Requests, name)
		}
	}
}

func TestABudgetOfCostIsKept(t *testing.T) {
	price := llmperf.Price{Input: 3, CachedInput: 0.3, Output: 15}
	res, is := budgeted(t, quick, func(s *llmperf.Scenario, _ *llmperftest.Server) {
		s.Price, s.Budget.Cost = price, 0.5
	})
	cost := (float64(is.prompt)*3 + float64(is.output)*15) / 1e6
	assert.LessOrEqual(t, cost, 0.5)
	assert.Greater(t, cost, 0.48)
	assert.Equal(t, cost, res.Spent.Cost)
	assert.Regexp(t, `^the budget of 0.5 is spent: 0.4\d+ counted, and each of \d+ in flight and the next reckoned with 0.000\d+$`, res.Stopped)
}

func TestCachedTokensAreCheaper(t *testing.T) {
	engine := quick
	engine.PrefixCache = true
	res, _ := budgeted(t, engine, func(s *llmperf.Scenario, server *llmperftest.Server) {
		to := target(server)
		to.Prompts = llmperf.SharedPrefix(500, llmperf.PromptTexts("Why?"))
		s.Target, s.Price, s.Budget.Requests = to, llmperf.Price{Input: 2, CachedInput: 1, Output: 4}, 500
	})
	spent := res.Spent
	require.Greater(t, spent.CachedTokens, spent.PromptTokens/2)
	assert.InDelta(t, float64(2*(spent.PromptTokens-spent.CachedTokens)+spent.CachedTokens+4*spent.OutputTokens)/1e6, spent.Cost, 1e-12)
}

func TestFailedRequestsTakeNoTokensOfTheBudget(t *testing.T) {
	res, is := budgeted(t, quick, func(s *llmperf.Scenario, server *llmperftest.Server) {
		server.Fail(llmperftest.Status(503).Every(2))
		s.Budget.Tokens = 20_000
	})
	require.NotEmpty(t, res.Stopped)
	assert.Greater(t, res.Spent.PromptTokens+res.Spent.OutputTokens, 17_000, "they are not reckoned with for ever")
	assert.Equal(t, is.requests, res.Spent.Requests)
}

func TestABudgetIsKeptTheSameWayInEveryRun(t *testing.T) {
	run := func() (string, string) {
		res, _ := budgeted(t, quick, func(s *llmperf.Scenario, _ *llmperftest.Server) {
			s.Budget, s.Price = llmperf.Budget{Requests: 3000, Tokens: 40_000, Cost: 1}, llmperf.Price{Input: 1, Output: 3}
		})
		data, err := json.Marshal(res)
		require.NoError(t, err)
		return string(data), res.Stopped
	}
	first, why := run()
	require.NotEmpty(t, why)
	for range 2 {
		again, _ := run()
		assert.Equal(t, first, again)
	}
}

func TestABudgetOfTokensNeedsThemCounted(t *testing.T) {
	tests := []struct {
		name, reason string
		usage        func(c *llmperf.Call)
		aborted      bool
	}{
		{"never", "nobody knows what is spent", func(*llmperf.Call) {}, true},
		{"of outputs alone", "a prompt costs too", func(c *llmperf.Call) { c.Usage(0, 0, 10) }, true},
		{"of prompts alone", "chunks are counted", func(c *llmperf.Call) { c.Usage(10, 0, 0) }, false},
		{"of most", "the others are reckoned with the largest", func(c *llmperf.Call) {
			if c.User() != 1 || c.Number() == 0 {
				c.Usage(10, 0, 10)
			}
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := steady(0)
			s.Budget.Tokens = 20_000
			sent := 0
			s.Target = llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
				time.Sleep(20 * time.Millisecond)
				c.Tokens(10)
				tt.usage(c)
				return nil
			})
			s.Profile = hold(20, time.Minute)
			s.Observers = []llmperf.Observer{{Sample: func(llmperf.Sample) { sent++ }}}
			var res *llmperf.Result
			var err error
			inBubble(t, func(t *testing.T) { res, err = llmperf.Measure(t.Context(), s) })
			if tt.aborted {
				require.ErrorContains(t, err, "the run was aborted: the scenario has a budget of tokens, and the target does not say how many a prompt had", tt.reason)
				assert.Less(t, sent, 1000, "at once")
				return
			}
			require.NoError(t, err, tt.reason)
			assert.Contains(t, res.Stopped, "the budget of 20,000 tokens is spent")
			assert.LessOrEqual(t, 20*res.Spent.Requests, 20_000, tt.reason)
			assert.Greater(t, 20*res.Spent.Requests, 19_000, tt.reason)
		})
	}
}

// TestTheFirstRequestsAreReckonedWithALimit sends requests of which nothing is
// known: none is answered before the budget has to say how many may be in flight.
func TestTheFirstRequestsAreReckonedWithALimit(t *testing.T) {
	tests := []struct {
		name      string
		maxTokens int
		requests  int // of a budget of 10,000 tokens
	}{
		{"without a limit", 0, 10},
		{"with one", 300, 12},
		{"with a high one", 4000, 2},
	}
	for _, tt := range tests {
		res, is := budgeted(t, llmperftest.Engine{StepBase: 10 * time.Second}, func(s *llmperf.Scenario, server *llmperftest.Server) {
			to := target(server)
			to.MaxTokens = tt.maxTokens
			s.Target, s.Budget.Tokens = to, 10_000
		})
		assert.Equal(t, tt.requests, is.requests, tt.name)
		assert.Equal(t, tt.requests, res.Spent.Requests, tt.name)
	}
}

func TestAMixMustCountEveryTargetsTokens(t *testing.T) {
	s := steady(0)
	counted := llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error { c.Usage(10, 0, 10); return nil })
	s.Target = llmperf.Mix{
		{Name: "counted", Weight: 9, Target: counted},
		{Name: "not", Weight: 1, Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { return nil })},
	}
	s.Budget.Tokens = 1_000_000
	inBubble(t, func(t *testing.T) {
		_, err := llmperf.Measure(t.Context(), s)
		assert.ErrorContains(t, err, "the target does not say how many a prompt had")
	})
}

func TestARunCountsWhatItTakes(t *testing.T) {
	res, is := budgeted(t, quick, func(s *llmperf.Scenario, server *llmperftest.Server) {
		server.Fail(llmperftest.Status(503).Every(9))
	})
	assert.Equal(t, is.requests, res.Spent.Requests)
	assert.Zero(t, res.Spent.Cost, "without a price")
	assert.Greater(t, res.Spent.Requests, res.Total.Requests, "the warm-up and what was not measured are spent too")
	assert.Greater(t, res.Spent.OutputTokens, res.Total.OutputTokens)
}

// decided raises the load by ten users a step, for as long as it is asked.
type decided struct{}

func (decided) Next(done []llmperf.Step) (llmperf.Load, bool) {
	return llmperf.Load{Users: 10 * (len(done) + 1), Hold: 20 * time.Second}, true
}

func TestOfAProfileThatDecidesAsItGoesAStopSaysWhatWasNotReached(t *testing.T) {
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		return llmperf.Scenario{
			Target: target(llmperftest.NewServer(t, quick)), Profile: decided{}, Warmup: llmperf.NoWarmup,
			Budget: llmperf.Budget{Requests: 2500},
		}
	})
	require.Equal(t, "users=30", res.Steps[len(res.Steps)-1].Name)
	assert.Nil(t, res.NotRun, "there is no telling")
	o := res.Check(llmperf.NoSaturationBelow(50))[0]
	assert.Equal(t, llmperf.NotRun, o.Verdict)
	assert.Regexp(t, `want no saturation up to 50 users: NOT RUN \(.*\); not run: any step of 50 users; the run was stopped during users=30: the budget of 2,500 requests is spent$`, o.Message)
	assert.Equal(t, llmperf.Pass, res.Check(llmperf.NoSaturationBelow(20))[0].Verdict)
}
