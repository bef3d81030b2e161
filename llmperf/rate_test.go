package llmperf

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestARateThatAnOpenLoopDoesNotSendIsRefused(t *testing.T) {
	s, _ := sound()
	s = s.withDefaults()
	steps := []Load{{Rate: 4, Hold: time.Minute}, {Rate: 2, FromRate: 4, Hold: time.Minute}, {Rate: 5, Hold: time.Minute}}
	tests := []struct {
		name, reason string
		slo          SLO
		want         string // "" for what can be
	}{
		{"below every step's", "the ramp from 4 to 2 sends 3 on average", ThroughputAbove(2.9), ""},
		{"that of a step", "what is sent is not above itself", ThroughputAbove(3), "throughput: the step of 4 to 2 requests/s sends 3 requests/s, so that throughput > 3 requests/s cannot hold in it"},
		{"in scope only", "the ramp reaches 4 and is in the scope of 4", UpToRate(4, ThroughputAbove(3.5)), "throughput: the step of 4 to 2 requests/s sends 3 requests/s"},
		{"out of scope", "steps are counted in requests, not in users", UpTo(10, ThroughputAbove(100)), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := checkRates(s, steps, tt.slo.checks())
			if tt.want == "" {
				assert.NoError(t, err, tt.reason)
				return
			}
			assert.ErrorContains(t, err, tt.want, tt.reason)
		})
	}
}

// TestARateOfNoTimeIsUndecided: a run can end while a step settles.
func TestARateOfNoTimeIsUndecided(t *testing.T) {
	r := madeResult(usual)
	s := &r.Steps[0]
	s.Until = s.From
	s.Stats = Stats{}
	for _, slo := range []SLO{ThroughputAbove(1), OutputTokensAbove(1), GoodputAbove(1, Latency.Within(time.Second))} {
		o := r.Check(slo)[0]
		assert.Equal(t, Inconclusive, o.Verdict, o.Message)
		assert.Contains(t, o.Message, "nothing measured")
		_, err := json.Marshal(o)
		assert.NoError(t, err, "JSON has no word for 0/0")
	}
}
