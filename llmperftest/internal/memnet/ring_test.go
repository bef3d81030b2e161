package memnet

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARingIsAQueue(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var r ring[int]
	var want []int
	for i := range 10_000 {
		switch random.IntN(5) {
		case 0, 1:
			items := make([]int, random.IntN(40))
			for j := range items {
				items[j] = i*40 + j
			}
			r.push(items...)
			want = append(want, items...)
		case 2, 3:
			into := make([]int, random.IntN(50))
			n := r.pop(into)
			require.Equal(t, min(len(into), len(want)), n)
			require.Equal(t, want[:n], into[:n])
			want = want[n:]
		case 4:
			n := random.IntN(min(len(want), 3) + 1)
			r.drop(n)
			want = want[:len(want)-n]
		}
		require.Equal(t, len(want), r.n)
		if r.n > 0 {
			require.Equal(t, want[0], *r.oldest())
			require.Equal(t, want[len(want)-1], *r.newest())
		}
	}
}
