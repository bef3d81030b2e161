package llmperf

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/load"
)

// takes is a service whose answers all take so long.
func takes(d time.Duration) TargetFunc {
	return func(ctx context.Context, _ *Call) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watched measures a scenario in virtual time and returns every request with the
// result, in the order in which they were sent, or due.
func watched(t *testing.T, s Scenario) (*Result, []Sample) {
	t.Helper()
	var res *Result
	var samples []Sample
	s.Observers = append(s.Observers, Observer{Sample: func(s Sample) { samples = append(samples, s) }})
	synctest.Test(t, func(t *testing.T) {
		var err error
		res, err = Measure(context.Background(), s)
		require.NoError(t, err)
	})
	sortBySent(samples)
	return res, samples
}

func sortBySent(samples []Sample) {
	slices.SortFunc(samples, func(a, b Sample) int { return cmp.Compare(a.Sent, b.Sent) })
}

func TestRequestsOfAnOpenLoopAreDueWhereTheRateSaysAndNothingDelaysThem(t *testing.T) {
	profile := list{
		{FromRate: 5, Rate: 5, Hold: 20 * time.Second},
		{FromRate: 5, Rate: 25, Hold: 40 * time.Second},
		{FromRate: 25, Rate: 1, Hold: 30 * time.Second},
		{Rate: 50, Hold: 10 * time.Second},
	}
	// The integral of the rate from the start of the warm-up on, by small steps.
	const grain = 1e-4
	rateAt := func(at float64) float64 {
		switch {
		case at < 30: // the warm-up's 10 s, and the first step
			return 5
		case at < 70:
			return 5 + (at-30)/40*20
		case at < 100:
			return 25 - (at-70)/30*24
		default:
			return 50
		}
	}
	_, samples := watched(t, Scenario{Target: takes(3 * time.Second), Profile: profile, Warmup: 10 * time.Second, Seed: 3})

	due, at, area, sum := []float64{}, 0.0, 0.0, 0.0
	for i := 0; at < 110; i++ {
		for sum += Poisson.gap(3, i); area < sum && at < 110; at += grain {
			area += rateAt(at+grain/2) * grain
		}
		due = append(due, at)
	}
	require.InDelta(t, 5*30+15*40+13*30+50*10, len(due), 120, "the integral, but for chance")
	require.GreaterOrEqual(t, len(samples), len(due)-1)
	for i := range len(due) - 1 {
		require.InDelta(t, due[i], samples[i].Sent.Seconds(), 2*grain, "request %d", i)
		assert.Equal(t, i, samples[i].User, "each is of a user of its own, in turn")
		assert.Zero(t, samples[i].Number)
		assert.InDelta(t, 3, samples[i].Latency().Seconds(), 1e-4, "so many in flight make no difference")
	}
}

func TestAQueueBeforeOneServerIsThatOfTheFormula(t *testing.T) {
	// M/D/1: requests come at random and each takes 100 ms of a single server. The mean time in the system is 100 ms + ρ·100 ms/(2(1−ρ)): it explodes as ρ nears 1.
	const service = 100 * time.Millisecond
	var profile list
	for _, rate := range []float64{2, 5, 8, 9} {
		profile = append(profile, Load{Rate: rate, Hold: 2 * time.Hour})
	}
	var res *Result
	synctest.Test(t, func(t *testing.T) {
		server := make(chan struct{}, 1)
		var err error
		res, err = Measure(context.Background(), Scenario{Profile: profile, Target: TargetFunc(func(context.Context, *Call) error {
			server <- struct{}{}
			time.Sleep(service)
			<-server
			return nil
		})})
		require.NoError(t, err)
	})
	for _, step := range res.Steps {
		rho := step.Load.Rate * service.Seconds()
		mean := service.Seconds() * (1 + rho/(2*(1-rho)))
		// Over 2 h, what is left to chance is largest near ρ = 1, where one wait lasts into many others.
		assert.InEpsilon(t, mean, step.Latency.Mean.Seconds(), 0.02+0.01/(1-rho), "ρ = %.1f", rho)
		assert.InEpsilon(t, step.Load.Rate, step.RPS, 4/math.Sqrt(step.Load.Rate*7200))
		assert.InDelta(t, step.RPS, step.Arrivals.Sent, 1e-9, "all were sent when they were due")
		assert.Zero(t, step.Arrivals.Delay.Max)
	}
}

// TestAStallIsSeenByThoseWhoComeMeanwhile shows coordinated omission: a server that
// stalls for 20 s in a minute. In a closed loop each user has one request that
// takes long, and sends no other meanwhile, so that the stall hardly shows. In an
// open loop all who come meanwhile wait.
func TestAStallIsSeenByThoseWhoComeMeanwhile(t *testing.T) {
	const begin, stall, answer = 40 * time.Second, 20 * time.Second, 100 * time.Millisecond
	measure := func(l Load, limit int) Stats {
		var start time.Time
		var res *Result
		synctest.Test(t, func(t *testing.T) {
			start = time.Now()
			var err error
			res, err = Measure(context.Background(), Scenario{
				Profile: list{l}, Think: Constant(900 * time.Millisecond), MaxInFlight: limit,
				Target: TargetFunc(func(context.Context, *Call) error {
					if now := time.Since(start); now >= begin && now < begin+stall {
						time.Sleep(begin + stall - now)
					}
					time.Sleep(answer)
					return nil
				}),
			})
			require.NoError(t, err)
		})
		return res.Steps[0].Stats
	}
	over := func(d Distribution, limit time.Duration) float64 {
		n := 0
		for _, v := range d.sorted {
			if v > float64(limit) {
				n++
			}
		}
		return float64(n) / float64(d.N)
	}

	closed := measure(Load{Users: 20, Hold: time.Minute}, 0)
	open := measure(Load{Rate: 20, Hold: time.Minute}, 0)
	// A request that is due 1 s or more before the stall's end takes longer than 1.1 s.
	assert.InDelta(t, 19.0/60, over(open.Latency, time.Second+answer), 0.03, "a third of all requests")
	assert.Less(t, over(closed.Latency, time.Second+answer), 0.03, "one request of each user")
	assert.Less(t, closed.Latency.P95, time.Second, "the p95 of a closed loop does not know of the stall")
	assert.InDelta(t, 17, open.Latency.P95.Seconds(), 0.7, "that of the open one is 3 s less than all of it, which a twentieth of the minute exceed")

	// A client that can have but few requests in flight cannot send them in time. What it measured of the service alone would omit the stall again.
	few := measure(Load{Rate: 20, Hold: time.Minute}, 20)
	assert.Less(t, over(few.Arrivals.Service, time.Second+answer), 0.03, "so much for the time from when it was really sent")
	assert.GreaterOrEqual(t, over(few.Latency, time.Second+answer), over(open.Latency, time.Second+answer), "latency counts from when it was due")
	assert.Positive(t, few.Arrivals.Held)
	assert.Greater(t, few.Arrivals.Delay.P95, 15*time.Second)
}

func TestMoreInFlightThanTheLimitIsAFinding(t *testing.T) {
	// 20 requests/s of 1 s each, with at most 10 in flight: 10 per second are sent, one at a time waits ever longer.
	s := Scenario{
		Target: takes(time.Second), Profile: list{{Rate: 20, Hold: time.Minute}}, Warmup: NoWarmup,
		MaxInFlight: 10,
	}
	res, samples := watched(t, s)
	step := res.Steps[0]
	// Of the 45 s measured, the last requests due are sent long after. Those sent meanwhile are 10 per second, but for the 10 s before.
	assert.InDelta(t, 10.0*(60-20)/45, step.Arrivals.Sent, 1, "MaxInFlight over the time an answer takes")
	assert.InDelta(t, 20, step.Arrivals.Due, 2)
	assert.Equal(t, step.Requests, step.Arrivals.Held)
	assert.Zero(t, step.Failed)
	assert.InDelta(t, 60, step.Arrivals.Delay.Max.Seconds(), 5, "20 per second come and 10 leave, for a minute")
	assert.Contains(t, strings.Join(res.Warnings, "\n"), "requests waited since scenario.MaxInFlight = 10 others were in flight")
	seen := map[int]bool{}
	for _, sample := range samples {
		seen[sample.User] = true
	}
	for i := range len(samples) {
		require.True(t, seen[i], "request %d is not accounted for", i)
	}
	for _, o := range res.Check(Latency.P50Below(10*time.Minute), Guard(FailureRateBelow(0.999)), Latency.P50Below(time.Second)) {
		if o.Want == "latency p50 < 1 s" {
			assert.Equal(t, Fail, o.Verdict, "what is too slow with less than the load is too slow with all of it")
			continue
		}
		assert.Equal(t, Inconclusive, o.Verdict, o.Message)
		assert.Contains(t, o.Message, ": INCONCLUSIVE (n=")
		assert.Contains(t, o.Message, "the service was sent less than this load")
	}
}

func TestARequestThatCouldNotBeSentInTimeFails(t *testing.T) {
	// A target that does not heed its context blocks all of MaxInFlight past the timeout.
	deaf := TargetFunc(func(_ context.Context, c *Call) error {
		if c.User() > 0 {
			time.Sleep(12 * time.Second)
		}
		return nil
	})
	res, samples := watched(t, Scenario{
		Target: deaf, Profile: list{{Rate: 2, Hold: time.Minute}}, Warmup: NoWarmup, MaxInFlight: 4, Timeout: 5 * time.Second,
	})
	step := res.Steps[0]
	assert.Equal(t, step.Arrivals.NotSent, step.Failures["not_sent"])
	assert.Positive(t, step.Arrivals.NotSent)
	assert.Equal(t, step.Requests, step.Failures["not_sent"]+step.Failures["timeout"], "none is lost")
	for i, s := range samples {
		require.Equal(t, i, s.User, "every request that was due is told of once")
		if s.Failure == "not_sent" {
			assert.Equal(t, 5*time.Second+load.Grain/2, s.Latency())
			assert.Equal(t, "not sent: all of scenario.MaxInFlight's requests were in flight until its timeout had passed", s.Detail)
		}
	}
}

func TestARequestOfAMixThatWasNeverSentIsOfTheTargetItWasFor(t *testing.T) {
	// Three in four are for a; while its answers block all of MaxInFlight, requests for both are not sent.
	deaf := TargetFunc(func(_ context.Context, c *Call) error {
		if c.User() > 3 {
			time.Sleep(12 * time.Second)
		}
		return nil
	})
	res, samples := watched(t, Scenario{
		Target:  Mix{{Name: "a", Weight: 3, Target: deaf}, {Name: "b", Weight: 1, Target: takes(time.Millisecond)}},
		Profile: list{{Rate: 5, Hold: 2 * time.Minute}}, Warmup: NoWarmup, MaxInFlight: 4, Timeout: 5 * time.Second,
	})
	notSent := map[string]int{}
	for _, s := range samples {
		if s.Failure == "not_sent" {
			notSent[s.Target]++
		}
	}
	n := float64(notSent["a"] + notSent["b"])
	require.Greater(t, n, 100.0)
	assert.InDelta(t, 0.25, float64(notSent["b"])/n, 3*math.Sqrt(0.25*0.75/n), "three standard deviations of a binomial share")
	assert.Equal(t, res.Steps[0].Arrivals.NotSent, res.Steps[0].Targets[0].Arrivals.NotSent+res.Steps[0].Targets[1].Arrivals.NotSent)
}

func TestAnOpenLoopThatIsCutOffAccountsForAllThatWereDue(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var samples []Sample
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer stop()
		res, err := Measure(ctx, Scenario{
			Target: takes(time.Hour), Profile: list{{Rate: 10, Hold: time.Minute}}, Warmup: NoWarmup, MaxInFlight: 50,
			Observers: []Observer{{Sample: func(s Sample) { samples = append(samples, s) }}},
		})
		require.ErrorContains(t, err, "deadline")
		assert.Equal(t, res.Steps[0].Requests, res.Steps[0].Failures["unfinished"])
		assert.InDelta(t, 10*(30-10), res.Steps[0].Requests, 45, "10 per second since the settle time was over")
	})
	require.NotEmpty(t, samples)
	sortBySent(samples)
	for i, s := range samples {
		assert.Equal(t, i, s.User, "every request that was due is told of once")
		assert.Equal(t, "unfinished", s.Failure)
	}
}

func TestUsersOfARampComeAndGoEvenly(t *testing.T) {
	profile := list{
		{FromUsers: 10, Users: 40, Hold: 60 * time.Second},
		{FromUsers: 40, Users: 5, Hold: 70 * time.Second},
		{Users: 5, Hold: 10 * time.Second},
	}
	want := func(at float64) float64 {
		switch {
		case at < 20:
			return 10
		case at < 80:
			return 10 + (at-20)/2
		case at < 150:
			return 40 - (at-80)/2
		default:
			return 5
		}
	}
	// Each user has a request in flight most of the time: it takes 0.9 s of every second.
	res, samples := watched(t, Scenario{Target: takes(900 * time.Millisecond), Profile: profile, Warmup: 20 * time.Second, Think: Constant(100 * time.Millisecond)})
	for at := 5.0; at < 159; at++ {
		inFlight := map[int]bool{}
		for _, s := range samples {
			if s.Sent.Seconds() < at && at-1.001 < s.Sent.Seconds() {
				inFlight[s.User] = true
			}
		}
		assert.InDelta(t, want(at-0.5), len(inFlight), 1.6, "users that sent within the second before %v s", at)
	}
	for _, s := range samples {
		require.True(t, s.Failure == "" || !s.Measured, "who leaves does so after its request")
	}
	assert.Equal(t, []string{"users=10-40", "users=40-5", "users=5"}, []string{res.Steps[0].Name, res.Steps[1].Name, res.Steps[2].Name})
	assert.InDelta(t, 60, res.Steps[0].Seconds, 1e-9, "a ramp is measured from its begin on")
	assert.InEpsilon(t, 25.0*60, res.Steps[0].Requests, 0.03, "the mean number of users, each with a request a second")
	assert.InEpsilon(t, 22.5*70, res.Steps[1].Requests, 0.03)
}

func TestAShapesUsersFollowItFromSecondToSecond(t *testing.T) {
	wave := &shape{}
	users := func(second int) int { return 20 + int(15*math.Sin(float64(second)/5)) }
	for second := range 60 {
		wave.ticks = append(wave.ticks, shapeTick{at: time.Duration(second) * time.Second, users: users(second), spawnRate: 1000})
	}
	_, samples := watched(t, Scenario{
		Target: takes(450 * time.Millisecond), Profile: list{{Users: 35, Hold: time.Minute, shape: wave}}, Warmup: 10 * time.Second, Think: Constant(50 * time.Millisecond),
	})
	for second := range 60 {
		sent := map[int]bool{}
		for _, s := range samples {
			if at := s.Sent.Seconds() - 10 - float64(second); at >= 0.1 && at < 0.61 {
				sent[s.User] = true
			}
		}
		assert.Equal(t, users(second), len(sent), "second %d", second)
	}
}

func TestAReplaySendsEachRequestAtItsTime(t *testing.T) {
	var want []time.Duration
	profile, row := list{}, 0
	for step := range 3 {
		r := &replay{first: row}
		for i := range 40 * (step + 1) {
			r.at = append(r.at, time.Duration(i*i)*time.Millisecond/time.Duration(step+1))
			want = append(want, 5*time.Second+time.Duration(step)*20*time.Second+r.at[i])
			row++
		}
		profile = append(profile, Load{Rate: float64(len(r.at)) / 20, Hold: 20 * time.Second, replay: r})
	}
	rows := make([]atomic.Int64, 1000)
	_, samples := watched(t, Scenario{Profile: profile, Warmup: 5 * time.Second, Target: TargetFunc(func(_ context.Context, c *Call) error {
		rows[c.User()].Store(int64(c.row))
		time.Sleep(time.Second)
		return nil
	})})
	warm := 0
	for samples[warm].Sent < 5*time.Second {
		assert.EqualValues(t, warm, rows[warm].Load(), "the warm-up goes through the rows too")
		warm++
	}
	require.Positive(t, warm)
	require.Len(t, samples, warm+len(want))
	for i, at := range want {
		assert.InDelta(t, at.Seconds(), samples[warm+i].Sent.Seconds(), 2*load.Grain.Seconds(), "request %d", i)
		assert.EqualValues(t, i, rows[warm+i].Load())
	}
}

func TestUsersAndRatesDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := Measure(context.Background(), Scenario{Target: takes(time.Second), Profile: struct{ Profile }{list{{Users: 5, Hold: time.Minute}, {Rate: 2, Hold: time.Minute}}}})
		assert.ErrorContains(t, err, "2 requests/s after 5 users: want all steps in users, or all in requests per second")
	})
}

func TestAnOpenLoopRepeats(t *testing.T) {
	run := func() string {
		var busy atomic.Int64
		res, samples := watched(t, Scenario{
			Profile: list{{Rate: 20, Hold: 20 * time.Second}, {FromRate: 20, Rate: 60, Hold: 20 * time.Second}}, MaxInFlight: 12, Timeout: 2 * time.Second,
			Target: TargetFunc(func(ctx context.Context, c *Call) error { // answers come in batches, all at one instant
				wait := time.Duration(10+busy.Add(1)) * 20 * time.Millisecond
				defer busy.Add(-1)
				select {
				case <-time.After(wait.Round(100 * time.Millisecond)):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}),
		})
		require.Positive(t, res.Steps[1].Arrivals.Held)
		return fmt.Sprintf("%+v", samples)
	}
	first := run()
	for range 10 {
		require.Equal(t, first, run())
	}
}

// BenchmarkDispatch is how late requests of an open loop are sent in real time, in
// milliseconds, at so many per second.
func BenchmarkDispatch(b *testing.B) {
	for _, rate := range []float64{100, 1000, 5000} {
		b.Run(fmt.Sprintf("rate=%v", rate), func(b *testing.B) {
			for b.Loop() {
				res, err := Measure(context.Background(), Scenario{
					Target: takes(50 * time.Millisecond), Profile: Steps(Load{Rate: rate, Hold: 4 * time.Second}), Warmup: NoWarmup,
				})
				require.NoError(b, err)
				delay := res.Steps[0].Arrivals.Delay
				b.ReportMetric(delay.P50.Seconds()*1000, "p50-ms")
				b.ReportMetric(delay.P99.Seconds()*1000, "p99-ms")
			}
		})
	}
}
