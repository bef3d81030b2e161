package llmperf

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// A Load is what one step puts on the target: so many users (a closed loop), or
// so many requests per second (an open loop). Exactly one of Users and Rate is
// set, and the same one in all steps of a run.
//
// In a closed loop each user sends a request, waits for the whole answer, thinks,
// and sends the next, so that a slow service is sent less. In an open loop
// requests come as they come, by the scenario's [Arrivals], whether or not the
// service keeps up: each is the only one of a user of its own.
type Load struct {
	Users int     `json:"users,omitempty"` // closed loop: simulated users
	Rate  float64 `json:"rate,omitempty"`  // open loop: requests per second

	// Hold is the length of the step. Measuring begins when all of the step's
	// users run and the settle time is over: the first 10 s of a step that changes
	// the load, at most a quarter of it.
	Hold time.Duration `json:"hold_ns"`

	// SpawnRate is how many users begin per second, or leave where the step has
	// fewer; 0 spreads them over 5 s, at most a tenth of Hold. A user leaves after
	// its request.
	SpawnRate float64 `json:"spawn_rate,omitempty"`

	// With one of these, the load changes evenly from it to Users or Rate over all
	// of Hold, and all of that is measured: a ramp. The step's level, for limits
	// such as those of UpTo, is the higher end.
	FromUsers int     `json:"from_users,omitempty"`
	FromRate  float64 `json:"from_rate,omitempty"`

	Name string `json:"name,omitempty"` // the step's name in tests, without slash and space; "" for one such as users=50 or rate=2.5

	shape  *shape  // the users from second to second, of a ShapeFunc
	replay *replay // the requests one by one, of a Trace
	whole  *Load   // what it was before it was shortened; nil if it was not
}

const (
	defaultSpawn  = 5 * time.Second
	defaultSettle = 10 * time.Second
)

// open reports whether the load is of an open loop.
func (l Load) open() bool { return l.Rate != 0 || l.FromRate != 0 }

// ramps reports whether the load changes all the time.
func (l Load) ramps() bool { return l.FromUsers != 0 || l.FromRate != 0 || l.shape != nil }

// timed reports whether the step must last as long as it says, since what it
// sends depends on the time.
func (l Load) timed() bool { return l.ramps() || l.replay != nil }

// level is the highest load of the step, in users or in requests per second.
func (l Load) level() float64 {
	if l.open() {
		return max(l.Rate, l.FromRate)
	}
	return float64(max(l.Users, l.FromUsers))
}

// String is the load in words: 50 users, 2.5 requests/s, 40 to 50 users.
func (l Load) String() string {
	switch {
	case l.shape != nil:
		least, most := l.shape.bounds()
		return fmt.Sprintf("%d to %s", least, levelText(float64(most), false))
	case l.FromUsers != 0 && l.FromUsers != l.Users:
		return fmt.Sprintf("%d to %s", l.FromUsers, levelText(float64(l.Users), false))
	case l.FromRate != 0 && l.FromRate != l.Rate:
		return fmt.Sprintf("%s to %s", number(l.FromRate), levelText(l.Rate, true))
	case l.open():
		return levelText(l.Rate, true)
	default:
		return levelText(float64(l.Users), false)
	}
}

// levelText is a load in words.
func levelText(level float64, open bool) string {
	switch {
	case open:
		return number(level) + " requests/s"
	case level == 1:
		return "1 user"
	default:
		return number(level) + " users"
	}
}

// A shape is the users of a step that changes all the time.
type shape struct{ ticks []shapeTick }

// bounds are the least and the most users of a shape.
func (s *shape) bounds() (least, most int) {
	least, most = s.ticks[0].users, s.ticks[0].users
	for _, tick := range s.ticks {
		least, most = min(least, tick.users), max(most, tick.users)
	}
	return least, most
}

// A shapeTick sets the number of users and how many of them begin or leave per
// second, at a time since the step's begin.
type shapeTick struct {
	at        time.Duration
	users     int
	spawnRate float64
}

// A replay is the requests of a step, one by one.
type replay struct {
	first int             // the row of the trace that the first one is
	at    []time.Duration // when each is sent, since the step's begin; ascending
}

// meanUsers and meanRate are the mean load of the step.
func (l Load) meanUsers() float64 {
	switch {
	case l.shape != nil:
		sum := 0.0
		for i, tick := range l.shape.ticks {
			end := l.Hold
			if i+1 < len(l.shape.ticks) {
				end = l.shape.ticks[i+1].at
			}
			sum += float64(tick.users) * (end - tick.at).Seconds()
		}
		return sum / l.Hold.Seconds()
	case l.FromUsers != 0:
		return float64(l.FromUsers+l.Users) / 2
	default:
		return float64(l.Users)
	}
}

func (l Load) meanRate() float64 {
	switch {
	case l.replay != nil:
		return float64(len(l.replay.at)) / l.Hold.Seconds()
	case l.FromRate != 0:
		return (l.FromRate + l.Rate) / 2
	default:
		return l.Rate
	}
}

// number writes v to three digits, or as it is where it is whole.
func number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// spawnTime is how long n users take to begin or to leave.
func (l Load) spawnTime(n int) time.Duration {
	if l.SpawnRate > 0 {
		return atRate(n, l.SpawnRate)
	}
	return min(defaultSpawn, l.Hold/10)
}

// longestSpawn is longer than steps are, and its multiples are no overflow.
const longestSpawn = 24 * time.Hour

// atRate is how long n users take to begin or to leave at so many per second.
func atRate(n int, perSecond float64) time.Duration {
	return time.Duration(min(float64(n)/perSecond, longestSpawn.Seconds()) * float64(time.Second))
}

// unmeasured is how long after the step's begin measuring starts, after a step
// of another load.
func (l Load) unmeasured(before Load) time.Duration {
	if l.timed() || l.sameAs(before) {
		return 0
	}
	settle := min(defaultSettle, l.Hold/4)
	if l.open() {
		return settle
	}
	return max(l.spawnTime(abs(l.Users-before.Users)), settle)
}

// sameAs reports whether l goes on as before.
func (l Load) sameAs(before Load) bool { return l.Users == before.Users && l.Rate == before.Rate }

func abs(n int) int { return max(n, -n) }

// name is what the step is called in test names: no slash and no space.
func (l Load) name() string {
	switch {
	case l.Name != "":
		return l.Name
	case l.shape != nil:
		least, most := l.shape.bounds()
		return fmt.Sprintf("users=%d-%d", least, most)
	case l.FromUsers != 0 && l.FromUsers != l.Users:
		return fmt.Sprintf("users=%d-%d", l.FromUsers, l.Users)
	case l.FromRate != 0 && l.FromRate != l.Rate:
		return fmt.Sprintf("rate=%s-%s", number(l.FromRate), number(l.Rate))
	case l.open():
		return "rate=" + number(l.Rate)
	default:
		return fmt.Sprintf("users=%d", l.Users)
	}
}

// validate says what is wrong with a step's load.
func (l Load) validate() error {
	bad := func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) || v < 0 }
	switch {
	case l.open() && (l.Users != 0 || l.FromUsers != 0):
		return fmt.Errorf("a step of %d users and %s requests/s: want one of Users and Rate", l.Users, number(l.Rate))
	case bad(l.FromRate):
		return fmt.Errorf("a step from %v requests per second: want more than 0", l.FromRate)
	case l.open() && (bad(l.Rate) || l.Rate == 0):
		return fmt.Errorf("a step of %v requests per second: want more than 0", l.Rate)
	case !l.open() && (l.Users < 1 || l.FromUsers < 0):
		return fmt.Errorf("a step of %d users: want at least 1", min(l.Users, l.FromUsers))
	case l.Hold < time.Millisecond:
		return fmt.Errorf("a step of %v holds for %v: want at least 1ms; did you mean %d*time.Second?", l, l.Hold, max(1, int64(l.Hold)))
	case bad(l.SpawnRate):
		return fmt.Errorf("a step of %v has a spawn rate of %v: want users per second, or 0 for the default", l, l.SpawnRate)
	}
	return validateStepName(l.Name)
}

// validateAfter says what is wrong with a step's load that follows another.
func (l Load) validateAfter(before Load) error {
	if err := l.validate(); err != nil {
		return err
	}
	change, what := l.Users-before.Users, "begin"
	if change < 0 {
		change, what = -change, "leave"
	}
	if l.SpawnRate > 0 && l.unmeasured(before) >= l.Hold { // it would be over before measuring begins
		return fmt.Errorf("a step of %v at %v users per second takes %v for %s to %s: want less than its %v, so at least %.1f users per second",
			l, l.SpawnRate, l.spawnTime(change), plural(change, "user"), what, l.Hold, 2*float64(change)/l.Hold.Seconds())
	}
	return nil
}

// validateStepName refuses what would be another test's name.
func validateStepName(name string) error {
	for _, r := range name {
		if r == '/' || r <= ' ' {
			return fmt.Errorf("a step is named %q: want no slash and no space, since the name becomes a test's", name)
		}
	}
	return nil
}
