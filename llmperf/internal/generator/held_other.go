//go:build !linux

package generator

import "time"

// What holds a process back is not known.
func stolen() time.Duration    { return 0 }
func throttled() time.Duration { return 0 }
