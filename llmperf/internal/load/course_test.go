package load

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// walk is when the first n requests are due whose gaps are all the mean gap, in
// seconds, and their rows.
func walk(c *course, n int) (due []float64, rows []int) {
	for range n {
		at, row, ok := c.next(func() float64 { return 1 })
		if !ok {
			return due, rows
		}
		due, rows = append(due, at.Seconds()), append(rows, row)
		c.pass()
	}
	return due, rows
}

func TestCourse(t *testing.T) {
	s := time.Second
	tests := []struct {
		name, reason string
		pieces       []piece
		due          []float64
	}{
		{"constant", "one gap after the other", []piece{{from: 2, to: 2}}, []float64{0.5, 1, 1.5, 2}},
		{"rising", "the integral t²/2 of the rate t reaches 1, 2, …", []piece{{from: 0, to: 100, over: 100 * s}}, []float64{1.414214, 2, 2.449490, 2.828427}},
		{"falling to nothing", "the area is 2.5, and no more comes", []piece{{from: 2.5, to: 0, over: 2 * s}}, []float64{0.450807, 1.105573}},
		{"after a ramp", "it stays at its end", []piece{{from: 0, to: 2, over: 2 * s}}, []float64{1.414214, 2, 2.5, 3}},
		{"faster in between", "what is left of a gap goes on at the new rate", []piece{{from: 1, to: 1}, {begin: 1500 * time.Millisecond, from: 5, to: 5}}, []float64{1, 1.6, 1.8, 2}},
		{"a pause", "nothing is due at a rate of 0", []piece{{from: 1, to: 1}, {begin: 1500 * time.Millisecond}, {begin: 10 * s, from: 1, to: 1}}, []float64{1, 10.5, 11.5, 12.5}},
		{"pieces of no length", "are left at once", []piece{{from: 1, to: 1}, {begin: s / 2, from: 9, to: 9}, {begin: s / 2, from: 1, to: 1}}, []float64{1, 2, 3, 4}},
		{"given times", "as they are, whatever the rate was", []piece{{from: 1, to: 1}, {begin: 2500 * time.Millisecond, times: []time.Duration{0, s, s}}}, []float64{1, 2, 2.5, 3.5, 3.5}},
		{"given times past their piece", "are left out, and a new gap begins", []piece{{times: []time.Duration{s, 3 * s}}, {begin: 2 * s, from: 1, to: 1}}, []float64{1, 3, 4, 5}},
		{"never", "a rate so low is none", []piece{{from: 1e-12, to: 1e-12}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := walk(&course{pieces: tt.pieces}, max(3, len(tt.due)))
			assert.InDeltaSlice(t, tt.due, got, 1e-6, tt.reason)
			assert.Len(t, got, len(tt.due))
		})
	}
}

func TestRowsOfATrace(t *testing.T) {
	_, rows := walk(&course{pieces: []piece{{from: 1, to: 1, rows: 2}, {begin: 3500 * time.Millisecond, times: []time.Duration{0, 1}, row: 7}, {begin: 5 * time.Second, from: 1, to: 1}}}, 6)
	assert.Equal(t, []int{0, 1, 0, 7, 8, -1}, rows, "the warm-up goes round, the replay counts, and a rate has none")
}

func TestACourseThatIsChangedWhileARequestIsAwaited(t *testing.T) {
	var c course
	c.add(piece{from: 0.1, to: 0.1})
	draws := 0
	gap := func() float64 { draws++; return 1 }
	due, _, _ := c.next(gap)
	assert.Equal(t, 10*time.Second, due)
	c.add(piece{begin: 5 * time.Second, from: 1, to: 1})
	due, _, _ = c.next(gap)
	assert.Equal(t, 5500*time.Millisecond, due, "half of its gap was over")
	assert.Equal(t, 1, draws, "a gap is drawn once")
}
