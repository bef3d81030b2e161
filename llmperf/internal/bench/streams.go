package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"llmperf.dev/llmperf"
)

const (
	tokens   = 40 // of an answer
	tokenGap = 50 * time.Millisecond

	mostLag = 5 * time.Millisecond // later than this at p99, llmperf is to call its run invalid
)

// A load is a number of streams at once, which begin one after the other over a
// time and are kept up for another.
type streamLoad struct {
	streams     int
	spawn, hold time.Duration
}

// A clientRecord is a stream as its client measured it, in nanoseconds of the wall
// clock.
type clientRecord struct {
	Origin            string
	Sent, First, Last int64
	Tokens            int
}

// A session is what a client saw of a load: the streams that ended, and why their
// times are not to be relied on, if the client knows that of itself.
type session struct {
	records []clientRecord
	invalid string
}

type streamer func(url string, l streamLoad) (session, error)

// measureStreams holds the times that clients measure against the server's own
// record, and what an event costs them.
func measureStreams(s *stand, r *report, short bool) error {
	lines := func(url string, l streamLoad) (session, error) { return bareStreams(url, l, nil) }
	decoded := func(url string, l streamLoad) (session, error) { return bareStreams(url, l, decode) }
	type contender struct {
		name string
		run  streamer
	}
	all := []contender{{"llmperf", ourStreams}, {"net_http_lines", lines}, {"net_http_json", decoded}, {"llmperf_counting", countedStreams}}
	rounds := 3
	if short {
		rounds = 1
	}
	measure := func(c contender, l streamLoad) error {
		return s.stream(r, fmt.Sprintf("Streams/streams=%d/by=%s", l.streams, c.name), c.run, l)
	}
	for round := range rounds {
		for _, streams := range []int{100, 500} {
			for i := range all {
				if err := measure(all[(i+round)%len(all)], streamLoad{streams, 500 * time.Millisecond, 2500 * time.Millisecond}); err != nil {
					return err
				}
			}
		}
	}
	many := []int{1000, 2000, 5000}
	if short {
		many = many[:1]
	}
	for _, streams := range many {
		hold := 3 * time.Second
		if streams == 5000 {
			hold = 15 * time.Second // what it takes to prove how late it is
		}
		for _, c := range all[:2] {
			if err := measure(c, streamLoad{streams, 5 * time.Second, hold}); err != nil {
				return err
			}
		}
	}
	for _, streams := range []int{100, 500} {
		at := fmt.Sprintf("Streams/streams=%d/by=", streams)
		r.ratio(fmt.Sprintf("CPU per 1,000 events, %d streams, llmperf counting events / net_http and bufio splitting lines", streams), "cpu-ms/1k-events", at+"llmperf_counting", at+"net_http_lines")
		r.ratio(fmt.Sprintf("CPU per 1,000 events, %d streams, llmperf decoding JSON / net_http and bufio splitting lines", streams), "cpu-ms/1k-events", at+"llmperf", at+"net_http_lines")
		r.ratio(fmt.Sprintf("CPU per 1,000 events, %d streams, llmperf decoding JSON / the same decoding JSON", streams), "cpu-ms/1k-events", at+"llmperf", at+"net_http_json")
	}
	for _, streams := range append([]int{100, 500}, many...) {
		at := fmt.Sprintf("Streams/streams=%d/by=", streams)
		for _, unit := range []string{"ttft-err-p50-ms", "ttft-err-p99-ms", "itl-err-p50-ms", "itl-err-p99-ms", "lag-p50-ms", "lag-p99-ms"} {
			r.ratio(fmt.Sprintf("%s, %d streams, llmperf / net_http and bufio", unit, streams), unit, at+"llmperf", at+"net_http_lines")
		}
	}
	return nil
}

// stream measures one contender under one load. The errors are differences between
// what the client measured and what the server did, its own delays in reading and
// those of the network included; the lag is from when the first token was written
// until the client stamped it, which is the client's part of them.
func (s *stand) stream(r *report, name string, run streamer, l streamLoad) error {
	if err := s.ask("/record", new([]streamRecord)); err != nil { // of those before
		return err
	}
	var before, after int // tokens, those of streams that were cut off included
	if err := s.ask("/events", &before); err != nil {
		return err
	}
	var idle, busy time.Duration // processor time of the server, before and after
	if err := s.ask("/cpu", &idle); err != nil {
		return err
	}
	var seen session
	began := time.Now()
	took, err := spent(func() (err error) {
		seen, err = run(fmt.Sprintf("http://%s/stream/%d/%v", s.address, tokens, tokenGap), l)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	elapsed := time.Since(began)
	if err := errors.Join(s.ask("/cpu", &busy), s.ask("/events", &after)); err != nil {
		return err
	}
	var records []streamRecord
	if err := s.ask("/record", &records); err != nil {
		return err
	}
	truth := map[string]streamRecord{}
	for _, record := range records {
		user, rest, _ := strings.Cut(record.Origin, "-")
		number, _, _ := strings.Cut(rest, "-") // a run's name may follow
		truth[user+"-"+number] = record
	}
	full := began.Add(l.spawn).UnixNano()
	var ttft, itl, lag []float64
	for _, got := range seen.records {
		record, ok := truth[got.Origin]
		if !ok || got.Tokens != record.Tokens {
			return fmt.Errorf("%s: stream %q of %d tokens was not sent so: %+v", name, got.Origin, got.Tokens, record)
		}
		if got.Sent < full {
			continue
		}
		lag = append(lag, float64(got.First-record.First))
		gaps := float64(got.Tokens - 1)
		ttft = append(ttft, math.Abs(float64((got.First-got.Sent)-(record.First-record.Read))))
		itl = append(itl, math.Abs(float64((got.Last-got.First)-(record.Last-record.First))/gaps))
	}
	if len(ttft) == 0 {
		return fmt.Errorf("%s: no stream ended", name)
	}
	if seen.invalid != "" {
		r.note("%s: llmperf called its run invalid: %s", name, seen.invalid)
	}
	r.add(name, len(ttft),
		figure{"cpu-ms/1k-events", 1e6 * took.Seconds() / float64(after-before)},
		figure{"cpu-%", 100 * took.Seconds() / elapsed.Seconds()},
		figure{"server-cpu-%", 100 * (busy - idle).Seconds() / elapsed.Seconds()},
		figure{"ttft-err-p50-ms", quantile(ttft, 0.50) / 1e6}, figure{"ttft-err-p99-ms", quantile(ttft, 0.99) / 1e6},
		figure{"itl-err-p50-ms", quantile(itl, 0.50) / 1e6}, figure{"itl-err-p99-ms", quantile(itl, 0.99) / 1e6},
		figure{"lag-p50-ms", quantile(lag, 0.50) / 1e6}, figure{"lag-p99-ms", quantile(lag, 0.99) / 1e6},
	)
	return nil
}

// quantile is the p-quantile by nearest rank of values, which it sorts.
func quantile(values []float64, p float64) float64 {
	slices.Sort(values)
	return values[max(0, int(math.Ceil(p*float64(len(values))))-1)]
}

// ourStreams is llmperf, with its whole path: the target, decoding, and samples.
func ourStreams(url string, l streamLoad) (session, error) {
	return oursFrom(llmperf.OpenAI{BaseURL: url, Model: "llama-3.1-8b-instruct"}, l)
}

// countedStreams is llmperf with a target that counts events without decoding them.
func countedStreams(url string, l streamLoad) (session, error) {
	return oursFrom(llmperf.HTTP{
		New: func(ctx context.Context, _ *llmperf.Call) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(ask))
		},
		Tokens: func(_ *llmperf.Call, _ string, data []byte) (int, error) {
			return bytes.Count(data, []byte(`"content"`)), nil
		},
	}, l)
}

func oursFrom(target llmperf.Target, l streamLoad) (seen session, err error) {
	var samples []llmperf.Sample
	res, err := llmperf.Measure(context.Background(), llmperf.Scenario{
		Target: target,
		Profile: llmperf.Steps(llmperf.Load{
			Users: l.streams, Hold: l.spawn + l.hold, SpawnRate: float64(l.streams) / l.spawn.Seconds(),
		}),
		Think: llmperf.NoThink, Warmup: llmperf.NoWarmup,
		Generator: llmperf.GeneratorLimits{Floor: mostLag, Share: 1e-6},
		Observers: []llmperf.Observer{{Sample: func(s llmperf.Sample) { samples = append(samples, s) }}},
	})
	if err != nil {
		return seen, err
	}
	began := res.Started.UnixNano()
	for _, s := range samples {
		switch s.Failure {
		case "":
		case "unfinished":
			continue
		default:
			return seen, fmt.Errorf("a request failed: %s: %s", s.Failure, s.Detail)
		}
		seen.records = append(seen.records, clientRecord{
			Origin: fmt.Sprintf("%d-%d", s.User, s.Number),
			Sent:   began + int64(s.Sent), First: began + int64(s.FirstToken), Last: began + int64(s.LastToken), Tokens: s.Chunks,
		})
	}
	if judged := res.Check(llmperf.TTFT.P99Below(200 * time.Millisecond))[0]; judged.Verdict == llmperf.Invalid {
		seen.invalid = judged.Message
	}
	return seen, nil
}

// decode decodes the data of an event as a client does that wants the text.
func decode(data []byte) error {
	var chunk struct {
		Choices []struct {
			Delta struct {
				Content string `json:"content"`
			} `json:"delta"`
			FinishReason *string `json:"finish_reason"`
		} `json:"choices"`
	}
	return json.Unmarshal(data, &chunk)
}

// bareStreams is net/http with a bufio.Reader that splits lines, the first and
// the last event stamped, and each event's data handed to use if there is one.
func bareStreams(url string, l streamLoad, use func(data []byte) error) (session, error) {
	client := newClient()
	defer client.CloseIdleConnections()
	begin := time.Now()
	end := begin.Add(l.spawn + l.hold)
	var mu sync.Mutex
	var all []clientRecord
	err := each(l.streams, func(user int) error {
		time.Sleep(time.Until(begin.Add(l.spawn * time.Duration(user) / time.Duration(l.streams))))
		var mine []clientRecord
		lines := bufio.NewReader(nil)
		for n := 0; time.Now().Before(end); n++ {
			record := clientRecord{Origin: fmt.Sprintf("%d-%d", user, n)}
			if err := bareStream(client, url, lines, &record, use); err != nil {
				return err
			}
			mine = append(mine, record)
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, mine...)
		return nil
	})
	return session{records: all}, err
}

func bareStream(client *http.Client, url string, lines *bufio.Reader, record *clientRecord, use func([]byte) error) error {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(ask))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(llmperf.OriginHeader, record.Origin)
	record.Sent = time.Now().UnixNano()
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines.Reset(resp.Body)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("the stream broke off: %w", err)
		}
		data, ok := bytes.CutPrefix(bytes.TrimRight(line, "\n"), []byte("data: "))
		switch {
		case !ok:
			continue
		case string(data) == "[DONE]":
			_, err := lines.WriteTo(discard{}) // to its end, so that the connection is kept
			return err
		}
		if use != nil {
			if err := use(data); err != nil {
				return err
			}
		}
		if record.Tokens < tokens { // what follows is the finish reason
			record.Last = time.Now().UnixNano()
			if record.Tokens == 0 {
				record.First = record.Last
			}
			record.Tokens++
		}
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
