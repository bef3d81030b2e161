package llmperf

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"llmperf.dev/llmperf/internal/generator"
)

// invalid says why the generator was the bottleneck in a step; "" if it was not.
func (s *Step) invalid() string {
	g := &s.Generator
	switch {
	case s.GeneratorFailures > 0:
		return fmt.Sprintf("the generator was the bottleneck: %s %s", plural(s.GeneratorFailures, "request"), g.lack())
	case s.Latency.N == 0 && 2*s.unanswered() <= s.Requests:
		return "" // by what the service answered
	case s.Latency.N == 0:
		took := s.InFlight * s.Seconds / float64(s.Requests) // on average, by Little's law
		return g.tooLate(time.Duration(took*float64(time.Second)), "the generator was the bottleneck")
	default:
		return g.tooLate(s.Latency.P50, "the generator was the bottleneck")
	}
}

// unanswered is how many requests failed without a word of the service, which a
// generator that is late may have brought about itself.
func (s *Stats) unanswered() int {
	return s.Failures[string(FailTimeout)] + s.Failures[string(FailNotSent)] + s.Failures[string(FailUnfinished)]
}

// tooLate says that the generator was later than figures of so long can bear; "" if
// it was not.
func (g *GeneratorStats) tooLate(figure time.Duration, so string) string {
	limit := max(g.limits.Floor, time.Duration(g.limits.Share*float64(figure)))
	busy := g.CPU >= g.limits.CPU
	if busy {
		limit = g.limits.Floor
	}
	past := func(d *Distribution) bool {
		return d.quantileAgainst(float64(limit), 0.99, g.confidence).Low > float64(limit)
	}
	var did, remedy string
	switch {
	case g.limits.Off:
		return ""
	case past(&g.Lag):
		did, remedy = "read answers "+duration(g.Lag.P99), "give it more cores, or run it apart from the service"
		switch {
		case g.Throttled > time.Duration(g.Lag.N)*generator.Every/100: // a hundredth of the time that was looked at
			remedy = fmt.Sprintf("the CPU limit of its container held it back for %s in all: raise it", duration(g.Throttled))
		case g.Stolen > 0.05:
			remedy = fmt.Sprintf("its hypervisor gave %s of its machine's time to others: run it on one that has time to spare", percent(g.Stolen))
		case g.CPU < 0.5:
			remedy = "something else takes the time of its machine: run it on one that has time to spare"
		}
	case past(&g.sending):
		did, remedy = "sent requests "+duration(g.sending.P99), "give it more cores, or prompts that take less time to make up"
	default:
		return ""
	}
	use := ""
	if g.CPU > 0 {
		use = fmt.Sprintf(" with %s of %s in use", percent(g.CPU), plural(g.Cores, "core"))
	}
	return fmt.Sprintf("%s: it %s late at p99 (limit %s)%s: %s", so, did, duration(limit), use, remedy)
}

// lack says of requests what their machine lacked, what it lacked most often first,
// and what to do about it.
func (g *GeneratorStats) lack() string {
	lacks := slices.SortedFunc(maps.Keys(g.Failures), func(a, b string) int {
		return cmp.Or(cmp.Compare(g.Failures[b], g.Failures[a]), strings.Compare(a, b))
	})
	return fmt.Sprintf("failed on this machine, which lacked %s (%s): %s", enumerate(lacks), g.Example, g.remedy())
}

// remedies are what to do about each lack.
var remedies = []struct {
	lack generator.Lack
	text string
}{
	{generator.Files, "let it open more files (ulimit -n)"},
	{generator.LocalPorts, "let the client keep connections alive, give it more ports (sysctl net.ipv4.ip_local_port_range), or an address that this machine can reach"},
	{generator.Buffers, "give it more memory for sockets, or fewer users"},
	{generator.Permission, "let this machine's firewall pass it"},
}

// remedy is what to do about what the machine lacked.
func (g *GeneratorStats) remedy() string {
	var texts []string
	for _, r := range remedies {
		if g.Failures[r.lack.String()] > 0 {
			texts = append(texts, r.text)
		}
	}
	return cmp.Or(strings.Join(texts, "; "), "see what the target says")
}

// figure is the time that a metric's value of v takes to measure: of a mean over the
// tokens of a request, that of all of them.
func (s *Step) figure(m Metric, v time.Duration) time.Duration {
	if n := s.Succeeded(); n > 0 && (m == ITL || m == TPOT) {
		v *= time.Duration(max(1, s.OutputTokens/n-1))
	}
	return v
}

// ofGenerator takes an outcome back of which the generator, not the service, was
// the bottleneck.
func (o Outcome) ofGenerator(s *Step) Outcome {
	why := s.Invalid
	if why == "" && o.figure > 0 {
		why = s.Generator.tooLate(o.figure, "the generator was too late to measure this")
	}
	if why == "" && o.figure > 0 && s.Recovery != nil && s.Recovery.doubt != "" {
		why = fmt.Sprintf("in %s, which it is compared with, %s", s.Recovery.Reference, s.Recovery.doubt)
	}
	if why == "" || o.lasts {
		return o
	}
	return o.takenBack(Invalid, why)
}

// validSteps are the steps whose figures say something of the service.
func validSteps(steps []Step) []Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return s.Invalid != "" })
}

// withBaseline are the steps that can be compared with the first: none if that one is
// invalid.
func withBaseline(steps []Step) []Step {
	if len(steps) == 0 || steps[0].Invalid != "" {
		return nil
	}
	return validSteps(steps)
}

// overValid judges a check over the steps in scope whose figures say something of
// the service. What those refute is refuted; what they don't, the others may.
func (c check) overValid(r *Result, steps []Step, j judge) Outcome {
	valid := validSteps(steps)
	if len(valid) == len(steps) {
		return c.run(c, r, steps, j)
	}
	if c.compares {
		valid = withBaseline(steps)
	}
	bad, why := invalidOf(steps)
	if len(valid) == 0 {
		return Outcome{Name: c.name, Want: c.want, Verdict: Invalid, Message: fmt.Sprintf("%s: INVALID: %s", c.want, why)}
	}
	o := c.run(c, r, valid, j)
	if o.Verdict == Fail {
		o.more("left out, since the generator was the bottleneck there: " + bad)
		return o
	}
	return o.takenBack(Invalid, why)
}

// invalidOf names the steps that are invalid, and says why the first is.
func invalidOf(steps []Step) (names, why string) {
	var bad []string
	for i := range steps {
		if steps[i].Invalid != "" {
			bad = append(bad, steps[i].Name)
			why = cmp.Or(why, steps[i].Invalid)
		}
	}
	names = enumerate(bad)
	return names, fmt.Sprintf("in %s %s", names, why)
}
