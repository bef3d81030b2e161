package load

import (
	"math"
	"sync/atomic"

	"llmperf.dev/llmperf/internal/record"
)

// What sender.sending holds while no request is in flight, and between the
// decision to send one and the reading of the clock. Any other value is the
// time at which the request in flight was sent, or due.
const (
	idle        = math.MaxInt64
	aboutToSend = 0
)

// A sender has one request in flight at a time, and a recorder of its own.
type sender struct {
	recorder *record.Recorder
	sending  atomicTime
	user     atomic.Int32 // whose request it is
	nth      atomic.Int32 // which of the user's it is
	arrival  bool         // of an open loop
}

// atomicTime is an atomic time that reads idle until it is first stored.
type atomicTime struct{ v atomic.Int64 }

func (f *atomicTime) Load() int64   { return f.v.Load() ^ idle }
func (f *atomicTime) Store(t int64) { f.v.Store(t ^ idle) }

// send sends a request. Whatever becomes of its goroutine, it is in flight no
// more.
func (s *sender) send(request func()) {
	defer s.sending.Store(idle)
	request()
}

// each visits everybody who sends, in an order that repeats.
func (c *Crowd) each(visit func(*sender)) {
	for _, u := range c.users {
		visit(&u.sender)
	}
	if c.arrivals != nil {
		for _, s := range c.arrivals.all() {
			visit(s)
		}
	}
}
