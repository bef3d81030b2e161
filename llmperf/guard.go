package llmperf

import "errors"

// Guard weakens SLOs to what little evidence can hold: they fail only on proof
// that they are violated, and pass otherwise, as "NOT REFUTED". It suits short
// runs, which could never prove the SLOs themselves. What was never measured
// still does not pass.
func Guard(slos ...SLO) SLO { return guarded(slos) }

type guarded []SLO

func (g guarded) checks() []check {
	all := weakened(SLOs(g).checks())
	if len(all) == 0 {
		return []check{{name: "guard", err: errors.New("Guard() holds no SLO: give it at least one")}}
	}
	return all
}

// weakened are checks that only a refutation fails.
func weakened(checks []check) []check {
	for i := range checks {
		checks[i].guard = true
		checks[i].leastStep, checks[i].leastRun = nil, nil
	}
	return checks
}
