package wire

import "fmt"

// ParseOllama decodes one line of a stream of Ollama's APIs, chat or generate, into c, whose former content is lost. An error in band is no error of ParseOllama: it is in c.Error. What is no object, or has neither output nor
// an end nor an error, is ErrMalformed.
func ParseOllama(data []byte, c *Chunk) error {
	c.reset()
	known, failed := false, false
	s := Scan(data)
	if s.Object() {
		for s.Member() {
			switch string(s.Key()) {
			case "message":
				known = true
				c.readOutput(&s)
			case "response":
				known = true
				c.readText(&s, &c.Content)
			case "thinking":
				c.readText(&s, &c.Reasoning)
			case "done":
				known = true
				c.Complete = string(s.Value()) == "true"
			case "done_reason":
				c.Finish = finish(s.Value())
			case "prompt_eval_count":
				c.readCount(&s, &c.Usage.Prompt)
			case "eval_count":
				c.readCount(&s, &c.Usage.Completion)
			case "error":
				failed = failed || IsError(s.Value())
			}
		}
	}
	if err := s.End(); err != nil {
		return err
	}
	switch {
	case failed:
		c.Error = ParseError(data)
	case !known:
		return fmt.Errorf("%w: a line without message, response, done or error: %s", ErrMalformed, excerpt(data))
	}
	return nil
}

// ParseOllamaAnswer decodes a whole answer of Ollama's APIs, one that was not streamed, which is such a line. One that does not say done is
// ErrTruncated.
func ParseOllamaAnswer(data []byte, c *Chunk) error {
	if err := ParseOllama(data, c); err != nil {
		return err
	}
	if c.Error == nil && !c.Complete {
		return fmt.Errorf("%w: an answer that does not say done: %s", ErrTruncated, excerpt(data))
	}
	return nil
}
