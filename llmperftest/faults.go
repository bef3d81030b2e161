package llmperftest

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// A Fault goes wrong on purpose. Its When says for which requests; the other
// fields, what happens. Make one with a function of this package, such as
// CutMidStream(5).Every(10).
type Fault struct {
	name   string
	kind   faultKind
	after  int // tokens written before it strikes
	status int
	delay  time.Duration

	every int     // strikes requests every-1, 2·every-1, …; 0 for all
	first int     // only the first so many requests; 0 for all
	rate  float64 // drawn for each request; 0 for all
}

type faultKind int

const (
	faultStatus faultKind = iota
	faultReset
	faultCut
	faultErrorEvent
	faultMalformed
	faultHang
	faultStall
	faultEmpty
	faultSlowHeaders
	faultNoTerminator
)

// Status answers with an HTTP error status.
func Status(code int) Fault {
	return Fault{name: fmt.Sprintf("status %d", code), kind: faultStatus, status: code}
}

// Reset breaks the connection before the response begins.
func Reset() Fault { return Fault{name: "reset", kind: faultReset} }

// CutMidStream breaks the connection after the given number of tokens.
func CutMidStream(tokens int) Fault { return Fault{name: "cut", kind: faultCut, after: tokens} }

// ErrorEvent sends an error inside the stream after the given number of tokens.
func ErrorEvent(tokens int) Fault {
	return Fault{name: "error event", kind: faultErrorEvent, after: tokens}
}

// Malformed sends an event that is not JSON after the given number of tokens.
func Malformed(tokens int) Fault {
	return Fault{name: "malformed", kind: faultMalformed, after: tokens}
}

// Hang sends nothing until the client goes away.
func Hang() Fault { return Fault{name: "hang", kind: faultHang} }

// Stall pauses for d after the given number of tokens.
func Stall(tokens int, d time.Duration) Fault {
	return Fault{name: "stall", kind: faultStall, after: tokens, delay: d}
}

// Empty answers with no content at all.
func Empty() Fault { return Fault{name: "empty", kind: faultEmpty} }

// SlowHeaders sends the response's header only after d.
func SlowHeaders(d time.Duration) Fault {
	return Fault{name: "slow headers", kind: faultSlowHeaders, delay: d}
}

// NoTerminator ends the stream cleanly, but without a finish reason and [DONE].
func NoTerminator() Fault { return Fault{name: "no terminator", kind: faultNoTerminator} }

// Every limits the fault to every n-th request.
func (f Fault) Every(n int) Fault { f.every = n; return f }

// First limits the fault to the first n requests.
func (f Fault) First(n int) Fault { f.first = n; return f }

// Rate limits the fault to a share of requests, drawn for each with the
// engine's seed.
func (f Fault) Rate(share float64) Fault { f.rate = share; return f }

// strikes says whether the fault hits the request of that number; index is the
// fault's own among all.
func (f Fault) strikes(number, index int, seed uint64) bool {
	if f.every > 0 && (number+1)%f.every != 0 || f.first > 0 && number >= f.first {
		return false
	}
	if f.rate > 0 {
		r := rand.New(rand.NewPCG(seed^0x6661756c74, uint64(number)<<8|uint64(index)))
		return r.Float64() < f.rate
	}
	return true
}
