package llmperf

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/record"
)

func TestSamplesAreSortedByWhenTheyWereSent(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		samples := make([]record.Sample, n)
		for i := range samples {
			samples[i] = record.Sample{Sent: draw.Int64N(50), User: int32(i), End: int64(1000 + i)}
		}
		draw.Shuffle(n, func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
		want := slices.Clone(samples)
		slices.SortFunc(want, func(a, b record.Sample) int { return compareSamples(&a, &b) })
		sortSamples(samples)
		require.Equal(t, want, samples)
		sortSamples(samples)
		require.Equal(t, want, samples, "sorted samples stay so")
	}
}
