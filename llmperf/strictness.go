package llmperf

import (
	"fmt"
	"os"
)

// A Strictness says what an SLO that the evidence leaves undecided does to its
// subtest. The environment variable LLMPERF_INCONCLUSIVE, set to skip, fail or
// pass, overrides a scenario's: a nightly run sets it to fail. An SLO that was not
// run to its end, and has verdict [NotRun], fails under FailInconclusive, and is
// skipped under the others. So is one that is [Invalid] under SkipInconclusive; a run
// all of whose steps are invalid fails whatever the strictness.
type Strictness string

// The strictnesses.
const (
	SkipInconclusive Strictness = "skip" // the subtest is skipped, and says what would decide it; go test shows skips only with -v
	FailInconclusive Strictness = "fail" // the subtest fails
	PassInconclusive Strictness = "pass" // the subtest passes, and its attribute llmperf.verdict says inconclusive
)

// strictnessEnv overrides a scenario's strictness.
const strictnessEnv = "LLMPERF_INCONCLUSIVE"

func (s Strictness) validate() error {
	switch s {
	case SkipInconclusive, FailInconclusive, PassInconclusive:
		return nil
	}
	return fmt.Errorf("scenario.Strictness is %q: want llmperf.SkipInconclusive, FailInconclusive or PassInconclusive", string(s))
}

// fails reports whether an outcome fails its subtest.
func (s Strictness) fails(o *Outcome) bool {
	undecided := o.Verdict == Inconclusive || o.Verdict == Invalid || o.Verdict == NotRun && !o.toStore
	return o.Verdict == Fail || undecided && s == FailInconclusive
}

// effectiveStrictness is the scenario's strictness, unless the environment says
// otherwise.
func effectiveStrictness(s Strictness) (Strictness, error) {
	text := os.Getenv(strictnessEnv)
	if text == "" {
		return s, nil
	}
	if of := Strictness(text); of.validate() == nil {
		return of, nil
	}
	return s, fmt.Errorf("%s is %q: want skip, fail or pass", strictnessEnv, text)
}
