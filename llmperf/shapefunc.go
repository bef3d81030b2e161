package llmperf

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// A ShapeFunc is a load of any shape: the users, and how many of them begin or
// leave per second, at a time since the end of the warm-up. It is Locust's
// LoadTestShape.tick, asked once a second. ok is false to end the run; a spawn
// rate of 0 is the default.
//
//	wave := llmperf.ShapeFunc(func(elapsed time.Duration) (users int, spawnRate float64, ok bool) {
//		users = 30 + int(20*math.Sin(elapsed.Minutes()))
//		return users, 5, elapsed < 20*time.Minute
//	})
//
//	users
//	  50 |    ╱─╲                    ╱─╲
//	  30 | ╱─    ─╲               ╱─    ─╲
//	  10 |          ─╲_______╱─            ─
//	     +──────────────────────────────────── time
//	       │ users=30-50 │ users=31-50 │  …
//
// Ten seconds or more of the same load are a step like any other. Where the load
// changes faster, a minute of it is one, measured from its begin on and named for
// the least and the most users in it.
//
// The function must depend on elapsed alone. It is asked for all of the run before
// the load, and again while it is on, and must end within 24 hours.
type ShapeFunc func(elapsed time.Duration) (users int, spawnRate float64, ok bool)

const (
	shapeTickEvery = time.Second
	shapeHold      = 10 * time.Second // a load that stays for so long is a step of its own
	shapeStretch   = time.Minute      // of a load that does not, at most
	longestShape   = 24 * time.Hour
)

// Next returns the step after those done.
func (f ShapeFunc) Next(done []Step) (Load, bool) { return nextOf(f.plan(), done) }

func (f ShapeFunc) plan() []Load {
	steps, _ := f.steps()
	return steps
}

// steps asks for all of the run.
func (f ShapeFunc) steps() ([]Load, error) {
	var steps []Load
	var now Load           // the load that stays, so far
	var moving []shapeTick // since the last step ended
	begin := time.Duration(0)
	// settle ends the load that stayed until the given time.
	settle := func(until time.Duration) {
		if now.Hold < shapeHold {
			if now.Hold > 0 {
				moving = append(moving, shapeTick{at: until - now.Hold - begin, users: now.Users, spawnRate: now.SpawnRate})
			}
			return
		}
		steps = append(steps, varying(moving, until-now.Hold-begin)...)
		steps = append(steps, now)
		begin, moving = until, nil
	}
	for at := time.Duration(0); ; at += shapeTickEvery {
		if at > longestShape {
			return nil, fmt.Errorf("the ShapeFunc goes on after %v: return false to end the run", longestShape)
		}
		users, rate, ok := f(at)
		if !ok {
			settle(at)
			steps = append(steps, varying(moving, at-begin)...)
			return steps, nil
		}
		if err := (Load{Users: users, Hold: shapeStretch, FromUsers: users, SpawnRate: rate}).validate(); err != nil {
			return nil, fmt.Errorf("the ShapeFunc wants, at %v, %w", at, err)
		}
		if at > 0 && (users != now.Users || rate != now.SpawnRate) {
			settle(at)
			now.Hold = 0
		}
		now.Users, now.SpawnRate = users, rate
		now.Hold += shapeTickEvery
	}
}

// varying is steps of a load that changes tick by tick for so long.
func varying(ticks []shapeTick, length time.Duration) []Load {
	var steps []Load
	for begin := time.Duration(0); begin < length; begin += shapeStretch {
		end := min(begin+shapeStretch, length)
		s := &shape{}
		for i, tick := range ticks {
			until := length
			if i+1 < len(ticks) {
				until = ticks[i+1].at
			}
			if until > begin && tick.at < end {
				tick.at = max(0, tick.at-begin)
				s.ticks = append(s.ticks, tick)
			}
		}
		most := slices.MaxFunc(s.ticks, func(a, b shapeTick) int { return a.users - b.users })
		steps = append(steps, Load{Users: most.users, Hold: end - begin, shape: s})
	}
	return steps
}

func (f ShapeFunc) validate() error {
	if f == nil {
		return errors.New("the ShapeFunc is nil: give it a function of the time since the warm-up")
	}
	steps, err := f.steps()
	if err == nil && len(steps) == 0 {
		err = errors.New("the ShapeFunc returns false at once: want users for some time")
	}
	if err != nil {
		return err
	}
	if again, _ := f.steps(); !reflect.DeepEqual(steps, again) {
		return errors.New("the ShapeFunc wants other users when it is asked again: it must depend on elapsed alone; of chance, use a source seeded by it")
	}
	return validatePlan(steps)
}
