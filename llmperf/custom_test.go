package llmperf_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

func TestACustomSLOJudgesEveryStepInItsScope(t *testing.T) {
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		s := patterned(answered(100*time.Millisecond, 10*time.Millisecond, 20))(t)
		s.Profile = llmperf.StepProfile{StepUsers: 4, StepTime: 20 * time.Second, MaxUsers: 12}
		return s
	})
	lengthy := llmperf.Custom("tokens_per_answer", func(s llmperf.Step) llmperf.Outcome {
		mean := float64(s.OutputTokens) / float64(s.Succeeded())
		if mean < 15 {
			return llmperf.Outcome{Verdict: llmperf.Fail, Seen: mean, Unit: "tokens"}
		}
		return llmperf.Outcome{Verdict: llmperf.Pass, Seen: mean, Unit: "tokens"}
	})
	var got []string
	for _, o := range res.Check(llmperf.UpTo(8, lengthy)) {
		got = append(got, o.Step+" "+o.Name+" "+string(o.Verdict))
		assert.Equal(t, 20.0, o.Seen)
		assert.Equal(t, res.Steps[len(got)-1].Requests, o.N)
		assert.Equal(t, "tokens_per_answer", o.Want)
		assert.Contains(t, o.Message, "tokens_per_answer at ")
	}
	assert.Equal(t, []string{"users=4 tokens_per_answer pass", "users=8 tokens_per_answer pass"}, got)
}

func TestACustomSLOIsOfOneTargetWithin(t *testing.T) {
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		s := patterned(nil)(t)
		s.Target = llmperf.Mix{
			{Name: "short", Weight: 1, Target: answered(100*time.Millisecond, 0, 5)},
			{Name: "long", Weight: 1, Target: answered(100*time.Millisecond, 0, 50)},
		}
		return s
	})
	o := res.Check(llmperf.OnTarget("long", llmperf.Custom("length", func(s llmperf.Step) llmperf.Outcome {
		return llmperf.Outcome{Verdict: llmperf.Pass, Seen: float64(s.OutputTokens) / float64(s.Requests)}
	})))[0]
	assert.Equal(t, "length_long", o.Name)
	assert.Equal(t, 50.0, o.Seen)
}

func TestACustomSLOKeepsWhatItSays(t *testing.T) {
	said := llmperf.Outcome{
		Name: "cost", Step: "all", Verdict: llmperf.Inconclusive, Want: "cost < 1 ct", Message: "cost 0.9 ct [0.5 ct, 1.2 ct], want < 1 ct",
		Seen: 0.9, Low: 0.5, High: 1.2, Unit: "ct", N: 40, Effective: 20, Confidence: 0.9,
	}
	o := moments(t).Check(llmperf.Custom("cents", func(llmperf.Step) llmperf.Outcome { return said }))[0]
	said.Assert(t)
	for _, of := range []struct{ want, got any }{
		{said.Name, o.Name}, {said.Step, o.Step}, {said.Verdict, o.Verdict}, {said.Want, o.Want}, {said.Message, o.Message},
		{said.Seen, o.Seen}, {said.Low, o.Low}, {said.High, o.High}, {said.Unit, o.Unit}, {said.N, o.N}, {said.Effective, o.Effective}, {said.Confidence, o.Confidence},
	} {
		assert.Equal(t, of.want, of.got)
	}
}

// moments is a short run.
func moments(t *testing.T) *llmperf.Result {
	return virtually(t, func(*testing.T) llmperf.Scenario { return moment })
}

func TestACustomSLOThatPanicsFailsWithThePlace(t *testing.T) {
	o := moments(t).Check(llmperf.Custom("broken", func(s llmperf.Step) llmperf.Outcome {
		return []llmperf.Outcome{}[s.Requests]
	}))[0]
	assert.Equal(t, llmperf.Fail, o.Verdict)
	assert.Contains(t, o.Message, "broken cannot be judged: its function panicked: runtime error: index out of range")
	assert.Contains(t, o.Message, "custom_test.go:")
}

func TestACustomSLOWithoutANumberFails(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		o := moments(t).Check(llmperf.Custom("odd", func(llmperf.Step) llmperf.Outcome {
			return llmperf.Outcome{Verdict: llmperf.Pass, Seen: v}
		}))[0]
		assert.Equal(t, llmperf.Fail, o.Verdict)
		assert.Contains(t, o.Message, "want numbers", "result.json has no word for %v", v)
	}
}

// TestACustomSLOIsReportedAsASubtest of a run that holds its step until it is
// decided, and so asks while the load goes on.
func TestACustomSLOIsReportedAsASubtest(t *testing.T) {
	asked := 0
	res := llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
		s := patterned(answered(100*time.Millisecond, 0, 5))(t)
		s.HoldUntilDecided = true
		return s
	}, llmperf.Custom("enough_answers", func(s llmperf.Step) llmperf.Outcome {
		asked++
		if s.Succeeded() < 600 {
			return llmperf.Outcome{Verdict: llmperf.Inconclusive, Message: "too few answers yet"}
		}
		return llmperf.Outcome{Verdict: llmperf.Pass, Seen: float64(s.Succeeded()), Unit: "answers"}
	}))
	require.Len(t, res.Outcomes, 1)
	assert.Equal(t, llmperf.Pass, res.Outcomes[0].Verdict)
	assert.Equal(t, 960, res.Steps[0].Requests, "held to twice its length, for which there were 480")
	assert.Equal(t, 3, asked, "twice while the load went on, and for the report")
}
