package llmperf

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// A Think is the pause a user makes after each answer, before its next request
// (Locust's wait_time). The zero Think is the default, [Between] 100 and 500
// milliseconds.
type Think struct{ min, max time.Duration }

// Between is a think time drawn evenly from min to max for every request.
func Between(min, max time.Duration) Think { return Think{min, max} }

// Constant is a think time of d after every request.
func Constant(d time.Duration) Think { return Think{d, d} }

// NoThink lets a user send its next request as soon as the answer is in. It
// tests how fast a service can fail rather than how many users it can take.
var NoThink = Think{-1, -1}

var defaultThink = Between(100*time.Millisecond, 500*time.Millisecond)

// String names the think time as it is written.
func (t Think) String() string {
	switch {
	case t == NoThink:
		return "none"
	case t.min == t.max:
		return t.min.String()
	default:
		return fmt.Sprintf("%v to %v", t.min, t.max)
	}
}

func (t Think) validate() error {
	if t != NoThink && (t.min < 0 || t.max < t.min) {
		return fmt.Errorf("scenario.Think is Between(%v, %v): want 0 <= min <= max", t.min, t.max)
	}
	return nil
}

// cycle is the mean time from one request of a user to its next, where answers
// take latency.
func (t Think) cycle(latency time.Duration) time.Duration {
	if t == NoThink {
		return latency
	}
	return latency + (t.min+t.max)/2
}

// after is the pause after a user's n-th request, whose answer took so long.
func (t Think) after(seed uint64, user, n int, took time.Duration) time.Duration {
	if t == NoThink {
		return 0
	}
	if t.min == t.max {
		return t.min
	}
	var pcg rand.PCG
	pcg.Seed(streamOf(seed, user, n, streamThink))
	return t.min + time.Duration(pcg.Uint64()%uint64(t.max-t.min+1))
}
