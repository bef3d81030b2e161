package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"time"

	"llmperf.dev/llmperf"
)

// measureMemory weighs users: their heap and stacks, those of their connections
// included.
func measureMemory(s *stand, r *report, short bool) error {
	counts := []int{1000, 10_000}
	if short {
		counts = counts[:1]
	}
	for _, state := range []struct {
		name, path string
		reached    time.Duration // after the last request
	}{
		{"idle", "/stream/1/1500ms", 2500 * time.Millisecond}, // all at once, so that each has a connection of its own
		{"streaming", "/stream/1000/1s", 1500 * time.Millisecond},
	} {
		for _, users := range counts {
			at := fmt.Sprintf("Memory/state=%s/users=%d/by=", state.name, users)
			for _, c := range []struct {
				name string
				hold func(ctx context.Context, url string, users int) error
			}{{"net_http", bareUsers}, {"llmperf", ourUsers}} {
				used, err := s.weigh(users, state.reached, func(ctx context.Context) error { return c.hold(ctx, "http://"+s.address+state.path, users) })
				if err != nil {
					return fmt.Errorf("%s%s: %w", at, c.name, err)
				}
				r.add(at+c.name, users, figure{"bytes/user", used / float64(users)})
			}
			r.ratio(fmt.Sprintf("bytes per user, %d %s, llmperf / net_http", users, state.name), "bytes/user", at+"llmperf", at+"net_http")
		}
	}
	return nil
}

// weigh is the memory that hold takes a while after it has sent a request for each
// user. It is to hold them until ctx ends.
func (s *stand) weigh(users int, while time.Duration, hold func(ctx context.Context) error) (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var begin, now int
	if err := s.ask("/count", &begin); err != nil {
		return 0, err
	}
	before := inUse()
	ended := make(chan error, 1)
	go func() { ended <- hold(ctx) }()
	for now = begin; now < begin+users; time.Sleep(20 * time.Millisecond) {
		if err := s.ask("/count", &now); err != nil {
			return 0, err
		}
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("%d of %d users came: %w", now-begin, users, err)
		}
	}
	time.Sleep(while)
	used := inUse() - before
	cancel()
	return used, <-ended
}

// inUse is the memory of live objects and of goroutines' stacks.
func inUse() float64 {
	for range 5 { // of which pools keep things for two, and each halves a stack that has grown too large
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// bareUsers are goroutines that each have a connection and read what comes, in
// the smallest buffer there is.
func bareUsers(ctx context.Context, url string, users int) error {
	client := newClient()
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	for i := range users {
		all.Go(func() {
			time.Sleep(time.Duration(i) * time.Second / time.Duration(users))
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(ask)))
			if err != nil {
				return
			}
			resp, err := client.Do(req)
			if err != nil {
				return
			}
			defer resp.Body.Close()
			var one [1]byte
			for err == nil {
				_, err = resp.Body.Read(one[:])
			}
			if err == io.EOF {
				<-ctx.Done()
			}
		})
	}
	all.Wait()
	return nil
}

// ourUsers are llmperf's, in the middle of an answer or of a long pause.
func ourUsers(ctx context.Context, url string, users int) error {
	target := llmperf.HTTP{New: func(ctx context.Context, _ *llmperf.Call) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(ask)))
	}}
	_, err := llmperf.Measure(ctx, llmperf.Scenario{
		Target: target, Profile: llmperf.Steps(llmperf.Load{Users: users, Hold: time.Hour, SpawnRate: float64(users)}),
		Think: llmperf.Constant(time.Hour), Warmup: llmperf.NoWarmup, Timeout: time.Hour,
	})
	if ctx.Err() == nil {
		return errors.Join(errors.New("the users left"), err)
	}
	return nil
}
