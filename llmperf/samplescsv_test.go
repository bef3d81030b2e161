package llmperf_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// simulateWithSamples simulates a scenario that writes samples.csv and returns
// the file too.
func simulateWithSamples(t *testing.T, setup func(t *testing.T) llmperf.Scenario, slos ...llmperf.SLO) (*llmperf.Result, string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("LLMPERF_OUT", dir)
	t.Setenv("LLMPERF_SAMPLES", "1")
	res := llmperf.Simulate(t, setup, append(slos, loose)...)
	data, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "_"), "samples.csv"))
	require.NoError(t, err)
	return res, string(data)
}

// readRows reads samples.csv, its rows by column.
func readRows(t *testing.T, text string) []map[string]string {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	var rows []map[string]string
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// TestSamplesOfAnEarlierRunAreNotLeft beside the result of one that has none.
func TestSamplesOfAnEarlierRunAreNotLeft(t *testing.T) {
	simulateWithSamples(t, watched(llmperf.Observer{}))
	t.Setenv("LLMPERF_SAMPLES", "")
	llmperf.Simulate(t, watched(llmperf.Observer{}), loose)
	folder := filepath.Join(os.Getenv("LLMPERF_OUT"), t.Name())
	assert.FileExists(t, filepath.Join(folder, "result.json"))
	assert.NoFileExists(t, filepath.Join(folder, "samples.csv"))
}

func TestSamplesAreThoseThatAnObserverSees(t *testing.T) {
	var seen []llmperf.Sample
	res, text := simulateWithSamples(t, watched(llmperf.Observer{Sample: func(s llmperf.Sample) { seen = append(seen, s) }}))
	rows := readRows(t, text)
	require.Len(t, rows, len(seen))
	byName := map[string]map[string]string{}
	for _, row := range rows {
		byName[row["user"]+"/"+row["number"]] = row
	}
	moment := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return strconv.FormatInt(d.Nanoseconds(), 10)
	}
	for _, s := range seen {
		assert.Equal(t, map[string]string{
			"user": fmt.Sprint(s.User), "number": fmt.Sprint(s.Number), "step": s.Step, "target": s.Target, "measured": fmt.Sprint(s.Measured),
			"sent_ns": moment(s.Sent), "dispatched_ns": moment(s.Dispatched), "first_byte_ns": moment(s.FirstByte),
			"first_token_ns": moment(s.FirstToken), "last_token_ns": moment(s.LastToken), "end_ns": moment(s.End),
			"chunks": fmt.Sprint(s.Chunks), "output_tokens": fmt.Sprint(s.OutputTokens), "prompt_tokens": fmt.Sprint(s.PromptTokens),
			"cached_tokens": fmt.Sprint(s.CachedTokens), "failure": s.Failure,
		}, byName[fmt.Sprintf("%d/%d", s.User, s.Number)])
	}
	assert.Contains(t, text, "status 503")
	assert.NotContains(t, text, "busy", "what a server says of a failure may hold anything")
	assert.Positive(t, res.Warmup.Requests)
}

// TestSamplesThatAreMeasuredAreTheSteps: while a step's last requests come home,
// more are sent, and whether those count is known only when it is decided whether
// the step is held on.
func TestSamplesThatAreMeasuredAreTheSteps(t *testing.T) {
	const limit = time.Second
	for name, p95 := range map[string]time.Duration{"held on": limit, "decided at once": limit / 2} {
		t.Run(name, func(t *testing.T) {
			res, text := simulateWithSamples(t, func(*testing.T) llmperf.Scenario {
				return llmperf.Scenario{
					Target: spread(p95), Profile: llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 20},
					HoldUntilDecided: true, Strictness: llmperf.PassInconclusive,
				}
			}, llmperf.Latency.P95Below(limit))
			measured, late := map[string]int{}, 0
			for _, row := range readRows(t, text) {
				sent, err := strconv.ParseInt(row["sent_ns"], 10, 64)
				require.NoError(t, err)
				for _, s := range res.Steps {
					if s.Name == row["step"] && time.Duration(sent) >= s.Until {
						late++
						assert.Equal(t, "false", row["measured"])
					}
				}
				if row["measured"] == "true" {
					measured[row["step"]]++
				}
			}
			assert.Equal(t, map[string]int{"users=10": res.Steps[0].Requests, "users=20": res.Steps[1].Requests}, measured)
			assert.Positive(t, late)
		})
	}
}

func TestSamplesRepeatToTheLastByte(t *testing.T) {
	for name, setup := range map[string]func(t *testing.T) llmperf.Scenario{
		"closed loop": func(t *testing.T) llmperf.Scenario { return busy(t, 1) },
		"open loop": func(t *testing.T) llmperf.Scenario {
			s := crowded(t)
			s.Strictness = llmperf.PassInconclusive
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			first := ""
			for _, procs := range []int{1, 2} {
				before := runtime.GOMAXPROCS(procs)
				defer runtime.GOMAXPROCS(before)
				_, text := simulateWithSamples(t, setup)
				if first == "" {
					first = text
				}
				assert.Equal(t, first, text, "with GOMAXPROCS=%d", procs)
			}
		})
	}
}

func TestSamplesAreWrittenAsTheRunGoes(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LLMPERF_OUT", dir)
	t.Setenv("LLMPERF_SAMPLES", "1")
	path := filepath.Join(dir, t.Name(), "samples.csv")
	lines := []int{}
	llmperf.Simulate(t, func(*testing.T) llmperf.Scenario {
		return llmperf.Scenario{
			Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error {
				time.Sleep(100 * time.Millisecond)
				return nil
			}),
			Profile: hold(10, time.Minute), Warmup: time.Second,
			Observers: []llmperf.Observer{{Sample: func(s llmperf.Sample) {
				if s.User == 0 && s.Number%40 == 39 {
					data, err := os.ReadFile(path)
					assert.NoError(t, err)
					lines = append(lines, strings.Count(string(data), "\n"))
				}
			}}},
		}
	}, loose)
	require.Greater(t, len(lines), 2)
	for i, n := range lines {
		assert.Greater(t, n, 300*(i+1), "what ended half a second ago is there: %v", lines)
	}
}

func TestNoSamplesUnlessTheyAreAskedFor(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LLMPERF_OUT", dir)
	t.Setenv("LLMPERF_SAMPLES", "")
	llmperf.Simulate(t, watched(), loose)
	assert.FileExists(t, filepath.Join(dir, t.Name(), "result.json"))
	assert.NoFileExists(t, filepath.Join(dir, t.Name(), "samples.csv"))
	assert.Contains(t, runSubject(t, "no tokens", "LLMPERF_SAMPLES=yes"), `LLMPERF_SAMPLES is "yes": want 1 for samples.csv, or nothing`)
}
