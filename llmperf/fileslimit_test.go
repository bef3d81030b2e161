//go:build linux || darwin

package llmperf_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// lowerFilesLimit lets this process have no more than n files open.
func lowerFilesLimit(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Cur = n
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
}
