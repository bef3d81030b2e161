package llmperftest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// say is a prompt of so many words of a kind.
func say(kind string, words int) string {
	var text strings.Builder
	for n := range words {
		fmt.Fprintf(&text, "%s%d ", kind, n)
	}
	return text.String()
}

func TestAPrefixSeenBeforeIsNotReadAgain(t *testing.T) {
	rows := []struct {
		prompt string
		cached int
		reason string
	}{
		{say("a", 100), 0, "nothing was seen"},
		{say("a", 100), 96, "whole blocks of 16"},
		{say("a", 64), 48, "at least one token is read"},
		{say("a", 50) + say("b", 50), 48, "as far as they agree"},
		{say("b", 50), 0, "in the middle is not the beginning"},
		{say("a", 300), 96, "and then what follows"},
	}
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(t, Engine{PrefixCache: true, PrefillRate: 1000, StepBase: time.Millisecond, Output: Fixed(1)})
		for i, row := range rows {
			begin := time.Now()
			is := tell(t, s, "/v1/chat/completions", `{"model":"m","messages":[{"role":"system","content":"`+row.prompt[:20]+`"},{"role":"user","content":"`+row.prompt[20:]+`"}]}`, io.ReadAll)
			require.NoError(t, is.err)
			took := time.Since(begin)
			time.Sleep(time.Millisecond)
			r := s.Requests()[i]
			assert.Equal(t, row.cached, r.CachedTokens, row.reason)
			assert.Contains(t, is.body, fmt.Sprintf(`"cached_tokens":%d}`, row.cached))
			assert.InDelta(t, float64(r.PromptTokens-row.cached), took.Seconds()*1000, 2, "a millisecond a token that is read: %s", row.reason)
		}
		is := tell(t, s, "/v1/messages", `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"`+say("a", 100)+`"}]}`, io.ReadAll)
		assert.Contains(t, is.body, `"input_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":96`, "Anthropic's input tokens are those that were read")
		is = tell(t, s, "/v1/responses", `{"model":"other","input":"`+say("a", 100)+`"}`, io.ReadAll)
		assert.Contains(t, is.body, `"input_tokens":100,"input_tokens_details":{"cached_tokens":0}`, "another model has read nothing")
	})
}

func TestWithoutAPrefixCacheEverythingIsRead(t *testing.T) {
	s := NewServer(t, Engine{StepBase: time.Millisecond, Output: Fixed(1)})
	for range 2 {
		is := tell(t, s, "/v1/completions", `{"prompt":"`+say("a", 100)+`"}`, io.ReadAll)
		assert.Contains(t, is.body, `"cached_tokens":0`)
	}
}

func TestAPrefixCacheForgetsWhatWasNotUsedForLongest(t *testing.T) {
	c := newPrefixCache(100 * prefixBlock)
	r := rand.New(rand.NewPCG(1, 2))
	kept, old := []uint64{1, 2, 3}, []uint64{4, 5, 6}
	c.use(kept)
	c.use(old)
	for range 1000 {
		assert.Equal(t, 3*prefixBlock, c.use(kept), "what is in use stays")
		c.use([]uint64{r.Uint64()})
		require.LessOrEqual(t, len(c.blocks), 100)
		require.Len(t, c.blocks, c.recent.Len())
	}
	assert.Zero(t, c.use(old))
}

func TestAPrefixCacheHoldsAsMuchAsItMay(t *testing.T) {
	rows := []struct {
		name    string
		prompts []string
		cached  []int
		reason  string
	}{
		{"one", []string{say("a", 6000)}, []int{0, 5984, 5984}, "it fits"},
		{"two", []string{say("a", 3000), say("b", 3000)}, []int{0, 0, 2992, 2992, 2992}, "both fit"},
		{"two that are too large", []string{say("a", 6000), say("b", 6000)}, []int{0, 0, 2208, 2208}, "the ends of the other make room, 8192 - 5984 tokens of its beginning stay"},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			s := NewServer(t, Engine{PrefixCache: true, KVTokens: 8192, Output: Fixed(1)})
			var cached []int
			for i := range row.cached {
				tell(t, s, "/v1/completions", `{"model":"m","prompt":"`+row.prompts[i%len(row.prompts)]+`"}`, io.ReadAll)
				time.Sleep(time.Millisecond)
				cached = append(cached, s.Requests()[i].CachedTokens)
			}
			assert.Equal(t, row.cached, cached, "%s: %s", row.name, row.reason)
		})
	}
}

func TestAPromptLargerThanThePrefixCacheLeavesItsBeginning(t *testing.T) {
	names := make([]uint64, 10)
	for i := range names {
		names[i] = uint64(i)
	}
	c := newPrefixCache(4 * prefixBlock)
	assert.Zero(t, c.use(names))
	assert.Equal(t, 4*prefixBlock, c.use(names))
	c = newPrefixCache(prefixBlock - 1)
	assert.Zero(t, c.use(names))
	assert.Zero(t, c.use(names), "not a block fits")
}
