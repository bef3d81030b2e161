package llmperf_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// flaky is the test of a service that is slow for eight users in the first process
// that runs it, and in later ones does what SERVICE says.
const flaky = `
func TestCapacity(t *testing.T) {
	const file = "processes"
	before, _ := os.ReadFile(file)
	os.WriteFile(file, append(before, 'x'), 0o666)
	service := "slow"
	if len(before) > 0 {
		service = os.Getenv("SERVICE")
	}
	var inFlight atomic.Int32
	scenario.Target = llmperf.TargetFunc(func(context.Context, *llmperf.Call) error {
		defer inFlight.Add(-1)
		n := inFlight.Add(1)
		switch {
		case service == "down":
			return errors.New("nobody is there")
		case service == "slow" && n > 4:
			time.Sleep(1500 * time.Millisecond)
		default:
			time.Sleep(10 * time.Millisecond)
		}
		return nil
	})
	scenario.Profile = llmperf.StepProfile{StepUsers: 4, StepTime: 3 * time.Second, MaxUsers: 8}
	llmperf.Run(t, scenario, llmperf.Latency.P90Below(1200*time.Millisecond), llmperf.FailureRateBelow(0.5))
}
`

// TestAFailedSubtestThatIsRunAgainIsMeasuredAgain: gotestsum runs only the subtests
// again that failed, so that go test leaves out all others.
func TestAFailedSubtestThatIsRunAgainIsMeasuredAgain(t *testing.T) {
	tests := []struct {
		service, reason string
		passes          bool
		printed         string // by the run again
	}{
		{"fine", "it has recovered", true, "--- PASS: TestCapacity/users=8/latency_p90 "},
		{"slow", "it is as it was", false, "--- FAIL: TestCapacity/users=8/latency_p90 "},
		{"down", "nothing is measured, and nothing passes", false, "the run was aborted: all of the first "},
	}
	gotestsum, err := within(t, ".", []string{"GOFLAGS="}, "go", "tool", "-n", "gotestsum")
	require.NoError(t, err, "%s", gotestsum)
	for _, tt := range tests {
		t.Run(tt.service, func(t *testing.T) {
			t.Parallel() // they wait for compilers and loads
			code := strings.Replace(fmt.Sprintf(scenarioFile, "flaky"), `"context"`, "\"context\"\n\t\"errors\"\n\t\"os\"\n\t\"sync/atomic\"", 1)
			dir := scratch(t, map[string]string{"flaky_test.go": code + flaky})
			out := t.TempDir()
			printed, err := within(t, dir, []string{"SERVICE=" + tt.service, "LLMPERF_OUT=" + out, "GOTESTSUM_FORMAT=standard-verbose"},
				strings.TrimSpace(gotestsum), "--rerun-fails=1", "--packages=.")
			first, again, found := strings.Cut(printed, "\nDONE ")
			require.True(t, found, "%s", printed)
			assert.Contains(t, first, "--- FAIL: TestCapacity/users=8/latency_p90 ")
			assert.Contains(t, first, "--- PASS: TestCapacity/users=4/latency_p90 ")
			assert.Contains(t, again, tt.printed, tt.reason)
			assert.NotContains(t, again, "=== RUN   TestCapacity/users=4", "it did not fail, and is left out")
			assert.Equal(t, tt.passes, err == nil, "%s: %v %s", tt.reason, err, again)
			if tt.service == "down" {
				return
			}
			data, err := os.ReadFile(filepath.Join(out, "TestCapacity", "result.json"))
			require.NoError(t, err)
			var res llmperf.Result
			require.NoError(t, json.Unmarshal(data, &res))
			assert.Len(t, res.Steps, 2, "all of the load was put on again, the baseline too")
			assert.Len(t, res.Outcomes, 5, "and judged")
		})
	}
}
