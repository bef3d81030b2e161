package record

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkGap is what it costs to note one token's time. Bytes are of the blocks
// of gaps; there is no allocation a token.
func BenchmarkGap(b *testing.B) {
	r, s := NewRecorder(), Sample{}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Gap(20_000_000)
		if i%100 == 99 { // a request's worth; what was drained is let go
			r.Add(&s)
			r.Drain(func(*Sample) {})
		}
	}
}

// BenchmarkAdd is what it costs a user to publish one sample. A block that is full
// comes back at once, as from a collector that has drained it.
func BenchmarkAdd(b *testing.B) {
	r := NewRecorder()
	s := Sample{User: 1, Sent: 1, FirstByte: 2, FirstToken: 3, LastToken: 4, End: 5}
	b.ReportAllocs()
	for b.Loop() {
		if r.used == lastChunk {
			r.spare.Store(r.tail)
		}
		r.Add(&s)
	}
}

// BenchmarkAddAndDrain is that, and what it costs the collector to take it, eight
// at a time.
func BenchmarkAddAndDrain(b *testing.B) {
	r := NewRecorder()
	s := Sample{User: 1, Sent: 1, FirstByte: 2, FirstToken: 3, LastToken: 4, End: 5}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Add(&s)
		if i%8 == 7 {
			r.Drain(func(*Sample) {})
		}
	}
}

// BenchmarkAtRank is what one order statistic of a histogram costs.
func BenchmarkAtRank(b *testing.B) {
	h := NewHistogram()
	draw := rand.New(rand.NewPCG(1, 2))
	for range 1_000_000 {
		h.Record(int64(20e6 * (1 + draw.ExpFloat64())))
	}
	b.ReportAllocs()
	for b.Loop() {
		h.AtRank(990_000)
	}
}
