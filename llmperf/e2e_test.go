package llmperf_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// hold is one step of so many users.
func hold(users int, d time.Duration) llmperf.StepProfile {
	return llmperf.StepProfile{StepUsers: users, StepTime: d, MaxUsers: users}
}

var quick = llmperftest.Engine{StepBase: 2 * time.Millisecond, StepPerSequence: 10 * time.Microsecond, MaxBatch: 64, Output: llmperftest.Uniform(5, 15)}

func target(s *llmperftest.Server) llmperf.OpenAI {
	return llmperf.OpenAI{BaseURL: s.URL + "/v1", Model: "fake", Client: s.Client()}
}

// A truth is what the server recorded of the requests of a step.
type truth struct {
	requests, prompt, tokens, chunks int
	latency                          time.Duration   // p95
	ttft, itl                        []time.Duration // ascending
}

// fifty is a fake server and a scenario of 50 users for it.
func fifty(t *testing.T) (*llmperftest.Server, llmperf.Scenario) {
	engine := quick
	engine.StepBase = 10 * time.Millisecond
	server := llmperftest.NewServer(t, engine)
	return server, llmperf.Scenario{Target: target(server), Profile: hold(50, 4*time.Second), Warmup: time.Second, Timeout: 10 * time.Second}
}

// truthOf is what the server recorded of the requests of a run's first step.
func truthOf(server *llmperftest.Server, res *llmperf.Result) truth {
	from, until := res.Started.Add(res.Steps[0].From), res.Started.Add(res.Steps[0].Until)
	return truthWhere(server, func(r llmperftest.Request) bool { return !r.Arrived.Before(from) && r.Arrived.Before(until) })
}

// truthWhere is what the server recorded of some requests.
func truthWhere(server *llmperftest.Server, counts func(llmperftest.Request) bool) (is truth) {
	var latency []time.Duration
	for _, r := range server.Requests() {
		if r.Outcome != llmperftest.Completed || !counts(r) {
			continue
		}
		is.requests++
		is.prompt += r.PromptTokens
		is.tokens += r.OutputTokens
		is.chunks += len(r.Chunks)
		latency = append(latency, r.Written.Sub(r.Arrived))
		if len(r.Chunks) == 0 {
			continue
		}
		first, last := r.Chunks[0].At, r.Chunks[len(r.Chunks)-1].At
		is.ttft = append(is.ttft, first.Sub(r.Arrived))
		is.itl = append(is.itl, last.Sub(first)/time.Duration(max(1, r.OutputTokens-r.Chunks[0].Tokens)))
	}
	slices.Sort(latency)
	is.latency = at(latency, .95)
	slices.Sort(is.ttft)
	slices.Sort(is.itl)
	return is
}

// at is the p-quantile of ascending durations, by nearest rank.
func at(d []time.Duration, p float64) time.Duration {
	return d[int(math.Ceil(p*float64(len(d))))-1]
}

func TestMeasurementsAreTheServersOwnRecord(t *testing.T) {
	var server *llmperftest.Server
	res := virtually(t, func(t *testing.T) (s llmperf.Scenario) {
		server, s = fifty(t)
		return s
	})
	step, is := res.Steps[0], truthOf(server, res)
	require.Zero(t, step.Failed, "%v %v", step.Failures, step.Examples)
	require.Greater(t, step.Requests, 100)
	assert.Equal(t, is.requests, step.Requests)
	assert.Equal(t, is.tokens, step.OutputTokens)
	assert.Equal(t, step.OutputTokens-step.Succeeded(), step.ICL.N, "a gap for every token but the first of each answer")
	for _, p := range []struct {
		name           string
		measured, true time.Duration
	}{
		{"TTFT p50", step.TTFT.P50, at(is.ttft, .50)}, {"TTFT p95", step.TTFT.P95, at(is.ttft, .95)}, {"TTFT p99", step.TTFT.P99, at(is.ttft, .99)},
		{"ITL p50", step.ITL.P50, at(is.itl, .50)}, {"ITL p95", step.ITL.P95, at(is.itl, .95)}, {"ITL p99", step.ITL.P99, at(is.itl, .99)},
	} {
		assert.InDelta(t, p.true, p.measured, 1, "%s: in virtual time nothing comes between sending and arriving, but for the rounding of a mean", p.name)
	}
}

// TestTimesAgreeWithTheServersOwnRecord needs a machine with nothing else to
// do, so it runs only where LLMPERF_ACCURACY is set. A stall of the machine can
// spoil a run; an error of the stopwatch would spoil all three.
func TestTimesAgreeWithTheServersOwnRecord(t *testing.T) {
	if os.Getenv("LLMPERF_ACCURACY") == "" {
		t.Skip("LLMPERF_ACCURACY is not set: set it on a machine that is otherwise idle")
	}
	t.Run("its client", func(t *testing.T) {
		agree(t, func() (*llmperftest.Server, llmperf.Scenario) { return fifty(t) })
	})
	t.Run("no client", func(t *testing.T) { // of the target's own
		agree(t, func() (*llmperftest.Server, llmperf.Scenario) {
			server, s := fifty(t)
			s.Target = llmperf.OpenAI{BaseURL: server.URL + "/v1", Model: "fake"}
			return server, s
		})
	})
}

// agree asks that of three runs one has times within 1 ms of the server's own
// record at p50 and 5 ms at p99. Tokens agree in each run.
//
// Both sides are of the same requests, known by their origin: one that is sent
// just before the end of a step may arrive after it.
func agree(t *testing.T, prepare func() (*llmperftest.Server, llmperf.Scenario)) {
	for range 3 {
		server, scenario := prepare()
		counted := map[string]bool{}
		scenario.Observers = []llmperf.Observer{{Sample: func(s llmperf.Sample) {
			counted[fmt.Sprintf("%d-%d", s.User, s.Number)] = s.Measured && s.Failure == ""
		}}}
		res, err := llmperf.Measure(t.Context(), scenario)
		require.NoError(t, err)
		is := truthWhere(server, func(r llmperftest.Request) bool { return counted[r.Origin[:max(0, strings.LastIndex(r.Origin, "-"))]] })
		if closeTo(t, res, is) {
			return
		}
	}
	t.Error("want errors below 1 ms at p50 and 5 ms at p99")
}

// closeTo reports whether a run's times are within 1 ms of the truth at p50 and
// 5 ms at p99, and its requests and tokens are the truth.
func closeTo(t *testing.T, res *llmperf.Result, is truth) bool {
	step := res.Steps[0]
	assert.Equal(t, is.requests, step.Succeeded())
	assert.Equal(t, is.tokens, step.OutputTokens)
	errors := []time.Duration{
		step.TTFT.P50 - at(is.ttft, .5), step.TTFT.P99 - at(is.ttft, .99),
		step.ITL.P50 - at(is.itl, .5), step.ITL.P99 - at(is.itl, .99),
	}
	t.Logf("measured − recorded: TTFT p50 %v, p99 %v; ITL p50 %v, p99 %v; %d requests", errors[0], errors[1], errors[2], errors[3], step.Requests)
	return errors[0].Abs() < time.Millisecond && errors[1].Abs() < 5*time.Millisecond && errors[2].Abs() < time.Millisecond && errors[3].Abs() < 5*time.Millisecond
}

func TestEveryRequestOfARunIsCountedOnce(t *testing.T) {
	var server *llmperftest.Server
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		server = llmperftest.NewServer(t, quick)
		server.Fail(llmperftest.Status(503).Every(7), llmperftest.CutMidStream(2).Every(11))
		return llmperf.Scenario{Target: target(server), Profile: hold(10, 10*time.Second), Warmup: llmperf.NoWarmup, Think: llmperf.Constant(10 * time.Millisecond)}
	})
	step := res.Steps[0]
	from, until := res.Started.Add(step.From), res.Started.Add(step.Until)
	sent, failed := 0, map[string]int{}
	for _, r := range server.Requests() {
		if !r.Arrived.Before(from) && r.Arrived.Before(until) {
			sent++
			failed[r.Fault]++
		}
	}
	assert.Equal(t, sent, step.Requests)
	assert.Equal(t, map[string]int{"status 503": failed["status 503"], "truncated": failed["cut"]}, step.Failures)
	assert.Equal(t, failed["status 503"]+failed["cut"], step.Failed)
}

func TestEachFaultLandsInItsClass(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name   string
		fault  llmperftest.Fault
		class  string
		reason string
	}{
		{"status 429", llmperftest.Status(429), "status 429", "statuses are counted by code"},
		{"status 500", llmperftest.Status(500), "status 500", "statuses are counted by code"},
		{"reset", llmperftest.Reset(), "reset", "the connection broke before the response began"},
		{"cut", llmperftest.CutMidStream(2), "truncated", "the connection broke within the response"},
		{"error event", llmperftest.ErrorEvent(1), "in_band_error", "the status was a success and the stream was not"},
		{"malformed", llmperftest.Malformed(1), "malformed", "half a JSON object is no chunk"},
		{"hang", llmperftest.Hang(), "timeout", "the scenario's timeout ends it"},
		{"stall", llmperftest.Stall(2, time.Minute), "timeout", "a stall longer than the timeout is one"},
		{"slow headers", llmperftest.SlowHeaders(time.Minute), "timeout", "a header later than the timeout is one"},
		{"misframed", llmperftest.Misframed(1), "malformed", "an event broken in two lines is none"},
		{"long line", llmperftest.LongLine(1, 5<<20).Every(40), "malformed", "no event is that long"},
		{"wrong type", llmperftest.WrongType(), "malformed", "a page is no stream"},
		{"status with a page", llmperftest.Status(502).Body("<html>Bad gateway</html>"), "status 502", "whatever the body says"},
		{"buffered", llmperftest.Buffered(), "", "an answer that comes at once is an answer"},
		{"burst", llmperftest.Burst(3), "", "tokens that come together are tokens"},
		{"two terminators", llmperftest.TwoTerminators(), "", "what comes after the end is not read"},
		{"empty", llmperftest.Empty(), "empty", "an answer without content is no success"},
		{"no terminator", llmperftest.NoTerminator(), "truncated", "a clean end of the body is not the end of the answer"},
	}
	for _, row := range rows {
		timeout := time.Minute // which a busy machine does not reach
		if row.class == "timeout" {
			timeout = 150 * time.Millisecond
		}
		setup := func(t *testing.T, opts ...llmperftest.Option) llmperf.Scenario {
			server := llmperftest.NewServer(t, quick, opts...)
			server.Fail(row.fault.Every(2))
			return llmperf.Scenario{
				Target: target(server), Profile: hold(4, 800*time.Millisecond), Warmup: llmperf.NoWarmup,
				Think: llmperf.Constant(5 * time.Millisecond), Timeout: timeout,
			}
		}
		check := func(t *testing.T, res *llmperf.Result) {
			if row.class == "" {
				require.Positive(t, res.Total.Requests)
				assert.Zero(t, res.Total.Failed, "%s: %v", row.reason, res.Total.Examples)
				return
			}
			require.Positive(t, res.Total.Failed, "%d requests", res.Total.Requests)
			assert.Equal(t, map[string]int{row.class: res.Total.Failed}, res.Total.Failures, row.reason)
			assert.NotEmpty(t, res.Total.Examples)
		}
		t.Run(row.name+" on loopback", func(t *testing.T) {
			t.Parallel()
			res, err := llmperf.Measure(t.Context(), setup(t))
			require.NoError(t, err)
			check(t, res)
		})
		t.Run(row.name+" in memory", func(t *testing.T) {
			check(t, virtually(t, func(t *testing.T) llmperf.Scenario { return setup(t) }))
		})
		t.Run(row.name+" on the wire", func(t *testing.T) {
			check(t, virtually(t, func(t *testing.T) llmperf.Scenario { return setup(t, llmperftest.Wire{Latency: time.Millisecond}) }))
		})
	}
}

func TestAServerThatIsDownEndsTheRunAtOnce(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	begin := time.Now()
	res, err := llmperf.Measure(t.Context(), llmperf.Scenario{
		Target: llmperf.OpenAI{BaseURL: server.URL + "/v1", Model: "any"}, Profile: hold(10, time.Hour),
	})
	require.ErrorContains(t, err, "connection refused")
	require.NotNil(t, res, "what was measured is not lost")
	assert.Positive(t, res.Warmup.Failures["connect"])
	assert.Less(t, time.Since(begin), 15*time.Second)
}

func TestACancelledRunKeepsWhatItMeasured(t *testing.T) {
	server := llmperftest.NewServer(t, quick)
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	res, err := llmperf.Measure(ctx, llmperf.Scenario{Target: target(server), Profile: hold(5, time.Hour), Warmup: 200 * time.Millisecond, Think: llmperf.Constant(5 * time.Millisecond)})
	require.ErrorContains(t, err, "aborted")
	require.Len(t, res.Steps, 1)
	assert.Positive(t, res.Steps[0].Requests)
	assert.NotEmpty(t, res.Aborted)
}

// saturating is an engine whose answers take 1.5 times as long for 14 users as
// for 7, and 2.4 times as long for 21.
var saturating = llmperftest.Engine{MaxBatch: 8, StepBase: 10 * time.Millisecond, StepPerSequence: time.Microsecond, Output: llmperftest.Fixed(10)}

func TestSaturationIsFoundWhereTheEngineSaturates(t *testing.T) {
	const think = 25 * time.Millisecond
	baseline := saturating.Latency(7, think)
	require.Less(t, saturating.Latency(14, think), baseline*8/5, "the truth: 14 users do not saturate it")
	require.Greater(t, saturating.Latency(21, think), baseline*9/4, "the truth: 21 users do")
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		return llmperf.Scenario{
			Target: target(llmperftest.NewServer(t, saturating)), Profile: llmperf.StepProfile{StepUsers: 7, StepTime: time.Minute, MaxUsers: 28},
			Think: llmperf.Constant(think),
		}
	})
	assert.True(t, res.Saturation.Found)
	assert.Equal(t, 21, res.Saturation.Users)
	for _, o := range res.Check(llmperf.NoSaturationBelow(28)) {
		assert.Equal(t, llmperf.Fail, o.Verdict, o.Message)
	}
	for _, o := range res.Check(llmperf.NoSaturationBelow(14)) {
		assert.Equal(t, llmperf.Pass, o.Verdict, o.Message)
	}
}

func TestAHealthyServiceDoesNotSaturate(t *testing.T) {
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		return llmperf.Scenario{
			Target:  target(llmperftest.NewServer(t, llmperftest.Engine{StepPerSequence: 50 * time.Microsecond, Output: llmperftest.Fixed(10)})),
			Profile: llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 20},
		}
	})
	assert.False(t, res.Saturation.Found)
	for _, o := range res.Check(llmperf.NoSaturationBelow(20)) {
		assert.Equal(t, llmperf.Pass, o.Verdict, o.Message)
	}
}

func TestTooFewRequestsAreInconclusiveAndSayHowManyItTakes(t *testing.T) {
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		return llmperf.Scenario{Target: target(llmperftest.NewServer(t, quick)), Profile: hold(2, 10*time.Second)}
	})
	o := res.Check(llmperf.TTFT.P99Below(time.Second))[0]
	assert.Equal(t, llmperf.Inconclusive, o.Verdict)
	assert.Contains(t, o.Message, "from 299 independent requests on")
}

func TestWholeAnswersHaveNoTokenTimes(t *testing.T) {
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		whole := target(llmperftest.NewServer(t, quick))
		whole.NoStream = true
		return llmperf.Scenario{Target: whole, Profile: hold(2, 10*time.Second)}
	})
	require.Zero(t, res.Total.Failed, "%v", res.Total.Examples)
	assert.Zero(t, res.Total.TTFT.N)
	assert.Positive(t, res.Total.OutputTokens)
}

func TestAnyHTTPEndpointCanBeLoaded(t *testing.T) {
	rows := []struct {
		name, kind, body string
		tokens           int
		class            string
		reason           string
	}{
		{"json", "application/json", `{"answer": "yes"}`, 0, "", "a whole body has no tokens"},
		{"sse", "text/event-stream", "data: a\n\ndata: b\n\ndata: [DONE]\n\n", 2, "", "[DONE] is no token"},
		{"ndjson", "application/x-ndjson", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", 3, "", "a line is a token"},
		{"error member", "application/json", `{"error": "no model"}`, 0, "in_band_error", "a success says no error"},
		{"not json", "application/json", `{"answer": `, 0, "malformed", "the body says it is JSON"},
		{"nothing", "application/json", ``, 0, "empty", "an empty body answers nothing"},
		{"cut line", "application/x-ndjson", "{\"a\":1}\n{\"a\":", 1, "truncated", "the last line is not whole"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			svc := llmperftest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", row.kind)
				w.Write([]byte(row.body))
			}))
			step := 200 * time.Millisecond
			if row.class != "" {
				step = time.Minute // which is not to be held
			}
			told := map[string]int{}
			res, err := llmperf.Measure(t.Context(), llmperf.Scenario{
				Target: llmperf.HTTP{Client: svc.Client(), New: func(ctx context.Context, _ *llmperf.Call) (*http.Request, error) {
					return http.NewRequestWithContext(ctx, "GET", svc.URL, nil)
				}},
				Profile: hold(1, step), Warmup: llmperf.NoWarmup, Think: llmperf.Constant(40 * time.Millisecond),
				Observers: []llmperf.Observer{{Sample: func(s llmperf.Sample) { told[s.Failure]++ }}},
			})
			if row.class != "" {
				require.ErrorContains(t, err, "all of the first", "a service that never answers well is not loaded on")
				delete(told, "unfinished") // one may be in flight at the end
				assert.Positive(t, told[row.class], row.reason)
				assert.Len(t, told, 1, row.reason)
				return
			}
			require.NoError(t, err)
			assert.Zero(t, res.Total.Failed, "%v", res.Total.Examples)
			assert.Equal(t, row.tokens*res.Total.Requests, res.Total.OutputTokens, row.reason)
		})
	}
}

// TestNobodyGoesOnWhenTheRunIsOver: what is in flight then is cut off, and by that
// each user would be ready for the next request; at most one was about to be sent.
func TestNobodyGoesOnWhenTheRunIsOver(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const users = 2000
	var cut atomic.Int64
	var late [users]atomic.Int64
	scenario := llmperf.Scenario{
		Target: llmperf.TargetFunc(func(ctx context.Context, c *llmperf.Call) error {
			if ctx.Err() != nil {
				late[c.User()].Add(1)
			}
			for range 50 { // so that cutting all off takes long
				defer context.AfterFunc(ctx, func() {})()
			}
			select {
			case <-ctx.Done():
				cut.Add(1)
				for began := time.Now(); time.Since(began) < 200*time.Microsecond; { // as it takes to say what went wrong
				}
				return ctx.Err()
			case <-time.After(100 * time.Millisecond):
				return nil
			}
		}),
		Profile: hold(users, 300*time.Millisecond), Warmup: llmperf.NoWarmup,
	}
	for round := 0; round < mostRounds && cut.Load() == 0; round++ { // a busy machine may end a run between two requests of everybody
		_, err := llmperf.Measure(t.Context(), scenario)
		require.NoError(t, err)
	}
	assert.Positive(t, cut.Load())
	for user := range late {
		assert.LessOrEqual(t, late[user].Load(), int64(1), "user %d", user)
	}
}

func TestAPanickingTargetFailsItsRequestAndNothingElse(t *testing.T) {
	res, err := llmperf.Measure(t.Context(), llmperf.Scenario{
		Target: llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
			if c.Number()%2 == 1 {
				panic("oops")
			}
			return nil
		}),
		Profile: hold(2, 200*time.Millisecond), Warmup: llmperf.NoWarmup, Think: llmperf.Constant(5 * time.Millisecond),
	})
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"target": res.Total.Failed}, res.Total.Failures)
	assert.Contains(t, res.Total.Examples[0], "e2e_test.go:")
}

func TestAnUntrustedCertificateIsATLSFailure(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	res, err := llmperf.Measure(t.Context(), llmperf.Scenario{
		Target: llmperf.OpenAI{BaseURL: server.URL + "/v1", Model: "any"}, Profile: hold(1, time.Minute), Think: llmperf.Constant(10 * time.Millisecond),
	})
	require.ErrorContains(t, err, "certificate")
	assert.Equal(t, res.Warmup.Failed, res.Warmup.Failures["tls"])
	assert.Positive(t, res.Warmup.Failed)
}

func TestNoReportShowsTheAPIKey(t *testing.T) {
	const key = "a-secret-of-theirs"
	svc := llmperftest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		w.Write([]byte(`{"error": {"message": "wrong key: ` + r.Header.Get("Authorization") + `"}}`))
	}))
	keyed := llmperf.OpenAI{BaseURL: svc.URL + "/v1", Model: "any", APIKey: key, Client: svc.Client()}
	res, err := llmperf.Measure(t.Context(), llmperf.Scenario{Target: keyed, Profile: hold(1, time.Minute), Think: llmperf.Constant(10 * time.Millisecond)})
	require.ErrorContains(t, err, "wrong key")
	data, marshalErr := json.Marshal(res)
	require.NoError(t, marshalErr)
	for _, shown := range []string{err.Error(), string(data), fmt.Sprint(keyed), fmt.Sprintf("%+v %#v", keyed, keyed)} {
		assert.NotContains(t, shown, key)
	}
}

func TestAnErrorInPlaceOfAStreamIsReportedInItsWords(t *testing.T) {
	svc := llmperftest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte("{\n  \"error\": {\"message\": \"model is loading\"}\n}"))
	}))
	res, err := llmperf.Measure(t.Context(), llmperf.Scenario{
		Target:  llmperf.OpenAI{BaseURL: svc.URL + "/v1", Model: "any", Client: svc.Client()},
		Profile: hold(1, time.Minute), Think: llmperf.Constant(10 * time.Millisecond),
	})
	require.ErrorContains(t, err, "model is loading")
	assert.Equal(t, res.Warmup.Failed, res.Warmup.Failures["in_band_error"])
}

func TestASeedRepeatsWhatUsersDrawAndThink(t *testing.T) {
	draws := func(seed uint64) []uint64 {
		var drawn []uint64
		_, err := llmperf.Measure(t.Context(), llmperf.Scenario{
			Target: llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
				if c.Number() < 3 {
					drawn = append(drawn, c.Rand().Uint64())
				}
				return nil
			}),
			Profile: hold(1, 200*time.Millisecond), Warmup: llmperf.NoWarmup, Seed: seed, Think: llmperf.Between(time.Millisecond, 5*time.Millisecond),
		})
		require.NoError(t, err)
		return drawn
	}
	assert.Equal(t, draws(7), draws(7))
	assert.NotEqual(t, draws(7), draws(8))
}

// slowPrompts take a while to be made up.
type slowPrompts struct{ time.Duration }

func (s slowPrompts) Messages(*llmperf.Call) ([]llmperf.Message, error) {
	time.Sleep(s.Duration)
	return []llmperf.Message{{Role: "user", Content: "Why?"}}, nil
}

func TestMakingUpAPromptIsNoTimeOfTheServices(t *testing.T) {
	var server *llmperftest.Server
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		server = llmperftest.NewServer(t, quick)
		to := target(server)
		to.Prompts = slowPrompts{300 * time.Millisecond}
		return llmperf.Scenario{Target: to, Profile: hold(5, 30*time.Second), Warmup: time.Second}
	})
	step, is := res.Steps[0], truthOf(server, res)
	require.Greater(t, step.Requests, 100)
	assert.Equal(t, is.requests, step.Requests)
	assert.Equal(t, is.latency, step.Latency.P95)
	assert.Equal(t, at(is.ttft, .99), step.TTFT.P99)
}
