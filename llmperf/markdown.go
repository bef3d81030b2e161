package llmperf

import (
	"fmt"
	"strings"
)

// markdownText is text as a paragraph or a table's cell of GitHub's Markdown shows
// it, in one line. Names and failures come from elsewhere and may hold anything.
func markdownText(text string) string {
	return markdownEscapes.Replace(oneLine(text))
}

var markdownEscapes = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", `\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "~", `\~`, "[", `\[`, "|", `\|`, "#", `\#`,
)

// markdownCode is text in one line as it is written, in letters of one width.
func markdownCode(text string) string {
	text = oneLine(text)
	if text == "" || strings.ContainsAny(text, "`|") {
		return "<code>" + markdownText(text) + "</code>"
	}
	return "`" + text + "`"
}

// A markdownTable is a table of GitHub's Markdown. Its cells are Markdown.
type markdownTable struct{ strings.Builder }

// head begins the table. A column whose name begins with a space is of text, and
// any other of numbers.
func (m *markdownTable) head(columns ...string) {
	m.row(columns...)
	for _, c := range columns {
		if strings.HasPrefix(c, " ") {
			m.WriteString("|---")
		} else {
			m.WriteString("|--:")
		}
	}
	m.WriteString("|\n")
}

func (m *markdownTable) row(cells ...string) {
	for _, c := range cells {
		fmt.Fprintf(m, "| %s ", strings.TrimSpace(c))
	}
	m.WriteString("|\n")
}

// folded is Markdown that a reader unfolds. The content ends in an empty line.
func folded(title, content string) string {
	return fmt.Sprintf("<details><summary>%s</summary>\n\n%s</details>\n\n", markdownText(title), content)
}
