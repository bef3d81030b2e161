package memnet

import "math/bits"

// A ring is a queue that reuses its memory. It grows by doubling.
type ring[T any] struct {
	slots []T // as many as a power of two
	first int // the slot of the oldest item
	n     int // items held
}

// push appends items.
func (r *ring[T]) push(items ...T) {
	if r.n+len(items) > len(r.slots) {
		r.grow(r.n + len(items))
	}
	at := (r.first + r.n) & (len(r.slots) - 1)
	copied := copy(r.slots[at:], items)
	copy(r.slots, items[copied:])
	r.n += len(items)
}

func (r *ring[T]) grow(n int) {
	slots := make([]T, max(16, 1<<bits.Len(uint(n-1))))
	held := r.n
	r.pop(slots[:held])
	r.slots, r.first, r.n = slots, 0, held
}

// pop moves the oldest items out, as many as there are and as have room.
func (r *ring[T]) pop(into []T) int {
	n := min(len(into), r.n)
	copied := copy(into[:n], r.slots[r.first:])
	copy(into[copied:n], r.slots)
	r.n -= n
	if r.n == 0 {
		r.first = 0
	} else {
		r.first = (r.first + n) & (len(r.slots) - 1)
	}
	return n
}

// drop forgets the n newest items.
func (r *ring[T]) drop(n int) { r.n -= n }

// oldest and newest point into a ring that is not empty.
func (r *ring[T]) oldest() *T { return &r.slots[r.first] }
func (r *ring[T]) newest() *T { return &r.slots[(r.first+r.n-1)&(len(r.slots)-1)] }
