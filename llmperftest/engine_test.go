package llmperftest

import (
	"context"
	"io"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// generate puts a request before the engine and returns when its tokens came.
func generate(ctx context.Context, g *engine, number, prompt, limit int) (tokens []time.Time, err error) {
	s := &sequence{ctx: ctx, number: number, prompt: prompt, limit: limit, more: make(chan struct{}, 1), result: make(chan error, 1)}
	s.pace = g.draw(s)
	g.submit(s)
	if err := <-s.result; err != nil {
		return nil, err
	}
	for range s.each {
		tokens = append(tokens, time.Now())
	}
	return tokens, nil
}

// inVirtualTime runs f with an engine in virtual time.
func inVirtualTime(t *testing.T, e Engine, f func(t *testing.T, g *engine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newEngine(e.withDefaults())
		defer g.close()
		f(t, g)
	})
}

func TestAStepTakesItsTimeToTheGrain(t *testing.T) {
	inVirtualTime(t, Engine{StepBase: 10 * time.Millisecond, StepPerSequence: time.Millisecond, Output: Fixed(5), PrefillRate: 1000}, func(t *testing.T, g *engine) {
		begin := time.Now()
		tokens, err := generate(t.Context(), g, 0, 20, 0)
		require.NoError(t, err)
		require.Len(t, tokens, 5)
		// 20 prompt tokens at 1,000 a second, then steps of 10 ms and 1 ms for the one sequence.
		assert.InDelta(t, 31*time.Millisecond, tokens[0].Sub(begin), float64(2*grain))
		for i := 1; i < len(tokens); i++ {
			assert.InDelta(t, 11*time.Millisecond, tokens[i].Sub(tokens[i-1]), float64(grain))
		}
	})
}

func TestTheBatchHoldsNoMoreThanItsLimit(t *testing.T) {
	inVirtualTime(t, Engine{MaxBatch: 2, StepBase: 10 * time.Millisecond, StepPerSequence: time.Microsecond, Output: Fixed(10)}, func(t *testing.T, g *engine) {
		begin := time.Now()
		ended := make(chan time.Duration, 3)
		for i := range 3 {
			time.Sleep(time.Microsecond)
			go func() {
				_, _ = generate(t.Context(), g, i, 1, 0)
				ended <- time.Since(begin)
			}()
		}
		first, second, third := <-ended, <-ended, <-ended
		assert.InDelta(t, 100*time.Millisecond, first, float64(2*time.Millisecond))
		assert.InDelta(t, 100*time.Millisecond, second, float64(2*time.Millisecond))
		assert.InDelta(t, 200*time.Millisecond, third, float64(4*time.Millisecond), "the third waits for a place")
	})
}

func TestWhatDoesNotFitIsShed(t *testing.T) {
	rows := []struct {
		name   string
		engine Engine
		ask    int
		shed   int
		reason string
	}{
		{"no limit", Engine{MaxBatch: 1}, 4, 0, "three wait"},
		{"queue of two", Engine{MaxBatch: 1, MaxQueue: 2}, 4, 1, "one runs and two wait"},
		{"no queue", Engine{MaxBatch: 1, MaxQueue: NoQueue}, 4, 3, "one runs"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			inVirtualTime(t, row.engine, func(t *testing.T, g *engine) {
				errs := make(chan error, row.ask)
				for i := range row.ask {
					time.Sleep(time.Microsecond)
					go func() {
						_, err := generate(t.Context(), g, i, 1, 0)
						errs <- err
					}()
				}
				shed := 0
				for range row.ask {
					if <-errs != nil {
						shed++
					}
				}
				assert.Equal(t, row.shed, shed, row.reason)
			})
		})
	}
}

func TestTheCacheLimitsWhatRunsAtOnce(t *testing.T) {
	inVirtualTime(t, Engine{KVTokens: 25, StepBase: 10 * time.Millisecond, StepPerSequence: time.Microsecond, Output: Fixed(10)}, func(t *testing.T, g *engine) {
		begin := time.Now()
		ended := make(chan time.Duration, 2)
		for i := range 2 {
			time.Sleep(time.Microsecond)
			go func() {
				_, _ = generate(t.Context(), g, i, 5, 0)
				ended <- time.Since(begin)
			}()
		}
		assert.InDelta(t, 100*time.Millisecond, <-ended, float64(2*time.Millisecond))
		assert.InDelta(t, 200*time.Millisecond, <-ended, float64(4*time.Millisecond), "15 and 15 tokens don't fit into 25")
	})
}

func TestAClientThatGoesFreesItsPlace(t *testing.T) {
	inVirtualTime(t, Engine{MaxBatch: 1, StepBase: 10 * time.Millisecond, Output: Fixed(1000)}, func(t *testing.T, g *engine) {
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan int)
		go func() {
			tokens, _ := generate(ctx, g, 0, 1, 0)
			gone <- len(tokens)
		}()
		time.Sleep(55 * time.Millisecond)
		cancel()
		assert.Equal(t, 5, <-gone, "tokens until then")
		tokens, err := generate(t.Context(), g, 1, 1, 3)
		require.NoError(t, err)
		assert.Len(t, tokens, 3, "the limit of the request cuts the answer")
	})
}

func TestASeedRepeatsLengths(t *testing.T) {
	lengths := func(seed uint64) (n []int) {
		inVirtualTime(t, Engine{Seed: seed, Output: LogNormal(50, 0.5, 400)}, func(t *testing.T, g *engine) {
			for i := range 5 {
				tokens, err := generate(t.Context(), g, i, 1, 0)
				require.NoError(t, err)
				n = append(n, len(tokens))
			}
		})
		return n
	}
	assert.Equal(t, lengths(1), lengths(1))
	assert.NotEqual(t, lengths(1), lengths(2))
}

func TestLatencyAgreesWithTheRunningEngine(t *testing.T) {
	e := Engine{MaxBatch: 8, StepBase: 10 * time.Millisecond, StepPerSequence: time.Millisecond, Output: Fixed(50)}
	const think = 200 * time.Millisecond
	for _, users := range []int{1, 4, 8, 16, 32} {
		inVirtualTime(t, e, func(t *testing.T, g *engine) {
			const requests = 20
			sums := make(chan time.Duration, users)
			for u := range users {
				go func() {
					time.Sleep(time.Duration(u) * 37 * time.Millisecond)
					var sum time.Duration
					for n := range requests {
						sent := time.Now()
						_, _ = generate(t.Context(), g, u*requests+n, 1, 0)
						if n >= requests/2 { // the first half reaches the steady state
							sum += time.Since(sent)
						}
						time.Sleep(think)
					}
					sums <- sum
				}()
			}
			var total time.Duration
			for range users {
				total += <-sums
			}
			mean := total / time.Duration(users*requests/2)
			// A request waits for the end of the step under way, up to 2 % of its 50 steps, and the closed form knows only the mean batch.
			assert.InEpsilon(t, e.Latency(users, think), mean, 0.05, "%d users: closed form %v, engine %v", users, e.Latency(users, think), mean)
		})
	}
}

func TestAStepGivesAChunkOfTokens(t *testing.T) {
	inVirtualTime(t, Engine{StepBase: 10 * time.Millisecond, StepPerSequence: time.Nanosecond, Output: Fixed(8), Reasoning: Fixed(5), TokensPerChunk: 3}, func(t *testing.T, g *engine) {
		begin := time.Now()
		tokens, err := generate(t.Context(), g, 0, 1, 0)
		require.NoError(t, err)
		require.Len(t, tokens, 5, "3 + 2 of reasoning, 3 + 3 + 2 of the answer")
		assert.InDelta(t, 50*time.Millisecond, tokens[4].Sub(begin), float64(time.Millisecond))
	})
}

func TestALimitCutsReasoningAndAnswerTogether(t *testing.T) {
	g := &engine{Engine: Engine{Output: Fixed(8), Reasoning: Fixed(5)}.withDefaults()}
	for limit, want := range map[int]pace{
		0: {output: 13, reasoning: 5, chunk: 1}, 20: {output: 13, reasoning: 5, chunk: 1},
		7: {output: 7, reasoning: 5, chunk: 1}, 3: {output: 3, reasoning: 3, chunk: 1},
	} {
		assert.Equal(t, want, g.draw(&sequence{limit: limit}), "limit %d", limit)
	}
	assert.Equal(t, pace{output: 8, chunk: 1}, g.draw(&sequence{plain: true}), "an API without reasoning has none")
}

func TestAChunkIsNoLargerThanItsAnswer(t *testing.T) {
	for _, output := range []int{1, 7} {
		g := &engine{Engine: Engine{Output: Fixed(output), TokensPerChunk: math.MaxInt}.withDefaults()}
		p := g.draw(&sequence{})
		assert.Equal(t, pace{output: output, chunk: output}, p)
		assert.Equal(t, output, p.after(1))
	}
	assert.Equal(t, 9, pace{output: 9, chunk: math.MaxInt}.after(5), "no overflow")
	s := NewServer(t, Engine{StepBase: time.Millisecond, Output: Fixed(7), TokensPerChunk: math.MaxInt})
	is := tell(t, s, "/v1/chat/completions", `{"stream":true,"messages":[{"content":"a"}]}`, io.ReadAll)
	assert.Contains(t, is.body, `"content":"`+said(0, 7)+`"`)
}

// TestLatencyCountsStepsOfSeveralTokens holds the closed form against the engine
// alone with one user.
func TestLatencyCountsStepsOfSeveralTokens(t *testing.T) {
	engines := []struct {
		name   string
		engine Engine
		reason string
	}{
		{"whole", Engine{Output: Fixed(60), Reasoning: Fixed(40), TokensPerChunk: 4}, "all chunks are full"},
		{"rest", Engine{Output: Fixed(9), Reasoning: Fixed(5), TokensPerChunk: 8}, "9 and 5 tokens are two steps and one"},
		{"larger than the answer", Engine{Output: Fixed(9), TokensPerChunk: 100}, "a step"},
		{"spread", Engine{Output: Uniform(1, 8), TokensPerChunk: 4}, "half of the answers take a step, half take two"},
	}
	for _, x := range engines {
		x.engine.StepBase = 10 * time.Millisecond
		inVirtualTime(t, x.engine, func(t *testing.T, g *engine) {
			const requests = 1000
			begin := time.Now()
			for n := range requests {
				_, err := generate(t.Context(), g, n, 1, 0)
				require.NoError(t, err)
			}
			// A request waits for less than two grains, and three standard errors of the mean are 3 %.
			assert.InEpsilon(t, x.engine.Latency(1, 0), time.Since(begin)/requests, 0.04, "%s: %s", x.name, x.reason)
		})
	}
	assert.Equal(t, engines[3].engine.Latency(3, time.Second), engines[3].engine.Latency(3, time.Second), "of fixed draws")
}
