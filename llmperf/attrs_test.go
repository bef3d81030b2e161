package llmperf

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestTextsAreCutBetweenLetters(t *testing.T) {
	tests := []struct {
		text, want string
		most       int
	}{
		{"short", "short", 5},
		{"longer", "lo…", 5},
		{"äöü and more", "ä…", 6},
		{"anything", "…", 0},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, cut(tt.text, tt.most))
	}
	assert.True(t, utf8.ValidString(cut(strings.Repeat("äöü", 2000), longestAttr)))
	assert.Equal(t, "a b c", oneLine(" a\r\nb\x00\x1b\u2028c\n"))
}
