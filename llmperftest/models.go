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

// elsewhere refuses every other request, in the shape of the API that its path
// is of.
func elsewhere(w http.ResponseWriter, r *http.Request) {
	var api dialect = new(chat)
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/"):
		api = new(ollama)
	case strings.HasPrefix(r.URL.Path, "/v1/messages"):
		api = new(message)
	}
	writeJSON(w, http.StatusNotFound, api.refusal(0, http.StatusNotFound, "no such endpoint: "+r.Method+" "+r.URL.Path))
}
