package llmperf

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestABudgetIsComparedWithThePlan(t *testing.T) {
	ten := StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 30} // 60 users for a minute, and 10 for half of one, each with a request every 1.3 s
	tests := []struct {
		name, reason string
		change       func(*Scenario)
		note         string
		refused      bool
	}{
		{"enough", "3,000 requests are more than 2,769 and a warm-up of 231", func(s *Scenario) { s.Budget.Requests = 3001 }, "", false},
		{"too little", "the last step does not end", func(s *Scenario) { s.Budget.Requests = 2900 }, "the profile sends about 3,000 requests, its warm-up included, and the budget is 2,900 requests: the run will stop early", false},
		{"just past the warm-up", "something is measured", func(s *Scenario) { s.Budget.Requests = 240 }, "the profile sends about 3,000 requests", false},
		{"within the warm-up", "nothing is measured", func(s *Scenario) { s.Budget.Requests = 230 }, "", true},
		{"within what settles", "without a warm-up the first ten seconds are not measured", func(s *Scenario) { s.Warmup, s.Budget.Requests = NoWarmup, 70 }, "", true},
		{"latency unknown", "there is no telling", func(s *Scenario) { s.ExpectedLatency, s.Budget.Requests = 0, 230 }, "", false},
		{"an open loop", "the rate tells, whatever answers take", func(s *Scenario) {
			s.Profile, s.ExpectedLatency, s.Budget.Requests = list{{Rate: 2, Hold: time.Minute}}, 0, 100
		}, "the profile sends about 180 requests, its warm-up included, and the budget is 100 requests: the run will stop early", false},
		{"a profile that decides as it goes", "there is no telling", func(s *Scenario) { s.Profile, s.Budget.Requests = deciding{}, 1 }, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Scenario{Target: idle, Profile: ten, ExpectedLatency: time.Second}.withDefaults()
			tt.change(&s)
			note, err := overdraft(s)
			assert.Equal(t, tt.refused, err != nil, "%s: %v", tt.reason, err)
			if tt.note == "" {
				assert.Empty(t, note, tt.reason)
			} else {
				assert.Contains(t, note, tt.note, tt.reason)
			}
		})
	}
}
