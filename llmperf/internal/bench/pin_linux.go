package main

import (
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"
)

// A cpuSet is a mask of cores, as sched_setaffinity(2) takes it.
type cpuSet [16]uint64

func (s *cpuSet) has(core int) bool { return s[core/64]&(1<<(core%64)) != 0 }
func (s *cpuSet) add(core int)      { s[core/64] |= 1 << (core % 64) }

// cores are those of the generator and of the server; pinned is false where
// there are not two to choose from.
func cores() (generator, server int, pinned bool) {
	var all cpuSet
	if affinity(syscall.SYS_SCHED_GETAFFINITY, &all) != nil {
		return -1, -1, false
	}
	generator, server = -1, -1
	for core := len(all)*64 - 1; core >= 0; core-- {
		switch {
		case !all.has(core):
		case generator < 0:
			generator = core
		default:
			server = core // the lowest, on which most machines handle interrupts
		}
	}
	if server < 0 {
		return -1, -1, false
	}
	return generator, server, true
}

// startOn starts a process on one core, which it inherits from the thread that
// starts it; a negative one is any.
func startOn(core int, cmd *exec.Cmd) error {
	if core < 0 {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one cpuSet
	if err := affinity(syscall.SYS_SCHED_GETAFFINITY, &before); err != nil {
		return err
	}
	one.add(core)
	if err := affinity(syscall.SYS_SCHED_SETAFFINITY, &one); err != nil {
		return err
	}
	defer affinity(syscall.SYS_SCHED_SETAFFINITY, &before)
	return cmd.Start()
}

// affinity gets or sets the cores of the calling thread.
func affinity(call uintptr, set *cpuSet) error {
	if _, _, errno := syscall.RawSyscall(call, 0, unsafe.Sizeof(*set), uintptr(unsafe.Pointer(set))); errno != 0 {
		return errno
	}
	return nil
}
