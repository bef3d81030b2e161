package llmperf

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"llmperf.dev/llmperf/internal/record"
	"llmperf.dev/llmperf/internal/stats"
)

// A Slowdown is how much slower a percentile may be than in stored runs, such as
// llmperf.TTFT.P95SlowerBy(0.20): see [NoRegression].
type Slowdown struct {
	metric Metric
	p, by  float64
}

// P50SlowerBy is the median being slower by a share, such as 0.10 for 10 %.
func (m Metric) P50SlowerBy(share float64) Slowdown { return Slowdown{m, 0.50, share} }

// P90SlowerBy is p90 being slower by a share, such as 0.10 for 10 %.
func (m Metric) P90SlowerBy(share float64) Slowdown { return Slowdown{m, 0.90, share} }

// P95SlowerBy is p95 being slower by a share, such as 0.10 for 10 %.
func (m Metric) P95SlowerBy(share float64) Slowdown { return Slowdown{m, 0.95, share} }

// P99SlowerBy is p99 being slower by a share, such as 0.10 for 10 %.
func (m Metric) P99SlowerBy(share float64) Slowdown { return Slowdown{m, 0.99, share} }

// String is the slowdown in words.
func (s Slowdown) String() string {
	return fmt.Sprintf("%s slower by %s", s.what(), percent(s.by))
}

// what is the percentile in words: latency p95.
func (s Slowdown) what() string { return fmt.Sprintf("%s p%g", s.metric.title(), s.p*100) }

// limit is the highest ratio of the percentile to the stored one that is none.
func (s Slowdown) limit() float64 { return 1 + s.by }

func (s Slowdown) validate() error {
	if s.metric.title() == "" {
		return fmt.Errorf("NoRegression was given a Slowdown that is empty: make it with P95SlowerBy, as in llmperf.TTFT.P95SlowerBy(0.20)")
	}
	if !(s.by > 0 && s.by <= 1) {
		return fmt.Errorf("%s.P%gSlowerBy(%v): want a share above 0 and up to 1, such as 0.10 for 10 %%", s.metric.title(), s.p*100, s.by)
	}
	return nil
}

// NoRegression holds where a run is no slower than the runs stored in a file, step
// by step: by default where p95 of latency is less than 10 % above theirs.
//
//	llmperf.NoRegression("testdata/capacity.json")
//	llmperf.NoRegression("testdata/capacity.json", llmperf.Latency.P95SlowerBy(0.10), llmperf.TTFT.P95SlowerBy(0.20))
//
// The path is relative to the folder of the test. With the environment variable
// LLMPERF_UPDATE=1, [Run] and [Simulate] store the run there, beside those that
// are, and its comparisons are not judged but skipped; nothing else writes the
// file, [Result.Check] neither. Of more than five runs the oldest is dropped; to
// start afresh, delete the file. A run that ended early, was shortened or
// failed another SLO is not stored, and neither is one with a step that is [Invalid]
// or has too few requests to tell the percentile.
//
// A step fails where the ratio of its percentile to that of the same step of all
// stored runs together is proved to be above the limit, and passes where it is
// proved to be below; the bounds are log-MOVER (Zou and Donner, Statistics in
// Medicine 27, 2008), of the two percentiles' order statistics. Proving it takes
// as many requests as the percentile does, at p95 59 independent ones a step, and
// the nearer the ratio is to the limit, the more. How much runs differ from one to
// another without a change is in no bound. So with three stored runs or more, a
// failure also takes a percentile above that of each of them; with one or two, the
// message says that this is missing.
//
// Runs are compared with their like only. Other steps, times they are held, think
// times, targets, models, Extra or prompts, or virtual time against real, are an
// error that names what differs. Of a target of your own that is its type, and what
// its String method says, if it has one: let that say what makes it faster or
// slower, and nothing that changes from run to run but hosts and ports in URLs.
// Another host of the target, another machine, Go version, warm-up or seed is a note
// beside the verdict; all loopback addresses are one host. The file has no keys, and
// of the values in Extra only a hash. A run under go test -short is compared by what
// its steps were before they were shortened.
//
// In virtual time nothing differs from run to run but by the seed. A run of a seed
// that is stored takes the place of the stored one; a step in which nothing has
// changed is 1.00x [1.00x, 1.00x] of that, and passes.
func NoRegression(path string, slower ...Slowdown) SLO {
	if len(slower) == 0 {
		slower = []Slowdown{Latency.P95SlowerBy(0.10)}
	}
	return noRegression{path, slower}
}

type noRegression struct {
	path   string
	slower []Slowdown
}

func (n noRegression) checks() []check {
	var all []check
	for _, slow := range n.slower {
		c := check{
			name:       fmt.Sprintf("no_regression_%s_p%g", slow.metric, slow.p*100),
			want:       fmt.Sprintf("%s < %.4gx that of %s", slow.what(), slow.limit(), n.path),
			err:        slow.validate(),
			metrics:    []Metric{slow.metric},
			regression: &regression{slow: slow, path: n.path},
			leastStep:  func(j judge) int { return stats.MinSamples(slow.p, j.pass) },
			step:       func(c check, s *Step, j judge) Outcome { return c.regression.judge(c, s, j) },
		}
		if n.path == "" {
			c.err = fmt.Errorf("NoRegression(\"\"): want the path of a file of stored runs, such as \"testdata/capacity.json\"")
		}
		all = append(all, c)
	}
	return all
}

// A regression is what a check of NoRegression compares a run with.
type regression struct {
	slow Slowdown
	path string

	update bool // the run is stored, and not judged

	// Known once the check is opened:
	stored  *storedRuns
	now     storedRun // the run that is judged, without its times
	virtual bool
}

// enoughRuns is how many stored runs show how much runs differ from each other.
const enoughRuns = 3

// key is how a stored run calls what a check compares in a step.
func (c check) key(step string) string {
	parts := []string{step, string(c.regression.slow.metric)}
	if c.target != "" {
		parts = slices.Insert(parts, 1, c.target)
	}
	return strings.Join(parts, "/")
}

func (r *regression) judge(c check, s *Step, j judge) Outcome {
	d := r.slow.metric.of(&s.Stats)
	now := func(conf float64) evidence { return d.quantile(r.slow.p, conf) }
	if r.update {
		return r.unjudged(c, s, now(j.pass), j)
	}
	then, err := r.stored.of(c.key(s.Name), stepText(s.Name, s.Load))
	if err != nil {
		return refused(c, s.Name, err.Error())
	}
	limit := r.slow.limit()
	seen, stored := now(j.pass), then.together(r.slow.p)
	shown, proved := stats.Regression(seen.Interval, stored(j.pass).Interval, limit)
	strict, refuted := stats.Regression(now(j.fail).Interval, stored(j.fail).Interval, limit)
	repeated := r.virtual && then.has(r.now.Seed, d)
	if repeated {
		shown, proved, refuted = stats.Interval{Low: 1, Estimate: 1, High: 1}, stats.Pass, stats.Pass
	}

	o := c.outcome(s, j.pass, evidence{shown, seen.n, seen.effective}, ratio)
	slowest, withinRuns := 0.0, false
	if refuted == stats.Fail && len(then) >= enoughRuns {
		slowest = then.slowest(r.slow.p)
		withinRuns = seen.Estimate <= slowest
	}
	switch {
	case proved == stats.Pass:
		o.Verdict = Pass
	case refuted == stats.Fail && !withinRuns:
		o.Verdict = Fail
	}
	o.sentence(r.slow.what())
	if seen.n > 0 {
		before := stored(j.pass)
		o.more(fmt.Sprintf("%s, after %s in %s (n=%s)", quantity(seen.Estimate/1e9, seconds), quantity(before.Estimate/1e9, seconds), plural(len(then), "stored run"), before.worth()))
	}
	if o.Verdict == Inconclusive {
		least := stats.MinSamples(r.slow.p, j.pass)
		switch {
		case seen.effective < least && shown.Estimate < limit || seen.n == 0:
			o.more(tooFew(fmt.Sprintf("a p%g", r.slow.p*100), least, seen))
		case withinRuns:
			o.more(fmt.Sprintf("slower than the stored runs are together, but not than each: one of them had %s, so that runs differ by more than chance without a change; run it again", quantity(slowest/1e9, seconds)))
		default:
			o.more(r.undecided(shown, strict, seen, len(then), j))
		}
		o.more(dependence(seen))
	}
	if !r.virtual && len(then) < enoughRuns {
		o.more(fmt.Sprintf("%s no measure of how much runs differ without a change: store %d to %d", fewRuns(len(then)), enoughRuns, mostRuns))
	}
	o.more(r.stored.notes(r.now, r.virtual))
	return o
}

func fewRuns(n int) string {
	if n == 1 {
		return "1 stored run is"
	}
	return fmt.Sprintf("%d stored runs are", n)
}

// undecided says what would decide a ratio that bounds leave open.
func (r *regression) undecided(shown, strict stats.Interval, seen evidence, runs int, j judge) string {
	limit := r.slow.limit()
	tau, known := stats.Spread(seen.Interval, seen.effective, j.pass)
	// The formula is for one stored run: of several, the percentile varies less. Its
	// power of 80 % is nearer 75 by order statistics.
	need, possible := stats.RequestsForPower(tau*math.Sqrt((1+1/float64(runs))/2), shown.Estimate, limit)
	switch {
	case math.IsInf(shown.High, 1) || shown.Low == 0:
		return "the stored runs and this one have too few requests for both bounds: hold the steps longer, and store the runs anew"
	case !known || !possible || need > farTimes*seen.effective:
		return fmt.Sprintf("it is too close to the limit to tell: whether it is just above or just below would take more than %dx as long steps", farTimes)
	case shown.Low > limit && strict.Low <= limit:
		return "past the limit, but to fail one step among several takes stronger proof: " + r.decides(need, seen)
	default:
		return "the limit lies within the bounds: " + r.decides(need, seen)
	}
}

// decides says how many requests would decide a ratio.
func (r *regression) decides(need int, seen evidence) string {
	return fmt.Sprintf("at the same ratio, about %s independent requests a step in every run decide it three times out of four, and this step has %s: hold the steps %s as long, and store the runs anew",
		count(need), seen.worth(), times(need, seen.effective))
}

// unjudged is the outcome of a comparison in a run that is to be stored.
func (r *regression) unjudged(c check, s *Step, seen evidence, j judge) Outcome {
	o := c.outcome(s, j.pass, seen, seconds)
	o.Verdict, o.toStore = NotRun, true
	o.Message = fmt.Sprintf("%s at %s: %s, to be stored in %s: NOT JUDGED (n=%s), since %s is set", r.slow.what(), o.at, o.figures(), r.path, seen.worth(), updateEnv)
	return o
}

// then is one thing that runs measured in one step: what stored runs have of it.
type then []storedOf

// A storedOf is what one run has of it.
type storedOf struct {
	seed uint64
	*storedTime
}

// together is the p-quantile of all runs together, with its bounds at a confidence.
// Each is worth as many independent requests as it was.
func (t then) together(p float64) func(conf float64) evidence {
	all, n, worth := record.NewHistogram(), 0, 0
	for _, run := range t {
		all.Merge(run.histogram)
		n += run.N
		worth += run.effective(p)
	}
	return func(conf float64) evidence {
		return evidence{histogramQuantile(all, p, conf, worth), n, worth}
	}
}

// slowest is the highest p-quantile of any of the runs.
func (t then) slowest(p float64) float64 {
	most := 0.0
	for _, run := range t {
		_, high := run.histogram.AtRank(stats.NearestRank(run.N, p))
		most = max(most, float64(high))
	}
	return most
}

// has reports whether the run of the given seed measured the very same.
func (t then) has(seed uint64, d *Distribution) bool {
	return slices.ContainsFunc(t, func(run storedOf) bool {
		if run.seed != seed || run.N != d.N {
			return false
		}
		return run.histogram.Equal(d.toHistogram())
	})
}
