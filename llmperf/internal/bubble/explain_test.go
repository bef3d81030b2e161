package bubble

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asleep is a goroutine that runs a request of the load, in llmperf's code only.
const asleep = `
goroutine 30 [sleep (durable), synctest bubble 1]:
time.Sleep(0x3b9aca00)
	/usr/local/go/src/runtime/time.go:361 +0x145
llmperf.dev/llmperf/internal/load.(*user).run(0xc000012345, 0xc000012346)
	/home/dev/go/pkg/mod/llmperf.dev@v1.0.0/llmperf/internal/load/user.go:40 +0x145
created by llmperf.dev/llmperf/internal/load.(*Crowd).Resize in goroutine 25
	/home/dev/go/pkg/mod/llmperf.dev@v1.0.0/llmperf/internal/load/crowd.go:62 +0x145
`

func TestExplainFrozen(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		stacks       string
		want         []string // lines between the first and the last
		what, remedy string   // parts of those two
	}{
		{
			name: "name lookup by the C library", reason: "who looks it up waits for a goroutine of package net",
			stacks: `
goroutine 40 [syscall, synctest bubble 1]:
runtime.cgocall(0x4b5f00, 0xc000012345)
	/usr/local/go/src/runtime/cgocall.go:167 +0x4b
net._C2func_getaddrinfo(0xc000012345, 0x0, 0xc000012345, 0xc000012345)
	_cgo_gotypes.go:100 +0x4b
net.cgoLookupHostIP({0x7d5be2, 0x2}, {0xc000012345, 0x9})
	/usr/local/go/src/net/cgo_unix.go:166 +0x4b
created by net.doBlockingWithCtx[...] in goroutine 39
	/usr/local/go/src/net/cgo_unix.go:41 +0xca

goroutine 39 [select (durable), synctest bubble 1]:
net.(*Resolver).lookupIPAddr(0xade380, {0x7ffce8, 0x323803b601e0}, {0x7d5be2, 0x3}, {0xc000012345, 0x9})
	/usr/local/go/src/net/lookup.go:350 +0x4b
net.(*Resolver).LookupHost(0xade380, {0x7ffce8, 0x323803b601e0}, {0xc000012345, 0x9})
	/usr/local/go/src/net/lookup.go:200 +0x4b
example.com/shop.(*Store).find(...)
	/home/dev/shop/store.go:31
example.com/shop.(*Store).ServeHTTP(0xc000012345)
	/home/dev/shop/store.go:20 +0x4b
llmperf.dev/llmperftest.(*network).RoundTrip.func1()
	/home/dev/go/pkg/mod/llmperf.dev@v1.0.0/llmperftest/network.go:50 +0x4b
created by llmperf.dev/llmperftest.(*network).RoundTrip in goroutine 30
	/home/dev/go/pkg/mod/llmperf.dev@v1.0.0/llmperftest/network.go:49 +0x4b`,
			what:   "a goroutine waits for a real network connection.",
			want:   []string{"shop.(*Store).find (store.go:31) waits in net.(*Resolver).LookupHost"},
			remedy: "the client of llmperftest.NewServer",
		},
		{
			name: "http.Client that dials", reason: "who asks waits for a goroutine of the client",
			stacks: `
goroutine 41 [IO wait, synctest bubble 1]:
internal/poll.runtime_pollWait(0x7f41dd8d1c00, 0x77)
	/usr/local/go/src/runtime/netpoll.go:351 +0x85
net.(*netFD).connect(0x323803b6c280)
	/usr/local/go/src/net/fd_unix.go:141 +0x2ae
net.(*Dialer).DialContext(0x323803b6c280)
	/usr/local/go/src/net/dial.go:100 +0x2ae
net/http.(*Transport).dialConnFor(0xade380, 0xc000012345)
	/usr/local/go/src/net/http/transport.go:1600 +0xa5
created by net/http.(*Transport).startDialConnForLocked in goroutine 42
	/usr/local/go/src/net/http/transport.go:1576 +0x11f

goroutine 42 [select (durable), synctest bubble 1]:
net/http.(*Transport).getConn(0xade380, 0x323803b7c500)
	/usr/local/go/src/net/http/transport.go:1523 +0x83d
net/http.(*Transport).roundTrip(0xade380, 0x323803b7c500)
	/usr/local/go/src/net/http/transport.go:704 +0xaba
net/http.(*Transport).RoundTrip(0x5000000000000?, 0x7fcd80?)
	/usr/local/go/src/net/http/roundtrip.go:33 +0x18
net/http.(*Client).Do(...)
	/usr/local/go/src/net/http/client.go:592
github.com/openai/openai-go/v3/option.send(0xae5680)
	/home/dev/go/pkg/mod/github.com/openai/openai-go/v3@v3.1.0/option/send.go:12 +0x5f
example.com/shop.(*Service).answer(0xc000012345)
	/home/dev/shop/service.go:77 +0x4b
created by example.com/shop.(*Service).ServeHTTP in goroutine 30
	/home/dev/shop/service.go:70 +0x4b`,
			what:   "a goroutine waits for a real network connection.",
			want:   []string{"shop.(*Service).answer (service.go:77) waits in option.send, started by shop.(*Service).ServeHTTP (service.go:70)"},
			remedy: "or a fake of it",
		},
		{
			name: "one real connection of many", reason: "who waits for an answer from inside is not to blame",
			stacks: `
goroutine 50 [IO wait, synctest bubble 1]:
net.(*conn).Read(0x323803b06110, {0x323803bc17cf?, 0x0?, 0x0?})
	/usr/local/go/src/net/net.go:196 +0x4f
net/http.(*persistConn).readLoop(0x323803b7c280)
	/usr/local/go/src/net/http/transport.go:2330 +0x172
created by net/http.(*Transport).dialConn in goroutine 49
	/usr/local/go/src/net/http/transport.go:1994 +0x16ac

goroutine 51 [select (durable), synctest bubble 1]:
net/http.(*persistConn).roundTrip(0x323803b7c280, 0x323803b60460)
	/usr/local/go/src/net/http/transport.go:2911 +0x83d
net/http.(*Transport).roundTrip(0xade380, 0x323803b7c500)
	/usr/local/go/src/net/http/transport.go:704 +0xaba
net/http.(*Client).Do(...)
	/usr/local/go/src/net/http/client.go:592
example.com/shop.search(0xc000012345)
	/home/dev/shop/search.go:77 +0x4b

goroutine 52 [sync.Cond.Wait (durable), synctest bubble 1]:
llmperf.dev/llmperftest.(*conn).Read(0x323803b06110, {0x323803bc17cf?, 0x0?, 0x0?})
	/home/dev/go/pkg/mod/llmperf.dev@v1.0.0/llmperftest/network.go:196 +0x4f
net/http.(*persistConn).readLoop(0x323803b7ffff)
	/usr/local/go/src/net/http/transport.go:2330 +0x172

goroutine 53 [select (durable), synctest bubble 1]:
net/http.(*persistConn).roundTrip(0x323803b7ffff, 0x323803b60460)
	/usr/local/go/src/net/http/transport.go:2911 +0x83d
net/http.(*Transport).roundTrip(0xade380, 0x323803b7c500)
	/usr/local/go/src/net/http/transport.go:704 +0xaba
net/http.(*Client).Do(...)
	/usr/local/go/src/net/http/client.go:592
example.com/shop.complete(0xc000012345)
	/home/dev/shop/complete.go:77 +0x4b`,
			what:   "a goroutine waits for a real network connection.",
			want:   []string{"shop.search (search.go:77) waits in http.(*Client).Do"},
			remedy: "or a fake of it",
		},
		{
			name: "idle connection beside busy ones inside", reason: "whoever waits for an answer waits for one from inside",
			stacks: `
goroutine 50 [IO wait, synctest bubble 1]:
net.(*conn).Read(0x323803b06110, {0x323803bc17cf?, 0x0?, 0x0?})
	/usr/local/go/src/net/net.go:196 +0x4f
net/http.(*persistConn).readLoop(0x323803b7c280)
	/usr/local/go/src/net/http/transport.go:2330 +0x172
created by net/http.(*Transport).dialConn in goroutine 49
	/usr/local/go/src/net/http/transport.go:1994 +0x16ac

goroutine 53 [select (durable), synctest bubble 1]:
net/http.(*persistConn).roundTrip(0x323803b7ffff, 0x323803b60460)
	/usr/local/go/src/net/http/transport.go:2911 +0x83d
net/http.(*Transport).roundTrip(0xade380, 0x323803b7c500)
	/usr/local/go/src/net/http/transport.go:704 +0xaba
example.com/shop.complete(0xc000012345)
	/home/dev/shop/complete.go:77 +0x4b`,
			what:   "an http.Client keeps an idle connection to a real server open.",
			want:   []string{"an idle connection of an http.Client (CloseIdleConnections closes it)"},
			remedy: "call its CloseIdleConnections, at the latest in t.Cleanup",
		},
		{
			name: "connection of a library's", reason: "without code of the user's, the library is named",
			stacks: `
goroutine 43 [IO wait, synctest bubble 1]:
internal/poll.(*FD).Read(0x323803b263c0, {0x323803bc17cf, 0x1, 0x1})
	/usr/local/go/src/internal/poll/fd_unix.go:165 +0x2ae
net.(*conn).Read(0x323803b06110, {0x323803bc17cf?, 0x0?, 0x0?})
	/usr/local/go/src/net/net.go:196 +0x4f
bufio.(*Reader).Read(0x323803a4a0c0)
	/usr/local/go/src/bufio/bufio.go:113 +0x103
google.golang.org/grpc/internal/transport.(*http2Client).reader(0xc000012345)
	/home/dev/go/pkg/mod/google.golang.org/grpc@v1.70.0/internal/transport/http2_client.go:1660 +0x85
created by google.golang.org/grpc/internal/transport.NewHTTP2Client in goroutine 12
	/home/dev/go/pkg/mod/google.golang.org/grpc@v1.70.0/internal/transport/http2_client.go:410 +0x1a3d`,
			what:   "a goroutine waits for a real network connection.",
			want:   []string{"transport.(*http2Client).reader (http2_client.go:1660) waits in bufio.(*Reader).Read, started by transport.NewHTTP2Client (http2_client.go:410)"},
			remedy: "or a fake of it",
		},
		{
			name: "lock held while asking a real server", reason: "the network comes first, and the locks follow from it",
			stacks: `
goroutine 44 [IO wait, synctest bubble 1]:
net.(*conn).Read(0x323803b06110, {0x323803bc17cf?, 0x0?, 0x0?})
	/usr/local/go/src/net/net.go:196 +0x4f
example.com/shop.(*Store).Load(0xc000012345)
	/home/dev/shop/store.go:40 +0x85

goroutine 45 [sync.Mutex.Lock, synctest bubble 1]:
sync.(*Mutex).Lock(...)
	/usr/local/go/src/sync/mutex.go:46
example.com/shop.(*Store).Load(0xc000012345)
	/home/dev/shop/store.go:38 +0x85`,
			what:   "a goroutine waits for a real network connection.",
			want:   []string{"shop.(*Store).Load (store.go:40) waits in net.(*conn).Read"},
			remedy: "or a fake of it",
		},
		{
			name: "lock of an unknown holder", reason: "where no function tells, everyone asleep is listed",
			stacks: `
goroutine 45 [sync.Mutex.Lock, synctest bubble 1]:
internal/sync.(*Mutex).lockSlow(0x323803b142a8)
	/usr/local/go/src/internal/sync/mutex.go:149 +0x15d
sync.(*Mutex).Lock(...)
	/usr/local/go/src/sync/mutex.go:46
example.com/shop.add(0xc000012345)
	/home/dev/shop/shop.go:38 +0x85

goroutine 46 [sleep (durable), synctest bubble 1]:
time.Sleep(0x3b9aca00)
	/usr/local/go/src/runtime/time.go:361 +0x145
example.com/shop.flush(0xc000012345)
	/home/dev/shop/shop.go:50 +0x85
created by example.com/shop.New in goroutine 25
	/home/dev/shop/shop.go:9 +0x145`,
			what: "a goroutine waits for a lock,",
			want: []string{
				"shop.add (shop.go:38) waits in sync.(*Mutex).Lock",
				"The holder is one of those who wait for something else:",
				"shop.flush (shop.go:50) sleeps, started by shop.New (shop.go:9)",
			},
			remedy: "Hold no lock while waiting",
		},
		{
			name: "lock held outside the simulation", reason: "a holder that is not there is not made up",
			stacks: `
goroutine 45 [sync.Mutex.Lock, synctest bubble 1]:
sync.(*Mutex).Lock(...)
	/usr/local/go/src/sync/mutex.go:46
example.com/shop.add(0xc000012345)
	/home/dev/shop/shop.go:38 +0x85`,
			what:   "a goroutine waits for a lock,",
			want:   []string{"shop.add (shop.go:38) waits in sync.(*Mutex).Lock"},
			remedy: "Hold no lock while waiting",
		},
		{
			name: "another process", reason: "its end does not come in virtual time",
			stacks: `
goroutine 47 [syscall, synctest bubble 1]:
syscall.Syscall6(0xf7, 0x1, 0x1234, 0xc000012345, 0x4, 0x0, 0x0)
	/usr/local/go/src/syscall/syscall_linux.go:95 +0x39
os.(*Process).Wait(...)
	/usr/local/go/src/os/exec.go:340
os/exec.(*Cmd).Run(0xc000012345)
	/usr/local/go/src/os/exec/exec.go:626 +0x2d
example.com/shop.tokenize({0xc000012345, 0x9})
	/home/dev/shop/tokens.go:12 +0x85`,
			what:   "a goroutine waits for a file, a pipe or another process.",
			want:   []string{"shop.tokenize (tokens.go:12) waits in exec.(*Cmd).Run"},
			remedy: "Do this before the simulation",
		},
		{
			name: "something else", reason: "whatever it is, the place is known",
			stacks: `
goroutine 48 [semacquire, synctest bubble 1]:
sync.runtime_Semacquire(0x323803b142a8)
	/usr/local/go/src/runtime/sema.go:71 +0x25
created by example.com/shop.New in goroutine 25
	/home/dev/shop/shop.go:9 +0x145

goroutine 49 [anything new, synctest bubble 1]:
example.com/shop.wait()
	/home/dev/shop/shop.go:12 +0x145`,
			what: "a goroutine waits for something outside the simulation.",
			want: []string{
				"a goroutine that shop.New (shop.go:9) started waits in sync.runtime_Semacquire",
				"shop.wait (shop.go:12) waits in anything new",
			},
			remedy: "or replace it by a fake",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := explainFrozen(parse(asleep+tt.stacks, 1), 6125*time.Millisecond)
			lines := strings.Split(got, "\n")
			require.GreaterOrEqual(t, len(lines), 3, got)
			assert.Contains(t, lines[0], "virtual time has stood still for 6.1s: "+tt.what, tt.reason)
			var places []string
			for _, line := range lines[1 : len(lines)-1] {
				places = append(places, strings.TrimSpace(line))
			}
			assert.Equal(t, tt.want, places, tt.reason)
			assert.Contains(t, lines[len(lines)-1], tt.remedy, tt.reason)
		})
	}
}

func TestExplainOverdue(t *testing.T) {
	for _, tt := range []struct {
		name, reason, stacks string
		ended                bool
		want                 string
	}{
		{
			"handler", "the load waits for it, and the load is not the user's",
			`
goroutine 25 [sync.WaitGroup.Wait (durable), synctest bubble 1]:
sync.(*WaitGroup).Wait(0xb07820)
	/usr/local/go/src/sync/waitgroup.go:206 +0x85
llmperf.dev/llmperf.Simulate.func1()
	/home/dev/go/pkg/mod/llmperf.dev@v1.0.0/llmperf/simulate.go:40 +0x145
testing.tRunner(0xc0000e2b48, 0xc0000ae180)
	/usr/local/go/src/testing/testing.go:2036 +0x21d

goroutine 31 [chan receive (durable), synctest bubble 1]:
example.com/shop.(*Service).ServeHTTP(0xc000012345)
	/home/dev/shop/service.go:9 +0x145
created by llmperf.dev/llmperftest.(*network).RoundTrip in goroutine 30
	/home/dev/go/pkg/mod/llmperf.dev@v1.0.0/llmperftest/network.go:49 +0x4b`,
			false,
			`in 10 minutes of virtual time the simulation did not get on, since it waits for something that does not come.
    shop.(*Service).ServeHTTP (service.go:9) waits to receive from a channel
What to do: If the setup function waits, see that what it waits for is done by a goroutine that it has started itself. If a handler waits, let it give up when the request's context ends.`,
		},
		{
			"none of the user's", "what there is, is listed", "", true,
			`in 10 minutes of virtual time a t.Cleanup of the simulation did not come to its end.
    load.(*user).run (user.go:40) sleeps
What to do: See that what it waits for has an end: stop it first, and give waits a timeout.`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, explainOverdue(parse(asleep+tt.stacks, 1), tt.ended), tt.reason)
		})
	}
}

func TestListIsShort(t *testing.T) {
	var stacks strings.Builder
	for line := range 8 { // the goroutines of line n wait n+1 times
		for range line + 1 {
			fmt.Fprintf(&stacks, "goroutine 7 [select (durable), synctest bubble 1]:\nexample.com/shop.wait()\n\t/home/dev/shop/shop.go:%d +0x145\n\n", line)
		}
	}
	assert.Equal(t, `    shop.wait (shop.go:7) waits in a select, and 7 more like it
    shop.wait (shop.go:6) waits in a select, and 6 more like it
    shop.wait (shop.go:5) waits in a select, and 5 more like it
    shop.wait (shop.go:4) waits in a select, and 4 more like it
    shop.wait (shop.go:3) waits in a select, and 3 more like it
    and 6 more in other places`, list(parse(stacks.String(), 1)))
}

func TestFreezersAreThoseOfABubbleThatDoesNothing(t *testing.T) {
	const reading = "\ngoroutine 31 [IO wait, 1 minutes, synctest bubble 1]:\nexample.com/shop.read()\n\t/home/dev/shop/shop.go:9 +0x145\n"
	const working = "\ngoroutine 32 [runnable, synctest bubble 1]:\nexample.com/shop.work()\n\t/home/dev/shop/shop.go:19 +0x145\n"
	for _, tt := range []struct {
		name, reason, stacks string
		want                 string
	}{
		{"asleep", "time is about to move", asleep, ""},
		{"at work", "it may come to an end", asleep + working, ""},
		{"at work while another waits", "the one may do what the other waits for", reading + working, ""},
		{"frozen", "nothing moves", asleep + reading, "31 IO wait example.com/shop.read()\n\t/home/dev/shop/shop.go:9 +0x145\n"},
		{"frozen for longer", "it is the same freeze", asleep + strings.Replace(reading, "1 minutes", "2 minutes", 1), "31 IO wait example.com/shop.read()\n\t/home/dev/shop/shop.go:9 +0x145\n"},
	} {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, freezers(parse(tt.stacks, 1)), tt.reason) })
	}
}
