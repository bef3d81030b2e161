// Package llmperf makes the performance of a service that wraps an LLM a test.
// A test declares a load and what the service must hold under it; go test runs
// the load and passes, fails, or says that the evidence is too thin:
//
//	func TestCapacity(t *testing.T) {
//		llmperf.Run(t, llmperf.Scenario{
//			Target:  llmperf.OpenAI{BaseURL: "http://localhost:8080/v1", Model: "llama-3.1-8b", MaxTokens: 100},
//			Profile: llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 100},
//		},
//			llmperf.NoSaturationBelow(50),
//			llmperf.UpTo(50,
//				llmperf.TailRatioBelow(2),
//				llmperf.FailureRateBelow(0.001),
//				llmperf.TTFT.P95Below(800*time.Millisecond),
//			),
//		)
//	}
//
// # Method
//
// An answer of an LLM takes seconds, so throughput says little; what matters is
// whether users get their answers in about the same time, and at which load
// that ends. Simulated users send a request, wait for the whole answer, think,
// and send the next (a closed loop). Their number grows in steps. The start of
// the run, the warm-up, is not measured, and neither is the start of each step,
// while its new users begin and the service settles. Every step is judged by
// itself: a percentile since the start of the run would blur one load into the
// next.
//
// A request belongs to the step in which it was sent, whenever its answer
// comes. None is dropped: the load goes on until the measured requests are
// home, and what is not home when its timeout has passed is a failure.
//
// # Load
//
// A [Profile] is a series of steps, each a [Load] that is held for some time:
// [StepProfile] climbs, [ConstantProfile] soaks, [RampProfile] rises evenly,
// [SpikeProfile] peaks and measures how long the service takes to recover,
// [Steps] is a list, and a [ShapeFunc] any function of time. Users come and go
// spread over some seconds, and a user that is to go does so after its answer.
// Between requests users think: [Between] two times, a [Constant] one,
// [Exponential], or with [Pacing], at a constant rate of each.
//
// The same profiles count requests per second instead of users: an open loop,
// which goes on sending however slow the service gets. Users who wait cannot
// flood a service; strangers who come anyhow can, and the queue before it then
// grows without end. Requests come by [Arrivals]: [Poisson], [Evenly], or with
// [Gamma] in bursts; a [Trace] replays those of another day. Their times count
// from when they were due, whatever kept them from being sent: a service that
// stalls for ten seconds makes all wait that come meanwhile, and to count from
// when a client got round to sending would leave them out (coordinated omission).
// How late they were sent, and at which rate in the end, is in [ArrivalStats].
// A step in which more requests were in flight than [Scenario].MaxInFlight allows
// never passes an SLO, since the service was sent less than the step's load.
//
// # Metrics
//
// Times are over successful requests; failures are a rate of their own.
//
//   - Latency: request sent → last byte. In an open loop this time and the next
//     two count from when the request was due.
//   - TTFB: request sent → first byte of the response.
//   - TTFT: request sent → first token, which is the first non-empty content,
//     reasoning or tool-call delta. A chunk that only names the role is none.
//   - ICL: the gap between two chunks with tokens; every gap counts.
//   - ITL: the mean gap per token of one request, (last − first)/(tokens −
//     tokens in the first chunk), where last and first are the times of the last
//     and the first chunk. Where the server's count alone tells that chunks bring
//     several tokens, the first is taken to bring its share.
//   - TPOT: (latency − TTFT)/(tokens − 1) of one request. Tokens of a reasoning
//     that the server counts and does not show are output tokens, but not among
//     those of ITL and TPOT.
//   - Overhead: the service's own part of the latency. See below.
//   - Tail ratio: p99/p50 of latency within a step. Below 2 is healthy, from 2
//     to 5 a warning, above 5 critical.
//   - Failure rate: failed requests over all. Below 0.1 % is healthy, up to 1 %
//     a warning, above it critical.
//   - RPS and throughput: requests sent, and requests that succeed, per second.
//   - Goodput: requests per second that succeed within limits of each, such as
//     TTFT.Within(800*time.Millisecond). See [GoodputAbove].
//   - Output tokens per second: those of successful requests, all users together.
//   - In flight: the mean number of requests at the service at once.
//
// A percentile is the nearest rank of the sorted values: p95 of 100 values is
// the 95th. The output tokens of a request are what the server says it counted,
// or else the chunks. [Result].Timeline shows the run as a sliding window of
// ten seconds beside the cumulative p95 of the step: with two or three requests
// a window, one slow request makes the window's p95 jump, and leaves it again.
//
// # What is sent
//
// A [Target] sends requests: [OpenAI], [Anthropic] and [Ollama] speak those APIs,
// [HTTP] any endpoint with JSON, SSE or NDJSON, and [TargetFunc] makes one of an
// SDK or any other client in a few lines. A [Mix] draws one of several targets
// for each request; [OnTarget] judges them apart. What the fields of a target do
// not say goes into its Extra and Header: max_completion_tokens, ignore_eos,
// cache_control, a gateway's key.
//
// [Prompts] choose what is asked: texts, files, synthetic ones of given lengths,
// conversations, or ones as long as those of a recorded [Trace], which can come at
// its times, too. Those of this package begin each request with a mark of its own,
// so that a prefix cache does not answer prompts that it has seen in the last
// run; [SharedPrefix] and [Verbatim] use such caches on purpose.
//
// # Whose time is it
//
// With a fake model behind the service, how long each call to it took is known,
// and the rest of a request's latency is the service's own: before the call,
// after it, between calls, and what passing tokens on adds. Name the fake in
// [Scenario].Upstreams, and Overhead is a metric like any other:
// llmperf.Overhead.P99Below(20*time.Millisecond). In virtual time it is exact, and
// consists of waiting alone: queues, limits, sleeps, retries. In real time the
// service's work is in it. [OverheadStats] says how calls are matched with
// requests.
//
// # Verdicts
//
// A percentile of a few hundred requests is uncertain by itself, and a limit
// compared with it passes and fails by luck. So every figure has bounds, each of
// which holds with 95 % confidence unless the scenario says otherwise:
//
//   - pass: even the upper bound is within the limit.
//   - fail: even the lower bound is past it. Where several steps are judged, each
//     needs a stronger proof, so that all together fail falsely no more often
//     than one would.
//   - inconclusive: anything else. The subtest is skipped, with what was seen and
//     what would decide it; the test itself names those that were. [Strictness],
//     and LLMPERF_INCONCLUSIVE, make them fail or pass instead.
//   - invalid: the generator of the load was the bottleneck, so that the figures say
//     nothing of the service. See "When the generator is the bottleneck".
//
// Evidence costs requests: an upper bound of p95 takes 59 independent successful
// requests at least, of p99 and of p99/p50 299; count on 100 and on 500, since
// requests are never quite independent. A failure rate below 0.1 % takes 2,995
// requests without a failure, which is why failures are judged over all steps
// together. A plan that could not yield them is refused, before
// the load and again after the warm-up, with the smallest change that would do.
// The first of several steps, which the others are compared with, is held until
// it has 300 requests, for at most four times its length. With
// [Scenario].HoldUntilDecided any step is held to twice and four times its
// length while its SLOs are undecided. [Guard] asks for less: it fails only what
// is refuted.
//
// Requests of a step depend on each other: a slow moment slows many, and a slow
// prompt always the same user. So they count as fewer, as many as their spread
// over time and over users shows they are worth: "n=285, effective 180". What
// is slow for longer than a step is invisible in it. Draw prompts at random for
// every request, not for every user.
//
// Bounds of percentiles are order statistics (Hahn and Meeker), of ratios
// log-MOVER (Zou and Donner 2008), of the failure rate those of Clopper and
// Pearson, of requests per second those of Garwood, and of tokens per second what
// Fay and Feuer (1997) make of these; effective requests come from batch means
// and from users as clusters. CALIBRATION.md, beside this file, shows how often
// the verdicts are wrong, measured against services whose truth is known.
//
// # Saturation and growth
//
// A step is saturated if its p95 exceeds twice that of the first step, or its
// failure rate 1 %. The first such step is located on a monotone fit over all
// steps, and reported only if the bounds of some step from there on prove it.
// The first step is the baseline, so give it a load that the service carries
// with ease.
//
// [Growth] is the shape of p95 over users. Linear growth is a service that gets
// slower and treats all alike. Accelerating growth is a bottleneck; in a closed
// loop, where users wait for their answers, it soon becomes a steep line. Flat
// latency with failures is a service that sheds load.
//
// # Regressions
//
// A limit in seconds is a promise to users, with room to spare. It does not notice
// the change that takes a tenth of that room, nor the five that take all of it.
// Whether a service has become slower takes runs from before the change:
//
//	llmperf.NoRegression("testdata/capacity.json")
//
// compares p95 of latency, step by step, with the runs stored in that file, and
// fails where it is proved to be more than 10 % above theirs; P95SlowerBy and the
// like choose other metrics, percentiles and shares. The file is made, and added
// to, only where that is asked for:
//
//	LLMPERF_UPDATE=1 go test -count=3 -timeout 60m -run Capacity
//
// and is committed beside the test. A diff of it shows the plain figures, a line
// for each step and metric; the histograms behind them are what runs are compared
// by. Such a run judges no regression, and says so. After a change that is meant to
// be slower, or that sends another load, delete the file and store anew.
//
// In real time runs differ without any change: another neighbour on the machine,
// another state of its caches. One run cannot show that in any bound, so three to
// five are kept, together the measure, and a failure also takes a p95 above that
// of each. Between two runs that differ by 5 % by themselves (standard deviation),
// 3 % of comparisons fail falsely at 3,000 requests a step, and 1 % with three
// stored: TestNoRegressionIsSeldomWrong measures it. Compare on the machine where
// the runs were stored; what differs is a note beside the verdict. In virtual time
// one stored run is enough, and the file is a golden one: a run of the same seed is
// 1.00x [1.00x, 1.00x] until something changes.
//
// # When the generator is the bottleneck
//
// A load generator that is slow measures itself. So in real time, while the load is
// on, llmperf measures the process that it is, and its machine: how late goroutines
// run that should, how late requests are sent, which share of its cores' time it
// takes, garbage collection, open files and ports. [GeneratorStats] has the figures,
// of each step and of the run.
//
// A step in which the generator was the bottleneck is [Invalid], and so are all its
// SLOs: what would have been a pass is none, and what would have been a failure is
// not the service's. The message says why, and what to do:
//
//	the generator was the bottleneck: it read answers 35 ms late at p99 (limit 10 ms) with 98 % of 2 cores in use: give it more cores, or run it apart from the service
//
// That is so where
//
//   - it is proved to be late at p99 by more than a tenth of the step's median
//     latency, but for 10 ms, which are never too late;
//   - or it is by more than 10 ms, and its process had used up its cores. CPU time is
//     no evidence by itself, since a service may run in the same process: lateness is;
//   - or a request could not be sent since this machine had no more files, ports or
//     memory for sockets, or did not let it connect. Such requests are of class
//     [FailGenerator], and no failures of the service: they are counted apart, and no
//     part of its failure rate.
//
// Of a step that is valid a single SLO may be invalid: one on a time to which the
// lateness matters, such as a TTFT within 20 ms while answers take ten seconds.
// [GeneratorLimits] are the limits, and [Scenario].Generator sets others.
//
// A failure rate that is refuted by what the service answered stays refuted, however
// late the generator. An SLO over several steps rests on those that are valid: what
// they refute is refuted, and where they would pass it, it is invalid, since the
// others might not. Saturation and growth are of valid steps alone, and unknown where
// the first, the baseline, is none. A search ends with a probe that is invalid.
//
// To the test, invalid is what inconclusive is: [Strictness] decides, and by default
// the subtest is skipped. But a run that has no valid step fails, since it proves
// nothing. In virtual time nothing is late.
//
// # Capacity
//
// How many users can the service take within its SLOs? [FindCapacity] and, in
// virtual time, [SimulateCapacity] go from load to load until they know: they
// double it until the SLOs no longer hold, and halve the gap from then on.
//
//	llmperf.FindCapacity(t, llmperf.Scenario{
//		Target: llmperf.OpenAI{BaseURL: "http://localhost:8080/v1", Model: "llama-3.1-8b"},
//	},
//		llmperf.Search{MaxUsers: 200, AtLeast: 50},
//		llmperf.TTFT.P95Below(800*time.Millisecond),
//		llmperf.FailureRateBelow(0.01),
//	)
//
// Each probe settles for 15 s, and for longer while requests of a higher load
// before it are in flight; then it is measured for 30 s, or 60 or 120 if its SLOs
// are undecided by then, and the figures as they are decide at last. Bounds of
// single probes hold with 90 % confidence: what hangs on them is where the search
// goes on. The capacity is interpolated on a monotone fit over all probes, and
// stands beside the highest load at which the SLOs are proved to hold and the
// lowest at which one is proved not to. That SLOs get harder with load is taken
// for granted. With [Search].AtLeast the test claims something: that load is
// probed, and judged at the scenario's confidence. CALIBRATION.md shows how far
// off searches are, and what they cost: five to ten minutes of load, so that go test
// needs a -timeout of 30m.
//
// # Real and virtual time
//
// [Run] measures in real time, against a service that is up. [Simulate] runs the
// same scenario in virtual time, against the service's own handler with a fake
// model behind it (package llmperftest): fifteen minutes of load take seconds,
// and the same seed gives the same requests, answers and times to the last bit.
// That is for every pull request; real time, for nightly runs and releases. What
// each proves and what cannot run in virtual time is at [Simulate]. [Measure]
// runs in whatever time it is called in. For searches these are [FindCapacity],
// [SimulateCapacity] and [MeasureCapacity].
//
// # Stopping early, budgets, -short
//
// A run that has told what it can need not go on. [Scenario].Stop ends it where
// the service saturates ([WhenSaturated], with one more step for the picture),
// where too much fails ([WhenFailing], within a step), or where an SLO has failed
// for good ([WhenLost]). [Scenario].Budget ends it before more requests are sent,
// or more tokens or money spent, than one wants to give; a [Price] says what
// tokens cost, and [Result].Spent what the run took.
//
// Neither fails the test by itself. What was planned and then not run, as after an
// abort, is skipped as not run (with LLMPERF_INCONCLUSIVE=fail it fails), and never
// passes: the steps with all their SLOs, and each SLO over several steps that those
// which were run do not refute. The last lines of the run say what is missing, as in
// examples/chat with WhenSaturated:
//
//	stopped after users=90: saturated at 80 users (proved to cope at 70 users and not to at 80); not run: users=100
//	spent: 8,407 requests, 200,448 prompt tokens, 830,971 output tokens
//
// Under go test -short, Run holds the warm-up and each step for a tenth of its
// time, a second at least, and SLOs fail only on proof, as in [Guard]: enough to
// see that a service and its capacity test work, in seconds. [Scenario].Short sets
// another share, also for Simulate, which is whole otherwise.
//
// # How a run ends
//
// A run that ends early reports what it measured: tables, subtests, files. By a
// [Stop] or a spent [Budget] it may pass; an abort fails the test, with the reason.
// Aborted is a run
//
//   - in which nothing works: all of its first requests fail.
//   - at SIGINT, which Ctrl-C sends, and SIGTERM. The load ends within a second; a
//     second signal ends the process at once. [Measure] leaves signals to its
//     caller, whose context ends the run.
//   - ten seconds before the test's deadline. A profile that would not end before
//     that is refused before any load, with the -timeout that it takes: go test's
//     own is ten minutes for all tests of a package.
//   - whose profile, observer, upstream or the like panics, or ends its goroutine as
//     t.FailNow does. A panic of the target, or of what it calls, such as prompts,
//     only fails the request. The stack of the first panic is among the warnings.
//
// A process that is killed reports nothing. What is left is result.json, and of a
// search capacity.json: Run and FindCapacity write it anew after every step, with
// the steps that are complete, as aborted. Simulations, which take seconds, write
// at their end only.
//
// # What go test does
//
// Go test caches what passes, whatever became of the service. Run, FindCapacity,
// and in real time Measure and MeasureCapacity, keep their tests out of its cache,
// without -count=1. A simulation, which repeats, may be cached, but for LLMPERF_OUT,
// which asks for files.
//
// With -run TestCapacity/users=50/tail_ratio, and when gotestsum --rerun-fails runs
// again what failed, go test runs but one subtest. The load is put on as a whole all
// the same, and everything judged, against its own baseline: result.json has it all.
// The test fails only by the subtests that were chosen. Its log names others that
// would have failed; and if none was chosen it fails, since a pass would prove
// nothing. -failfast stops the load once a step has failed, as [WhenLost] does.
// With -count=3 there are three runs; of their files the last ones stay.
//
// Loads that are on at once measure each other. So Run and FindCapacity refuse a
// test that called t.Parallel, and a second load in their process. Go test tests
// several packages at once: a load waits for those of other processes of the same
// user, as far as the test's deadline lets it, and says so; LLMPERF_LOCK=off does
// not wait. Measure and MeasureCapacity neither refuse nor wait, and simulations may
// be on at once.
//
// # Results
//
// Run and Simulate write files into the test's artifact directory (go test
// -artifacts keeps it) and into the folder that the environment variable
// LLMPERF_OUT names, each time into a folder of the test's name. Tests of one name
// in several packages need several such folders.
//
//   - result.json: [Result] as JSON.
//   - report.html: a page with verdicts, charts and tables that needs nothing
//     beside itself.
//   - summary.md: the run for a reader of a pull request: verdicts, what does not
//     pass first; the steps; health, saturation and warnings.
//   - latency.hlog: every time of every step as a histogram, in HdrHistogram's log
//     format: HistogramLogAnalyzer and other viewers select a line by its tag, such
//     as users=50/ttft. Values are nanoseconds.
//   - bench.txt: every step as a Go benchmark, so that "benchstat old.txt new.txt"
//     compares two runs. A step is six samples, equal parts of its time, or fewer
//     where each would have less than 20 successful requests. They say how the
//     service varies within a run; concatenate the files of several runs for how
//     runs vary. Steps that are invalid are left out.
//   - samples.csv, with the environment variable LLMPERF_SAMPLES=1: every request
//     with its times, tokens and class of failure, written as they end; nothing of
//     what was asked and answered.
//
// In simulated runs the same seed gives the same files to the last byte.
//
// With the environment variable LLMPERF_UI, such as 127.0.0.1:8089, Run and
// FindCapacity serve the report while the load is on, at that address until the
// test ends: what is run and how much time is left, verdicts as they come, and
// charts that grow. It is for whoever sits at this machine: without a host it
// listens on loopback, and pages of other sites cannot read it.
//
// Figures are attributes of the test and its subtests, which gotestsum turns into
// properties in JUnit: verdict, sentence, bounds and n of each SLO; the figures of
// each step; of the run, its verdicts, saturation, growth, seed and digest, and
// where the files are. In GitHub Actions summary.md is also added to the job's
// summary, and each SLO that fails is an error at the line of the test.
// examples/github-actions.yml is a workflow that uses all of these.
//
// An [Observer] is told of every request, step and run as it goes on.
//
// # Safety
//
// No file, log, attribute or error shows a key: what requests send in headers that
// are not known to be harmless, in cookies, in a URL's query and password, and in
// members of an Extra that are named as a key is, is hidden in the words of
// failures, in whatever escaping or encoding a server gives it back, and so is what
// looks like a key. Of a [TargetFunc] only the last is known: declare in
// [Scenario].Secrets what else it sends.
//
// No answer takes all memory. One with a line or an event of more than 4 MiB, a
// body that is kept whole or a text of more than 64 MiB, compressed or not, or
// 1,048,576 chunks with tokens is malformed; of the body of an error status 64 KiB
// are read; and a header has 1 MiB, for targets without a Client of their own.
// Anything else may go on until the request's timeout.
//
// Requests go where the target points: load a service that is yours. A run of more
// than 20 users or 10 requests per second on a host outside of private networks is
// refused, unless [Scenario].PublicHosts names it; that goes for where a redirect
// leads, and for what only a proxy of the environment may resolve.
//
// Certificates are verified. For a private authority give the target a Client with
// its roots.
package llmperf
