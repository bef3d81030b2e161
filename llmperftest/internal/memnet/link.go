package memnet

import (
	"fmt"
	"math"
	"time"
)

// Grain is the unit of every delay. Runs in virtual time repeat exactly because
// no two actors act at one instant: the runtime wakes timers due at one instant
// in an arbitrary order. Time is therefore divided into grains, and each actor
// has its own phase, at which alone it acts, within a grain. A network must not
// move an actor's bytes into the phase of another, so whatever it delays, it
// delays by whole grains.
const Grain = 20 * time.Microsecond

// A Link says how slow and far the network is. The zero Link is instant and
// infinitely fast.
type Link struct {
	Latency   time.Duration // one way, of every byte; rounded up to whole grains
	Bandwidth float64       // bytes per second in each direction of each connection, at least 1; 0 for no limit
}

// packet is the size of the pieces in which a link of limited bandwidth
// delivers: what a TCP segment holds on an Ethernet.
const packet = 1460

// Bytes in flight that a link with a delay holds in one direction: what a Linux
// socket buffers for sending, or what fills the link if that is more, up to
// TCP's widest window. Less than a megabyte would freeze bubbles: so much does
// the HTTP/2 client of net/http send ahead, and when a write waits, for the time
// to pass, it holds a mutex that its reader wants too.
const (
	minFlight = 4 << 20
	maxFlight = 1 << 30
)

// aligned is the link in whole grains. A link that cannot be is a panic.
func (l Link) aligned() Link {
	if l.Latency < 0 {
		panic(fmt.Sprintf("memnet: Link.Latency is %v: want a time of at least 0", l.Latency))
	}
	if l.Bandwidth != 0 && !(l.Bandwidth >= 1) || math.IsInf(l.Bandwidth, 1) {
		panic(fmt.Sprintf("memnet: Link.Bandwidth is %v: want at least 1 byte per second, or 0 for no limit", l.Bandwidth))
	}
	l.Latency = roundUp(l.Latency)
	return l
}

// instant reports whether bytes arrive as they are sent.
func (l Link) instant() bool { return l == Link{} }

// flight is how many bytes may be under way in one direction beside those that
// fit into the buffer. A grain of rounding must not empty the link.
func (l Link) flight() int {
	if l.instant() {
		return 0
	}
	return int(min(max(minFlight, l.Bandwidth*(l.Latency+Grain).Seconds()), maxFlight))
}

// roundUp rounds a time up to whole grains.
func roundUp(d time.Duration) time.Duration { return (d + Grain - 1).Truncate(Grain) }

// A line is one direction of a link. It says when bytes arrive.
type line struct {
	Link
	began time.Time // start of the transmission that is under way, or was last
	sent  float64   // bytes of that transmission
	last  time.Time // of the instants given out
}

// arrival puts n bytes on the line, behind those already on it, and returns
// when the last of them arrives: whole grains from now, and not before what was
// sent earlier. On an instant line it is the zero time.
func (l *line) arrival(now time.Time, n int) time.Time {
	if l.instant() {
		return time.Time{}
	}
	transmitted := now
	if l.Bandwidth > 0 {
		if now.Sub(l.began) >= l.takes() {
			l.began, l.sent = now, 0
		}
		l.sent += float64(n)
		transmitted = l.began.Add(l.takes())
	}
	at := now.Add(roundUp(transmitted.Sub(now) + l.Latency))
	if at.Before(l.last) {
		at = at.Add(roundUp(l.last.Sub(at)))
	}
	l.last = at
	return at
}

// takes is how long the transmission of the bytes sent takes.
func (l *line) takes() time.Duration {
	return time.Duration(l.sent * float64(time.Second) / l.Bandwidth)
}
