package llmperf

import (
	"fmt"
	"hash/fnv"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// alike is what runs must have in common to be compared, in words for a reader:
// two are alike if all the words are the same.
type alike struct {
	Time     string   `json:"time"`               // real or virtual
	Target   string   `json:"target"`             // its kind and model; not its address, which is another from run to run
	Settings string   `json:"settings,omitempty"` // what else it says of itself; "" if that is not known, as in files of versions before
	Prompts  string   `json:"prompts"`            // as far as they are known
	Pace     string   `json:"pace"`               // what is between requests
	Steps    []string `json:"steps"`              // names and loads
}

const (
	realTime    = "real"
	virtualTime = "virtual"
)

// alikeOf is that of a run of s. Steps are what its profile asks for, as far as
// that is known.
func alikeOf(s Scenario, virtual bool, steps []string) alike {
	a := alike{
		Time: realTime, Target: targetKind(s.Target), Settings: settingsOf(s.Target, s.secrets()), Prompts: promptsOf(s.Target),
		Pace: "think time " + s.Think.String(), Steps: steps,
	}
	if virtual {
		a.Time = virtualTime
	}
	if s.Profile != nil {
		if first, ok := s.Profile.Next(nil); ok && first.open() {
			a.Pace = "arrivals " + s.Arrivals.String()
		}
	}
	return a
}

// mostDifferences is how many steps that differ are named.
const mostDifferences = 3

// differences name what runs are unlike in. Without steps of its own, those are
// not compared.
func (a alike) differences(stored alike) []string {
	var all []string
	for _, of := range []struct{ what, now, then string }{
		{"time", a.Time, stored.Time}, {"target", a.Target, stored.Target}, {"settings", a.Settings, stored.Settings},
		{"prompts", a.Prompts, stored.Prompts}, {"pace", a.Pace, stored.Pace},
	} {
		unknown := of.what == "settings" && (of.now == "" || of.then == "")
		if of.now != of.then && !unknown {
			all = append(all, fmt.Sprintf("%s: %s now, %s stored", of.what, of.now, of.then))
		}
	}
	if a.Steps == nil {
		return all
	}
	if len(a.Steps) != len(stored.Steps) {
		all = append(all, fmt.Sprintf("steps: %d now, %d stored", len(a.Steps), len(stored.Steps)))
	}
	more := 0
	for i := range min(len(a.Steps), len(stored.Steps)) {
		if a.Steps[i] == stored.Steps[i] {
			continue
		}
		if more++; more <= mostDifferences {
			all = append(all, fmt.Sprintf("step %d: %s now, %s stored", i+1, a.Steps[i], stored.Steps[i]))
		}
	}
	if more -= mostDifferences; more > 0 {
		all = append(all, plural(more, "more step")+" likewise")
	}
	return all
}

// targetKind is what a target is, without its address and secrets.
func targetKind(t Target) string {
	kind, limit, whole := "", 0, false
	switch t := t.(type) {
	case OpenAI:
		kind, limit, whole = fmt.Sprintf("OpenAI %s, %s", t.Model, t.api()), t.MaxTokens, t.NoStream
	case Anthropic:
		kind, limit, whole = "Anthropic "+t.Model, t.MaxTokens, t.NoStream
	case Ollama:
		kind, limit, whole = "Ollama "+t.Model, t.MaxTokens, t.NoStream
	case Mix:
		var shares []string
		for _, s := range t {
			shares = append(shares, fmt.Sprintf("%s %s (%s)", percent(t.share(s.Name)), s.Name, targetKind(s.Target)))
		}
		return "mix of " + strings.Join(shares, ", ")
	default:
		return typeOf(t)
	}
	if limit > 0 {
		kind += fmt.Sprintf(", at most %s", plural(limit, "token"))
	}
	if whole {
		kind += ", not streamed"
	}
	return kind
}

func typeOf(v any) string { return strings.TrimPrefix(reflect.TypeOf(v).String(), "*") }

// promptsOf is what a target asks, as far as it says so.
func promptsOf(t Target) string {
	asks, ok := t.(asker)
	if !ok {
		return "not known"
	}
	var all []string
	for _, p := range asks.asks() {
		all = append(all, promptsText(p))
	}
	return strings.Join(all, "; ")
}

// promptsText says which prompts p are. It tells those of this package apart by
// what they ask.
func promptsText(p Prompts) string {
	switch p := orDefaultPrompts(p).(type) {
	case *promptList:
		if p.validate() != nil {
			return "none"
		}
		h := fnv.New32a()
		for _, e := range p.entries {
			fmt.Fprintf(h, "%q %q\n", e.messages, e.later)
		}
		return fmt.Sprintf("%s (%08x)", plural(len(p.entries), "text"), h.Sum32())
	case Synthetic:
		text := fmt.Sprintf("synthetic, %v words", p.Input)
		if p.Output != nil {
			text += fmt.Sprintf(", answers of at most %v tokens", p.Output)
		}
		return text
	case nonce:
		return "marked " + promptsText(p.of)
	case verbatim:
		return "verbatim " + promptsText(p.of)
	case sharedPrefix:
		return fmt.Sprintf("%s with a prefix of %s", promptsText(p.of), plural(p.words, "word"))
	case *Conversation:
		text := "conversations from " + promptsText(p.Prompts)
		if p.Turns != nil {
			text += fmt.Sprintf(", %v turns", p.Turns)
		}
		return text
	case *Trace:
		return p.String()
	default:
		return typeOf(p)
	}
}

// stepText is a step as stored runs name it: users=50: 50 users for 1m0s. Of a
// step that was shortened, it is what it was before.
func stepText(name string, l Load) string {
	if l.whole != nil {
		l = *l.whole
	}
	text := fmt.Sprintf("%s: %v for %v", name, l, l.Hold)
	if l.SpawnRate > 0 {
		text += fmt.Sprintf(", %s users/s", number(l.SpawnRate))
	}
	h := fnv.New32a()
	switch {
	case l.shape != nil:
		fmt.Fprint(h, l.shape.ticks)
		text += fmt.Sprintf(", shape %08x", h.Sum32())
	case l.replay != nil:
		fmt.Fprint(h, l.replay.at)
		text += fmt.Sprintf(", %s (%08x)", plural(len(l.replay.at), "request"), h.Sum32())
	}
	return text
}

// plannedTexts are the steps of a profile as stored runs name them; nil of one
// that decides as it goes.
func plannedTexts(p Profile) []string {
	known, ok := p.(planner)
	if !ok {
		return nil
	}
	var texts []string
	same := map[string]int{}
	for _, l := range known.plan() {
		same[l.name()]++
		texts = append(texts, stepText(numbered(l.name(), same[l.name()]), l))
	}
	return texts
}

// circumstances are a run of s as it is stored, without its times.
func circumstances(s Scenario, virtual bool) storedRun {
	run := storedRun{Seed: s.Seed, Warmup: max(0, s.Warmup).String(), Go: runtime.Version()}
	if !virtual {
		run.Machine, run.Host = machine(), hostsOf(s.Target, s.secrets())
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == "llmperf.dev" && m.Version != "(devel)" {
				run.Llmperf = m.Version
			}
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				run.Revision = setting.Value
			}
		}
	}
	return run
}

// machine describes this one: linux/amd64, 8 CPUs, Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz.
func machine() string {
	text := fmt.Sprintf("%s/%s, %s", runtime.GOOS, runtime.GOARCH, plural(runtime.NumCPU(), "CPU"))
	info, _ := os.ReadFile("/proc/cpuinfo") // where there is none, the model is not known
	if _, after, ok := strings.Cut(string(info), "model name"); ok {
		line, _, _ := strings.Cut(after, "\n")
		text += ", " + strings.TrimLeft(line, "\t :")
	}
	return text
}

// notes say what is another than it was when runs were stored, and may be why
// figures are.
func (f *storedRuns) notes(now storedRun, virtual bool) string {
	var all []string
	note := func(what, now string, then func(storedRun) string, any bool) {
		var others []string
		for _, run := range f.Runs {
			if v := then(run); v == "" || now == "" {
				continue // not known
			} else if v != now && !slices.Contains(others, v) {
				others = append(others, v)
			} else if v == now && any {
				return
			}
		}
		if len(others) > 0 {
			all = append(all, fmt.Sprintf("%s %s now, %s stored", what, now, strings.Join(others, " and ")))
		}
	}
	note("seed", fmt.Sprint(now.Seed), func(r storedRun) string { return fmt.Sprint(r.Seed) }, true)
	note("warm-up", now.Warmup, func(r storedRun) string { return r.Warmup }, false)
	if !virtual {
		note("machine", now.Machine, func(r storedRun) string { return r.Machine }, false)
		note("host", now.Host, func(r storedRun) string { return r.Host }, false)
		note("Go", now.Go, func(r storedRun) string { return r.Go }, false)
	}
	if len(all) == 0 {
		return ""
	}
	return "not all is as it was: " + strings.Join(all, ", ")
}
