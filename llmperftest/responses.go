package llmperftest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A response is a request to POST /v1/responses.
type response struct {
	openAI
	Model           string `json:"model"`
	Instructions    string `json:"instructions"`
	Input           any    `json:"input"`
	MaxOutputTokens *int   `json:"max_output_tokens"`
	Stream          bool   `json:"stream"`
}

func (p *response) parse(body []byte) (ask, error) {
	if err := unmarshal(body, "a responses request", p); err != nil {
		return ask{}, err
	}
	items, several := p.Input.([]any)
	if p.Input == nil || p.Input == "" || several && len(items) == 0 {
		return ask{}, errors.New("input is empty")
	}
	limit, err := limitOf("max_output_tokens", p.MaxOutputTokens, 0)
	if err != nil {
		return ask{}, err
	}
	return ask{model: p.Model, stream: p.Stream, limit: limit, prompt: append([]string{p.Instructions}, texts(p.Input)...)}, nil
}

// opening is an event up to some of its members.
func (p *response) opening(name, members string) string {
	return "event: response." + name + "\ndata: {\"type\":\"response." + name + "\"," + members
}

// numbering comes before the number of an event.
const numbering = `,"sequence_number":`

// event is the next event of the stream.
func (p *response) event(a *answer, name, members string) string {
	e := p.opening(name, members) + numbering + strconv.Itoa(a.serial) + "}\n\n"
	a.serial++
	return e
}

func (p *response) begin(a *answer) string {
	object := `"response":` + p.object(a, "in_progress", "null")
	begin := p.event(a, "created", object) + p.event(a, "in_progress", object)
	if a.struckAs(faultEmpty) {
		return begin
	}
	return begin + p.open(a, p.item(a, a.seq.reasoning > 0))
}

func (p *response) frame(a *answer, reasoning bool) frame {
	it := p.item(a, reasoning)
	return frame{before: p.opening(it.kind+".delta", it.at()+`,"delta":"`), after: `"` + it.logprobs() + numbering, end: "}\n\n"}
}

func (p *response) turn(a *answer) string {
	return p.close(a, p.item(a, true), "completed") + p.open(a, p.item(a, false))
}

func (p *response) end(a *answer) string {
	status, end := p.status(a), ""
	if !a.struckAs(faultEmpty) {
		end = p.close(a, p.item(a, !a.answering()), status)
	}
	return end + p.event(a, status, `"response":`+p.object(a, status, "null"))
}

func (p *response) failure(a *answer, message string) string {
	_, code := openAIError(500)
	reported := fmt.Sprintf("event: error\ndata: "+`{"type":"error","code":%s,"message":%s,"param":null,"sequence_number":%d}`+"\n\n", code, quote(message), a.serial)
	a.serial++
	return reported + p.event(a, "failed", `"response":`+p.failed(a, message))
}

func (p *response) failed(a *answer, message string) string {
	return p.object(a, "failed", `{"code":"server_error","message":`+quote(message)+`}`)
}

func (p *response) whole(a *answer) string { return p.object(a, p.status(a), "null") }

func (p *response) status(a *answer) string {
	if a.limited() {
		return "incomplete"
	}
	return "completed"
}

// object is the response as it stands. Only one that has ended has output and usage.
func (p *response) object(a *answer, status, failure string) string {
	details, output, usage := "null", "", "null"
	if status == "completed" || status == "incomplete" {
		if status == "incomplete" {
			details = `{"reason":"max_output_tokens"}`
		}
		output = p.output(a, status)
		in, out := a.record.PromptTokens, a.record.OutputTokens
		usage = fmt.Sprintf(`{"input_tokens":%d,"input_tokens_details":{"cached_tokens":%d},"output_tokens":%d,"output_tokens_details":{"reasoning_tokens":%d},"total_tokens":%d}`,
			in, a.record.CachedTokens, out, a.reasoned(), in+out)
	}
	limit := "null"
	if a.ask.limit > 0 {
		limit = strconv.Itoa(a.ask.limit)
	}
	return fmt.Sprintf(`{"id":"resp_%d","object":"response","created_at":0,"status":"%s","error":%s,"incomplete_details":%s,"instructions":null,"max_output_tokens":%s,"metadata":{},"model":%s,"output":[%s],"parallel_tool_calls":true,"previous_response_id":null,"store":false,"temperature":1,"tool_choice":"auto","tools":[],"top_p":1,"truncation":"disabled","usage":%s}`,
		a.record.Number, status, failure, details, limit, quote(p.Model), output, usage)
}

// output are the items of a response that has ended, the last of which has its
// status.
func (p *response) output(a *answer, status string) string {
	var items []string
	text := a.text()
	if a.reasoned() > 0 {
		it, reasoned := p.item(a, true), status
		if text != "" {
			reasoned = "completed"
		}
		items = append(items, it.object(reasoned, it.part(a.reasoning())))
	}
	if text != "" {
		it := p.item(a, false)
		items = append(items, it.object(status, it.part(text)))
	}
	return strings.Join(items, ",")
}

// An item is one of a response's output: its reasoning or its message.
type item struct {
	id, kind string // kind is that of its text
	index    int
}

func (p *response) item(a *answer, reasoning bool) item {
	if reasoning {
		return item{id: fmt.Sprintf("rs_%d", a.record.Number), kind: "reasoning_text"}
	}
	it := item{id: fmt.Sprintf("msg_%d", a.record.Number), kind: "output_text"}
	if a.seq.reasoning > 0 {
		it.index = 1
	}
	return it
}

// at says where an event belongs.
func (i item) at() string {
	return fmt.Sprintf(`"item_id":"%s","output_index":%d,"content_index":0`, i.id, i.index)
}

// logprobs is a member of events of output text.
func (i item) logprobs() string {
	if i.kind == "output_text" {
		return `,"logprobs":[]`
	}
	return ""
}

func (i item) object(status, content string) string {
	if i.kind == "reasoning_text" {
		return fmt.Sprintf(`{"id":"%s","type":"reasoning","summary":[],"content":[%s],"status":"%s"}`, i.id, content, status)
	}
	return fmt.Sprintf(`{"id":"%s","type":"message","status":"%s","role":"assistant","content":[%s]}`, i.id, status, content)
}

func (i item) part(text string) string {
	if i.kind == "reasoning_text" {
		return `{"type":"reasoning_text","text":"` + text + `"}`
	}
	return `{"type":"output_text","text":"` + text + `","annotations":[],"logprobs":[]}`
}

func (p *response) open(a *answer, it item) string {
	return p.event(a, "output_item.added", fmt.Sprintf(`"output_index":%d,"item":%s`, it.index, it.object("in_progress", ""))) +
		p.event(a, "content_part.added", it.at()+`,"part":`+it.part(""))
}

func (p *response) close(a *answer, it item, status string) string {
	text := a.text()
	if it.kind == "reasoning_text" {
		text = a.reasoning()
	}
	return p.event(a, it.kind+".done", it.at()+`,"text":"`+text+`"`+it.logprobs()) +
		p.event(a, "content_part.done", it.at()+`,"part":`+it.part(text)) +
		p.event(a, "output_item.done", fmt.Sprintf(`"output_index":%d,"item":%s`, it.index, it.object(status, it.part(text))))
}
