package bubble_test

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"
)

// A trap is something that a handler can do wrong in virtual time.
type trap struct {
	name   string
	reason string // why it is wrong
	// build makes what is made outside the simulation, and returns what runs in it.
	build func() simulation
	want  string // the error, with lines of code as :N and times as D
}

// A simulation is what Run is given.
type simulation func(t *testing.T, beat func())

// users is a simulation of some users who send ten requests each, a second
// apart.
func users(n int, request func()) simulation {
	return func(t *testing.T, beat func()) {
		var alive sync.WaitGroup
		for range n {
			alive.Go(func() {
				for range 10 {
					beat()
					request()
					time.Sleep(time.Second)
				}
			})
		}
		alive.Wait()
	}
}

// within is for a simulation that needs nothing from outside.
func within(s simulation) func() simulation { return func() simulation { return s } }

// Parts that several messages share.
const (
	still   = "virtual time has stood still for D: "
	clock   = ". The simulation's clock moves on only while every goroutine sleeps or waits for another goroutine of the simulation.\n"
	measure = " Or measure in real time, with llmperf.Run."

	network    = still + "a goroutine waits for a real network connection" + clock
	noNetwork  = "\nWhat to do: Give the handler the client of llmperftest.NewServer or llmperftest.Serve for what it calls, or a fake of it."
	listener   = still + "a server in the simulation listens on a real address" + clock
	serve      = "\nWhat to do: Serve the handler with llmperftest.Serve, and a model with llmperftest.NewServer: they need no network." + measure
	channel    = still + "a goroutine waits on a channel that was made outside the simulation (a context's and a timer's are channels too)" + clock
	makeIt     = "\nWhat to do: Make it inside the setup function, with whatever it belongs to, such as a worker pool, a client or a context: not in a package variable, and not before the simulation." + measure
	lock       = still + "a goroutine waits for a lock, and the lock's holder for virtual time to pass" + clock
	unlock     = "\nWhat to do: Hold no lock while waiting, be it asleep or for an answer. To limit concurrency, use a channel as semaphore." + measure
	system     = still + "a goroutine waits for a file, a pipe or another process" + clock
	before     = "\nWhat to do: Do this before the simulation, or replace it by a fake." + measure
	noProgress = "in 10 minutes of virtual time the simulation did not get on, since it waits for something that does not come.\n"
	comes      = "\nWhat to do: If the setup function waits, see that what it waits for is done by a goroutine that it has started itself. If a handler waits, let it give up when the request's context ends."
	left       = "the simulation has ended, but not every goroutine in it:\n"
	end        = "\nWhat to do: End them in a t.Cleanup of the t that the setup function is given: cancel the context, close the channel, client or pool. A handler must give up when the request's context ends."
)

var traps = []trap{
	{
		name: "request to a real server", reason: "its answer is none of virtual time's",
		build: func() simulation { return users(3, (&shop{upstream: upstream(silent)}).quote) },
		want:  network + "    bubble_test.(*shop).quote (traps_test.go:N) waits in http.(*Client).Get, and 2 more like it" + noNetwork + measure,
	},
	{
		name: "answer of a real server that does not end", reason: "a body comes from the network too",
		build: func() simulation { return users(1, (&shop{upstream: upstream(halfway)}).quote) },
		want:  network + "    bubble_test.(*shop).quote (traps_test.go:N) waits in io.Copy" + noNetwork + measure,
	},
	{
		name: "real server that answers", reason: "the client keeps the connection",
		build: func() simulation { return users(1, (&shop{upstream: upstream(answer)}).quote) },
		want: still + "an http.Client keeps an idle connection to a real server open" + clock +
			"    an idle connection of an http.Client (CloseIdleConnections closes it)" +
			noNetwork + " A client that has to reach a real server must close its connections before virtual time is to go on: call its CloseIdleConnections, at the latest in t.Cleanup." + measure,
	},
	{
		name: "real connection", reason: "who reads from it waits for the network",
		build: func() simulation {
			address := serveTCP()
			return users(2, func() { dial(address) })
		},
		want: network + "    bubble_test.dial (traps_test.go:N) waits in net.(*conn).Read, and 1 more like it" + noNetwork + measure,
	},
	{
		name: "server on a real port", reason: "it accepts from the network",
		build: within(servesTCP),
		want:  listener + "    bubble_test.accept (traps_test.go:N) waits in net.(*TCPListener).Accept, started by bubble_test.serveTCP (traps_test.go:N)" + serve,
	},
	{
		name: "httptest.NewServer", reason: "its goroutine has no code of the user's",
		build: within(servesHTTP),
		want: listener + "    an httptest.Server (Close ends it)\n" +
			"These wait for an answer from the network:\n" +
			"    bubble_test.(*shop).quote (traps_test.go:N) waits in http.(*Client).Get" + serve,
	},
	{
		name: "worker pool made outside", reason: "its answers come over a channel made outside",
		build: func() simulation { return users(3, newPool().do) },
		want:  channel + "    bubble_test.pool.do (traps_test.go:N) waits to receive from a channel, and 2 more like it" + makeIt,
	},
	{
		name: "receive from a channel made outside", reason: "someone outside could send",
		build: func() simulation {
			c := make(chan int)
			return users(1, func() { receive(c) })
		},
		want: channel + "    bubble_test.receive (traps_test.go:N) waits to receive from a channel" + makeIt,
	},
	{
		name: "send on a channel made outside", reason: "someone outside could receive",
		build: func() simulation {
			c := make(chan int)
			return users(1, func() { send(c) })
		},
		want: channel + "    bubble_test.send (traps_test.go:N) waits to send on a channel" + makeIt,
	},
	{
		name: "context made outside", reason: "one channel from outside spoils a select",
		build: func() simulation {
			ctx := opened(context.WithCancel(context.Background()))
			return users(1, func() { await(ctx) })
		},
		want: channel + "    bubble_test.await (traps_test.go:N) waits in a select" + makeIt,
	},
	{
		name: "lock held while asleep", reason: "a wait for a lock does not let time pass",
		build: func() simulation { return users(3, new(cache).get) },
		want: lock + "    bubble_test.(*cache).get (traps_test.go:N) waits in sync.(*Mutex).Lock, and 1 more like it\n" +
			"The holder is most likely:\n" +
			"    bubble_test.(*cache).get (traps_test.go:N) sleeps" + unlock,
	},
	{
		name: "lock held while asleep in another method", reason: "the type tells who may hold it",
		build: within(writesSlowly),
		want: lock + "    bubble_test.(*cache).read (traps_test.go:N) waits in sync.(*RWMutex).RLock, and 1 more like it\n" +
			"The holder is most likely:\n" +
			"    bubble_test.(*cache).write (traps_test.go:N) sleeps, started by bubble_test.writesSlowly (traps_test.go:N)" + unlock,
	},
	{
		name: "slow sync.Once", reason: "it is a lock",
		build: func() simulation { return users(3, new(cache).warm) },
		want: lock + "    bubble_test.(*cache).warm (traps_test.go:N) waits in sync.(*Once).Do, and 1 more like it\n" +
			"The holder is most likely:\n" +
			"    bubble_test.load (traps_test.go:N) sleeps" + unlock,
	},
	{
		name: "WaitGroup in a package variable", reason: "the runtime cannot tell which bubble it is of",
		build: func() simulation { return users(1, batch) },
		want: still + "a goroutine waits for a sync.WaitGroup that is a package variable, or was used before the simulation" + clock +
			"    bubble_test.batch (traps_test.go:N) waits in sync.(*WaitGroup).Wait" +
			"\nWhat to do: Make it a field or a local variable of what the setup function builds." + measure,
	},
	{
		name: "pipe", reason: "who writes to it is outside",
		build: func() simulation {
			r := pipe()
			return users(1, func() { readFrom(r) })
		},
		want: system + "    bubble_test.readFrom (traps_test.go:N) waits in os.(*File).Read" + before,
	},
	{
		name: "system call", reason: "what the kernel does is outside",
		build: func() simulation {
			r := pipe()
			r.Fd() // from now on, reads block in the kernel
			return users(1, func() { readFrom(r) })
		},
		want: system + "    bubble_test.readFrom (traps_test.go:N) waits in os.(*File).Read" + before,
	},
	{
		name: "setup that waits for nothing", reason: "it has no end",
		build: within(waits),
		want:  noProgress + "    bubble_test.receive (traps_test.go:N) waits to receive from a channel" + comes,
	},
	{
		name: "setup that waits while something ticks", reason: "time goes on for ever",
		build: within(waitsAndTicks),
		want: noProgress + "    bubble_test.receive (traps_test.go:N) waits to receive from a channel\n" +
			"The simulation's other goroutines:\n" +
			"    bubble_test.refresh (traps_test.go:N) waits in a select, started by bubble_test.waitsAndTicks (traps_test.go:N)" + comes,
	},
	{
		name: "cleanup that waits while something ticks", reason: "time goes on for ever",
		build: within(waitsInCleanup),
		want: "in 10 minutes of virtual time a t.Cleanup of the simulation did not come to its end.\n" +
			"    bubble_test.receive (traps_test.go:N) waits to receive from a channel\n" +
			"The simulation's other goroutines:\n" +
			"    bubble_test.refresh (traps_test.go:N) waits in a select, started by bubble_test.waitsInCleanup (traps_test.go:N)" +
			"\nWhat to do: See that what it waits for has an end: stop it first, and give waits a timeout.",
	},
	{
		name: "ticker that is not stopped", reason: "its goroutine is left",
		build: within(ticks),
		want:  left + "    bubble_test.refresh (traps_test.go:N) waits in a select, started by bubble_test.ticks (traps_test.go:N)" + end,
	},
	{
		name: "handler that never gives up", reason: "the goroutines of its requests are left",
		build: within(handlesForEver),
		want:  left + "    bubble_test.receive (traps_test.go:N) waits to receive from a channel, started by bubble_test.handlesForEver (traps_test.go:N), and 11 more like it" + end,
	},
	{
		name: "database that is not closed", reason: "a sql.DB has a goroutine of its own",
		build: within(func(*testing.T, func()) { sql.OpenDB(connector{}) }),
		want:  left + "    a sql.DB (Close ends it)" + end,
	},
	{
		name: "client that keeps a connection inside", reason: "a connection has goroutines of its own",
		build: within(func(*testing.T, func()) { shopWithin().quote() }),
		want:  left + "    an idle connection of an http.Client (CloseIdleConnections closes it)" + end,
	},
}

// upstream is the address of a real server.
func upstream(h http.HandlerFunc) string { return httptest.NewServer(h).URL }

// silent never answers.
func silent(http.ResponseWriter, *http.Request) { select {} }

// halfway answers with half a body.
func halfway(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "2")
	io.WriteString(w, "1")
	w.(http.Flusher).Flush()
	select {}
}

func answer(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }

// A shop asks another service for each request.
type shop struct {
	upstream string
	client   http.Client
}

// shopWithin is a shop whose upstream is in the simulation.
func shopWithin() *shop {
	inside := func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			request, err := http.ReadRequest(bufio.NewReader(far))
			if err == nil {
				err = (&http.Response{ProtoMajor: 1, ProtoMinor: 1, StatusCode: 200, Request: request, Body: http.NoBody}).Write(far)
			}
			if err != nil {
				panic(err)
			}
		}()
		return near, nil
	}
	return &shop{"http://shop.test", http.Client{Transport: &http.Transport{DialContext: inside}}}
}

func (s *shop) quote() {
	res, err := s.client.Get(s.upstream)
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		panic(err)
	}
}

// dial talks to a server without any library.
func dial(address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	conn.Read(make([]byte, 1))
}

// serveTCP accepts connections at a real address, and never answers.
func serveTCP() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go accept(l)
	return l.Addr().String()
}

func accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			panic(err)
		}
		kept.Store(conn, true)
	}
}

func servesTCP(t *testing.T, beat func()) {
	serveTCP()
	users(1, func() {})(t, beat)
}

func servesHTTP(t *testing.T, beat func()) {
	users(1, (&shop{upstream: upstream(silent)}).quote)(t, beat)
}

// A pool has a worker that takes jobs from one channel and should answer on
// another.
type pool struct{ jobs, answers chan int }

func newPool() pool {
	p := pool{make(chan int), make(chan int)}
	go p.work()
	return p
}

func (p pool) work() {
	for range p.jobs {
	}
}

func (p pool) do() {
	p.jobs <- 1
	<-p.answers
}

func receive(c chan int) { <-c }

func send(c chan int) { c <- 1 }

// opened is a context that someone outside waits for.
func opened(ctx context.Context, _ context.CancelFunc) context.Context {
	ctx.Done()
	return ctx
}

func await(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
}

// A cache is slow behind its locks.
type cache struct {
	mu   sync.Mutex
	rw   sync.RWMutex
	once sync.Once
}

func (c *cache) get() {
	c.mu.Lock()
	defer c.mu.Unlock()
	time.Sleep(time.Second)
}

func (c *cache) read() {
	c.rw.RLock()
	defer c.rw.RUnlock()
}

func (c *cache) write() {
	c.rw.Lock()
	defer c.rw.Unlock()
	time.Sleep(time.Second)
}

func (c *cache) warm() { c.once.Do(load) }

func load() { time.Sleep(time.Second) }

func writesSlowly(t *testing.T, beat func()) {
	c := new(cache)
	go c.write()
	time.Sleep(time.Millisecond)
	users(2, c.read)(t, beat)
}

// jobs is a package variable, and that is its trap.
var jobs sync.WaitGroup

func batch() {
	jobs.Go(load)
	jobs.Wait()
}

// kept is what stays open, since it is reachable.
var kept sync.Map

func pipe() *os.File {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	kept.Store(w, true)
	return r
}

func readFrom(f *os.File) { f.Read(make([]byte, 1)) }

// refresh does something every second until it is told to stop.
func refresh(stop <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	for {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

func waits(*testing.T, func()) { receive(make(chan int)) }

func waitsAndTicks(*testing.T, func()) {
	go refresh(nil)
	receive(make(chan int))
}

func waitsInCleanup(t *testing.T, _ func()) {
	go refresh(nil)
	t.Cleanup(func() { receive(make(chan int)) })
}

func ticks(*testing.T, func()) { go refresh(nil) }

func handlesForEver(*testing.T, func()) {
	for range 12 {
		go receive(make(chan int))
	}
}

// A connector is a database that cannot be reached.
type connector struct{}

func (connector) Connect(context.Context) (driver.Conn, error) { return nil, errors.New("unreachable") }
func (connector) Driver() driver.Driver                        { return nil }
