package generator

import (
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"
)

const (
	readEvery  = 250 * time.Millisecond
	countEvery = time.Second // how often open files and sockets are counted
)

// A Use is what a process took in some time.
type Use struct {
	Wall    time.Duration // the time itself
	Cores   int           // most cores that it might use: GOMAXPROCS, which keeps to a container's limit
	CPU     time.Duration // CPU time of this process, its kernel's part included; 0 if the system does not tell
	GC      time.Duration // CPU time of garbage collection, of CPU
	Stolen  time.Duration // for which the machine's hypervisor ran others instead, as the mean of its processors; 0 if the system does not tell
	Held    time.Duration // for which the CPU limit of its container held it back, of all processors; 0 if the system does not tell
	Pauses  Times         // for which a garbage collection stopped all goroutines
	Ready   Times         // for which goroutines were ready and did not run
	Files   int           // most files open at once, as far as seen; 0 if the system does not tell
	Sockets int           // the same of TCP sockets of this machine, those included that are closed and linger

	most time.Duration // CPU time that there was: Wall times Cores, as those changed
}

// add takes in a slot.
func (u *Use) add(s *slot) {
	wall := s.until - s.from
	u.Wall += wall
	u.most += wall * time.Duration(s.cores)
	u.Cores = max(u.Cores, s.cores)
	u.CPU += s.cpu
	u.GC += s.gc
	u.Stolen += s.stolen
	u.Held += s.held
	u.Pauses.add(s.pauses)
	u.Ready.add(s.ready)
	u.Files, u.Sockets = max(u.Files, s.files), max(u.Sockets, s.sockets)
}

// Share is the share of the cores it might use that the process used: 1 is all of
// them; 0 if the system does not tell.
func (u *Use) Share() float64 { return share(u.CPU, u) }

// GCShare is the same of garbage collection.
func (u *Use) GCShare() float64 { return share(u.GC, u) }

// StolenShare is the share of the time for which the machine's hypervisor ran others.
func (u *Use) StolenShare() float64 {
	if u.Wall == 0 {
		return 0
	}
	return float64(u.Stolen) / float64(u.Wall)
}

func share(t time.Duration, u *Use) float64 {
	if u.most == 0 {
		return 0
	}
	return float64(t) / float64(u.most)
}

// Times are counted in Go's own buckets, which are a few per cent wide.
type Times struct{ counts []bin } // ascending

// A bin counts times of at most so many nanoseconds.
type bin struct {
	most float64
	n    uint64
}

func (t *Times) add(bins []bin) {
	for _, b := range bins {
		i, found := slices.BinarySearchFunc(t.counts, b.most, func(c bin, most float64) int {
			switch {
			case c.most < most:
				return -1
			case c.most > most:
				return 1
			}
			return 0
		})
		if found {
			t.counts[i].n += b.n
		} else {
			t.counts = slices.Insert(t.counts, i, b)
		}
	}
}

// N is how many times there are.
func (t *Times) N() int {
	n := uint64(0)
	for _, b := range t.counts {
		n += b.n
	}
	return int(n)
}

// Quantile is the p-quantile by nearest rank, rounded up to the end of its bucket;
// 0 of none.
func (t *Times) Quantile(p float64) time.Duration {
	rank, seen := uint64(math.Ceil(p*float64(t.N()))), uint64(0)
	for _, b := range t.counts {
		if seen += b.n; seen >= max(rank, 1) {
			return time.Duration(b.most)
		}
	}
	return 0
}

// A slot is what was taken between two readings.
type slot struct {
	from, until    time.Duration
	cpu, gc        time.Duration
	stolen, held   time.Duration
	cores          int
	pauses, ready  []bin
	files, sockets int
}

// A reader reads what the process has taken since it was last asked.
type reader struct {
	samples []metrics.Sample
	at      time.Duration
	cpu     time.Duration
	gc      float64
	stolen  time.Duration
	held    time.Duration
	pauses  []uint64
	ready   []uint64
	counted time.Duration // when files and sockets were
}

// What is read of runtime/metrics, in this order.
const (
	readyTimes = iota
	pauseTimes
	gcSeconds
)

func newReader() *reader {
	return &reader{counted: -countEvery, stolen: stolen(), held: throttled(), samples: []metrics.Sample{
		readyTimes: {Name: "/sched/latencies:seconds"},
		pauseTimes: {Name: "/sched/pauses/total/gc:seconds"},
		gcSeconds:  {Name: "/cpu/classes/gc/total:cpu-seconds"},
	}}
}

// read is what was taken until now, since the last time.
func (r *reader) read(now time.Duration) slot {
	metrics.Read(r.samples)
	s := slot{from: r.at, until: now, cores: runtime.GOMAXPROCS(0)}
	s.ready, r.ready = newCounts(&r.samples[readyTimes], r.ready)
	s.pauses, r.pauses = newCounts(&r.samples[pauseTimes], r.pauses)
	if v := r.samples[gcSeconds].Value; v.Kind() == metrics.KindFloat64 {
		s.gc = time.Duration((v.Float64() - r.gc) * float64(time.Second))
		r.gc = v.Float64()
	}
	if cpu, ok := cpuTime(); ok {
		s.cpu, r.cpu = cpu-r.cpu, cpu
	}
	lost, held := stolen(), throttled()
	s.stolen, r.stolen = lost-r.stolen, lost
	s.held, r.held = held-r.held, held
	if now-r.counted >= countEvery {
		s.files, s.sockets = OpenFiles(), sockets()
		r.counted = now
	}
	r.at = now
	return s
}

// newCounts are the counts of a histogram that are new, and all of them, which
// take the place of those before.
func newCounts(s *metrics.Sample, before []uint64) ([]bin, []uint64) {
	if s.Value.Kind() != metrics.KindFloat64Histogram {
		return nil, nil
	}
	h := s.Value.Float64Histogram()
	if before == nil {
		before = make([]uint64, len(h.Counts))
	}
	var bins []bin
	for i, n := range h.Counts {
		if n > before[i] {
			most := h.Buckets[i+1]
			if math.IsInf(most, 1) {
				most = h.Buckets[i]
			}
			bins = append(bins, bin{math.Round(most * float64(time.Second)), n - before[i]})
		}
		before[i] = n
	}
	return bins, before
}
