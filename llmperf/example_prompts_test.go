package llmperf_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"

	"llmperf.dev/llmperf"
)

// A target that is a function asks prompts for what to send, and says which
// request it sends. The text begins with a marker of the request's origin.
func ExamplePromptTexts() {
	prompts := llmperf.PromptTexts("What is a percentile?")
	send := func(ctx context.Context, c *llmperf.Call) error {
		messages, err := prompts.Messages(c)
		if err != nil {
			return err
		}
		marker, text, _ := strings.Cut(messages[0].Content, "] ")
		fmt.Println(marker == "[llmperf "+c.Origin(), text)
		return nil
	}
	_ = send(context.Background(), new(llmperf.Call))
	// Output: true What is a percentile?
}

// Any client can say which request of the load it sends.
func ExampleCall_Origin() {
	send := func(ctx context.Context, c *llmperf.Call) (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost:8080/ask", nil)
		if err == nil {
			req.Header.Set(llmperf.OriginHeader, c.Origin())
		}
		return req, err
	}
	req, _ := send(context.Background(), new(llmperf.Call))
	user, number, _ := strings.Cut(req.Header.Get("Llmperf-Origin"), "-")
	fmt.Println("user", user, "request", number[:1])
	// Output: user 0 request 0
}

// A prompt file is text with a prompt a line, an OpenAI or ShareGPT-like JSON
// object a line, or an array of such objects.
func ExamplePromptFile() {
	for _, name := range []string{"prompts.txt", "prompts.jsonl", "sharegpt.json"} {
		messages, err := llmperf.PromptFile("../testdata/" + name).Messages(new(llmperf.Call))
		fmt.Println(len(messages) > 0, err)
	}
	_, err := llmperf.PromptFile("../testdata/no such file.txt").Messages(new(llmperf.Call))
	fmt.Println(err != nil)
	// Output:
	// true <nil>
	// true <nil>
	// true <nil>
	// true
}

// Prompts and answers of drawn lengths: here, 8 words and at most 100 tokens.
func ExampleSynthetic() {
	prompts := llmperf.Synthetic{Input: llmperf.Fixed(8), Output: llmperf.Fixed(100)}
	c := new(llmperf.Call)
	messages, err := llmperf.Verbatim(prompts).Messages(c)
	fmt.Println(len(strings.Fields(messages[0].Content)), prompts.MaxTokens(c), err)
	// Output: 8 100 <nil>
}

// Lengths are drawn from a distribution.
func ExampleLengths() {
	r := rand.New(rand.NewPCG(1, 2))
	for _, lengths := range []llmperf.Lengths{
		llmperf.Fixed(200),
		llmperf.Uniform(100, 300),
		llmperf.LogNormal(200, 0.5, 1000), // the median is 200; the mean is higher
		llmperf.Empirical(12, 230, 95, 1500),
	} {
		n := lengths.Draw(r)
		fmt.Printf("%v has a mean of %.0f; a draw is good: %v\n", lengths, lengths.Mean(), n >= 12 && n <= 1500)
	}
	// Output:
	// Fixed(200) has a mean of 200; a draw is good: true
	// Uniform(100, 300) has a mean of 200; a draw is good: true
	// LogNormal(200, 0.5, 1000) has a mean of 227; a draw is good: true
	// Empirical([12 230 95 1500]) has a mean of 459; a draw is good: true
}

// Without the marker, requests that ask the same send the same.
func ExampleVerbatim() {
	messages, err := llmperf.Verbatim(llmperf.PromptTexts("What is a percentile?")).Messages(new(llmperf.Call))
	fmt.Println(messages, err)
	// Output: [{user What is a percentile?}] <nil>
}

// Instructions of 1,000 words that all requests have in common: a server with a
// prefix cache computes them once.
func ExampleSharedPrefix() {
	prompts := llmperf.SharedPrefix(1000, llmperf.PromptTexts("What is a percentile?"))
	messages, err := prompts.Messages(new(llmperf.Call))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(messages[0].Role, len(strings.Fields(messages[0].Content)))
	fmt.Println(messages[1].Role, strings.HasPrefix(messages[1].Content, "[llmperf 0-0-"))
	// Output:
	// system 1000
	// user true
}

// byUser are prompts of one's own: each user asks about its own number.
type byUser struct{}

func (byUser) Messages(c *llmperf.Call) ([]llmperf.Message, error) {
	return []llmperf.Message{{Role: "user", Content: fmt.Sprintf("What is special about the number %d?", c.User())}}, nil
}

// Prompts of one's own have no marker unless asked to.
func ExampleNonce() {
	for _, prompts := range []llmperf.Prompts{byUser{}, llmperf.Nonce(byUser{})} {
		messages, err := prompts.Messages(new(llmperf.Call))
		fmt.Println(strings.HasPrefix(messages[0].Content, "[llmperf 0-0-"), err)
	}
	// Output:
	// false <nil>
	// true <nil>
}

// Conversations of three to six turns: every turn sends all that was said
// before, the service's own answers included.
func ExampleConversation() {
	target := llmperf.OpenAI{
		BaseURL: "http://localhost:8080/v1", Model: "any",
		Prompts: &llmperf.Conversation{
			Prompts: llmperf.PromptFile("../testdata/sharegpt.json"),
			Turns:   llmperf.Uniform(3, 6),
		},
	}
	messages, err := target.Prompts.Messages(new(llmperf.Call))
	fmt.Println(messages[len(messages)-1].Role, err)
	// Output: user <nil>
}
