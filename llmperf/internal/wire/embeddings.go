package wire

import (
	"encoding/base64"
	"fmt"
)

// ParseEmbeddings decodes the answer of an OpenAI embeddings API into c, whose former content is lost; Content says that every embedding
// has numbers in it, as a list or as a text in base64. An error in band is no error of ParseEmbeddings: it is in c.Error. What is not
// JSON, has neither data nor an error, or has data that is no embedding, is ErrMalformed.
func ParseEmbeddings(data []byte, c *Chunk) error {
	c.reset()
	hasData, failed := false, false
	embeddings, empty := 0, 0
	s := Scan(data)
	if s.Object() {
		for s.Member() {
			switch string(s.Key()) {
			case "data":
				hasData = true
				if !enterArray(&s, "data is no array") {
					continue
				}
				for s.Element() {
					embeddings++
					if !readEmbedding(&s) {
						empty++
					}
				}
			case "usage":
				c.readUsage(&s)
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
	case !hasData:
		return fmt.Errorf("%w: embeddings without data or error: %s", ErrMalformed, excerpt(data))
	}
	c.Content, c.Complete = embeddings > 0 && empty == 0, true
	return nil
}

// readEmbedding says whether the current value is an object whose embedding is not empty.
func readEmbedding(s *Scanner) (filled bool) {
	start := s.pos
	if !s.Object() {
		s.fail(start, "an element of data is no object")
		return false
	}
	found := false
	for s.Member() {
		if string(s.Key()) == "embedding" {
			found = true
			filled = readVector(s)
		}
	}
	if !found {
		s.fail(start, "an element of data has no embedding")
	}
	return filled
}

// readVector says whether the current value, a list of numbers or a text in base64, has any.
func readVector(s *Scanner) (filled bool) {
	start := s.pos
	switch s.Kind() {
	case '[':
		s.Array()
		for s.Element() {
			filled = true
			if s.Kind() != '0' {
				s.fail(s.pos, "an embedding has something else than numbers")
			}
		}
		return filled
	case '"':
		text := word(s.Value())
		if _, err := base64.StdEncoding.Decode(make([]byte, base64.StdEncoding.DecodedLen(len(text))), text); err != nil {
			s.fail(start, "an embedding is a text that is not base64")
		}
		return len(text) > 0
	}
	s.fail(start, "an embedding is neither a list nor a text")
	return false
}
