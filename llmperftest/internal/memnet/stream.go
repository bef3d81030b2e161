package memnet

import "time"

// bufferSize is how many bytes may have arrived at an end and not been read.
const bufferSize = 64 << 10

// A stream is the bytes on their way to one end of a connection. Nothing moves
// them: each call says what time it is, and what is due by then has arrived.
type stream struct {
	line    line
	unread  ring[byte]    // the arrived bytes, then those in flight
	arrived int           // bytes
	flight  ring[segment] // covers the bytes in flight
}

// A segment is bytes that arrive together.
type segment struct {
	bytes int
	at    time.Time
}

// settle lets arrive what is due.
func (s *stream) settle(now time.Time) {
	var due [1]segment
	for s.flight.n > 0 && !now.Before(s.flight.oldest().at) {
		s.flight.pop(due[:])
		s.arrived += due[0].bytes
	}
}

// space is how many bytes may be sent now.
func (s *stream) space() int {
	if s.arrived >= bufferSize {
		return 0
	}
	return bufferSize + s.line.flight() - s.unread.n
}

// send takes as much of p as there is space for. It returns how much, and when
// the first of it arrives.
func (s *stream) send(p []byte, now time.Time) (n int, first time.Time) {
	s.settle(now)
	n = min(len(p), s.space())
	s.unread.push(p[:n]...)
	if s.line.instant() {
		s.arrived += n
		return n, time.Time{}
	}
	for rest := n; rest > 0; {
		piece := rest
		if s.line.Bandwidth > 0 {
			piece = min(piece, packet)
		}
		at := s.line.arrival(now, piece)
		if rest == n {
			first = at
		}
		if s.flight.n > 0 && s.flight.newest().at.Equal(at) {
			s.flight.newest().bytes += piece
		} else {
			s.flight.push(segment{piece, at})
		}
		rest -= piece
	}
	return n, first
}

// receive moves arrived bytes into p.
func (s *stream) receive(p []byte, now time.Time) int {
	s.settle(now)
	n := s.unread.pop(p[:min(len(p), s.arrived)])
	s.arrived -= n
	return n
}

// next is when the next bytes arrive, or zero if none are in flight.
func (s *stream) next() time.Time {
	if s.flight.n == 0 {
		return time.Time{}
	}
	return s.flight.oldest().at
}

// lose loses the bytes that would arrive after the given instant.
func (s *stream) lose(after time.Time) {
	for s.flight.n > 0 && s.flight.newest().at.After(after) {
		s.unread.drop(s.flight.newest().bytes)
		s.flight.drop(1)
	}
}
