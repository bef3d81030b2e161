// Package generator watches the process that makes a load, in real time: how late
// its goroutines run, and how much CPU time, files and ports it takes. It also
// tells errors of this machine from those of the service.
package generator

import (
	"sync"
	"time"
)

// Every is how often a Monitor looks whether goroutines run when they should.
const Every = 10 * time.Millisecond

// mostLooks is how many looks are taken into account of a stretch of time; of a
// longer one, every so many-th.
const mostLooks = 20_000

// A Monitor watches this process from its start on, on goroutines of its own.
type Monitor struct {
	start time.Time
	quit  chan struct{}
	over  sync.WaitGroup

	mu    sync.Mutex
	late  []uint32 // microseconds by which the look due at each multiple of Every came late
	slots []slot
}

// Start starts a Monitor. Times are given since the given moment, which is now.
func Start(start time.Time) *Monitor {
	m := &Monitor{start: start, quit: make(chan struct{})}
	r := newReader()
	m.over.Go(m.look)
	m.over.Go(func() { m.read(r) })
	return m
}

// Stop ends watching. What was seen stays.
func (m *Monitor) Stop() {
	close(m.quit)
	m.over.Wait()
}

// A Stretch is a part of the time.
type Stretch struct{ From, Until time.Duration }

// Lateness is how late each look was that was due in the stretches, in
// nanoseconds, in the order of time. Of looks that came together, since nothing
// ran meanwhile, each counts from when it was due.
func (m *Monitor) Lateness(stretches []Stretch) []float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var looks []uint32
	for _, s := range stretches {
		from, until := m.index(s.From), m.index(s.Until)
		looks = append(looks, m.late[from:max(from, until)]...)
	}
	step := (len(looks) + mostLooks - 1) / mostLooks
	var late []float64
	for i := 0; i < len(looks); i += step {
		late = append(late, float64(looks[i])*float64(time.Microsecond))
	}
	return late
}

// index is the first look that is due at t or later. The look at index i is due
// at i+1 times Every.
func (m *Monitor) index(t time.Duration) int {
	i := int((t + Every - 1) / Every)
	return min(max(i-1, 0), len(m.late))
}

// Use is what the process took in the stretches, to the width of readings, which
// are a quarter of a second.
func (m *Monitor) Use(stretches []Stretch) Use {
	m.mu.Lock()
	defer m.mu.Unlock()
	var u Use
	for i := range m.slots {
		middle := (m.slots[i].from + m.slots[i].until) / 2
		for _, s := range stretches {
			if s.From <= middle && middle < s.Until {
				u.add(&m.slots[i])
			}
		}
	}
	return u
}

// read takes a reading every quarter of a second.
func (m *Monitor) read(r *reader) {
	r.read(time.Since(m.start))
	ticker := time.NewTicker(readEvery)
	defer ticker.Stop()
	for {
		select {
		case <-m.quit:
			return
		case <-ticker.C:
		}
		s := r.read(time.Since(m.start))
		m.mu.Lock()
		m.slots = append(m.slots, s)
		m.mu.Unlock()
	}
}
