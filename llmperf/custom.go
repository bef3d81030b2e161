package llmperf

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Custom is an SLO of your own, judged step by step: f says what the figures of
// a step prove. The name is that of its tests: of letters, digits, '-', '_' and
// '.'.
//
// f sets the Outcome's Verdict, and says in Message what was wanted and what was
// seen. A Name, Step or Want that it leaves empty is filled in, as is N, with the
// step's requests. With a Unit of its own, such as "tokens", Seen, Low and High
// are shown in that. Figures of a few hundred requests are uncertain: claim a
// Pass or a Fail where the evidence bears it, and otherwise say Inconclusive.
//
// f may be called more than once for a step, also while the load goes on, and
// must depend on the step alone. An outcome without a verdict, or with a figure
// that is no number, is reported as a failure that says so, and so is a panic.
func Custom(name string, f func(Step) Outcome) SLO {
	c := check{name: name, want: name}
	switch {
	case !partName.MatchString(name):
		c.err = fmt.Errorf("Custom(%q, …): want a name of letters, digits, '-', '_' and '.', such as \"tokens_per_answer\", since it becomes a test's", name)
	case f == nil:
		c.err = fmt.Errorf("Custom(%q, nil): want a function that judges a step", name)
	}
	c.step = func(c check, s *Step, _ judge) Outcome {
		if s.Requests == 0 {
			return refused(c, s.Name, "no request was measured")
		}
		o, err := judgedBy(f, *s)
		if err != nil {
			return refused(c, s.Name, redactText(err.Error(), c.secrets))
		}
		o.at, o.guarded, o.unbounded = s.Load.String(), c.guard, o.High == 0
		o.wordy = o.Unit == "" && o.Seen == 0 && o.Low == 0 && o.High == 0
		o.Name, o.Step, o.Want = orDefault(o.Name, c.name), orDefault(o.Step, s.Name), orDefault(o.Want, c.want)
		o.Want, o.Message = redactText(o.Want, c.secrets), redactText(o.Message, c.secrets)
		o.N = orDefault(o.N, s.Requests)
		o.Effective = orDefault(o.Effective, o.N)
		said := strings.ToUpper(string(o.Verdict))
		if c.guard && o.Verdict == Inconclusive {
			o.Verdict, o.Guard, said = Pass, true, "NOT REFUTED"
		}
		if o.Message == "" {
			o.Message = fmt.Sprintf("%s at %s: %s", c.name, o.at, said)
		} else if o.Guard {
			o.more(said)
		}
		return o
	}
	return c
}

// judgedBy is what f makes of a step.
func judgedBy(f func(Step) Outcome, s Step) (o Outcome, err error) {
	switch wrong := try(func() { o = f(s) }); {
	case wrong == nil:
		return o, o.validate()
	case wrong.stack == "":
		return o, fmt.Errorf("its function %w: return an Outcome whose Verdict is Fail instead", wrong)
	default:
		return o, fmt.Errorf("its function %w", wrong)
	}
}

// validate says what is wrong with an outcome of a user's own.
func (o *Outcome) validate() error {
	switch o.Verdict {
	case Pass, Fail, Inconclusive:
	case "":
		return errors.New("its function returned an Outcome without a Verdict: set llmperf.Pass, Fail or Inconclusive")
	default:
		return fmt.Errorf("its function returned the Verdict %q: want llmperf.Pass, Fail or Inconclusive", o.Verdict)
	}
	if o.Name != "" && !partName.MatchString(o.Name) {
		return fmt.Errorf("its function returned the Name %q: want letters, digits, '-', '_' and '.', since it becomes a test's, or none", o.Name)
	}
	for _, v := range []float64{o.Seen, o.Low, o.High, o.Confidence} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("its function returned a figure of %v: want numbers, and 0 for a bound that there is none of", v)
		}
	}
	return nil
}
