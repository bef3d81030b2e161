package llmperf

import "fmt"

// OriginHeader is the HTTP header with which targets say which request of which
// user they send: its value is [Call.Origin]. A service that hands it on, as the
// clients of package llmperftest do by themselves, lets a fake server behind it
// say which of its calls were made for which request. A [TargetFunc] sets it
// itself.
const OriginHeader = "Llmperf-Origin"

// Origin names the request: its user, its number, and eight hexadecimal digits
// that differ from run to run in real time, as in "3-14-9f86d081".
func (c *Call) Origin() string {
	run := uint64(c.clock.Start().UnixNano()) * 0x9e3779b97f4a7c15
	return fmt.Sprintf("%d-%d-%08x", c.User(), c.Number(), run>>32)
}
