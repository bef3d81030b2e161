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
// is written into its place first and published by an atomic count after. All
// that leads to its place was written before and is published with it.
type Recorder struct {
	written atomic.Int64 // samples published

	tail *chunk // the writer's
	used int    // samples of tail written

	head *chunk // the collector's
	read int    // samples of head already drained
	seen int64  // samples drained

	spare atomic.Pointer[chunk] // a drained chunk of full size, for the writer to take again

	gaps  []uint32 // the writer's current block of gaps
	first int      // where the current request's gaps begin in it
}

type chunk struct {
	samples []Sample
	next    *chunk
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
	if r.used == len(r.tail.samples) {
		r.growSamples()
	}
	place := &r.tail.samples[r.used]
	*place = *s
	place.Gaps = r.gaps[r.first:len(r.gaps):len(r.gaps)]
	r.first = len(r.gaps)
	r.used++
	r.written.Add(1)
}

func (r *Recorder) growSamples() {
	next := r.spare.Swap(nil)
	if next == nil {
		next = newChunk(min(2*len(r.tail.samples), lastChunk))
	}
	r.tail.next = next
	r.tail, r.used = next, 0
}

// Drain hands every sample published since the last call to visit, in order.
// Only the collector calls it. What was drained is let go.
func (r *Recorder) Drain(visit func(*Sample)) {
	for written := r.written.Load(); r.seen < written; r.seen++ {
		if r.read == len(r.head.samples) {
			r.dropHead()
		}
		s := &r.head.samples[r.read]
		visit(s)
		*s = Sample{} // its gaps are let go
		r.read++
	}
}

func (r *Recorder) dropHead() {
	drained := r.head
	r.head, r.read = drained.next, 0
	if len(drained.samples) == lastChunk {
		drained.next = nil
		r.spare.Store(drained)
	}
}
