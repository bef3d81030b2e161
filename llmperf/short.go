package llmperf

import (
	"math"
	"slices"
	"sort"
	"time"
)

const (
	defaultShort = 0.1         // of the time
	shortest     = time.Second // of what is shortened
)

// shorten makes a scenario and its SLOs what they are under go test -short: the
// warm-up and every step are held for a share of their time, and SLOs, which so
// few requests could not prove, fail only on proof. The first step is not held on
// for a better comparison either.
func shorten(s Scenario, checks []check, share float64) (Scenario, []check) {
	if share == 1 || s.Profile == nil {
		return s, checks
	}
	s = s.withDefaults()
	s.short = true
	if s.Warmup > 0 {
		s.Warmup = shorter(s.Warmup, share)
	}
	held := shortProfile{s.Profile, share}
	s.Profile = held
	if known, ok := held.Profile.(planner); ok {
		s.Profile = shortPlan{held, known}
	}
	return s, weakened(slices.Clone(checks))
}

// shortenSearch does the same to a search, whose probes settle and are looked at in
// a share of the time.
func shortenSearch(s Scenario, search Search, checks []check, share float64) (Scenario, Search, []check) {
	if share == 1 {
		return s, search, checks
	}
	s, search = s.withDefaults(), search.withDefaults()
	s.short = true
	if s.Warmup > 0 {
		s.Warmup = shorter(s.Warmup, share)
	}
	search.Settle = shorter(search.Settle, share)
	var looks []time.Duration
	for _, look := range search.Looks {
		looks = append(looks, shorter(look, share))
	}
	search.Looks = slices.Compact(looks)
	return s, search, weakened(slices.Clone(checks))
}

// shorter is a share of d, but not less than what can be measured.
func shorter(d time.Duration, share float64) time.Duration {
	part := time.Duration(math.Round(float64(d)*share/float64(time.Millisecond))) * time.Millisecond
	return min(d, max(shortest, part))
}

// A shortProfile holds the steps of a profile for a share of their time.
type shortProfile struct {
	Profile
	share float64
}

// Next asks the profile, which sees the loads that it asked for.
func (p shortProfile) Next(done []Step) (Load, bool) {
	done = slices.Clone(done)
	for i := range done {
		if whole := done[i].Load.whole; whole != nil {
			done[i].Load = *whole
		}
	}
	l, ok := p.Profile.Next(done)
	return l.shortened(p.share), ok
}

func (p shortProfile) validate() error {
	if v, ok := p.Profile.(validator); ok {
		return v.validate()
	}
	return nil
}

// A shortPlan is a shortProfile whose steps are known before the run.
type shortPlan struct {
	shortProfile
	known planner
}

func (p shortPlan) plan() []Load {
	steps := slices.Clone(p.known.plan())
	for i := range steps {
		steps[i] = steps[i].shortened(p.share)
	}
	return steps
}

// shortened is the load, held for a share of its time: what changes within it does
// so faster, and of a trace's step a part is replayed, from its first request on.
func (l Load) shortened(share float64) Load {
	whole, hold := l, shorter(l.Hold, share)
	if hold == l.Hold {
		return l
	}
	faster := float64(l.Hold) / float64(hold)
	l.Hold, l.SpawnRate, l.whole = hold, l.SpawnRate*faster, &whole
	if l.shape != nil {
		ticks := slices.Clone(l.shape.ticks)
		for i := range ticks {
			ticks[i].at = time.Duration(float64(ticks[i].at) / faster)
			ticks[i].spawnRate *= faster
		}
		l.shape = &shape{ticks}
	}
	if l.replay != nil {
		at := slices.Clone(l.replay.at)
		for i := range at {
			at[i] -= l.replay.at[0]
		}
		sent := sort.Search(len(at), func(i int) bool { return at[i] >= hold })
		l.replay = &replay{l.replay.first, at[:sent]}
	}
	return l
}
