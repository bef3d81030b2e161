//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package llmperf

import (
	"errors"
	"io/fs"
	"os"
)

func tryLock(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func isOwn(fs.FileInfo) bool { return true }
