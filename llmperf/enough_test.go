package llmperf

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAPlanThatYieldsTooLittleIsRefused(t *testing.T) {
	profile := StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 50}
	tests := []struct {
		name, reason string
		change       func(*Scenario)
		slos         []SLO
		want         string // "" for a plan that is enough
	}{
		{"unknown latency", "if answers took no time there would be plenty", func(*Scenario) {}, []SLO{TailRatioBelow(2), FailureRateBelow(0.001)}, ""},
		{"short answers", "half a second leaves enough", func(s *Scenario) { s.ExpectedLatency = 500 * time.Millisecond }, []SLO{TailRatioBelow(2), FailureRateBelow(0.001)}, ""},
		{"long answers", "p99 takes 299 requests in every step",
			func(s *Scenario) { s.ExpectedLatency = 5 * time.Second }, []SLO{TailRatioBelow(2)},
			"tail_ratio: with answers of 5 s, the step of 20 users yields about 188 requests; proving p99/p50 < 2x takes 299 in every step: hold it 2.3x as long, so for 2m14s, set scenario.HoldUntilDecided, or ask for less with llmperf.Guard"},
		{"long answers, all steps", "the failure rate takes 2,995 requests over all steps",
			func(s *Scenario) { s.ExpectedLatency = 5 * time.Second }, []SLO{UpTo(20, FailureRateBelow(0.001))},
			"failure_rate: with answers of 5 s, this plan yields about 488 requests in 2 steps; proving failure rate < 0.1 % takes 2,995; it can prove < 0.612 %: hold the steps 6.2x as long, or ask for less with llmperf.Guard"},
		{"held on", "steps may become four times as long", func(s *Scenario) { s.ExpectedLatency, s.HoldUntilDecided = 5*time.Second, true }, []SLO{TailRatioBelow(2)}, ""},
		{"guarded", "nothing is to be proved", func(s *Scenario) { s.ExpectedLatency = 5 * time.Second }, []SLO{Guard(TailRatioBelow(2), FailureRateBelow(0.001))}, ""},
		{"lenient", "who lets pass what is undecided does not mind", func(s *Scenario) { s.ExpectedLatency, s.Strictness = 5*time.Second, PassInconclusive }, []SLO{TailRatioBelow(2)}, ""},
		{"no think time", "nothing is known of how many requests there will be", func(s *Scenario) { s.Think = NoThink }, []SLO{FailureRateBelow(1e-6)}, ""},
		{"hopeless from the start", "not even answers that take no time would do", func(s *Scenario) { s.Think = Constant(time.Minute) }, []SLO{Latency.P95Below(time.Second)},
			"latency_p95: if answers took no time, the step of 20 users yields about 16 requests"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := sound()
			s.Profile = profile
			tt.change(&s)
			err := planOf(s, tt.slos, time.Time{})
			if tt.want == "" {
				assert.NoError(t, err, tt.reason)
				return
			}
			require.Error(t, err, tt.reason)
			assert.Contains(t, err.Error(), tt.want, tt.reason)
		})
	}
}

// TestWhatReadmesFirstRunCanProve is what README says of it.
func TestWhatReadmesFirstRunCanProve(t *testing.T) {
	slos := []SLO{NoSaturationBelow(50), UpTo(50, TailRatioBelow(2), FailureRateBelow(0.001), TTFT.P95Below(800*time.Millisecond))}
	plan := func(answer time.Duration) error {
		s, _ := sound()
		s.Profile, s.ExpectedLatency = StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 100}, answer
		return planOf(s, slos, time.Time{})
	}
	assert.NoError(t, plan(2500*time.Millisecond))
	assert.ErrorContains(t, plan(2600*time.Millisecond), "failure_rate: with answers of 2.6 s")
}
