package llmperf

import (
	"errors"
	"math/rand/v2"
	"strings"
)

// Synthetic makes prompts of random words, of lengths drawn for every request:
//
//	llmperf.OpenAI{…, Prompts: llmperf.Synthetic{
//		Input:  llmperf.LogNormal(200, 0.8, 4000),
//		Output: llmperf.Uniform(50, 300),
//	}}
//
// The words are short and common, so that each is about one token to most
// models; [Result] has the server's own count of the prompt tokens, where it
// sends one. The marker, some fifteen tokens, comes on top (see [Nonce]). A model may
// end its answer before the limit: to nonsense, many do.
type Synthetic struct {
	Input  Lengths // words of each prompt; required
	Output Lengths // each request's limit of output tokens; nil leaves it to the target
}

func (s Synthetic) validate() error {
	if s.Input == nil {
		return errors.New("Synthetic.Input is nil: want the words of each prompt, such as llmperf.Fixed(200)")
	}
	err := validateLengths("Synthetic.Input", s.Input)
	if s.Output != nil {
		err = errors.Join(err, validateLengths("Synthetic.Output", s.Output))
	}
	return err
}

func (s Synthetic) entry(c *Call) (entry, error) {
	r := c.Rand()
	return entryOfText(randomWords(r, drawLength(s.Input, r))), nil
}

// Messages makes one user message.
func (s Synthetic) Messages(c *Call) ([]Message, error) { return messagesOf(s, c) }

// MaxTokens draws the request's limit of output tokens. It is the same whenever
// it is asked for.
func (s Synthetic) MaxTokens(c *Call) int {
	if s.Output == nil {
		return 0
	}
	return drawLength(s.Output, c.stream(streamLimit))
}

// vocabulary is what synthetic text is made of.
var vocabulary = strings.Fields(`
	air arm art back ball bank bed bird black blue boat body book box bread bridge bring call car case
	chair change child city class clear cold color corn day deep door draw dream dry earth east eye face
	fall farm field fire fish floor food foot game garden glass gold grass green ground hand head heart
	hill home hope horse house ice iron island key king lake land leaf letter light line long market
	milk mind moon morning mountain music name night north ocean open page paper park part path people
	picture place plan plant point power rain red rest river road rock room rule sand school sea season
	ship side silver sky sleep small snow song south space spring square star stone story street summer
	sun table tea time town train tree turn voice walk wall watch water way west wheel white wind window
	winter wood word work world year yellow young
`)

// randomWords is a text of n words.
func randomWords(r *rand.Rand, n int) string {
	var text strings.Builder
	for i := range n {
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(vocabulary[r.IntN(len(vocabulary))])
	}
	return text.String()
}
