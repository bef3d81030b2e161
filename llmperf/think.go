package llmperf

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// A Think is the pause a user of a closed loop makes after each answer, before
// its next request (Locust's wait_time). The zero Think is the default, [Between]
// 100 and 500 milliseconds.
//
//	Constant(2s)    ▐███▌--▐██▌--▐█████▌--▐█▌--▐███▌--
//	Between(1s, 4s) ▐███▌-▐██▌---▐█████▌--▐█▌----▐███▌--
//	Exponential(2s) ▐███▌-▐██▌▐█████▌------▐█▌-▐███▌--
//	Pacing(6s)      ▐███▌-▐██▌--▐█████████▌▐█▌---▐███▌-
//	                |     |     |     |      time: a request each 6 s, or at once if the last one took longer
type Think struct {
	kind     thinkKind
	min, max time.Duration // of other kinds, min alone says how long
}

type thinkKind uint8

const (
	thinkBetween thinkKind = iota
	thinkNot
	thinkExponential
	thinkPacing
)

// Between is a think time drawn evenly from min to max for every request.
func Between(min, max time.Duration) Think { return Think{thinkBetween, min, max} }

// Constant is a think time of d after every request.
func Constant(d time.Duration) Think { return Think{thinkBetween, d, d} }

// Exponential is a think time drawn for every request from an exponential
// distribution with the given mean: mostly short, sometimes many times the mean,
// as the pauses of people often are.
func Exponential(mean time.Duration) Think { return Think{thinkExponential, mean, 0} }

// Pacing lets a user begin a request each time so long has passed, whatever the
// answer takes, as long as it takes less: each user sends at a constant rate
// (Locust's constant_pacing; its constant_throughput is 1/every). After an answer
// that takes longer the next request follows at once, and the pace begins anew.
func Pacing(every time.Duration) Think { return Think{thinkPacing, every, 0} }

// NoThink lets a user send its next request as soon as the answer is in. It
// tests how fast a service can fail rather than how many users it can take.
var NoThink = Think{kind: thinkNot}

var defaultThink = Between(100*time.Millisecond, 500*time.Millisecond)

// String names the think time in words.
func (t Think) String() string {
	switch {
	case t.kind == thinkNot:
		return "none"
	case t.kind == thinkExponential:
		return fmt.Sprintf("exponential, %v in the mean", t.min)
	case t.kind == thinkPacing:
		return fmt.Sprintf("a request each %v", t.min)
	case t.min == t.max:
		return t.min.String()
	default:
		return fmt.Sprintf("%v to %v", t.min, t.max)
	}
}

func (t Think) validate() error {
	switch {
	case t.kind == thinkExponential && t.min <= 0:
		return fmt.Errorf("scenario.Think is Exponential(%v): want a mean above 0", t.min)
	case t.kind == thinkPacing && t.min < time.Millisecond:
		return fmt.Errorf("scenario.Think is Pacing(%v): want the time from one request to the next, at least 1ms", t.min)
	case t.min < 0 || t.kind == thinkBetween && t.max < t.min:
		return errors.New("scenario.Think is " + fmt.Sprintf("Between(%v, %v)", t.min, t.max) + ": want 0 <= min <= max")
	}
	return nil
}

// cycle is the mean time from one request of a user to its next, where answers
// take latency.
func (t Think) cycle(latency time.Duration) time.Duration {
	switch t.kind {
	case thinkNot:
		return latency
	case thinkExponential:
		return latency + t.min
	case thinkPacing:
		return max(t.min, latency)
	default:
		return latency + (t.min+t.max)/2
	}
}

// after is the pause after a user's n-th request, whose answer took so long.
func (t Think) after(seed uint64, user, n int, took time.Duration) time.Duration {
	switch {
	case t.kind == thinkNot:
		return 0
	case t.kind == thinkPacing:
		return max(0, t.min-took)
	case t.kind == thinkBetween && t.min == t.max:
		return t.min
	}
	var pcg rand.PCG
	pcg.Seed(streamOf(seed, user, n, streamThink))
	if t.kind == thinkExponential {
		return time.Duration(rand.New(&pcg).ExpFloat64() * float64(t.min))
	}
	return t.min + time.Duration(pcg.Uint64()%uint64(t.max-t.min+1))
}
