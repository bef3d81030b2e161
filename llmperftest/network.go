package llmperftest

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"llmperf.dev/llmperftest/internal/memnet"
	"llmperf.dev/llmperftest/internal/push"
)

// An Option says how a server or service is reached.
//
// In a testing/synctest bubble, servers listen in memory, since a bubble's clock
// stands still while anyone waits for a socket; elsewhere they listen on
// loopback. In memory, the clients of one test's servers reach all of them, by
// their URLs, and nothing else.
type Option interface{ apply(*options) }

type options struct{ wire *Wire }

// Wire is the in-memory network with net/http on both ends of every connection,
// which may be slow or far. Outside of a bubble it takes the place of loopback.
//
// Without it, the client of a server in a bubble has net/http's server and a
// client that is called when the server writes instead of woken, which makes a
// token several times cheaper. The two give the same results. Wire is for a
// network with a latency, and for handlers that must feel a slow reader: its
// connections hold 64 KiB, like a socket, where the other's hold 16 MiB.
type Wire struct {
	Latency   time.Duration // one way, of every byte; a dial costs two. Rounded up to a multiple of 20 µs
	Bandwidth float64       // bytes per second, each way of each connection; 0 for no limit
}

func (w Wire) apply(o *options) { o.wire = &w }

// inBubble reports whether the caller runs in a testing/synctest bubble, whose
// clock has no monotonic reading.
func inBubble() bool {
	now := time.Now()
	return now == now.Round(0)
}

// start serves h until the test ends, in memory or on loopback, and returns its
// URL and a client for it.
func start(t testing.TB, h http.Handler, opts []Option) (url string, client *http.Client) {
	t.Helper()
	var o options
	for _, opt := range opts {
		opt.apply(&o)
	}
	if w := o.wire; w != nil && (w.Latency < 0 || w.Bandwidth != 0 && !(w.Bandwidth >= 1) || math.IsInf(w.Bandwidth, 1)) {
		t.Fatalf("llmperftest: Wire.Latency is %v and Bandwidth %v: want a time of at least 0, and at least 1 byte per second or 0 for no limit", w.Latency, w.Bandwidth)
	}
	if o.wire == nil && !inBubble() {
		return startLoopback(t, h)
	}
	return networkOf(t).start(t, h, o.wire)
}

func startLoopback(t testing.TB, h http.Handler) (url string, client *http.Client) {
	server := httptest.NewServer(h)
	transport := &http.Transport{MaxIdleConnsPerHost: 1 << 20}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL, &http.Client{Transport: withOrigin{transport}}
}

// A network holds the servers that one test has in memory. Their addresses are
// loopback's lowest ports, where nothing listens for real, so that a client
// that is none of theirs is refused at once.
type network struct {
	mu    sync.Mutex
	hosts map[string]host // by address
}

// A host is one server in memory: one of its listeners is set.
type host struct {
	push *push.Listener
	wire *memnet.Listener
}

var (
	networksMu sync.Mutex
	networks   = map[testing.TB]*network{}
)

func networkOf(t testing.TB) *network {
	networksMu.Lock()
	defer networksMu.Unlock()
	n := networks[t]
	if n == nil {
		n = &network{hosts: map[string]host{}}
		networks[t] = n
		t.Cleanup(func() {
			networksMu.Lock()
			defer networksMu.Unlock()
			delete(networks, t)
		})
	}
	return n
}

func (n *network) start(t testing.TB, h http.Handler, wire *Wire) (url string, client *http.Client) {
	n.mu.Lock()
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: len(n.hosts) + 1}
	var listener net.Listener
	var added host
	if wire == nil {
		added.push = push.NewListener(addr)
		listener = added.push
	} else {
		added.wire = memnet.Listen(addr, memnet.Link(*wire))
		listener = added.wire
	}
	n.hosts[addr.String()] = added
	n.mu.Unlock()

	server := &http.Server{Handler: h}
	if wire == nil {
		server.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, pushed{}, c) }
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Printf("llmperftest: %v", err)
		}
	}()
	transport := n.transport()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		<-ended
		if inBubble() {
			time.Sleep(linger)
		}
	})
	return "http://" + addr.String(), &http.Client{Transport: withOrigin{transport}}
}

// linger is the virtual time that a closed server's handlers, and net/http's
// connections, get to end in: a bubble cannot end before they have.
const linger = time.Second

// pushed is the key of the connection in the context of a request whose response
// is pushed: writing to it does not block.
type pushed struct{}

func (n *network) transport() *either {
	return &either{
		network: n,
		push: &push.Transport{Find: func(address string) (*push.Listener, error) {
			h, err := n.find(address)
			return h.push, err
		}},
		wire: &http.Transport{MaxIdleConnsPerHost: 1 << 20, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			h, err := n.find(address)
			if err != nil {
				return nil, err
			}
			return h.wire.Dial(ctx)
		}},
	}
}

// An either sends each request over the network of the server that it is for.
type either struct {
	network *network
	push    *push.Transport
	wire    *http.Transport
}

func (e *either) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL != nil {
		if h, err := e.network.find(req.URL.Host); err == nil && h.wire != nil {
			return e.wire.RoundTrip(req)
		}
	}
	return e.push.RoundTrip(req)
}

func (e *either) CloseIdleConnections() {
	e.push.CloseIdleConnections()
	e.wire.CloseIdleConnections()
}

// find returns the server of an address.
func (n *network) find(address string) (host, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h, ok := n.hosts[address]; ok {
		return h, nil
	}
	return host{}, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("%s is none of this test's servers in memory, and their clients reach nothing else", address)}
}
