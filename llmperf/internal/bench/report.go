package main

import (
	"fmt"
	"io"
	"slices"
)

// A figure is one of a measurement.
type figure struct {
	unit  string
	value float64
}

// A report writes each measurement as it comes, and ratios at the end.
type report struct {
	lines  io.Writer
	values map[string][]float64 // by name and unit, a value a round
	rows   []row
	notes  []string
}

// A row is the ratio of a figure of two contenders.
type row struct{ what, unit, name, yardstick string }

// add writes one round of a measurement, which rests on n of something.
func (r *report) add(name string, n int, figures ...figure) {
	if r.values == nil {
		r.values = map[string][]float64{}
	}
	fmt.Fprintf(r.lines, "Benchmark%s\t%d", name, n)
	for _, f := range figures {
		fmt.Fprintf(r.lines, "\t%.5g %s", f.value, f.unit)
		r.values[name+" "+f.unit] = append(r.values[name+" "+f.unit], f.value)
	}
	fmt.Fprintln(r.lines)
}

// ratio asks for a row of the table.
func (r *report) ratio(what, unit, name, yardstick string) {
	r.rows = append(r.rows, row{what, unit, name, yardstick})
}

// note asks for a line below the table.
func (r *report) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// table writes the ratios: medians over the rounds, each round's own for the
// ratio.
func (r *report) table(w io.Writer) {
	fmt.Fprintln(w, "| what | unit | figure | yardstick | ratio |\n| --- | --- | --- | --- | --- |")
	for _, row := range r.rows {
		ours, theirs := r.values[row.name+" "+row.unit], r.values[row.yardstick+" "+row.unit]
		ratios := make([]float64, len(ours))
		for i := range ours {
			ratios[i] = ours[i] / theirs[i]
		}
		fmt.Fprintf(w, "| %s | %s | %.4g | %.4g | %.2f |\n", row.what, row.unit, median(ours), median(theirs), median(ratios))
	}
	for _, note := range r.notes {
		fmt.Fprintf(w, "\n%s\n", note)
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
