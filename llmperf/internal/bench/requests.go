package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/rakyll/hey/requester"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"llmperf.dev/llmperf"
)

// ask is what all contenders send.
const ask = `{"model":"llama-3.1-8b-instruct","messages":[{"role":"user","content":"When does the harbour open, and who has the key?"}],"stream":true}`

// users is how many requests are in flight at once where requests are counted.
const users = 64

// A requesterFunc sends requests to url, one after the other for each user, for so
// long.
type requesterFunc func(url string, hold time.Duration) error

// measureRequests counts requests per second of the generator's processor time,
// on answers that come at once.
func measureRequests(s *stand, r *report, short bool) error {
	rounds, hold := 5, time.Second
	if short {
		rounds = 3
	}
	contenders := []struct {
		name string
		run  requesterFunc
	}{
		{"net_http", bareRequests}, {"net_http_timeout", timedRequests}, {"llmperf", ourRequests}, {"llmperf_client", ourRequestsByClient}, {"llmperf_openai", ourChats},
		{"vegeta", vegetaRequests}, {"hey", heyRequests},
	}
	for round := range rounds {
		for i := range contenders {
			c := contenders[(i+round)%len(contenders)]
			var before, after int
			if err := s.ask("/count", &before); err != nil {
				return err
			}
			took, err := spent(func() error { return c.run("http://"+s.address+"/whole/"+c.name, hold) })
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if err := s.ask("/count", &after); err != nil {
				return err
			}
			if after == before {
				return fmt.Errorf("%s sent nothing", c.name)
			}
			r.add("Requests/by="+c.name, after-before, figure{"requests/cpu-s", float64(after-before) / took.Seconds()})
		}
	}
	for _, c := range contenders[1:] {
		r.ratio("requests per CPU second, "+c.name+" / net_http", "requests/cpu-s", "Requests/by="+c.name, "Requests/by=net_http")
	}
	for _, yardstick := range []string{"net_http_timeout", "vegeta", "hey"} {
		r.ratio("requests per CPU second, llmperf / "+yardstick, "requests/cpu-s", "Requests/by=llmperf", "Requests/by="+yardstick)
	}
	return nil
}

// bareRequests is a loop of net/http and nothing else.
func bareRequests(url string, hold time.Duration) error { return loop(url, hold, 0) }

// timedRequests is the same with a timeout of its own for each request.
func timedRequests(url string, hold time.Duration) error { return loop(url, hold, time.Minute) }

func loop(url string, hold, timeout time.Duration) error {
	run := context.Background()
	if timeout > 0 { // of a run that can be stopped
		var stop context.CancelFunc
		run, stop = context.WithCancel(run)
		defer stop()
	}
	client := newClient()
	defer client.CloseIdleConnections()
	end := time.Now().Add(hold)
	return each(users, func(int) error {
		for time.Now().Before(end) {
			ctx, cancel := run, func() {}
			if timeout > 0 {
				ctx, cancel = context.WithTimeout(run, timeout)
			}
			err := post(ctx, client, url)
			cancel()
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// post sends one request and reads the answer to its end.
func post(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(ask)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// each runs f for n users at once and returns their errors.
func each(n int, f func(i int) error) error {
	var all sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// ourRequests is llmperf, with a request that its user makes.
func ourRequests(url string, hold time.Duration) error { return ourRequestsBy(nil, url, hold) }

// ourRequestsByClient is the same with a client of the user's own.
func ourRequestsByClient(url string, hold time.Duration) error {
	client := newClient()
	defer client.CloseIdleConnections()
	return ourRequestsBy(client, url, hold)
}

func ourRequestsBy(client *http.Client, url string, hold time.Duration) error {
	body := []byte(ask)
	return ours(users, hold, llmperf.HTTP{Client: client, New: func(ctx context.Context, _ *llmperf.Call) (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err == nil {
			req.Header.Set("Content-Type", "application/json")
		}
		return req, err
	}})
}

// ourChats is llmperf, with a target that makes the request up and reads the
// answer.
func ourChats(url string, hold time.Duration) error {
	return ours(users, hold, llmperf.OpenAI{BaseURL: url, Model: "llama-3.1-8b-instruct", NoStream: true})
}

func ours(users int, hold time.Duration, target llmperf.Target) error {
	res, err := llmperf.Measure(context.Background(), llmperf.Scenario{
		Target: target, Profile: llmperf.Steps(llmperf.Load{Users: users, Hold: hold, SpawnRate: 1e6}),
		Think: llmperf.NoThink, Warmup: llmperf.NoWarmup,
	})
	if err == nil && res.Total.Failed > 0 {
		err = fmt.Errorf("%d of %d requests failed: %s", res.Total.Failed, res.Total.Requests, res.Total.Examples[0])
	}
	return err
}

// vegetaRequests is vegeta's library, at the highest rate it can.
func vegetaRequests(url string, hold time.Duration) error {
	attacker := vegeta.NewAttacker(vegeta.Workers(users), vegeta.MaxWorkers(users), vegeta.Connections(users))
	defer attacker.Stop()
	targeter := vegeta.NewStaticTargeter(vegeta.Target{
		Method: http.MethodPost, URL: url, Body: []byte(ask), Header: http.Header{"Content-Type": {"application/json"}},
	})
	var metrics vegeta.Metrics
	for res := range attacker.Attack(targeter, vegeta.Rate{}, hold, "") {
		metrics.Add(res)
	}
	metrics.Close()
	if metrics.Success < 1 {
		return fmt.Errorf("only %v of the requests succeeded: %v", metrics.Success, metrics.Errors)
	}
	return nil
}

// heyRequests is hey's requester.
func heyRequests(url string, hold time.Duration) error {
	req, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.ContentLength = int64(len(ask))
	work := &requester.Work{Request: req, RequestBody: []byte(ask), N: 1 << 30, C: users, Timeout: 20, Writer: io.Discard}
	work.Init()
	time.AfterFunc(hold, work.Stop)
	work.Run()
	return nil
}
