package llmperf

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/load"
	"llmperf.dev/llmperf/internal/record"
)

// tokenEvent is a chat chunk of ordinary length, as an event.
const tokenEvent = `data: {"id":"chatcmpl-9d1f0c5e7ab24d3b8f6610c2e4a7b935","object":"chat.completion.chunk","created":1764000100,` +
	`"model":"llama-3.1-8b-instruct","choices":[{"index":0,"delta":{"content":" harbor"},"logprobs":null,"finish_reason":null,"token_ids":null}]}` + "\n\n"

// An eventsOf answers every request with so many token events, each read by itself,
// without a network.
type eventsOf struct{ events int }

func (s eventsOf) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {eventStream}}, Body: &eventBody{left: s.events}}, nil
}

type eventBody struct{ left int }

func (e *eventBody) Read(b []byte) (int, error) {
	e.left--
	switch {
	case e.left >= 0:
		return copy(b, tokenEvent), nil
	case e.left == -1:
		return copy(b, "data: [DONE]\n\n"), nil
	}
	return 0, io.EOF
}

func (e *eventBody) Close() error { return nil }

// stopwatch is a target and what sends its requests, without a crowd or a network.
func stopwatch(events int) (m *measurement, r *record.Recorder, send func(context.Context, load.Request)) {
	s := Scenario{
		Target:  OpenAI{BaseURL: "http://localhost/v1", Model: "any", APIKey: "sk-0123456789", Client: &http.Client{Transport: eventsOf{events}}},
		Profile: Steps(Load{Users: 1, Hold: time.Minute}), Timeout: time.Hour,
	}.withDefaults()
	m = newMeasurement(s, func(event) {})
	m.clock, r = load.StartClock(), record.NewRecorder()
	return m, r, m.newSender(r)
}

// BenchmarkTokenEvent is what a token event costs on its way from the response's
// body to the recorder: reading, splitting, decoding, stamping and recording, in
// answers of a thousand.
func BenchmarkTokenEvent(b *testing.B) {
	const events = 1000
	m, r, send := stopwatch(events)
	b.ReportAllocs()
	b.SetBytes(int64(len(tokenEvent)))
	b.ResetTimer()
	for n := 0; n < b.N; n += events {
		send(context.Background(), load.Request{Number: n / events, Sent: m.clock.Now(), Row: -1})
		r.Drain(func(s *record.Sample) {
			if s.Class != record.OK || s.Chunks != events {
				b.Fatalf("%d chunks, %v: %s", s.Chunks, s.Class, s.Detail)
			}
		})
	}
}

// BenchmarkSend is what a request costs on its way from the user to the recorder
// and to the collector, without what net/http's transport does for it.
func BenchmarkSend(b *testing.B) {
	m, r, send := stopwatch(1)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		send(context.Background(), load.Request{Number: n, Sent: m.clock.Now(), Row: -1})
		r.Drain(func(s *record.Sample) {
			if s.Class != record.OK {
				b.Fatal(s.Detail)
			}
		})
	}
}

// BenchmarkAnalysis is what the samples of a run cost once they are collected:
// filing them, summing them up, judging and reporting. Steps are of equal size.
func BenchmarkAnalysis(b *testing.B) {
	for _, requests := range []int{10_000, 100_000, 1_000_000, 10_000_000} {
		if requests > 1_000_000 && testing.Short() {
			break
		}
		b.Run(fmt.Sprintf("requests=%d", requests), func(b *testing.B) { benchmarkAnalysis(b, requests) })
	}
}

func benchmarkAnalysis(b *testing.B, requests int) {
	const steps = 10
	each := requests / steps
	latencies, firsts := logNormals(each, time.Second, 0.5), logNormals(each, 100*time.Millisecond, 0.5)
	gaps := make([]uint32, 40)
	for i := range gaps {
		gaps[i] = uint32(15_000 + 500*i)
	}
	slos := []SLO{Latency.P99Below(10 * time.Second), TTFT.P95Below(time.Second), ITL.P99Below(time.Second), ICL.P99Below(time.Second), TailRatioBelow(10), FailureRateBelow(0.01), NoSaturationBelow(10)}
	var page bytes.Buffer
	var filing, summing, judging, reporting time.Duration
	b.ReportAllocs()
	for b.Loop() {
		m := newMeasurement(Scenario{Target: TargetFunc(nil)}.withDefaults(), func(event) {})
		m.clock = load.StartClock()
		lap := time.Now()
		past := func(d *time.Duration) {
			now := time.Now()
			*d += now.Sub(lap)
			lap = now
		}
		for i := range steps {
			begin := time.Duration(i) * time.Hour
			step := &stepRun{Step: Step{Index: i, Name: fmt.Sprintf("users=%d", 10*(i+1)), Load: Load{Users: 10 * (i + 1), Hold: time.Hour}, Begin: begin, From: begin, Until: begin + time.Hour}}
			step.bucket = newBucket(step.From, step.Until, step.Load.Users, 0)
			m.steps = append(m.steps, step)
			for j := range each {
				sent := int64(begin) + int64(j)*int64(time.Hour)/int64(each) + 1
				first := sent + int64(firsts[j])
				last := first + 39*int64(20*time.Millisecond)
				m.file(&record.Sample{
					User: int32(j % step.Load.Users), Number: int32(j / step.Load.Users), Sent: sent, FirstByte: first, FirstToken: first,
					LastToken: last, End: last + int64(latencies[j]), Chunks: 40, Tokens: 40, FirstTokens: 1, Gaps: gaps,
				})
			}
			m.viewer.view(step.Until, begin)
		}
		past(&filing)
		for _, step := range m.steps {
			m.sumUp(&step.Step, step.bucket)
		}
		res := m.result(steps * time.Hour)
		past(&summing)
		res.Outcomes = res.Check(slos...)
		past(&judging)
		page.Reset()
		require.NoError(b, res.WriteReport(&page))
		_, err := json.Marshal(res)
		require.NoError(b, err)
		past(&reporting)
	}
	for name, d := range map[string]time.Duration{"file-s": filing, "sum-s": summing, "judge-s": judging, "report-s": reporting} {
		b.ReportMetric(d.Seconds()/float64(b.N), name)
	}
	b.ReportMetric(float64(page.Len()), "page-bytes")
}

// BenchmarkOrigin is what it costs to name a request.
func BenchmarkOrigin(b *testing.B) {
	clock := load.StartClock()
	c := &Call{clock: clock, run: runOf(clock)}
	b.ReportAllocs()
	for b.Loop() {
		if !strings.HasPrefix(c.Origin(), "0-0-") {
			b.Fatal(c.Origin())
		}
	}
}
