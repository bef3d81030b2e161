package llmperf_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// TestChaosOfAFullBacklog: nobody accepts, and no more connections can wait for it.
func TestChaosOfAFullBacklog(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { syscall.Close(fd) })
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, syscall.Listen(fd, 1))
	name, err := syscall.Getsockname(fd)
	require.NoError(t, err)
	url := fmt.Sprintf("http://127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	chaoticBothWays(t, 100*time.Millisecond, chatAt(url), "timeout")
}

// descriptors skips a test that opens more files than the process may have.
func descriptors(t *testing.T, n int) {
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Cur < uint64(n) {
		t.Skipf("the process may have %d files open, and this takes %d: raise ulimit -n", limit.Cur, n)
	}
}

// TestChaosOfFiveThousandUsers against a server of which some answers are an error,
// some end in the middle and some connections break, and which loses all of them at
// once. Each connection has two ends in this process.
func TestChaosOfFiveThousandUsers(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of connections")
	}
	const users = 5000
	descriptors(t, 2*users+500)
	for name, load := range map[string]llmperf.Load{
		"closed": {Users: users, Hold: 4 * time.Second, SpawnRate: users / 2}, // without a client
		"open":   {Rate: 1000, Hold: 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var arrived atomic.Int64
			var server *httptest.Server
			server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				n := arrived.Add(1)
				if n == 2000 {
					go server.CloseClientConnections()
				}
				if load.Rate > 0 {
					select {
					case <-r.Context().Done():
					case <-time.After(time.Second): // so that many are in flight
					}
				}
				switch {
				case n%17 == 0:
					conn, _, err := http.NewResponseController(w).Hijack()
					if err == nil {
						reset(conn.(*net.TCPConn))
					}
				case n%13 == 0:
					w.WriteHeader(http.StatusServiceUnavailable)
				case n%11 == 0:
					w.Header().Set("Content-Type", "text/event-stream")
					io.WriteString(w, `data: {"choices":[{"delta":{"content":"a"}}]}`+"\n\n")
				default:
					w.Header().Set("Content-Type", "text/event-stream")
					io.WriteString(w, `data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}`+"\n\n")
				}
			}))
			t.Cleanup(server.Close)
			var connections watch
			restore := llmperf.DialBy(connections.dial)
			client := newWatchedClient()
			target := llmperf.OpenAI{BaseURL: server.URL, Model: "m"}
			if load.Rate > 0 {
				target.Client = &client.Client
			}
			told, res, err := account(t, llmperf.Scenario{
				Target: target, Profile: llmperf.Steps(load),
				Warmup: llmperf.NoWarmup, Think: llmperf.Between(2*time.Second, 3*time.Second), Timeout: ample, MaxInFlight: users,
			})
			require.NoError(t, err)
			client.letGo(t)
			restore()
			connections.none(t)
			for _, class := range []string{"", "reset", "status 503", "truncated"} {
				assert.Positive(t, told[class], class)
			}
			all := 0
			for _, n := range told {
				all += n
			}
			assert.LessOrEqual(t, arrived.Load(), int64(all), "the server saw no more than were begun")
			t.Logf("%d requests: %v; %d of the step", all, told, res.Total.Requests)
		})
	}
}

func init() {
	subjects["disk full"] = func(t *testing.T) {
		s := undecided()
		s.Observers = []llmperf.Observer{{Stop: func(*llmperf.Result) {
			switch os.Getenv("CHAOS") {
			case "gone":
				os.RemoveAll(filepath.Join(os.Getenv("LLMPERF_OUT"), t.Name()))
			case "no artifacts":
				os.RemoveAll(t.ArtifactDir())
			}
		}}}
		llmperf.Run(t, s, llmperf.FailureRateBelow(0.5), llmperf.Latency.P50Below(time.Minute))
	}
}

// TestChaosOfTheDisk: where a file cannot be written, the test fails and says which,
// and the run is reported all the same.
func TestChaosOfTheDisk(t *testing.T) {
	t.Parallel()
	files := []string{"result.json", "report.html", "latency.hlog", "bench.txt", "summary.md"}
	reported := func(out string) {
		t.Helper()
		assert.Contains(t, out, "--- PASS: TestSubject/users=2/latency_p50", "what was judged is reported")
		assert.Contains(t, out, "verdicts: ")
		assert.Contains(t, out, "--- FAIL: TestSubject ", "and the test fails")
	}
	for i, name := range append(files, "samples.csv") {
		if testing.Short() && i > 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			folder := filepath.Join(dir, "TestSubject")
			require.NoError(t, os.Mkdir(folder, 0o777))
			why := "no space left on device"
			switch name {
			case "result.json": // which is written several times, so that it must be in the way for good
				why = "file exists"
				require.NoError(t, os.MkdirAll(filepath.Join(folder, name, "something"), 0o777))
			case "samples.csv":
				require.NoError(t, os.Symlink("/dev/full", filepath.Join(folder, name)))
			default:
				require.NoError(t, os.Symlink("/dev/full", filepath.Join(folder, name+".tmp")))
			}
			out := runSubject(t, "disk full", "LLMPERF_OUT="+dir, "LLMPERF_SAMPLES=1")
			reported(out)
			assert.Regexp(t, `llmperf: `+strings.ReplaceAll(name, ".", `\.`)+`: .*`+why, out)
			for _, other := range files {
				if other != name {
					assert.NotContains(t, out, "llmperf: "+other+": ")
					assert.FileExists(t, filepath.Join(folder, other), "the others are written")
				}
			}
		})
	}
	t.Run("no artifacts", func(t *testing.T) {
		dir := t.TempDir()
		out := runSubject(t, "disk full", "LLMPERF_OUT="+dir, "LLMPERF_SAMPLES=1", "CHAOS=no artifacts")
		reported(out)
		for _, name := range append(files, "samples.csv") {
			assert.FileExists(t, filepath.Join(dir, "TestSubject", name), "one folder is lost, and not the other")
		}
	})
	t.Run("gone", func(t *testing.T) {
		out := runSubject(t, "disk full", "LLMPERF_OUT="+t.TempDir(), "CHAOS=gone")
		reported(out)
		for _, name := range files {
			assert.Regexp(t, `llmperf: `+strings.ReplaceAll(name, ".", `\.`)+`: .*no such file or directory`, out)
		}
	})
}
