package record

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAtRankFindsTheBarOfEveryRank(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{1, 2, 7, 1000, 20_011} {
		h := NewHistogram()
		for range size {
			h.Record(int64(1000 * (1 + draw.ExpFloat64()) * float64(int(1)<<draw.IntN(32))))
		}
		k := 1
		for _, bar := range h.h.Distribution() {
			for range bar.Count {
				low, high := h.AtRank(k)
				require.Equal(t, [2]int64{bar.From, bar.To}, [2]int64{low, high}, "rank %d of %d", k, size)
				k++
			}
		}
		require.Equal(t, size+1, k)
		low, high := h.AtRank(k)
		require.Equal(t, [2]int64{}, [2]int64{low, high}, "there is no such rank")
	}
	low, high := NewHistogram().AtRank(1)
	require.Equal(t, [2]int64{}, [2]int64{low, high})
}
