package llmperftest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"llmperf.dev/llmperftest"
)

// A model that reasons before it answers, decodes speculatively, and answers as
// long as it did in production.
func ExampleNewServer() {
	var _ = func(t *testing.T) {
		llm := llmperftest.NewServer(t, llmperftest.Engine{
			MaxBatch:       64,
			Output:         llmperftest.Empirical(12, 80, 85, 240, 310),
			Reasoning:      llmperftest.LogNormal(200, 0.8, 4000),
			TokensPerChunk: 3,
		})
		_ = llm.URL // of Anthropic's and Ollama's APIs; llm.URL + "/v1" of OpenAI's
	}
}

// What can go wrong with a model, by rate, by number and by request. The first
// that strikes a request is the one it gets.
func ExampleServer_Fail() {
	var _ = func(t *testing.T) {
		llm := llmperftest.NewServer(t, llmperftest.Engine{})
		llm.Fail(
			llmperftest.Status(503).Body("<html>no upstream</html>").On(0, 1),
			llmperftest.Status(429).RetryAfter(2*time.Second).Every(50),
			llmperftest.Hang().If(func(r llmperftest.Request) bool { return r.PromptTokens > 1000 }),
			llmperftest.Stall(10, 5*time.Second).If(func(r llmperftest.Request) bool { return r.Model == "large" }),
			llmperftest.SlowHeaders(time.Second).First(3),
			llmperftest.Reset().Rate(0.00001),
			llmperftest.CutMidStream(20).Rate(0.001),
			llmperftest.ErrorEvent(20).Rate(0.001),
		)
	}
}

// What a proxy may do to a stream.
func ExampleFault() {
	var _ = func(t *testing.T) {
		llm := llmperftest.NewServer(t, llmperftest.Engine{})
		for _, fault := range []llmperftest.Fault{
			llmperftest.Buffered(),
			llmperftest.Burst(8),
			llmperftest.WrongType(),
			llmperftest.Malformed(3),
			llmperftest.Misframed(3),
			llmperftest.LongLine(3, 10<<20),
			llmperftest.NoTerminator(),
			llmperftest.TwoTerminators(),
			llmperftest.Empty(),
		} {
			llm.Fail(fault)
			// … and see what the service makes of it
		}
	}
}

// How much of a service's requests is spent in its model.
func ExampleServer_EachCall() {
	var _ = func(t *testing.T) {
		llm := llmperftest.NewServer(t, llmperftest.Engine{})
		inModel := map[string]time.Duration{} // by the request to the service
		llm.EachCall(time.Time{}, func(origin, correlation string, arrived, _, _, ended time.Time) {
			if llmperftest.Correlation(correlation) != llmperftest.Unknown && !ended.IsZero() {
				inModel[origin] += ended.Sub(arrived)
			}
		})
	}
}

// Lengths of recorded answers.
func ExampleEmpirical() {
	lengths := llmperftest.Empirical(10, 20, 90)
	fmt.Println(lengths, "with a mean of", lengths.Mean())
	// Output: Empirical(3 lengths) with a mean of 40
}

// A model whose answers are a word or an essay.
type either struct{ word, essay int }

func (e either) Draw(r *rand.Rand) int {
	if r.IntN(2) == 0 {
		return e.word
	}
	return e.essay
}
func (e either) Mean() float64  { return float64(e.word+e.essay) / 2 }
func (e either) String() string { return fmt.Sprintf("%d or %d", e.word, e.essay) }

// Any distribution of lengths will do.
func ExampleLengths() {
	e := llmperftest.Engine{StepBase: 10 * time.Millisecond, StepPerSequence: time.Microsecond, Output: either{1, 799}}
	fmt.Println(e.Output, "tokens take", e.Latency(1, time.Second).Round(time.Second))
	// Output: 1 or 799 tokens take 4s
}

// How long answers take when users share the engine: the truth that a
// measurement can be held against.
func ExampleEngine_Latency() {
	e := llmperftest.Engine{MaxBatch: 8, StepBase: 10 * time.Millisecond, StepPerSequence: time.Millisecond, Output: llmperftest.Fixed(50)}
	for _, users := range []int{1, 8, 32} {
		fmt.Println(users, e.Latency(users, 200*time.Millisecond).Round(10*time.Millisecond))
	}
	// Output:
	// 1 540ms
	// 8 820ms
	// 32 3.4s
}
