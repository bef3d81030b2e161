package llmperf

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"llmperf.dev/llmperf/internal/bubble"
	"llmperf.dev/llmperf/internal/generator"
	"llmperf.dev/llmperf/internal/load"
	"llmperf.dev/llmperf/internal/record"
)

// Measure runs a scenario's load and returns what was measured, without a test
// around it: use [Result.Check] to judge it. Cancelling ctx ends the run. The
// result of a run that ended early holds what was measured until then, and
// comes with an error that says why; only a scenario that cannot be run at all
// has no result. A test that calls it in real time is not cached by go test, as
// one of [Run] is not; but unlike that it does not wait for other loads that are
// on, nor refuse them, and they measure each other.
func Measure(ctx context.Context, s Scenario) (*Result, error) {
	s = s.withDefaults()
	if err := errors.Join(s.validate(), validateWithoutSLOs(s.Stop)); err != nil {
		return nil, fmt.Errorf("llmperf: %w", redact(err, s.secrets()...))
	}
	m := newMeasurement(s, func(event) {})
	res := m.run(ctx)
	res.neverCached()
	if res.Aborted != "" {
		return res, fmt.Errorf("llmperf: the run was aborted: %s", res.Aborted)
	}
	return res, nil
}

const (
	tick             = 500 * time.Millisecond // how often samples are collected
	drainTick        = 20 * time.Millisecond  // the same while only the last requests are awaited
	progressEvery    = 5 * time.Second
	momentEvery      = time.Second
	hopelessAfter    = 3  // failed requests of every user, without a success by any, that end a run; …
	hopelessArrivals = 30 // … of an open loop, in all
	leaveLimit       = 10 * time.Second
	leaveAborted     = 5 * time.Second // the same after an abort, well within deadlineMargin
)

// An event tells a run's reporter what happened: one field is set.
type event struct {
	moment   *moment   // every second, if the run is watched
	progress *progress // every few seconds
	step     *stepRun  // complete: all its requests are home, and nothing changes it any more
}

// A measurement is one run of a scenario. One goroutine steers it: it moves the
// load from step to step, collects samples and tells the reporter.
type measurement struct {
	scenario  Scenario
	report    func(event)
	vain      func(warm *Step) error // says, of what the warm-up saw, why going on would be vain
	undecided func(*Step) bool       // reports whether SLOs of a step need more evidence

	// lost says which SLO complete steps have failed for good, those before from
	// having been looked at.
	lost func(complete []Step, from int) string

	beat func() // called whenever the run has got on

	digest  *digest // of all requests, in virtual time; else nil
	keepLog bool    // whether log is kept
	log     []record.Sample
	samples *samplesFile // nil if it was not asked for

	public  *publicCheck // of where requests go; nil in virtual time
	secrets []string     // what no text may show, as far as it is known before any request

	interrupted atomic.Pointer[string] // why the run is to end, as soon as it can
	first       atomic.Pointer[fault]  // the first panic of the target, an observer or the like; nil for none
	blind       atomic.Bool            // an observer did not return: none is called any more
	unseen      []Sample               // what observers are still to be told of

	ctx     context.Context // whose end ends the run
	hanging *sync.Map       // of the test's own functions, those that did not return, with for how long they were waited for then
	left    bool            // everybody was told to leave

	monitor *generator.Monitor // nil in virtual time

	clock  load.Clock
	crowd  *load.Crowd
	warmup *bucket
	steps  []*stepRun
	early  []record.Sample  // sent after the end of the last of steps, or of the warm-up: the next may have begun by then
	over   bool             // no step is to come
	told   int              // steps[:told] were reported complete
	users  map[int32]*tally // of an open loop, one for all of them
	open   bool             // it is one

	warmRate float64 // requests per second of the warm-up

	viewer   *viewer
	timeline []Window
	nextView time.Duration
	counts   struct{ requests, failed int }
	own      GeneratorStats // the failures of this machine, which are not among those
	aborted  string
	brief    bool // its result is one of many, of a run that goes on

	overdueSince time.Duration // since when a request of the step that is told next is overdue; 0 if none is

	watched    bool // by a live page
	nextMoment time.Duration

	gate   *gate // what users ask before they send; nil without a budget
	spent  Spending
	stop   string // why the run stops before its profile does; "" while it does not
	looked int    // steps[:looked] were looked at by stops, with all that there is to see
}

// A stepRun is a step while it runs and its requests come home.
type stepRun struct {
	Step
	bucket *bucket
	open   bool  // its end may move yet
	fall   *fall // of a step that falls back to the load of an earlier one; else nil
}

// A tally is what became of one user's requests, as far as it matters to
// whether a run is hopeless.
type tally struct {
	failed int
	last   string
}

func newMeasurement(s Scenario, report func(event)) *measurement {
	m := &measurement{
		scenario: s, report: report,
		vain: func(*Step) error { return nil }, undecided: func(*Step) bool { return false }, beat: func() {},
		lost:  func([]Step, int) string { return "" },
		users: map[int32]*tally{}, viewer: newViewer(), gate: newGate(s), secrets: s.secrets(),
		ctx: context.Background(), hanging: new(sync.Map),
	}
	return m
}

// run drives the load to its end and sums up.
func (m *measurement) run(ctx context.Context) *Result {
	m.ctx = ctx
	requests, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(errRunOver)
	m.public = newPublicCheck(m.scenario, m.interrupt)
	m.clock = load.StartClock()
	if !bubble.Inside() {
		m.monitor = generator.Start(m.clock.Start())
		defer m.monitor.Stop()
	}
	m.crowd = load.NewCrowd(requests, m.clock, m.behaviour())
	m.nextView = windowEvery
	m.observeStart()
	now := m.runSteps(ctx)
	m.over, m.early = true, nil
	if m.left { // what came home meanwhile was measured
		m.collect()
	}
	m.concludeSteps()
	m.drain(ctx)
	m.leave()
	end(errRunOver)
	limit := leaveLimit
	if m.aborted != "" {
		limit = leaveAborted
	}
	if deadline, limited := ctx.Deadline(); limited && !bubble.Inside() {
		limit = min(limit, max(0, time.Until(deadline))+leaveAborted)
	}
	if !m.crowd.Wait(limit) {
		m.abort("a target did not return within %v of its context's end; it must honour ctx", limit)
	}
	m.collectLast()
	m.tell(true)
	m.stopped()
	if client, ok := m.scenario.Target.(idler); ok {
		client.closeIdle()
	}
	res := m.result(now)
	res = m.observeStop(res)
	m.stopped()
	res.Aborted = m.aborted
	return res
}

// leave makes all users leave, and lets nobody arrive any more.
func (m *measurement) leave() {
	m.left = true
	if m.crowd != nil {
		m.crowd.Leave()
	}
}

// runSteps runs the warm-up and every step, and returns when the last ended.
func (m *measurement) runSteps(ctx context.Context) time.Duration {
	begin, before := time.Duration(0), Load{}
	for !m.stopped() {
		next, ok, done := Load{}, false, m.done()
		if !m.guard("the profile", func() { next, ok = m.scenario.Profile.Next(done) }) || !ok {
			m.stopped()
			return begin
		}
		err := next.validateAfter(before)
		if err == nil && len(m.steps) > 0 && next.open() != m.steps[0].Load.open() {
			err = fmt.Errorf("%v after %v: want all steps in users, or all in requests per second", next, m.steps[0].Load)
		}
		if err != nil {
			m.abort("the profile asked for %v", err)
			return begin
		}
		if len(m.steps) > 0 && m.stopEarly(true) {
			return begin
		}
		if len(m.steps) == 0 {
			if warm := load.OnGrid(m.scenario.Warmup); warm > 0 {
				before = next.start()
				m.warmup = newBucket(0, warm, before.Users, len(parts(m.scenario.Target)))
				m.warmUp(before, warm)
				if !m.wait(ctx, warm) {
					return m.clock.Now()
				}
				begin = warm
				if err := m.vain(m.warmupStep()); err != nil {
					m.abort("%v", err)
					return begin
				}
			}
		}
		if m.left { // one of the functions above hangs
			return begin
		}
		m.public.expect(next)
		step := &stepRun{Step: Step{Index: len(m.steps), Name: m.nameOf(next), Load: next, Begin: begin, From: begin + next.unmeasured(before), Until: begin + next.Hold}}
		step.fall = m.fallOf(next)
		step.bucket, step.open = newBucket(step.From, step.Until, int(math.Round(next.meanUsers())), len(parts(m.scenario.Target))), true
		m.begin(step)
		m.apply(next, before, begin)
		before = next.end()
		if begin, ok = m.hold(ctx, step); !ok {
			return begin
		}
	}
	return begin
}

// nameOf is the name of the next step: that of its load, with a number if
// earlier steps have it already.
func (m *measurement) nameOf(l Load) string {
	same := 1
	for _, step := range m.steps {
		if step.Load.name() == l.name() {
			same++
		}
	}
	return numbered(l.name(), same)
}

// numbered is the name of the n-th step that would be called so.
func numbered(name string, n int) string {
	if n > 1 {
		return fmt.Sprintf("%s_%d", name, n)
	}
	return name
}

// wait collects samples until the given time. It returns false if the run is
// to end before.
func (m *measurement) wait(ctx context.Context, until time.Duration) bool {
	for {
		now := m.clock.Now()
		if now >= until {
			m.collect()
			return true
		}
		if !m.pause(ctx, min(until, (now/tick+1)*tick)) {
			m.collect()
			m.abort("%v", context.Cause(ctx))
			return false
		}
		m.collect()
		m.tell(false)
		if m.stopped() || m.hopeless() || m.stopEarly(false) {
			return false
		}
	}
}

// interrupt ends the run as soon as it can, from any goroutine.
func (m *measurement) interrupt(format string, args ...any) {
	why := redactText(fmt.Sprintf(format, args...), m.secrets)
	m.interrupted.CompareAndSwap(nil, &why)
}

// stopped reports whether the run was interrupted, which aborts it.
func (m *measurement) stopped() bool {
	why := m.interrupted.Load()
	if why != nil {
		m.abort("%s", *why)
	}
	return why != nil
}

// pause sleeps until the given time, or until ctx ends: then it returns false.
func (m *measurement) pause(ctx context.Context, until time.Duration) bool {
	m.beat()
	wait := until - m.clock.Now()
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// drain waits, with the load kept up, until every measured request has come
// home or had its time. After an abort it waits a second at most.
func (m *measurement) drain(ctx context.Context) {
	if len(m.steps) == 0 {
		return
	}
	measured := m.steps[len(m.steps)-1].Until
	limit := m.clock.Now() + m.scenario.Timeout + time.Second
	if m.aborted != "" {
		limit = m.clock.Now() + time.Second
	}
	for !m.crowd.HomeBefore(measured) && m.clock.Now() < limit {
		next := (m.clock.Now()/drainTick + 1) * drainTick
		if m.aborted != "" {
			m.pause(context.WithoutCancel(ctx), next)
		} else if !m.pause(ctx, next) {
			m.abort("%v", context.Cause(ctx))
			limit = m.clock.Now() + time.Second
		}
		before := m.aborted
		m.collect()
		m.tell(false)
		m.stopped()
		if before == "" && m.aborted != "" {
			limit = m.clock.Now() + time.Second
		}
	}
}

// collectLast takes in what the users have published, and counts what is in flight
// for ever as unfinished. A request may come home at any moment; it is counted once.
func (m *measurement) collectLast() {
	var pending []load.Request
	m.crowd.Pending(func(q load.Request) { pending = append(pending, q) })
	type id struct {
		user, number int32
		open         bool
	}
	home := map[id]bool{}
	m.crowd.Drain(func(s *record.Sample) {
		if len(pending) > 0 {
			home[id{s.User, s.Number, s.Open}] = true
		}
		m.file(s)
	})
	now := int64(m.clock.Now())
	for _, q := range pending {
		s := record.Sample{User: int32(q.User), Number: int32(q.Number), Part: m.partOf(q), Sent: int64(q.Sent), Open: q.Open, End: now, Class: record.Unfinished, Detail: "the target did not return"}
		if q.Open {
			s.Dispatched = s.Sent // or later: its sender, who knows, has not told
		}
		if !home[id{s.User, s.Number, s.Open}] {
			m.file(&s)
		}
	}
	m.observeSamples()
	m.writeSamples()
}

func (m *measurement) abort(format string, args ...any) {
	if m.aborted == "" {
		m.aborted = redactText(fmt.Sprintf(format, args...), m.secrets)
	}
}

// newSender makes what sends requests one after the other.
func (m *measurement) newSender(r *record.Recorder) func(context.Context, load.Request) {
	c := &Call{clock: m.clock, rec: r, seed: m.scenario.Seed, run: runOf(m.clock), public: m.public}
	return func(ctx context.Context, q load.Request) {
		ctx, cancel := context.WithTimeout(ctx, q.Sent+m.patience()-m.clock.Now())
		defer cancel()
		c.begin(q)
		defer m.settle(&c.sample)
		returned := false
		defer func() {
			if !returned { // and it takes the user with it
				c.sample.End, c.sample.Class = int64(m.clock.Now()), record.Target
				c.sample.Detail = "the target ended its goroutine, as t.FailNow and require do: return an error instead"
				m.interrupt("%s", c.sample.Detail)
				r.Add(&c.sample)
			}
		}()
		err := send(ctx, m.scenario.Target, c)
		c.sample.End = int64(m.clock.Now())
		if err == nil && ctx.Err() != nil && c.sample.End-c.sample.Sent > int64(m.patience()) {
			err = ctx.Err()
		}
		if err != nil {
			m.failed(ctx, &c.sample, err)
		}
		returned = true
		c.heard(err == nil)
		r.Add(&c.sample)
	}
}

// failed notes why a request failed. The error is one of the target's own, whose
// methods may panic too, as those of a nil pointer in it.
func (m *measurement) failed(ctx context.Context, s *record.Sample, err error) {
	defer func() {
		if r := recover(); r != nil {
			wrong := panicked(r)
			m.keepStack(wrong)
			s.Class, s.Status = record.Target, 0
			s.Detail = describe(redact(fmt.Errorf("the error that the target returned %w", wrong), m.secrets...))
		}
	}()
	m.keepStack(err)
	s.Class, s.Status = classify(ctx, err, s.FirstByte > 0)
	s.Detail = describe(redact(err, m.secrets...))
}

// send calls the target; its panic becomes an error with the place.
func send(ctx context.Context, t Target, c *Call) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = failf(FailTarget, "the target %w", panicked(r))
		}
	}()
	return t.Send(ctx, c)
}

// collect takes in what the users have published.
func (m *measurement) collect() {
	m.crowd.Drain(m.file)
	m.observeSamples()
	m.writeSamples()
}

// file puts a sample where it belongs.
func (m *measurement) file(s *record.Sample) {
	m.spent.add(s)
	sent := time.Duration(s.Sent)
	warming := m.warmup != nil && sent < m.warmup.until
	if warming && s.Class == record.Unfinished {
		return // cut off with the run; nobody counts on it
	}
	if m.digest != nil {
		m.digest.add(s)
	}
	if m.keepLog {
		m.log = append(m.log, *s)
	}
	user := s.User
	if s.Open {
		user, m.open = 0, true
	}
	t := m.users[user]
	if t == nil {
		t = new(tally)
		m.users[user] = t
	}
	switch s.Class {
	case record.OK:
		m.counts.requests++
		t.failed = -1 << 30
	case record.Generator:
		m.own.lacked(s)
		t.failed++
	default:
		m.counts.requests++
		m.counts.failed++
		t.failed++
		t.last = s.Detail
	}
	m.viewer.add(s)
	if m.samples != nil {
		m.samples.add(s)
	}
	m.noteSample(s)
	if warming {
		m.warmup.add(s)
		return
	}
	m.place(s)
}

// place puts a sample into the step in which it was sent. In real time it may have
// ended before that has been begun here.
func (m *measurement) place(s *record.Sample) {
	sent := time.Duration(s.Sent)
	for i := len(m.steps) - 1; i >= 0; i-- {
		step := m.steps[i]
		if sent < step.Begin {
			continue
		}
		step.note(s)
		if sent >= step.From && (step.open || sent < step.Until) {
			step.bucket.add(s)
		} else if sent >= step.Until && i == len(m.steps)-1 {
			m.keep(s)
		}
		return
	}
	m.keep(s)
}

// keep keeps a sample for the next step.
func (m *measurement) keep(s *record.Sample) {
	if !m.over {
		m.early = append(m.early, *s)
	}
}

// begin makes a step the current one, with what was sent in it already.
func (m *measurement) begin(step *stepRun) {
	m.steps = append(m.steps, step)
	early := m.early
	m.early = nil
	for i := range early {
		if time.Duration(early[i].Sent) >= step.Begin {
			m.place(&early[i])
		}
	}
}

// hopeless ends a run in which nothing works: no request has succeeded, and
// every user has seen several fail; of an open loop, as many as several users
// would.
func (m *measurement) hopeless() bool {
	own := m.own.failures()
	if m.counts.requests+own == 0 || m.counts.failed < m.counts.requests || len(m.users) < m.crowd.Running() {
		return false
	}
	last, few := "", hopelessAfter
	if m.open {
		few = hopelessArrivals
	}
	for _, t := range m.users {
		if t.failed < few {
			return false
		}
		last = max(last, t.last)
	}
	switch {
	case own == 0:
		m.abort("all of the first %d requests failed: %s", m.counts.requests, last)
	case m.counts.requests == 0:
		m.abort("the generator is the bottleneck: all of the first %d requests %s", own, m.own.lack())
	default:
		m.abort("all of the first %d requests failed, and %d more %s; of those sent, for example: %s", m.counts.requests, own, m.own.lack(), last)
	}
	return true
}

// done is the steps that have ended, as a profile sees them. One whose steps are
// known before the run looks only at how many there were: they are not summed up
// for it while the load is on, which takes its time from the load.
func (m *measurement) done() []Step {
	_, known := m.scenario.Profile.(planner)
	steps := make([]Step, len(m.steps))
	for i, step := range m.steps {
		steps[i] = step.Step
		if i >= m.told && !known {
			m.sumUp(&steps[i], step.bucket)
			m.crowd.Pending(func(q load.Request) {
				if q.Sent >= step.From && q.Sent < step.Until {
					steps[i].Unfinished++
				}
			})
		}
	}
	return steps
}

// overdue ends a run in which a request of a step that ended at until never comes
// home: no step could be reported any more, and at the end the run would be aborted
// for it.
func (m *measurement) overdue(now, until time.Duration) {
	switch {
	case now < until+m.patience():
	case m.overdueSince == 0:
		m.overdueSince = now
	case now > m.overdueSince+leaveLimit:
		m.interrupt("a target did not return within %v of its context's end; it must honour ctx", leaveLimit)
	}
}

// tell reports steps that are complete, or all that are left, and the progress.
func (m *measurement) tell(all bool) {
	now := m.clock.Now()
	if m.watched && now >= m.nextMoment {
		m.nextMoment = now + momentEvery
		m.report(event{moment: m.moment(now)})
	}
	for m.told < len(m.steps) {
		step := m.steps[m.told]
		if !all {
			if step.open || now < step.Until {
				break
			}
			if !m.crowd.HomeBefore(step.Until) {
				m.overdue(now, step.Until)
				break
			}
			m.overdueSince = 0
			m.collect()
		}
		m.sumUp(&step.Step, step.bucket)
		step.Recovery = m.recoveryIn(step)
		m.told++
		m.observeStep(step.Step)
		m.report(event{step: step})
	}
	if now >= m.nextView && !all {
		at := m.nextView
		m.nextView += windowEvery
		begin := time.Duration(0)
		if len(m.steps) > 0 {
			begin = m.steps[len(m.steps)-1].Begin
		}
		w := m.viewer.view(at, begin)
		w.Users, w.Rate, w.InFlight = m.crowd.Present(at), m.rateAt(at), m.crowd.InFlight()
		m.timeline = append(m.timeline, w)
		m.report(event{progress: &progress{Window: w, requests: m.counts.requests, failed: m.counts.failed, own: m.own.failures(), end: m.plannedEnd()}})
	}
}

// result sums the run up.
func (m *measurement) result(elapsed time.Duration) *Result {
	res := &Result{
		Schema: SchemaVersion, Target: m.targetName(), Seed: m.scenario.Seed,
		Started: m.clock.Start().UTC().Round(0), Aborted: m.aborted, Elapsed: max(elapsed, m.clock.Now()),
		Timeline: m.timeline, scenario: m.scenario, Stopped: m.stop, NotRun: m.notRun(), Spent: m.spent, Short: m.scenario.short,
	}
	res.Spent.Cost = m.scenario.Price.of(res.Spent)
	if m.digest != nil {
		res.Virtual, res.Digest = true, m.digest.String()
	}
	if m.warmup != nil {
		res.Warmup = m.warmupStep().Stats
	}
	for _, step := range m.steps {
		res.Steps = append(res.Steps, step.Step)
	}
	if m.brief {
		res.Total = briefTotal(res.Steps)
	} else {
		res.Total, res.Targets, res.Generator = m.total()
	}
	res.Saturation = locateSaturation(res.Steps, m.scenario)
	res.Growth, res.Plateau = growthOf(res.Steps, m.scenario), throughputPlateau(res.Steps)
	res.Health = healthOf(res, m.scenario.Confidence)
	res.Warnings = warningsOf(m.steps, m.scenario)
	if note, _ := overdraft(m.scenario); note != "" {
		res.Warnings = append([]string{note}, res.Warnings...)
	}
	if stack := m.firstStack(); stack != "" {
		res.Warnings = append(res.Warnings, stack)
	}
	return res
}

// total sums all steps up, with all of their requests.
func (m *measurement) total() (Stats, []TargetStats, GeneratorStats) {
	all, sum, n := newBucket(0, 0, 0, len(parts(m.scenario.Target))), Step{}, 0
	for _, step := range m.steps {
		n += len(step.bucket.samples)
	}
	all.samples = make([]record.Sample, 0, n)
	for _, step := range m.steps {
		all.merge(step.bucket)
	}
	m.sumUp(&sum, all)
	return sum.Stats, sum.Targets, sum.Generator
}

// warmupStep is what the warm-up saw, as a step.
func (m *measurement) warmupStep() *Step {
	s := new(Step)
	m.sumUp(s, m.warmup)
	return s
}

// targetName is what the target calls itself, if it can, without what is secret.
func (m *measurement) targetName() string {
	name := ""
	if !m.guard("the target's String method", func() { name = nameOf(m.scenario.Target) }) {
		return "a target without a name" // and if it hangs, what it may yet say is not heard
	}
	switch m.scenario.Target.(type) {
	case OpenAI, Anthropic, Ollama: // whose names have no key, and a key such as "ollama" may be part of them
		return redactText(name, m.scenario.Secrets)
	}
	return redactText(name, m.secrets)
}

// nameOf describes a target for reports.
func nameOf(t Target) string {
	if s, ok := t.(fmt.Stringer); ok {
		return s.String()
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", t), "*")
}
