package generator

import (
	"math"
	"os"
	"runtime"
	"time"
)

// look looks at each multiple of Every how late this process runs: what it has
// written into a pipe by then comes back to it as an answer does from a socket, by
// way of the system's queue of what can be read, and behind the goroutines that are
// ready. Being woken by a timer alone, it would run before all of them.
func (m *Monitor) look() {
	in, out, err := os.Pipe()
	if err == nil {
		defer in.Close()
		defer out.Close()
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	mark, read := []byte{0}, make([]byte, 1)
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
		if err == nil {
			go out.Write(mark) // when this waits for it
			_, err = in.Read(read)
		}
		if err != nil { // there is no pipe to be had
			runtime.Gosched()
		}
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
