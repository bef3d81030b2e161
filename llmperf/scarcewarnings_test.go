package llmperf

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestWhatIsNearlyUsedUpIsWarnedOf before it is: from then on nothing can be sent.
func TestWhatIsNearlyUsedUpIsWarnedOf(t *testing.T) {
	for _, tt := range []struct {
		name      string
		generator GeneratorStats
		want      string // "" for none
	}{
		{"enough of both", GeneratorStats{Files: 900, FilesLimit: 1000, Sockets: 25_000, Ports: 28_232}, ""},
		{"files", GeneratorStats{Files: 901, FilesLimit: 1000}, "at 10 users this process had 901 of the 1,000 files open that it may"},
		{"ports", GeneratorStats{Sockets: 26_000, Ports: 28_232}, "at 10 users this machine had 26,000 sockets open or lingering, and has 28,232 local ports"},
		{"unknown", GeneratorStats{Files: 900, Sockets: 26_000}, ""},
	} {
		step := &stepRun{Step: Step{Load: Load{Users: 10}, Until: time.Minute, Generator: tt.generator}, bucket: newBucket(0, time.Minute, 10, 0)}
		text := strings.Join(warningsOf([]*stepRun{step}, Scenario{}.withDefaults()), "\n")
		if tt.want == "" {
			assert.Empty(t, text, tt.name)
		} else {
			assert.Contains(t, text, tt.want, tt.name)
		}
	}
}
