package stats_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"llmperf.dev/llmperf/internal/stats"
)

func TestCountBounds(t *testing.T) {
	// Computed to sixty digits from P(N >= n) = 0.05 and P(N <= n) = 0.05.
	for n, want := range map[int][2]float64{
		0: {0, 2.995732}, 1: {0.051293, 4.743865}, 10: {5.425406, 16.962219}, 100: {84.139277, 118.079273},
		5000: {4884.262568, 5117.886079}, 100_000: {99480.420747, 100521.718882},
	} {
		b := stats.CountBounds(n, conf)
		assert.InDelta(t, want[0], b.Low, 1e-6, "n=%d", n)
		assert.InDelta(t, want[1], b.High, 1e-6, "n=%d", n)
	}
}
