package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/wire"
)

func TestParseErrorKnowsTheShapesOfServers(t *testing.T) {
	for _, row := range []struct {
		name, body string
		want       wire.ServerError
		reason     string
	}{
		{"OpenAI", `{"error":{"message":"no key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`, wire.ServerError{"invalid_request_error", "invalid_api_key", "no key"}, "the shape that others follow"},
		{"vLLM", `{"error":{"message":"too long","type":"BadRequestError","param":null,"code":400}}`, wire.ServerError{"BadRequestError", "400", "too long"}, "the code is a number"},
		{"vLLM, older", `{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}`, wire.ServerError{"BadRequestError", "400", "too long"}, "without the object error"},
		{"TGI", `{"error":"overloaded","error_type":"overloaded"}`, wire.ServerError{"overloaded", "", "overloaded"}, "a text with its type beside it"},
		{"FastAPI", `{"detail":"Not Found"}`, wire.ServerError{"", "", "Not Found"}, "as services in Python answer"},
		{"FastAPI, validation", `{"detail":[{"loc":["body"],"msg":"field required"}]}`, wire.ServerError{"", "", `[{"loc":["body"],"msg":"field required"}]`}, "what is no text is shown as it is"},
		{"event of Anthropic", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, wire.ServerError{"overloaded_error", "", "Overloaded"}, "the inner type says more"},
		{"null code", `{"error":{"message":"no","type":null,"code":null}}`, wire.ServerError{"", "", "no"}, "null is nothing"},
		{"string", `"no"`, wire.ServerError{"", "", "no"}, "JSON may be a text alone"},
		{"text", " upstream went away\n", wire.ServerError{"", "", "upstream went away"}, "not all is JSON"},
		{"cut", `{"error":{"message":"no`, wire.ServerError{"", "", `{"error":{"message":"no`}, "what cannot be parsed is shown as it is"},
		{"unknown members", `{"reason":"no"}`, wire.ServerError{"", "", `{"reason":"no"}`}, "nor is what says nothing we know"},
		{"nothing", ``, wire.ServerError{}, "silence"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, &row.want, wire.ParseError([]byte(row.body)), row.reason)
		})
	}
}

func TestParseErrorKeepsLittle(t *testing.T) {
	long := strings.Repeat("é", 5000)
	for _, row := range []struct{ name, body, reason string }{
		{"text", long, "an error page"},
		{"odd text", "a" + long, "whose 1,024th byte is half a character"},
		{"message", `{"error":{"message":"` + long + `"}}`, "a prompt that is echoed"},
		{"not UTF-8", strings.Repeat("\x80a", 5000), "a compressed body"},
	} {
		t.Run(row.name, func(t *testing.T) {
			message := wire.ParseError([]byte(row.body)).Message
			require.LessOrEqual(t, len(message), 1024, row.reason)
			require.Greater(t, len(message), 1020, row.reason)
			require.Equal(t, strings.ToValidUTF8(message, ""), message, "no character is cut")
		})
	}
}

func TestServerErrorIsOneShortLine(t *testing.T) {
	for _, row := range []struct {
		name   string
		err    wire.ServerError
		want   string
		reason string
	}{
		{"all", wire.ServerError{"BadRequestError", "400", "too long"}, "the server reports an error BadRequestError 400: too long", "the ordinary case"},
		{"message", wire.ServerError{Message: "no"}, "the server reports an error: no", "what is not given is not shown"},
		{"nothing", wire.ServerError{}, "the server reports an error", "it was an error all the same"},
		{"lines", wire.ServerError{Message: "a\n\n  b"}, "the server reports an error: a b", "reports are made of lines"},
		{"long", wire.ServerError{Message: strings.Repeat("x", 1000)}, "the server reports an error: " + strings.Repeat("x", 200), "200 bytes say enough"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.EqualError(t, &row.err, row.want, row.reason)
		})
	}
}
