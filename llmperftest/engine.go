package llmperftest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"llmperf.dev/llmperftest/internal/memnet"
)

// An Engine is a continuous-batching inference engine: one batch of sequences,
// each of which gets a chunk of tokens a step, usually one token; a step takes
// longer the more sequences run; a request waits until it fits into the batch
// and into the KV cache. The zero Engine is a small, healthy one.
type Engine struct {
	MaxBatch        int           // sequences that run at once (max_num_seqs); default 32
	StepBase        time.Duration // a decode step takes StepBase, …; default 15ms
	StepPerSequence time.Duration // … and this much more for each running sequence; default 250µs
	PrefillRate     float64       // prompt tokens read per second, before a sequence's first step; default 20,000

	KVTokens    int           // prompt and output tokens that all running sequences may hold together; a request of more is refused. 0 for no limit
	PrefixCache bool          // the beginning of a prompt that the engine has seen before, in blocks of 16 tokens, is not read again; what counts as seen is the KVTokens used last, or a million
	MaxQueue    int           // requests that may wait; one more is shed. 0 for no limit, NoQueue for none
	ShedStatus  int           // status of a shed request: 429, 503 or 529; default what the API answers: 429 of OpenAI, 529 of Anthropic, 503 of Ollama
	RetryAfter  time.Duration // told to a shed request, in whole seconds; default 1s

	Output         Lengths // output tokens of an answer; default Fixed(100)
	Reasoning      Lengths // tokens of reasoning before it, where the API has a form for that and the request does not turn it off; both together are cut at the request's limit. Default none
	TokensPerChunk int     // tokens that a step gives a sequence, in one chunk, as speculative decoding does; default 1

	Jitter float64 // standard deviation of a step's time, as a share of it; at most 0.5; default 0
	Seed   uint64  // everything random derives from it
}

// NoQueue, as [Engine].MaxQueue, sheds every request that does not fit at once.
const NoQueue = -1

// grain is the width of the time grid; the engine acts at the last nanosecond
// of a grain, and clients that want runs to repeat act earlier in it.
const grain = memnet.Grain

func (e Engine) withDefaults() Engine {
	if e.MaxBatch == 0 {
		e.MaxBatch = 32
	}
	if e.StepBase == 0 {
		e.StepBase = 15 * time.Millisecond
	}
	if e.StepPerSequence == 0 {
		e.StepPerSequence = 250 * time.Microsecond
	}
	if e.PrefillRate == 0 {
		e.PrefillRate = 20_000
	}
	if e.RetryAfter == 0 {
		e.RetryAfter = time.Second
	}
	if e.Output == nil {
		e.Output = Fixed(100)
	}
	if e.Reasoning == nil {
		e.Reasoning = Fixed(0)
	}
	if e.TokensPerChunk == 0 {
		e.TokensPerChunk = 1
	}
	return e
}

func (e Engine) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if e.MaxBatch < 1 {
		wrong("Engine.MaxBatch is %d: want at least 1 sequence, or 0 for 32", e.MaxBatch)
	}
	if e.StepBase < 0 || e.StepPerSequence < 0 {
		wrong("Engine.StepBase is %v and StepPerSequence %v: want positive times, or 0 for the defaults", e.StepBase, e.StepPerSequence)
	}
	if !(e.PrefillRate >= 0 && e.PrefillRate <= math.MaxFloat64) {
		wrong("Engine.PrefillRate is %v: want prompt tokens per second, or 0 for 20,000", e.PrefillRate)
	}
	if e.KVTokens < 0 {
		wrong("Engine.KVTokens is %d: want a number of tokens, or 0 for no limit", e.KVTokens)
	}
	if e.MaxQueue < NoQueue {
		wrong("Engine.MaxQueue is %d: want a number of requests, 0 for no limit, or NoQueue", e.MaxQueue)
	}
	if e.ShedStatus != 0 && e.ShedStatus != 429 && e.ShedStatus != 503 && e.ShedStatus != 529 {
		wrong("Engine.ShedStatus is %d: want 429, 503 or 529, or 0 for what the API answers", e.ShedStatus)
	}
	if e.RetryAfter < 0 {
		wrong("Engine.RetryAfter is %v: want a positive time, or 0 for 1s", e.RetryAfter)
	}
	if err := validateLengths(e.Output); err != nil {
		wrong("Engine.Output is %w", err)
	} else if mean := e.Output.Mean(); !(mean >= 1) {
		wrong("Engine.Output is %v: want a mean of at least 1 token", e.Output)
	}
	if err := validateLengths(e.Reasoning); err != nil {
		wrong("Engine.Reasoning is %w", err)
	}
	if e.TokensPerChunk < 1 {
		wrong("Engine.TokensPerChunk is %d: want at least 1 token, or 0 for 1", e.TokensPerChunk)
	}
	if !(e.Jitter >= 0 && e.Jitter <= 0.5) {
		wrong("Engine.Jitter is %v: want a share of the step time from 0 to 0.5", e.Jitter)
	}
	return errors.Join(errs...)
}

// step is the time of a decode step of a batch.
func (e Engine) step(batch int) time.Duration {
	return e.StepBase + time.Duration(batch)*e.StepPerSequence
}

// Latency is the mean latency of requests from the given number of users, each
// of which thinks for the given time between them, when the engine is in its
// steady state, nothing is shed, and no request limits its answer. With L the
// latency, Z the think time, T the mean steps of an answer with its reasoning and
// b = N·L/(L+Z) sequences running, L = T·step(b) as long as b fits the batch; past
// that the engine completes MaxBatch/(T·step(MaxBatch)) requests a second and
// L = N/that − Z. The time in which prompts are read, which depends on them, is
// left out.
func (e Engine) Latency(users int, think time.Duration) time.Duration {
	e = e.withDefaults()
	n, z := float64(users), think.Seconds()
	steps := e.meanSteps()
	step := func(b float64) float64 { return e.StepBase.Seconds() + b*e.StepPerSequence.Seconds() }
	latency := steps * step(1)
	for range 1000 {
		latency = steps * step(n*latency/(latency+z))
	}
	if n*latency/(latency+z) > float64(e.MaxBatch) {
		latency = n*steps*step(float64(e.MaxBatch))/float64(e.MaxBatch) - z
	}
	return time.Duration(latency * float64(time.Second))
}

// meanSteps is the mean number of steps of an answer with its reasoning, of which
// the last chunks may be smaller than the others.
func (e Engine) meanSteps() float64 {
	if e.TokensPerChunk == 1 {
		return e.Reasoning.Mean() + e.Output.Mean()
	}
	const draws = 10_000
	r := rand.New(rand.NewPCG(0, 0))
	chunks := func(tokens int) float64 { return math.Ceil(float64(tokens) / float64(e.TokensPerChunk)) }
	steps := 0.0
	for range draws {
		steps += chunks(max(1, e.Output.Draw(r))) + chunks(max(0, e.Reasoning.Draw(r)))
	}
	return steps / draws
}

var (
	errShed    = errors.New("the queue is full")
	errTooLong = errors.New("the request is larger than the KV cache")
	errStopped = errors.New("the server has stopped")
)

// A pace says how many tokens a sequence gets, and in which chunks: no chunk
// holds both reasoning and answer.
type pace struct {
	output    int // tokens to give in all, …
	reasoning int // … the first of which are reasoning
	chunk     int // tokens of a step
}

// after is how many tokens there are one chunk after the given number.
func (p pace) after(tokens int) int {
	end := p.output
	if tokens < p.reasoning {
		end = p.reasoning
	}
	return tokens + min(p.chunk, end-tokens)
}

// A sequence is one request in the engine.
type sequence struct {
	ctx       context.Context
	number    int // of the request, in order of arrival
	prompt    int
	prefixes  []uint64 // names of the prompt's beginnings, for the prefix cache
	limit     int      // of output tokens; 0 for none
	plain     bool     // no reasoning
	embedding bool     // nothing is generated
	whole     bool     // tokens are not wanted one by one
	submitted time.Time

	pace          // drawn before it is submitted
	cached    int // tokens of the prompt that need not be read
	prefill   time.Duration
	admitted  time.Time
	generated int
	complete  bool // set before more is closed

	// emit is called for each chunk, on the engine's goroutine, once it is set.
	// Until then, and where that goroutine could be held up, each hands them on.
	emit   atomic.Pointer[func(n int)]
	ready  atomic.Int64  // tokens for each
	more   chan struct{} // ready has grown; closed after the last token
	result chan error    // nil once admitted, or why not
}

func (s *sequence) kv() int { return s.prompt + s.output }

// deliver hands the tokens just generated on.
func (s *sequence) deliver() {
	if emit := s.emit.Load(); emit != nil {
		(*emit)(s.generated)
	} else if !s.whole {
		s.ready.Store(int64(s.generated))
		select {
		case s.more <- struct{}{}:
		default: // whoever reads has not taken the last one yet
		}
	}
}

// each yields the number of tokens after each chunk that is not emitted, as they
// come, and ends when no more come.
func (s *sequence) each(yield func(n int) bool) {
	for taken, open := 0, true; open; {
		_, open = <-s.more
		for taken < int(s.ready.Load()) {
			taken = s.after(taken)
			if !yield(taken) {
				return
			}
		}
	}
}

// An engine runs an Engine: one goroutine steps the batch.
type engine struct {
	Engine
	prefixes   *prefixCache
	embeddings int // of the sequences that run

	mu      sync.Mutex
	arrived []*sequence // since the stepper last looked
	stopped bool        // the stepper looks no more
	wake    chan struct{}
	stop    chan struct{}
	done    chan struct{}
}

func newEngine(e Engine) *engine {
	g := &engine{Engine: e, prefixes: newPrefixCache(e.KVTokens), wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go g.run()
	return g
}

// close ends the stepper; sequences inside get no more tokens.
func (g *engine) close() {
	close(g.stop)
	<-g.done
}

// abandon lets go of all sequences that are left.
func (g *engine) abandon(waiting, running []*sequence) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopped = true
	for _, s := range append(waiting, g.arrived...) {
		s.result <- errStopped
	}
	for _, s := range running {
		close(s.more)
	}
}

// submit puts a request before the engine.
func (g *engine) submit(s *sequence) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		s.result <- errStopped
		return
	}
	s.submitted = time.Now()
	g.arrived = append(g.arrived, s)
	g.rouse()
}

func (g *engine) rouse() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// run steps the batch while there is one, and sleeps until the next request
// otherwise.
func (g *engine) run() {
	defer close(g.done)
	var waiting, running []*sequence
	defer func() { g.abandon(waiting, running) }()
	kv := 0
	steps := uint64(0)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	now := time.Now()
	for {
		if len(running)+len(waiting) == 0 {
			select {
			case <-g.wake:
			case <-g.stop:
				return
			}
			// What arrives at one instant is admitted together: settle first.
			now = slot(time.Now().Add(1))
			if !g.sleep(timer, now) {
				return
			}
		}
		waiting = g.take(waiting, len(running))
		var prefill time.Duration
		waiting, running, kv, prefill = g.admit(waiting, running, kv)
		if len(running) == 0 {
			continue
		}
		steps++
		now = slot(now.Add(prefill + g.decode(len(running), steps)))
		if !g.sleep(timer, now) {
			return
		}
		running, kv = g.give(running, kv)
		waiting = slices.DeleteFunc(waiting, func(s *sequence) bool { return s.ctx.Err() != nil })
	}
}

// slot is the engine's own instant at or after t.
func slot(t time.Time) time.Time {
	into := time.Duration(t.UnixNano() % int64(grain))
	return t.Add(grain - 1 - into)
}

// sleep sleeps; it returns false if the engine is to stop. It does not wait for a
// timer that has passed already, which the race detector does not bear in virtual
// time.
func (g *engine) sleep(timer *time.Timer, until time.Time) bool {
	wait := time.Until(until)
	if wait <= 0 {
		select {
		case <-g.stop:
			return false
		default:
			return true
		}
	}
	timer.Reset(wait)
	select {
	case <-timer.C:
		return true
	case <-g.stop:
		return false
	}
}

// decode is the time of a decode step, of which those that only have their
// prompt read are no part.
func (g *engine) decode(running int, step uint64) time.Duration {
	batch := running - g.embeddings
	if batch == 0 {
		return 0
	}
	return g.jittered(g.step(batch), step)
}

func (g *engine) jittered(d time.Duration, step uint64) time.Duration {
	if g.Jitter == 0 {
		return d
	}
	r := rand.New(rand.NewPCG(g.Seed^0x6a697474, step))
	return time.Duration(float64(d) * math.Exp(g.Jitter*r.NormFloat64()))
}

// take moves what has arrived before now into the queue, first come first, and
// sheds what the queue does not hold.
func (g *engine) take(waiting []*sequence, running int) []*sequence {
	g.mu.Lock()
	arrived, now := g.arrived, time.Now()
	g.arrived = nil
	g.mu.Unlock()
	slices.SortFunc(arrived, func(a, b *sequence) int { return a.number - b.number })
	for _, s := range arrived {
		if !s.submitted.Before(now) {
			// Whether it is here yet at this very instant is chance: the next look finds it.
			g.mu.Lock()
			g.arrived = append(g.arrived, s)
			g.mu.Unlock()
			g.rouse()
			continue
		}
		if g.KVTokens > 0 && s.kv() > g.KVTokens {
			s.result <- errTooLong
			continue
		}
		room := max(0, g.MaxBatch-running) + max(0, g.MaxQueue)
		if g.MaxQueue != 0 && len(waiting) >= room {
			s.result <- errShed
			continue
		}
		waiting = append(waiting, s)
	}
	return waiting
}

// draw draws the length of an answer.
func (g *engine) draw(s *sequence) pace {
	if s.embedding {
		return pace{chunk: 1}
	}
	var p pace
	r := rand.New(rand.NewPCG(g.Seed, uint64(s.number)))
	p.output = max(1, g.Output.Draw(r))
	if !s.plain {
		p.reasoning = max(0, g.Reasoning.Draw(r))
		p.output += p.reasoning
	}
	if s.limit > 0 {
		p.output = min(p.output, s.limit)
		p.reasoning = min(p.reasoning, s.limit)
	}
	p.chunk = min(g.TokensPerChunk, p.output)
	return p
}

// admit moves waiting sequences into the batch, in order, as far as they fit.
func (g *engine) admit(waiting, running []*sequence, kv int) ([]*sequence, []*sequence, int, time.Duration) {
	var prefill time.Duration
	for len(waiting) > 0 && len(running) < g.MaxBatch {
		s := waiting[0]
		if g.KVTokens > 0 && kv+s.kv() > g.KVTokens {
			break
		}
		waiting = waiting[1:]
		kv += s.kv()
		s.cached = g.prefixes.use(s.prefixes)
		s.prefill = time.Duration(float64(s.prompt-s.cached) / g.PrefillRate * float64(time.Second))
		prefill += s.prefill
		running = append(running, s)
		if s.embedding {
			g.embeddings++
		}
		s.admitted = time.Now()
		s.result <- nil
	}
	return waiting, running, kv, prefill
}

// give hands every running sequence the tokens of a step; those that are
// complete, or whose client has gone, leave the batch.
func (g *engine) give(running []*sequence, kv int) ([]*sequence, int) {
	kept := running[:0]
	for _, s := range running {
		if s.ctx.Err() == nil {
			if s.generated < s.output {
				s.generated = s.after(s.generated)
				s.deliver()
			}
			if s.generated < s.output {
				kept = append(kept, s)
				continue
			}
			s.complete = true
		}
		if s.embedding {
			g.embeddings--
		}
		close(s.more)
		kv -= s.kv()
	}
	clear(running[len(kept):])
	return kept, kv
}
