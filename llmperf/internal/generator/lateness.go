package generator

import (
	"math"
	"runtime"
	"time"
)

// look sleeps from one multiple of Every to the next, and notes how late it runs.
//
// Being woken by a timer, a goroutine runs before others that wait; one whose
// answer comes from the network queues behind them. So it gives way once, to queue
// as they do.
func (m *Monitor) look() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		m.mu.Lock()
		due := time.Duration(len(m.late)+1) * Every
		m.mu.Unlock()
		timer.Reset(due - time.Since(m.start))
		select {
		case <-m.quit:
			return
		case <-timer.C:
		}
		runtime.Gosched()
		m.looked(time.Since(m.start))
	}
}

// looked notes all looks that are due by now.
func (m *Monitor) looked(now time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		due := time.Duration(len(m.late)+1) * Every
		if due > now {
			return
		}
		m.late = append(m.late, uint32(min((now-due)/time.Microsecond, math.MaxUint32)))
	}
}
