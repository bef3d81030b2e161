package llmperf

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"llmperf.dev/llmperf/internal/record"
)

// A digest sums up the requests of a run, whatever their order.
type digest struct{ sum uint64 }

func (d *digest) add(s *record.Sample) { d.sum += digestOf(s) }

func (d *digest) String() string { return fmt.Sprintf("%016x", d.sum) }

// digestOf is a hash of everything that was measured of a request.
func digestOf(s *record.Sample) uint64 {
	h := fnv.New64a()
	var buf []byte
	for _, v := range []int64{
		int64(s.User), int64(s.Number), s.Sent, s.FirstByte, s.FirstToken, s.LastToken, s.End,
		int64(s.Chunks), int64(s.Tokens), int64(s.FirstTokens), int64(s.Prompt), int64(s.Cached), int64(s.Completion),
		int64(s.Class), int64(s.Status),
	} {
		buf = binary.LittleEndian.AppendUint64(buf, uint64(v))
	}
	if s.Open {
		buf = binary.LittleEndian.AppendUint64(buf, uint64(s.Dispatched))
	}
	h.Write(buf)
	for _, gap := range s.Gaps {
		h.Write(binary.LittleEndian.AppendUint32(buf[:0], gap))
	}
	return h.Sum64()
}

// compareSamples orders samples by when, and by whom, they were sent.
func compareSamples(a, b *record.Sample) int {
	return cmp.Or(cmp.Compare(a.Sent, b.Sent), cmp.Compare(a.User, b.User), cmp.Compare(a.Number, b.Number))
}
