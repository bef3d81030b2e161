package record

import "strconv"

// A Class says why a request failed.
type Class uint8

// The classes of failure. Their order is the order of reports.
const (
	OK         Class = iota
	Connect          // no connection: refused, unreachable, name not found
	TLS              // the TLS handshake or a certificate
	Timeout          // the scenario's per-request timeout passed
	Reset            // the connection broke before the response began
	Status           // an HTTP status that is not a success
	Truncated        // the response broke off before its end
	Malformed        // the response is not what its protocol says
	InBand           // an error reported inside a successful response
	Empty            // a complete answer without content
	Target           // any other error of the target, or its panic
	Unfinished       // still in flight when the run had to end
	NotSent          // due, and held back by too many in flight until its time had passed
	Generator        // this machine could not send it, or read its answer: no failure of the service's
	classes
)

// String returns the class's name as reports and attributes show it.
func (c Class) String() string {
	if c < classes {
		return names[c]
	}
	return "class " + strconv.Itoa(int(c))
}

var names = [classes]string{"ok", "connect", "tls", "timeout", "reset", "status", "truncated", "malformed", "in_band_error", "empty", "target", "unfinished", "not_sent", "generator"}
