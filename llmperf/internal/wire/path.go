package wire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Path leads to values in a JSON document: the names of members and the numbers of elements, from the outside in. [ParsePath] makes one.
type Path []step

type step struct {
	name  string // of an object's member
	index int    // of an array's element; -1 if name is no number
	any   bool   // any element
}

// ParsePath parses a path such as "choices.0.delta.content": members by name, array elements by number from 0, or * for any element, joined
// by dots. A name with a dot in it can't be written.
func ParsePath(text string) (Path, error) {
	if text == "" {
		return nil, errors.New("the path is empty")
	}
	if strings.HasPrefix(text, "$") || strings.ContainsAny(text, "[]") {
		return nil, errors.New("it looks like JSONPath: leave out $, and write elements as members")
	}
	var path Path
	for part := range strings.SplitSeq(text, ".") {
		if part == "" {
			return nil, errors.New("a part between dots is empty")
		}
		next := step{name: part, index: -1, any: part == "*"}
		if strings.Trim(part, "0123456789") == "" {
			n, err := strconv.Atoi(part)
			if err != nil {
				return nil, fmt.Errorf("%s is too large a number", part)
			}
			next.index = n
		}
		path = append(path, next)
	}
	if len(path) > maxDepth {
		return nil, fmt.Errorf("it has %d parts, and JSON may nest %d deep", len(path), maxDepth)
	}
	return path, nil
}

// Find says whether data has something at the path: a string that is not empty, a number, or an object or array with anything in it; not
// true, false and null. Strings and numbers found are appended to text, strings decoded, unless it is nil. What is not JSON is
// ErrMalformed.
func (p Path) Find(data []byte, text *[]byte) (found bool, err error) {
	s := Scan(data)
	found = p.find(&s, text)
	if err := s.End(); err != nil {
		return false, err
	}
	return found, nil
}

func (p Path) find(s *Scanner, text *[]byte) (found bool) {
	if len(p) == 0 {
		return something(s, text)
	}
	switch {
	case s.Object():
		for s.Member() {
			if string(s.Key()) == p[0].name && p[1:].find(s, text) {
				found = true
			}
		}
	case s.Array():
		for i := 0; s.Element(); i++ {
			if (p[0].any || p[0].index == i) && p[1:].find(s, text) {
				found = true
			}
		}
	}
	return found
}

// something says whether the current value is something.
func something(s *Scanner, text *[]byte) bool {
	switch s.Kind() {
	case '"':
		value := s.Value()
		if value == nil || IsEmptyString(value) {
			return false
		}
		if text != nil {
			*text = appendText(*text, value)
		}
		return true
	case '0':
		if value := s.Value(); text != nil {
			*text = append(*text, value...)
		}
		return true
	case '{':
		filled := false
		s.Object()
		for s.Member() {
			filled = true
		}
		return filled
	case '[':
		filled := false
		s.Array()
		for s.Element() {
			filled = true
		}
		return filled
	}
	return false
}
