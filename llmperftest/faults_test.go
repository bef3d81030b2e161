package llmperftest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFaultsGoWrongInEachDialect looks at what a client sees of each fault in a
// stream, in every dialect and over every network.
func TestFaultsGoWrongInEachDialect(t *testing.T) {
	// A clean answer has five words; a fault after two of them leaves two.
	rows := []struct {
		fault   Fault
		words   int
		bad     bool // not all of the body is JSON in its frame
		ended   bool // the stream has its own end
		err     error
		outcome Outcome
		reason  string
	}{
		{CutMidStream(2), 2, false, false, io.ErrUnexpectedEOF, Faulted, "what was sent arrives, and no end"},
		{ErrorEvent(2), 2, false, false, nil, Faulted, "the error is the last"},
		{Malformed(2), 2, true, false, nil, Faulted, "half an event, and no more"},
		{Misframed(2), 5, true, true, nil, Completed, "an event over two lines, and the rest as always"},
		{LongLine(2, 100_000), 2, true, false, nil, Faulted, "the line is the last"},
		{Stall(2, 20*time.Millisecond), 5, false, true, nil, Completed, "late and whole"},
		{Empty(), 0, false, true, nil, Completed, "an end without a beginning"},
		{SlowHeaders(20 * time.Millisecond), 5, false, true, nil, Completed, "late and whole"},
		{Buffered(), 5, false, true, nil, Completed, "at once and whole"},
		{Burst(2), 5, false, true, nil, Completed, "in pieces and whole"},
		{NoTerminator(), 5, false, false, nil, Faulted, "all tokens and no end"},
		{TwoTerminators(), 5, false, true, nil, Completed, "the end again"},
		{CutMidStream(5), 5, false, false, io.ErrUnexpectedEOF, Faulted, "before the end"},
	}
	ends := map[string]string{
		"chat": "[DONE]", "responses": `"type":"response.completed"`, "completions": "[DONE]",
		"messages": `"type":"message_stop"`, "ollama chat": `"done":true`, "ollama generate": `"done":true`,
	}
	errorsOf := map[string]string{
		"chat":        `data: {"error":{"message":"fault on purpose","type":"server_error"`,
		"responses":   "event: response.failed\ndata: ",
		"completions": `data: {"error":{"message":"fault on purpose","type":"server_error"`,
		"messages":    "event: error\ndata: " + `{"type":"error","error":{"type":"api_error","message":"fault on purpose"}`,
		"ollama chat": "\n" + `{"error":"fault on purpose"}` + "\n", "ollama generate": "\n" + `{"error":"fault on purpose"}` + "\n",
	}
	for _, x := range apis {
		if !x.generates {
			continue
		}
		for _, row := range rows {
			t.Run(x.name+"/"+row.fault.name, func(t *testing.T) {
				everywhere(t, Engine{StepBase: time.Millisecond, Output: Fixed(5)}, func(t *testing.T, s *Server, body func(io.Reader) ([]byte, error)) {
					s.Fail(row.fault)
					is := tell(t, s, x.path, x.request(x.stream), body)
					assert.Equal(t, 200, is.status)
					assert.ErrorIs(t, is.err, row.err, row.reason)
					times := strings.Count(is.body, ends[x.name])
					switch {
					case row.fault.kind == faultTwoTerminators:
						assert.Equal(t, 2, times, row.reason)
					case row.ended:
						assert.Equal(t, 1, times, row.reason)
					default:
						assert.Zero(t, times, row.reason)
					}
					assert.Equal(t, row.fault.kind == faultErrorEvent, strings.Contains(is.body, errorsOf[x.name]), row.reason)
					if row.bad {
						assert.True(t, spoiled(is.body), "%s: %s", row.reason, is.body[:min(len(is.body), 2000)])
					} else {
						payloads(t, is.body)
					}
					if row.fault.kind == faultLongLine {
						assert.Greater(t, len(is.body), 100_000)
					}
					require.Eventually(t, func() bool { return len(s.Requests()) == 1 }, 5*time.Second, time.Millisecond)
					r := s.Requests()[0]
					assert.Equal(t, row.outcome, r.Outcome)
					assert.Equal(t, 200, r.Status)
					assert.Equal(t, row.words, r.OutputTokens, row.reason)
					assert.Equal(t, row.fault.name, r.Fault)
					assert.False(t, r.Written.IsZero())
				})
			})
		}
	}
}

// spoiled says that some line of a stream is no JSON in its frame.
func spoiled(body string) bool {
	for line := range strings.Lines(body) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "data: ")
		if line != "" && line != "[DONE]" && !strings.HasPrefix(line, "event: ") && !json.Valid([]byte(line)) {
			return true
		}
	}
	return false
}

func TestFaultsOfAnswersThatAreNotStreamed(t *testing.T) {
	for _, x := range apis {
		everywhere(t, Engine{StepBase: time.Millisecond, Output: Fixed(5)}, func(t *testing.T, s *Server, body func(io.Reader) ([]byte, error)) {
			ask := func(f Fault) heard {
				s.Fail(f)
				return tell(t, s, x.path, x.request(x.noStream), body)
			}
			tokens := 2
			if !x.generates {
				tokens = 0
			}
			is := ask(CutMidStream(tokens))
			assert.ErrorIs(t, is.err, io.ErrUnexpectedEOF, x.name)
			assert.NotEmpty(t, is.body)
			is = ask(Malformed(tokens))
			assert.NoError(t, is.err)
			assert.False(t, json.Valid([]byte(is.body)), "%s: half a body", x.name)
			is = ask(ErrorEvent(tokens))
			assert.Equal(t, 200, is.status)
			assert.Contains(t, is.body, "fault on purpose", x.name)
			if x.name == "responses" {
				assert.Contains(t, is.body, `"object":"response","created_at":0,"status":"failed","error":{"code":"server_error","message":"fault on purpose"}`)
			}
			is = ask(Empty())
			assert.True(t, json.Valid([]byte(is.body)), x.name)
			assert.NotContains(t, is.body, words[0], x.name)
			is = ask(NoTerminator())
			assert.True(t, json.Valid([]byte(is.body)), x.name)
			require.Eventually(t, func() bool { return len(s.Requests()) == 5 }, 5*time.Second, time.Millisecond)
			assert.Zero(t, s.Requests()[2].OutputTokens, "%s: an error has none", x.name)
			assert.Empty(t, s.Requests()[4].Fault, "%s: a fault of streams strikes no other answer", x.name)
		})
	}
}

func TestFaultsBeforeTheAnswer(t *testing.T) {
	everywhere(t, Engine{}, func(t *testing.T, s *Server, body func(io.Reader) ([]byte, error)) {
		s.Fail(Status(502).Body("<html>Bad gateway</html>").On(0), Status(429).Body(`{"detail":"slow down"}`).RetryAfter(time.Second).On(1), WrongType().On(2), Reset().On(3))
		ask := func() heard {
			return tell(t, s, "/v1/chat/completions", `{"stream":true,"messages":[{"content":"a"}]}`, body)
		}
		is := ask()
		assert.Equal(t, 502, is.status)
		assert.Equal(t, "<html>Bad gateway</html>", is.body)
		assert.Equal(t, "text/html; charset=utf-8", is.header.Get("Content-Type"))
		assert.Empty(t, is.header.Get("Retry-After"))
		is = ask()
		assert.Equal(t, `{"detail":"slow down"}`, is.body)
		assert.Equal(t, "application/json", is.header.Get("Content-Type"))
		assert.Equal(t, "1", is.header.Get("Retry-After"))
		is = ask()
		assert.Equal(t, 200, is.status)
		assert.Equal(t, "text/html; charset=utf-8", is.header.Get("Content-Type"))
		is = ask()
		assert.Equal(t, "broken", kind(is.err))
		is = ask()
		assert.NoError(t, is.err)
		assert.Equal(t, 200, is.status, "the fifth is well")
		for i, r := range s.Requests()[:4] {
			assert.Equal(t, Faulted, r.Outcome, "%d", i)
			assert.False(t, r.Written.IsZero(), "%d", i)
		}
	})
}

func TestAResetOfASocketIsOne(t *testing.T) {
	s := NewServer(t, Engine{})
	s.Fail(Reset())
	is := tell(t, s, "/v1/chat/completions", `{"messages":[{"content":"a"}]}`, io.ReadAll)
	assert.ErrorIs(t, is.err, syscall.ECONNRESET)
}

// TestWhenTokensArriveWithAFault looks at when a client has read how many words.
func TestWhenTokensArriveWithAFault(t *testing.T) {
	rows := []struct {
		fault  Fault
		want   []int // words that have come after every 10 ms, from the first on
		reason string
	}{
		{Burst(3), []int{0, 0, 3, 3, 3, 6, 7, 7}, "three at a time, and the last alone"},
		{Buffered(), []int{0, 0, 0, 0, 0, 0, 7, 7}, "all at once"},
		{Stall(1, 35*time.Millisecond), []int{1, 1, 1, 1, 1, 6, 7, 7}, "the pause begins when the second is due; what came meanwhile follows at once"},
		{SlowHeaders(25 * time.Millisecond), []int{0, 0, 3, 4, 5, 6, 7, 7}, "the engine does not wait; what came meanwhile follows at once"},
	}
	for _, row := range rows {
		t.Run(row.fault.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewServer(t, Engine{StepBase: 10 * time.Millisecond, StepPerSequence: time.Nanosecond, PrefillRate: 1e9, Output: Fixed(7)})
				s.Fail(row.fault)
				var mu sync.Mutex
				words := 0
				go func() {
					resp, err := s.Client().Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(`{"stream":true,"messages":[{"content":"a"}]}`))
					if !assert.NoError(t, err) {
						return
					}
					defer resp.Body.Close()
					for buf := make([]byte, 1<<16); err == nil; {
						var n int
						n, err = resp.Body.Read(buf)
						mu.Lock()
						words += strings.Count(string(buf[:n]), `"content":" `)
						mu.Unlock()
					}
				}()
				time.Sleep(5 * time.Millisecond)
				var is []int
				for range row.want {
					time.Sleep(10 * time.Millisecond)
					mu.Lock()
					is = append(is, words)
					mu.Unlock()
				}
				assert.Equal(t, row.want, is, row.reason)
			})
		})
	}
}

func TestAFaultAfterMoreTokensThanThereAreStrikesNothing(t *testing.T) {
	s := NewServer(t, Engine{StepBase: time.Millisecond, Output: Fixed(3)})
	s.Fail(CutMidStream(4))
	for _, stream := range []string{"true", "false"} {
		is := tell(t, s, "/v1/chat/completions", `{"stream":`+stream+`,"messages":[{"content":"a"}]}`, io.ReadAll)
		assert.NoError(t, is.err)
	}
	require.Eventually(t, func() bool { return len(s.Requests()) == 2 }, 5*time.Second, time.Millisecond)
	for _, r := range s.Requests() {
		assert.Empty(t, r.Fault)
		assert.Equal(t, Completed, r.Outcome)
	}
}

func TestAFaultThatDoesNotFitLeavesTheRequestToTheNext(t *testing.T) {
	e := Engine{StepBase: time.Millisecond, Output: Fixed(6), TokensPerChunk: 3}
	rows := []struct {
		fault    Fault
		streamed bool // it fits a stream
		whole    bool // it fits an answer that is none
		reason   string
	}{
		{Misframed(0), true, false, "there are no events"},
		{LongLine(0, 10), true, false, "there are no lines"},
		{Buffered(), true, false, "it is sent at once anyway"},
		{NoTerminator(), true, false, "the end of a body is none"},
		{TwoTerminators(), true, false, "the end of a body is none"},
		{Burst(3), false, false, "each chunk has three"},
		{Burst(4), true, false, "a chunk is held back"},
		{ErrorEvent(6), true, true, "the last token is the sixth"},
		{ErrorEvent(7), false, false, "there are but six"},
		{Misframed(7), false, false, "there are but six"},
		{Empty(), true, true, "both can be"},
		{SlowHeaders(time.Microsecond), true, true, "both can be"},
	}
	for _, row := range rows {
		s := NewServer(t, e)
		s.Fail(row.fault, Status(418))
		for n, stream := range []bool{true, false} {
			is := tell(t, s, "/v1/chat/completions", fmt.Sprintf(`{"stream":%v,"messages":[{"content":"a"}]}`, stream), io.ReadAll)
			require.Eventually(t, func() bool { return len(s.Requests()) == n+1 }, 5*time.Second, time.Millisecond)
			want, status := "status 418", 418
			if stream && row.streamed || !stream && row.whole {
				want, status = row.fault.name, 200
			}
			assert.Equal(t, want, s.Requests()[n].Fault, "%s, streamed %v: %s", row.fault.name, stream, row.reason)
			assert.Equal(t, status, is.status)
		}
	}
}

func TestAMisframedEventBringsItsTokenToNobodyWhoDropsIt(t *testing.T) {
	e := Engine{StepBase: time.Millisecond, Output: Fixed(3), Reasoning: Fixed(2)}
	for _, x := range apis {
		if !x.reasons {
			continue
		}
		everywhere(t, e, func(t *testing.T, s *Server, body func(io.Reader) ([]byte, error)) {
			for after := range 6 {
				s.Fail(Misframed(after))
				is := tell(t, s, x.path, x.request(x.stream), body)
				clean := strings.Fields("the quick the quick brown")
				assert.Equal(t, clean, wordsIn(strings.ReplaceAll(is.body, "\n", "")), "%s, after %d: no event is added", x.name, after)
				var whole []string
				for line := range strings.Lines(is.body) {
					if json.Valid([]byte(strings.TrimPrefix(line, "data: "))) {
						whole = append(whole, wordsIn(line)...)
					}
				}
				want := clean
				if after < len(clean) {
					want = slices.Delete(slices.Clone(clean), after, after+1)
				}
				assert.Equal(t, want, whole, "%s, after %d", x.name, after)
				assert.True(t, spoiled(is.body), "%s, after %d", x.name, after)
			}
		})
	}
}

var delta = regexp.MustCompile(`"(?:content|reasoning_content|delta|text|thinking|response)":" (\w+)"`)

// wordsIn are the words that events of any API bring, one each.
func wordsIn(text string) (all []string) {
	for _, found := range delta.FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	return all
}

func TestFaultsCountFromWhenTheyWereTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(t, Engine{StepBase: 10 * time.Millisecond, Output: Fixed(1)})
		ask := func() int {
			return tell(t, s, "/v1/chat/completions", `{"messages":[{"content":"a"}]}`, io.ReadAll).status
		}
		ask()
		for _, row := range []struct {
			fault Fault
			want  []int
		}{
			{Status(500).First(1), []int{500, 200, 200, 200, 200}},
			{Status(500).On(0, 3), []int{500, 200, 200, 500, 200}},
			{Status(500).Every(2), []int{200, 500, 200, 500, 200}},
		} {
			s.Fail(row.fault)
			var is []int
			for range row.want {
				is = append(is, ask())
			}
			assert.Equal(t, row.want, is)
		}
	})
}

func TestRequestsInFlightKeepWhatTheyWereTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(t, Engine{StepBase: 10 * time.Millisecond, Output: Fixed(5)})
		faults := []Fault{CutMidStream(3)}
		s.Fail(faults...)
		faults[0] = Status(500)
		ended := make(chan heard)
		go func() {
			ended <- tell(t, s, "/v1/chat/completions", `{"stream":true,"messages":[{"content":"a"}]}`, io.ReadAll)
		}()
		time.Sleep(15 * time.Millisecond)
		s.Fail()
		assert.ErrorIs(t, (<-ended).err, io.ErrUnexpectedEOF, "from a list that is the server's own")
		s.Fail(Hang())
		assert.Nil(t, s.faultFor(Request{Number: 0}, pace{}), "it had arrived")
		assert.NotNil(t, s.faultFor(Request{Number: 1}, pace{}))
	})
}

func TestAnEmptyAnswerIsEmptyInEveryEvent(t *testing.T) {
	everywhere(t, Engine{StepBase: time.Millisecond, Output: Fixed(3), Reasoning: Fixed(2)}, func(t *testing.T, s *Server, body func(io.Reader) ([]byte, error)) {
		s.Fail(Empty())
		is := tell(t, s, "/v1/responses", `{"input":"a","stream":true}`, body)
		assert.NotContains(t, is.body, "output_item", "none is in the output")
		assert.Contains(t, is.body, `"output":[]`)
		is = tell(t, s, "/v1/messages", `{"max_tokens":9,"messages":[{"content":"a"}],"stream":true}`, body)
		assert.NotContains(t, is.body, "content_block")
	})
}

func TestABufferedAnswerWhoseClientLeftHasNoStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(t, Engine{StepBase: 10 * time.Millisecond})
		s.Fail(Buffered())
		client := *s.Client()
		client.Timeout = 50 * time.Millisecond
		_, err := client.Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(`{"stream":true,"messages":[{"content":"a"}]}`))
		require.Error(t, err)
		time.Sleep(time.Second)
		r := s.Requests()[0]
		assert.Equal(t, Cancelled, r.Outcome)
		assert.Zero(t, r.Status)
	})
}

func TestAFaultStrikesBetweenChunksOfSeveralTokens(t *testing.T) {
	s := NewServer(t, Engine{StepBase: time.Millisecond, Output: Fixed(9), TokensPerChunk: 3})
	s.Fail(CutMidStream(4))
	is := tell(t, s, "/v1/chat/completions", `{"stream":true,"messages":[{"content":"a"}]}`, io.ReadAll)
	assert.ErrorIs(t, is.err, io.ErrUnexpectedEOF)
	require.Eventually(t, func() bool { return len(s.Requests()) == 1 }, 5*time.Second, time.Millisecond)
	assert.Equal(t, 6, s.Requests()[0].OutputTokens, "the first chunk that reaches four")
}

func TestConditionsOfFaults(t *testing.T) {
	rows := []struct {
		name   string
		fault  Fault
		want   []int
		reason string
	}{
		{"all", Hang(), []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, "no limit is set"},
		{"every", Hang().Every(4), []int{3, 7}, "the fourth and the eighth"},
		{"first", Hang().First(2), []int{0, 1}, "from the first on"},
		{"on", Hang().On(0, 9, 50), []int{0, 9}, "by number"},
		{"none", Hang().Rate(0), nil, "a share of nothing"},
		{"certain", Hang().Rate(1).First(3), []int{0, 1, 2}, "a share of all"},
		{"both", Hang().Every(2).First(5), []int{1, 3}, "all conditions must hold"},
		{"if", Hang().If(func(r Request) bool { return r.PromptTokens > 7 && r.Model == "m" && r.Origin != "" }), []int{8, 9}, "what was asked"},
	}
	for _, row := range rows {
		var struck []int
		for n := range 10 {
			if row.fault.strikes(Request{PromptTokens: n, Model: "m", Origin: "0-0-00000000"}, n, 0, 1) {
				struck = append(struck, n)
			}
		}
		assert.Equal(t, row.want, struck, "%s: %s", row.name, row.reason)
	}
}

func TestConditionsDoNotShareMemory(t *testing.T) {
	base := Hang().Every(2)
	first, on := base.First(2), base.On(7)
	assert.False(t, first.strikes(Request{}, 7, 0, 1))
	assert.True(t, on.strikes(Request{}, 7, 0, 1))
	assert.True(t, base.strikes(Request{}, 3, 0, 1))
}

func TestARareFaultStrikesAsOftenAsItsRateSays(t *testing.T) {
	for rate, n := range map[float64]int{1e-5: 10_000_000, 1e-3: 1_000_000, 0.1: 100_000} {
		if testing.Short() {
			n /= 10
		}
		f := Status(500).Rate(rate)
		struck := 0
		for number := range n {
			if f.strikes(Request{Number: number}, number, 0, 7) {
				struck++
			}
		}
		mean := rate * float64(n)
		// Five standard deviations of a binomial count; the seed is fixed.
		assert.InDelta(t, mean, struck, 5*math.Sqrt(mean*(1-rate)), "rate %g", rate)
	}
}

func TestFaultsThatCannotBeAreFatal(t *testing.T) {
	rows := []struct {
		name  string
		fault Fault
		says  string
	}{
		{"zero", Fault{}, "the zero Fault does nothing"},
		{"success", Status(200), "Status(200): want an error, from 400 to 599"},
		{"after", CutMidStream(-1), "CutMidStream after -1 tokens"},
		{"stall", Stall(1, -time.Second), "Stall of -1s"},
		{"slow", SlowHeaders(0), "SlowHeaders(0s)"},
		{"line", LongLine(1, 0), "LongLine of 0 bytes"},
		{"burst", Burst(1), "Burst(1): want at least 2"},
		{"rate", Reset().Rate(1.5), "Rate(1.5): want a share from 0 to 1"},
		{"no number", Reset().Rate(math.NaN()), "Rate(NaN)"},
		{"every", Reset().Every(0), "Every(0)"},
		{"first", Reset().First(-1), "First(-1)"},
		{"on", Reset().On(), "On(): want numbers"},
		{"on negative", Reset().On(3, -1), "On(-1)"},
		{"if", Reset().If(nil), "If(nil)"},
		{"retry", Reset().RetryAfter(time.Second), `RetryAfter of a fault "reset": want Status before it`},
		{"retry when", Status(429).RetryAfter(0), "RetryAfter(0s)"},
		{"body", Hang().Body("x"), `Body of a fault "hang"`},
		{"both", Status(200).Rate(-1), "Rate(-1)"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			fatal := &fatality{TB: t}
			s := NewServer(fatal, Engine{})
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				s.Fail(row.fault)
			}()
			<-ended
			assert.Contains(t, fatal.message, row.says)
		})
	}
}

func TestAHungRequestEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(t, Engine{})
		s.Fail(Hang())
		client := *s.Client()
		client.Timeout = time.Minute
		_, err := client.Post(s.URL+"/v1/messages", "application/json", strings.NewReader(`{"max_tokens":1,"messages":[{"content":"a"}]}`))
		var timeout interface{ Timeout() bool }
		require.True(t, errors.As(err, &timeout) && timeout.Timeout())
		time.Sleep(time.Second)
		r := s.Requests()[0]
		assert.Equal(t, Faulted, r.Outcome)
		assert.True(t, r.Written.IsZero(), "nothing was")
	})
}
