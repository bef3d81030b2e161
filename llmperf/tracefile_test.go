package llmperf

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const forever = time.Duration(math.MaxInt64)

func TestATraceIsReadByItsColumns(t *testing.T) {
	const plain = "time_s,input_tokens,output_tokens\n"
	for _, tt := range []struct {
		name, file, text string
		model            string
		until            time.Duration
		want             traceFile
		reason           string
	}{
		{name: "Azure 2023", file: "azure.csv", want: traceFile{last: 221750 * ms, rows: []traceRow{
			{0, 120, 40}, {500 * ms, 980, 12}, {1250 * ms, 33, 7}, {19873456700, 410, 95},
			{64750 * ms, 2200, 18}, {64750 * ms, 64, 25}, {65060 * ms, 150, 210}, {66749999900, 77, 3}, {100 * time.Second, 1300, 55},
			{190250 * ms, 240, 60}, {190500 * ms, 18, 9}, {221750 * ms, 505, 130},
		}}, reason: "tenths of microseconds count, lines end as on Windows"},
		{name: "Azure 2024", file: "azure-2024.csv", want: traceFile{last: 2735 * ms, rows: []traceRow{
			{0, 700, 20}, {985 * ms, 88, 4}, {2485 * ms, 1500, 61}, {2735 * ms, 310, 33},
		}}, reason: "times with an offset, and one without a fraction"},
		{name: "BurstGPT", file: "burstgpt.csv", want: traceFile{failed: 2, last: 88 * time.Second, rows: []traceRow{
			{0, 350, 20}, {24 * time.Second, 600, 310}, {24 * time.Second, 45, 8}, {88 * time.Second, 215, 77},
		}}, reason: "whole seconds; failures are left out and counted"},
		{name: "BurstGPT 3", file: "burstgpt-3.csv", want: traceFile{failed: 1, last: 21 * time.Second, rows: []traceRow{
			{0, 810, 260}, {3 * time.Second, 55, 14}, {21 * time.Second, 1090, 205},
		}}, reason: "times need not begin at 0, sessions may be empty"},
		{name: "plain", file: "plain.csv", want: traceFile{last: 1750 * ms, rows: []traceRow{
			{0, 200, 50}, {400 * ms, 180, 62}, {900 * ms, 30, 5}, {1750 * ms, 900, 110},
		}}, reason: "the layout of our own"},
		{name: "one model", file: "burstgpt.csv", model: "ChatGPT", want: traceFile{failed: 1, last: 88 * time.Second, rows: []traceRow{
			{0, 350, 20}, {24 * time.Second, 45, 8}, {88 * time.Second, 215, 77},
		}}, reason: "failures of others are not its own"},
		{name: "the other model", file: "burstgpt.csv", model: "GPT-4", want: traceFile{failed: 1, rows: []traceRow{{0, 600, 310}}}, reason: "times count from its own first request"},
		{name: "a part", file: "azure.csv", until: 64750 * ms, want: traceFile{last: 221750 * ms, rows: []traceRow{
			{0, 120, 40}, {500 * ms, 980, 12}, {1250 * ms, 33, 7}, {19873456700, 410, 95},
		}}, reason: "the end does not belong to it, but it is known when the trace ends"},

		{name: "other order and columns", text: "output_tokens,who,time_s,input_tokens\n5,me,0,7\n6,\"you, too\",1,8", want: traceFile{last: time.Second, rows: []traceRow{{0, 7, 5}, {time.Second, 8, 6}}}, reason: "the names decide, the last line need not end"},
		{name: "byte order mark", text: "\ufeff" + plain + "0,7,5\n", want: traceFile{rows: []traceRow{{0, 7, 5}}}, reason: "spreadsheets write one"},
		{name: "quotes, blank lines and spaces", text: "\r\n\"time_s\", input_tokens,OUTPUT_TOKENS \r\n\r\n\"0\", 7 ,\"5\"\r\n\r\n\n", want: traceFile{rows: []traceRow{{0, 7, 5}}}, reason: "other programs write them"},
		{name: "not in order", text: plain + "2,1,1\n0.5,2,1\n2,3,1\n1,4,1\n0.5,5,1\n", want: traceFile{last: 1500 * ms, rows: []traceRow{
			{0, 2, 1}, {0, 5, 1}, {500 * ms, 4, 1}, {1500 * ms, 1, 1}, {1500 * ms, 3, 1},
		}}, reason: "a log may be by the end of requests; equal times keep their order"},
		{name: "a part of what is not in order", text: plain + "9,1,1\n2,2,1\n1,3,1\n3,4,1\n", until: 2 * time.Second, want: traceFile{last: 8 * time.Second, rows: []traceRow{{0, 3, 1}, {time.Second, 2, 1}}},
			reason: "what was within the part when it was read is not, once an earlier request turns up"},
		{name: "epoch", text: plain + "1700000000.25,7,5\n1700000001.75,7,5\n", want: traceFile{last: 1500 * ms, rows: []traceRow{{0, 7, 5}, {1500 * ms, 7, 5}}}, reason: "logs count from 1970"},
		{name: "no prompt", text: plain + "0,0,5\n", want: traceFile{rows: []traceRow{{0, 0, 5}}}, reason: "an answer without a prompt is odd, but was given"},
		{name: "offsets", text: "TIMESTAMP,ContextTokens,GeneratedTokens\n2031-02-03 01:00:00+01:00,7,5\n2031-02-03 00:00:00.5Z,7,5\n2031-02-02 23:00:01-01:00,7,5\n",
			want: traceFile{last: time.Second, rows: []traceRow{{0, 7, 5}, {500 * ms, 7, 5}, {time.Second, 7, 5}}}, reason: "they are of one clock"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join("../testdata/traces", tt.file)
			if tt.file == "" {
				path = write(t, "trace.csv", tt.text)
			}
			if tt.until == 0 {
				tt.until = forever
			}
			got, err := readTrace(path, tt.model, tt.until)
			require.NoError(t, err)
			assert.Equal(t, &tt.want, got, tt.reason)
		})
	}
}

func TestRequestsOfOneTimeKeepTheOrderOfTheirLines(t *testing.T) {
	var text strings.Builder
	text.WriteString("time_s,input_tokens,output_tokens\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "%d,%d,1\n", 7-i%7, i)
	}
	trace, err := parseTrace(strings.NewReader(text.String()), "", forever)
	require.NoError(t, err)
	for i := range trace.rows[1:] {
		a, b := trace.rows[i], trace.rows[i+1]
		require.True(t, a.at < b.at || a.at == b.at && a.input < b.input, "%v before %v", a, b)
	}
}

func TestABadTraceIsRefused(t *testing.T) {
	const (
		plain = "time_s,input_tokens,output_tokens\n"
		azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
		burst = "Timestamp,Model,Request tokens,Response tokens\n"
	)
	for _, tt := range []struct {
		name, text, model string
		want              []string
		reason            string
	}{
		{"empty", "", "", []string{"the file is empty", "TIMESTAMP, ContextTokens and GeneratedTokens", "time_s, input_tokens and output_tokens"}, "what it should hold is said"},
		{"header alone", azure, "", []string{"no requests", "after the header"}, "there is nothing to send"},
		{"missing column", "TIMESTAMP,ContextTokens\n2031-02-03 00:00:00,5\n", "", []string{`["TIMESTAMP" "ContextTokens"]`, "GeneratedTokens"}, "what is there and what is wanted are side by side"},
		{"no header", "0,7,5\n", "", []string{`the columns are ["0" "7" "5"]`, "want a header"}, "the order is not guessed"},
		{"columns of two layouts", "time_s,ContextTokens,output_tokens\n0,7,5\n", "", []string{`"time_s" "ContextTokens" "output_tokens"`, "want a header"}, "the rest would be guessed"},
		{"semicolons", "time_s;input_tokens;output_tokens\n0;7;5\n", "", []string{`["time_s;input_tokens;output_tokens"]`, "want a header"}, "spreadsheets of some countries write them"},
		{"long line", strings.Repeat("x", 1000) + "\n", "", []string{"want a header"}, "a message is no place for it"},
		{"Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:5\nsize 5\n", "", []string{"Git LFS", "git lfs pull"}, "the repository of BurstGPT holds such"},
		{"negative tokens", plain + "0,7,5\n1,-7,5\n", "", []string{"line 3: input_tokens", `"-7"`, "a whole number from 0 to 1,000,000"}, "the line and the field are named"},
		{"tokens that are no number", azure + "2031-02-03 00:00:00,7,NaN\n", "", []string{"line 2: GeneratedTokens", `"NaN"`}, "the line and the field are named"},
		{"no tokens", burst + "5,GPT-4,,5\n", "", []string{"line 2: Request tokens", `""`}, "none is not 0"},
		{"tokens with a fraction", burst + "5,GPT-4,7.5,5\n", "", []string{"line 2: Request tokens", `"7.5"`, "a whole number"}, "there are no halves"},
		{"too many tokens", plain + "0,7,1000001\n", "", []string{"line 2: output_tokens", `"1000001"`, "1,000,000"}, "no model takes so many"},
		{"time that is no number", plain + "\n0,7,5\nNaN,7,5\n", "", []string{"line 4: time_s", `"NaN"`, "want seconds"}, "blank lines count as lines"},
		{"infinite time", plain + "Inf,7,5\n", "", []string{"line 2: time_s", `"Inf"`}, "it never comes"},
		{"negative time", plain + "-1,7,5\n", "", []string{"line 2: time_s", `"-1"`, "0 or more"}, "logs count upwards from something"},
		{"milliseconds", plain + "1700000000000,7,5\n", "", []string{"line 2: time_s", `"1700000000000"`, "want seconds"}, "they would be another age"},
		{"date for seconds", burst + "2031-02-03 00:00:00,GPT-4,7,5\n", "", []string{"line 2: Timestamp", "2031-02-03", "want seconds"}, "the layouts differ in their times"},
		{"seconds for a date", azure + "5,7,5\n", "", []string{"line 2: TIMESTAMP", `"5"`, "such as 2023-11-16 18:15:46.6805900"}, "the layouts differ in their times"},
		{"day that is none", azure + "2031-02-30 00:00:00,7,5\n", "", []string{"line 2: TIMESTAMP", "2031-02-30"}, "it is not taken for another"},
		{"year 1", azure + "0001-01-01 00:00:00,7,5\n", "", []string{"line 2: TIMESTAMP", "0001-01-01"}, "an unset time"},
		{"too few fields", plain + "0,7,5\n1,7\n", "", []string{"line 3 has not as many fields as the header"}, "a cut file ends so"},
		{"too many fields", plain + "0,7,5,9\n", "", []string{"line 2 has not as many fields as the header"}, "what belongs where is not clear"},
		{"broken quotes", plain + "\"0,7,5\n1,7,5\n", "", []string{"line 3", `"`, "commas"}, "the rest of the file is one value"},
		{"failures alone", plain + "0,7,0\n1,7,0\n", "", []string{"all 2 have 0 output tokens"}, "nothing is left"},
		{"no such model", burst + "5,GPT-4,7,5\n6,ChatGPT,7,5\n7,GPT-4,7,5\n", "gpt-4", []string{`the model "gpt-4"`, `["ChatGPT" "GPT-4"]`}, "those that are there are named"},
		{"no models", plain + "0,7,5\n", "GPT-4", []string{"want one called Model", `"GPT-4"`}, "the filter would be without effect"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, "trace.csv", tt.text)
			_, err := readTrace(path, tt.model, forever)
			require.Error(t, err, tt.reason)
			for _, want := range append(tt.want, "trace file "+path+": ") {
				assert.ErrorContains(t, err, want, tt.reason)
			}
			assert.Less(t, len(err.Error()), 800, "it can be read")
		})
	}
	_, err := readTrace("no such file.csv", "", forever)
	assert.ErrorContains(t, err, "relative to the folder of the test")
}

// FuzzTrace reads anything: what is taken for a trace holds together, and is the
// same trace when written in the layout of our own.
func FuzzTrace(f *testing.F) {
	files, err := filepath.Glob("../testdata/traces/*.csv")
	require.NoError(f, err)
	require.Len(f, files, 5)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data, "", int64(time.Minute))
	}
	f.Add([]byte("\ufeff\"Timestamp\",Model,Request tokens,Response tokens\r\n\r\n9e9,a,1,1\n8.5,b,0,0\n"), "b", int64(math.MaxInt64))
	f.Add([]byte("TIMESTAMP,ContextTokens,GeneratedTokens\n2031-02-03 00:00:00.123456789-23:59,1,1\n1970-01-01 00:00:00,1,1\n"), "", int64(0))
	f.Fuzz(func(t *testing.T, data []byte, model string, until int64) {
		all, err := parseTrace(bytes.NewReader(data), model, forever)
		if err != nil {
			return
		}
		require.NotEmpty(t, all.rows)
		require.Zero(t, all.rows[0].at)
		require.Equal(t, all.last, all.rows[len(all.rows)-1].at)
		var text strings.Builder
		text.WriteString("time_s,input_tokens,output_tokens\n")
		for i, row := range all.rows {
			require.True(t, i == 0 || row.at >= all.rows[i-1].at, "in order")
			require.True(t, row.input >= 0 && row.input <= maxLength && row.output >= 1 && row.output <= maxLength)
			fmt.Fprintf(&text, "%d.%09d,%d,%d\n", row.at/time.Second, row.at%time.Second, row.input, row.output)
		}
		if all.last < 1<<52 { // what a float64 tells apart to the nanosecond
			again, err := parseTrace(strings.NewReader(text.String()), "", forever)
			require.NoError(t, err)
			require.Equal(t, all.rows, again.rows)
		}
		if part := time.Duration(until); part > 0 {
			cut, err := parseTrace(bytes.NewReader(data), model, part)
			require.NoError(t, err)
			require.Equal(t, all.rows[:rowAt(all.rows, part)], cut.rows)
			require.Equal(t, all.last, cut.last)
		}
	})
}

// millionRows is a trace in Azure's layout, of ten requests a second.
func millionRows(b *testing.B) string {
	path := filepath.Join(b.TempDir(), "million.csv")
	file, err := os.Create(path)
	require.NoError(b, err)
	var text bytes.Buffer
	text.WriteString("TIMESTAMP,ContextTokens,GeneratedTokens\r\n")
	begin := time.Date(2031, 2, 3, 0, 0, 0, 123456700, time.UTC)
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "%s,%d,%d\r\n", begin.Add(time.Duration(i)*100*ms).Format("2006-01-02 15:04:05.0000000"), i%8000, 1+i%500)
	}
	_, err = text.WriteTo(file)
	require.NoError(b, err)
	require.NoError(b, file.Close())
	return path
}

// BenchmarkReadTrace reads a million requests, all of them and ten minutes.
func BenchmarkReadTrace(b *testing.B) {
	path := millionRows(b)
	for name, until := range map[string]time.Duration{"all": forever, "10m": 10 * time.Minute} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				trace, err := readTrace(path, "", until)
				require.NoError(b, err)
				require.Equal(b, min(1_000_000, int(until/(100*ms))), len(trace.rows))
			}
		})
	}
}

// BenchmarkPlanTrace makes steps of a million requests.
func BenchmarkPlanTrace(b *testing.B) {
	path := millionRows(b)
	for b.Loop() {
		require.NoError(b, (&Trace{File: path}).validate())
	}
}
