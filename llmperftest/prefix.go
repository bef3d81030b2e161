package llmperftest

import (
	"hash/fnv"
	"strings"
)

// prefixBlock is how many prompt tokens are cached together.
const prefixBlock = 16

// prefixes names every beginning of the prompt that is whole blocks long, and
// leaves at least one token to read.
func (q *ask) prefixes() (names []uint64) {
	h := fnv.New64a()
	h.Write([]byte(q.model + "\n"))
	words, last := 0, (q.promptTokens()-1)/prefixBlock
	for _, text := range q.prompt {
		for word := range strings.FieldsSeq(text) {
			if len(names) == last {
				return names
			}
			h.Write([]byte(word + " "))
			if words++; words%prefixBlock == 0 {
				names = append(names, h.Sum64())
			}
		}
	}
	return names
}

// A prefixCache holds the blocks of prompts used last, in two halves: when the
// young one is full it takes the place of the old one, which is forgotten.
type prefixCache struct {
	most       int // blocks in a half
	young, old map[uint64]struct{}
}

// defaultPrefixBlocks is what a cache may hold where the engine sets no limit: a
// million tokens.
const defaultPrefixBlocks = 1 << 16

func newPrefixCache(kvTokens int) *prefixCache {
	blocks := defaultPrefixBlocks
	if kvTokens > 0 {
		blocks = kvTokens / prefixBlock
	}
	return &prefixCache{most: max(1, blocks/2), young: map[uint64]struct{}{}}
}

// use returns how many tokens of a prompt are in the cache, and puts all of it in.
func (c *prefixCache) use(prefixes []uint64) (cached int) {
	missed := false
	for i, p := range prefixes {
		_, young := c.young[p]
		_, old := c.old[p]
		missed = missed || !young && !old
		if !missed {
			cached = (i + 1) * prefixBlock
		}
		if !young && len(c.young) == c.most {
			c.young, c.old = map[uint64]struct{}{}, c.young
		}
		c.young[p] = struct{}{}
	}
	return cached
}
