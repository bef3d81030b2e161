package llmperf

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// custom are prompts of a user's own.
type custom []Message

func (m custom) Messages(*Call) ([]Message, error) { return m, nil }

func TestEveryRequestOfThisPackagesPromptsBeginsWithItsOrigin(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prompts Prompts
	}{
		{"default prompts", nil},
		{"texts", PromptTexts("Hello", "Good morning")},
		{"file", PromptFile("../testdata/prompts.jsonl")},
		{"synthetic", Synthetic{Input: Fixed(4)}},
		{"someone's own, marked", Nonce(custom{{"system", "Be brief."}, {"user", "Hello"}})},
		{"conversation", &Conversation{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := map[string]bool{}
			for user := range 20 {
				for n := range 20 {
					c := callOf(1, user, n)
					messages, _, err := c.ask(tt.prompts, 0)
					require.NoError(t, err)
					marker, text, ok := strings.Cut(messages[0].Content, "] ")
					require.True(t, ok, messages[0].Content)
					require.Equal(t, "[llmperf "+c.Origin(), marker)
					require.Regexp(t, regexp.MustCompile(fmt.Sprintf(`^\[llmperf %d-%d-[0-9a-f]{8}$`, user, n)), marker)
					require.NotEmpty(t, text)
					require.False(t, seen[marker], "no two requests begin alike")
					seen[marker] = true
				}
			}
		})
	}
}

func TestTheSystemMessageIsMarkedWhereItComesFirst(t *testing.T) {
	c := callOf(1, 0, 0)
	assert.Equal(t, []Message{{"system", "[llmperf " + c.Origin() + "] Be brief."}, {"user", "Hello"}},
		sent(t, Nonce(custom{{"system", "Be brief."}, {"user", "Hello"}}), c))
}

func TestVerbatimPromptsAreSentAsTheyAre(t *testing.T) {
	for range 2 {
		assert.Equal(t, []Message{{"user", "Hello"}}, sent(t, Verbatim(PromptTexts("Hello")), callOf(1, 0, 0)))
	}
	assert.Equal(t, []Message{{"user", "Hello"}}, sent(t, custom{{"user", "Hello"}}, callOf(1, 0, 0)), "as are prompts of one's own")
	assert.NotContains(t, sent(t, Verbatim(nil), callOf(1, 0, 0))[0].Content, "llmperf")
}

func TestPromptsAreNotChangedByBeingSent(t *testing.T) {
	theirs := custom{{"system", "Be brief."}, {"user", "Hello"}}
	texts := PromptTexts("Hello")
	for n := range 3 {
		sent(t, SharedPrefix(5, Nonce(theirs)), callOf(1, 0, n))
		sent(t, Nonce(theirs), callOf(1, 0, n))
		sent(t, texts, callOf(1, 0, n))[0].Content = "changed by a target"
		sent(t, Verbatim(texts), callOf(1, 0, n))[0].Content = "changed by a target"
	}
	assert.Equal(t, custom{{"system", "Be brief."}, {"user", "Hello"}}, theirs)
	assert.Equal(t, []Message{{"user", "Hello"}}, sent(t, Verbatim(texts), callOf(1, 0, 0)))
}

func TestASharedPrefixComesBeforeAllThatDiffers(t *testing.T) {
	prefix := sent(t, SharedPrefix(50, nil), callOf(1, 0, 0))[0]
	require.Equal(t, "system", prefix.Role)
	require.Len(t, strings.Fields(prefix.Content), 50)
	c := callOf(2, 5, 7)
	marker := "[llmperf " + c.Origin() + "] "
	for _, tt := range []struct {
		name    string
		prompts Prompts
		want    []Message
	}{
		{"text", PromptTexts("Hello"), []Message{prefix, {"user", marker + "Hello"}}},
		{"verbatim", Verbatim(PromptTexts("Hello")), []Message{prefix, {"user", "Hello"}}},
		{"someone's own", custom{{"user", "Hello"}}, []Message{prefix, {"user", "Hello"}}},
		{"with a system message", Nonce(custom{{"system", "Be brief."}, {"user", "Hello"}}),
			[]Message{{"system", prefix.Content + "\n\nBe brief."}, {"user", marker + "Hello"}}},
		{"with a developer's message", Nonce(custom{{"developer", "Be brief."}, {"user", "Hello"}}),
			[]Message{prefix, {"developer", "Be brief."}, {"user", marker + "Hello"}}},
		{"of the system alone", Nonce(custom{{"system", "Be brief."}}), []Message{prefix, {"system", marker + "Be brief."}}},
		{"without a user", Nonce(custom{{"developer", "Be brief."}}), []Message{prefix, {"developer", marker + "Be brief."}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, sent(t, SharedPrefix(50, tt.prompts), c))
		})
	}
	assert.Equal(t, []Message{prefix, {"user", "Hello"}}, sent(t, Verbatim(SharedPrefix(50, PromptTexts("Hello"))), c))
	assert.Equal(t, []Message{prefix, {"user", marker + "Hello"}}, sent(t, Nonce(SharedPrefix(50, PromptTexts("Hello"))), c))
}

// A listener is a target that writes down what it is sent and answers after
// 10 ms, with text where that is wanted.
type listener struct {
	prompts Prompts
	answer  func(c *Call) (string, error)

	mu    sync.Mutex
	heard map[string][]Message // by user and number
}

func (l *listener) Send(ctx context.Context, c *Call) error {
	messages, _, err := c.ask(l.prompts, 0)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.heard[fmt.Sprintf("%d-%d", c.User(), c.Number())] = messages
	l.mu.Unlock()
	time.Sleep(10 * time.Millisecond)
	text, err := l.answer(c)
	if c.keepText {
		c.answer = append(c.answer, text...)
	}
	return err
}

// listen runs a second of load in virtual time.
func listen(t *testing.T, users int, prompts Prompts, answer func(c *Call) (string, error)) (heard map[string][]Message, res *Result) {
	t.Helper()
	l := &listener{prompts: prompts, answer: answer, heard: map[string][]Message{}}
	synctest.Test(t, func(t *testing.T) {
		var err error
		res, err = Measure(t.Context(), Scenario{
			Target: l, Profile: StepProfile{StepUsers: users, StepTime: time.Second, MaxUsers: users}, Warmup: NoWarmup, Think: Constant(10 * time.Millisecond),
		})
		require.NoError(t, err)
	})
	return l.heard, res
}

// yes answers with the request's user and number.
func yes(c *Call) (string, error) { return fmt.Sprintf("yes %d-%d", c.User(), c.Number()), nil }

func TestASeedRepeatsEveryText(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prompts func() Prompts
	}{
		{"default prompts", func() Prompts { return nil }},
		{"file", func() Prompts { return PromptFile("../testdata/sharegpt.json") }},
		{"synthetic", func() Prompts { return SharedPrefix(20, Synthetic{Input: LogNormal(20, 0.5, 100)}) }},
		{"conversation", func() Prompts {
			return &Conversation{Prompts: Synthetic{Input: Uniform(2, 9)}, Turns: Uniform(1, 5)}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first, _ := listen(t, 3, tt.prompts(), yes)
			again, _ := listen(t, 3, tt.prompts(), yes)
			require.Greater(t, len(first), 100)
			assert.Equal(t, first, again)
		})
	}
}
