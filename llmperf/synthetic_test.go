package llmperf

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/load"
)

// callOf is a user's n-th request.
func callOf(seed uint64, user, n int) *Call {
	c := &Call{seed: seed, run: runOf(load.Clock{})}
	c.begin(load.Request{User: user, Number: n, Row: noRow})
	return c
}

// sent is what prompts send for a call.
func sent(t testing.TB, p Prompts, c *Call) []Message {
	t.Helper()
	messages, err := p.Messages(c)
	require.NoError(t, err)
	require.NotEmpty(t, messages)
	return messages
}

func TestSyntheticPromptsHaveTheLengthsAskedFor(t *testing.T) {
	const users, numbers = 40, 100
	prompts := Synthetic{Input: LogNormal(60, 0.7, 500), Output: Uniform(1, 200)}
	var inputs, outputs []int
	for user := range users {
		for n := range numbers {
			c := callOf(1, user, n)
			messages := sent(t, Verbatim(prompts), c)
			require.Len(t, messages, 1)
			require.Equal(t, "user", messages[0].Role)
			inputs = append(inputs, len(strings.Fields(messages[0].Content)))
			outputs = append(outputs, prompts.MaxTokens(c))
		}
	}
	assert.Less(t, distance(inputs, logNormalCDF(60, 0.7, 500)), critical(len(inputs)))
	assert.Less(t, distance(outputs, func(k int) float64 { return float64(min(k, 200)) / 200 }), critical(len(outputs)))
	assert.Less(t, math.Abs(correlation(inputs, outputs)), 3/math.Sqrt(float64(len(inputs))), "a long prompt has no longer answer than a short one")
}

// correlation is Pearson's.
func correlation(x, y []int) float64 {
	var sx, sy, sxx, syy, sxy float64
	for i := range x {
		a, b := float64(x[i]), float64(y[i])
		sx, sy, sxx, syy, sxy = sx+a, sy+b, sxx+a*a, syy+b*b, sxy+a*b
	}
	n := float64(len(x))
	return (n*sxy - sx*sy) / math.Sqrt((n*sxx-sx*sx)*(n*syy-sy*sy))
}

func TestTheLimitIsTheSameWheneverItIsAskedFor(t *testing.T) {
	prompts := Synthetic{Input: Uniform(1, 50), Output: Uniform(1, 1000)}
	want := prompts.MaxTokens(callOf(1, 3, 14))
	c := callOf(1, 3, 14)
	sent(t, prompts, c)
	sent(t, prompts, c)
	assert.Equal(t, want, prompts.MaxTokens(c), "after the messages were made, twice")
	assert.Equal(t, want, prompts.MaxTokens(c), "asked again")
	assert.NotEqual(t, want, prompts.MaxTokens(callOf(2, 3, 14)), "another seed")
}

func TestTheLimitOfSyntheticPromptsReachesTheTarget(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prompts Prompts
		want    int
	}{
		{"of its own", Synthetic{Input: Fixed(3), Output: Fixed(70)}, 70},
		{"none of its own", Synthetic{Input: Fixed(3)}, 10},
		{"verbatim", Verbatim(Synthetic{Input: Fixed(3), Output: Fixed(70)}), 70},
		{"with a shared prefix", SharedPrefix(5, Synthetic{Input: Fixed(3), Output: Fixed(70)}), 70},
		{"marked again", Nonce(Synthetic{Input: Fixed(3), Output: Fixed(70)}), 70},
		{"in a conversation", &Conversation{Prompts: Synthetic{Input: Fixed(3), Output: Fixed(70)}}, 70},
		{"texts", PromptTexts("Hello"), 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, limit, err := callOf(1, 0, 0).ask(tt.prompts, 10)
			require.NoError(t, err)
			assert.Equal(t, tt.want, limit)
		})
	}
}

func TestBadPromptsAreRefusedBeforeLoad(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prompts Prompts
		want    []string
	}{
		{"no input", Synthetic{Output: Fixed(5)}, []string{"Synthetic.Input is nil", "llmperf.Fixed(200)"}},
		{"two bad lengths", Synthetic{Input: Fixed(-5), Output: Uniform(5, 1)}, []string{"Synthetic.Input is Fixed(-5)", "Synthetic.Output is Uniform(5, 1)"}},
		{"verbatim nothing", Verbatim(PromptTexts()), []string{"PromptTexts has no texts"}},
		{"prefix of nothing", SharedPrefix(10, PromptTexts()), []string{"PromptTexts has no texts"}},
		{"no prefix", SharedPrefix(0, nil), []string{"SharedPrefix(0, …)", "1 to 1,000,000 words"}},
		{"endless prefix", SharedPrefix(1<<40, nil), []string{"SharedPrefix(1099511627776, …)", "1 to 1,000,000 words"}},
		{"bad prompts of a conversation", &Conversation{Prompts: Synthetic{}}, []string{"Synthetic.Input is nil"}},
		{"negative turns", &Conversation{MaxTurns: -1}, []string{"Conversation.MaxTurns is -1", "or 0 for 20"}},
		{"bad turns", &Conversation{Turns: Fixed(0)}, []string{"Conversation.Turns is Fixed(0)"}},
		{"turns above their maximum", &Conversation{Turns: Fixed(30)}, []string{"Conversation.Turns is Fixed(30)", "MaxTurns is 20", "raise MaxTurns"}},
		{"conversation wrapped", Verbatim(&Conversation{}), []string{"wrap its Prompts instead", "&llmperf.Conversation{Prompts: llmperf.Verbatim(…)}"}},
		{"conversation in a conversation", &Conversation{Prompts: &Conversation{}}, []string{"wrap its Prompts instead"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := OpenAI{BaseURL: "http://localhost/v1", Model: "m", Prompts: tt.prompts}.validate()
			_, asked := tt.prompts.Messages(callOf(1, 0, 0))
			require.Error(t, asked, "a target of a user's own, which validates nothing, is told too")
			for _, want := range append(tt.want, "OpenAI.Prompts: ") {
				assert.ErrorContains(t, err, want)
			}
			for _, want := range tt.want {
				assert.ErrorContains(t, asked, want)
			}
		})
	}
}
