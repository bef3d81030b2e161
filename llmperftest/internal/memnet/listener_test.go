package memnet_test

import (
	"context"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperftest/internal/memnet"
)

var address = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}

// listen is a listener that closes with the test.
func listen(t *testing.T, link memnet.Link) *memnet.Listener {
	l := memnet.Listen(address, link)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestAddressesRepeat(t *testing.T) {
	for range 2 {
		l := listen(t, memnet.Link{})
		assert.Equal(t, address, l.Addr())
		for _, want := range []string{"127.0.0.1:40000", "127.0.0.1:40001"} {
			client, err := l.Dial(t.Context())
			require.NoError(t, err)
			server, err := l.Accept()
			require.NoError(t, err)
			assert.Equal(t, want, client.LocalAddr().String())
			assert.Equal(t, want, server.RemoteAddr().String())
			assert.Equal(t, address, client.RemoteAddr())
			assert.Equal(t, address, server.LocalAddr())
			_, err = server.Write([]byte("hello"))
			require.NoError(t, err)
			require.NoError(t, server.Close())
			greeting, err := io.ReadAll(client)
			require.NoError(t, err)
			assert.Equal(t, "hello", string(greeting), "they are connected to each other")
			require.NoError(t, client.Close())
		}
	}
}

func TestADialTakesARoundTrip(t *testing.T) {
	for _, latency := range []time.Duration{0, 30 * ms} {
		synctest.Test(t, func(t *testing.T) {
			l := listen(t, memnet.Link{Latency: latency})
			begin := time.Now()
			_, err := l.Dial(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 2*latency, time.Since(begin))
		})
	}
}

func TestADialEndsWithItsContext(t *testing.T) {
	rows := []struct {
		name    string
		context func(context.Context) (context.Context, context.CancelFunc)
		latency time.Duration
		want    error
		timeout bool
		after   time.Duration
		reason  string
	}{
		{"cancelled before", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, 0, context.Canceled, false, 0, "even where a dial takes no time"},
		{"cancelled meanwhile", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(7*ms, cancel)
			return ctx, cancel
		}, 30 * ms, context.Canceled, false, 7 * ms, "it does not wait for the round trip"},
		{"timed out", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 7*ms)
		}, 30 * ms, context.DeadlineExceeded, true, 7 * ms, "it does not wait for the round trip"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := listen(t, memnet.Link{Latency: row.latency})
				begin := time.Now()
				ctx, cancel := row.context(t.Context())
				defer cancel()
				_, err := l.Dial(ctx)
				var failed *net.OpError
				require.ErrorAs(t, err, &failed)
				assert.Equal(t, "dial", failed.Op)
				assert.Equal(t, row.timeout, failed.Timeout())
				assert.ErrorIs(t, err, row.want)
				assert.Equal(t, row.after, time.Since(begin), row.reason)
			})
		})
	}
}

func TestAClosedListenerWakesAcceptAndRefusesDials(t *testing.T) {
	inBothTimes(t, func(t *testing.T) {
		l := listen(t, memnet.Link{})
		errs := make(chan error)
		for range 2 {
			go func() {
				_, err := l.Accept()
				errs <- err
			}()
		}
		time.Sleep(ms)
		require.NoError(t, l.Close())
		for range 2 {
			err := <-errs
			assert.ErrorIs(t, err, net.ErrClosed)
			assert.EqualError(t, err, "accept tcp 127.0.0.1:80: use of closed network connection")
		}
		assert.ErrorIs(t, l.Close(), net.ErrClosed)
		_, err := l.Dial(t.Context())
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
}

func TestADialUnderWayIsRefusedWhenTheListenerCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := listen(t, memnet.Link{Latency: 10 * ms})
		begin := time.Now()
		time.AfterFunc(5*ms, func() { _ = l.Close() })
		_, err := l.Dial(t.Context())
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.Equal(t, 20*ms, time.Since(begin))
	})
}

func TestConnectionsNobodyAcceptedAreReset(t *testing.T) {
	inBothTimes(t, func(t *testing.T) {
		l := listen(t, memnet.Link{})
		client, err := l.Dial(t.Context())
		require.NoError(t, err)
		require.NoError(t, l.Close())
		_, err = client.Read(make([]byte, 1))
		assert.ErrorIs(t, err, syscall.ECONNRESET)
	})
}

func TestAcceptIsInOrderOfDialling(t *testing.T) {
	l := listen(t, memnet.Link{})
	const dials = 50
	for range dials {
		_, err := l.Dial(t.Context())
		require.NoError(t, err)
	}
	for i := range dials {
		server, err := l.Accept()
		require.NoError(t, err)
		assert.Equal(t, 40000+i, server.RemoteAddr().(*net.TCPAddr).Port)
	}
}
