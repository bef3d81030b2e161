package llmperf

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
)

// fewPasses is how many verdicts that pass are shown without unfolding.
const fewPasses = 5

// summary is the run in GitHub's Markdown: the verdict, what fails and what is
// undecided first, the steps, and what to look at.
func (r *Result) summary() string {
	var text strings.Builder
	text.WriteString(r.headline())
	text.WriteString(r.verdictTables())
	text.WriteString(r.stepTables())
	text.WriteString(r.signalsAndWarnings())
	text.WriteString(r.whereabouts())
	return text.String()
}

// headline is the verdict on the run in one sentence, below a title, and what was
// run.
func (r *Result) headline() string {
	var text strings.Builder
	fmt.Fprintf(&text, "## %s: %s\n\n", markdownText(r.Name), strings.ToUpper(r.standing()))
	if trouble := r.trouble(); trouble != "" {
		fmt.Fprintf(&text, "%s.\n\n", markdownText(trouble))
	}
	if r.Stopped != "" {
		fmt.Fprintf(&text, "The run was %s.\n\n", markdownText(r.endLine()))
	}
	fmt.Fprintf(&text, "%s.\n\n", markdownText(summarize(r.Outcomes)))
	took := "in real time"
	if r.Virtual {
		took = "in virtual time, digest " + markdownCode(r.Digest)
	}
	fmt.Fprintf(&text, "%s requests to %s in %v %s, seed %d.\n", count(r.Total.Requests), markdownText(r.Target), r.Elapsed.Round(time.Second), took, r.Seed)
	return text.String()
}

// standing is the verdict on a run in a word or two.
func (r *Result) standing() string {
	var standing Verdict
	for i := range r.Outcomes {
		if v := r.Outcomes[i].Verdict; standing == "" || rank(v) < rank(standing) {
			standing = v
		}
	}
	switch {
	case r.Aborted != "":
		return "aborted"
	case len(r.Steps) > 0 && len(validSteps(r.Steps)) == 0:
		return string(Invalid)
	case r.Total.Requests == 0:
		return "nothing measured"
	case standing == "":
		return "nothing judged"
	default:
		return string(standing)
	}
}

// rank orders verdicts: those that want a reader first.
func rank(v Verdict) int {
	switch v {
	case Fail:
		return 0
	case Invalid:
		return 1
	case Pass:
		return 3
	default:
		return 2
	}
}

// verdictTables are the verdicts, what does not pass first; many that pass are
// folded.
func (r *Result) verdictTables() string {
	sorted := slices.Clone(r.Outcomes)
	slices.SortStableFunc(sorted, func(a, b Outcome) int { return cmp.Compare(rank(a.Verdict), rank(b.Verdict)) })
	passed := slices.IndexFunc(sorted, func(o Outcome) bool { return o.Verdict == Pass })
	if passed < 0 || len(sorted)-passed <= fewPasses {
		passed = len(sorted)
	}
	table := func(outcomes []Outcome) string {
		if len(outcomes) == 0 {
			return ""
		}
		var t markdownTable
		t.head(" verdict", " SLO", " in words")
		for i := range outcomes {
			o := &outcomes[i]
			verdict := markdownText(string(o.Verdict))
			if rank(o.Verdict) < rank(Pass) {
				verdict = "**" + verdict + "**"
			}
			t.row(verdict, markdownCode(o.path()), markdownText(o.Message))
		}
		return t.String() + "\n"
	}
	text := "\n" + table(sorted[:passed])
	if rest := sorted[passed:]; len(rest) > 0 {
		text += folded(plural(len(rest), "verdict")+": pass", table(rest))
	}
	return text
}

// stepTables are the figures of the steps, and the failures.
func (r *Result) stepTables() string {
	if len(r.Steps) == 0 {
		return "No step was measured.\n"
	}
	var text strings.Builder
	var t markdownTable
	for i, row := range r.stepRows() {
		row[0] = markdownText(row[0])
		if i == 0 {
			row[0] = " " + row[0]
			t.head(row...)
		} else {
			t.row(row...)
		}
	}
	fmt.Fprintf(&text, "### Steps\n\n%s", t.String())
	for _, plain := range []string{arrivalsTable(r.Steps), overheadTable(r.Steps), generatorTable(r.Steps)} {
		if plain != "" {
			fmt.Fprintf(&text, "\n<pre>\n%s</pre>\n", html.EscapeString(plain))
		}
	}
	if r.Total.Failed > 0 {
		fmt.Fprintf(&text, "\n%s\n\n", markdownText(failureList(&r.Total)))
		for _, example := range r.Total.Examples {
			fmt.Fprintf(&text, "- %s\n", markdownCode(example))
		}
	}
	return text.String()
}

// signalsAndWarnings are the health of the service, where it saturates, and what
// makes the measurement doubtful.
func (r *Result) signalsAndWarnings() string {
	var text strings.Builder
	if len(r.Health) > 0 {
		var t markdownTable
		t.head(" signal", " seen", " grade")
		for _, s := range r.Health {
			t.row(markdownText(s.Name), markdownText(s.Seen), cmp.Or(markdownText(string(s.Grade)), "–"))
		}
		fmt.Fprintf(&text, "\n### Health\n\n%s\n%s.\n", t.String(), markdownText(r.saturationText()))
	}
	if bad := len(r.Steps) - len(validSteps(r.Steps)); bad > 0 {
		text.WriteString("\n### Invalid steps\n\n")
	}
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Invalid != "" {
			fmt.Fprintf(&text, "- %s: %s\n", markdownText(s.Name), markdownText(s.Invalid))
		}
	}
	if len(r.Warnings) > 0 {
		text.WriteString("\n### Warnings\n\n")
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&text, "- %s\n", markdownText(warning))
	}
	return text.String()
}

// whereabouts are the run's files, and where they are if they outlive the test.
func (r *Result) whereabouts() string {
	if len(r.files) == 0 {
		return ""
	}
	text := "\nFiles"
	if r.folder != "" {
		text += " in " + markdownCode(r.folder)
	}
	return text + ": " + strings.Join(r.files, ", ") + ".\n"
}
