package memnet_test

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperftest/internal/memnet"
)

const us, ms = time.Microsecond, time.Millisecond

// An arrival is bytes that became readable at one instant.
type arrival struct {
	at    time.Duration
	bytes int
}

// arrivals reads until an error, and says when what came.
func arrivals(c *memnet.Conn, begin time.Time) (all []arrival, end arrival, err error) {
	buffer := make([]byte, 1<<20)
	for {
		n, err := c.Read(buffer)
		now := arrival{time.Since(begin), n}
		if err != nil {
			return all, now, err
		}
		all = append(all, now)
	}
}

func TestBytesArriveAfterTheirTransmissionAndTheLatency(t *testing.T) {
	type write = arrival
	rows := []struct {
		name   string
		link   memnet.Link
		writes []write
		want   []arrival
		reason string
	}{
		{"latency", memnet.Link{Latency: 5 * ms}, []write{{0, 100}, {1 * ms, 50_000}}, []arrival{{5 * ms, 100}, {6 * ms, 50_000}}, "without a limit size does not matter"},
		{"part of a grain", memnet.Link{Latency: 101 * us}, []write{{0, 1}}, []arrival{{120 * us, 1}}, "latency is whole grains"},
		{"phase", memnet.Link{Latency: 101 * us, Bandwidth: 1e6}, []write{{7, 1}}, []arrival{{140*us + 7, 1}}, "121 µs, in the phase of the write"},
		{"one instant", memnet.Link{Latency: ms}, []write{{0, 10}, {0, 20}}, []arrival{{ms, 30}}, "what is written at one instant arrives at one"},
		{"bandwidth", memnet.Link{Bandwidth: 1e6}, []write{{0, 200}, {ms, 200}}, []arrival{{200 * us, 200}, {1200 * us, 200}}, "a microsecond a byte"},
		{"both", memnet.Link{Latency: 5 * ms, Bandwidth: 1e6}, []write{{0, 1000}}, []arrival{{6 * ms, 1000}}, "one after the other"},
		{"queue", memnet.Link{Bandwidth: 1e6}, []write{{0, 1000}, {500 * us, 1000}}, []arrival{{1 * ms, 1000}, {2 * ms, 1000}}, "the second waits for the line"},
		{"idle line", memnet.Link{Bandwidth: 1e6}, []write{{0, 1000}, {3 * ms, 1000}}, []arrival{{1 * ms, 1000}, {4 * ms, 1000}}, "an idle line saves nothing up"},
		{"packets", memnet.Link{Bandwidth: 1e6}, []write{{0, 4000}}, []arrival{{1460 * us, 1460}, {2920 * us, 1460}, {4000 * us, 1080}}, "a large write trickles in"},
		{"fast", memnet.Link{Bandwidth: 1e9}, []write{{0, 20_000}}, []arrival{{20 * us, 20_000}}, "packets that end within a grain arrive together"},
		{"phases", memnet.Link{Bandwidth: 1e6}, []write{{5 * us, 16}, {6 * us, 1}}, []arrival{{25 * us, 16}, {26 * us, 1}}, "21 and 22 µs, each in its own phase"},
		{"order", memnet.Link{Latency: 20 * us, Bandwidth: 1e6}, []write{{19 * us, 22}, {30 * us, 1}}, []arrival{{79 * us, 22}, {90 * us, 1}}, "61 and 62 µs, and 70 would be in phase but overtake"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pipe(t, row.link)
				begin := time.Now()
				go func() {
					for _, w := range row.writes {
						time.Sleep(w.at - time.Since(begin))
						_, err := a.Write(make([]byte, w.bytes))
						assert.NoError(t, err)
					}
					assert.NoError(t, a.Close())
				}()
				got, end, err := arrivals(b, begin)
				assert.Equal(t, row.want, got, row.reason)
				assert.Equal(t, io.EOF, err)
				assert.GreaterOrEqual(t, end.at, row.want[len(row.want)-1].at, "the end comes last")
			})
		})
	}
}

func TestADelayIsWholeGrains(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			link := memnet.Link{Latency: time.Duration(random.IntN(3_000_000)), Bandwidth: math.Pow(10, 5+4*random.Float64())}
			a, b := pipe(t, link)
			const writes = 200
			sent := make([]time.Time, writes)
			go func() {
				for i := range sent {
					time.Sleep(time.Duration(random.IntN(300_000)))
					sent[i] = time.Now()
					_, err := a.Write([]byte{byte(i)})
					assert.NoError(t, err)
				}
				assert.NoError(t, a.CloseWrite())
			}()
			got := make([]byte, writes)
			for next := 0; next < writes; {
				n, err := b.Read(got)
				require.NoError(t, err)
				took := time.Since(sent[next+n-1])
				assert.Zero(t, took%memnet.Grain, "seed %d, write %d", seed, next)
				assert.GreaterOrEqual(t, took, link.Latency, "seed %d, write %d", seed, next)
				for _, number := range got[:n] {
					assert.Equal(t, byte(next), number, "seed %d: order", seed)
					next++
				}
			}
		})
	}
}

func TestTheEndOfAConnectionTakesTheLink(t *testing.T) {
	link := memnet.Link{Latency: 5 * ms, Bandwidth: 1e6}
	rows := []struct {
		name   string
		end    func(a *memnet.Conn)
		bytes  int // of the 3,000 written just before
		read   time.Duration
		err    error
		write  time.Duration // when the peer's writes begin to fail; 0 for never
		why    error
		reason string
	}{
		{"half-close", func(a *memnet.Conn) { _ = a.CloseWrite() }, 3000, 8 * ms, io.EOF, 0, nil, "after the data; the other direction lives"},
		{"close", func(a *memnet.Conn) { _ = a.Close() }, 3000, 8 * ms, io.EOF, 8 * ms, syscall.EPIPE, "after the data"},
		{"reset", func(a *memnet.Conn) { a.Reset() }, 0, 5 * ms, syscall.ECONNRESET, 5 * ms, syscall.ECONNRESET, "it overtakes what waits for the line"},
		{"reset in mid-stream", func(a *memnet.Conn) { time.Sleep(2 * ms); a.Reset() }, 1460, 7 * ms, syscall.ECONNRESET, 7 * ms, syscall.ECONNRESET, "what was under way before it arrives"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pipe(t, link)
				begin := time.Now()
				_, err := a.Write(make([]byte, 3000))
				require.NoError(t, err)
				go row.end(a)
				go func() {
					time.Sleep(us)
					for time.Since(begin) < 20*ms {
						_, err := b.Write([]byte{0})
						if failed := time.Since(begin) > row.write && row.write > 0; failed {
							assert.ErrorIs(t, err, row.why, "at %v: %s", time.Since(begin), row.reason)
						} else {
							assert.NoError(t, err, "at %v: %s", time.Since(begin), row.reason)
						}
						time.Sleep(100 * us)
					}
				}()
				got, end, err := arrivals(b, begin)
				bytes := 0
				for _, arrival := range got {
					bytes += arrival.bytes
				}
				assert.Equal(t, row.bytes, bytes, row.reason)
				assert.Equal(t, row.read, end.at, row.reason)
				assert.ErrorIs(t, err, row.err, row.reason)
				time.Sleep(20 * ms)
				n, err := b.Read(make([]byte, 1))
				assert.Zero(t, n, "nothing comes after the end")
				assert.ErrorIs(t, err, row.err)
			})
		})
	}
}

func TestAWriteThatWaitsFailsWhenTheEndArrives(t *testing.T) {
	ends := []struct {
		name string
		end  func(b *memnet.Conn)
		want error
	}{
		{"close", func(b *memnet.Conn) { _ = b.Close() }, syscall.EPIPE},
		{"reset", (*memnet.Conn).Reset, syscall.ECONNRESET},
	}
	for _, row := range ends {
		for _, at := range []time.Duration{0, 20 * ms} {
			t.Run(fmt.Sprint(row.name, " at ", at), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a, b := pipe(t, memnet.Link{Latency: 5 * ms})
					begin := time.Now()
					time.AfterFunc(at, func() { row.end(b) })
					time.Sleep(ms) // an end at 0 is under way by now
					_, err := a.Write(large)
					assert.ErrorIs(t, err, row.want)
					assert.Equal(t, at+5*ms, time.Since(begin))
				})
			})
		}
	}
}

func TestATrickleNobodyReadsStopsAt64KiB(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pipe(t, memnet.Link{Latency: 50 * ms, Bandwidth: 1e6})
		require.NoError(t, a.SetWriteDeadline(time.Now().Add(time.Hour)))
		sent := 0
		for {
			n, err := a.Write(make([]byte, 1000))
			sent += n
			if err != nil {
				assert.ErrorIs(t, err, errTimeout)
				break
			}
			time.Sleep(20 * ms)
		}
		assert.Equal(t, 68_000, sent, "64 KiB to the next write, and what is in flight then")
	})
}

func TestALongFatLinkDoesNotStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe(t, memnet.Link{Latency: 200 * ms, Bandwidth: 100e6})
		begin := time.Now()
		go func() {
			_, err := a.Write(make([]byte, 40e6))
			assert.NoError(t, err)
			assert.NoError(t, a.Close())
		}()
		_, end, err := arrivals(b, begin)
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, 600*ms, end.at, "40 MB at 100 MB/s, and the latency")
	})
}

func TestALinkHoldsSoMuchAndNoMore(t *testing.T) {
	rows := []struct {
		name   string
		link   memnet.Link
		burst  int
		reason string
	}{
		{"instant", memnet.Link{}, bufferSize, "nothing is in flight"},
		{"latency", memnet.Link{Latency: ms}, bufferSize + 4<<20, "a socket's send buffer"},
		{"bandwidth", memnet.Link{Bandwidth: 1e6}, bufferSize + 4<<20, "a socket's send buffer"},
		{"long and fat", memnet.Link{Latency: 100 * ms, Bandwidth: 90e6}, bufferSize + 9_001_800, "what fills the link, and a grain's bytes"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pipe(t, row.link)
				require.NoError(t, a.SetWriteDeadline(time.Now().Add(1)))
				n, err := a.Write(large)
				require.ErrorIs(t, err, errTimeout)
				assert.Equal(t, row.burst, n, row.reason)

				time.Sleep(10 * time.Second)
				require.NoError(t, a.SetWriteDeadline(time.Now().Add(1)))
				n, err = a.Write(large)
				require.ErrorIs(t, err, errTimeout)
				assert.Zero(t, n, "64 KiB and more lie at the peer")

				_, err = io.ReadFull(b, make([]byte, row.burst))
				require.NoError(t, err)
				require.NoError(t, a.SetWriteDeadline(time.Now().Add(1)))
				n, err = a.Write(large)
				require.ErrorIs(t, err, errTimeout)
				assert.Equal(t, row.burst, n, "as much as at first")
			})
		})
	}
}

func TestALinkThatCannotBeIsAPanic(t *testing.T) {
	rows := []struct {
		name string
		link memnet.Link
		want string
	}{
		{"negative latency", memnet.Link{Latency: -1}, "memnet: Link.Latency is -1ns: want a time of at least 0"},
		{"negative bandwidth", memnet.Link{Bandwidth: -1}, "memnet: Link.Bandwidth is -1: want at least 1 byte per second, or 0 for no limit"},
		{"hardly any bandwidth", memnet.Link{Bandwidth: 0.5}, "memnet: Link.Bandwidth is 0.5: want at least 1 byte per second, or 0 for no limit"},
		{"infinite bandwidth", memnet.Link{Bandwidth: math.Inf(1)}, "memnet: Link.Bandwidth is +Inf: want at least 1 byte per second, or 0 for no limit"},
		{"no number", memnet.Link{Bandwidth: math.NaN()}, "memnet: Link.Bandwidth is NaN: want at least 1 byte per second, or 0 for no limit"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			assert.PanicsWithValue(t, row.want, func() { memnet.Pipe(row.link) })
		})
	}
}
