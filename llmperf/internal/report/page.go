// Package report makes a run's figures into one HTML page that needs nothing
// beside itself: no server, no network, no fonts.
package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
)

//go:embed page.html
var pageHTML string

//go:embed parts.html
var partsHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

//go:embed uplot/uPlot.iife.min.js
var uPlotJS string

//go:embed uplot/uPlot.min.css
var uPlotCSS string

//go:embed uplot/LICENSE
var uPlotLicense string

var page = template.Must(template.New("page").Funcs(template.FuncMap{"mark": mark, "tight": tight}).Parse(partsHTML + pageHTML))

// mark is a verdict as a sign, so that it can be told without its colour.
func mark(verdict string) string {
	switch verdict {
	case "pass":
		return "✓"
	case "fail", "aborted":
		return "✕"
	case "inconclusive":
		return "?"
	case "invalid":
		return "!"
	default:
		return "–"
	}
}

var beforeUnit = regexp.MustCompile(`(\d) (%|(?:s|ms|users?|requests/s)\b)`)

// tight keeps numbers on one line with their units.
func tight(text string) string { return beforeUnit.ReplaceAllString(text, "$1\u00a0$2") }

// Severity orders verdicts by how much they want to be looked at, the first being
// 0. A verdict that is not known comes before those that hold.
func Severity(verdict string) int {
	switch verdict {
	case "fail":
		return 0
	case "invalid":
		return 1
	case "inconclusive":
		return 2
	case "pass":
		return 4
	default:
		return 3
	}
}

// At is the outcome at the step of that name, "" for all steps; nil if there is
// none.
func (s SLO) At(step string) *Outcome {
	for i := range s.Outcomes {
		if s.Outcomes[i].Step == step {
			return &s.Outcomes[i]
		}
	}
	return nil
}

// A verdictRow is an outcome beside what was wanted.
type verdictRow struct {
	Want string
	Outcome
}

// rows are the outcomes that hold, or those that do not.
func (m *Model) rows(hold bool) []verdictRow {
	var rows []verdictRow
	for _, s := range m.SLOs {
		for _, o := range s.Outcomes {
			if (o.Verdict == "pass") == hold {
				rows = append(rows, verdictRow{s.Want, o})
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b verdictRow) int {
		return cmp.Compare(Severity(a.Verdict), Severity(b.Verdict))
	})
	return rows
}

var (
	style  = uPlotCSS + "\n" + pageCSS
	script = "/*!\nuPlot is under the following licence.\n\n" + uPlotLicense + "*/\n" + uPlotJS + "\n" + pageJS
	policy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'", hashOf(style), hashOf(script))
)

// hashOf is how a content security policy names an inline script or style.
func hashOf(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// mostOpen is how many verdicts that do not hold are shown at once.
const mostOpen = 12

// A content is what the templates show of a model.
type content struct {
	*Model
	Open, More, Held []verdictRow // verdicts that do not hold, those beyond the first few of them, those that hold
}

func (m *Model) content() content {
	open := m.rows(false)
	few := min(len(open), mostOpen)
	return content{m, open[:few], open[few:], m.rows(true)}
}

// Write writes the page of a model to w. The page's own policy lets a browser run
// no other script than the page's own, and fetch nothing.
func Write(w io.Writer, m *Model) error {
	var out bytes.Buffer
	err := page.Execute(&out, struct {
		content
		Policy string
		Style  template.CSS
		Script template.JS
	}{m.content(), policy, template.CSS(style), template.JS(script)})
	if err != nil {
		return err
	}
	_, err = w.Write(out.Bytes())
	return err
}
