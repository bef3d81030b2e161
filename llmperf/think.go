package llmperf

import (
	"fmt"
	"math/rand/v2"
	"time"

	"llmperf.dev/llmperf/internal/load"
)

// A Think is the pause a user makes after each answer, before its next request
// (Locust's wait_time). The zero Think is the default, [Between] 100 and 500
// milliseconds.
//
// Each kind is drawn with a user whose answers take 0.4, 0.8, 0.2 and 1.4 s in
// turn, a column for each 100 ms: "|" is a request that is sent, "=" the wait for
// its answer, and "." a pause.
type Think struct {
	kind     thinkKind
	min, max time.Duration // of a pause drawn evenly
	mean     time.Duration // of an exponential pause
	every    time.Duration // from request to request, of pacing
}

type thinkKind int

const (
	thinkEvenly thinkKind = iota + 1
	thinkExponentially
	thinkPaced
	thinkNot
)

// Between is a think time drawn evenly from min to max for every request:
//
//	|===...|=======...|=.|=============....|===.....|=======...|
//	0         1         2         3         4         5 s
func Between(min, max time.Duration) Think { return Think{kind: thinkEvenly, min: min, max: max} }

// Constant is a think time of d after every request. With 0.3 s:
//
//	|===...|=======...|=...|=============...|===...|=======...|=
//	0         1         2         3         4         5 s
func Constant(d time.Duration) Think { return Between(d, d) }

// Exponential is a think time drawn for every request from an exponential
// distribution: most pauses are short, and a few long. None is cut off: one in
// twenty is above 3 times the mean, one in 150 above 5 times. With a mean of
// 0.5 s:
//
//	|===.|=======..|=....|=============.|===...|=======....|=..|
//	0         1         2         3         4         5 s
func Exponential(mean time.Duration) Think { return Think{kind: thinkExponentially, mean: mean} }

// Pacing lets a user begin a request every so often, however long the answer
// takes, so that each user sends at a constant rate (Locust's constant_pacing;
// its constant_throughput(2) is Pacing(time.Second / 2)). A user whose answer
// takes longer begins the next request at once and paces from there: what it
// missed is not made up for. With 1 s:
//
//	|===......|=======..|=........|=============|===......|=====
//	0         1         2         3         4         5 s
func Pacing(every time.Duration) Think { return Think{kind: thinkPaced, every: every} }

// NoThink lets a user send its next request as soon as the answer is in. It
// tests how fast a service can fail rather than how many users it can take:
//
//	|===|=======|=|=============|===|=======|=|=============|===
//	0         1         2         3         4         5 s
var NoThink = Think{kind: thinkNot}

var defaultThink = Between(100*time.Millisecond, 500*time.Millisecond)

// String is the think time in words.
func (t Think) String() string {
	switch {
	case t.kind == thinkNot:
		return "none"
	case t.kind == thinkExponentially:
		return fmt.Sprintf("exponential, %v on average", t.mean)
	case t.kind == thinkPaced:
		return fmt.Sprintf("a request every %v", t.every)
	case t.min == t.max:
		return t.min.String()
	default:
		return fmt.Sprintf("%v to %v", t.min, t.max)
	}
}

func (t Think) validate() error {
	switch {
	case t.kind == thinkEvenly && (t.min < 0 || t.max < t.min):
		return fmt.Errorf("scenario.Think is Between(%v, %v): want 0 <= min <= max", t.min, t.max)
	case t.kind == thinkExponentially && t.mean < load.Grain:
		return fmt.Errorf("scenario.Think is Exponential(%v): want a mean of at least %v, such as time.Second, or llmperf.NoThink", t.mean, load.Grain)
	case t.kind == thinkPaced && t.every < load.Grain:
		return fmt.Errorf("scenario.Think is Pacing(%v): want the time from one request of a user to its next, at least %v, such as time.Second, or llmperf.NoThink", t.every, load.Grain)
	default:
		return nil
	}
}

// cycle is the mean time from one request of a user to its next, where answers
// take latency.
func (t Think) cycle(latency time.Duration) time.Duration {
	switch t.kind {
	case thinkPaced:
		return max(latency, t.every)
	case thinkExponentially:
		return latency + t.mean
	default:
		return latency + (t.min+t.max)/2
	}
}

// after is the pause after a user's n-th request, whose answer is in so long
// after the request was due.
func (t Think) after(seed uint64, user, n int, took time.Duration) time.Duration {
	var pcg rand.PCG
	pcg.Seed(streamOf(seed, user, n, streamThink))
	switch t.kind {
	case thinkEvenly:
		return t.min + time.Duration(pcg.Uint64()%uint64(t.max-t.min+1))
	case thinkExponentially:
		return time.Duration(float64(t.mean) * rand.New(&pcg).ExpFloat64())
	case thinkPaced:
		return max(0, t.every-took)
	default:
		return 0
	}
}
