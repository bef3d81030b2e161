package llmperftest

import (
	"container/list"
	"hash/fnv"
	"slices"
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

// A prefixCache holds the blocks of prompts that were used last.
type prefixCache struct {
	most   int                      // blocks
	blocks map[uint64]*list.Element // by the name of the beginning that they end
	recent *list.List               // of names, the one last used first
}

// defaultPrefixBlocks is what a cache may hold where the engine sets no limit: a
// million tokens.
const defaultPrefixBlocks = 1 << 16

func newPrefixCache(kvTokens int) *prefixCache {
	blocks := defaultPrefixBlocks
	if kvTokens > 0 {
		blocks = kvTokens / prefixBlock
	}
	return &prefixCache{most: blocks, blocks: map[uint64]*list.Element{}, recent: list.New()}
}

// use returns how many tokens of a prompt are in the cache, and puts all of it
// in. A prompt's beginning counts as used after the rest of it, which is of no
// use alone, and so is forgotten last.
func (c *prefixCache) use(prefixes []uint64) (cached int) {
	for _, p := range prefixes {
		if c.blocks[p] == nil {
			break
		}
		cached += prefixBlock
	}
	for _, p := range slices.Backward(prefixes[:min(len(prefixes), c.most)]) {
		if block := c.blocks[p]; block != nil {
			c.recent.MoveToFront(block)
			continue
		}
		if len(c.blocks) == c.most {
			delete(c.blocks, c.recent.Remove(c.recent.Back()).(uint64))
		}
		c.blocks[p] = c.recent.PushFront(p)
	}
	return cached
}
