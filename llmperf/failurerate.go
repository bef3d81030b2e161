package llmperf

import (
	"fmt"

	"llmperf.dev/llmperf/internal/stats"
)

// FailureRateBelow holds where the share of failed requests is below limit:
// FailureRateBelow(0.001) is below 0.1 %. A step refutes it alone; it is proved
// by the requests of all steps in scope together, since to prove less than
// 0.1 % takes 2,995 requests without a failure. The bounds are those of Clopper
// and Pearson (Biometrika 26, 1934).
func FailureRateBelow(limit float64) SLO {
	c := check{name: "failure_rate", want: "failure rate < " + percent(limit), limit: limit}
	if !(limit > 0 && limit < 1) {
		c.err = fmt.Errorf("FailureRateBelow(%v): want a share between 0 and 1, such as 0.001 for 0.1 %%", limit)
		return c
	}
	c.leastRun = func(j judge) int { return stats.RequestsToProve(0, limit, j.run) }
	c.step = func(c check, s *Step, j judge) Outcome {
		shown, strict := s.failures(j.pass), s.failures(halved(j.fail))
		o := c.outcome(s, j.pass, shown, share)
		o.Verdict = Pass
		switch {
		case s.Requests == 0:
			o.Verdict = Inconclusive
		case strict.Low >= limit:
			o.Verdict = Fail
		}
		o.Guard = o.Verdict == Pass && shown.High >= limit
		answered := s.Stats
		answered.Failed -= s.unanswered()
		o.lasts = o.Verdict == Fail && answered.failures(halved(j.fail)).Low >= limit
		o.sentence(fmt.Sprintf("%d of %s requests failed", s.Failed, count(s.Requests)))
		if o.Guard && !c.guard {
			o.more("too few requests in this step to prove it; all steps are judged together in failure_rate of the whole run")
		}
		o.more(failureList(&s.Stats))
		return o
	}
	c.run = func(c check, r *Result, steps []Step, j judge) Outcome {
		pooled := poolFailures(steps, j.run)
		failed := 0
		for i := range steps {
			failed += steps[i].Failed
		}
		o := c.outcome(nil, j.run, pooled, share)
		o.Verdict = verdict(pooled.Interval, poolFailures(steps, halved(j.run)).Interval, limit)
		if pooled.n == 0 {
			o.Verdict = Inconclusive
		}
		o.sentence(fmt.Sprintf("%d of %s requests failed in %s", failed, count(pooled.n), plural(len(steps), "step")))
		if o.Verdict == Inconclusive && pooled.n > 0 {
			o.more(fmt.Sprintf("proved is < %s", percent(roundUpShare(pooled.High))))
			if need := stats.RequestsToProve(failed, limit, j.run); pooled.Estimate < limit && float64(failed) < limit*float64(need) {
				o.more(fmt.Sprintf("with %d failed it takes %s requests to prove < %s: run %s as long", failed, count(need), percent(limit), times(need, pooled.effective)))
			} else {
				o.more("the limit lies within the bounds; more requests narrow them")
			}
			o.more(dependence(pooled))
		}
		return o
	}
	return c
}

// halved is the confidence that leaves half the error: single steps and all of
// them together can each refute a failure rate.
func halved(conf float64) float64 { return 1 - (1-conf)/2 }

// poolFailures is the failure rate of all steps together between its bounds.
func poolFailures(steps []Step, conf float64) evidence {
	failed := 0
	var e evidence
	for i := range steps {
		of := steps[i].failures(conf)
		failed += steps[i].Failed
		e.n += of.n
		e.effective += of.effective
	}
	e.Interval = stats.FailureBoundsEffective(failed, e.n, e.effective, conf)
	return e
}
