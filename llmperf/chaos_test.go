package llmperf_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// A ledger is a target that notes each request that is begun.
type ledger struct {
	llmperf.Target

	mu    sync.Mutex
	begun map[requestID]int
}

// A requestID is a user and the number of its request.
type requestID struct{ user, number int }

func (l *ledger) Send(ctx context.Context, c *llmperf.Call) error {
	l.mu.Lock()
	l.begun[requestID{c.User(), c.Number()}]++
	l.mu.Unlock()
	return l.Target.Send(ctx, c)
}

// onceEach fails the test for what was not counted exactly once.
func onceEach(t *testing.T, what string, counts map[requestID]int) {
	t.Helper()
	for id, n := range counts {
		if n != 1 {
			t.Errorf("request %d of user %d was %s %d times", id.number, id.user, what, n)
		}
	}
}

// account runs a scenario to its end and checks that every request that was begun
// is told and counted once, as a success or under one class. It returns how many
// were told of each; those of successes are under "".
func account(t *testing.T, s llmperf.Scenario) (told map[string]int, res *llmperf.Result, err error) {
	t.Helper()
	book := &ledger{Target: s.Target, begun: map[requestID]int{}}
	s.Target = book
	var samples []llmperf.Sample
	s.Observers = append(s.Observers, llmperf.Observer{Sample: func(s llmperf.Sample) { samples = append(samples, s) }})
	res, err = llmperf.Measure(t.Context(), s)
	require.NotNil(t, res, "%v", err)

	told = map[string]int{}
	sent, all := map[requestID]int{}, map[requestID]int{}
	measured, ofSteps := map[string]int{}, make([]int, len(res.Steps))
	for _, sample := range samples {
		id := requestID{sample.User, sample.Number}
		all[id]++
		told[sample.Failure]++
		if sample.Dispatched != 0 {
			sent[id]++
		} else {
			assert.Contains(t, []string{"not_sent", "unfinished"}, sample.Failure, "of what was not sent")
		}
		for i, step := range res.Steps {
			if sample.Sent >= step.From && sample.Sent < step.Until {
				ofSteps[i]++
				measured[sample.Failure]++
			}
		}
	}
	onceEach(t, "begun", book.begun)
	onceEach(t, "told", all)
	assert.Equal(t, book.begun, sent, "what was begun, and what is told to have been sent")
	assert.Equal(t, len(sent), res.Spent.Requests, "and what was spent")

	requests := 0
	for i, step := range res.Steps {
		assert.Equal(t, ofSteps[i], step.Requests, step.Name)
		requests += step.Requests
	}
	assert.Equal(t, requests, res.Total.Requests, "the steps make up the run")
	succeeded := measured[""]
	delete(measured, "")
	failures := res.Total.Failures
	if failures == nil {
		failures = map[string]int{}
	}
	assert.Equal(t, measured, failures)
	assert.Equal(t, succeeded, res.Total.Succeeded())
	return told, res, err
}

// good is an answer of the chat API as it is on the wire, in chunks.
var good = func() string {
	var text strings.Builder
	text.WriteString("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	for _, event := range []string{
		`data: {"choices":[{"delta":{"content":"Fog"}}]}`, `data: {"choices":[{"delta":{"content":" horn"},"finish_reason":"stop"}]}`, `data: [DONE]`,
	} {
		fmt.Fprintf(&text, "%x\r\n%s\n\n\r\n", len(event)+2, event)
	}
	text.WriteString("0\r\n\r\n")
	return text.String()
}()

// A wild server speaks HTTP as far as it likes: misbehave is what it does for its
// n-th request, 0-based, and returns whether the connection goes on.
type wild struct {
	addr      string
	misbehave func(conn *net.TCPConn, n int) bool

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
	alive    sync.WaitGroup
	stopped  chan struct{}

	requests atomic.Int64
	seen     map[string]int // requests by where they come from
}

// goWild starts a wild server.
func goWild(t *testing.T, misbehave func(conn *net.TCPConn, n int) bool) *wild {
	w := &wild{addr: "127.0.0.1:0", misbehave: misbehave, conns: map[net.Conn]bool{}, seen: map[string]int{}, stopped: make(chan struct{})}
	require.NoError(t, w.listen())
	t.Cleanup(func() {
		close(w.stopped)
		w.kill()
		w.alive.Wait()
	})
	return w
}

// listen begins to accept connections, at the same address again.
func (w *wild) listen() error {
	l, err := net.Listen("tcp", w.addr)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.addr, w.listener = l.Addr().String(), l
	w.alive.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			w.mu.Lock()
			w.conns[conn] = true
			w.mu.Unlock()
			w.alive.Go(func() { w.serve(conn.(*net.TCPConn)) })
		}
	})
	return nil
}

// kill closes everything at once.
func (w *wild) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listener.Close()
	for conn := range w.conns {
		conn.Close()
	}
}

func (w *wild) serve(conn *net.TCPConn) {
	defer func() {
		conn.Close()
		w.mu.Lock()
		delete(w.conns, conn)
		w.mu.Unlock()
	}()
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.mu.Lock()
		w.seen[r.Header.Get(llmperf.OriginHeader)]++
		w.mu.Unlock()
		if !w.misbehave(conn, int(w.requests.Add(1)-1)) {
			return
		}
	}
}

// hold keeps a connection open until the client has gone or the server stops.
func (w *wild) hold(conn net.Conn) bool {
	go func() {
		<-w.stopped
		conn.Close()
	}()
	io.Copy(io.Discard, conn)
	return false
}

func say(conn net.Conn, text string) bool {
	_, err := io.WriteString(conn, text)
	return err == nil
}

// reset breaks a connection with a RST.
func reset(conn *net.TCPConn) bool {
	conn.SetLinger(0)
	conn.Close()
	return false
}

// goMute starts a server that accepts connections and neither reads nor writes.
func goMute(t *testing.T) (addr string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var conns []net.Conn
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns = append(conns, conn)
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-over
		for _, conn := range conns {
			conn.Close()
		}
	})
	return listener.Addr().String()
}

// A watch counts the connections that are open.
type watch struct{ open atomic.Int64 }

type watchedConn struct {
	*net.TCPConn
	once sync.Once
	open *atomic.Int64
}

func (c *watchedConn) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.TCPConn.Close()
}

// dial makes a connection that is watched.
func (w *watch) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	w.open.Add(1)
	return &watchedConn{TCPConn: conn.(*net.TCPConn), open: &w.open}, nil
}

// none checks that no connection is left.
func (w *watch) none(t *testing.T) {
	t.Helper()
	assert.Eventually(t, func() bool { return w.open.Load() == 0 }, 10*time.Second, time.Millisecond, "no connection is left")
}

// A watchedClient is a client whose connections are watched.
type watchedClient struct {
	http.Client
	watch
}

func newWatchedClient() *watchedClient {
	c := &watchedClient{}
	c.Transport = &http.Transport{MaxIdleConnsPerHost: 1 << 20, DialContext: c.dial}
	return c
}

// letGo checks that no connection is left.
func (c *watchedClient) letGo(t *testing.T) {
	t.Helper()
	c.CloseIdleConnections()
	c.none(t)
}

// chaosLoads are the loops that every chaos is put to.
var chaosLoads = map[string]llmperf.Profile{
	"closed": llmperf.Steps(llmperf.Load{Users: 8, Hold: 80 * time.Millisecond}, llmperf.Load{Users: 16, Hold: 200 * time.Millisecond}),
	"open":   llmperf.Steps(llmperf.Load{Rate: 200, Hold: 80 * time.Millisecond}, llmperf.Load{Rate: 400, Hold: 200 * time.Millisecond}),
}

// chatAt makes a target for a URL.
func chatAt(url string) func(client *http.Client) llmperf.Target {
	return func(client *http.Client) llmperf.Target {
		return llmperf.OpenAI{BaseURL: url, Model: "m", Client: client}
	}
}

// chaoticBothWays is chaotic by a client and, since targets have their own way then,
// without one.
func chaoticBothWays(t *testing.T, timeout time.Duration, target func(client *http.Client) llmperf.Target, classes ...string) {
	t.Helper()
	t.Run("client", func(t *testing.T) { chaotic(t, timeout, target, classes...) })
	t.Run("no client", func(t *testing.T) {
		var connections watch
		restore := llmperf.DialBy(connections.dial)
		chaotic(t, timeout, func(*http.Client) llmperf.Target { return target(nil) }, classes...)
		restore()
		connections.none(t)
	})
}

// mostRounds is how often a machine that is busy with other things may be too late
// for what is to come of a run of a quarter of a second.
const mostRounds = 10

// chaotic runs both loops against a target and checks that nothing else but the
// given classes came of it. Every class must come in one of them at least, but for
// those that begin with a question mark; the loops are run again until they have.
func chaotic(t *testing.T, timeout time.Duration, target func(client *http.Client) llmperf.Target, classes ...string) {
	t.Helper()
	may, missing := map[string]bool{"unfinished": true, "not_sent": true}, map[string]bool{}
	for _, class := range classes {
		may[strings.TrimPrefix(class, "?")] = true
		missing[class] = !strings.HasPrefix(class, "?")
	}
	for round := 0; round == 0 || round < mostRounds && slices.Contains(slices.Collect(maps.Values(missing)), true); round++ {
		for _, loop := range slices.Sorted(maps.Keys(chaosLoads)) {
			if testing.Short() && loop == "open" {
				continue
			}
			t.Run(loop, func(t *testing.T) {
				client := newWatchedClient()
				told, res, err := account(t, llmperf.Scenario{
					Target: target(&client.Client), Profile: chaosLoads[loop], Warmup: llmperf.NoWarmup, Think: llmperf.Between(0, 4*time.Millisecond), Timeout: timeout,
				})
				client.letGo(t)
				for class := range told {
					missing[class] = false
					assert.True(t, may[class], "%d of class %q: %v", told[class], class, res.Total.Examples)
				}
				if err != nil {
					assert.Zero(t, told[""], "what is answered in part is not hopeless: %v", err)
				}
			})
		}
	}
	for class := range missing {
		assert.False(t, missing[class], "class %q did not come", class)
	}
}

const ample = 30 * time.Second // more than anything takes that is answered

// TestChaosOnTheWire: whatever a server does to a response, each request that was
// begun is counted once, in its class.
func TestChaosOnTheWire(t *testing.T) {
	log.SetOutput(io.Discard) // where net/http writes what nobody asked for
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	body := strings.Index(good, "\r\n\r\n") + 4
	every := func(k int, bad func(*net.TCPConn, int) bool) func(*wild) func(*net.TCPConn, int) bool {
		return func(*wild) func(*net.TCPConn, int) bool {
			return func(conn *net.TCPConn, n int) bool {
				if n%k == 0 {
					return bad(conn, n/k)
				}
				return say(conn, good)
			}
		}
	}
	tests := []struct {
		name      string
		timeout   time.Duration
		misbehave func(*wild) func(*net.TCPConn, int) bool
		classes   []string
		reason    string
	}{
		{"well", ample, every(1, func(c *net.TCPConn, _ int) bool { return say(c, good) }), []string{""}, "for comparison"},
		{"closed before", ample, every(3, func(*net.TCPConn, int) bool { return false }), []string{"", "reset"}, "no response"},
		{"reset before", ample, every(3, func(c *net.TCPConn, _ int) bool { return reset(c) }), []string{"", "reset"}, "no response"},
		{"reset within", ample, every(3, func(c *net.TCPConn, _ int) bool { say(c, good[:body+20]); return reset(c) }), []string{"", "truncated", "?reset"}, "a RST may overtake what came before it"},
		{"closed after each", ample, every(1, func(c *net.TCPConn, _ int) bool { say(c, good); return false }), []string{"", "?reset"}, "an answer is whole; its connection may be taken once more"},
		{"cut at each place", ample, every(2, func(c *net.TCPConn, n int) bool { say(c, good[:n%len(good)]); return false }), []string{"", "reset", "?truncated", "?malformed"}, "a line of the header that is cut looks wrong"},
		{"cut within the body", ample, every(2, func(c *net.TCPConn, n int) bool { say(c, good[:body+n%(len(good)-body-7)]); return false }), []string{"", "truncated"}, "it had begun"},
		{"no answer", 150 * time.Millisecond, func(w *wild) func(*net.TCPConn, int) bool {
			return every(5, func(c *net.TCPConn, _ int) bool { return w.hold(c) })(w)
		}, []string{"", "timeout"}, "a stall"},
		{"no more of it", 150 * time.Millisecond, func(w *wild) func(*net.TCPConn, int) bool {
			return every(5, func(c *net.TCPConn, n int) bool { say(c, good[:n*7%len(good)]); return w.hold(c) })(w)
		}, []string{"", "timeout"}, "a stall within"},
		{"byte by byte", ample, every(4, func(c *net.TCPConn, _ int) bool {
			for i := range len(good) {
				if !say(c, good[i:i+1]) {
					return false
				}
			}
			return true
		}), []string{""}, "slow is not wrong"},
		{"byte by byte, and too slow", 150 * time.Millisecond, every(4, func(c *net.TCPConn, _ int) bool {
			for i := range len(good) {
				time.Sleep(2 * time.Millisecond)
				if !say(c, good[i:i+1]) {
					return false
				}
			}
			return true
		}), []string{"", "timeout"}, "unless it takes too long"},
		{"garbage", ample, every(3, func(c *net.TCPConn, n int) bool {
			say(c, strings.Repeat(string(rune('A'+n%26)), 200)+"\r\n\r\n")
			return false
		}), []string{"", "malformed"}, "not HTTP"},
		{"two answers", ample, every(3, func(c *net.TCPConn, _ int) bool { return say(c, good+good) }), []string{"", "?reset"}, "the second is nobody's, and its connection is given up"},
		{"informational", ample, every(2, func(c *net.TCPConn, _ int) bool {
			return say(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"+good)
		}), []string{""}, "what comes before the answer is none"},
		{"switching protocols", ample, func(w *wild) func(*net.TCPConn, int) bool {
			return every(3, func(c *net.TCPConn, _ int) bool {
				say(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
				return w.hold(c)
			})(w)
		}, []string{"", "status 101"}, "nobody asked for it"},
		{"statuses", ample, every(2, func(c *net.TCPConn, n int) bool {
			return say(c, fmt.Sprintf("HTTP/1.1 %d Odd\r\nContent-Length: 0\r\n\r\n", []int{204, 304, 404, 429, 503, 999}[n%6]))
		}), []string{"", "status 304", "status 404", "status 429", "status 503", "status 999", "malformed"}, "an answer without content is not a stream"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var w *wild
			w = goWild(t, func(conn *net.TCPConn, n int) bool { return tt.misbehave(w)(conn, n) })
			chaoticBothWays(t, tt.timeout, chatAt("http://"+w.addr), tt.classes...)
			w.mu.Lock()
			defer w.mu.Unlock()
			for origin, n := range w.seen {
				assert.Equal(t, 1, n, "the server saw %s once", origin)
			}
		})
	}
}

// TestChaosOfRedirects has a test of its own since the server sees a request more
// than once.
func TestChaosOfRedirects(t *testing.T) {
	w := goWild(t, func(conn *net.TCPConn, n int) bool {
		if n%40 == 0 {
			return say(conn, good)
		}
		return say(conn, "HTTP/1.1 307 Temporary Redirect\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")
	})
	chaoticBothWays(t, ample, chatAt("http://"+w.addr), "", "status 307")
}

// TestChaosOfAServerThatIsKilledAndComesBack, again and again while the load goes on;
// first when it has answered, so that no run begins without hope.
func TestChaosOfAServerThatIsKilledAndComesBack(t *testing.T) {
	w := goWild(t, func(conn *net.TCPConn, _ int) bool {
		time.Sleep(time.Millisecond)
		return say(conn, good)
	})
	begin, stop := make(chan chan bool), make(chan bool)
	var killing sync.WaitGroup
	killing.Go(func() {
		down, answered := false, int64(0)
		listen := func() {
			if err := w.listen(); err != nil {
				t.Error(err)
			}
			down = false
		}
		change := time.NewTicker(70 * time.Millisecond)
		defer change.Stop()
		for {
			select {
			case <-stop:
				return
			case begun := <-begin:
				if down {
					listen()
				}
				answered = w.requests.Load()
				close(begun)
			case <-change.C:
				switch {
				case down:
					listen()
				case w.requests.Load() >= answered+20:
					w.kill()
					down = true
				}
			}
		}
	})
	chaoticBothWays(t, ample, func(client *http.Client) llmperf.Target {
		begun := make(chan bool)
		begin <- begun
		<-begun
		return chatAt("http://" + w.addr)(client)
	}, "", "connect", "?reset", "?truncated", "?malformed")
	close(stop)
	killing.Wait()
}

// TestChaosBeforeTheFirstByte: names, connections and handshakes that come to
// nothing.
func TestChaosBeforeTheFirstByte(t *testing.T) {
	plain := goWild(t, func(conn *net.TCPConn, _ int) bool { return say(conn, good) })
	mute := goMute(t)
	web := httptest.NewUnstartedServer(http.NotFoundHandler())
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.Start()
	t.Cleanup(web.Close)
	gone := goWild(t, nil)
	gone.kill()
	var count atomic.Int64
	// now and then something else is dialled than what is asked for.
	dialling := func(client *http.Client, bad func(ctx context.Context) (net.Conn, error)) *http.Client {
		transport := client.Transport.(*http.Transport)
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if count.Add(1)%2 == 0 {
				return bad(ctx)
			}
			return dial(ctx, network, addr)
		}
		transport.DisableKeepAlives = true
		return client
	}
	to := func(url string, change func(*http.Client) *http.Client) func(*http.Client) llmperf.Target {
		return func(client *http.Client) llmperf.Target {
			return llmperf.OpenAI{BaseURL: url, Model: "m", Client: change(client)}
		}
	}
	as := func(c *http.Client) *http.Client { return c }
	failing := func(err error) func(*http.Client) *http.Client {
		return func(c *http.Client) *http.Client {
			return dialling(c, func(context.Context) (net.Conn, error) { return nil, err })
		}
	}
	tests := []struct {
		name    string
		timeout time.Duration
		target  func(*http.Client) llmperf.Target
		classes []string
		reason  string
	}{
		{"no such name", ample, to("http://"+plain.addr, failing(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "llm.example", IsNotFound: true}})), []string{"", "connect"}, "a resolver that fails now and then"},
		{"no name server", ample, to("http://"+plain.addr, failing(&net.DNSError{Err: "server misbehaving", Name: "llm.example", IsTemporary: true})), []string{"", "connect"}, "likewise"},
		{"nobody listens", ample, to("http://"+gone.addr, as), []string{"connect"}, "hopeless, and counted all the same"},
		{"a dial that hangs", 100 * time.Millisecond, to("http://"+plain.addr, func(c *http.Client) *http.Client {
			return dialling(c, func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() })
		}), []string{"", "timeout"}, "packets that are dropped"},
		{"accepted and never answered", 100 * time.Millisecond, to("http://"+mute, as), []string{"timeout"}, "half-open"},
		{"a handshake that hangs", 100 * time.Millisecond, to("https://"+mute, as), []string{"timeout"}, "it waits for the other side"},
		{"no TLS", ample, to("https://"+web.Listener.Addr().String(), as), []string{"tls"}, "HTTP where TLS was asked for"},
		{"panics of a transport", ample, func(client *http.Client) llmperf.Target {
			client.Transport = panicking{client.Transport.(*http.Transport), &count}
			return llmperf.OpenAI{BaseURL: "http://" + plain.addr, Model: "m", Client: client}
		}, []string{"", "target"}, "user code may do anything"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { chaotic(t, tt.timeout, tt.target, tt.classes...) })
	}
}

// panicking is a transport that panics at every third request.
type panicking struct {
	*http.Transport
	count *atomic.Int64
}

func (p panicking) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.count.Add(1)%3 == 0 {
		panic("broken")
	}
	return p.Transport.RoundTrip(r)
}

// TestChaosAfterTheHandshake: a TLS connection that breaks.
func TestChaosAfterTheHandshake(t *testing.T) {
	known := httptest.NewUnstartedServer(nil)
	known.StartTLS() // which has a certificate
	roots := x509.NewCertPool()
	roots.AddCert(known.Certificate())
	config := known.TLS.Clone()
	config.NextProtos = nil
	known.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	require.NoError(t, err)
	var alive sync.WaitGroup
	alive.Go(func() {
		for n := 0; ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			alive.Go(func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				r, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				io.Copy(io.Discard, r.Body)
				switch n % 3 {
				case 0:
					say(conn, strings.Replace(good, "Transfer", "Connection: close\r\nTransfer", 1))
				case 1: // bytes that are no record
					say(conn.(*tls.Conn).NetConn(), strings.Repeat("x", 100))
				}
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		alive.Wait()
	})
	chaotic(t, ample, func(client *http.Client) llmperf.Target {
		client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
		return llmperf.OpenAI{BaseURL: "https://" + listener.Addr().String(), Model: "m", Client: client}
	}, "", "tls", "reset", "?timeout") // handshakes take a busy machine long
}

// TestChaosAmongObservers: one that panics, or ends its goroutine, ends the run,
// whose result holds what was until then.
func TestChaosAmongObservers(t *testing.T) {
	for name, o := range map[string]llmperf.Observer{
		"start":  {Start: func(llmperf.Scenario) { panic("at the start") }},
		"sample": {Sample: func(s llmperf.Sample) { panic(fmt.Sprintf("of user %d", s.User)) }},
		"step":   {Step: func(llmperf.Step) { panic(errors.New("of a step")) }},
		"stop":   {Stop: func(*llmperf.Result) { panic("at the end") }},
	} {
		t.Run(name, func(t *testing.T) {
			w := goWild(t, func(conn *net.TCPConn, _ int) bool { return say(conn, good) })
			client := newWatchedClient()
			book := &ledger{Target: llmperf.OpenAI{BaseURL: "http://" + w.addr, Model: "m", Client: &client.Client}, begun: map[requestID]int{}}
			res, err := llmperf.Measure(t.Context(), llmperf.Scenario{
				Target: book, Profile: chaosLoads["closed"], Warmup: llmperf.NoWarmup, Think: llmperf.Constant(5 * time.Millisecond), Observers: []llmperf.Observer{o, {}},
			})
			require.ErrorContains(t, err, "an observer panicked: ")
			client.letGo(t)
			onceEach(t, "begun", book.begun)
			assert.Equal(t, len(book.begun), res.Spent.Requests, "what was begun is counted, seen or not")
		})
	}
}

// TestChaosInTheWarmup: what is not measured is counted as well.
func TestChaosInTheWarmup(t *testing.T) {
	w := goWild(t, func(conn *net.TCPConn, n int) bool {
		if n%3 == 0 {
			return reset(conn)
		}
		return say(conn, good)
	})
	var failed, succeeded int
	for round := 0; round < mostRounds && (failed == 0 || succeeded == 0); round++ {
		client := newWatchedClient()
		_, res, err := account(t, llmperf.Scenario{
			Target:  llmperf.OpenAI{BaseURL: "http://" + w.addr, Model: "m", Client: &client.Client},
			Profile: chaosLoads["closed"], Warmup: 200 * time.Millisecond, Think: llmperf.Constant(2 * time.Millisecond), Timeout: ample,
		})
		require.NoError(t, err)
		client.letGo(t)
		failed, succeeded = failed+res.Warmup.Failures["reset"], succeeded+res.Warmup.Succeeded()
	}
	assert.Positive(t, failed)
	assert.Positive(t, succeeded)
}

// TestWhatIsSentBeforeAStepIsKnownCounts: observers hold up the steering of the
// load, so that requests of a step have ended before it has been begun.
func TestWhatIsSentBeforeAStepIsKnownCounts(t *testing.T) {
	for _, warmup := range []time.Duration{llmperf.NoWarmup, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			_, _, err := account(t, llmperf.Scenario{
				Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { time.Sleep(time.Millisecond); return nil }),
				Profile: llmperf.Steps(
					llmperf.Load{Users: 2, Hold: 2 * time.Second}, llmperf.Load{FromUsers: 2, Users: 3, Hold: time.Second}, llmperf.Load{Users: 3, Hold: time.Second}),
				Warmup: warmup, Think: llmperf.Constant(9 * time.Millisecond),
				Observers: []llmperf.Observer{{Sample: func(llmperf.Sample) { time.Sleep(time.Millisecond) }}},
			})
			require.NoError(t, err)
		})
	}
}

// TestChaosOfATargetThatDoesNotReturn, whatever its context says: those requests
// are told as unfinished.
func TestChaosOfATargetThatDoesNotReturn(t *testing.T) {
	for name, load := range map[string]llmperf.Load{"closed": {Users: 4, Hold: time.Minute}, "open": {Rate: 5, Hold: time.Minute}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told, _, err := account(t, llmperf.Scenario{
					Target: llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
						time.Sleep(100 * time.Millisecond)
						if c.User()%4 == 3 && (load.Rate > 0 || c.Number() == 5) {
							time.Sleep(time.Hour)
						}
						return nil
					}),
					Profile: llmperf.Steps(load), Warmup: llmperf.NoWarmup, Timeout: time.Second,
				})
				time.Sleep(2 * time.Hour) // now they do
				require.ErrorContains(t, err, "a target did not return")
				assert.Positive(t, told["unfinished"])
				assert.Positive(t, told[""])
			})
		})
	}
}
