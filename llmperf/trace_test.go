package llmperf

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/load"
)

// traceAt is a trace of requests at the given milliseconds: the first has an
// input of 1 token and an output of 101, the second 2 and 102, and so on.
func traceAt(t *testing.T, times ...int) *Trace {
	t.Helper()
	var text strings.Builder
	text.WriteString("time_s,input_tokens,output_tokens\n")
	for i, at := range times {
		fmt.Fprintf(&text, "%d.%03d,%d,%d\n", at/1000, at%1000, i+1, i+101)
	}
	return &Trace{File: write(t, "trace.csv", text.String())}
}

// A stretch is a step of a plan.
type stretch struct {
	name string
	hold time.Duration
	at   []time.Duration
}

// stretchesOf are the steps of a trace, which must follow on each other's
// requests.
func stretchesOf(t *testing.T, trace *Trace) (all []stretch) {
	t.Helper()
	require.NoError(t, trace.validate())
	row := 0
	for {
		l, ok := trace.Next(make([]Step, len(all)))
		if !ok {
			require.Equal(t, len(trace.file.rows), row, "every request is in a step")
			return all
		}
		require.NoError(t, l.validate())
		require.Equal(t, row, l.replay.first, "every request is in one step")
		require.NotEmpty(t, l.replay.at)
		require.InDelta(t, float64(len(l.replay.at))/l.Hold.Seconds(), l.Rate, 1e-9)
		require.InDelta(t, l.Rate, l.meanRate(), 1e-9)
		require.True(t, slices.IsSorted(l.replay.at))
		require.GreaterOrEqual(t, l.replay.at[0], time.Duration(0))
		require.Less(t, l.replay.at[len(l.replay.at)-1], l.Hold)
		row += len(l.replay.at)
		all = append(all, stretch{l.Name, l.Hold, l.replay.at})
	}
}

func TestATraceIsCutIntoSteps(t *testing.T) {
	const s = time.Second
	at := func(times ...time.Duration) []time.Duration { return times }
	for _, tt := range []struct {
		name, reason string
		times        []int // in milliseconds
		change       func(*Trace)
		want         []stretch
	}{
		{"steps", "a request on the boundary is the next step's", []int{0, 500, 59_999, 60_000, 119_500}, nil,
			[]stretch{{"at=0s", 60 * s, at(0, 500*ms, 59_999*ms)}, {"at=1m0s", 60 * s, at(0, 59_500*ms)}}},
		{"one request", "a trace ends with the second of its last request", []int{0}, nil, []stretch{{"at=0s", s, at(0)}}},
		{"shorter than a step", "there is always one step", []int{0, 2500}, nil, []stretch{{"at=0s", 3 * s, at(0, 2500*ms)}}},
		{"times that do not begin at 0", "times count from the first request", []int{7_000, 8_000}, nil, []stretch{{"at=0s", 2 * s, at(0, s)}}},
		{"a second on the dot", "a request must come before the end", []int{0, 3000}, nil, []stretch{{"at=0s", 4 * s, at(0, 3*s)}}},
		{"a short rest", "29 s are less than half a step", []int{0, 60_000, 120_000, 148_000}, nil,
			[]stretch{{"at=0s", 60 * s, at(0)}, {"at=1m0s", 89 * s, at(0, 60*s, 88*s)}}},
		{"a long rest", "30 s are half a step", []int{0, 60_000, 120_000, 149_000}, nil,
			[]stretch{{"at=0s", 60 * s, at(0)}, {"at=1m0s", 60 * s, at(0)}, {"at=2m0s", 30 * s, at(0, 29*s)}}},
		{"silence", "it belongs to the step before", []int{0, 200_000, 239_000}, nil,
			[]stretch{{"at=0s", 180 * s, at(0)}, {"at=3m0s", 60 * s, at(20*s, 59*s)}}},
		{"silence at the start", "it belongs to the step after", []int{0, 130_000, 239_000}, func(t *Trace) { t.From = 5 * s },
			[]stretch{{"at=5s", 180 * s, at(125 * s)}, {"at=3m5s", 55 * s, at(54 * s)}}},
		{"silence at the end", "it belongs to the step before", []int{0, 1000, 300_000}, func(t *Trace) { t.Duration = 4 * time.Minute },
			[]stretch{{"at=0s", 240 * s, at(0, s)}}},
		{"equal times", "the same instant many times over is a burst", []int{0, 1000, 1000, 1000}, nil, []stretch{{"at=0s", 2 * s, at(0, s, s, s)}}},
		{"twice as fast", "gaps are halved, and a step of the run is two of the trace", []int{0, 500, 119_999, 120_000, 239_000}, func(t *Trace) { t.Speed = 2 },
			[]stretch{{"at=0s", 60 * s, at(0, 250*ms, 59_999_500*time.Microsecond)}, {"at=2m0s", 60 * s, at(0, 59_500*ms)}}},
		{"half as fast", "gaps are doubled, and a step of the run is half of one of the trace", []int{0, 29_000, 30_000, 59_000}, func(t *Trace) { t.Speed = 0.5 },
			[]stretch{{"at=0s", 60 * s, at(0, 58*s)}, {"at=30s", 59 * s, at(0, 58*s)}}},
		{"other steps", "Step is their length in the run", []int{0, 600, 1100, 1900}, func(t *Trace) { t.Step = 500 * ms },
			[]stretch{{"at=0s", 500 * ms, at(0)}, {"at=500ms", 500 * ms, at(100 * ms)}, {"at=1s", 500 * ms, at(100 * ms)}, {"at=1.5s", 500 * ms, at(400 * ms)}}},
		{"a part", "From belongs to it, the end does not", []int{0, 9_999, 10_000, 69_999, 70_000, 90_000}, func(t *Trace) { t.From, t.Duration = 10*s, 60*s },
			[]stretch{{"at=10s", 60 * s, at(0, 59_999*ms)}}},
		{"the end of it", "without Duration it goes on to the end", []int{0, 9_999, 10_000, 70_000, 104_500}, func(t *Trace) { t.From = 10 * s },
			[]stretch{{"at=10s", 60 * s, at(0)}, {"at=1m10s", 35 * s, at(0, 34_500*ms)}}},
		{"a part of a fast one", "From and Duration are times as recorded", []int{0, 10_000, 69_999, 70_000, 200_000}, func(t *Trace) { t.Speed, t.From, t.Duration, t.Step = 10, 10*s, 60*s, 3*s },
			[]stretch{{"at=10s", 3 * s, at(0)}, {"at=40s", 3 * s, at(2_999_900 * time.Microsecond)}}},
		{"a part past the end", "a log of a minute has its last request before", []int{0, 58_000}, func(t *Trace) { t.Duration = time.Minute },
			[]stretch{{"at=0s", 60 * s, at(0, 58*s)}}},
		{"odd speed", "times are on the grid, rounded down", []int{0, 1000, 1001}, func(t *Trace) { t.Speed = 3 },
			[]stretch{{"at=0s", s, at(0, 333_320*time.Microsecond, 333_660*time.Microsecond)}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trace := traceAt(t, tt.times...)
			if tt.change != nil {
				tt.change(trace)
			}
			assert.Equal(t, tt.want, stretchesOf(t, trace), tt.reason)
		})
	}
}

func TestARequestAtTheEndOfALongPartIsInIt(t *testing.T) {
	// A nanosecond before the end is the end itself to a float64, after 200 days.
	begin, length := time.Date(2031, 2, 3, 0, 0, 0, 0, time.UTC), 200*24*time.Hour
	text := "TIMESTAMP,ContextTokens,GeneratedTokens\n"
	for _, at := range []time.Duration{0, length - 1} {
		text += begin.Add(at).Format("2006-01-02 15:04:05.000000000") + ",1,1\n"
	}
	trace := &Trace{File: write(t, "trace.csv", text), Speed: 1e6, Duration: length}
	steps := stretchesOf(t, trace)
	require.Len(t, steps, 1)
	assert.Equal(t, 17280*ms, steps[0].hold)
	assert.Equal(t, 17280*ms-load.Grain, steps[0].at[1])
}

// TestNoRequestOfATraceIsLost makes traces, speeds, steps and parts at random.
func TestNoRequestOfATraceIsLost(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...float64) float64 { return of[r.IntN(len(of))] }
	for range 300 {
		var times []int
		at := 0
		for range 1 + r.IntN(60) {
			times = append(times, at)
			at += r.IntN(int(pick(1, 10, 1000, 30_000, 200_000)))
		}
		last := time.Duration(times[len(times)-1]) * ms
		trace := traceAt(t, times...)
		trace.Speed = pick(0, 1, 0.3, 2, 7, 123.4)
		trace.Step = time.Duration(pick(0, 1, 20, 999, 60_000)) * ms
		if r.IntN(2) == 0 {
			trace.From = time.Duration(r.Int64N(int64(last) + 1))
		}
		if r.IntN(2) == 0 {
			trace.Duration = max(5*ms, time.Duration(r.Int64N(int64(last-trace.From)+1)))
		}
		end := forever
		if trace.Duration > 0 {
			end = trace.From + trace.Duration
		}
		want := 0
		for _, at := range times {
			if at := time.Duration(at) * ms; at >= trace.From && at < end {
				want++
			}
		}
		if err := trace.validate(); want == 0 {
			require.ErrorContains(t, err, "no request from")
			continue
		}
		begin, row := time.Duration(0), 0
		first := slices.IndexFunc(times, func(at int) bool { return time.Duration(at)*ms >= trace.From })
		for _, s := range stretchesOf(t, trace) {
			for _, at := range s.at {
				recorded := time.Duration(times[first+row])*ms - trace.From
				require.InDelta(t, float64(recorded)/trace.speed(), float64(begin+at), 20_000, "a request comes when it did, within a grain")
				row++
			}
			begin += s.hold
		}
		require.Equal(t, want, row)
		if trace.Duration > 0 {
			require.InDelta(t, float64(trace.Duration)/trace.speed(), float64(begin), float64(ms), "a part is as long as was asked for")
		}
	}
}

func TestATraceThatCannotBeReplayedIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		change       func(*Trace)
		want         []string
	}{
		{"no file", "there is no default", func(t *Trace) { t.File = "" }, []string{"Trace.File is empty", "testdata/azure_code.csv"}},
		{"no such file", "the usual mistake is the folder", func(t *Trace) { t.File = "none.csv" }, []string{"none.csv", "relative to the folder of the test"}},
		{"negative speed", "time does not run back", func(t *Trace) { t.Speed = -1 }, []string{"Trace.Speed is -1", "such as 2"}},
		{"negative times", "all that is wrong is said", func(t *Trace) { t.From, t.Duration, t.Step = -1, -2, -3 }, []string{"Trace.From is -1ns", "Trace.Duration is -2ns", "Trace.Step is -3ns"}},
		{"step without unit", "60 is 60 ns", func(t *Trace) { t.Step = 60 }, []string{"Trace.Step is 60ns", "30*time.Second"}},
		{"late part", "nothing is left", func(t *Trace) { t.From = time.Hour }, []string{"the last request comes at 5m0s", "Trace.From is 1h0m0s"}},
		{"long part", "its steps would be empty", func(t *Trace) { t.Duration = time.Hour }, []string{"the last request comes at 5m0s", "Trace.Duration is 1h0m0s from 0s on"}},
		{"part of silence", "nothing is sent", func(t *Trace) { t.From, t.Duration = time.Minute, time.Minute }, []string{"no request from 1m0s to 2m0s"}},
		{"years", "a wrong speed, or a wrong time in the file", func(t *Trace) { t.Speed = 1e-6 }, []string{"3.47e+03 days at 1e-06x speed", "Trace.Duration"}},
		{"other model", "the file has no models", func(t *Trace) { t.Model = "GPT-4" }, []string{"want one called Model"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trace := traceAt(t, 0, 1000, 300_000)
			tt.change(trace)
			_, asked := trace.Messages(callOf(1, 0, 0))
			s, slos := sound()
			s.Profile = trace
			for _, err := range []error{planOf(s, slos, time.Time{}), asked} {
				require.Error(t, err, tt.reason)
				for _, want := range tt.want {
					assert.ErrorContains(t, err, want, tt.reason)
				}
			}
			assert.Zero(t, trace.MaxTokens(callOf(1, 0, 0)))
			_, ok := trace.Next(nil)
			assert.False(t, ok)
			assert.Equal(t, "trace "+trace.File, trace.String())
		})
	}
}

// lengths are the words and the limit of a request.
func lengths(t *testing.T, p Prompts, c *Call) (words, limit int) {
	t.Helper()
	messages, limit, err := c.ask(p, 7)
	require.NoError(t, err)
	require.Len(t, messages, 1)
	require.Equal(t, "user", messages[0].Role)
	marker, text, _ := strings.Cut(messages[0].Content, "] ")
	require.Equal(t, "[llmperf "+c.Origin(), marker)
	return len(strings.Fields(text)), limit
}

func TestARequestOfATraceHasTheLengthsRecorded(t *testing.T) {
	trace := traceAt(t, 0, 10, 20, 30, 40)
	trace.From = 20 * ms
	for row, want := range []int{3, 4, 5, 3, 4} {
		c := callOf(1, 0, row)
		c.row = row
		words, limit := lengths(t, trace, c)
		assert.Equal(t, want, words, "rows count from the part's first and, past the last, again from the first")
		assert.Equal(t, want+100, limit)
	}
	noPrompt := &Trace{File: write(t, "trace.csv", "time_s,input_tokens,output_tokens\n0,0,5\n")}
	words, limit := lengths(t, noPrompt, callOf(1, 0, 0))
	assert.Equal(t, 1, words, "a message is not empty")
	assert.Equal(t, 5, limit)
}

func TestWithoutARowATraceIsADistributionOfLengths(t *testing.T) {
	const users, numbers = 50, 100
	trace := traceAt(t, 0, 10, 20, 30, 40)
	seen := map[int]int{}
	for user := range users {
		for n := range numbers {
			c := callOf(1, user, n)
			words, limit := lengths(t, trace, c)
			require.Equal(t, words+100, limit, "prompt and answer are of one request")
			require.Equal(t, limit, trace.MaxTokens(c), "whenever it is asked for")
			seen[words]++
		}
	}
	require.Len(t, seen, 5)
	for words, n := range seen {
		// 1,000 are expected of each; 4 standard deviations are 113.
		assert.InDelta(t, users*numbers/5, n, 113, "%d words", words)
	}
	again, _ := lengths(t, trace, callOf(1, 3, 14))
	c := callOf(1, 3, 14)
	c.Rand().IntN(5)
	words, _ := lengths(t, trace, c)
	assert.Equal(t, again, words, "what else was drawn does not matter")
}

func TestWrappedPromptsOfATraceAreOfTheSameRequest(t *testing.T) {
	trace := traceAt(t, 0, 10, 20)
	c := callOf(1, 0, 0)
	c.row = 2
	messages, limit, err := c.ask(SharedPrefix(10, Verbatim(trace)), 7)
	require.NoError(t, err)
	require.Len(t, messages, 2)
	assert.Len(t, strings.Fields(messages[1].Content), 3)
	assert.Equal(t, 103, limit)
}

func TestATraceSaysWhatItReplays(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		trace      *Trace
	}{
		{"all", "trace azure.csv: 12 requests in 3m42s", &Trace{File: "../testdata/traces/azure.csv"}},
		{"a fast part", "trace azure.csv: 5 requests in 30s from 1m0s on at 2x speed", &Trace{File: "../testdata/traces/azure.csv", From: time.Minute, Duration: time.Minute, Speed: 2}},
		{"failures", "trace burstgpt.csv: 4 requests in 1m29s, without 2 that got no answer", &Trace{File: "../testdata/traces/burstgpt.csv"}},
		{"a model", "trace burstgpt.csv: 1 request in 1s to GPT-4, without 1 that got no answer", &Trace{File: "../testdata/traces/burstgpt.csv", Model: "GPT-4"}},
	} {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, tt.trace.String()) })
	}
}

func TestPromptsMustGoWithTheProfile(t *testing.T) {
	trace := traceAt(t, 0, 1000, 2000)
	users := StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 30}
	asks := func(p Prompts) Target { return OpenAI{BaseURL: "http://localhost/v1", Model: "m", Prompts: p} }
	second, two := "no conversation would have a second turn", "use the same value as both"
	for _, tt := range []struct {
		name, reason string
		profile      Profile
		target       Target
		want         string // "" if it goes
	}{
		{"a trace as both", "that is what it is for", trace, asks(trace), ""},
		{"a trace, wrapped", "it is the same still", trace, asks(SharedPrefix(5, Verbatim(trace))), ""},
		{"a trace as the profile", "any prompts can come at its times", trace, asks(nil), ""},
		{"a trace as the prompts", "it is a distribution of lengths", users, asks(trace), ""},
		{"a trace as the prompts of conversations", "users have second turns", users, asks(&Conversation{Prompts: trace}), ""},
		{"a function", "what it asks is not known", trace, idle, ""},
		{"two traces", "rows of one are no rows of the other", trace, asks(traceAt(t, 0, 1000, 2000)), two},
		{"two traces, wrapped", "so they are", trace, asks(Nonce(SharedPrefix(5, traceAt(t, 0)))), two},
		{"a conversation", "a user has but one request", trace, asks(&Conversation{}), second},
		{"a conversation with Anthropic", "any target is looked at", trace, Anthropic{BaseURL: "http://localhost", Model: "m", MaxTokens: 5, Prompts: &Conversation{}}, second},
		{"a conversation with Ollama", "any target is looked at", trace, Ollama{BaseURL: "http://localhost", Model: "m", Prompts: &Conversation{}}, second},
		{"a conversation in a mix", "any target is looked at", trace, Mix{{"a", 1, asks(trace)}, {"b", 1, idle}, {"c", 1, asks(&Conversation{})}}, second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Scenario{Target: tt.target, Profile: tt.profile}.withDefaults().validate()
			if tt.want == "" {
				assert.NoError(t, err, tt.reason)
			} else {
				assert.ErrorContains(t, err, tt.want, tt.reason)
			}
		})
	}
}
