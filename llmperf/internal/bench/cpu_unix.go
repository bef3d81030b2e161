//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpu is the processor time that the process has taken, in its own code and in
// the system's for it.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
