package load

import (
	"math"
	"time"
)

// A course is when the requests of an open loop are due: pieces one after the
// other, each with a rate, or with every time given. The last one goes on.
//
// With a rate, the time of a request is where the integral of the rate over time
// reaches the sum of the gaps, which are multiples of the mean gap: for gaps that
// are exponential, a Poisson process of that rate, constant or changing.
type course struct {
	pieces []piece

	at   int     // the piece in which the last request was due, or will be the next
	past float64 // seconds since that piece's begin which are dealt with
	need float64 // what is left of the gap to the next request
	open bool    // need is set
	item int     // of a piece with given times, the next
	rows int     // requests so far of pieces that go round the rows of a trace
}

type piece struct {
	begin    time.Duration
	from, to float64       // requests per second: it changes evenly from one to the other …
	over     time.Duration // … over this time, and stays
	rows     int           // its requests go round so many rows of a trace; 0 for none

	times []time.Duration // since begin, instead of a rate
	row   int             // the trace's row of the first of them
}

// farAway is when nobody waits for a request any more, in seconds.
const farAway = 1e9

// add puts a piece at the end, which ends the one before it.
func (c *course) add(p piece) { c.pieces = append(c.pieces, p) }

// next is when the next request is due, and its row of a trace, -1 for none; ok
// is false while nothing is due. The gap to it is drawn once.
func (c *course) next(gap func() float64) (due time.Duration, row int, ok bool) {
	for c.at < len(c.pieces) {
		p, length := &c.pieces[c.at], math.Inf(1)
		if c.at+1 < len(c.pieces) {
			length = (c.pieces[c.at+1].begin - p.begin).Seconds()
		}
		if p.times != nil {
			if c.item < len(p.times) && p.times[c.item].Seconds() < length {
				return p.begin + p.times[c.item], p.row + c.item, true
			}
		} else {
			if !c.open {
				c.need, c.open = gap(), true
			}
			if at := p.reach(c.past, c.need); at < min(length, farAway) {
				row := -1
				if p.rows > 0 {
					row = c.rows % p.rows
				}
				return p.begin + time.Duration(at*float64(time.Second)), row, true
			}
		}
		if math.IsInf(length, 1) {
			return 0, 0, false
		}
		if p.times == nil {
			c.need = max(0, c.need-p.area(c.past, length))
		} else {
			c.open = false
		}
		c.at, c.past, c.item = c.at+1, 0, 0
	}
	return 0, 0, false
}

// pass goes on past the request that next has told of.
func (c *course) pass() {
	p := &c.pieces[c.at]
	if p.times != nil {
		c.item++
		return
	}
	c.past, c.open = p.reach(c.past, c.need), false
	if p.rows > 0 {
		c.rows++
	}
}

// area is how many mean gaps lie between two times of the piece, in seconds.
func (p *piece) area(from, to float64) float64 {
	until := func(t float64) float64 {
		over := p.over.Seconds()
		if t >= over {
			return float64((p.from+p.to)/2*over) + float64(p.to*(t-over))
		}
		return float64(p.from*t) + float64((p.to-p.from)/over*t*t/2)
	}
	return until(to) - until(from)
}

// reach is when the area since from has grown to need, in seconds since the
// piece's begin; +Inf for never.
func (p *piece) reach(from, need float64) float64 {
	over := p.over.Seconds()
	if from < over {
		ramp := p.area(from, over)
		if need < ramp {
			slope := (p.to - p.from) / over
			rate := p.from + float64(slope*from)
			return from + 2*need/(rate+math.Sqrt(max(0, float64(rate*rate)+float64(2*slope*need))))
		}
		from, need = over, need-ramp
	}
	if p.to == 0 {
		return math.Inf(1)
	}
	return from + need/p.to
}
