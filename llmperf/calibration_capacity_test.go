package llmperf_test

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperf/internal/stats"
	"llmperf.dev/llmperftest"
)

// A kneeService is a fake whose latency is a formula of the number of its users,
// which it counts: a user is there from its first request until it has paused for
// longer than users do. Latency is lognormal with a median of one second at no
// load.
type kneeService struct {
	shape    func(x float64) float64 // multiple of that latency at x times the capacity; 2 at 1
	capacity float64                 // users with whom p95 is kneeLimit

	mu      sync.Mutex
	users   map[int]time.Time // since when each pauses; zero while its request is under way
	pausing []pause           // in the order of time; outdated once its user sends again
}

type pause struct {
	user  int
	since time.Time
}

const (
	kneeMedian = time.Second
	kneeSigma  = 0.5

	kneeLongest = 500 * time.Millisecond // pause
)

// kneeLimit is p95 at the capacity.
var kneeLimit = time.Duration(2 * lognormalQuantile(float64(kneeMedian), kneeSigma, 0.95))

// A kneeShape is how latency rises up to twice that at no load, and beyond.
type kneeShape struct {
	name string
	at   func(x float64) float64
}

// The shapes at which finding the capacity is measured.
var (
	sharpRise   = kneeShape{"sharp knee (none up to 95 %, then twice within 5 %)", func(x float64) float64 { return max(1, 1+20*(x-0.95)) }}
	mediumRise  = kneeShape{"medium knee (1.3x at 75 %, then a steeper line)", func(x float64) float64 { return max(1+0.4*x, 1.3+2.8*(x-0.75)) }}
	gradualRise = kneeShape{"gradual (a line)", func(x float64) float64 { return 1 + x }}

	kneeShapes = []kneeShape{sharpRise, mediumRise, gradualRise}
)

// Send answers one request.
func (k *kneeService) Send(ctx context.Context, c *llmperf.Call) error {
	slower := k.shape(float64(k.enter(c.User())) / k.capacity)
	timer := time.NewTimer(time.Duration(slower * float64(kneeMedian) * math.Exp(kneeSigma*c.Rand().NormFloat64())))
	defer timer.Stop()
	defer k.leave(c.User())
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// enter returns how many users there are when one of them sends a request.
func (k *kneeService) enter(user int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.pausing) > 0 && time.Since(k.pausing[0].since) > kneeLongest+time.Millisecond {
		if p := k.pausing[0]; k.users[p.user] == p.since {
			delete(k.users, p.user)
		}
		k.pausing = k.pausing[1:]
	}
	if k.users == nil {
		k.users = map[int]time.Time{}
	}
	k.users[user] = time.Time{}
	return len(k.users)
}

func (k *kneeService) leave(user int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.users[user] = time.Now()
	k.pausing = append(k.pausing, pause{user, time.Now()})
}

// inner runs f in a bubble of its own, of which many can be at once.
func inner(t *testing.T, seed uint64, f func(t *testing.T) error) {
	var bubbled testing.T
	var err error
	synctest.Test(&bubbled, func(t *testing.T) { err = f(t) })
	if err != nil || bubbled.Failed() {
		t.Errorf("seed %d: %v", seed, err)
	}
}

// A quest is one kind of service whose capacity is looked for.
type quest struct {
	name     string
	slo      llmperf.SLO
	past     func(s *llmperf.Stats) bool                    // whether the bare figure is at the SLO's limit or past it
	capacity func(seed uint64) float64                      // the true one: the SLO ends there
	target   func(t *testing.T, seed uint64) llmperf.Target // in a bubble
}

// quest looks for the capacities of services of one shape, which differ from seed
// to seed.
func (s kneeShape) quest() quest {
	capacity := func(seed uint64) float64 { return 15 + 170*rand.New(rand.NewPCG(seed, 0xca9)).Float64() }
	return quest{
		name: s.name, slo: llmperf.Latency.P95Below(kneeLimit), capacity: capacity,
		past: func(s *llmperf.Stats) bool { return s.Latency.P95 >= kneeLimit },
		target: func(_ *testing.T, seed uint64) llmperf.Target {
			return &kneeService{shape: s.at, capacity: capacity(seed)}
		},
	}
}

const mostUsers = 200

func (q quest) scenario(t *testing.T, seed uint64) llmperf.Scenario {
	return llmperf.Scenario{Target: q.target(t, seed), Think: llmperf.Between(100*time.Millisecond, kneeLongest), Seed: seed}
}

func (q quest) search(t *testing.T, seed uint64, search llmperf.Search) (c *llmperf.Capacity) {
	inner(t, seed, func(t *testing.T) (err error) {
		c, err = llmperf.MeasureCapacity(context.Background(), q.scenario(t, seed), search, q.slo)
		return err
	})
	return c
}

// climb looks for the capacity as it is usually done: ten more users every minute,
// until the bare figure is past the limit.
func (q quest) climb(t *testing.T, seed uint64) (users int, minutes, userMinutes float64) {
	var res *llmperf.Result
	inner(t, seed, func(t *testing.T) (err error) {
		s := q.scenario(t, seed)
		s.Profile = climbing(q.past)
		res, err = llmperf.Measure(context.Background(), s)
		return err
	})
	for _, step := range res.Steps {
		if q.past(&step.Stats) {
			break
		}
		users = step.Load.Users
	}
	userMinutes = 10 * res.Steps[0].Begin.Minutes()
	for _, step := range res.Steps {
		userMinutes += float64(step.Load.Users) * (step.Until - step.Begin).Minutes()
	}
	return users, res.Elapsed.Minutes(), userMinutes
}

type climbing func(s *llmperf.Stats) bool

func (past climbing) Next(done []llmperf.Step) (llmperf.Load, bool) {
	n := len(done)
	if n > 0 && past(&done[n-1].Stats) || 10*n == mostUsers {
		return llmperf.Load{}, false
	}
	return llmperf.Load{Users: 10 * (n + 1), Hold: time.Minute}, true
}

// A finding is what became of many searches by one rule, on average.
type finding struct {
	repetitions                  int
	far                          int // farther from the truth than a tenth of it
	square                       float64
	minutes, userMinutes, probes float64
	lowWrong, highWrong          int // the truth is outside of what is proved
}

func (f *finding) add(truth float64, users int, minutes, userMinutes float64) {
	miss := float64(users) - mostWithin(truth)
	if math.Abs(miss) > truth/10 {
		f.far++
	}
	f.repetitions++
	f.square += miss * miss
	f.minutes += minutes
	f.userMinutes += userMinutes
}

// mostWithin is the most users of a service whose SLO ends at the given load.
func mostWithin(capacity float64) float64 { return math.Ceil(capacity) - 1 }

// rmse is the root mean square error in users.
func (f *finding) rmse() float64              { return math.Sqrt(f.square / float64(f.repetitions)) }
func (f *finding) mean(total float64) float64 { return total / float64(f.repetitions) }

// found is what became of looking for a quest's capacity by a search and, where
// it is asked for, by climbing.
func (q quest) found(t *testing.T, repetitions int, climb bool) (searched, climbed finding) {
	type pair struct {
		c                    *llmperf.Capacity
		users                int
		minutes, userMinutes float64
	}
	for i, p := range repeat(repetitions, func(i int) (p pair) {
		p.c = q.search(t, uint64(i+1), llmperf.Search{MaxUsers: mostUsers})
		if climb {
			p.users, p.minutes, p.userMinutes = q.climb(t, uint64(i+1))
		}
		return p
	}) {
		truth := q.capacity(uint64(i + 1))
		searched.add(truth, p.c.Users, p.c.Minutes, p.c.UserMinutes)
		searched.probes += float64(len(p.c.Probes))
		if p.c.Low > mostWithin(truth) {
			searched.lowWrong++
		}
		if p.c.High > 0 && p.c.High <= mostWithin(truth) {
			searched.highWrong++
		}
		climbed.add(truth, p.users, p.minutes, p.userMinutes)
	}
	return searched, climbed
}

// claimed judges the claim that a service takes its very capacity, where nothing
// can be proved.
func claimed(t *testing.T, repetitions int) (v tally) {
	const at = 60
	q := gradualRise.quest()
	q.target = func(*testing.T, uint64) llmperf.Target { return &kneeService{shape: gradualRise.at, capacity: at} }
	for _, o := range repeat(repetitions, func(i int) llmperf.Outcome {
		return q.search(t, uint64(i+1), llmperf.Search{MaxUsers: mostUsers, AtLeast: at}).AtLeast(at)
	}) {
		v.add(o.Verdict)
	}
	return v
}

// An engineQuest is a fake model whose capacity is looked for.
type engineQuest struct {
	name   string
	engine llmperftest.Engine
	slo    llmperf.SLO
	excess func(s *llmperf.Stats) float64 // how far its figure is past the SLO's limit; below 0 within
}

var engineQuests = []engineQuest{
	{
		"engine whose batch fills up: TTFT p95 < 2 s", llmperftest.Engine{MaxBatch: 40, StepBase: 200 * time.Millisecond},
		llmperf.TTFT.P95Below(2 * time.Second), func(s *llmperf.Stats) float64 { return math.Log(s.TTFT.P95.Seconds() / 2) },
	},
	{
		"engine that slows with its batch: latency p95 < 8 s", llmperftest.Engine{MaxBatch: 256, StepBase: 120 * time.Millisecond, StepPerSequence: 3 * time.Millisecond},
		llmperf.Latency.P95Below(8 * time.Second), func(s *llmperf.Stats) float64 { return math.Log(s.Latency.P95.Seconds() / 8) },
	},
	{
		"engine that sheds: failure rate < 2 %", llmperftest.Engine{MaxBatch: 40, MaxQueue: 10, StepBase: 200 * time.Millisecond},
		llmperf.FailureRateBelow(0.02), func(s *llmperf.Stats) float64 { return s.FailureRate/0.02 - 1 },
	},
}

// quest finds out the truth about the engine, by long steps on both sides of
// it: there is no formula of p95.
func (e engineQuest) quest(t *testing.T, length time.Duration) quest {
	q := quest{name: e.name, slo: e.slo, past: func(s *llmperf.Stats) bool { return e.excess(s) >= 0 }}
	q.target = func(t *testing.T, seed uint64) llmperf.Target {
		engine := e.engine
		engine.Output, engine.Jitter, engine.Seed = llmperftest.Uniform(16, 24), 0.1, seed
		return target(llmperftest.NewServer(t, engine))
	}
	excess := func(users int, length time.Duration) (past float64) {
		inner(t, 0, func(t *testing.T) error {
			s := q.scenario(t, 1<<32)
			s.Profile = hold(users, length)
			res, err := llmperf.Measure(context.Background(), s)
			past = e.excess(&res.Total)
			return err
		})
		return past
	}
	within, past := 1, mostUsers
	for past-within > 8 {
		if mid := (within + past) / 2; excess(mid, length/4) < 0 {
			within = mid
		} else {
			past = mid
		}
	}
	var loads []float64
	for users := within - 4; users <= past+4; users += 4 {
		loads = append(loads, float64(users))
	}
	truth := stats.Crossing(loads, repeat(len(loads), func(i int) float64 { return excess(int(loads[i]), length) }), nil)
	if math.IsInf(truth, 0) {
		t.Errorf("%s: the capacity is none of %v", e.name, loads)
	}
	q.capacity = func(uint64) float64 { return truth }
	return q
}
