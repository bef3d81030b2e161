// Package record holds what a run measures: one Sample a request, written by
// the user that sent it to that user's own Recorder and read by one collector.
// Nothing is locked on the way.
package record

// A Sample is one request as its user measured it. Times are nanoseconds since
// the start of the run; 0 means that the moment never came (no request can be
// sent, let alone answered, at instant 0: users act after it).
type Sample struct {
	User   int32 // 0-based
	Number int32 // the user's n-th request, 0-based
	Part   int16 // which target of a mix it was sent to, 0-based

	Delay uint32 // closed loop: microseconds from when it was due until it was sent

	Sent       int64 // the request was sent; of an open loop, was due
	FirstByte  int64 // the response began
	FirstToken int64 // the first chunk with output tokens arrived
	LastToken  int64 // the last chunk with output tokens arrived
	End        int64 // the target returned: the last byte, or the failure

	Open       bool  // it is of an open loop:
	Dispatched int64 // it was sent; 0 for never
	Held       bool  // it had to wait for others in flight

	Chunks      int32 // chunks that carried tokens
	Tokens      int32 // output tokens counted in those chunks
	FirstTokens int32 // of them, tokens in the first chunk

	HasUsage   bool // the server said what it counted:
	Prompt     int32
	Cached     int32
	Completion int32
	Hidden     int32 // of Completion, tokens of reasoning that the stream did not show

	Class  Class  // OK, or why the request failed
	Status int16  // HTTP status, for class Status; what the machine lacked, a generator.Lack, for class Generator
	Detail string // the failure in words, with nothing secret in it

	// Gaps are the times between consecutive token chunks, in microseconds.
	Gaps []uint32
}

// OutputTokens is the number of output tokens of the request: what the server
// says it counted, else what was counted chunk by chunk.
func (s *Sample) OutputTokens() int {
	if s.HasUsage && s.Completion > 0 {
		return int(s.Completion)
	}
	return int(s.Tokens)
}

// streamedTokens is how many output tokens the stream brought: all but those of
// a reasoning that it did not show, and no fewer than were seen in chunks.
func (s *Sample) streamedTokens() int {
	if s.Hidden == 0 {
		return s.OutputTokens()
	}
	return max(s.OutputTokens()-int(s.Hidden), int(s.Tokens))
}

// Left is when the request was really sent; 0 for never.
func (s *Sample) Left() int64 {
	if s.Open {
		return s.Dispatched
	}
	return s.Sent
}

// Latency is the time from sending to the last byte, in nanoseconds.
func (s *Sample) Latency() int64 { return s.End - s.Sent }

// TTFB is the time to the first byte; ok is false where none was stamped.
func (s *Sample) TTFB() (ns int64, ok bool) { return s.FirstByte - s.Sent, s.FirstByte > 0 }

// TTFT is the time to the first token; ok is false where none came.
func (s *Sample) TTFT() (ns int64, ok bool) { return s.FirstToken - s.Sent, s.FirstToken > 0 }

// ITL is the mean time per token after the first chunk:
// (last - first)/(tokens - tokens in the first chunk). It exists where tokens
// came in more than one chunk. Tokens of a reasoning that was not shown are not
// among them. Where the server counted more tokens than were seen in chunks, the
// first chunk is taken to have brought its share of them.
func (s *Sample) ITL() (ns float64, ok bool) {
	tokens, first := float64(s.streamedTokens()), float64(s.FirstTokens)
	if seen := float64(s.Tokens); tokens > seen {
		first *= tokens / seen
	}
	if s.Chunks < 2 || tokens-first < 1 {
		return 0, false
	}
	return float64(s.LastToken-s.FirstToken) / (tokens - first), true
}

// TPOT is (latency - TTFT)/(tokens - 1), tokens of a reasoning that was not shown
// left out. It exists from two streamed tokens on.
func (s *Sample) TPOT() (ns float64, ok bool) {
	tokens := s.streamedTokens()
	if s.FirstToken == 0 || tokens < 2 {
		return 0, false
	}
	return float64(s.End-s.FirstToken) / float64(tokens-1), true
}
