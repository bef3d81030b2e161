package llmperf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMarkdownShowsTextsAsTheyAre(t *testing.T) {
	tests := []struct{ text, prose, code, reason string }{
		{"users=50", "users=50", "`users=50`", "the ordinary case"},
		{"a|b", `a\|b`, `<code>a\|b</code>`, "a bar would end a cell, in code too"},
		{"a`b", "a\\`b", "<code>a\\`b</code>", "a backquote would end code"},
		{"<script>&amp;", "&lt;script&gt;&amp;amp;", "`<script>&amp;`", "HTML would be HTML"},
		{"*a* _b_ ~c~", `\*a\* \_b\_ \~c\~`, "`*a* _b_ ~c~`", "as would emphasis"},
		{"![x](http://a)", `!\[x](http://a)`, "`![x](http://a)`", "and images"},
		{"a\r\nb\x1b[0m\tc", `a b \[0m c`, "`a b [0m c`", "a line would end all of them"},
		{"", "", "<code></code>", "two backquotes are no code"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.prose, markdownText(tt.text), tt.reason)
		assert.Equal(t, tt.code, markdownCode(tt.text), tt.reason)
	}
}

// judged is a result with outcomes of the given verdicts.
func judged(verdicts ...Verdict) *Result {
	r := madeResult(usual)
	r.Name = "TestCapacity"
	for _, v := range verdicts {
		r.Outcomes = append(r.Outcomes, Outcome{Name: "slo", Verdict: v, Message: "a sentence on " + string(v)})
	}
	return r
}

func TestWhatWantsAReaderComesFirst(t *testing.T) {
	const unheardOf Verdict = "not run"
	text := judged(Pass, Inconclusive, Pass, unheardOf, Fail).summary()
	var order []string
	for line := range strings.Lines(text) {
		if _, verdict, ok := strings.Cut(line, "a sentence on "); ok {
			order = append(order, strings.TrimSuffix(verdict, " |\n"))
		}
	}
	assert.Equal(t, []string{"fail", "inconclusive", "not run", "pass", "pass"}, order)
	assert.Contains(t, text, "| **not run** |")
	assert.NotContains(t, text, "<details>", "two passes are few")
}

func TestManyPassesAreFolded(t *testing.T) {
	text := judged(Pass, Pass, Pass, Pass, Pass, Pass, Fail).summary()
	before, folded, found := strings.Cut(text, "<details><summary>6 verdicts: pass</summary>")
	require.True(t, found)
	assert.Contains(t, before, "a sentence on fail")
	assert.NotContains(t, before, "a sentence on pass")
	assert.Equal(t, 6, strings.Count(folded, "a sentence on pass"))
}

func TestTheTitleIsTheWorstOfTheRun(t *testing.T) {
	aborted, nothing := judged(Pass), judged(Pass)
	aborted.Aborted, nothing.Total = "a <reason>", Stats{}
	tests := []struct {
		title, reason string
		result        *Result
	}{
		{"PASS", "all pass", judged(Pass, Pass)},
		{"FAIL", "one fails", judged(Pass, Fail, Inconclusive)},
		{"INCONCLUSIVE", "one is undecided", judged(Pass, Inconclusive)},
		{"NOT RUN", "a verdict that is not known is no pass", judged(Pass, "not run")},
		{"NOTHING JUDGED", "no SLO is no pass", judged()},
		{"NOTHING MEASURED", "a pass on nothing is none", nothing},
		{"ABORTED", "a run that was cut short is no pass", aborted},
	}
	for _, tt := range tests {
		first, _, _ := strings.Cut(tt.result.summary(), "\n")
		assert.Equal(t, "## TestCapacity: "+tt.title, first, tt.reason)
	}
	assert.Contains(t, aborted.summary(), "the run was aborted: a &lt;reason&gt;")
	assert.Contains(t, (&Result{Name: "TestNone"}).summary(), "No step was measured.")
	assert.Contains(t, nothing.summary(), "no request was measured, so nothing was proved.")
}

func TestAStepSummaryStaysWithinWhatGitHubShows(t *testing.T) {
	tests := []struct {
		name, reason string
		before       int
		want         string
	}{
		{"room", "there is room for all of it", 100, "long text"},
		{"little room", "there is room for a headline", 1015, "head"},
		{"no room", "beyond the limit nothing of the step would be shown", 1021, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "summary.md")
			before := strings.Repeat("x", tt.before)
			require.NoError(t, os.WriteFile(path, []byte(before), 0o666))
			require.NoError(t, appendWithin(path, 1023, "long text", "head"))
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, before+tt.want, string(data), tt.reason)
		})
	}
}
