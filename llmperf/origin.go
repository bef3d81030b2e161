package llmperf

import "fmt"

// originHeader is the HTTP header with which targets say which request of which
// user they send. A service that hands it on, as the clients of package
// llmperftest do by themselves, lets a fake server behind it say which of its
// calls were made for which request.
const originHeader = "Llmperf-Origin"

// origin names the request: its user, its number, and eight hexadecimal digits
// that differ from run to run in real time.
func (c *Call) origin() string {
	run := uint64(c.clock.Start().UnixNano()) * 0x9e3779b97f4a7c15
	return fmt.Sprintf("%d-%d-%08x", c.User(), c.Number(), run>>32)
}
