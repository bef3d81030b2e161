package llmperf

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A traceFile is what was read of a recorded trace.
type traceFile struct {
	rows   []traceRow    // by time; those of one time in the file's order
	failed int           // requests left out, since they have no output tokens
	last   time.Duration // when the last request came, be it past what was asked for
}

// A traceRow is one request of a trace.
type traceRow struct {
	at            time.Duration // since the first request
	input, output int32         // tokens
}

// traceLayouts are the ways in which traces are written.
var traceLayouts = []struct {
	time, input, output string // the names of the columns
	clock               func(string) (time.Duration, error)
}{
	{"TIMESTAMP", "ContextTokens", "GeneratedTokens", parseDateTime},
	{"Timestamp", "Request tokens", "Response tokens", parseSeconds},
	{"time_s", "input_tokens", "output_tokens", parseSeconds},
}

const wantTrace = "want a header with the columns TIMESTAMP, ContextTokens and GeneratedTokens; Timestamp, Request tokens and Response tokens; or time_s, input_tokens and output_tokens"

// readTrace reads the requests of a trace that came less than until after the
// first one, of one model or, if that is "", of all.
func readTrace(path, model string, until time.Duration) (*traceFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("trace file: %w: the path is relative to the folder of the test", err)
	}
	defer file.Close()
	trace, err := parseTrace(file, model, until)
	if err != nil {
		return nil, fmt.Errorf("trace file %s: %w", path, err)
	}
	return trace, nil
}

// parseTrace is readTrace of an open file.
func parseTrace(r io.Reader, model string, until time.Duration) (*traceFile, error) {
	text := bufio.NewReaderSize(r, 1<<16)
	if mark, _ := text.Peek(3); string(mark) == "\ufeff" {
		_, _ = text.Discard(3)
	}
	in := csv.NewReader(text)
	in.ReuseRecord = true
	header, err := in.Read()
	switch {
	case err == io.EOF:
		return nil, errors.New("the file is empty: " + wantTrace)
	case err != nil:
		return nil, badCSV(err)
	}
	columns, err := findColumns(header, model)
	if err != nil {
		return nil, err
	}
	trace, models := &traceFile{}, map[string]bool{}
	first, last := time.Duration(math.MaxInt64), time.Duration(0)
	for {
		fields, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, badCSV(err)
		}
		row, err := columns.row(fields)
		if err != nil {
			line, _ := in.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		switch {
		case model != "" && fields[columns.model] != model:
			models[fields[columns.model]] = true
			continue
		case row.output == 0:
			trace.failed++
			continue
		}
		first, last = min(first, row.at), max(last, row.at)
		// What is too late as counted from here is so as counted from an earlier
		// request, too. So a part of a trace of gigabytes fits in memory.
		if row.at-first < until {
			trace.rows = append(trace.rows, row)
		}
	}
	switch {
	case len(trace.rows) > 0:
	case trace.failed > 0:
		return nil, fmt.Errorf("no answered requests: all %s have 0 output tokens, as failed ones do", count(trace.failed))
	case len(models) > 0:
		return nil, fmt.Errorf("no requests to the model %q: want one of %q", model, slices.Sorted(maps.Keys(models)))
	default:
		return nil, errors.New("no requests: want at least one line after the header")
	}
	trace.last = last - first
	for i := range trace.rows {
		trace.rows[i].at -= first
	}
	slices.SortStableFunc(trace.rows, func(a, b traceRow) int { return cmp.Compare(a.at, b.at) })
	trace.rows = trace.rows[:rowAt(trace.rows, until)]
	return trace, nil
}

// rowAt is the first of the rows that came at t or later.
func rowAt(rows []traceRow, t time.Duration) int {
	i, _ := slices.BinarySearchFunc(rows, t, func(r traceRow, t time.Duration) int { return cmp.Compare(r.at, t) })
	return i
}

// badCSV says in which line a file is not CSV, and why.
func badCSV(err error) error {
	var bad *csv.ParseError
	switch {
	case !errors.As(err, &bad):
		return err
	case bad.Err == csv.ErrFieldCount:
		return fmt.Errorf("line %d has not as many fields as the header: want a value, be it empty, for every column", bad.Line)
	default:
		return fmt.Errorf("line %d: %w: want values with commas between, in quotes where they hold a comma", bad.Line, bad.Err)
	}
}

// traceColumns are where in a line the values are, and what a time looks like.
type traceColumns struct {
	names                      []string
	time, input, output, model int
	clock                      func(string) (time.Duration, error)
}

// findColumns finds the layout that a header is of.
func findColumns(header []string, model string) (*traceColumns, error) {
	names := make([]string, len(header)) // since the header's own are overwritten by the next line
	for i, name := range header {
		names[i] = strings.TrimSpace(name)
	}
	at := func(name string) int {
		return slices.IndexFunc(names, func(s string) bool { return strings.EqualFold(s, name) })
	}
	for _, l := range traceLayouts {
		c := traceColumns{names, at(l.time), at(l.input), at(l.output), at("Model"), l.clock}
		if min(c.time, c.input, c.output) < 0 {
			continue
		}
		if model != "" && c.model < 0 {
			return nil, fmt.Errorf("the columns are %q: want one called Model to find %q in, or no Trace.Model", names, model)
		}
		return &c, nil
	}
	if strings.HasPrefix(names[0], "version https://git-lfs") {
		return nil, errors.New("this only points to the file, which Git LFS keeps elsewhere: get it with git lfs pull")
	}
	return nil, fmt.Errorf("the columns are %.300s: %s", fmt.Sprintf("%q", names), wantTrace)
}

// row reads one line. Its time counts from whenever the file's do.
func (c *traceColumns) row(fields []string) (row traceRow, err error) {
	if row.at, err = c.clock(strings.TrimSpace(fields[c.time])); err != nil {
		return row, fmt.Errorf("%s is %q: %w", c.names[c.time], fields[c.time], err)
	}
	if row.input, err = c.tokens(fields, c.input); err != nil {
		return row, err
	}
	row.output, err = c.tokens(fields, c.output)
	return row, err
}

func (c *traceColumns) tokens(fields []string, column int) (int32, error) {
	n, err := strconv.Atoi(strings.TrimSpace(fields[column]))
	if err != nil || n < 0 || n > maxLength {
		return 0, fmt.Errorf("%s is %q: want tokens, a whole number from 0 to %s", c.names[column], fields[column], count(maxLength))
	}
	return int32(n), nil
}

// parseDateTime reads a time such as 2023-11-16 18:15:46.6805900, which may have
// an offset such as +00:00, as one since 1970.
func parseDateTime(text string) (time.Duration, error) {
	layout := time.DateTime
	if len(text) > len(layout) && strings.ContainsAny(text[len(layout):], "+-Z") {
		layout += "Z07:00"
	}
	t, err := time.Parse(layout, text)
	if err != nil || t.Unix() < 0 || t.Year() > 2200 {
		return 0, errors.New("want a date and a time, such as 2023-11-16 18:15:46.6805900")
	}
	return time.Duration(t.UnixNano()), nil
}

// parseSeconds reads a number of seconds.
func parseSeconds(text string) (time.Duration, error) {
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || !(s >= 0 && s < 9e9) {
		return 0, errors.New("want seconds, 0 or more, such as 12.75")
	}
	whole, part := math.Modf(s) // apart, or times since 1970 would lose their microseconds
	return time.Duration(whole)*time.Second + time.Duration(math.Round(part*float64(time.Second))), nil
}
