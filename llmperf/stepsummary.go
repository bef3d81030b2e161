package llmperf

import (
	"fmt"
	"os"
)

// stepSummaryLimit is how many bytes of all summaries of one step of a job GitHub
// Actions takes; of more it shows none.
const stepSummaryLimit = 1 << 20

// appendStepSummary adds the run to the step summary of GitHub Actions, if there
// is one. Where the rest of it would be too much, that is its headline, or
// nothing.
func appendStepSummary(r *Result) error {
	path := os.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	if err := appendWithin(path, stepSummaryLimit, r.summary()+"\n", r.headline()+r.whereabouts()+"\n"); err != nil {
		return fmt.Errorf("GITHUB_STEP_SUMMARY: %w", err)
	}
	return nil
}

// appendWithin appends to a file the first of texts that leaves it within limit
// bytes.
func appendWithin(path string, limit int64, texts ...string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		for _, text := range texts {
			if info.Size()+int64(len(text)) <= limit {
				_, err = f.WriteString(text)
				break
			}
		}
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}
