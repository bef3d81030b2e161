package llmperf

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// validateExtra says what is wrong with what a target is to add to its requests.
func validateExtra(target string, extra map[string]any, header http.Header) (errs []error) {
	if _, ok := extra["stream"]; ok {
		errs = append(errs, fmt.Errorf(`%s.Extra has "stream": leave it out, since NoStream says whether answers are streamed`, target))
	}
	if _, err := json.Marshal(extra); err != nil {
		errs = append(errs, fmt.Errorf("%s.Extra cannot be sent: %w; want values that encoding/json can write", target, err))
	}
	for name, values := range header {
		if !headerName.MatchString(name) {
			errs = append(errs, fmt.Errorf("%s.Header has the name %q: want letters, digits and hyphens", target, name))
		}
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n\x00") {
				errs = append(errs, fmt.Errorf("%s.Header has a value of %s that spans lines: want one line", target, name))
			}
		}
	}
	return errs
}

// addExtra adds members to a JSON object, in place of those of the same name: a
// nil takes one away, and an object is added to one that is there.
func addExtra(object []byte, extra map[string]any) ([]byte, error) {
	if len(extra) == 0 {
		return object, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, err
	}
	for name, value := range extra {
		if value == nil {
			delete(members, name)
			continue
		}
		var data []byte
		var err error
		if inner, ok := value.(map[string]any); ok && members[name] != nil && members[name][0] == '{' {
			data, err = addExtra(members[name], inner)
		} else {
			data, err = json.Marshal(value)
		}
		if err != nil {
			return nil, err
		}
		members[name] = data
	}
	return json.Marshal(members)
}

// addHeader adds header to a request, in place of its own headers of the same
// names.
func addHeader(req *http.Request, header http.Header) {
	for name, values := range header {
		name = http.CanonicalHeaderKey(name)
		if name == "Host" && len(values) > 0 {
			req.Host = values[0]
			continue
		}
		req.Header[name] = slices.Clone(values)
	}
}
