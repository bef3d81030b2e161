package llmperftest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A dialect is how one API words a request, its answer and its errors. There is
// a dialect value for every request.
type dialect interface {
	// parse reads a request's body.
	parse(body []byte) (ask, error)
	// whole is the body of an answer that is not streamed.
	whole(a *answer) string
	// refusal is the body of an error.
	refusal(number int, e apiError) string
	// idHeader is the header of an answer that names its request; "" if there is none.
	idHeader() string
	// shed is the status of a request that finds no place, where the engine names none.
	shed() int
}

// An apiError is an error as an API answers it.
type apiError struct {
	status  int
	code    string // OpenAI's, where the status does not say it
	message string
}

func (e apiError) Error() string { return e.message }

// asAPIError is the answer to an error in a request.
func asAPIError(err error) apiError {
	var own apiError
	if errors.As(err, &own) {
		return own
	}
	return apiError{status: http.StatusBadRequest, message: err.Error()}
}

// A streamer is a dialect that can stream.
type streamer interface {
	dialect
	// mediaType is the Content-Type of a stream.
	mediaType() string
	// begin is what comes before the first token.
	begin(a *answer) string
	// frame surrounds the text of an event that brings tokens.
	frame(a *answer, reasoning bool) frame
	// turn is what comes between the last token of reasoning and the first of the answer.
	turn(a *answer) string
	// end is what comes after the last token.
	end(a *answer) string
	// failure is an error inside the stream.
	failure(a *answer, message string) string
}

// A failer is a dialect whose answers themselves can say that they failed.
type failer interface {
	failed(a *answer, message string) string
}

// A frame is what stands around the text of an event that brings tokens.
type frame struct {
	before, after string
	end           string // of an event that has its number in the stream; the number comes before it
}

// An ask is what a request asks for, whatever its dialect.
type ask struct {
	model     string
	stream    bool
	limit     int      // of output tokens; 0 for none
	prompt    []string // all its text, in order
	tokens    int      // of a prompt that came as tokens
	plain     bool     // no reasoning: the API has no form for it, or the request wants none
	embedding bool     // the prompt is read and nothing is generated
	reply     string   // what is answered at once, without the engine; "" if it is to answer
}

// limitOf is the limit of output tokens that a request's member sets, or none.
func limitOf(name string, value *int, none int) (int, error) {
	if value == nil {
		return none, nil
	}
	if *value < 1 {
		return 0, fmt.Errorf("%s is %d: want at least 1", name, *value)
	}
	return *value, nil
}

// promptTokens counts a word as a token.
func (q *ask) promptTokens() int {
	n := q.tokens
	for _, text := range q.prompt {
		for range strings.FieldsSeq(text) {
			n++
		}
	}
	return max(1, n)
}

// texts returns all text in a decoded JSON value that a prompt is made of: a
// string, an array, or an object with text, content or output in it.
func texts(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, element := range v {
			all = append(all, texts(element)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, member := range []string{"text", "content", "output"} {
			all = append(all, texts(v[member])...)
		}
		return all
	}
	return nil
}

// quote is s as JSON.
func quote(s string) string {
	data, _ := json.Marshal(s) // a string always can be
	return string(data)
}

// epoch is the time at which everything was made: bodies of answers don't
// differ from run to run.
var epoch = time.Unix(0, 0).UTC().Format(time.RFC3339)

// purpose is what an error says that a fault made.
const purpose = "fault on purpose"

// openAI is what OpenAI's APIs have in common.
type openAI struct{}

func (openAI) mediaType() string { return "text/event-stream" }

func (openAI) shed() int { return http.StatusTooManyRequests }

func (openAI) idHeader() string { return "X-Request-Id" }

func (openAI) refusal(_ int, e apiError) string {
	kind, code := openAIError(e.status)
	if e.code != "" {
		code = quote(e.code)
	}
	return `{"error":{"message":` + quote(e.message) + `,"type":"` + kind + `","param":null,"code":` + code + `}}`
}

// openAIError is the type and the code, as JSON, of an error.
func openAIError(status int) (kind, code string) {
	switch {
	case status == http.StatusTooManyRequests:
		return "requests", `"rate_limit_exceeded"`
	case status == http.StatusUnauthorized:
		return "invalid_request_error", `"invalid_api_key"`
	case status == http.StatusForbidden:
		return "permission_error", "null"
	case status < http.StatusInternalServerError:
		return "invalid_request_error", "null"
	}
	return "server_error", "null"
}
