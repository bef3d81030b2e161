package memnet_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperftest/internal/memnet"
)

const bufferSize = 64 << 10

// large is more than any link in these tests holds.
var large = make([]byte, 10<<20)

func TestAllBytesArriveInOrderAndThenTheEnd(t *testing.T) {
	overLinks(t, func(t *testing.T, link memnet.Link) {
		random := rand.New(rand.NewPCG(1, 2))
		sent := make([]byte, 5*bufferSize)
		for i := range sent {
			sent[i] = byte(random.Uint32())
		}
		a, b := pipe(t, link)
		go func() {
			random := rand.New(rand.NewPCG(3, 4))
			for rest := sent; len(rest) > 0; {
				n, err := a.Write(rest[:min(len(rest), 1+random.IntN(bufferSize*3/2))])
				if !assert.NoError(t, err) {
					break
				}
				rest = rest[n:]
			}
			assert.NoError(t, a.Close())
		}()
		var got []byte
		piece := make([]byte, 10_000)
		for {
			n, err := b.Read(piece[:1+random.IntN(len(piece))])
			got = append(got, piece[:n]...)
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
		}
		assert.True(t, bytes.Equal(sent, got))
		_, err := b.Read(piece)
		assert.Equal(t, io.EOF, err, "the end stays")
	})
}

func TestConcurrentWritesDoNotMix(t *testing.T) {
	overLinks(t, func(t *testing.T, link memnet.Link) {
		const writers, size = 4, bufferSize + 1000
		a, b := pipe(t, link)
		for i := range writers {
			go func() {
				n, err := a.Write(bytes.Repeat([]byte{byte(i)}, size))
				assert.NoError(t, err)
				assert.Equal(t, size, n)
			}()
		}
		got := make([]byte, writers*size)
		_, err := io.ReadFull(b, got)
		require.NoError(t, err)
		for i := range writers {
			part := got[i*size : (i+1)*size]
			assert.Equal(t, size, bytes.Count(part, part[:1]), "a part is of one writer")
		}
	})
}

func TestAWriteThatWaitsIsNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe(t, memnet.Link{})
		const overtakers = 100
		var want, got bytes.Buffer
		want.Write(bytes.Repeat([]byte("a"), bufferSize+overtakers))
		want.Write(bytes.Repeat([]byte("b"), overtakers))
		go func() {
			_, err := a.Write(want.Bytes()[:bufferSize+overtakers])
			assert.NoError(t, err)
		}()
		synctest.Wait()
		for range overtakers {
			_, err := io.CopyN(&got, b, 1)
			require.NoError(t, err)
			go func() { // finds the space that the read has made
				_, err := a.Write([]byte("b"))
				assert.NoError(t, err)
			}()
		}
		_, err := io.CopyN(&got, b, int64(want.Len()-got.Len()))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want.Bytes(), got.Bytes()))
	})
}

func TestBytesAreReadableAtTheInstantTheyAreWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe(t, memnet.Link{})
		begin := time.Now()
		_, err := a.Write([]byte("token"))
		require.NoError(t, err)
		got := make([]byte, 10)
		n, err := b.Read(got)
		require.NoError(t, err)
		assert.Equal(t, "token", string(got[:n]), "a read is short rather than late")
		assert.Zero(t, time.Since(begin))
	})
}

func TestAWriteWaitsWhileTheBufferIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe(t, memnet.Link{})
		_, err := a.Write(make([]byte, bufferSize))
		require.NoError(t, err, "64 KiB fit")
		written := make(chan int, 1)
		go func() {
			n, err := a.Write(make([]byte, 1000))
			assert.NoError(t, err)
			written <- n
		}()
		synctest.Wait()
		assert.Empty(t, written, "not one byte more fits")
		_, err = io.ReadFull(b, make([]byte, 999))
		require.NoError(t, err)
		synctest.Wait()
		assert.Empty(t, written, "the last byte does not fit")
		_, err = b.Read(make([]byte, 1))
		require.NoError(t, err)
		assert.Equal(t, 1000, <-written)
	})
}

func TestTheOtherDirectionOutlivesAHalfClose(t *testing.T) {
	overLinks(t, func(t *testing.T, link memnet.Link) {
		a, b := pipe(t, link)
		_, err := a.Write([]byte("question"))
		require.NoError(t, err)
		require.NoError(t, a.CloseWrite())
		require.NoError(t, a.CloseWrite(), "closing twice is harmless")
		question, err := io.ReadAll(b)
		require.NoError(t, err)
		assert.Equal(t, "question", string(question))
		_, err = a.Write([]byte("?"))
		assert.ErrorIs(t, err, syscall.EPIPE)

		_, err = b.Write([]byte("answer"))
		require.NoError(t, err)
		require.NoError(t, b.Close())
		answer, err := io.ReadAll(a)
		require.NoError(t, err)
		assert.Equal(t, "answer", string(answer))
	})
}

func TestAWriteToAPeerThatHasClosedFails(t *testing.T) {
	overLinks(t, func(t *testing.T, link memnet.Link) {
		a, b := pipe(t, link)
		require.NoError(t, b.Close())
		_, err := a.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		_, err = a.Write(make([]byte, 1))
		assert.ErrorIs(t, err, syscall.EPIPE)
	})
}

func TestCallsThatWaitAreWoken(t *testing.T) {
	rows := []struct {
		name   string
		wake   func(a, b *memnet.Conn)
		read   error
		write  error
		reason string
	}{
		{"own close", func(a, _ *memnet.Conn) { _ = a.Close() }, net.ErrClosed, net.ErrClosed, "the end is gone"},
		{"peer's close", func(_, b *memnet.Conn) { _ = b.Close() }, io.EOF, syscall.EPIPE, "nothing will be written, nor read"},
		{"own reset", func(a, _ *memnet.Conn) { a.Reset() }, syscall.ECONNRESET, syscall.ECONNRESET, "both ends get it"},
		{"peer's reset", func(_, b *memnet.Conn) { b.Reset() }, syscall.ECONNRESET, syscall.ECONNRESET, "both ends get it"},
		{"both half-closed", func(a, b *memnet.Conn) { _, _ = a.CloseWrite(), b.CloseWrite() }, io.EOF, syscall.EPIPE, "no direction is left"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			overLinks(t, func(t *testing.T, link memnet.Link) {
				a, b := pipe(t, link)
				var waiting sync.WaitGroup
				waiting.Go(func() {
					_, err := a.Read(make([]byte, 1))
					assert.ErrorIs(t, err, row.read, row.reason)
				})
				waiting.Go(func() {
					n, err := a.Write(large)
					assert.ErrorIs(t, err, row.write, row.reason)
					assert.NotZero(t, n, "what had been sent by then")
				})
				_, err := b.Read(make([]byte, 1))
				require.NoError(t, err, "the write is under way")
				time.Sleep(20 * time.Millisecond)
				row.wake(a, b)
				waiting.Wait()
			})
		})
	}
}

func TestAResetLeavesWhatHasArrived(t *testing.T) {
	inBothTimes(t, func(t *testing.T) {
		a, b := pipe(t, memnet.Link{})
		_, err := a.Write([]byte("two tokens"))
		require.NoError(t, err)
		a.Reset()
		a.Reset() // is harmless
		got, err := io.ReadAll(b)
		assert.Equal(t, "two tokens", string(got))
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		assert.NoError(t, a.Close(), "a broken connection is closed like any other")
		assert.ErrorIs(t, a.Close(), net.ErrClosed)
	})
}

func TestAConnectionHasNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 100 {
		a, b := pipe(t, memnet.Link{Latency: time.Millisecond, Bandwidth: 1e6})
		require.NoError(t, a.SetDeadline(time.Now().Add(time.Hour)))
		_, err := a.Write(make([]byte, 1000))
		require.NoError(t, err)
		require.NoError(t, b.Close())
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)
}

func TestAnInstantLinkAllocatesNothing(t *testing.T) {
	a, b := pipe(t, memnet.Link{})
	chunk, got := make([]byte, 200), make([]byte, 200)
	allocations := testing.AllocsPerRun(1000, func() {
		_, _ = a.Write(chunk)
		_, _ = b.Read(got)
	})
	assert.Zero(t, allocations)
}

func BenchmarkWriteAndRead(b *testing.B) {
	client, server := memnet.Pipe(memnet.Link{})
	chunk, got := make([]byte, 200), make([]byte, 200)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = server.Write(chunk)
		_, _ = client.Read(got)
	}
}
