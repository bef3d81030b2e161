package llmperf

import (
	"fmt"
	"os"
	"strings"
)

// appendStepSummary tells the step summary of GitHub Actions, if there is one,
// which verdicts are undecided: the log of a test that passed does not show.
func appendStepSummary(test string, outcomes []Outcome) error {
	path := os.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	var text strings.Builder
	for i := range outcomes {
		if outcomes[i].Verdict == Inconclusive {
			fmt.Fprintf(&text, "- `%s/%s` is undecided: %s\n", test, outcomes[i].path(), outcomes[i].Message)
		}
	}
	if text.Len() == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return fmt.Errorf("GITHUB_STEP_SUMMARY: %w", err)
	}
	_, err = f.WriteString(text.String())
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("GITHUB_STEP_SUMMARY: %w", err)
	}
	return nil
}
