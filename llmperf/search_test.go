package llmperf

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// searched is the trials of a search whose probes are answered by holds.
func searched(t *testing.T, s Search, holds func(load float64) bool) []trial {
	t.Helper()
	var trials []trial
	for {
		load, more := s.next(trials)
		if !more {
			return trials
		}
		require.Greater(t, load, 0.0, "%+v: %v", s, trials)
		require.LessOrEqual(t, load, s.ceiling(), "%+v: %v", s, trials)
		for _, before := range trials {
			require.NotEqual(t, before.load, load, "%+v: %v: a load is probed once", s, trials)
		}
		trials = append(trials, trial{load: load, held: holds(load), looks: 1})
		require.Less(t, len(trials), 60, "%+v", s)
	}
}

// mostProbes is how many probes a search may take: those that double or halve the
// load, those that halve the gap, and one for the claim, which may also cut one
// doubling in two.
func mostProbes(s Search) int {
	log := func(v float64) int { return int(math.Ceil(math.Log2(max(1, v)))) }
	outwards := 1 + log(max(s.ceiling()/s.start(), s.start()/s.lowest()))
	inwards := 1 + log(1/s.Precision)
	if s.AtLeast > 0 {
		outwards += 2
	}
	return outwards + inwards
}

// found checks what is asked of every search whose answers agree with a truth: it
// ends at loads on both sides of it that are close enough.
func found(t *testing.T, s Search, trials []trial, truth float64) {
	t.Helper()
	held, failed := bounds(trials)
	about := fmt.Sprintf("%+v, truth %v: %v", s, truth, trials)
	require.LessOrEqual(t, len(trials), mostProbes(s), about)
	require.LessOrEqual(t, held, truth, about)
	require.Greater(t, failed, truth, about)
	switch {
	case math.IsInf(failed, 1):
		require.Equal(t, s.ceiling(), held, "nothing failed up to the ceiling: %s", about)
	case held == 0:
		require.Equal(t, s.lowest(), failed, "nothing held down to the lowest load: %s", about)
	case s.open() || failed-held > 1:
		require.LessOrEqual(t, failed-held, s.Precision*held, about)
	}
	claimed := 0
	for _, at := range trials {
		if at.load == s.AtLeast {
			claimed++
		}
	}
	if s.AtLeast > 0 {
		require.Equal(t, 1, claimed, "the load that it must take is probed: %s", about)
	}
}

func TestASearchByUsersBracketsTheTruth(t *testing.T) {
	for _, precision := range []float64{0.01, 0.05, 0.1, 0.5} {
		for truth := 0; truth <= 201; truth++ {
			for _, s := range []Search{
				{MaxUsers: 200}, {MaxUsers: 200, First: 1}, {MaxUsers: 200, First: 200}, {MaxUsers: 200, First: 37},
				{MaxUsers: 200, AtLeast: 50}, {MaxUsers: 200, AtLeast: 3}, {MaxUsers: 200, AtLeast: 200}, {MaxUsers: 200, AtLeast: 80},
			} {
				s.Precision = precision
				s = s.withDefaults()
				require.NoError(t, s.validate())
				found(t, s, searched(t, s, func(load float64) bool {
					require.Equal(t, math.Trunc(load), load, "users are whole")
					return load <= float64(truth)
				}), float64(truth))
			}
		}
	}
}

func TestASearchByRateBracketsTheTruth(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		s := Search{MaxRate: math.Exp(5 * r.NormFloat64()), Precision: []float64{0.01, 0.05, 0.1, 0.5}[r.IntN(4)]}
		if r.IntN(2) == 0 {
			s.First = s.MaxRate * r.Float64()
		}
		if r.IntN(2) == 0 {
			s.AtLeast = s.MaxRate * r.Float64()
		}
		s = s.withDefaults()
		require.NoError(t, s.validate())
		truth := s.MaxRate * 1.2 * math.Pow(r.Float64(), 3)
		found(t, s, searched(t, s, func(load float64) bool { return load <= truth }), truth)
	}
}

func TestASearchEndsWhateverItIsAnswered(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 3000 {
		most := 1 + r.IntN(300)
		s := Search{MaxUsers: most, Precision: 0.01}
		if r.IntN(2) == 0 {
			s = Search{MaxRate: float64(most), Precision: 0.01}
		}
		if r.IntN(2) == 0 {
			s.AtLeast = float64(1 + r.IntN(most))
		}
		s = s.withDefaults()
		require.NoError(t, s.validate(), "%+v", s)
		trials := searched(t, s, func(float64) bool { return r.IntN(2) == 0 })
		require.LessOrEqual(t, len(trials), mostProbes(s), "%+v: %v", s, trials)
	}
}

func TestASearchDoublesThenHalves(t *testing.T) {
	tests := []struct {
		name   string
		search Search
		truth  float64
		want   []float64
		reason string
	}{
		{"as drawn", Search{MaxUsers: 200}, 88, []float64{10, 20, 40, 80, 160, 120, 100, 90, 85}, "the drawing in the docs"},
		{"ceiling", Search{MaxUsers: 100}, 500, []float64{10, 20, 40, 80, 100}, "the last doubling stops at the ceiling"},
		{"low ceiling", Search{MaxUsers: 4}, 500, []float64{4}, "the first probe is no higher than the ceiling"},
		{"downwards", Search{MaxUsers: 100}, 3, []float64{10, 5, 2, 3, 4}, "it halves until a load holds"},
		{"nothing", Search{MaxUsers: 100}, 0, []float64{10, 5, 2, 1}, "one user is the least"},
		{"coarse", Search{MaxUsers: 100, Precision: 0.5}, 70, []float64{10, 20, 40, 80, 60}, "80 is above 60 by a third"},
		{"claimed on the way", Search{MaxUsers: 200, AtLeast: 50}, 88, []float64{10, 20, 40, 50, 100, 75, 87, 93}, "the claim is probed before it is passed by"},
		{"claimed at the end", Search{MaxUsers: 200, AtLeast: 50}, 25, []float64{10, 20, 40, 30, 25, 27, 50}, "the search never came there"},
		{"claimed first", Search{MaxUsers: 200, AtLeast: 5}, 25, []float64{5, 10, 20, 40, 30, 25, 27}, "a claim below the first probe takes its place"},
		{"by rate", Search{MaxRate: 20}, 3, []float64{1, 2, 4, 3, 3.5, 3.25}, "3.25 is above 3 by less than a tenth"},
		{"by rate, downwards", Search{MaxRate: 20, First: 8}, 0, []float64{8, 4, 2, 1, 0.5, 0.25, 0.125}, "down to a 64th"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var loads []float64
			for _, at := range searched(t, tt.search.withDefaults(), func(load float64) bool { return load <= tt.truth }) {
				loads = append(loads, at.load)
			}
			assert.Equal(t, tt.want, loads, tt.reason)
		})
	}
}

func TestASearchThatCannotWorkIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		search Search
		want   string
		reason string
	}{
		{"nothing", Search{}, "search.MaxUsers is 0 and search.MaxRate 0: want the highest load to try, such as MaxUsers: 200", "no search without a bound"},
		{"both", Search{MaxUsers: 10, MaxRate: 2}, "search.MaxUsers is 10 and search.MaxRate 2: want one of them", "which would it be?"},
		{"negative", Search{MaxUsers: -5}, "search.MaxUsers is -5", "no such load"},
		{"endless", Search{MaxRate: math.Inf(1)}, "search.MaxRate +Inf: want the highest load to try", "no search without a bound"},
		{"first", Search{MaxUsers: 10, First: 20}, "search.First is 20: want at most the ceiling, 10 users", "it would never be tried"},
		{"negative first", Search{MaxRate: 10, First: -1}, "search.First is -1: want a load above 0, in requests per second", "no such load"},
		{"half a user", Search{MaxUsers: 10, First: 2.5}, "search.First is 2.5: want a whole number of users", "no such load"},
		{"claim", Search{MaxUsers: 10, AtLeast: 11}, "search.AtLeast is 11: want at most the ceiling, 10 users", "it would never be tried"},
		{"precision", Search{MaxUsers: 10, Precision: 5}, "search.Precision is 5: want a share between 0 and 1, such as 0.1 for 10 %", "users are no share"},
		{"settle", Search{MaxUsers: 10, Settle: -time.Second}, "search.Settle is -1s: want a positive time, or 0 for 15s", "no such time"},
		{"looks", Search{MaxUsers: 10, Looks: []time.Duration{time.Minute, time.Minute}}, "search.Looks is [1m0s 1m0s]: want times that ascend", "the second look would see what the first saw"},
		{"no look", Search{MaxUsers: 10, Looks: []time.Duration{0}}, "search.Looks is [0s]", "nothing would be measured"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.ErrorContains(t, tt.search.withDefaults().validate(), tt.want, tt.reason)
		})
	}
}
