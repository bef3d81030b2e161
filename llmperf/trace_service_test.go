package llmperf_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// azureTrace is what testdata/traces/azure.csv holds: when each request came,
// its input and its output tokens.
var azureTrace = []struct {
	at            time.Duration
	input, output int
}{
	{0, 120, 40}, {500 * time.Millisecond, 980, 12}, {1250 * time.Millisecond, 33, 7}, {19873456700, 410, 95},
	{64750 * time.Millisecond, 2200, 18}, {64750 * time.Millisecond, 64, 25}, {65060 * time.Millisecond, 150, 210}, {66749999900, 77, 3}, {100 * time.Second, 1300, 55},
	{190250 * time.Millisecond, 240, 60}, {190500 * time.Millisecond, 18, 9}, {221750 * time.Millisecond, 505, 130},
}

// asking is a target that asks what a trace did, and nothing else.
func asking(s *llmperftest.Server, trace *llmperf.Trace) llmperf.Target {
	o := target(s)
	o.Prompts = llmperf.Verbatim(trace)
	return o
}

// quickly answers at once, up to the limit.
var quickly = llmperftest.Engine{MaxBatch: 64, StepBase: time.Millisecond, Output: llmperftest.Fixed(10_000)}

// talkative never ends an answer before its limit. It takes one request at a
// time, at 5 tokens a second, which is far less than the trace asks for.
var talkative = llmperftest.Engine{MaxBatch: 1, StepBase: 200 * time.Millisecond, Output: llmperftest.Fixed(10_000)}

func TestATraceIsSentAsItWasRecorded(t *testing.T) {
	const file = "../testdata/traces/azure.csv"
	for _, tt := range []struct {
		name   string
		trace  *llmperf.Trace
		first  int // of the requests recorded
		counts map[string]int
	}{
		{"as recorded", &llmperf.Trace{File: file}, 0, map[string]int{"at=0s": 4, "at=1m0s": 5, "at=3m0s": 3}},
		{"a fast part", &llmperf.Trace{File: file, Speed: 4, From: time.Minute, Step: 20 * time.Second}, 4, map[string]int{"at=1m0s": 5, "at=2m20s": 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var server *llmperftest.Server
			res := virtually(t, func(t *testing.T) llmperf.Scenario {
				server = llmperftest.NewServer(t, talkative)
				return llmperf.Scenario{Target: asking(server, tt.trace), Profile: tt.trace, Warmup: llmperf.NoWarmup, Timeout: time.Hour}
			})
			speed := max(1, tt.trace.Speed)
			records, want := server.Requests(), azureTrace[tt.first:]
			require.Len(t, records, len(want))
			for i, r := range records {
				due := time.Duration(float64(want[i].at-tt.trace.From) / speed)
				assert.InDelta(t, due, r.Arrived.Sub(res.Started), float64(20*time.Microsecond), "request %d comes when it did, though the service is slow", i)
				assert.Equal(t, want[i].input, r.PromptTokens, "request %d", i)
				assert.Equal(t, want[i].output, r.OutputTokens, "request %d", i)
				assert.Equal(t, llmperftest.Completed, r.Outcome)
			}
			got := map[string]int{}
			for _, step := range res.Steps {
				got[step.Name] = step.Requests
			}
			assert.Equal(t, tt.counts, got)
			assert.Equal(t, len(want), res.Total.Requests)
			assert.Zero(t, res.Total.Failed, "%v", res.Total.Failures)
		})
	}
}

func TestTheWarmUpOfATraceSendsItsFirstRequests(t *testing.T) {
	trace := &llmperf.Trace{File: "../testdata/traces/azure.csv"}
	var server *llmperftest.Server
	res := virtually(t, func(t *testing.T) llmperf.Scenario {
		server = llmperftest.NewServer(t, quickly)
		return llmperf.Scenario{Target: asking(server, trace), Profile: trace, Warmup: 10 * time.Minute}
	})
	records := server.Requests()
	warm := len(records) - len(azureTrace)
	// Four in a minute, which is the first step's rate; five standard deviations of a Poisson count.
	assert.InDelta(t, 40, warm, 5*6.4)
	require.Greater(t, warm, len(azureTrace), "the trace goes round")
	for i, r := range records {
		want := azureTrace[i%len(azureTrace)]
		if i >= warm {
			want = azureTrace[i-warm]
		}
		require.Equal(t, want.input, r.PromptTokens, "request %d", i)
		require.Equal(t, want.output, r.OutputTokens, "request %d", i)
	}
	assert.Equal(t, len(azureTrace), res.Total.Requests)
}

func TestUsersAskWhatATraceDid(t *testing.T) {
	trace := &llmperf.Trace{File: "../testdata/traces/azure.csv"}
	var server *llmperftest.Server
	virtually(t, func(t *testing.T) llmperf.Scenario {
		server = llmperftest.NewServer(t, quickly)
		return llmperf.Scenario{Target: asking(server, trace), Profile: hold(5, 30*time.Second), Warmup: llmperf.NoWarmup}
	})
	type lengths struct{ input, output int }
	seen := map[lengths]int{}
	for _, r := range server.Requests() {
		if r.Outcome == llmperftest.Completed {
			seen[lengths{r.PromptTokens, r.OutputTokens}]++
		}
	}
	for _, row := range azureTrace {
		assert.Positive(t, seen[lengths{row.input, row.output}], "%v", row)
	}
	assert.Len(t, seen, len(azureTrace), "prompts and answers go together")
}

// bursts is a trace of 400 requests in about 40 s, many of them at one instant.
func bursts(t *testing.T) *llmperf.Trace {
	r, at := rand.New(rand.NewPCG(1, 2)), 0.0
	var text strings.Builder
	text.WriteString("time_s,input_tokens,output_tokens\n")
	for range 400 {
		if r.IntN(5) == 0 {
			at += r.ExpFloat64() / 2
		}
		fmt.Fprintf(&text, "%.6f,%d,%d\n", at, 1+r.IntN(300), 1+r.IntN(60))
	}
	path := filepath.Join(t.TempDir(), "bursts.csv")
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o666))
	return &llmperf.Trace{File: path, Step: 10 * time.Second}
}

func TestATraceRepeatsToTheLastBit(t *testing.T) {
	trace := bursts(t)
	var digest string
	for _, procs := range []int{1, 2} {
		before := runtime.GOMAXPROCS(procs)
		defer runtime.GOMAXPROCS(before)
		for _, opts := range [][]llmperftest.Option{nil, {llmperftest.Wire{}}} {
			res := llmperf.Simulate(t, func(t *testing.T) llmperf.Scenario {
				s := crowded(t, opts...)
				o := s.Target.(llmperf.OpenAI)
				o.Prompts = trace
				s.Target, s.Profile = o, trace
				return s
			}, loose)
			if digest == "" {
				digest = res.Digest
				require.Greater(t, len(res.Steps), 2)
				require.Positive(t, res.Steps[0].Arrivals.Held+res.Steps[1].Arrivals.Held, "the run has seen a good deal")
				require.Equal(t, 400, res.Total.Requests)
			}
			require.Equal(t, digest, res.Digest, "GOMAXPROCS=%d, %v", procs, opts)
		}
	}
}
