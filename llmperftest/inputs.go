package llmperftest

import (
	"errors"
	"fmt"
)

// An input is one of the texts of a request that may have several, or the
// tokens of one.
type input struct {
	text   string
	tokens []float64 // in place of text
}

// addTo makes the input part of what is asked.
func (i input) addTo(q *ask) {
	if i.tokens == nil {
		q.prompt = append(q.prompt, i.text)
	}
	q.tokens += len(i.tokens)
}

// maxInputs is how many inputs a request may have.
const maxInputs = 2048

// inputsOf reads what OpenAI takes as input: a text, several, the tokens of one,
// or those of several.
func inputsOf(value any) ([]input, error) {
	elements, several := value.([]any)
	if !several {
		elements = []any{value}
	}
	if several && len(elements) > 0 {
		if _, number := elements[0].(float64); number {
			elements = []any{value}
		}
	}
	if len(elements) == 0 || len(elements) > maxInputs {
		return nil, fmt.Errorf("there are %d: want from 1 to %d", len(elements), maxInputs)
	}
	inputs := make([]input, len(elements))
	for i, element := range elements {
		switch v := element.(type) {
		case string:
			if v == "" {
				return nil, errors.New("a text is empty")
			}
			inputs[i].text = v
		case []any:
			for _, token := range v {
				n, ok := token.(float64)
				if !ok {
					return nil, errors.New("a token is not a number")
				}
				inputs[i].tokens = append(inputs[i].tokens, n)
			}
			if len(v) == 0 {
				return nil, errors.New("there is one without tokens")
			}
		default:
			return nil, errors.New("want text, tokens, or an array of either")
		}
	}
	return inputs, nil
}
