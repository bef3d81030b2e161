package main

import (
	"encoding/json"
	"net/http"
	"runtime"
	"time"
)

// A stand is where contenders are measured: the server, and a connection to ask
// it what it saw.
type stand struct {
	address string
	control *http.Client
}

// ask asks the server for figures of its own.
func (s *stand) ask(path string, v any) error {
	resp, err := s.control.Get("http://" + s.address + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(v)
}

// newClient is a client as llmperf's own is: a connection for every user, kept
// alive.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 0
	transport.MaxIdleConnsPerHost = 1 << 20
	return &http.Client{Transport: transport}
}

// spent is the processor time that f takes.
func spent(f func() error) (time.Duration, error) {
	runtime.GC()
	before := cpu()
	err := f()
	return cpu() - before, err
}
