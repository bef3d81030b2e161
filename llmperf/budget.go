package llmperf

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"llmperf.dev/llmperf/internal/record"
)

// A Budget limits what a run takes of the target, its warm-up and all that is not
// measured included. The run stops, as with a [Stop], before a limit is exceeded;
// a limit of 0 is none.
//
// Requests is exact: the request after the last one allowed is never sent. What a
// request takes in tokens shows only when it has been answered. So each one in
// flight, and the next, is reckoned with as much as the largest one so far has
// taken, and the next is sent only if all that fits. While fewer have been answered
// than are in flight, it is reckoned with at least a prompt of 500 tokens, and as
// many tokens of output as the target's MaxTokens allows, or 500 if it sets no
// limit. A request that turns out larger than all before it can exceed the budget
// by the difference.
//
// Tokens are those that the server says it counted, of the prompt and of the
// output; chunks are counted where it says nothing of the output. A target whose
// first answer comes without a count of prompt tokens ends the run with an error,
// since no limit of Tokens or Cost could be kept; later such answers are reckoned
// with the largest one. A failed request counts as a request without tokens, even
// if some had come.
type Budget struct {
	Requests int     // sent; 0 for no limit
	Tokens   int     // of prompts and outputs together; 0 for no limit
	Cost     float64 // in the currency of the scenario's Price, which it takes; 0 for no limit
}

// A Price is what a million tokens cost, in any one currency. What a provider
// charges besides, such as for writing a cache, is not in it.
type Price struct {
	Input       float64 // of prompts
	CachedInput float64 // of prompts, where the server's prefix cache answers; 0 for that of Input
	Output      float64 // of outputs, reasoning included
}

// A Spending is what a run has taken of the target, its warm-up and all that is
// not measured included. Tokens are those of successful requests.
type Spending struct {
	Requests     int     `json:"requests"`       // sent
	PromptTokens int     `json:"prompt_tokens"`  // as the server counted them
	CachedTokens int     `json:"cached_tokens"`  // of them, those that its prefix cache answered
	OutputTokens int     `json:"output_tokens"`  // as the server counted them, or else as chunks
	Cost         float64 `json:"cost,omitempty"` // by the scenario's Price; 0 without one
}

// What the first requests are reckoned with, before much is known of them.
const (
	assumedPrompt = 500
	assumedOutput = 500
)

func (b Budget) limitsTokens() bool { return b.Tokens != 0 || b.Cost != 0 }

// validate says what is wrong with a budget at a price, for a target.
func (b Budget) validate(p Price, t Target) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	bad := func(v float64) bool { return !(v >= 0) || math.IsInf(v, 1) }
	for _, field := range []struct {
		name  string
		value float64
	}{{"Input", p.Input}, {"CachedInput", p.CachedInput}, {"Output", p.Output}} {
		if bad(field.value) {
			wrong("scenario.Price.%s is %v: want the price of a million tokens, or 0", field.name, field.value)
		}
	}
	first := firstSpending(t)
	switch {
	case b.Requests < 0:
		wrong("scenario.Budget.Requests is %d: want a number of requests, or 0 for no limit", b.Requests)
	case b.Tokens < 0:
		wrong("scenario.Budget.Tokens is %d: want a number of tokens, or 0 for no limit", b.Tokens)
	case b.Tokens > 0 && b.Tokens < first.tokens():
		wrong("scenario.Budget.Tokens is %d: not even the first request is sent, which is reckoned with %s; want more, or set the target's MaxTokens", b.Tokens, count(first.tokens()))
	case bad(b.Cost):
		wrong("scenario.Budget.Cost is %v: want an amount of the currency of scenario.Price, or 0 for no limit", b.Cost)
	case b.Cost > 0 && p == (Price{}):
		wrong("scenario.Budget.Cost is %v and scenario.Price is not set: want what a million tokens cost, such as llmperf.Price{Input: 0.15, Output: 0.60}", b.Cost)
	case b.Cost > 0 && b.Cost < p.of(first):
		wrong("scenario.Budget.Cost is %v: not even the first request is sent, which is reckoned with %s, for %s; want more, or set the target's MaxTokens", b.Cost, plural(first.tokens(), "token"), number(p.of(first)))
	}
	return errors.Join(errs...)
}

// firstSpending is what a request is reckoned with before much is known of them.
func firstSpending(t Target) Spending {
	return Spending{Requests: 1, PromptTokens: assumedPrompt, OutputTokens: outputLimit(t)}
}

// outputLimit is how many tokens an answer of t may have, as far as is known.
func outputLimit(t Target) int {
	switch t := t.(type) {
	case OpenAI:
		return cmp.Or(t.MaxTokens, assumedOutput)
	case Anthropic:
		return cmp.Or(t.MaxTokens, anthropicMaxTokens)
	case Ollama:
		return cmp.Or(t.MaxTokens, assumedOutput)
	case Mix:
		most := 0
		for _, share := range t {
			most = max(most, outputLimit(share.Target))
		}
		return most
	}
	return assumedOutput
}

func (s Spending) tokens() int { return s.PromptTokens + s.OutputTokens }

// add takes in a request that has ended.
func (s *Spending) add(r *record.Sample) {
	if r.Left() == 0 || r.Class == record.Generator {
		return // never sent
	}
	s.Requests++
	if r.Class == record.OK {
		s.PromptTokens += int(r.Prompt)
		s.CachedTokens += int(r.Cached)
		s.OutputTokens += r.OutputTokens()
	}
}

// of is what so many tokens cost.
func (p Price) of(s Spending) float64 {
	cached := orDefault(p.CachedInput, p.Input)
	return (float64(s.PromptTokens-s.CachedTokens)*p.Input + float64(s.CachedTokens)*cached + float64(s.OutputTokens)*p.Output) / 1e6
}

// String is the spending in one line.
func (s Spending) String() string {
	text := fmt.Sprintf("%s, %s", plural(s.Requests, "request"), plural(s.PromptTokens, "prompt token"))
	if s.CachedTokens > 0 {
		text += fmt.Sprintf(" (%s of them cached)", count(s.CachedTokens))
	}
	text += ", " + plural(s.OutputTokens, "output token")
	if s.Cost > 0 {
		text += ", at a cost of " + number(s.Cost)
	}
	return text
}

// A gate lets requests pass while the budget lasts. Users ask it, each at an
// instant of its own. A nil gate lets all pass.
type gate struct {
	budget Budget
	price  Price

	mu       sync.Mutex
	sent     int
	reserved int      // requests that are reckoned with: those in flight, and those of which the server did not say what they took
	ended    Spending // all others
	answered int      // of them, those that were counted
	largest  size     // of those
	first    size     // at least, while few have been answered
	counted  []bool   // whether an answer with a count of prompt tokens has come, by target of a mix

	closed time.Duration // when it was closed for good: all that was due before was sent; …
	why    string        // … and why; "" while it is open
}

// A size is what one request takes.
type size struct {
	tokens int
	cost   float64
}

func (p Price) size(s Spending) size { return size{s.tokens(), p.of(s)} }

func (a size) or(b size) size { return size{max(a.tokens, b.tokens), max(a.cost, b.cost)} }

func newGate(s Scenario) *gate {
	if s.Budget == (Budget{}) {
		return nil
	}
	return &gate{
		budget: s.Budget, price: s.Price, first: s.Price.size(firstSpending(s.Target)),
		counted: make([]bool, max(1, len(parts(s.Target)))),
	}
}

// pass reports whether one more request may be sent now. Once it may not, no other
// may.
func (g *gate) pass(now time.Duration) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why != "" {
		return false
	}
	if g.why = g.exceeded(); g.why != "" {
		g.closed = now
		return false
	}
	g.sent++
	g.reserved++
	return true
}

// exceeded says which limit one more request might exceed.
func (g *gate) exceeded() string {
	each, spent, n := g.largest, g.price.size(g.ended), g.reserved+1
	if g.answered <= g.reserved {
		each = each.or(g.first)
	}
	const reckoned = "the budget of %s is spent: %s counted, and each of %s in flight and the next reckoned with %s"
	switch b := g.budget; {
	case b.Requests > 0 && g.sent >= b.Requests:
		return fmt.Sprintf("the budget of %s is spent", plural(b.Requests, "request"))
	case b.Tokens > 0 && spent.tokens+n*each.tokens > b.Tokens:
		return fmt.Sprintf(reckoned, plural(b.Tokens, "token"), count(spent.tokens), count(g.reserved), count(each.tokens))
	case b.Cost > 0 && spent.cost+float64(n)*each.cost > b.Cost:
		return fmt.Sprintf(reckoned, number(b.Cost), number(spent.cost), count(g.reserved), number(each.cost))
	}
	return ""
}

// settle takes in a request that has ended. It says why the budget cannot be kept,
// if it cannot.
func (g *gate) settle(s *record.Sample) error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.Class == record.OK && g.budget.limitsTokens() {
		switch {
		case s.Prompt > 0:
			var one Spending
			one.add(s)
			g.largest = g.largest.or(g.price.size(one))
			g.answered++
			g.counted[s.Part] = true
		case g.counted[s.Part]:
			return nil // it stays reserved, as large as the largest
		default:
			return errUncounted
		}
	}
	g.reserved--
	g.ended.add(s)
	return nil
}

var errUncounted = errors.New("the scenario has a budget of tokens, and the target does not say how many a prompt had: let the server send its usage, or set scenario.Budget.Requests alone")

// shut says when and why the gate was closed; why is "" while it is open.
func (g *gate) shut() (at time.Duration, why string) {
	if g == nil {
		return 0, ""
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed, g.why
}

// settle takes in a request of which nothing more will change.
func (m *measurement) settle(s *record.Sample) {
	if err := m.gate.settle(s); err != nil {
		m.interrupt("%v", err)
	}
}

// may is what users ask before they send; nil if nothing limits them.
func (m *measurement) may() func(now time.Duration) bool {
	if m.gate == nil {
		return nil
	}
	return m.gate.pass
}

// overBudget reports whether the run must stop for want of budget, and notes why.
func (m *measurement) overBudget() bool {
	_, why := m.gate.shut()
	if why != "" {
		m.stop = why
	}
	return why != ""
}

// loadEnded is when the load of a step ended that is cut off now: the last request
// may have been sent a little earlier, if the budget is why.
func (m *measurement) loadEnded() time.Duration {
	if at, why := m.gate.shut(); why != "" {
		return at
	}
	return m.clock.Now()
}

// sends is how many requests a load is expected to send in a time, where that is
// known: it is of an open loop, and of a closed one if answers take latency.
func (l Load) sends(d time.Duration, s Scenario) float64 {
	if l.open() {
		return l.meanRate() * d.Seconds()
	}
	return l.meanUsers() * d.Seconds() / s.Think.cycle(s.ExpectedLatency).Seconds()
}

// overdraft compares what the planned steps are expected to send with the budget.
// It is an error if not even the first step could be measured, and worth a note if
// the budget ends before the steps do.
func overdraft(s Scenario) (note string, err error) {
	p, planned := s.Profile.(planner)
	if s.Budget.Requests == 0 || !planned {
		return "", nil
	}
	steps := p.plan()
	if !steps[0].open() && s.ExpectedLatency == 0 {
		return "", nil
	}
	warm := max(0, s.Warmup)
	before, begun := Load{}, steps[0].start().sends(warm, s)
	if warm > 0 {
		before = steps[0]
	}
	unmeasured, all := begun+steps[0].sends(steps[0].unmeasured(before), s), begun
	for _, l := range steps {
		all += l.sends(l.Hold, s)
	}
	budget := plural(s.Budget.Requests, "request")
	switch {
	case unmeasured >= float64(s.Budget.Requests):
		return "", fmt.Errorf("scenario.Budget.Requests is %d: about %s requests are sent before the first step is measured: raise it, or shorten scenario.Warmup", s.Budget.Requests, count(int(unmeasured)))
	case all > float64(s.Budget.Requests):
		return fmt.Sprintf("the profile sends about %s requests, its warm-up included, and the budget is %s: the run will stop early", count(int(all)), budget), nil
	}
	return "", nil
}
