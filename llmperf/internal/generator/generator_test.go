package generator

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatWasDueWhileNothingRanCountsFromWhenItWasDue(t *testing.T) {
	m := &Monitor{}
	m.looked(10*time.Millisecond + 300*time.Microsecond)
	m.looked(20*time.Millisecond + 100*time.Microsecond)
	m.looked(70 * time.Millisecond) // nothing ran for 50 ms
	m.looked(80*time.Millisecond + time.Microsecond)
	at := func(from, until time.Duration) []float64 {
		var ms []float64
		for _, ns := range m.Lateness([]Stretch{{from, until}}) {
			ms = append(ms, ns/1e6)
		}
		return ms
	}
	assert.Equal(t, []float64{0.3, 0.1, 40, 30, 20, 10, 0, 0.001}, at(0, time.Hour))
	assert.Equal(t, []float64{40, 30}, at(30*time.Millisecond, 50*time.Millisecond), "from the first moment on, and before the last")
	assert.Equal(t, []float64{30}, at(31*time.Millisecond, 41*time.Millisecond))
	assert.Empty(t, at(time.Second, time.Hour), "what has not come")
	assert.Equal(t, 4, len(m.Lateness([]Stretch{{0, 20 * time.Millisecond}, {60 * time.Millisecond, time.Hour}})), "of several stretches")
}

func TestOfALongTimeSomeLooksAreTaken(t *testing.T) {
	m := &Monitor{}
	m.looked(3 * mostLooks * Every)
	looks := m.Lateness([]Stretch{{0, time.Hour}})
	assert.Len(t, looks, mostLooks)
	assert.Equal(t, float64(3*mostLooks-1)*float64(Every), looks[0])
	assert.Equal(t, looks[0]-3*float64(Every), looks[1], "evenly")
}

// TestAProcessWithoutTimeToSpareIsSeenToBeLate lets goroutines that never wait have
// the one core. Go takes it from each after 10 ms, so that whoever is ready waits for
// some of them; and on a machine that is busy with other things, longer.
func TestAProcessWithoutTimeToSpareIsSeenToBeLate(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	m := Start(time.Now())
	var over atomic.Bool
	for range 4 {
		go func() {
			for !over.Load() {
			}
		}()
	}
	time.Sleep(time.Second)
	whole := []Stretch{{0, time.Since(m.start)}}
	over.Store(true)
	m.Stop()
	looks := m.Lateness(whole)
	require.NotEmpty(t, looks)
	late := 0
	for _, ns := range looks {
		if ns > float64(5*time.Millisecond) {
			late++
		}
	}
	assert.Greater(t, 2*late, len(looks), "of %d looks %d were late", len(looks), late)
	u := m.Use(whole)
	assert.Greater(t, u.Ready.Quantile(0.99), 5*time.Millisecond, "so says Go")
	assert.Equal(t, 1, u.Cores)
}

func TestUseIsOfTheStretchAlone(t *testing.T) {
	m := &Monitor{}
	for i := range 8 { // a quarter of a second each, in the second half all of two cores
		s := slot{from: time.Duration(i) * readEvery, until: time.Duration(i+1) * readEvery, cores: 2, files: i}
		if i >= 4 {
			s.cpu, s.gc = 2*readEvery, readEvery
			s.pauses = []bin{{1000, 1}, {float64(1000 * i), 1}}
		}
		m.slots = append(m.slots, s)
	}
	calm, busy, all := m.Use([]Stretch{{0, time.Second}}), m.Use([]Stretch{{time.Second, 2 * time.Second}}), m.Use([]Stretch{{0, 2 * time.Second}})
	assert.Equal(t, []float64{0, 1, 0.5}, []float64{calm.Share(), busy.Share(), all.Share()})
	assert.Equal(t, []float64{0, 0.5, 0.25}, []float64{calm.GCShare(), busy.GCShare(), all.GCShare()})
	assert.Equal(t, []int{3, 7, 7}, []int{calm.Files, busy.Files, all.Files}, "the most")
	assert.Equal(t, []int{0, 8, 8}, []int{calm.Pauses.N(), busy.Pauses.N(), all.Pauses.N()})
	assert.Equal(t, []time.Duration{1000, 1000, 7000}, []time.Duration{busy.Pauses.Quantile(0), busy.Pauses.Quantile(0.5), busy.Pauses.Quantile(1)})
	assert.Zero(t, calm.Pauses.Quantile(0.99))
	nothing := m.Use(nil)
	assert.Zero(t, nothing.Share())
}

func TestAReadingIsWhatWasTakenSinceTheLast(t *testing.T) {
	r := newReader()
	r.read(0)
	before, known := cpuTime()
	if !known {
		t.Skip("the system does not tell what CPU time a process took")
	}
	for now := before; now < before+100*time.Millisecond; now, _ = cpuTime() {
	}
	for range 3 {
		runtime.GC()
	}
	s := r.read(time.Second)
	assert.GreaterOrEqual(t, s.cpu, 100*time.Millisecond)
	assert.Equal(t, []time.Duration{0, time.Second}, []time.Duration{s.from, s.until})
	var pauses Times
	pauses.add(s.pauses)
	assert.GreaterOrEqual(t, pauses.N(), 6, "each collection stops goroutines twice")
	assert.Positive(t, s.gc)
	again := r.read(time.Second)
	assert.Less(t, again.cpu, s.cpu, "what was read is not read again")
}

func TestOpenFilesAreCounted(t *testing.T) {
	before := OpenFiles()
	if before == 0 {
		t.Skip("the system does not tell how many files a process has open")
	}
	for range 10 {
		f, err := os.Open(os.DevNull)
		require.NoError(t, err)
		defer f.Close()
	}
	assert.Equal(t, before+10, OpenFiles())
	assert.Greater(t, FilesLimit(), before)
}

func TestOnLinuxPortsAndSocketsAreKnown(t *testing.T) {
	if runtime.GOOS != "linux" {
		assert.Zero(t, Ports())
		t.Skip("only Linux tells")
	}
	assert.Greater(t, Ports(), 1000)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	assert.Positive(t, sockets())
}

func TestLackOf(t *testing.T) {
	dial := func(network string, err error) error {
		return &url.Error{Op: "Post", URL: "http://localhost", Err: &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", err)}}
	}
	tests := []struct {
		name, reason string
		err          error
		want         Lack
	}{
		{"files", "the process may open no more", dial("tcp", syscall.EMFILE), Files},
		{"files of all", "nor may the machine", dial("tcp", syscall.ENFILE), Files},
		{"another file", "whatever it was for", fmt.Errorf("prompts: %w", &os.PathError{Op: "open", Path: "p.txt", Err: syscall.EMFILE}), Files},
		{"DNS", "its errors hold a text alone", &net.DNSError{Err: "dial udp 10.0.0.2:53: socket: " + syscall.EMFILE.Error(), Name: "llm"}, Files},
		{"ports", "all are taken", dial("tcp", syscall.EADDRNOTAVAIL), LocalPorts},
		{"buffers", "no memory for another socket", dial("tcp", syscall.ENOBUFS), Buffers},
		{"memory", "likewise", &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.ENOMEM)}, Buffers},
		{"firewall", "this machine's rules", dial("tcp4", syscall.EPERM), Permission},
		{"firewall that denies", "likewise", dial("tcp", syscall.EACCES), Permission},
		{"a socket's file", "it is the service's that others may not use it", dial("unix", syscall.EACCES), None},
		{"a file", "it is no connection", &os.PathError{Op: "open", Path: "p.txt", Err: syscall.EPERM}, None},
		{"refused", "that says the service's machine", dial("tcp", syscall.ECONNREFUSED), None},
		{"reset", "that did the service", &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, None},
		{"unknown name", "that said a name server", &net.DNSError{Err: "no such host", Name: "llm", IsNotFound: true}, None},
		{"nothing", "there was no error", nil, None},
		{"its text alone", "the service may say so of itself", errors.New("too many open files"), None},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, LackOf(tt.err), tt.reason) })
	}
	assert.Equal(t, "what it needs", Lack(99).String())
}

// BenchmarkReading is what a reading takes, of which there are four a second.
func BenchmarkReading(b *testing.B) {
	r := newReader()
	for b.Loop() {
		r.read(0)
	}
}
