package wire_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"llmperf.dev/llmperf/internal/wire"
)

// chunk is a chat chunk of ordinary length, about 250 bytes.
var chunk = []byte(`{"id":"chatcmpl-9d1f0c5e7ab24d3b8f6610c2e4a7b935","object":"chat.completion.chunk","created":1764000100,` +
	`"model":"llama-3.1-8b-instruct","choices":[{"index":0,"delta":{"content":" harbor"},"logprobs":null,"finish_reason":null,"token_ids":null}]}`)

var chatPath, _ = wire.ParsePath("choices.0.delta.content")

// event is the same as an event of an event stream.
var event = []byte("data: " + string(chunk) + "\n\n")

func BenchmarkParseChatChunk(b *testing.B) {
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	var c wire.Chunk
	for b.Loop() {
		if err := wire.ParseChatChunk(chunk, &c); err != nil || !c.Content {
			b.Fatal(err, c)
		}
	}
}

func BenchmarkValid(b *testing.B) {
	b.Run("wire", func(b *testing.B) {
		b.SetBytes(int64(len(chunk)))
		b.ReportAllocs()
		for b.Loop() {
			wire.Valid(chunk)
		}
	})
	b.Run("encoding_json", func(b *testing.B) {
		b.SetBytes(int64(len(chunk)))
		b.ReportAllocs()
		for b.Loop() {
			json.Valid(chunk)
		}
	})
}

func BenchmarkSSE(b *testing.B) {
	emit := func(wire.Event) error { return nil }
	for _, row := range []struct {
		name  string
		event []byte
		size  int // of each Feed
	}{
		{"whole_event", event, len(event)},
		{"event_in_two", event, len(event)/2 + 1},
		{"byte_by_byte", event, 1},
		{"crlf", bytes.ReplaceAll(event, []byte("\n"), []byte("\r\n")), len(event) + 2},
		{"with_name_and_id", []byte("event: delta\nid: 17\n" + string(event)), len(event) + 20},
		{"eight_events", bytes.Repeat(event, 8), 8 * len(event)},
	} {
		b.Run(row.name, func(b *testing.B) {
			var p wire.SSE
			b.SetBytes(int64(len(row.event)))
			b.ReportAllocs()
			for b.Loop() {
				for rest := row.event; len(rest) > 0; rest = rest[min(row.size, len(rest)):] {
					if err := p.Feed(rest[:min(row.size, len(rest))], emit); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkSSEAndParseChatChunk(b *testing.B) {
	var p wire.SSE
	var c wire.Chunk
	emit := func(e wire.Event) error { return wire.ParseChatChunk(e.Data, &c) }
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Feed(event, emit); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDialects(b *testing.B) {
	for _, row := range []struct {
		name, data string
		parse      func(string, []byte, *wire.Chunk) error
	}{
		{"responses", `{"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_68f2a1c1","output_index":0,"content_index":0,"delta":" harbor","logprobs":[]}`, wire.ParseResponsesEvent},
		{"anthropic", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" harbor"}}`, wire.ParseAnthropicEvent},
		{"ollama", `{"model":"llama3.2","created_at":"2025-11-24T16:00:00.000003Z","message":{"role":"assistant","content":" harbor"},"done":false}`, nameless(wire.ParseOllama)},
		{"path", string(chunk), func(_ string, data []byte, c *wire.Chunk) (err error) {
			c.Content, err = chatPath.Find(data, c.Text)
			return err
		}},
	} {
		for _, kept := range []bool{false, true} {
			name := row.name
			var text []byte
			c := wire.Chunk{}
			if kept {
				name, c.Text = name+"_with_text", &text
			}
			b.Run(name, func(b *testing.B) {
				data := []byte(row.data)
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					text = text[:0]
					if err := row.parse("", data, &c); err != nil || !c.Content {
						b.Fatal(err, c)
					}
				}
			})
		}
	}
}

func BenchmarkNDJSON(b *testing.B) {
	var p wire.NDJSON
	line := append(bytes.Clone(chunk), '\n')
	emit := func([]byte) error { return nil }
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Feed(line, emit); err != nil {
			b.Fatal(err)
		}
	}
}
