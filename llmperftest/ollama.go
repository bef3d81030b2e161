package llmperftest

import (
	"fmt"
	"net/http"
	"time"
)

// An ollama is a request to POST /api/chat or, where it has a prompt in place of
// messages, to POST /api/generate, of Ollama. It streams unless told otherwise.
type ollama struct {
	generate bool // it is for /api/generate

	Model    string `json:"model"`
	System   string `json:"system"`
	Prompt   string `json:"prompt"`
	Messages []struct {
		Content string `json:"content"`
	} `json:"messages"`
	Stream  *bool `json:"stream"`
	Think   any   `json:"think"` // or how much, as text
	Options struct {
		NumPredict int `json:"num_predict"` // from 1 on; no limit otherwise
	} `json:"options"`
	KeepAlive any `json:"keep_alive"`
}

func (o *ollama) parse(body []byte) (ask, error) {
	if err := unmarshal(body, "a request of Ollama's API", o); err != nil {
		return ask{}, err
	}
	if o.generate && o.Prompt == "" || !o.generate && len(o.Messages) == 0 {
		return ask{model: o.Model, reply: o.loaded()}, nil
	}
	q := ask{
		model: o.Model, stream: o.Stream == nil || *o.Stream,
		limit: max(0, o.Options.NumPredict), plain: o.Think == false,
	}
	if o.generate {
		q.prompt = []string{o.System, o.Prompt}
		return q, nil
	}
	for _, m := range o.Messages {
		q.prompt = append(q.prompt, m.Content)
	}
	return q, nil
}

// loaded is the answer to a request without a prompt, which loads the model or,
// if it is to be kept for no time, unloads it.
func (o *ollama) loaded() string {
	reason := "load"
	switch v := o.KeepAlive.(type) {
	case float64:
		if v == 0 {
			reason = "unload"
		}
	case string:
		if d, err := time.ParseDuration(v); err == nil && d == 0 {
			reason = "unload"
		}
	}
	before, after := o.line()
	return before + after + `,"done":true,"done_reason":"` + reason + `"}`
}

func (o *ollama) mediaType() string { return "application/x-ndjson" }

func (o *ollama) begin(*answer) string { return "" }

// line is what stands before and after the text of a line.
func (o *ollama) line() (before, after string) {
	before = `{"model":` + quote(o.Model) + `,"created_at":"` + epoch + `",`
	if o.generate {
		return before + `"response":"`, `"`
	}
	return before + `"message":{"role":"assistant","content":"`, `"}`
}

func (o *ollama) frame(_ *answer, reasoning bool) frame {
	before, after := o.line()
	if reasoning {
		before += `","thinking":"`
	}
	return frame{before: before, after: after + `,"done":false}` + "\n"}
}

func (o *ollama) turn(*answer) string { return "" }

func (o *ollama) end(a *answer) string { return o.done(a, "", "") + "\n" }

func (o *ollama) failure(a *answer, message string) string {
	return o.refusal(a.record.Number, apiError{status: http.StatusInternalServerError, message: message}) + "\n"
}

func (o *ollama) whole(a *answer) string { return o.done(a, a.text(), a.reasoning()) }

// done is the last line of a stream, or an answer as a whole. Its times are in
// nanoseconds.
func (o *ollama) done(a *answer, text, reasoning string) string {
	before, after := o.line()
	if reasoning != "" {
		text += `","thinking":"` + reasoning
	}
	reason := "stop"
	if a.limited() {
		reason = "length"
	}
	now := time.Now()
	return fmt.Sprintf(`%s%s%s,"done":true,"done_reason":"%s","total_duration":%d,"load_duration":0,"prompt_eval_count":%d,"prompt_eval_duration":%d,"eval_count":%d,"eval_duration":%d}`,
		before, text, after, reason, now.Sub(a.record.Arrived), a.record.PromptTokens, a.seq.prefill, a.record.OutputTokens, max(0, now.Sub(a.seq.admitted)-a.seq.prefill))
}

func (o *ollama) shed() int { return http.StatusServiceUnavailable }

func (o *ollama) idHeader() string { return "" }

func (o *ollama) refusal(_ int, e apiError) string { return `{"error":` + quote(e.message) + `}` }
