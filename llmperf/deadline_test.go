package llmperf

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheTimeoutThatIsAskedForHasRoomForTheTestsBefore(t *testing.T) {
	defer func(was time.Time) { began = was }(began)
	s := Scenario{Profile: StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 80}}.withDefaults()
	deadline := time.Now().Add(5*time.Minute + time.Second/2)
	for _, tt := range []struct {
		used time.Duration // by tests before
		want string
	}{
		{0, "the profile takes 8m30s with its warm-up, and the test's deadline is in 5m0s: run go test with -timeout 12m0s, or shorten the profile"},
		{25 * time.Minute, "the profile takes 8m30s with its warm-up, and the test's deadline is in 5m0s: run go test with -timeout 37m0s, or shorten the profile"},
	} {
		began = time.Now().Add(-tt.used)
		assert.EqualError(t, checkDeadline(s, deadline), tt.want)
	}
	assert.NoError(t, checkDeadline(s, time.Now().Add(9*time.Minute)))
	assert.Error(t, checkDeadline(s, time.Now().Add(8*time.Minute+35*time.Second)), "a report takes time")
	assert.NoError(t, checkDeadline(s, time.Time{}), "there is none")
}
