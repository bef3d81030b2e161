package push

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// validate refuses what net/http refuses before it sends anything.
func validate(req *http.Request) error {
	switch {
	case req.URL == nil:
		return errors.New("http: nil Request.URL")
	case req.Header == nil:
		return errors.New("http: nil Request.Header")
	case req.URL.Scheme != "http":
		return fmt.Errorf("llmperftest: %s is not served in memory: use the server's URL as it is, with http", req.URL.Redacted())
	case req.URL.Host == "":
		return errors.New("http: no Host in request URL")
	case req.Method != "" && !isToken(req.Method):
		return fmt.Errorf("http: invalid method %q", req.Method)
	}
	return errors.Join(validateFields("header", req.Header), validateFields("trailer", req.Trailer))
}

func validateFields(what string, fields http.Header) error {
	for name, values := range fields {
		if !isToken(name) {
			return fmt.Errorf("http: invalid %s field name %q", what, name)
		}
		for _, value := range values {
			if strings.ContainsFunc(value, isControl) {
				return fmt.Errorf("http: invalid %s field value for %q", what, name)
			}
		}
	}
	return nil
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	other := func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	}
	return s != "" && !strings.ContainsFunc(s, other)
}

// isControl reports whether r has no place in a field's value.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
