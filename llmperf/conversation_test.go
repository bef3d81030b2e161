package llmperf

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/load"
)

// chat is messages by the user and the assistant in turn.
func chat(texts ...string) (messages []Message) {
	for i, text := range texts {
		messages = append(messages, Message{[]string{"user", "assistant"}[i%2], text})
	}
	return messages
}

func TestAConversationSendsAllThatWasSaid(t *testing.T) {
	heard, res := listen(t, 1, &Conversation{Prompts: PromptTexts("Go on."), Turns: Fixed(3)}, func(c *Call) (string, error) {
		if c.Number() == 4 {
			return "half an ans", errors.New("broken off")
		}
		return yes(c)
	})
	run := res.Started.UnixNano()
	marked := func(n int) string {
		return fmt.Sprintf("[llmperf 0-%d-%08x] Go on.", n, uint64(run)*0x9e3779b97f4a7c15>>32)
	}
	for n, want := range [][]Message{
		chat(marked(0)),
		chat(marked(0), "yes 0-0", "Go on."),
		chat(marked(0), "yes 0-0", "Go on.", "yes 0-1", "Go on."),
		chat(marked(3)),
		chat(marked(3), "yes 0-3", "Go on."), // fails
		chat(marked(5)),
		chat(marked(5), "yes 0-5", "Go on."),
		chat(marked(5), "yes 0-5", "Go on.", "yes 0-6", "Go on."),
		chat(marked(8)),
	} {
		assert.Equal(t, want, heard[fmt.Sprintf("0-%d", n)], "request %d", n)
	}
}

func TestUsersHaveConversationsOfTheirOwn(t *testing.T) {
	heard, _ := listen(t, 5, &Conversation{Prompts: Verbatim(PromptTexts("Go on.")), Turns: Fixed(4)}, yes)
	for user := range 5 {
		for n := range 20 {
			want := chat("Go on.")
			for before := n - n%4; before < n; before++ {
				want = append(want, Message{"assistant", fmt.Sprintf("yes %d-%d", user, before)}, Message{"user", "Go on."})
			}
			require.Equal(t, want, heard[fmt.Sprintf("%d-%d", user, n)], "user %d, request %d", user, n)
		}
	}
}

func TestAFilesOwnTurnsAreAsked(t *testing.T) {
	path := write(t, "talk.json", `[{"conversations": [
		{"from": "system", "value": "Be brief."}, {"from": "human", "value": "One?"}, {"from": "gpt", "value": "1"},
		{"from": "human", "value": "Two?"}, {"from": "gpt", "value": "2"}, {"from": "human", "value": "Three?"}]}]`)
	said := func(texts ...string) []Message {
		return append([]Message{{"system", "Be brief."}}, chat(texts...)...)
	}
	t.Run("as many as there are", func(t *testing.T) {
		heard, _ := listen(t, 1, &Conversation{Prompts: Verbatim(PromptFile(path))}, yes)
		assert.Equal(t, said("One?"), heard["0-0"])
		assert.Equal(t, said("One?", "yes 0-0", "Two?"), heard["0-1"], "the answer is the service's, not the file's")
		assert.Equal(t, said("One?", "yes 0-0", "Two?", "yes 0-1", "Three?"), heard["0-2"])
		assert.Equal(t, said("One?"), heard["0-3"], "and then a new conversation")
	})
	t.Run("at most MaxTurns", func(t *testing.T) {
		heard, _ := listen(t, 1, &Conversation{Prompts: Verbatim(PromptFile(path)), MaxTurns: 2}, yes)
		assert.Equal(t, said("One?", "yes 0-0", "Two?"), heard["0-1"])
		assert.Equal(t, said("One?"), heard["0-2"])
	})
	t.Run("and then fresh ones", func(t *testing.T) {
		heard, _ := listen(t, 1, &Conversation{Prompts: Verbatim(PromptFile(path)), Turns: Fixed(4)}, yes)
		assert.Equal(t, said("One?", "yes 0-0", "Two?", "yes 0-1", "Three?", "yes 0-2", "One?"), heard["0-3"])
		assert.Equal(t, said("One?"), heard["0-4"])
	})
	t.Run("after a shared prefix", func(t *testing.T) {
		heard, _ := listen(t, 1, &Conversation{Prompts: SharedPrefix(3, PromptFile(path))}, yes)
		require.Len(t, heard["0-1"], 4)
		assert.Equal(t, sent(t, SharedPrefix(3, custom{{"system", "Be brief."}}), callOf(1, 0, 0))[0], heard["0-1"][0])
		assert.Regexp(t, `^\[llmperf 0-0-\w{8}\] One\?$`, heard["0-1"][1].Content)
		assert.Equal(t, "Two?", heard["0-1"][3].Content)
	})
	t.Run("of a chat with answers", func(t *testing.T) {
		path := write(t, "talk.jsonl", `{"messages": [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "1"}, {"role": "user", "content": "Two?"}]}`)
		assert.Equal(t, chat("One?", "1", "Two?"), sent(t, Verbatim(PromptFile(path)), callOf(1, 0, 0)), "as one request, with the file's answer")
		heard, _ := listen(t, 1, &Conversation{Prompts: Verbatim(PromptFile(path))}, yes)
		assert.Equal(t, chat("One?"), heard["0-0"])
		assert.Equal(t, chat("One?", "yes 0-0", "Two?"), heard["0-1"])
	})
}

func TestTurnsAreDrawnForEveryConversation(t *testing.T) {
	const users, conversations = 20, 50
	v := &Conversation{Turns: Uniform(1, 8)}
	var turns []int
	for user := range users {
		c := &Call{seed: 1}
		for n := 0; len(turns) < (user+1)*conversations; n++ {
			c.begin(load.Request{User: user, Number: n})
			if len(sent(t, v, c)) == 1 {
				turns = append(turns, 0)
			}
			turns[len(turns)-1]++
			c.Text("yes")
			c.heard(true)
		}
		turns[len(turns)-1] = c.turn.left + 1 // the last has only begun
	}
	assert.Less(t, distance(turns, func(k int) float64 { return float64(min(k, 8)) / 8 }), critical(len(turns)))
}

func TestMessagesAskedForTwiceAreTheSame(t *testing.T) {
	c, v := &Call{seed: 1}, &Conversation{Prompts: PromptTexts("Go on.")}
	for n := range 3 {
		c.begin(load.Request{User: 0, Number: n})
		first := sent(t, v, c)
		assert.Len(t, first, 2*n+1)
		again := sent(t, v, c)
		assert.Equal(t, first, again, "a target that tries again")
		again[0].Content = "changed by a target"
		assert.Equal(t, first, sent(t, v, c))
		c.Text("yes")
		c.heard(true)
	}
}

func TestAUserThatOnceHadTextBearsAnyNumberOfAnswersWithout(t *testing.T) {
	c, v := &Call{seed: 1}, &Conversation{Prompts: Verbatim(PromptTexts("Go on."))}
	for n := range 20 {
		c.begin(load.Request{User: 0, Number: n})
		require.Len(t, sent(t, v, c), map[bool]int{true: 3, false: 1}[n == 1], "request %d", n)
		c.Text(map[bool]string{true: "yes", false: " \n"}[n == 0])
		c.heard(true)
	}
}

func TestTwoConversationsOfAUserAreKeptApart(t *testing.T) {
	c := &Call{seed: 1}
	one, two := &Conversation{Prompts: Verbatim(PromptTexts("One?"))}, &Conversation{Prompts: Verbatim(PromptTexts("Two?"))}
	for n, v := range []*Conversation{one, two, one, two} {
		c.begin(load.Request{User: 0, Number: n})
		messages := sent(t, v, c)
		if n == 2 {
			assert.Equal(t, chat("One?", "answer 0", "One?"), messages)
		}
		if n == 3 {
			assert.Equal(t, chat("Two?", "answer 1", "Two?"), messages)
		}
		c.Text(fmt.Sprint("answer ", n))
		c.heard(true)
	}
}

func TestAnAnswerWithoutTextEndsItsConversation(t *testing.T) {
	heard, res := listen(t, 1, &Conversation{Prompts: Verbatim(PromptTexts("Go on."))}, func(c *Call) (string, error) {
		if c.Number() == 1 {
			return "", nil
		}
		return yes(c)
	})
	assert.Zero(t, res.Total.Failed)
	assert.Len(t, heard["0-1"], 3)
	assert.Equal(t, chat("Go on."), heard["0-2"])
	assert.Len(t, heard["0-3"], 3)
}

func TestAConversationWithATargetThatKeepsNoTextIsNoSuccess(t *testing.T) {
	heard, res := listen(t, 1, &Conversation{}, func(*Call) (string, error) { return "", nil })
	assert.Len(t, heard, 3)
	require.Positive(t, res.Total.Requests)
	assert.Equal(t, res.Total.Requests, res.Total.Failed, "all but the first three, which were not measured")
	assert.Contains(t, res.Total.Examples[0], "the first 3 answers had no text")
}

func TestOnlyTextThatIsSentOnIsAskedFor(t *testing.T) {
	var kept []bool
	listen(t, 1, &Conversation{Turns: Fixed(3)}, func(c *Call) (string, error) {
		kept = append(kept, c.keepText)
		return yes(c)
	})
	assert.Equal(t, []bool{true, true, false, true, true, false}, kept[:6])
}
