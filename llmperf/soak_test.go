package llmperf_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

func TestASoakShowsWhatGetsSlowerWithTime(t *testing.T) {
	soak := func(slower float64) *llmperf.Result {
		sent := 0
		res := virtually(t, func(t *testing.T) llmperf.Scenario {
			s := slowed(func(since time.Duration) float64 {
				if since > 10*time.Minute {
					return slower
				}
				return 1
			})(t)
			s.Profile = llmperf.ConstantProfile{Users: 8, Duration: 17 * time.Minute, Every: 5 * time.Minute}
			s.Warmup = time.Minute
			s.Observers = []llmperf.Observer{{Sample: func(r llmperf.Sample) {
				if r.Sent >= s.Warmup && r.Sent < 18*time.Minute {
					sent++
				}
			}}}
			return s
		})
		var names []string
		for _, step := range res.Steps {
			names = append(names, step.Name)
		}
		require.Equal(t, []string{"users=8", "users=8_2", "users=8_3"}, names)
		assert.Equal(t, 7*time.Minute, res.Steps[2].Until-res.Steps[2].Begin, "the last step takes in a rest below half a step")
		assert.Equal(t, sent, res.Total.Requests, "after the warm-up nothing is left out")
		assert.Equal(t, llmperf.Unclear, res.Growth, "there is no load to grow over")
		assert.Zero(t, res.Plateau, "nor to level off from")
		return res
	}
	assert.Equal(t, llmperf.Pass, soak(1).Check(llmperf.NoSaturationBelow(8))[0].Verdict)
	assert.Equal(t, llmperf.Fail, soak(3).Check(llmperf.NoSaturationBelow(8))[0].Verdict, "the last step is three times as slow as the first")
}
