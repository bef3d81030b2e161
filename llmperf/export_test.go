package llmperf

import "time"

// SetLatenessFloor sets how late the generator may be at any rate where a scenario
// does not say.
func SetLatenessFloor(d time.Duration) { latenessFloor = d }
