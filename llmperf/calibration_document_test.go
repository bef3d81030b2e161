package llmperf_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"llmperf.dev/llmperf"
)

const calibrationCommand = "LLMPERF_CALIBRATE=1 go test -count=1 -timeout 60m -run Calibration ./llmperf"

// How many runs of a service the document rests on: of one step, of five steps,
// of ten steps, and of one step each for a comparison.
const (
	runsOfOne  = 4000
	runsOfFive = 2000
	runsOfTen  = 1000
	runsOfPair = 4000

	// How many runs are compared with stored ones of a service that drifts, and how
	// many requests each has.
	runsDrifting     = 2000
	requestsDrifting = 1000

	// How many searches for a capacity, and for one that is claimed.
	searches = 200
	claims   = 1000
)

// A document is Markdown in the making.
type document struct {
	strings.Builder
	required []requirement
}

// A requirement is what at most may be wrong, and what was.
type requirement struct {
	what     string
	count, n int
	allowed  float64
}

// say writes a paragraph.
func (d *document) say(format string, args ...any) {
	fmt.Fprintf(d, format, args...)
	d.WriteString("\n\n")
}

// row writes one row of a table.
func (d *document) row(cells ...string) { fmt.Fprintf(d, "| %s |\n", strings.Join(cells, " | ")) }

// head writes the first row of a table and the line below it.
func (d *document) head(cells ...string) {
	d.row(cells...)
	d.row(strings.Split(strings.Repeat("---,", len(cells)-1)+"---", ",")...)
}

// share writes count of n in percent, in bold if it is wrong.
func share(count, n int, wrong bool) string {
	p := 100 * float64(count) / float64(n)
	text := fmt.Sprintf("%.0f", p)
	switch {
	case count == 0 || count == n:
	case p < 0.05:
		text = "<0.1"
	case p >= 99.95:
		text = ">99.9"
	case p < 9.95 || p > 90.05:
		text = fmt.Sprintf("%.1f", p)
	}
	if wrong && count > 0 {
		return "**" + text + "**"
	}
	return text
}

// margin is how far a share of n runs may be off, in points, at 95 % confidence.
func margin(share float64, n int) string {
	return fmt.Sprintf("±%.1f", 196*math.Sqrt(share*(1-share)/float64(n)))
}

// margins says how exact a table is.
func (d *document) margins(n int) {
	d.say("%d runs a cell: a share of 5 %% is exact to %s points, one of 50 %% to %s.", n, margin(0.05, n), margin(0.5, n))
}

// write writes pass / fail / inconclusive, with what is wrong at a ratio in
// bold: at 1, both.
func (v tally) write(ratio float64) string {
	n := v.pass + v.fail + v.open
	return share(v.pass, n, ratio >= 1) + " / " + share(v.fail, n, ratio <= 1) + " / " + share(v.open, n, false)
}

// require holds how often something went wrong against what is allowed.
func (d *document) require(t *testing.T, what string, count, n int, allowed float64) {
	t.Helper()
	assert.NoError(t, tooMany(count, n, allowed), what)
	d.required = append(d.required, requirement{what, count, n, allowed})
}

// requireAtLimit does so for the claim most often wrong at its limit.
func (d *document) requireAtLimit(t *testing.T, what string, g grid) {
	t.Helper()
	var passes, failures int
	for i := range g.claims {
		for j, ratio := range g.ratios {
			if ratio == 1 {
				passes, failures = max(passes, g.cells[i][j].ours.pass), max(failures, g.cells[i][j].ours.fail)
			}
		}
	}
	d.require(t, what+": false pass at the limit, worst SLO", passes, g.repetitions, wrongAtLimit)
	d.require(t, what+": false failure at the limit, worst SLO", failures, g.repetitions, wrongAtLimit)
}

// end ends a table.
func (d *document) end() { d.WriteString("\n") }

// grid writes a table of claims by ratios, with two rows for each claim.
func (d *document) grid(g grid) {
	head := []string{"SLO on", "requests (worth)", "rule"}
	for _, ratio := range g.ratios {
		head = append(head, fmt.Sprintf("%.2f", ratio))
	}
	d.head(head...)
	for i, c := range g.claims {
		mine := []string{c.name, fmt.Sprintf("%.0f (%.0f)", g.requests[i], g.effective[i]), "llmperf"}
		bare := []string{"", "", "bare figure"}
		for j, ratio := range g.ratios {
			mine = append(mine, g.cells[i][j].ours.write(ratio))
			bare = append(bare, g.cells[i][j].naive.write(ratio))
		}
		d.row(mine...)
		d.row(bare...)
	}
	d.end()
}

// calibrate measures everything at length, holds it against what is required,
// and returns the document.
func calibrate(t *testing.T) string {
	tables := new(document)
	tables.independent(t)
	tables.dependent(t)
	tables.manySteps(t)
	tables.saturation(t)
	tables.growth(t)
	tables.regression(t)
	tables.capacity(t)

	d := new(document)
	d.say("# How often verdicts are wrong")
	d.say("<!-- Made by %s: do not edit. -->", calibrationCommand)
	d.say("This page is measured, not derived. A fake service whose true latency and failure rate are known is put under load thousands of times, in virtual time, by the code as it is (`llmperf.Measure` and `Result.Check`), and every verdict is held against the truth. Beside it stands what a script would do that compares the measured figure with the limit as it is: *bare figure*. To make the page anew, which takes about ten minutes on two cores:")
	d.say("```sh\n%s\n```", calibrationCommand)
	d.say("All seeds are fixed, so it comes out the same until the code changes. Every `go test` repeats the central checks with fewer runs.")
	d.say("## What is required")
	d.head("wrong verdicts", "allowed", "measured", "runs")
	for _, r := range tables.required {
		d.row(r.what, fmt.Sprintf("%g %%", 100*r.allowed), share(r.count, r.n, false)+" %", fmt.Sprint(r.n))
	}
	d.end()
	d.say("5 %% are claimed at a limit, and 6 %% allowed. Making this page fails if so many wrong verdicts would have a probability of less than %g %% at what is allowed.", 100*unlikely)
	d.say("## The service")
	d.say("Latency is lognormal with a median of %d ms; its logarithm has a standard deviation of 0.5 unless said otherwise, so that p99/p50 is %.1f. The first token comes after a tenth of the latency, give or take (lognormal, 0.6). 2 %% of requests fail, each by itself. Users pause %v s on average, which keeps the number of requests in a step nearly the same however slow the service is. Times are shorter than those of an LLM, to save work; only their proportions matter. How many requests a step gets is a matter of chance in a closed loop: the tables show the mean. The default confidence of 95 %% applies throughout.", knownMedian.Milliseconds(), independent(1).tailRatio(), knownThink.Seconds())
	d.WriteString(tables.String())
	d.say("## What is not here")
	d.say("A slowness that lasts longer than a step looks like the service's own speed: no rule that sees only the step can tell. Errors of the stopwatch are not here either, since virtual time has none; `TestTimesAgree…` measure those. `HoldUntilDecided`, which looks at a step up to three times, is not measured: it takes a third of the error at each look.")
	return strings.TrimSpace(d.String()) + "\n"
}

func (d *document) independent(t *testing.T) {
	d.say("## One step, independent requests")
	d.say("Each column is a limit, named by the ratio of the truth to it: at 0.80 the service is well within the limit and ought to pass, at 1.25 well past it and ought to fail. (Throughput is to be above its limit; there the ratio is that of the limit to the truth.) A cell reads **pass / fail / inconclusive** in percent of runs; **wrong verdicts are bold**. At 1.00 the service is exactly at its limit: nothing can be proved there, and both columns are the worst case of a wrong verdict, so both are bold. llmperf claims at most 5 %% for each.")
	d.say("Requests are those of the last step that the verdict rests on: successful ones, where it is about latency. In parentheses, how many independent ones they were found to be worth, on average over the columns. For independent ones that ought to be all of them, and is fewer, since correlation that is not there cannot quite be told from some that is: the price of being right in the next tables, and why less than 5 %% are wrong here.")
	for _, n := range []int{300, 1000} {
		g := judgeAll(t, independent(n), allClaims, ratios, runsOfOne)
		d.requireAtLimit(t, fmt.Sprintf("independent requests, about %d a step", n), g)
		d.say("### About %d requests", n)
		d.grid(g)
	}
	d.margins(runsOfOne)
	d.say("A p99, or p99/p50, takes 299 independent requests to pass, and these are worth fewer at about 300: it hardly can, however good the service is. It can fail with less.")
	d.fewest(t)
}

// fewest shows how many requests a pass takes at least.
func (d *document) fewest(t *testing.T) {
	d.say("### The fewest requests")
	d.say("How often a service passes that is far within its limit, at 0.40 of it, in percent of runs. What is missing is inconclusive: 59 independent requests for p95, and 299 for p99, are often not what as many measured ones are worth.")
	for _, table := range []struct {
		claim claim
		about []int
	}{
		{claimP95, []int{60, 80, 100, 120, 150, 200}},
		{claimP99, []int{300, 350, 400, 500, 600, 800}},
	} {
		head, row := []string{"requests (worth)"}, []string{table.claim.name}
		for _, n := range table.about {
			g := judgeAll(t, independent(n), []claim{table.claim}, []float64{0.4}, runsOfTen)
			head = append(head, fmt.Sprintf("%.0f (%.0f)", g.requests[0], g.effective[0]))
			row = append(row, share(g.cells[0][0].ours.pass, runsOfTen, false))
		}
		d.head(head...)
		d.row(row...)
		d.end()
	}
	d.margins(runsOfTen)
}

func (d *document) dependent(t *testing.T) {
	d.say("## One step, requests that depend on each other")
	d.say("What a request has of its own is halved here (0.25), so that what requests have in common shows. Nothing is required of these tables: they show how far the correction for dependence goes, and that it does not go all the way.")
	for _, s := range []struct {
		name, what string
		of         func(n int) knownService
		claims     []claim
	}{
		{"Speed that drifts", "The service's speed varies by 10 % (standard deviation of the logarithm), slowly: it forgets itself over a tenth of the step, so that a step sees about ten independent speeds however many requests it has.", drifting, allClaims[:5]},
		{"A prompt for each user", "Every user sends one prompt over and over; prompts differ by 30 % (standard deviation of the logarithm). The truth is that of all prompts one could have drawn, and 30 users have drawn 30 of them.", personal, allClaims[:5]},
		{"Failures in bursts", "The service fails altogether, for 150 ms at a time on average, 5 % of the time; a burst hits about four requests. A step of 300 requests then sees about four bursts, and what sees none or one knows nothing of the others.", bursting, []claim{claimP95, claimFail, claimRate}},
	} {
		d.say("### %s", s.name)
		d.say("%s", s.what)
		for _, n := range []int{300, 1000} {
			d.grid(judgeAll(t, s.of(n), s.claims, ratios, runsOfOne))
		}
	}
	d.margins(runsOfOne)
}

func (d *document) manySteps(t *testing.T) {
	d.say("## Five steps")
	d.say("An SLO over five steps fails if one step fails it, and passes if every step passes. Five chances of a false failure would make five times as many, so each step has to be refuted with five times the confidence. First, every step is exactly at the limit:")
	g := judgeAll(t, manySteps(300, 1), []claim{claimP50, claimP95, claimP99, claimTTFT, claimTail, claimFail}, atLimit, runsOfFive)
	d.requireAtLimit(t, "five steps, all at the limit", g)
	d.grid(g)
	d.say("The failure rate has a sixth chance to fail: all steps together.")
	d.say("Now one step is at the limit (1.00) or past it, and the four others are far within it, at half the latency. A pass is wrong:")
	g = judgeAll(t, manySteps(300, 2), []claim{claimP50, claimP95, claimP99, claimTTFT}, []float64{1, 1.1, 1.25}, runsOfFive)
	d.requireAtLimit(t, "five steps, one at the limit", g)
	d.grid(g)
	d.margins(runsOfFive)
}

func (d *document) saturation(t *testing.T) {
	d.say("## The saturation point")
	d.say("Ten steps of 10 to 100 users; the service slows with load, and the saturation point is the first step whose true p95 is past twice the first step's. A cell reads **exact / one step beside / farther off / not found** in percent of runs. Where there is no such point, whatever is found is a false alarm, in bold. *Step by step* is the first step whose bare p95 is past twice the first step's, or whose failures are past 1 %%; *since the start* is the same of p95 and failures accumulated since the start of the run, which is what a load generator's totals give. Noise is a speed that varies by 15 %% and forgets itself within a tenth of a step.")
	d.say("The first step is held until it has 300 requests: it is in every ratio.")
	d.head("truth", "requests a step", "noise", "llmperf", "step by step", "since the start", "`NoSaturationBelow(100)`: pass / fail / inconclusive")
	for _, s := range []shape{sharpKnee, mediumKnee, gradual, level, healthy, lastEdge, longEdge} {
		for _, n := range []int{100, 300} {
			for _, noise := range []float64{0, 0.15} {
				k, f := s.service(n, noise), s.search(t, n, noise, runsOfTen)
				if s.allowed > 0 && noise == 0 && (n == 300 || s.knee < 0) {
					count, way := f.wrong(f.ours)
					d.require(t, fmt.Sprintf("saturation, %s, %d requests a step: %s", s.name, n, way), count, runsOfTen, s.allowed)
				}
				d.row(s.name, fmt.Sprint(n), fmt.Sprintf("%g %%", 100*noise), f.write(f.ours), f.write(f.perStep), f.write(f.cumulative), f.verdicts.write(k.slowest()/2))
			}
		}
	}
	d.end()
	d.margins(runsOfTen)
	d.say("*On the edge* is a service that comes to exactly twice the first step's latency: the worst case of a false alarm, and of a pass, of which nothing is required. That each of several steps on the edge may raise an alarm is not corrected for.")
}

// write writes exact / near / wrong / none, with false alarms in bold.
func (s search) write(h hits) string {
	n := s.repetitions
	return share(h.exact, n, false) + " / " + share(h.near, n, false) + " / " + share(h.wrong, n, s.shape.knee < 0) + " / " + share(h.none, n, false)
}

func (d *document) growth(t *testing.T) {
	d.say("## The pattern of growth")
	d.say("Ten steps of 10 to 100 users, about 100 requests each; a row is the truth, a column what `Result.Growth` says, in percent of runs. *Unclear* is no error.")
	seen := []llmperf.Growth{llmperf.Flat, llmperf.Decelerating, llmperf.Linear, llmperf.Accelerating, llmperf.Shedding, llmperf.Unclear}
	head := []string{"truth", "noise"}
	for _, g := range seen {
		head = append(head, string(g))
	}
	d.head(head...)
	for _, s := range growthShapes {
		for _, noise := range []float64{0, 0.15} {
			f := s.search(t, 100, noise, runsOfTen)
			row := []string{fmt.Sprintf("%s (%s)", s.name, s.growth), fmt.Sprintf("%g %%", 100*noise)}
			for _, g := range seen {
				row = append(row, share(f.growth[g], runsOfTen, g != s.growth && g != llmperf.Unclear))
			}
			d.row(row...)
		}
	}
	d.end()
	d.margins(runsOfTen)
}

func (d *document) regression(t *testing.T) {
	d.say("## Slower than a stored run")
	d.say("Two runs of about 300 requests each, the second of which is slower by a known ratio; up to %.2f is tolerated. The rule is that of package stats. A cell reads **pass / fail / inconclusive** in percent of pairs.", tolerated)
	d.head("true ratio of p95", "llmperf", "bare figure")
	for _, c := range compareAll(t, independent(300), []float64{1, tolerated, 1.2, 1.3, 1.5}, runsOfPair) {
		if c.ratio == tolerated {
			what := fmt.Sprintf("a run exactly %.2fx as slow as the stored one: ", tolerated)
			d.require(t, what+"false pass", c.ours.pass, runsOfPair, wrongAtLimit)
			d.require(t, what+"false alarm", c.ours.fail, runsOfPair, wrongAtLimit)
		}
		d.row(fmt.Sprintf("%.2f", c.ratio), c.ours.write(c.ratio/tolerated), c.naive.write(c.ratio/tolerated))
	}
	d.end()
	d.margins(runsOfPair)
	d.say("What drifts between two runs without a change of the service is in neither, so it is not in this table, but in the next.")
	d.drift()
}

func (d *document) drift() {
	d.say("### Several stored runs of a service that drifts")
	d.say("`NoRegression` on runs of %d requests each, whose speed differs from run to run by a lognormal factor; its standard deviation is the drift. With three stored runs or more, a failure also takes a p95 above that of each. The bare figure is compared with that of the newest stored run. A cell reads **pass / fail / inconclusive** in percent; what is wrong of a ratio is in bold.", requestsDrifting)
	d.head("drift", "true ratio of p95", "1 stored", "3 stored", "5 stored", "bare figure")
	for _, drift := range []float64{0, 0.02, 0.05, 0.1} {
		for _, ratio := range []float64{1, tolerated, 1.3} {
			row := []string{fmt.Sprintf("%.0f %%", 100*drift), fmt.Sprintf("%.2f", ratio)}
			var bare tally
			for _, stored := range []int{1, 3, 5} {
				ours, naive := llmperf.Drifting{Ratio: ratio, Drift: drift, Requests: requestsDrifting, Stored: stored}.Compare(runsDrifting)
				row = append(row, counted(ours).write(ratio/tolerated))
				bare = counted(naive)
			}
			d.row(append(row, bare.write(ratio/tolerated))...)
		}
	}
	d.end()
	d.margins(runsDrifting)
	d.say("Runs of a service that drifts by 10 %% are too unlike for a limit of 10 %%: allow more, such as `P95SlowerBy(0.25)`, or compare in virtual time, where nothing drifts.")
}

func counted(of map[llmperf.Verdict]int) tally {
	return tally{of[llmperf.Pass], of[llmperf.Fail], of[llmperf.Inconclusive]}
}

func (d *document) capacity(t *testing.T) {
	d.say("## The capacity")
	d.say("How many users can a service take? `MeasureCapacity` with `Search{MaxUsers: %d}`, against services with users that pause 0.1 to 0.5 s, an answer of which takes about 1 s (formulas) or 4 s (the fake models of package llmperftest, whose true capacity is measured by steps of 40 minutes each). That of formulas lies between 15 and 185 users, differently in every search; latency is lognormal with a standard deviation of its logarithm of %g, and its p95 the named multiple of that at no load, twice at the capacity. Beside it stands what is usually done: ten more users every minute until the bare figure is past the limit; the capacity is then the load before.", mostUsers, kneeSigma)
	d.say("The error is the root mean square of the difference from the most users that the service takes. *Too far* is by more than a tenth. *Outside* counts searches that hold more users than it takes for proved, and that hold as many as it takes for refuted: probes are judged at 90 %% confidence, up to three times each. Minutes and user-minutes are under load, on average, and include the warm-up of 30 s and settling. Twenty steps of a minute to %d users are 20 minutes and 2,100 user-minutes.", mostUsers)
	d.head("service", "rule", "error in users", "too far", "outside", "probes", "minutes", "user-minutes")
	row := func(name, rule, outside, probes string, f finding) {
		d.row(name, rule, fmt.Sprintf("%.1f", f.rmse()), share(f.far, f.repetitions, true), outside, probes, fmt.Sprintf("%.1f", f.mean(f.minutes)), fmt.Sprintf("%.0f", f.mean(f.userMinutes)))
	}
	require := func(q quest, f finding) {
		d.require(t, "capacity of a service, "+q.name+": farther from the truth than a tenth", f.far, f.repetitions, farCapacity)
		assert.LessOrEqual(t, f.mean(f.minutes), minutesOfSearch, q.name)
	}
	for _, s := range kneeShapes {
		q := s.quest()
		searched, climbed := q.found(t, searches, true)
		require(q, searched)
		row(q.name, "llmperf", share(searched.lowWrong, searches, true)+" / "+share(searched.highWrong, searches, true), fmt.Sprintf("%.1f", searched.mean(searched.probes)), searched)
		row("", "+10 a minute", "", "", climbed)
	}
	for _, e := range engineQuests {
		q := e.quest(t, 40*time.Minute)
		searched, _ := q.found(t, searches, false)
		require(q, searched)
		row(fmt.Sprintf("%s: %.1f users", q.name, q.capacity(1)), "llmperf", share(searched.lowWrong, searches, true)+" / "+share(searched.highWrong, searches, true), fmt.Sprintf("%.1f", searched.mean(searched.probes)), searched)
	}
	d.end()
	d.margins(searches)
	at := claimed(t, claims)
	d.require(t, "claim that a service takes exactly its capacity: false pass", at.pass, claims, wrongAtLimit)
	d.require(t, "claim that a service takes exactly its capacity: false failure", at.fail, claims, wrongAtLimit)
	d.say("With `Search.AtLeast`, a load is claimed. Where it is exactly the capacity, of the gradual service, nothing can be proved: **pass / fail / inconclusive** in percent of %d searches is %s.", claims, at.write(1))
}
