package llmperf

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestTheTimeLeftKnowsOfStepsThatAreHeldOn: a line of progress and the live page
// reckon with it alike.
func TestTheTimeLeftKnowsOfStepsThatAreHeldOn(t *testing.T) {
	m := newMeasurement(Scenario{
		Target: TargetFunc(nil), Profile: StepProfile{StepUsers: 5, StepTime: time.Minute, MaxUsers: 15}, Warmup: 10 * time.Second,
	}.withDefaults(), func(event) {})
	assert.Equal(t, 190*time.Second, m.plannedEnd())

	first := &stepRun{Step: Step{Index: 0, Load: Load{Users: 5, Hold: time.Minute}, Begin: 10 * time.Second, Until: 70 * time.Second}}
	m.steps = append(m.steps, first)
	assert.Equal(t, 190*time.Second, m.plannedEnd())
	first.Until += 25 * time.Second
	assert.Equal(t, 215*time.Second, m.plannedEnd(), "the steps to come begin later")
	line := (&progress{Window: Window{At: 80 * time.Second}, end: m.plannedEnd()}).line()
	assert.Contains(t, line, "2m15s left")

	m.scenario.Profile = nil
	assert.Zero(t, m.plannedEnd(), "a profile that decides as it goes")
	assert.NotContains(t, (&progress{Window: Window{At: 80 * time.Second}}).line(), "left")
}
