package record

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEverySampleComesOnceInOrderWithItsGaps(t *testing.T) {
	const samples = 20_000
	for _, pace := range []int{1, 7, 8, 1000, samples} { // samples between two visits of the collector, at least
		r := NewRecorder()
		var writer sync.WaitGroup
		writer.Go(func() {
			for n := range samples {
				for g := range n % 90 {
					r.Gap(int64(1000 * (n + g)))
				}
				r.Add(&Sample{Number: int32(n)})
			}
		})
		var seen []Sample
		for len(seen) < samples {
			r.Drain(func(s *Sample) { seen = append(seen, *s) })
			if pace == samples {
				writer.Wait()
			}
			for range pace {
				runtime.Gosched()
			}
		}
		writer.Wait()
		require.Len(t, seen, samples)
		for n, s := range seen {
			require.Equal(t, int32(n), s.Number)
			require.Len(t, s.Gaps, n%90)
			for g, us := range s.Gaps {
				require.Equal(t, uint32(n+g), us)
			}
		}
	}
}
