package record_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"llmperf.dev/llmperf/internal/record"
)

// TestHiddenReasoningTakesNoTimeBetweenTokens: ten tokens that come every 20 ms
// take 20 ms each, however many were thought before.
func TestHiddenReasoningTakesNoTimeBetweenTokens(t *testing.T) {
	const every, start = 20e6, 5e9
	shown := record.Sample{
		Sent: 1, FirstToken: start, LastToken: start + 9*every, End: start + 9*every,
		Chunks: 10, Tokens: 10, FirstTokens: 1, HasUsage: true, Completion: 10,
	}
	tests := []struct {
		name               string
		completion, hidden int32
		output             int
		reason             string
	}{
		{"nothing hidden", 10, 0, 10, "the ordinary case"},
		{"reasoning hidden", 202, 192, 202, "it is output, and took its time before the first token"},
		{"reasoning counted apart", 10, 192, 10, "some servers leave it out of the sum; no fewer tokens came than were seen"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := shown
			s.Completion, s.Hidden = tt.completion, tt.hidden
			itl, ok := s.ITL()
			assert.True(t, ok)
			assert.InDelta(t, every, itl, 1, tt.reason)
			tpot, ok := s.TPOT()
			assert.True(t, ok)
			assert.InDelta(t, every, tpot, 1, tt.reason)
			assert.Equal(t, tt.output, s.OutputTokens())
		})
	}
}
