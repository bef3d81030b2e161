package llmperf

import (
	"errors"
	"fmt"
	"time"

	"llmperf.dev/llmperf/internal/load"
)

// NoWarmup, as [Scenario].Warmup, measures from the first request on.
const NoWarmup time.Duration = -1

// A Scenario says what load to put on what, and how to judge it.
type Scenario struct {
	Target  Target        // what requests are sent to; required
	Profile Profile       // the load, step by step; required
	Think   Think         // closed loop: pause between a user's requests; default Between(100*time.Millisecond, 500*time.Millisecond)
	Warmup  time.Duration // unmeasured start at the first step's load, before the profile begins; default 30s; NoWarmup for none
	Timeout time.Duration // per request; one past it is a failure; default 2m
	Seed    uint64        // everything random derives from it; default 1

	Arrivals    Arrivals // open loop: how requests come about their rate; default Poisson
	MaxInFlight int      // open loop: requests in flight at once; default 2000. A request that is due when so many are waits, which is a finding

	Confidence float64    // of every verdict, one-sided, between 0.5 and 1; default 0.95
	Strictness Strictness // what an undecided SLO does to its subtest; default SkipInconclusive

	// Upstreams are the fake servers behind the service under test, such as
	// *llmperftest.Server. With them, Overhead tells the service's own time from theirs.
	Upstreams []Upstream

	// PublicHosts are the names, without port, of hosts outside of private networks
	// that may be loaded with more than 20 users or 10 requests per second: a run
	// whose profile, or search, goes past that is refused for others, so that nobody's
	// production is loaded by mistake. Private are loopback, RFC 1918, link-local,
	// unique local and 100.64.0.0/10 addresses, and names that resolve to these alone;
	// a name that cannot be resolved is not judged until it can, unless the environment
	// has a proxy for it, which may resolve it: then it counts as public. A target with
	// a BaseURL is checked before any load, and every other of this package's when it is
	// about to send its first request, which ends the run; so is one inside of a
	// [TargetFunc], and where a redirect leads, unless the Client has a CheckRedirect of
	// its own. In virtual time nothing is checked.
	PublicHosts []string

	// Secrets are texts that no output shows, beside the keys of targets of this
	// package: wherever one stands in what a request failed with, a target calls
	// itself, a [Custom] SLO says or ended the run, in whatever escaping or encoding,
	// there is [redacted] in its place. Declare what only a [TargetFunc] knows, such as
	// the key that it gives an SDK, or what only a client's transport does. One has at
	// least 4 characters.
	Secrets Secrets

	Observers []Observer // told of the run as it goes on

	// ExpectedLatency is how long an answer takes at a low load, if that is known.
	// Before any load it is checked that the plan then yields enough requests to
	// prove the SLOs. The check is made again after the warm-up, from what was
	// measured; without ExpectedLatency the first one assumes that answers take no
	// time.
	ExpectedLatency time.Duration

	// HoldUntilDecided holds a step on, to twice and four times its length, while
	// SLOs of it are undecided; not one whose load changes with time, such as a ramp's
	// or a trace's. Looking three times at the evidence costs
	// confidence, so each look takes a third of the error that Confidence allows.
	HoldUntilDecided bool

	Stop   []Stop // when to end the run before its profile does; default never
	Budget Budget // what the run may take of the target; default no limit
	Price  Price  // of tokens, for Result.Spent and Budget.Cost

	// Short is the share of their time for which Run holds the warm-up and every
	// step, and FindCapacity every probe, under go test -short; default 0.1, and 1 leaves them as they are. None
	// gets shorter than a second by it, and SLOs weaken to Guard. Simulate, which
	// takes no time, goes by it only where it is set; Measure never does. Where
	// answers are slow, set more than a tenth: a step needs requests.
	Short float64

	// A step is saturated if its p95 is proved to exceed SaturationRatio times the
	// baseline's, or its failure rate to exceed SaturationFailures.
	SaturationRatio    float64 // default 2
	SaturationFailures float64 // default 0.01

	// Generator says from when on the generator of the load, which is this process and
	// the machine that it runs on, counts as the bottleneck; the zero value has good
	// defaults. It matters in real time only.
	Generator GeneratorLimits

	short bool // it was shortened
}

// withDefaults returns the scenario with every unset field filled in.
func (s Scenario) withDefaults() Scenario {
	s.Target = pointee(s.Target)
	if s.Think == (Think{}) {
		s.Think = defaultThink
	}
	s.Warmup = orDefault(s.Warmup, 30*time.Second)
	s.Timeout = orDefault(s.Timeout, 2*time.Minute)
	s.Arrivals = orDefault(s.Arrivals, Poisson)
	s.MaxInFlight = orDefault(s.MaxInFlight, 2000)
	s.Seed = orDefault(s.Seed, 1)
	s.Confidence = orDefault(s.Confidence, 0.95)
	s.SaturationRatio = orDefault(s.SaturationRatio, 2)
	s.SaturationFailures = orDefault(s.SaturationFailures, 0.01)
	s.Strictness = orDefault(s.Strictness, SkipInconclusive)
	s.Generator = s.Generator.withDefaults()
	return s
}

func orDefault[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// validate says everything that is wrong with a scenario that has its defaults.
func (s Scenario) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.Target == nil {
		wrong("scenario.Target is nil: give it what to load, such as llmperf.OpenAI{BaseURL: …, Model: …}")
	} else if isNil(s.Target) {
		wrong("scenario.Target is a nil %T: give it what to load, such as llmperf.OpenAI{BaseURL: …, Model: …}", s.Target)
	} else if v, ok := s.Target.(validator); ok {
		if err := v.validate(); err != nil {
			errs = append(errs, err)
		}
	}
	if s.Profile == nil {
		wrong("scenario.Profile is nil: give it a load, such as llmperf.StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 100}")
	} else if v, ok := s.Profile.(validator); ok {
		if err := v.validate(); err != nil {
			errs = append(errs, err)
		}
	}
	if err := s.Think.validate(); err != nil {
		errs = append(errs, err)
	}
	if err := s.Arrivals.validate(); err != nil {
		errs = append(errs, err)
	}
	if s.MaxInFlight < 1 || s.MaxInFlight > load.MaxUsers {
		wrong("scenario.MaxInFlight is %d: want 1 to %d requests", s.MaxInFlight, load.MaxUsers)
	}
	if s.Warmup < 0 && s.Warmup != NoWarmup {
		wrong("scenario.Warmup is %v: want a positive time, or llmperf.NoWarmup", s.Warmup)
	}
	if s.Timeout < time.Millisecond {
		wrong("scenario.Timeout is %v: want at least 1ms; did you mean %d*time.Second?", s.Timeout, max(1, int64(s.Timeout)))
	}
	if !(s.Confidence > 0.5 && s.Confidence < 1) {
		wrong("scenario.Confidence is %v: want a share between 0.5 and 1, such as 0.95", s.Confidence)
	}
	if err := s.Strictness.validate(); err != nil {
		errs = append(errs, err)
	}
	for i, u := range s.Upstreams {
		if u == nil {
			wrong("scenario.Upstreams[%d] is nil: give it a fake server, such as llmperftest.NewServer's", i)
		}
	}
	if s.ExpectedLatency < 0 {
		wrong("scenario.ExpectedLatency is %v: want the time that an answer takes, or 0 if it is not known", s.ExpectedLatency)
	}
	if !(s.SaturationRatio > 1) {
		wrong("scenario.SaturationRatio is %v: want a multiple of the baseline's p95 above 1, such as 2", s.SaturationRatio)
	}
	if !(s.SaturationFailures > 0 && s.SaturationFailures < 1) {
		wrong("scenario.SaturationFailures is %v: want a share between 0 and 1, such as 0.01 for 1 %%", s.SaturationFailures)
	}
	if s.Short != 0 && !(s.Short > 0 && s.Short <= 1) {
		wrong("scenario.Short is %v: want a share of the time between 0 and 1, such as 0.1, or 1 for all of it", s.Short)
	}
	errs = append(errs, s.Generator.validate(), validateHosts(s.PublicHosts), s.Secrets.validate(), validateStops(s.Stop), s.Budget.validate(s.Price, s.Target))
	if errors.Join(errs...) == nil {
		errs = append(errs, s.checkPrompts(), s.checkPublic())
	}
	return errors.Join(errs...)
}

// A validator is a target, profile or prompts that know when it cannot work.
type validator interface{ validate() error }
