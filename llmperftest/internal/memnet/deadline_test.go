package memnet_test

import (
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperftest/internal/memnet"
)

var errTimeout = os.ErrDeadlineExceeded

func waitToRead(c *memnet.Conn) error {
	_, err := c.Read(make([]byte, 1))
	return err
}

func waitToWrite(c *memnet.Conn) error {
	_, err := c.Write(large)
	return err
}

// deadlines are the ways of setting one, each with a call that has to wait.
var deadlines = []struct {
	name string
	set  func(c *memnet.Conn, t time.Time) error
	call func(c *memnet.Conn) error
}{
	{"read", (*memnet.Conn).SetReadDeadline, waitToRead},
	{"write", (*memnet.Conn).SetWriteDeadline, waitToWrite},
	{"both, reading", (*memnet.Conn).SetDeadline, waitToRead},
	{"both, writing", (*memnet.Conn).SetDeadline, waitToWrite},
}

func TestACallEndsAtItsDeadline(t *testing.T) {
	const never = time.Hour // the peer closes then
	type setting struct{ at, deadline time.Duration }
	rows := []struct {
		name     string
		settings []setting
		ends     time.Duration
		reason   string
	}{
		{"future", []setting{{0, 10 * ms}}, 10 * ms, "set before the call"},
		{"past", []setting{{0, -ms}}, 0, "it has passed already"},
		{"now", []setting{{0, 0}}, 0, "it has passed already"},
		{"set while waiting", []setting{{5 * ms, 10 * ms}}, 10 * ms, "the call wakes"},
		{"past while waiting", []setting{{5 * ms, ms}}, 5 * ms, "the call wakes at once"},
		{"moved forward", []setting{{0, 10 * ms}, {5 * ms, 7 * ms}}, 7 * ms, "the last one counts"},
		{"moved back", []setting{{0, 10 * ms}, {5 * ms, 30 * ms}}, 30 * ms, "the last one counts"},
		{"moved to and fro", []setting{{0, 10 * ms}, {ms, 30 * ms}, {2 * ms, 5 * ms}, {3 * ms, 20 * ms}}, 20 * ms, "the last one counts"},
		{"cleared", []setting{{0, 10 * ms}, {5 * ms, never}}, never, "none is left"},
	}
	for _, row := range rows {
		for _, kind := range deadlines {
			t.Run(row.name+"/"+kind.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a, b := pipe(t, memnet.Link{})
					begin := time.Now()
					set := func(s setting) {
						deadline := begin.Add(s.deadline)
						if s.deadline == never {
							deadline = time.Time{}
						}
						assert.NoError(t, kind.set(a, deadline))
					}
					later := row.settings
					if later[0].at == 0 {
						set(later[0])
						later = later[1:]
					}
					var background sync.WaitGroup
					defer background.Wait()
					background.Go(func() {
						for _, s := range later {
							time.Sleep(s.at - time.Since(begin))
							set(s)
						}
						time.Sleep(never - time.Since(begin))
						assert.NoError(t, b.Close())
					})
					err := kind.call(a)
					assert.Equal(t, row.ends, time.Since(begin), row.reason)
					if row.ends != never {
						assert.ErrorIs(t, err, errTimeout)
					}
				})
			})
		}
	}
}

func TestADeadlineIsATimeoutThatPasses(t *testing.T) {
	inBothTimes(t, func(t *testing.T) {
		a, b := pipe(t, memnet.Link{})
		_, err := b.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, a.SetDeadline(time.Now().Add(-time.Second)))
		var timeout net.Error
		_, err = a.Read(make([]byte, 1))
		require.ErrorAs(t, err, &timeout)
		assert.True(t, timeout.Timeout(), "though there is a byte to read")
		_, err = a.Write(make([]byte, 1))
		require.ErrorAs(t, err, &timeout)
		assert.True(t, timeout.Timeout(), "though there is space")

		require.NoError(t, a.SetDeadline(time.Time{}))
		_, err = a.Read(make([]byte, 1))
		assert.NoError(t, err, "the byte was not lost")
		_, err = a.Write(make([]byte, 1))
		assert.NoError(t, err)
	})
}

func TestAWriteCutByItsDeadlineSaysHowMuchWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pipe(t, memnet.Link{})
		require.NoError(t, a.SetWriteDeadline(time.Now().Add(10*ms)))
		n, err := a.Write(make([]byte, 100_000))
		assert.ErrorIs(t, err, errTimeout)
		assert.Equal(t, bufferSize, n)
	})
}

func TestEveryCallThatWaitsMeetsTheDeadline(t *testing.T) {
	inBothTimes(t, func(t *testing.T) {
		a, _ := pipe(t, memnet.Link{})
		const calls = 10
		errs := make(chan error, 2*calls)
		for range calls {
			go func() { errs <- waitToRead(a) }()
			go func() { errs <- waitToWrite(a) }()
		}
		time.Sleep(5 * ms)
		require.NoError(t, a.SetDeadline(time.Now().Add(5*ms)))
		for range 2 * calls {
			assert.ErrorIs(t, <-errs, errTimeout)
		}
	})
}

func TestADeadlineBeforeTheArrivalWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe(t, memnet.Link{Latency: 10 * ms})
		begin := time.Now()
		_, err := a.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, b.SetReadDeadline(begin.Add(4*ms)))
		_, err = b.Read(make([]byte, 1))
		assert.ErrorIs(t, err, errTimeout)
		assert.Equal(t, 4*ms, time.Since(begin))
		require.NoError(t, b.SetReadDeadline(begin.Add(40*ms)))
		_, err = b.Read(make([]byte, 1))
		assert.NoError(t, err)
		assert.Equal(t, 10*ms, time.Since(begin))
	})
}

func TestAClosedConnectionTakesNoDeadline(t *testing.T) {
	a, _ := pipe(t, memnet.Link{})
	require.NoError(t, a.Close())
	for _, kind := range deadlines {
		assert.ErrorIs(t, kind.set(a, time.Now()), net.ErrClosed, kind.name)
	}
}
