package llmperf_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// TestWhatHangsKeepsNoLoadOnAfterTheContextsEnd: the goroutine that steers waits for
// the test's own functions.
func TestWhatHangsKeepsNoLoadOnAfterTheContextsEnd(t *testing.T) {
	const end = 30 * time.Second // of the context, in the second of two steps of 20 s
	tests := []struct {
		name    string
		hangs   func(s *llmperf.Scenario, hang func())
		ends    time.Duration // of the context; 0 for end
		aborted string
		lasts   time.Duration // at most, after the context's end
		least   int           // requests
		reason  string
	}{
		{"start", func(s *llmperf.Scenario, hang func()) {
			s.Observers[0].Start = func(llmperf.Scenario) { hang() }
		}, 0, ", and an observer did not return within 1s of that", time.Second, 0, "before the first request"},
		{"sample", func(s *llmperf.Scenario, hang func()) {
			s.Observers[0].Sample = func(s llmperf.Sample) {
				if s.Sent > 10*time.Second {
					hang()
				}
			}
		}, 0, ", and an observer did not return within 1s of that", 2 * time.Second, 2 * 70, "nobody steers since 10.5 s, and the requests of the whole step are counted"},
		{"step", func(s *llmperf.Scenario, hang func()) {
			s.Observers[0].Step = func(llmperf.Step) { hang() }
		}, 0, ", and an observer did not return within 1s of that", 2 * time.Second, 2 * 70, "the first step is measured"},
		{"last sample", func(s *llmperf.Scenario, hang func()) {
			s.Observers[0].Sample = func(s llmperf.Sample) {
				if s.Sent > 29*time.Second {
					hang()
				}
			}
		}, 0, ", and an observer did not return within 1s of that", 2 * time.Second, 2 * 120, "just before the context ends"},
		{"sample after the last step", func(s *llmperf.Scenario, hang func()) {
			s.Observers[0].Sample = func(s llmperf.Sample) {
				if s.End > 40*time.Second {
					hang()
				}
			}
		}, 45 * time.Second, ", and an observer did not return within 1s of that", 2 * time.Second, 3 * 140, "while the last request is awaited"},
		{"stop", func(s *llmperf.Scenario, hang func()) {
			s.Observers[0].Stop = func(*llmperf.Result) { hang() }
		}, 0, "; an observer did not return within 3s", 6 * time.Second, 2 * 120, "the load is over, and it has a little longer"},
		{"stop of a whole run", func(s *llmperf.Scenario, hang func()) {
			s.Observers[0].Stop = func(*llmperf.Result) { hang() }
		}, time.Hour, ", and an observer did not return within 3s of that", 4 * time.Second, 3 * 170, "the load was over long before"},
		{"profile", func(s *llmperf.Scenario, hang func()) { s.Profile = hangingProfile{hang} }, 0,
			", and the profile did not return within 1s of that", 2 * time.Second, 2 * 70, "it is asked for the second step"},
		{"upstream", func(s *llmperf.Scenario, hang func()) { s.Upstreams = []llmperf.Upstream{faultyUpstream{hang}} }, 0,
			", and an upstream did not return within 1s of that", 2 * time.Second, 2 * 70, "it is asked what it saw of the first step"},
		{"name", func(s *llmperf.Scenario, hang func()) { s.Target = faultyName{s.Target, hang} }, 0,
			"; the target's String method did not return within 3s", 6 * time.Second, 2 * 120, "it is asked at the end"},
		{"all", func(s *llmperf.Scenario, hang func()) {
			s.Observers[0].Sample = func(llmperf.Sample) { hang() }
			s.Upstreams = []llmperf.Upstream{faultyUpstream{hang}, faultyUpstream{hang}}
			s.Target = faultyName{s.Target, hang}
		}, 0, "did not return within 1s of that; an upstream did not return within 3s; the target's String method did not return within 3s",
			9 * time.Second, 2 * 70, "each is waited for once"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var results [2]string
			for i := range results {
				inBubble(t, func(t *testing.T) {
					never, ends := make(chan struct{}), end
					if tt.ends != 0 {
						ends = tt.ends
					}
					var last atomic.Int64 // when a request was sent
					begin := time.Now()
					var told atomic.Int32 // how often the second observer was
					s := llmperf.Scenario{
						Target: llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
							last.Store(int64(time.Since(begin)))
							if time.Since(begin) > min(ends, 40*time.Second)-time.Second && c.User() == 1 {
								<-ctx.Done()
								return ctx.Err()
							}
							time.Sleep(100 * time.Millisecond)
							return nil
						}),
						Profile: llmperf.StepProfile{StepUsers: 2, StepTime: 20 * time.Second, MaxUsers: 4}, Warmup: llmperf.NoWarmup, Think: llmperf.Constant(100 * time.Millisecond),
						Observers: []llmperf.Observer{{}, {
							Sample: func(llmperf.Sample) { told.Add(1) },
							Step:   func(llmperf.Step) { told.Add(1) },
							Stop:   func(*llmperf.Result) { told.Add(1) },
						}},
					}
					tt.hangs(&s, func() { <-never })
					ctx, cancel := context.WithTimeout(t.Context(), ends)
					defer cancel()
					res, err := llmperf.Measure(ctx, s)
					took := time.Since(begin)
					require.ErrorContains(t, err, "the run was aborted: context deadline exceeded")
					assert.Contains(t, res.Aborted, tt.aborted)
					assert.LessOrEqual(t, time.Duration(last.Load()), ends+time.Second+time.Microsecond, "nothing is sent any more")
					assert.LessOrEqual(t, took, ends+tt.lasts+time.Millisecond, "those in flight have a second more")
					assert.GreaterOrEqual(t, res.Total.Requests, tt.least, tt.reason)

					data, err := json.Marshal(res)
					require.NoError(t, err)
					before := told.Load()
					close(never) // what hung goes on
					synctest.Wait()
					assert.Equal(t, before, told.Load(), "and calls no other observer")
					after, err := json.Marshal(res)
					require.NoError(t, err)
					assert.JSONEq(t, string(data), string(after))
					results[i] = string(data)
				})
			}
			assert.Equal(t, results[0], results[1], "it repeats")
		})
	}
}

// A hangingProfile hangs when it is asked for the second step.
type hangingProfile struct{ hang func() }

func (p hangingProfile) Next(done []llmperf.Step) (llmperf.Load, bool) {
	if len(done) == 1 {
		p.hang()
	}
	return llmperf.Load{Users: 2, Hold: 20 * time.Second}, len(done) < 2
}

// TestASlowObserverIsWaitedForAfterTheContextsEnd: it is none that hangs.
func TestASlowObserverIsWaitedForAfterTheContextsEnd(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s, stopped := watched(llmperf.Observer{Sample: func(llmperf.Sample) { time.Sleep(time.Millisecond) }})(t), false
		s.Observers = append(s.Observers, llmperf.Observer{Stop: func(*llmperf.Result) { time.Sleep(3 * time.Second); stopped = true }})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		res, err := llmperf.Measure(ctx, s)
		require.Error(t, err)
		assert.Equal(t, "context deadline exceeded", res.Aborted)
		assert.True(t, stopped)
	})
}

func TestAnObserverThatHangsInRealTimeDoesNotKeepTheLoadOn(t *testing.T) {
	hung, never := make(chan struct{}), make(chan struct{})
	defer close(never)
	var sent atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-hung
		cancel()
	}()
	res, err := llmperf.Measure(ctx, llmperf.Scenario{
		Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error {
			sent.Add(1)
			time.Sleep(5 * time.Millisecond)
			return nil
		}),
		Profile: hold(2, time.Hour), Warmup: 100 * time.Millisecond, Think: llmperf.Constant(time.Millisecond),
		Observers: []llmperf.Observer{{Sample: func(s llmperf.Sample) {
			if s.Measured {
				close(hung)
				<-never // a channel whose reader is gone
			}
		}}},
	})
	after := sent.Load()
	require.EqualError(t, err, "llmperf: the run was aborted: context canceled, and an observer did not return within 1s of that")
	require.Len(t, res.Steps, 1)
	assert.Equal(t, int(after), res.Warmup.Requests+res.Total.Requests, "all that were sent are counted, and no other follows")
	assert.Less(t, res.Elapsed, time.Minute, "of an hour")
}
