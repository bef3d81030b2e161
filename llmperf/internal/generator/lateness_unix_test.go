//go:build unix

package generator

import (
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestALateReaderOfTheNetworkIsSeenToBeLate lets one core read from hundreds of
// descriptors what takes it most of the time. Few goroutines are ready at a time: the
// queue is the system's.
func TestALateReaderOfTheNetworkIsSeenToBeLate(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const pipes, each = 400, 600 * time.Microsecond // 240 ms of work …
	var readers sync.WaitGroup
	var outs []*os.File
	for range pipes {
		in, out, err := os.Pipe()
		require.NoError(t, err)
		outs = append(outs, out)
		readers.Go(func() {
			defer in.Close()
			var one [1]byte
			for {
				if _, err := in.Read(one[:]); err != nil {
					return
				}
				for began := time.Now(); time.Since(began) < each; {
				}
			}
		})
	}
	m := Start(time.Now())
	for range 5 { // … every 200 ms or so
		for _, out := range outs {
			_, err := out.Write([]byte{0})
			require.NoError(t, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
	whole := []Stretch{{0, time.Since(m.start)}}
	m.Stop()
	for _, out := range outs {
		out.Close()
	}
	readers.Wait()
	looks := m.Lateness(whole)
	require.NotEmpty(t, looks)
	slices.Sort(looks)
	assert.Greater(t, looks[len(looks)/2], float64(45*time.Millisecond), "there is always work left")
}
