package record

import "sync/atomic"

// Room is set aside in blocks, the first ones small, since most of thousands of
// users have few requests in flight between two visits of the collector.
const (
	firstChunk, lastChunk = 1, 8    // samples
	firstGaps, lastGaps   = 64, 512 // gaps
)

// A Recorder takes the samples of one user. That user alone writes; one
// collector reads, at any time, without either waiting for the other: a sample
// is written into its place first and published by an atomic count after.
type Recorder struct {
	tail *chunk // the writer's
	head *chunk // the collector's
	read int    // samples of head already drained

	spare atomic.Pointer[chunk] // a drained chunk of full size, for the writer to take again

	gaps  []uint32 // the writer's current block of gaps
	first int      // where the current request's gaps begin in it
}

type chunk struct {
	samples []Sample
	filled  atomic.Int32
	next    atomic.Pointer[chunk]
}

// NewRecorder returns an empty recorder.
func NewRecorder() *Recorder {
	c := newChunk(firstChunk)
	return &Recorder{tail: c, head: c}
}

func newChunk(samples int) *chunk { return &chunk{samples: make([]Sample, samples)} }

// Gap notes the time between two chunks of the request in flight, in
// nanoseconds; values are kept in whole microseconds.
func (r *Recorder) Gap(ns int64) {
	if len(r.gaps) == cap(r.gaps) {
		r.growGaps()
	}
	us := (ns + 500) / 1000
	r.gaps = append(r.gaps, uint32(min(us, 1<<32-1)))
}

// growGaps starts a new block and takes the current request's gaps along, so
// that one request's gaps are always one slice.
func (r *Recorder) growGaps() {
	current := r.gaps[r.first:]
	block := make([]uint32, len(current), max(firstGaps, min(2*cap(r.gaps), lastGaps), 2*len(current)))
	copy(block, current)
	r.gaps, r.first = block, 0
}

// Add publishes a copy of the sample of the request just ended, with the gaps
// noted since the one before.
func (r *Recorder) Add(s *Sample) {
	c := r.tail
	n := int(c.filled.Load())
	c.samples[n] = *s
	c.samples[n].Gaps = r.gaps[r.first:len(r.gaps):len(r.gaps)]
	r.first = len(r.gaps)
	c.filled.Store(int32(n + 1))
	if n+1 == len(c.samples) {
		if r.tail = r.spare.Swap(nil); r.tail == nil {
			r.tail = newChunk(min(2*len(c.samples), lastChunk))
		}
		c.next.Store(r.tail)
	}
}

// Drain hands every sample published since the last call to visit, in order.
// Only the collector calls it. What was drained is let go.
func (r *Recorder) Drain(visit func(*Sample)) {
	for {
		n := int(r.head.filled.Load())
		for ; r.read < n; r.read++ {
			visit(&r.head.samples[r.read])
		}
		if r.read < len(r.head.samples) {
			return
		}
		next := r.head.next.Load()
		if next == nil {
			return
		}
		if drained := r.head; len(drained.samples) == lastChunk {
			clear(drained.samples) // and let their gaps go
			drained.filled.Store(0)
			drained.next.Store(nil)
			r.spare.Store(drained)
		}
		r.head, r.read = next, 0
	}
}
