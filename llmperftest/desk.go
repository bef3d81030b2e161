package llmperftest

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A desk numbers requests in the order of their arrival. In virtual time several
// may arrive at one instant, by goroutines that run in any order; so there the
// desk waits for the end of the grain before it numbers them, in the order of
// arrival, origin, path and content.
type desk struct {
	virtual bool

	mu      sync.Mutex
	waiting []*arrival
	next    int
}

// An arrival is a request that waits for its number.
type arrival struct {
	at     time.Time
	origin string
	path   string
	body   []byte
	number int
}

// number returns the arrival's number, 0-based.
func (d *desk) number(a *arrival) int {
	d.mu.Lock()
	if !d.virtual {
		defer d.mu.Unlock()
		d.next++
		return d.next - 1
	}
	a.number = -1
	d.waiting = append(d.waiting, a)
	d.mu.Unlock()

	// The engine's instant is one later: it finds all that arrived in the grain.
	time.Sleep(time.Until(slot(a.at.Add(2)).Add(-1)))

	d.mu.Lock()
	defer d.mu.Unlock()
	if a.number < 0 {
		d.settle(time.Now())
	}
	return a.number
}

// upcoming is the number that the next request gets.
func (d *desk) upcoming() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.next
}

// settle numbers all that arrived before now. Whichever of them wakes first
// does it for all.
func (d *desk) settle(now time.Time) {
	slices.SortFunc(d.waiting, func(a, b *arrival) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(a.origin, b.origin), strings.Compare(a.path, b.path), bytes.Compare(a.body, b.body))
	})
	d.waiting = slices.DeleteFunc(d.waiting, func(a *arrival) bool {
		if !a.at.Before(now) {
			return false
		}
		a.number = d.next
		d.next++
		return true
	})
}
