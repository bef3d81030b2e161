// Package bubble runs a function in virtual time, which is a bubble of
// [testing/synctest], and watches it from outside: where a bubble would hang or
// die of an obscure panic, it says what happened, where in the user's code, and
// what to do about it.
//
// # Time
//
// Time in a bubble moves on when every goroutine of it is durably blocked: in a
// sleep, or in a wait for another goroutine of the bubble. A wait for anything
// outside is no such wait, and neither is one for a lock. What a handler can do
// wrong follows from that:
//
//   - The bubble is frozen: a goroutine waits for the network, a file, a lock, a
//     channel made outside, or a WaitGroup that is a package variable. Nobody in
//     the bubble goes on, and no clock moves. The watch sees it, since beats stay
//     away, and reads the stacks.
//   - Time goes on and nothing happens: a wait inside the bubble is for something
//     that never comes. A brake in the bubble sees it: it fires when ten minutes
//     of virtual time have passed without a beat.
//   - Goroutines are left behind when everything else has ended, such as one that
//     serves a ticker.
//
// A bubble that does not end is abandoned: its goroutines stay blocked until
// the process ends, and at their next beat those that still move freeze. The
// test and later bubbles go on.
//
// # What cannot be caught
//
// A panic in a goroutine of the bubble ends the process, as it does in any
// test. So do these, which the runtime calls fatal errors:
//
//   - a channel, timer or ticker of a bubble is used from outside or from another
//     bubble, such as one that a package variable or a sync.Pool keeps;
//   - a context made outside is cancelled outside after its Done was first called
//     inside: the test's own t.Context() is one, so derive from
//     context.WithoutCancel;
//   - a WaitGroup is added to from inside and outside a bubble.
package bubble
