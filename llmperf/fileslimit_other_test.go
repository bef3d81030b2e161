//go:build !linux && !darwin

package llmperf_test

import "testing"

func lowerFilesLimit(t *testing.T, _ uint64) { t.Fatal("the limit cannot be lowered") }
