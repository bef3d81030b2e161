package bubble

import (
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseHeader(t *testing.T) {
	for _, tt := range []struct {
		name, reason, header string
		want                 goroutine
	}{
		{
			"outside", "most goroutines of a process are in no bubble",
			"goroutine 22 [IO wait]:", goroutine{id: 22, state: "IO wait"},
		},
		{
			"not durable", "it keeps the clock from moving",
			"goroutine 43 [select, synctest bubble 12]:", goroutine{id: 43, bubble: 12, state: "select"},
		},
		{
			"durable", "it lets the clock move",
			"goroutine 25 [sleep (durable), synctest bubble 1]:", goroutine{id: 25, bubble: 1, state: "sleep", durable: true},
		},
		{
			"durable select of nothing", "some states have brackets of their own",
			"goroutine 45 [select (no cases) (durable), synctest bubble 1]:", goroutine{id: 45, bubble: 1, state: "select (no cases)", durable: true},
		},
		{
			"nil channel", "some states have brackets of their own",
			"goroutine 45 [chan receive (nil chan) (durable), synctest bubble 1]:", goroutine{id: 45, bubble: 1, state: "chan receive (nil chan)", durable: true},
		},
		{
			"for minutes", "a long wait is told in the header",
			"goroutine 7 [chan receive (durable), 2 minutes, synctest bubble 1]:", goroutine{id: 7, bubble: 1, state: "chan receive", durable: true},
		},
		{
			"locked to a thread", "cgo does it",
			"goroutine 7 [syscall, 2 minutes, locked to thread, synctest bubble 1]:", goroutine{id: 7, bubble: 1, state: "syscall"},
		},
		{
			"scanned", "the garbage collector's look is no other state",
			"goroutine 7 [chan receive (scan), synctest bubble 1]:", goroutine{id: 7, bubble: 1, state: "chan receive"},
		},
		{
			"scanned and durable", "the order depends on the state",
			"goroutine 7 [sleep (scan) (durable), synctest bubble 1]:", goroutine{id: 7, bubble: 1, state: "sleep", durable: true},
		},
		{
			"labels", "GODEBUG=tracebacklabels=1 prints them",
			`goroutine 7 [running, synctest bubble 1 labels:{"a": "b, synctest bubble 2"}]:`, goroutine{id: 7, bubble: 1, state: "running"},
		},
		{
			"system", "GOTRACEBACK=system prints addresses",
			"goroutine 7 gp=0xc000006fc0 m=nil [sleep (durable), synctest bubble 1]:", goroutine{id: 7, bubble: 1, state: "sleep", durable: true},
		},
	} {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, parseHeader(tt.header), tt.reason) })
	}
}

func TestParse(t *testing.T) {
	const stacks = `goroutine 21 [running]:
shop.dump()
	/home/dev/shop/shop_test.go:8 +0x47

goroutine 36 [sync.Mutex.Lock, synctest bubble 3]:
internal/sync.(*Mutex).Lock(...)
	/usr/local/go/src/internal/sync/mutex.go:70
gopkg.in/yaml%2ev3.Unmarshal({0xc000012345, 0x1, 0x2}, {0x0?, 0x0})
	/home/dev/go/pkg/mod/gopkg.in/yaml.v3@v3.0.1/yaml.go:89 +0x49
...additional frames elided...
shop.Map[...](0x7f)
	C:/dev/shop/map.go:69
created by shop.(*Store).Open.func1 in goroutine 25
	/home/dev/shop/store.go:18 +0x24d

goroutine 37 [runnable, synctest bubble 30]:
shop.other()
	/home/dev/shop/shop.go:1 +0x1

goroutine 38 [running, synctest bubble 3]:
	goroutine running on other thread; stack unavailable
`
	gs := parse(stacks, 3)
	require.Len(t, gs, 2, "those of the bubble")
	assert.Equal(t, []frame{
		{"internal/sync.(*Mutex).Lock", "/usr/local/go/src/internal/sync/mutex.go", 70},
		{"gopkg.in/yaml%2ev3.Unmarshal", "/home/dev/go/pkg/mod/gopkg.in/yaml.v3@v3.0.1/yaml.go", 89},
		{"shop.Map[...]", "C:/dev/shop/map.go", 69},
	}, gs[0].frames)
	assert.Equal(t, frame{"shop.(*Store).Open.func1", "/home/dev/shop/store.go", 18}, gs[0].starter)
	assert.True(t, strings.HasPrefix(gs[0].text, "goroutine 36 ["), gs[0].text)
	assert.True(t, strings.HasSuffix(gs[0].text, "store.go:18 +0x24d"), gs[0].text)
	assert.Empty(t, gs[1].frames, "a stack need not be available")
	assert.Empty(t, parse("", 3))
}

func TestParseKnowsThisRuntime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		number := bubbleHere()
		require.Positive(t, number)
		done := make(chan struct{})
		go func() { <-done }()
		synctest.Wait()
		waiting := 0
		for _, g := range parse(readStacks(), number) {
			assert.NotEmpty(t, g.frames, g.text)
			if g.state == "chan receive" && g.durable && strings.Contains(g.entry().function, "TestParseKnowsThisRuntime") {
				waiting++
				assert.Contains(t, g.starter.function, "TestParseKnowsThisRuntime")
			}
		}
		assert.Equal(t, 1, waiting)
		close(done)
	})
	assert.Zero(t, bubbleHere())
}

func TestAlive(t *testing.T) {
	for _, tt := range []struct {
		state string
		want  bool
	}{
		{"running", true}, {"runnable", true}, {"preempted", true}, {"copystack", true},
		{"GC assist wait", true}, {"GC assist marking", true}, {"wait for GC cycle", true}, {"garbage collection", true},
		{"IO wait", false}, {"syscall", false}, {"chan receive", false}, {"select", false}, {"sleep", false},
		{"sync.Mutex.Lock", false}, {"semacquire", false}, {"anything new", false},
	} {
		assert.Equal(t, tt.want, goroutine{state: tt.state}.alive(), tt.state)
	}
}

func TestFrameNames(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		frame        frame
		want         string
		users        bool
		dependency   bool
	}{
		{
			"standard library", "it does not tell where the user's code is",
			frame{"net/http.(*Client).Do", "/usr/local/go/src/net/http/client.go", 5}, "http.(*Client).Do (client.go:5)", false, false,
		},
		{
			"vendored in the standard library", "nor does what it uses",
			frame{"vendor/golang.org/x/net/dns.Parse", "/usr/local/go/src/vendor/golang.org/x/net/dns.go", 5}, "dns.Parse (dns.go:5)", false, true,
		},
		{
			"runtime", "some functions have no package",
			frame{"panic", "/usr/local/go/src/runtime/panic.go", 5}, "panic (panic.go:5)", false, false,
		},
		{
			"user", "the common case",
			frame{"example.com/team/shop.(*Store).Load", "/home/dev/shop/store.go", 5}, "shop.(*Store).Load (store.go:5)", true, false,
		},
		{
			"module without a dot", "go mod init takes any name",
			frame{"shop/store.Load", "/home/dev/shop/store/store.go", 5}, "store.Load (store.go:5)", true, false,
		},
		{
			"trimmed paths", "go test -trimpath",
			frame{"shop/store.Load", "shop/store/store.go", 5}, "store.Load (store.go:5)", true, false,
		},
		{
			"dependency", "it is named if there is no better",
			frame{"github.com/jackc/pgx/v5.(*Conn).Query", "/home/dev/go/pkg/mod/github.com/jackc/pgx/v5@v5.7.1/conn.go", 5}, "pgx/v5.(*Conn).Query (conn.go:5)", true, true,
		},
		{
			"vendored dependency", "it is named if there is no better",
			frame{"gopkg.in/yaml%2ev3.Unmarshal", "/home/dev/shop/vendor/gopkg.in/yaml.v3/yaml.go", 5}, "yaml.v3.Unmarshal (yaml.go:5)", true, true,
		},
		{
			"llmperf", "the load is not the user's",
			frame{"llmperf.dev/llmperf.(*measurement).run", "/home/dev/llmperf/measure.go", 5}, "llmperf.(*measurement).run (measure.go:5)", false, false,
		},
		{
			"llmperftest", "the model is not the user's",
			frame{"llmperf.dev/llmperftest.(*Server).serve", "/home/dev/llmperftest/server.go", 5}, "llmperftest.(*Server).serve (server.go:5)", false, false,
		},
		{
			"test of llmperf", "it is written as a user would",
			frame{"llmperf.dev/llmperf_test.slow", "/home/dev/llmperf/simulate_test.go", 5}, "llmperf_test.slow (simulate_test.go:5)", true, false,
		},
		{
			"test within llmperf", "the file tells",
			frame{"llmperf.dev/llmperf.slow", "/home/dev/llmperf/simulate_test.go", 5}, "llmperf.slow (simulate_test.go:5)", true, false,
		},
		{
			"example", "it is written as a user would",
			frame{"llmperf.dev/examples/shop.Handler", "/home/dev/examples/shop/shop.go", 5}, "shop.Handler (shop.go:5)", true, false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, tt.frame.String(), tt.reason)
			assert.Equal(t, tt.users, tt.frame.users(), tt.reason)
			assert.Equal(t, tt.dependency, tt.frame.dependency(), tt.reason)
		})
	}
}

func TestStandardHoldsEveryPackageOfTheStandardLibrary(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "std").Output()
	require.NoError(t, err)
	for pkg := range strings.FieldsSeq(string(out)) {
		root, _, _ := strings.Cut(pkg, "/")
		assert.True(t, standard[root], pkg)
	}
}
