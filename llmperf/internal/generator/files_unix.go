//go:build unix

package generator

import (
	"os"
	"runtime"
	"syscall"
)

// FilesLimit is how many files this process may have open, sockets included; 0 if
// that is not known.
func FilesLimit() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), 1<<31-1))
}

// OpenFiles is how many files this process has open, sockets included; 0 if that
// is not known.
func OpenFiles() int {
	dir := "/dev/fd"
	if runtime.GOOS == "linux" {
		dir = "/proc/self/fd"
		if info, err := os.Stat(dir); err == nil && info.Size() > 0 {
			return int(info.Size()) // since Linux 6.2, and for less than reading the folder takes
		}
	}
	f, err := os.Open(dir)
	if err != nil {
		return 0
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return max(len(names)-1, 0) // but for the folder itself
}
