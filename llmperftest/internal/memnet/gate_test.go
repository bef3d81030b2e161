package memnet

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestATimerRunsOnlyWhileACallWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(Link{Latency: time.Hour})
		defer b.Close()
		require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Hour)))
		_, err := b.Write([]byte("x"))
		require.NoError(t, err)
		assert.Nil(t, a.readers.timer, "nobody waits, though a deadline is set and a byte in flight")

		errs := make(chan error)
		for range 2 {
			go func() {
				_, err := a.Read(make([]byte, 1))
				errs <- err
			}()
		}
		synctest.Wait()
		assert.False(t, a.readers.due.IsZero())
		require.NoError(t, a.Close())
		for range 2 {
			assert.ErrorIs(t, <-errs, net.ErrClosed)
		}
		assert.True(t, a.readers.due.IsZero())
		assert.False(t, a.readers.timer.Stop(), "it has been stopped")
	})
}

func TestTheTimerRunsOnForOtherCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var g gate
		g.cond.L = &mu
		begin := time.Now()
		woken := make(chan time.Duration)
		for range 2 {
			go func() {
				mu.Lock()
				defer mu.Unlock()
				g.wait(begin.Add(time.Hour), time.Now())
				woken <- time.Since(begin)
			}()
		}
		synctest.Wait()
		g.cond.Signal()
		assert.Zero(t, <-woken)
		assert.Equal(t, time.Hour, <-woken)
	})
}
