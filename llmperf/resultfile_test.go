package llmperf

import (
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAResultThatIsReadFromAFileIsNotJudged, as nothing is proved by figures alone.
func TestAResultThatIsReadFromAFileIsNotJudged(t *testing.T) {
	measured := madeResult(usual)
	slo := Latency.P95Below(5 * time.Second)
	require.Equal(t, Pass, measured.Check(slo)[0].Verdict)
	data, err := json.Marshal(measured)
	require.NoError(t, err)
	var read Result
	require.NoError(t, json.Unmarshal(data, &read))
	outcomes := read.Check(slo, FailureRateBelow(0.01))
	require.Len(t, outcomes, 2)
	for _, o := range outcomes {
		assert.Equal(t, Fail, o.Verdict)
		assert.Contains(t, o.Message, "not measured by this process")
	}
}

func TestWhatIsNoResultIsRefused(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"another schema":     {`{"schema": 2}`, "a result of schema 2: this version of llmperf reads 1"},
		"another file":       {`{"runs": []}`, "a result of schema 0"},
		"failures of nobody": {`{"schema": 1, "steps": [{"requests": 3, "failed": 9}]}`, "steps[0] has 9 failed of 3 requests"},
		"in a mix":           {`{"schema": 1, "targets": [{"failed": -1}]}`, "targets[0] has -1 failed of 0 requests"},
	} {
		assert.ErrorContains(t, json.Unmarshal([]byte(tt.text), new(Result)), tt.want, name)
	}
}

// FuzzResult reads files that say they are a result, and does what one does with
// results: whatever they say, that ends with an error or without.
func FuzzResult(f *testing.F) {
	usually := madeResult(beside(usual, func(m *made) { m.requests = 40 }), beside(usual, func(m *made) { m.users, m.requests, m.failed = 100, 60, 3 }))
	invalid := behind(madeResult(beside(usual, func(m *made) { m.requests = 40 })), 0, time.Second, 0.98)
	for _, r := range []*Result{usually, invalid, madeResult(), {}} {
		data, err := json.Marshal(r)
		require.NoError(f, err)
		f.Add(data)
	}
	for _, text := range []string{`{"schema":1,"steps":[{"users":-1,"latency":{"n":5,"p95_ns":-7}}]}`, `{"schema":1,"steps":[{"requests":3,"failed":9,"seconds":0,"failures":{"":-1}}]}`, `{"schema":1,"saturation":{"found":true},"not_run":[{}]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r Result
		if json.Unmarshal(data, &r) != nil {
			return
		}
		_ = r.WriteReport(io.Discard)
		_, _ = r.benchText()
		_, _ = r.histogramLog()
		_ = r.summary()
		_ = r.String()
		for _, o := range r.Check(Latency.P95Below(time.Second), FailureRateBelow(0.01)) {
			require.Equal(t, Fail, o.Verdict, "whatever it says, nothing passes")
		}
	})
}
