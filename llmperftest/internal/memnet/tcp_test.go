package memnet_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperftest/internal/memnet"
)

// halfCloser is what TCP connections and ours have beyond net.Conn.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// tcpPair is a connection over loopback.
func tcpPair(t *testing.T) (a, b halfCloser) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	accepted, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = dialled.Close()
		_ = accepted.Close()
	})
	return dialled.(halfCloser), accepted.(halfCloser)
}

// reset resets a connection of either kind, and closes it.
func reset(c halfCloser) {
	switch c := c.(type) {
	case *net.TCPConn:
		_ = c.SetLinger(0)
	case *memnet.Conn:
		c.Reset()
	}
	_ = c.Close()
}

func TestErrorsAreThoseOfTCP(t *testing.T) {
	past := time.Unix(1, 0)
	read := func(c net.Conn, n int) error { _, err := c.Read(make([]byte, n)); return err }
	write := func(c net.Conn, n int) error { _, err := c.Write(make([]byte, n)); return err }
	all := func(c net.Conn) error { _, err := io.Copy(io.Discard, struct{ io.Reader }{c}); return err }
	rows := []struct {
		name string
		do   func(a, b halfCloser) []error
	}{
		{"after closing", func(a, _ halfCloser) []error {
			return []error{
				a.Close(), a.Close(), a.CloseWrite(), read(a, 1), read(a, 0), write(a, 1), write(a, 0),
				a.SetDeadline(past), a.SetReadDeadline(past), a.SetWriteDeadline(past),
			}
		}},
		{"past deadline", func(a, b halfCloser) []error {
			return []error{write(b, 1), a.SetDeadline(past), read(a, 1), read(a, 0), write(a, 1), write(a, 0)}
		}},
		{"cleared deadline", func(a, b halfCloser) []error {
			return []error{a.SetDeadline(past), write(b, 1), a.SetDeadline(time.Time{}), read(a, 1), write(a, 1)}
		}},
		{"reading to the end", func(a, b halfCloser) []error {
			return []error{write(b, 10), b.Close(), read(a, 0), read(a, 10), read(a, 10), read(a, 0), a.CloseWrite(), a.Close()}
		}},
		{"half-closed", func(a, b halfCloser) []error {
			return []error{a.CloseWrite(), a.CloseWrite(), write(a, 1), write(a, 0), read(b, 1), write(b, 1), read(a, 1)}
		}},
		{"deadline and the end", func(a, b halfCloser) []error {
			return []error{b.Close(), a.SetDeadline(past), read(a, 1)}
		}},
		{"reset by the peer", func(a, b halfCloser) []error {
			reset(b)
			return []error{read(a, 1), a.Close(), read(a, 1), write(a, 1)}
		}},
		{"reset by the peer after data", func(a, b halfCloser) []error {
			wrote := write(b, 1000)
			time.Sleep(10 * time.Millisecond) // the bytes arrive
			reset(b)
			return []error{wrote, all(a)}
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			describe := func(a, b halfCloser) string {
				var all strings.Builder
				for _, err := range row.do(a, b) {
					fmt.Fprintf(&all, "%T %v", err, err)
					if timeout, ok := err.(net.Error); ok {
						fmt.Fprintf(&all, " timeout=%t", timeout.Timeout())
					}
					all.WriteByte('\n')
				}
				return strings.NewReplacer(a.LocalAddr().String(), "A", a.RemoteAddr().String(), "B").Replace(all.String())
			}
			a, b := memnet.Pipe(memnet.Link{})
			assert.Equal(t, describe(tcpPair(t)), describe(a, b))
		})
	}
}

func TestARefusedDialSaysWhatTCPSays(t *testing.T) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	free := probe.Addr()
	require.NoError(t, probe.Close())
	_, want := net.Dial("tcp", free.String())
	require.Error(t, want)

	l := memnet.Listen(free, memnet.Link{})
	require.NoError(t, l.Close())
	_, got := l.Dial(t.Context())
	assert.EqualError(t, got, want.Error())
}
