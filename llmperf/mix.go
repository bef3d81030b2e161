package llmperf

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// A Mix is a target that sends each request to one of several targets, drawn by
// weight: the same in every run of one seed. A step has the figures of each
// target beside those of all together ([Step].Targets), and [OnTarget] limits
// SLOs to one of them.
type Mix []Share

// A Share is one target of a [Mix].
type Share struct {
	Name   string  // in test names and reports, such as "chat": of letters, digits, '-', '_' and '.'
	Weight float64 // its share of the requests is this over the sum of all weights
	Target Target
}

var partName = regexp.MustCompile(`^[\pL\pN_.-]+$`)

// String names the targets with their shares of the requests.
func (m Mix) String() string {
	var parts []string
	for _, s := range m {
		parts = append(parts, fmt.Sprintf("%s %s", percent(m.share(s.Name)), s.Name))
	}
	return "mix of " + strings.Join(parts, ", ")
}

// share is the named target's share of the requests; 0 if there is no such.
func (m Mix) share(name string) float64 {
	sum, own := 0.0, 0.0
	for _, s := range m {
		sum += s.Weight
		if s.Name == name {
			own = s.Weight
		}
	}
	return own / sum
}

func (m Mix) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(m) == 0 {
		wrong("Mix is empty: give it at least one llmperf.Share")
	}
	seen := map[string]bool{}
	for i, s := range m {
		switch {
		case !partName.MatchString(s.Name):
			wrong("Mix[%d].Name is %q: want a name of letters, digits, '-', '_' and '.', such as \"chat\"", i, s.Name)
		case seen[s.Name]:
			wrong("Mix[%d].Name is %q, as that of a target before it: want a name of its own", i, s.Name)
		}
		seen[s.Name] = true
		if !(s.Weight > 0) || s.Weight > 1e9 {
			wrong("Mix[%d].Weight is %v: want a weight above 0, such as 1", i, s.Weight)
		}
		switch t := s.Target.(type) {
		case nil, *OpenAI, *Anthropic, *Ollama, *HTTP, *Mix: // other pointers than to nothing are followed before
			wrong("Mix[%d].Target is nil: give it what to load, such as llmperf.OpenAI{BaseURL: …, Model: …}", i)
		case Mix:
			wrong("Mix[%d].Target is a Mix: list its targets in the outer one", i)
		case validator:
			if err := t.validate(); err != nil {
				wrong("Mix[%d] (%s): %w", i, s.Name, err)
			}
		}
	}
	return errors.Join(errs...)
}

// Send sends the request to one of the targets.
func (m Mix) Send(ctx context.Context, c *Call) error {
	part := m.draw(c.seed, c.User(), c.Number())
	c.sample.Part = int16(part)
	return m[part].Target.Send(ctx, c)
}

// draw chooses the target of a request.
func (m Mix) draw(seed uint64, user, number int) int {
	sum := 0.0
	for _, s := range m {
		sum += s.Weight
	}
	at := rand.New(rand.NewPCG(streamOf(seed, user, number, streamMix))).Float64() * sum
	for i, s := range m {
		if at -= s.Weight; at < 0 {
			return i
		}
	}
	return len(m) - 1 // rounding
}

// reports says which metrics at least one of the targets can measure.
func (m Mix) reports(metric Metric) bool {
	for _, s := range m {
		if canReport(s.Target, metric) {
			return true
		}
	}
	return false
}

// asks are the prompts of all the targets.
func (m Mix) asks() (all []Prompts) {
	for _, s := range m {
		if t, ok := s.Target.(asker); ok {
			all = append(all, t.asks()...)
		}
	}
	return all
}

func (m Mix) virtual() error {
	var errs []error
	for _, s := range m {
		if v, ok := s.Target.(virtualizer); ok {
			errs = append(errs, v.virtual())
		}
	}
	return errors.Join(errs...)
}

func (m Mix) closeIdle() {
	for _, s := range m {
		if c, ok := s.Target.(idler); ok {
			c.closeIdle()
		}
	}
}

func (m Mix) bases() (all []string) {
	for _, s := range m {
		if t, ok := s.Target.(placed); ok {
			all = append(all, t.bases()...)
		}
	}
	return all
}

func (m Mix) secrets() (all []string) {
	for _, s := range m {
		all = append(all, secretsOfTarget(s.Target)...)
	}
	return all
}

// parts are the names of the targets among which a target chooses: none, unless
// it is a Mix.
func parts(t Target) []string {
	var names []string
	if m, ok := t.(Mix); ok {
		for _, s := range m {
			names = append(names, s.Name)
		}
	}
	return names
}

// TargetStats sum up the requests that one target of a [Mix] got.
type TargetStats struct {
	Name string `json:"name"` // of the Share
	Stats
}

// OnTarget limits SLOs to the requests that one target of a [Mix] got.
func OnTarget(name string, slos ...SLO) SLO { return onTarget{name, slos} }

type onTarget struct {
	name string
	slos SLOs
}

func (o onTarget) checks() []check {
	all := o.slos.checks()
	for i := range all {
		c := &all[i]
		if c.target != "" && c.target != o.name {
			c.err = errors.Join(c.err, fmt.Errorf("%s is limited to target %s within OnTarget(%q, …): want one target", c.name, c.target, o.name))
		} else if c.recovery != 0 {
			c.err = errors.Join(c.err, fmt.Errorf("%s is judged by all requests: want it outside of OnTarget(%q, …)", c.name, o.name))
		} else if c.target == "" {
			c.target = o.name
			c.name += "_" + o.name
			c.want = o.name + ": " + c.want
		}
	}
	if len(all) == 0 {
		return []check{{name: "on_target", err: fmt.Errorf("OnTarget(%q) holds no SLO: give it at least one", o.name)}}
	}
	return all
}

// view is s as a check of one target sees it: with that target's figures.
func (c check) view(s *Step) *Step {
	if c.target == "" {
		return s
	}
	seen := *s
	seen.Stats = Stats{Seconds: s.Seconds}
	for i := range s.Targets {
		if s.Targets[i].Name == c.target {
			seen.Stats = s.Targets[i].Stats
		}
	}
	return &seen
}

// checkTarget says what is wrong with a check's target.
func (c check) checkTarget(t Target) error {
	names := parts(t)
	if c.target == "" {
		return nil
	}
	if len(names) == 0 {
		return fmt.Errorf("%s: OnTarget(%q, …) needs a scenario whose target is an llmperf.Mix", c.name, c.target)
	}
	for _, s := range t.(Mix) {
		if s.Name == c.target {
			return nil
		}
	}
	return fmt.Errorf("%s: the mix has no target %q: want one of %s", c.name, c.target, strings.Join(names, ", "))
}

// targetOf is what a check's requests are sent to.
func (c check) targetOf(t Target) Target {
	if m, ok := t.(Mix); ok {
		for _, s := range m {
			if s.Name == c.target {
				return s.Target
			}
		}
	}
	return t
}

// shareOf is the share of a target's requests that a check is about.
func (c check) shareOf(t Target) float64 {
	if m, ok := t.(Mix); ok && c.target != "" {
		return m.share(c.target)
	}
	return 1
}
