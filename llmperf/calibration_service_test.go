package llmperf_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llmperf.dev/llmperf"
)

// A knownService is a fake whose true figures are known in closed form. The
// latency of a request is lognormal with a median of 50 ms, and its first token
// comes after a share of the latency that is lognormal with a median of a tenth.
// Users pause twenty times as long as an answer takes, so that how many requests
// are sent hardly depends on how long they take.
type knownService struct {
	// Standard deviations of the logarithm of latency, by what varies:
	own    float64 // each request by itself
	drift  float64 // the speed of the service, for a tenth of a step at a time
	person float64 // what all requests of one user have in common

	fails float64       // share of requests that fail
	burst time.Duration // how long all requests fail at a time; 0 lets each fail by itself

	steps []knownStep
}

// A knownStep is one step of the load and how the service copes with it.
type knownStep struct {
	llmperf.Load
	slower float64 // latency as a multiple of that at no load
	fails  float64 // share of requests that fail beside those of the service
}

const (
	knownMedian     = 50 * time.Millisecond
	knownFirstShare = 0.1
	knownFirstSigma = 0.6
	knownThink      = time.Second // on average
)

var knownPause = llmperf.Between(knownThink/2, 3*knownThink/2)

// oneStep is a step of 30 users that measures about n requests.
func oneStep(n int) []knownStep {
	return []knownStep{{Load: llmperf.Load{Users: 30, Hold: holdFor(30, n)}, slower: 1}}
}

// rising is steps of 10, 20, 30 … users, each measuring about n requests, with
// the given multiples of latency.
func rising(n int, slower ...float64) []knownStep {
	var steps []knownStep
	for i, s := range slower {
		users := 10 * (i + 1)
		steps = append(steps, knownStep{Load: llmperf.Load{Users: users, Hold: holdFor(users, n)}, slower: s})
	}
	return steps
}

// holdFor is how long a step is to be held to measure n requests: what settling
// takes, a quarter of it but at most 10 s, is not measured.
func holdFor(users, n int) time.Duration {
	measured := time.Duration(float64(n) / float64(users) * float64(knownThink+knownMedian))
	return min(measured*4/3, measured+10*time.Second).Round(time.Millisecond)
}

// sigma is the standard deviation of the logarithm of latency over all that
// varies.
func (k knownService) sigma() float64 { return math.Hypot(math.Hypot(k.own, k.drift), k.person) }

// slowest is the multiple of latency at the slowest step.
func (k knownService) slowest() float64 {
	most := 0.0
	for _, s := range k.steps {
		most = max(most, s.slower)
	}
	return most
}

// latency is the true p-quantile of latency at the slowest step.
func (k knownService) latency(p float64) time.Duration {
	return time.Duration(k.slowest() * lognormalQuantile(float64(knownMedian), k.sigma(), p))
}

// ttft is the true p-quantile of the time to the first token at the slowest step.
func (k knownService) ttft(p float64) time.Duration {
	return time.Duration(k.slowest() * lognormalQuantile(knownFirstShare*float64(knownMedian), math.Hypot(k.sigma(), knownFirstSigma), p))
}

// tailRatio is the true p99/p50 of latency.
func (k knownService) tailRatio() float64 { return lognormalQuantile(1, k.sigma(), 0.99) }

// throughput is the true rate of successful requests a second at the first step.
func (k knownService) throughput() float64 {
	mean := knownMedian.Seconds() * k.steps[0].slower * math.Exp(k.sigma()*k.sigma()/2)
	return float64(k.steps[0].Users) / (knownThink.Seconds() + mean) * (1 - k.fails)
}

func lognormalQuantile(median, sigma, p float64) float64 {
	return median * math.Exp(sigma*math.Sqrt2*math.Erfinv(2*p-1))
}

// measure loads the service in a bubble of its own and returns what llmperf
// measured, and the service's own record of the requests.
func (k knownService) measure(t testing.TB, seed uint64) (*llmperf.Result, *serviceRun) {
	var res *llmperf.Result
	var run *serviceRun
	var err error
	var inner testing.T // a bubble needs a T, and t may have only one at a time
	synctest.Test(&inner, func(bubbled *testing.T) {
		run = newServiceRun(k, seed)
		res, err = llmperf.Measure(context.Background(), llmperf.Scenario{
			Target: run, Profile: run.profile(), Think: knownPause, Warmup: llmperf.NoWarmup, Seed: seed,
		})
	})
	if err != nil || inner.Failed() {
		t.Errorf("seed %d: %v", seed, err)
	}
	return res, run
}

// A serviceRun is a known service under one load: the target, and the profile
// that tells it which step it is at.
type serviceRun struct {
	knownService
	seed   uint64
	start  time.Time
	begun  atomic.Int32   // steps begun
	begins []atomic.Int64 // when they began, in nanoseconds since start
	speeds []*course      // of each step: the logarithm of latency, in units of drift
	down   *course        // 1 while all requests fail

	mu  sync.Mutex
	log []servedRequest
}

// A servedRequest is what the service itself knows of a request.
type servedRequest struct {
	ended, latency time.Duration
	ok             bool
}

func newServiceRun(k knownService, seed uint64) *serviceRun {
	run := &serviceRun{knownService: k, seed: seed, start: time.Now(), begins: make([]atomic.Int64, len(k.steps))}
	for i, s := range k.steps {
		// The speed is autoregressive, with a hundred values a step of which ten neighbours are alike.
		keep := math.Exp(-1.0 / 10)
		run.speeds = append(run.speeds, newCourse(seed, uint64(i), s.Hold/100, func(r *rand.Rand, last float64) float64 {
			if math.IsNaN(last) {
				return r.NormFloat64()
			}
			return keep*last + math.Sqrt(1-keep*keep)*r.NormFloat64()
		}))
	}
	const slot = 10 * time.Millisecond
	run.down = newCourse(seed, 1<<32, slot, func(r *rand.Rand, last float64) float64 {
		recovers := min(1, slot.Seconds()/max(k.burst.Seconds(), slot.Seconds()))
		breaks := recovers * k.fails / (1 - k.fails)
		switch u := r.Float64(); {
		case math.IsNaN(last) && u < k.fails, last == 0 && u < breaks, last == 1 && u >= recovers:
			return 1
		default:
			return 0
		}
	})
	return run
}

// profile is the run's load. A run of one step is not to look like one that may
// have more, whose first step is their baseline and is held for it.
func (run *serviceRun) profile() llmperf.Profile {
	if len(run.steps) == 1 {
		run.begun.Store(1)
		return hold(run.steps[0].Users, run.steps[0].Hold)
	}
	return run
}

// Next is the step after those done.
func (run *serviceRun) Next(done []llmperf.Step) (llmperf.Load, bool) {
	if len(done) == len(run.steps) {
		return llmperf.Load{}, false
	}
	run.begins[len(done)].Store(int64(time.Since(run.start)))
	run.begun.Store(int32(len(done) + 1))
	return run.steps[len(done)].Load, true
}

var errKnown = &llmperf.Failure{Class: llmperf.FailStatus, Status: 503, Err: errors.New("as the known service was told to")}

// Send answers one request.
func (run *serviceRun) Send(_ context.Context, c *llmperf.Call) error {
	r, now := c.Rand(), time.Since(run.start)
	i := run.begun.Load() - 1
	exponent := run.own * r.NormFloat64()
	if run.drift > 0 {
		exponent += run.drift * run.speeds[i].at(now-time.Duration(run.begins[i].Load()))
	}
	if run.person > 0 {
		exponent += run.person * rand.New(rand.NewPCG(run.seed, ^uint64(c.User()))).NormFloat64()
	}
	latency := time.Duration(run.steps[i].slower * float64(knownMedian) * math.Exp(exponent))
	first := min(latency, time.Duration(knownFirstShare*float64(latency)*math.Exp(knownFirstSigma*r.NormFloat64())))
	fails := r.Float64() < run.steps[i].fails
	if run.burst > 0 {
		fails = fails || run.down.at(now) == 1
	} else {
		fails = fails || r.Float64() < run.fails
	}
	time.Sleep(first)
	c.FirstByte()
	c.Tokens(20)
	time.Sleep(latency - first)
	run.mu.Lock()
	run.log = append(run.log, servedRequest{ended: now + latency, latency: latency, ok: !fails})
	run.mu.Unlock()
	if fails {
		return errKnown
	}
	return nil
}

// cumulativeP95 is the p95 latency of the successful requests that ended by the
// given time since the start of the run, and the share of those that failed.
func (run *serviceRun) cumulativeP95(by time.Duration) (p95 time.Duration, failed float64) {
	var latencies []time.Duration
	ended := 0
	for _, s := range run.log {
		if s.ended <= by {
			ended++
			if s.ok {
				latencies = append(latencies, s.latency)
			}
		}
	}
	if len(latencies) == 0 {
		return 0, 1
	}
	sort.Slice(latencies, func(i, j int) bool { return latencies[i] < latencies[j] })
	return latencies[(95*len(latencies)+99)/100-1], 1 - float64(len(latencies))/float64(ended)
}

// A course is how something varies by chance over time, slot by slot; it is
// drawn as far as it is asked for, and the same for a seed in whatever order.
type course struct {
	slot time.Duration
	next func(r *rand.Rand, last float64) float64 // NaN before the first

	mu     sync.Mutex
	rand   *rand.Rand
	values []float64
}

func newCourse(seed, stream uint64, slot time.Duration, next func(r *rand.Rand, last float64) float64) *course {
	return &course{slot: slot, next: next, rand: rand.New(rand.NewPCG(seed, 0xc0054e<<40+stream))}
}

func (c *course) at(t time.Duration) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := int(t / c.slot)
	for len(c.values) <= i {
		last := math.NaN()
		if len(c.values) > 0 {
			last = c.values[len(c.values)-1]
		}
		c.values = append(c.values, c.next(c.rand, last))
	}
	return c.values[i]
}

// repeat returns f of 0 to n-1, on all processors at once.
func repeat[T any](n int, f func(repetition int) T) []T {
	results := make([]T, n)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				results[i] = f(i)
			}
		})
	}
	workers.Wait()
	return results
}
