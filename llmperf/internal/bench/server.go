package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The server is made to be cheap and to know what it did, not to be a web server:
// it reads requests as the contenders send them and writes answers made before.
//
//	/whole/...              a chat completion at once
//	/stream/<n>/<gap>/...   a stream of n tokens, the first and each other after gap
//	/count                  how many of the requests above it was sent, as JSON
//	/events                 how many tokens it has written, as JSON
//	/cpu                    the processor time it has taken in nanoseconds, as JSON
//	/record                 the streams it has written since it was last asked, as JSON

// A streamRecord is what the server knows of a stream. Times are nanoseconds of
// the wall clock, which both processes read.
type streamRecord struct {
	Origin string
	Read   int64 // the request was read
	First  int64 // the first token was about to be written
	Last   int64 // the last one
	Tokens int
}

// originHeader names a stream, in lower case.
const originHeader = "llmperf-origin"

// anEvent is a chat chunk of ordinary length.
const anEvent = `data: {"id":"chatcmpl-9d1f0c5e7ab24d3b8f6610c2e4a7b935","object":"chat.completion.chunk","created":1764000100,` +
	`"model":"llama-3.1-8b-instruct","choices":[{"index":0,"delta":{"content":" harbor"},"logprobs":null,"finish_reason":null,"token_ids":null}]}` + "\n\n"

const lastEvents = `data: {"id":"chatcmpl-9d1f0c5e7ab24d3b8f6610c2e4a7b935","object":"chat.completion.chunk","created":1764000100,` +
	`"model":"llama-3.1-8b-instruct","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"

const wholeAnswer = `{"id":"chatcmpl-9d1f0c5e7ab24d3b8f6610c2e4a7b935","object":"chat.completion","created":1764000100,"model":"llama-3.1-8b-instruct",` +
	`"choices":[{"index":0,"message":{"role":"assistant","content":"The harbour opens at six."},"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":12,"completion_tokens":6,"total_tokens":18}}`

var (
	streamHead = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	token      = chunked(anEvent)
	firstToken = append(bytes.Clone(streamHead), token...)
	streamTail = append(chunked(lastEvents), "0\r\n\r\n"...)
	whole      = answer(wholeAnswer)
)

func chunked(text string) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(text), text) }

func answer(text string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
}

// A server answers until its connections are closed.
type server struct {
	requests atomic.Int64
	events   atomic.Int64

	mu      sync.Mutex
	records []streamRecord
}

// serve serves until in ends; the address goes to out.
func serve(in io.Reader, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, listener.Addr())
	go new(server).accept(listener)
	_, _ = io.Copy(io.Discard, in)
	return listener.Close()
}

func (s *server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go s.converse(conn)
	}
}

// converse answers the requests of a connection until it is closed or breaks.
func (s *server) converse(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 2<<10)
	for {
		path, origin, err := readRequest(in)
		if err != nil {
			return
		}
		if err := s.answer(conn, path, origin); err != nil {
			return
		}
	}
}

// readRequest reads a request to its end.
func readRequest(in *bufio.Reader) (path, origin string, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return "", "", err
	}
	parts := bytes.SplitN(line, []byte(" "), 3)
	if len(parts) < 3 {
		return "", "", fmt.Errorf("no request: %q", line)
	}
	path, length := string(parts[1]), 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return "", "", err
		}
		name, value, more := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(": "))
		switch {
		case !more && len(name) == 0:
			_, err := in.Discard(length)
			return path, origin, err
		case len(name) == len("content-length") && strings.EqualFold(string(name), "content-length"):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return "", "", err
			}
		case len(name) == len(originHeader) && strings.EqualFold(string(name), originHeader):
			origin = string(value)
		}
	}
}

func (s *server) answer(conn net.Conn, path, origin string) error {
	kind, rest, _ := strings.Cut(path[1:], "/")
	switch kind {
	case "whole":
		s.requests.Add(1)
		_, err := conn.Write(whole)
		return err
	case "stream":
		s.requests.Add(1)
		var n int
		tokens, rest, _ := strings.Cut(rest, "/")
		gap, _, _ := strings.Cut(rest, "/")
		n, err := strconv.Atoi(tokens)
		if err != nil {
			return err
		}
		every, err := time.ParseDuration(gap)
		if err != nil {
			return err
		}
		return s.stream(conn, origin, n, every)
	case "count":
		return reply(conn, s.requests.Load())
	case "events":
		return reply(conn, s.events.Load())
	case "cpu":
		return reply(conn, int64(cpu()))
	case "record":
		s.mu.Lock()
		records := s.records
		s.records = nil
		s.mu.Unlock()
		return reply(conn, records)
	}
	return fmt.Errorf("no such path: %s", path)
}

func reply(conn net.Conn, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = conn.Write(answer(string(data)))
	return err
}

// stream writes n tokens, each at its time since the request was read.
func (s *server) stream(conn net.Conn, origin string, n int, gap time.Duration) error {
	read := time.Now()
	record := streamRecord{Origin: origin, Read: read.UnixNano(), Tokens: n}
	for i := range n {
		time.Sleep(time.Until(read.Add(time.Duration(i+1) * gap)))
		text := token
		record.Last = time.Now().UnixNano()
		if i == 0 {
			text, record.First = firstToken, record.Last
		}
		if _, err := conn.Write(text); err != nil {
			return err
		}
		s.events.Add(1)
	}
	s.mu.Lock()
	s.records = append(s.records, record)
	s.mu.Unlock()
	_, err := conn.Write(streamTail)
	return err
}
