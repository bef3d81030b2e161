package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

// startServer starts a server that ends with the test.
func startServer(t *testing.T) *stand {
	in, end := io.Pipe()
	out, told := io.Pipe()
	go func() { _ = serve(in, told) }()
	t.Cleanup(func() { end.Close() })
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{address: strings.TrimSpace(string(line[:n])), control: newClient()}
	t.Cleanup(s.control.CloseIdleConnections)
	return s
}

func TestEveryContenderSendsRequests(t *testing.T) {
	s := startServer(t)
	for name, run := range map[string]requesterFunc{
		"net_http": bareRequests, "net_http_timeout": timedRequests, "llmperf": ourRequests, "llmperf_client": ourRequestsByClient, "llmperf_openai": ourChats, "vegeta": vegetaRequests, "hey": heyRequests,
	} {
		var before, after int
		if err := s.ask("/count", &before); err != nil {
			t.Fatal(err)
		}
		if err := run("http://"+s.address+"/whole", 200*time.Millisecond); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.ask("/count", &after); err != nil {
			t.Fatal(err)
		}
		if after <= before {
			t.Errorf("%s sent nothing", name)
		}
	}
}

func TestEveryContenderSeesEachToken(t *testing.T) {
	s := startServer(t)
	for name, run := range map[string]streamer{
		"llmperf": ourStreams,
		"counted": countedStreams,
		"lines":   func(url string, l streamLoad) (session, error) { return bareStreams(url, l, nil) },
		"json":    func(url string, l streamLoad) (session, error) { return bareStreams(url, l, decode) },
	} {
		// stream refuses what the server has not sent so.
		if err := s.stream(&report{lines: io.Discard}, name, run, streamLoad{streams: 3, spawn: time.Nanosecond, hold: time.Second}); err != nil {
			t.Error(err)
		}
	}
}

func TestAStreamThatWasNotSentSoIsRefused(t *testing.T) {
	s := startServer(t)
	forged := func(url string, l streamLoad) (session, error) {
		seen, err := bareStreams(url, l, nil)
		seen.records[0].Tokens++
		return seen, err
	}
	if err := s.stream(&report{lines: io.Discard}, "forged", forged, streamLoad{streams: 1, spawn: time.Nanosecond, hold: time.Second}); err == nil {
		t.Error("a token too many was not noticed")
	}
}

func TestRatiosAreOfTheRoundAndMediansOverRounds(t *testing.T) {
	var lines, table bytes.Buffer
	r := &report{lines: &lines}
	for _, round := range [][2]float64{{10, 20}, {30, 30}, {400, 100}} {
		r.add("A/by=us", 7, figure{"s", round[0]})
		r.add("A/by=them", 7, figure{"s", round[1]})
	}
	r.ratio("time, us / them", "s", "A/by=us", "A/by=them")
	r.table(&table)
	if want := "| time, us / them | s | 30 | 30 | 1.00 |\n"; !strings.HasSuffix(table.String(), want) {
		t.Errorf("%s\nwant the last line %s", table.String(), want)
	}
	if want := "BenchmarkA/by=us\t7\t10 s\n"; !strings.HasPrefix(lines.String(), want) {
		t.Errorf("%s\nwant the first line %s", lines.String(), want)
	}
}
