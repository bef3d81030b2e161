package llmperf

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// Conversation makes each user's requests conversations. The first turn of one
// sends what Prompts ask; every later turn sends all that was said so far, the
// answers that the service really gave included, and the user's next message:
// the prompt's own next one, where a [PromptFile] has several user turns, and
// else a fresh prompt. When a conversation has had its turns, or a request of it
// fails, the user begins another.
//
//	llmperf.OpenAI{…, Prompts: &llmperf.Conversation{
//		Prompts: llmperf.PromptFile("testdata/sharegpt.json"),
//	}}
//
// The marker stands in the first message only and stays the same (see [Nonce]): a
// prefix cache may answer for a conversation's own past, as it does in life, and
// for nothing else. Of an answer its text is kept, neither reasoning nor tool
// calls; a conversation ends at an answer without text. A TargetFunc, or the
// Tokens of [HTTP], says with [Call.Text] what the text is, the TextPath of HTTP
// finds it, and the other targets know it.
type Conversation struct {
	Prompts Prompts // what conversations begin with; by default one of a few general questions

	// Turns is the number of requests of each conversation, drawn when it begins.
	// The default is the prompt's own user turns, where it has several, and else
	// 5.
	Turns Lengths

	MaxTurns int // no conversation has more turns, so that its context stays bounded; default 20
}

const (
	defaultTurns    = 5
	defaultMaxTurns = 20
	mostMute        = 3 // answers without text that a user bears who has never had one with
)

// A dialogue is a user's conversation as far as it has got.
type dialogue struct {
	said  []Message // all that was said, or is being said
	later []string  // what the user has still to say of its own
	left  int       // turns to come, the one in flight included
	mute  int       // answers without text, before the first with
	spoke bool      // an answer had text
}

func (v *Conversation) validate() error {
	var errs []error
	prompts := wrapped{orDefaultPrompts(v.Prompts)}
	if err := prompts.validate(); err != nil {
		errs = append(errs, err)
	}
	if v.MaxTurns < 0 {
		errs = append(errs, fmt.Errorf("Conversation.MaxTurns is %d: want the turns of the longest conversation, or 0 for %d", v.MaxTurns, defaultMaxTurns))
	}
	if v.Turns != nil {
		if err := validateLengths("Conversation.Turns", v.Turns); err != nil {
			errs = append(errs, err)
		} else if mean := v.Turns.Mean(); v.MaxTurns >= 0 && mean > float64(v.maxTurns()) {
			errs = append(errs, fmt.Errorf("Conversation.Turns is %v, and MaxTurns is %d: raise MaxTurns, or ask for fewer turns", v.Turns, v.maxTurns()))
		}
	}
	return errors.Join(errs...)
}

func (v *Conversation) maxTurns() int { return orDefault(v.MaxTurns, defaultMaxTurns) }

// MaxTokens is the limit that the prompts set.
func (v *Conversation) MaxTokens(c *Call) int { return maxTokensOf(v.Prompts, c) }

// Messages goes on with the user's conversation, or begins a new one.
func (v *Conversation) Messages(c *Call) ([]Message, error) {
	if err := v.validate(); err != nil {
		return nil, err
	}
	d := c.dialogues[v]
	if d == nil {
		d = new(dialogue)
		if c.dialogues == nil {
			c.dialogues = map[*Conversation]*dialogue{}
		}
		c.dialogues[v] = d
	}
	if c.turn != d {
		if err := v.advance(c, d); err != nil {
			d.left = 0
			return nil, err
		}
		c.turn, c.keepText = d, d.left > 1
	}
	return slices.Clone(d.said), nil
}

// advance lets the user say the next thing.
func (v *Conversation) advance(c *Call, d *dialogue) error {
	if d.mute >= mostMute && !d.spoke {
		return fmt.Errorf("the first %d answers had no text that a Conversation could go on with: the target must keep the text of answers, as OpenAI does, and the limit of output tokens must leave room for it after the reasoning", d.mute)
	}
	if d.left > 0 && len(d.later) > 0 {
		d.said = append(d.said, Message{Role: "user", Content: d.later[0]})
		d.later = d.later[1:]
		return nil
	}
	e, err := entryOf(orDefaultPrompts(v.Prompts), c)
	if err != nil {
		return err
	}
	if len(e.messages) == 0 {
		return errors.New("the prompts of a Conversation returned no messages")
	}
	if d.left > 0 {
		d.said = append(d.said, Message{Role: "user", Content: e.question()})
		return nil
	}
	d.said, d.later, d.left = e.marked(c)[:e.opening], e.later, min(v.turns(c, e), v.maxTurns())
	return nil
}

// turns is how many turns a conversation has that begins with e.
func (v *Conversation) turns(c *Call, e entry) int {
	switch {
	case v.Turns != nil:
		return drawLength(v.Turns, c.stream(streamTurns))
	case len(e.later) > 0:
		return 1 + len(e.later)
	}
	return defaultTurns
}

// heard ends the request's turn of a conversation, if it is one.
func (c *Call) heard(ok bool) {
	d := c.turn
	if d == nil {
		return
	}
	d.left--
	switch {
	case !ok:
		d.left = 0
	case d.left == 0:
	case len(bytes.TrimSpace(c.answer)) == 0:
		d.left = 0
		d.mute++
	default:
		d.spoke = true
		d.said = append(d.said, Message{Role: "assistant", Content: string(c.answer)})
	}
}
