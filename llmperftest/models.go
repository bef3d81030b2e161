package llmperftest

import (
	"net/http"
	"strings"
)

// models answers GET /v1/models: as Anthropic does if asked with its version
// header, else as OpenAI.
func models(w http.ResponseWriter, r *http.Request) {
	body := `{"object":"list","data":[{"id":"fake","object":"model","created":0,"owned_by":"llmperftest"}]}`
	if r.Header.Get("anthropic-version") != "" {
		body = `{"data":[{"type":"model","id":"fake","display_name":"Fake","created_at":"` + epoch + `"}],"has_more":false,"first_id":"fake","last_id":"fake"}`
	}
	writeJSON(w, http.StatusOK, body)
}

// tags answers GET /api/tags, Ollama's list of models.
func tags(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, `{"models":[{"name":"fake","model":"fake","modified_at":"`+epoch+`","size":0,"digest":"","details":{"format":"","family":"","families":null,"parameter_size":"","quantization_level":""}}]}`)
}

// A nowhere is a request to an endpoint that is not there.
type nowhere struct {
	dialect        // of the API that the path looks like
	request string // its method and path
}

func elsewhere(r *http.Request) dialect {
	var api dialect = new(chat)
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/"):
		api = new(ollama)
	case strings.HasPrefix(r.URL.Path, "/v1/messages"):
		api = new(message)
	}
	return nowhere{api, r.Method + " " + r.URL.Path}
}

func (n nowhere) parse([]byte) (ask, error) {
	return ask{}, apiError{status: http.StatusNotFound, message: "no such endpoint: " + n.request}
}
