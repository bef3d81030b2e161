package llmperf

import (
	"fmt"
	"net/url"
	"strings"
)

// validateBase refuses a base URL that is none, or that ends with a path which
// is not part of it: added, which the target adds by itself, or another of its
// service's. example is what would be right.
func validateBase(field, raw, example, added string, paths ...string) error {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return fmt.Errorf("%s is empty: want a URL such as %q", field, example)
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%s is %q: want a URL with scheme and host, such as %q", field, safeURL(raw), example)
	}
	for _, path := range paths {
		switch {
		case !strings.HasSuffix(strings.TrimRight(u.Path, "/"), path):
		case path == added:
			return fmt.Errorf("%s is %q: leave out %s, which is added", field, safeURL(raw), path)
		default:
			return fmt.Errorf("%s is %q: leave out %s; what is added is %s", field, safeURL(raw), path, added)
		}
	}
	return nil
}

// validateAsk says what is wrong with what a target asks.
func validateAsk(target, model string, maxTokens int, prompts Prompts) (errs []error) {
	if model == "" {
		errs = append(errs, fmt.Errorf(`%s.Model is empty: want the model to ask for; any name, such as "any", if the server has but one`, target))
	}
	if maxTokens < 0 {
		errs = append(errs, fmt.Errorf("%s.MaxTokens is %d: want a limit of output tokens, or 0 for none", target, maxTokens))
	}
	if v, ok := prompts.(validator); ok {
		if err := v.validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s.Prompts: %w", target, err))
		}
	}
	return errs
}

// contents are the contents of messages as one text.
func contents(messages []Message) string {
	texts := make([]string, len(messages))
	for i, m := range messages {
		texts[i] = m.Content
	}
	return strings.Join(texts, "\n\n")
}

// developer is what OpenAI calls the role of system messages to newer models.
const developer = "developer"

// splitSystem returns the system messages, in their order, and the others.
func splitSystem(messages []Message) (system, rest []Message) {
	for _, m := range messages {
		if m.Role == "system" || m.Role == developer {
			system = append(system, m)
		} else {
			rest = append(rest, m)
		}
	}
	return system, rest
}

// safeURL is a URL without user, password and query, which may be secret.
func safeURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	text := u.String()
	if u.Host == "" {
		text = text[strings.LastIndex(text, "@")+1:] // without a scheme, a password is not seen as one
	}
	return text
}
