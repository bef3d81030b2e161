package llmperf

import (
	"io/fs"
	"os"
	"syscall"
)

const errorSharingViolation = syscall.Errno(32)

// tryLock opens a file that nobody else can open meanwhile, or returns errLocked.
// Closing it unlocks it, and so does the end of the process.
func tryLock(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	switch err {
	case nil:
		return os.NewFile(uintptr(h), path), nil
	case errorSharingViolation:
		return nil, errLocked
	default:
		return nil, err
	}
}

// isOwn is always true: every user has a folder for temporary files.
func isOwn(fs.FileInfo) bool { return true }
