package llmperf

import (
	"fmt"
	"strconv"

	"llmperf.dev/llmperf/internal/load"
)

// OriginHeader is the HTTP header with which targets say which request of which
// user they send: its value is [Call.Origin]. A service that hands it on, as the
// clients of package llmperftest do by themselves, lets a fake server behind it
// say which of its calls were made for which request. A [TargetFunc] sets it
// itself.
const OriginHeader = "Llmperf-Origin"

// Origin names the request: its user, its number, and eight hexadecimal digits
// that differ from run to run in real time, as in "3-14-9f86d081".
func (c *Call) Origin() string {
	name := strconv.AppendInt(make([]byte, 0, 32), int64(c.User()), 10)
	name = strconv.AppendInt(append(name, '-'), int64(c.Number()), 10)
	return string(append(append(name, '-'), c.run...))
}

// runOf names a run: by when it began.
func runOf(clock load.Clock) string {
	return fmt.Sprintf("%08x", uint64(clock.Start().UnixNano())*0x9e3779b97f4a7c15>>32)
}
