package llmperf

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"time"

	"llmperf.dev/llmperf/internal/load"
	"llmperf.dev/llmperf/internal/record"
)

// A Target sends one request for one user and says when tokens arrive.
//
// Send returns when the whole answer is in: nil for a success, an error for a
// failure. An error that is, or wraps, a [*Failure] is counted under that
// failure's class; a passed deadline, a refused connection, a failed TLS
// handshake and a broken connection are recognised; anything else is of class
// target. Send must end soon after ctx does. The Call is valid until Send
// returns; one Call is used by one goroutine.
//
// In a closed loop a request's times count from when Send is called, and for the
// HTTP targets of this package from when the request is handed to their client:
// making up a long prompt is no time of the service's. In an open loop they count
// from when the request was due.
//
// A Target is shared by all users and must be safe for concurrent use.
type Target interface {
	Send(ctx context.Context, c *Call) error
}

// pointee is what a pointer to a target of this package points to, which is as good
// a target; any other is returned as it is.
func pointee(t Target) Target {
	if isNil(t) {
		return t
	}
	switch p := t.(type) {
	case *OpenAI:
		return *p
	case *Anthropic:
		return *p
	case *Ollama:
		return *p
	case *HTTP:
		return *p
	case *Mix:
		return pointee(*p)
	case Mix:
		p = slices.Clone(p)
		for i := range p {
			p[i].Target = pointee(p[i].Target)
		}
		return p
	default:
		return t
	}
}

// isNil reports whether t is a pointer to no target of this package.
func isNil(t Target) bool {
	switch t.(type) {
	case *OpenAI, *Anthropic, *Ollama, *HTTP, *Mix:
		return reflect.ValueOf(t).IsNil()
	}
	return false
}

// TargetFunc makes a function a [Target].
type TargetFunc func(ctx context.Context, c *Call) error

// Send calls f.
func (f TargetFunc) Send(ctx context.Context, c *Call) error { return f(ctx, c) }

// A Call is one request in flight. FirstByte and Tokens stamp the time at which
// they are called.
type Call struct {
	clock  load.Clock
	rec    *record.Recorder
	seed   uint64
	public *publicCheck
	sample record.Sample
	pcg    rand.PCG
	seeded bool // pcg is, for this request
	rand   *rand.Rand

	keepText bool   // what the answer says is wanted
	answer   []byte // its text, where it is

	row int           // of the trace that is replayed; -1 for none
	due time.Duration // of a closed loop's request

	run     string       // the run's name
	last    endpoint     // the URL that was sent to last
	client  *http.Client // what sent the last request, …
	keeping *http.Client // … as keepingKeys has it
	body    []byte       // room for an answer that is read whole
	conn    connection

	dialogues map[*Conversation]*dialogue // the user's, over all of its requests
	turn      *dialogue                   // the one that this request is a turn of
}

// User is the user that sends the request, 0-based.
func (c *Call) User() int { return int(c.sample.User) }

// Number counts the user's requests, 0-based, the warm-up's included.
func (c *Call) Number() int { return int(c.sample.Number) }

// Rand is a source of random numbers of the request's own, derived from the
// scenario's seed, the user and the request's number: the same in every run.
func (c *Call) Rand() *rand.Rand {
	if !c.seeded {
		c.pcg.Seed(streamOf(c.seed, c.User(), c.Number(), streamCall))
		c.seeded = true
	}
	if c.rand == nil {
		c.rand = rand.New(&c.pcg) // which has no state but the source's
	}
	return c.rand
}

// sent says that the request is sent only now: what came before was making it up.
func (c *Call) sent() {
	now := int64(c.clock.Now())
	if c.sample.Open {
		c.sample.Dispatched = now
	} else {
		c.sample.Sent = now
		c.delayed()
	}
}

// delayed notes by how much a closed loop's request was sent later than due.
func (c *Call) delayed() {
	c.sample.Delay = uint32(min(max(time.Duration(c.sample.Sent)-c.due, 0)/time.Microsecond, math.MaxUint32))
}

// FirstByte says that the response began. Only the first call of a request
// counts. Without it the request has no TTFB.
func (c *Call) FirstByte() {
	if c.sample.FirstByte == 0 {
		c.sample.FirstByte = int64(c.clock.Now())
	}
}

// Tokens says that n output tokens arrived just now, in one chunk. Call it for
// chunks with content, reasoning or tool-call text; n below 1 is ignored.
func (c *Call) Tokens(n int) {
	if n < 1 {
		return
	}
	now := int64(c.clock.Now())
	if c.sample.Chunks == 0 {
		c.sample.FirstToken = now
		c.sample.FirstTokens = int32(n)
	} else {
		c.rec.Gap(now - c.sample.LastToken)
	}
	c.sample.LastToken = now
	c.sample.Chunks++
	c.sample.Tokens += int32(n)
}

// Text says what the answer says, in as many pieces as one likes. A
// [Conversation] sends it on with the next turn; otherwise it is not kept.
func (c *Call) Text(text string) {
	if c.keepText {
		c.answer = append(c.answer, text...)
	}
}

// Usage says what the server counted: prompt tokens, those of them that its
// prefix cache answered, and completion tokens. A completion count above 0
// takes the place of the count made by [Call.Tokens].
func (c *Call) Usage(prompt, cached, completion int) {
	c.sample.HasUsage = true
	c.sample.Prompt, c.sample.Cached, c.sample.Completion = int32(prompt), int32(cached), int32(completion)
}

// hide says how many of the completion tokens were of a reasoning that the
// stream did not show. They are output, but the time between tokens is not
// theirs.
func (c *Call) hide(reasoning int) { c.sample.Hidden = int32(reasoning) }

// begin readies c for a request.
func (c *Call) begin(q load.Request) {
	c.sample = record.Sample{User: int32(q.User), Number: int32(q.Number), Sent: int64(q.Sent), Open: q.Open, Held: q.Held}
	if q.Open {
		c.sample.Dispatched = int64(c.clock.Now())
		c.dialogues = nil // of another user
	} else {
		c.due = q.Due
		c.delayed()
	}
	c.seeded, c.row = false, q.Row
	c.keepText, c.answer, c.turn = false, c.answer[:0], nil
}

// The streams of random numbers that one request has.
const (
	streamCall     = 0x63616c6c
	streamThink    = 0x74686e6b
	streamMix      = 0x6d6978
	streamLimit    = 0x6c696d74
	streamTurns    = 0x7475726e
	streamArrivals = 0x61727276
	streamRow      = 0x726f77
)

// stream is a source of random numbers of the request's own for one purpose: it
// does not depend on what was drawn from others.
func (c *Call) stream(purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(streamOf(c.seed, c.User(), c.Number(), purpose)))
}

// streamOf returns the seed of one stream of one request.
func streamOf(seed uint64, user, number int, stream uint64) (uint64, uint64) {
	return seed ^ stream<<32, uint64(user)<<32 | uint64(uint32(number))
}
