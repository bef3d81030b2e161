package llmperf

import (
	"fmt"
	"os"
	"strings"
)

// appendStepSummary tells the step summary of GitHub Actions, if there is one,
// which verdicts are undecided and what was not run: the log of a test that passed
// does not show.
func appendStepSummary(r *Result) error {
	path := os.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	var text strings.Builder
	for i := range r.Outcomes {
		if o := &r.Outcomes[i]; o.Verdict == Inconclusive {
			fmt.Fprintf(&text, "- `%s/%s` is undecided: %s\n", r.Name, o.path(), o.Message)
		}
	}
	if line := r.endLine(); line != "" {
		fmt.Fprintf(&text, "- `%s` was %s\n", r.Name, line)
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
