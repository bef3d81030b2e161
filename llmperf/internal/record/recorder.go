package record

import "sync/atomic"

const (
	chunkSamples = 16  // a user sends a request every few seconds; the collector comes by twice a second
	gapBlock     = 512 // gaps set aside at a time: two kilobytes a user
)

// A Recorder takes the samples of one user. That user alone writes; one
// collector reads, at any time, without either waiting for the other: a sample
// is written into its place first and published by an atomic count after.
type Recorder struct {
	tail *chunk // the writer's
	head *chunk // the collector's
	read int    // samples of head already drained

	gaps  []uint32 // the writer's current block of gaps
	first int      // where the current request's gaps begin in it
}

type chunk struct {
	samples [chunkSamples]Sample
	filled  atomic.Int32
	next    atomic.Pointer[chunk]
}

// NewRecorder returns an empty recorder.
func NewRecorder() *Recorder {
	c := new(chunk)
	return &Recorder{tail: c, head: c}
}

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
	block := make([]uint32, len(current), max(gapBlock, 2*len(current)))
	copy(block, current)
	r.gaps, r.first = block, 0
}

// Add publishes the sample of the request just ended, with the gaps noted
// since the one before.
func (r *Recorder) Add(s Sample) {
	s.Gaps = r.gaps[r.first:len(r.gaps):len(r.gaps)]
	r.first = len(r.gaps)
	c := r.tail
	n := c.filled.Load()
	c.samples[n] = s
	c.filled.Store(n + 1)
	if n+1 == chunkSamples {
		r.tail = new(chunk)
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
		if r.read < chunkSamples {
			return
		}
		next := r.head.next.Load()
		if next == nil {
			return
		}
		r.head, r.read = next, 0
	}
}
