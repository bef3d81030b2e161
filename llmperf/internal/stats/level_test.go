package stats_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/stats"
)

func TestScalingQuantile(t *testing.T) {
	for _, row := range []struct {
		name   string
		n      int
		want   float64
		ok     bool
		reason string
	}{
		{"plenty", 300, 0.95, true, "p95 is what saturation is about"},
		{"just enough", 59, 0.95, true, "the smallest n that bounds p95"},
		{"too few for p95", 58, 0.90, true, "p90 is the fallback"},
		{"just enough for p90", 29, 0.90, true, "the smallest n that bounds p90"},
		{"too few", 28, 0, false, "nothing can be bounded"},
		{"none", 0, 0, false, "nothing can be bounded"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, ok := stats.ScalingQuantile(row.n, conf)
			require.Equal(t, row.ok, ok, row.reason)
			require.Equal(t, row.want, p, row.reason)
		})
	}
}
