//go:build !unix && !windows

package generator

import "time"

// cpuTime is not known.
func cpuTime() (time.Duration, bool) { return 0, false }
