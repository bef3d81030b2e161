package llmperf

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// testFlag reports whether a flag of go test is set, such as failfast.
func testFlag(name string) bool {
	f := flag.Lookup("test." + name)
	return f != nil && f.Value.String() == "true"
}

// stoppedByFailFast is the scenario under go test -failfast, which begins no
// further test after one has failed: so no further step after one that has.
func stoppedByFailFast(s Scenario) Scenario {
	if testFlag("failfast") {
		s.Stop = append(slices.Clone(s.Stop), WhenLost)
	}
	return s
}

// sayWhatWasLeftOut names the verdicts that are no subtests, since go test's flags
// left them out, and would have failed theirs. Where none is left, a pass would
// prove nothing; and neither would one of those that are, if none of them is decided:
// a subtest that had failed and is run again must not pass by that.
func sayWhatWasLeftOut(t *testing.T, r *Result) {
	t.Helper()
	left, decided := 0, false
	var failed []string
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		if o.reported {
			decided = decided || o.toStore || o.Verdict == Pass || o.Verdict == Fail || o.Verdict == Inconclusive && r.scenario.Strictness == PassInconclusive
			continue
		}
		if left++; r.scenario.Strictness.fails(o) {
			failed = append(failed, fmt.Sprintf("%s (%s)", o.path(), o.Verdict))
		}
	}
	switch {
	case left == 0:
	case left == len(r.Outcomes):
		t.Errorf("-run, -skip or -failfast left out all of the %d verdicts, so that a pass would prove nothing; their tests are named as in %s/%s", left, t.Name(), r.Outcomes[0].path())
	case !decided:
		t.Errorf("-run, -skip or -failfast chose %d of %d verdicts, none of which is decided, so that a pass would prove nothing: their messages say what would decide them", len(r.Outcomes)-left, len(r.Outcomes))
	case len(failed) > 0:
		t.Logf("-run, -skip or -failfast left out %d of %d verdicts; this test does not fail by them, but would by %s", left, len(r.Outcomes), strings.Join(failed, ", "))
	}
}
