// Package push is an in-memory network for virtual time with net/http's own
// server on one side and, on the other, a client that is called rather than
// woken: whatever the server's goroutine writes is handed on at once, by that
// goroutine. A reader of a streamed answer that asks for it with [Body.Push]
// wakes once a request instead of once a token, which is most of what a
// simulated token costs. Any other reader reads as it would from net/http.
//
// The server is net/http's, so handlers see what they see on a socket: buffered
// writes, flushes, deadlines, hijacking, contexts that end when the client goes.
// Of the client's side, net/http's own code writes requests and reads
// responses; this package keeps the connections alive and pools them, and
// closes them when a context ends or a body is closed early.
package push
