package generator

import (
	"syscall"
	"time"
)

// cpuTime is the CPU time that this process has taken so far.
func cpuTime() (time.Duration, bool) {
	process, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0, false
	}
	var created, ended, kernel, user syscall.Filetime
	if syscall.GetProcessTimes(process, &created, &ended, &kernel, &user) != nil {
		return 0, false
	}
	// A Filetime that is a length of time counts steps of 100 ns.
	steps := func(f syscall.Filetime) int64 { return int64(f.HighDateTime)<<32 | int64(f.LowDateTime) }
	return time.Duration(100 * (steps(kernel) + steps(user))), true
}
