package llmperf

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// storedIn stores runs for SLOs in a file of its own, and returns where.
func storedIn(t *testing.T, slos func(path string) SLO, runs ...*Result) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stored", "capacity.json")
	for _, r := range runs {
		require.NoError(t, tryStore(r, path, slos(path)))
	}
	return path
}

// tryStore stores a run in a file for an SLO.
func tryStore(r *Result, path string, slo SLO) error {
	_, err := r.storeIn(path, slo.checks())
	return err
}

// virtual is a run as one in virtual time, of the given seed.
func virtual(seed uint64, r *Result) *Result {
	r.Virtual, r.scenario.Seed, r.Seed = true, seed, seed
	return r
}

// usually is a run of one step of so many requests, whose p95 is near 3.28 s
// times slower.
func usually(requests int, slower float64) *Result {
	return madeResult(beside(usual, func(m *made) { m.requests, m.median = requests, time.Duration(slower*float64(m.median)) }))
}

func TestRegressionMessages(t *testing.T) {
	three := []*Result{usually(1200, 1), usually(1210, 1), usually(1220, 1)}
	one := three[:1]
	latency := func(path string) SLO { return NoRegression(path) }
	drifted := append(three, usually(1240, 1), usually(1250, 1.4))
	many := madeResult(oneOfManyLoads(1.06)...)
	tests := []struct {
		file, reason string
		stored       []*Result
		result       *Result
		slo          func(path string) SLO
		want         Verdict // of the last outcome
	}{
		{"pass", "as fast as before", three, usually(1230, 1), latency, Pass},
		{"fail", "30 % slower", three, usually(1230, 1.3), latency, Fail},
		{"inconclusive", "8 % slower may be 10", three, usually(1230, 1.08), latency, Inconclusive},
		{"at_the_limit", "more requests would not tell", three, usually(1230, 1.1035), latency, Inconclusive},
		{"one_run", "one run does not show how much runs differ", one, usually(1230, 1), latency, Pass},
		{"two_runs", "two neither", three[:2], usually(1230, 1.3), latency, Fail},
		{"within_the_runs", "one of the stored runs was as slow", drifted, usually(1230, 1.39), latency, Inconclusive},
		{"above_the_runs", "slower than each of them", drifted, usually(1230, 1.9), latency, Fail},
		{"few", "40 requests have no upper bound of a p95", three, usually(40, 1), latency, Inconclusive},
		{"none", "nothing succeeded", three, madeResult(made{users: 50, requests: 80, failed: 80, median: 2 * time.Second}), latency, Inconclusive},
		{"one_of_many", "past the limit, but not surely enough for one step among twenty", []*Result{madeResult(oneOfManyLoads(1)...)}, many, func(path string) SLO { return UpTo(10, NoRegression(path)) }, Inconclusive},
		{"guard", "what is not refuted passes", three, usually(1230, 1.08), func(path string) SLO { return Guard(NoRegression(path)) }, Pass},
		{"ttft_p50", "another metric, percentile and share", three, usually(1230, 1.3), func(path string) SLO { return NoRegression(path, TTFT.P50SlowerBy(0.5)) }, Pass},
		{"virtual_same", "a run of the same seed that changed nothing is the same", []*Result{virtual(1, usually(1200, 1))}, virtual(1, usually(1200, 1)), latency, Pass},
		{"virtual_same_few", "however few requests there are", []*Result{virtual(1, usually(80, 1))}, virtual(1, usually(80, 1)), latency, Pass},
		{"virtual_slower", "the seed is the same, the service is not", []*Result{virtual(1, usually(1200, 1))}, virtual(1, usually(1210, 1.3)), latency, Fail},
		{"virtual_other_seed", "chance is in the bounds, and nothing else differs", []*Result{virtual(1, usually(1200, 1))}, virtual(2, usually(1210, 1)), latency, Pass},
		{"not_stored", "the stored runs were not judged by TTFT", three, usually(1230, 1), nil, Fail},
		{"other_steps", "the load is another", three, madeResult(beside(usual, func(m *made) { m.users = 60 })), latency, Fail},
		{"real_now", "virtual time proves something else", []*Result{virtual(1, usually(1200, 1))}, usually(1200, 1), latency, Fail},
	}
	files := map[string]bool{}
	for _, tt := range tests {
		files[tt.file+".txt"] = true
		t.Run(tt.file, func(t *testing.T) {
			judged := tt.slo
			if judged == nil {
				tt.slo, judged = latency, func(path string) SLO { return NoRegression(path, TTFT.P95SlowerBy(0.1)) }
			}
			path := storedIn(t, tt.slo, tt.stored...)
			outcomes := tt.result.Check(judged(path))
			require.NotEmpty(t, outcomes)
			var text strings.Builder
			for _, o := range outcomes {
				fmt.Fprintln(&text, strings.ReplaceAll(o.Message, path, "testdata/capacity.json"))
			}
			assert.Equal(t, tt.want, outcomes[len(outcomes)-1].Verdict, "%s: %s", tt.reason, text.String())
			for _, wrong := range []string{"%!", "NaN", "Inf"} {
				assert.NotContains(t, text.String(), wrong)
			}
			golden(t, filepath.Join("regression", tt.file+".txt"), text.String())
		})
	}
	there, err := filepath.Glob(filepath.Join("testdata", "regression", "*.txt"))
	require.NoError(t, err)
	for _, path := range there {
		assert.True(t, files[filepath.Base(path)], "%s belongs to no test", path)
	}
}

// oneOfManyLoads are the loads of twenty steps, each so many times slower than a
// usual one.
func oneOfManyLoads(slower float64) []made {
	loads := make([]made, 20)
	for i := range loads {
		loads[i] = beside(usual, func(m *made) {
			m.users, m.requests, m.median = 10*(i+1), 1000+i, time.Duration(slower*float64(m.median))
		})
	}
	return loads
}

func TestWhatIsNotAsItWasIsANote(t *testing.T) {
	path := storedIn(t, func(path string) SLO { return NoRegression(path) }, usually(1200, 1), usually(1210, 1), usually(1220, 1))
	stored, err := readStored(path)
	require.NoError(t, err)
	stored.Runs[0].Machine, stored.Runs[1].Go, stored.Runs[1].Machine = "plan9/mips, 1 CPU", "go1.26.1", "plan9/mips, 1 CPU"
	require.NoError(t, stored.write(path))

	now := usually(1230, 1)
	now.scenario.Seed, now.scenario.Warmup = 7, NoWarmup
	o := now.Check(NoRegression(path))[0]
	assert.Equal(t, Pass, o.Verdict, o.Message)
	_, notes, _ := strings.Cut(o.Message, "; not all is as it was: ")
	assert.Equal(t, fmt.Sprintf("seed 7 now, 1 stored, warm-up 0s now, 30s stored, machine %s now, plan9/mips, 1 CPU stored, Go %s now, go1.26.1 stored", machine(), runtime.Version()), notes)
}

// A bot is a target of the user's own, which says its name.
type bot struct {
	TargetFunc
	name *string
}

func (b bot) String() string { return *b.name }

func TestAnotherHostIsANote(t *testing.T) {
	remote := func(host string) Target { return OpenAI{BaseURL: "https://user:pw@" + host + "/v1?key=secret"} }
	for _, tt := range []struct {
		name, reason string
		then, now    Target
		want         string
	}{
		{"the same", "nothing differs", remote("a.example"), remote("A.example."), ""},
		{"another", "it may be another service", remote("a.example"), remote("b.example"), "b.example now, a.example stored"},
		{"another port", "likewise", remote("a.example:8000"), remote("a.example:8001"), "a.example:8001 now, a.example:8000 stored"},
		{"loopback", "ports are others from run to run", remote("127.0.0.1:1"), remote("localhost:2"), ""},
		{"loopback by IPv6", "it is this machine too", remote("[::1]:1"), remote("127.0.0.2:2"), ""},
		{"from here to there", "it is no longer this machine", remote("localhost:1"), remote("a.example"), "a.example now, loopback stored"},
		{"a pointer", "it is sent to alike", remote("a.example"), &Ollama{BaseURL: "http://b.example"}, "b.example now, a.example stored"},
		{"a mix", "it has several", Mix{{"a", 1, remote("a.example")}, {"b", 1, &Anthropic{BaseURL: "http://b.example"}}}, Mix{{"a", 1, remote("b.example")}}, "b.example now, a.example, b.example stored"},
		{"not known", "it may be the same", remote("a.example"), idle, ""},
		{"not known before", "likewise", HTTP{}, remote("a.example"), ""},
		{"by its name", "it says where it sends", bot{name: new("at https://me:secret@a.example:1/v1")}, bot{name: new("at https://b.example.")}, "b.example now, a.example:1 stored"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			of := func(to Target) storedRun { return circumstances(Scenario{Target: to}, false) }
			stored := &storedRuns{Runs: []storedRun{of(tt.then)}}
			want := ""
			if tt.want != "" {
				want = "not all is as it was: host " + tt.want
			}
			assert.Equal(t, want, stored.notes(of(tt.now), false), tt.reason)
			assert.NotContains(t, fmt.Sprint(stored), "secret")
			assert.Empty(t, circumstances(Scenario{Target: tt.now}, true).Host, "nobody is sent to in virtual time")
		})
	}
}

func TestStoredRunsHoldNoDeclaredSecret(t *testing.T) {
	s := Scenario{Target: bot{name: new("the gateway with gate-17")}, Secrets: Secrets{"gate-17"}}.withDefaults()
	assert.Equal(t, "the gateway with [redacted]", alikeOf(s, false, nil).Settings)
}

func TestUnlikeRunsAreNotCompared(t *testing.T) {
	scenario := func(change func(*Scenario)) Scenario {
		s := Scenario{
			Target:  OpenAI{BaseURL: "http://localhost:1/v1", Model: "small", APIKey: "sk-secret"},
			Profile: StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 50},
		}
		change(&s)
		return s.withDefaults()
	}
	openAI := func(change func(*OpenAI)) func(*Scenario) {
		return func(s *Scenario) {
			to := s.Target.(OpenAI)
			change(&to)
			s.Target = to
		}
	}
	pointer := func(change func(*OpenAI)) func(*Scenario) {
		return func(s *Scenario) {
			openAI(change)(s)
			to := s.Target.(OpenAI)
			s.Target = &to
		}
	}
	extra := func(members ...any) func(*OpenAI) {
		return func(to *OpenAI) {
			to.Extra = map[string]any{}
			for i := 0; i < len(members); i += 2 {
				to.Extra[members[i].(string)] = members[i+1]
			}
		}
	}
	named := func(name string) func(*Scenario) {
		return func(s *Scenario) { s.Target = bot{TargetFunc: idle, name: &name} }
	}
	profile := func(p Profile) func(*Scenario) { return func(s *Scenario) { s.Profile = p } }
	same := func(*Scenario) {}
	of := func(s Scenario) alike { return alikeOf(s, false, plannedTexts(s.Profile)) }
	for _, tt := range []struct {
		name, reason string
		then, now    func(*Scenario)
		want         []string
	}{
		{"the same", "nothing differs", same, same, nil},
		{"another address", "a port is another from run to run", same, openAI(func(to *OpenAI) { to.BaseURL = "http://localhost:2/v1" }), nil},
		{"another key", "no key is known", same, openAI(func(to *OpenAI) { to.APIKey = "sk-other" }), nil},
		{"shortened", "it is what it was before", same, func(s *Scenario) {
			*s, _ = shorten(*s, nil, 0.1)
		}, nil},
		{"another model", "it has a speed of its own", same, openAI(func(to *OpenAI) { to.Model = "large" }), []string{"target: OpenAI large, chat/completions now, OpenAI small, chat/completions stored"}},
		{"shorter answers", "they take less time", same, openAI(func(to *OpenAI) { to.MaxTokens, to.NoStream = 20, true }), []string{"target: OpenAI small, chat/completions, at most 20 tokens, not streamed now, OpenAI small, chat/completions stored"}},
		{"a pointer", "it is sent to alike", same, pointer(func(*OpenAI) {}), nil},
		{"a pointer to another model", "it has a speed of its own", pointer(func(*OpenAI) {}), pointer(func(to *OpenAI) { to.Model, to.API = "large", Completions }), []string{"target: OpenAI large, completions now, OpenAI small, chat/completions stored"}},
		{"a pointer to shorter answers", "they take less time", pointer(func(*OpenAI) {}), pointer(func(to *OpenAI) { to.MaxTokens, to.NoStream = 20, true }), []string{"target: OpenAI small, chat/completions, at most 20 tokens, not streamed now, OpenAI small, chat/completions stored"}},
		{"pointers to others", "they are targets as well", func(s *Scenario) { s.Target = &Anthropic{Model: "small"} }, func(s *Scenario) { s.Target = &Ollama{Model: "small"} }, []string{"target: Ollama small now, Anthropic small stored"}},
		{"a pointer within a mix", "it is one of its targets", func(s *Scenario) { s.Target = Mix{{"a", 1, &OpenAI{Model: "small"}}} }, func(s *Scenario) { s.Target = &Mix{{"a", 1, &OpenAI{Model: "large"}}} }, []string{"target: mix of 100 % a (OpenAI large, chat/completions) now, mix of 100 % a (OpenAI small, chat/completions) stored"}},
		{"less reasoning", "it takes less time", openAI(extra("reasoning_effort", "high")), openAI(extra("reasoning_effort", "low")), []string{"settings: Extra reasoning_effort (6a05a2e2) now, Extra reasoning_effort (c078ad66) stored"}},
		{"answers of full length", "they take longer", same, pointer(extra("ignore_eos", true)), []string{"settings: Extra ignore_eos (f16dae1b) now, no Extra stored"}},
		{"a secret within", "its value is hashed", openAI(extra("key", "sk-secret", "user", "a")), openAI(extra("user", "a", "key", "sk-secret")), nil},
		{"others' Extra", "it is added to requests likewise", func(s *Scenario) { s.Target = Mix{{"a", 1, Anthropic{}}, {"b", 1, Ollama{}}, {"c", 1, idle}} }, func(s *Scenario) {
			s.Target = Mix{{"a", 1, Anthropic{Extra: map[string]any{"thinking": nil}}}, {"b", 1, Ollama{Extra: map[string]any{"think": false}}}, {"c", 1, idle}}
		}, []string{"settings: a: Extra thinking (ddcd3adc); b: Extra think (9d7475ce) now, a: no Extra; b: no Extra stored"}},
		{"a name of one's own", "it says what it is", named("large bot"), named("small bot"), []string{"settings: small bot now, large bot stored"}},
		{"a name with a port", "it is another from run to run", named("bot at http://127.0.0.1:1/v1, by localhost:2"), named("bot at http://localhost:3/v1, by localhost:4"), nil},
		{"a name with a host", "that is a note", named("bot at https://a.example/v1"), named("bot at https://b.example/v1"), nil},
		{"a name with a secret", "it is left out", named("bot with sk-secret1"), named("bot with sk-secret2"), nil},
		{"a name that panics", "the run itself says so", named("bot"), func(s *Scenario) { s.Target = bot{} }, nil},
		{"another kind", "whatever it does", same, func(s *Scenario) { s.Target = idle }, []string{"target: llmperf.TargetFunc now, OpenAI small, chat/completions stored", "prompts: not known now, 5 texts (8f83206a) stored"}},
		{"other prompts", "longer ones take longer", same, openAI(func(to *OpenAI) { to.Prompts = PromptTexts("Why?") }), []string{"prompts: 1 text (3fdd5b37) now, 5 texts (8f83206a) stored"}},
		{"prompts that caches know", "they take less time", same, openAI(func(to *OpenAI) { to.Prompts = Verbatim(nil) }), []string{"prompts: verbatim 5 texts (8f83206a) now, 5 texts (8f83206a) stored"}},
		{"longer prompts", "they take longer", openAI(func(to *OpenAI) { to.Prompts = Synthetic{Input: Fixed(100)} }), openAI(func(to *OpenAI) { to.Prompts = Synthetic{Input: Fixed(100), Output: Uniform(10, 20)} }), []string{"prompts: synthetic, Fixed(100) words, answers of at most Uniform(10, 20) tokens now, synthetic, Fixed(100) words stored"}},
		{"another mix", "more of what takes long", func(s *Scenario) { s.Target = Mix{{"a", 1, idle}, {"b", 1, idle}} }, func(s *Scenario) { s.Target = Mix{{"a", 3, idle}, {"b", 1, idle}} }, []string{"target: mix of 75 % a (llmperf.TargetFunc), 25 % b (llmperf.TargetFunc) now, mix of 50 % a (llmperf.TargetFunc), 50 % b (llmperf.TargetFunc) stored"}},
		{"another think time", "the load is another", same, func(s *Scenario) { s.Think = NoThink }, []string{"pace: think time none now, think time 100ms to 500ms stored"}},
		{"more steps", "and those that are there are the same", same, profile(StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 60}), []string{"steps: 6 now, 5 stored"}},
		{"longer steps", "a queue grows with time", same, profile(StepProfile{StepUsers: 10, StepTime: 2 * time.Minute, MaxUsers: 50}), []string{
			"step 1: users=10: 10 users for 2m0s now, users=10: 10 users for 1m0s stored", "step 2: users=20: 20 users for 2m0s now, users=20: 20 users for 1m0s stored",
			"step 3: users=30: 30 users for 2m0s now, users=30: 30 users for 1m0s stored", "2 more steps likewise",
		}},
		{"slower start", "fewer users at first", same, profile(StepProfile{StepUsers: 10, StepTime: time.Minute, MaxUsers: 50, SpawnRate: 2.5}), []string{
			"step 1: users=10: 10 users for 1m0s, 2.5 users/s now, users=10: 10 users for 1m0s stored", "step 2: users=20: 20 users for 1m0s, 2.5 users/s now, users=20: 20 users for 1m0s stored",
			"step 3: users=30: 30 users for 1m0s, 2.5 users/s now, users=30: 30 users for 1m0s stored", "2 more steps likewise",
		}},
		{"an open loop", "it does not wait", same, profile(Steps(Load{Rate: 5, Hold: time.Minute})), []string{"pace: arrivals Poisson now, think time 100ms to 500ms stored", "steps: 1 now, 5 stored", "step 1: rate=5: 5 requests/s for 1m0s now, users=10: 10 users for 1m0s stored"}},
		{"other arrivals", "bursts take longer", profile(Steps(Load{Rate: 5, Hold: time.Minute})), func(s *Scenario) {
			s.Profile, s.Arrivals = Steps(Load{Rate: 5, Hold: time.Minute}), Evenly
		}, []string{"pace: arrivals evenly now, arrivals Poisson stored"}},
		{"steps of one name", "they are numbered", profile(Steps(Load{Users: 5, Hold: time.Minute}, Load{Users: 5, Hold: time.Minute})), profile(Steps(Load{Users: 5, Hold: time.Minute}, Load{Users: 5, Hold: time.Hour})), []string{"step 2: users=5_2: 5 users for 1h0m0s now, users=5_2: 5 users for 1m0s stored"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			then, now := of(scenario(tt.then)), of(scenario(tt.now))
			assert.Equal(t, tt.want, now.differences(then), tt.reason)
			assert.NotContains(t, fmt.Sprint(now), "secret")
		})
	}
	virtually := alikeOf(scenario(same), true, nil)
	assert.Equal(t, []string{"time: virtual now, real stored"}, virtually.differences(of(scenario(same))), "steps that are not known yet are not compared")
}

func TestNoRegressionRefusesWhatCannotBeMeant(t *testing.T) {
	for want, slo := range map[string]SLO{
		`NoRegression(""): want the path`:                                                  NoRegression(""),
		`latency.P95SlowerBy(10): want a share above 0 and up to 1, such as 0.10 for 10 %`: NoRegression("a.json", Latency.P95SlowerBy(10)),
		`TTFT.P50SlowerBy(0): want a share above 0`:                                        NoRegression("a.json", TTFT.P50SlowerBy(0)),
		`a Slowdown that is empty`:                                                         NoRegression("a.json", Slowdown{}),
		`testdata/none.json does not exist, so there is nothing to compare with: run the test with LLMPERF_UPDATE=1`: NoRegression("testdata/none.json"),
		`testdata/report/model.json cannot be read: `:                                                                NoRegression("testdata/report/model.json"),
	} {
		s, err := plan(Scenario{Target: idle, Profile: Steps(Load{Users: 10, Hold: time.Minute})}, slo.checks(), time.Time{})
		assert.ErrorContains(t, err, want, "before any load, %v", s.Target)
		o := usually(300, 1).Check(slo)[0]
		assert.Equal(t, Fail, o.Verdict)
		assert.Contains(t, o.Message, want)
	}
	_, err := planSearch(Scenario{Target: idle}, Search{MaxUsers: 10}, NoRegression("a.json").checks(), time.Time{})
	assert.ErrorContains(t, err, "no_regression_latency_p95 compares steps with those of stored runs, and a search has no such steps")

	t.Setenv(updateEnv, "yes")
	_, err = plan(Scenario{Target: idle, Profile: Steps(Load{Users: 10, Hold: time.Minute})}, NoRegression("a.json").checks(), time.Time{})
	assert.ErrorContains(t, err, `LLMPERF_UPDATE is "yes": want 1 to store runs, or nothing`)
	_, err = plan(Scenario{Target: idle, Profile: Steps(Load{Users: 10, Hold: time.Minute})}, Latency.P95Below(time.Second).checks(), time.Time{})
	assert.NoError(t, err, "it is of no matter where nothing is compared")
}

func TestOneTargetOfAMixIsCompared(t *testing.T) {
	mixed := func(requests int, chat, search float64) *Result {
		r := usually(2*requests, 1)
		r.scenario.Target = Mix{{"chat", 1, idle}, {"search", 1, idle}}
		r.Steps[0].Targets = []TargetStats{{"chat", usually(requests, chat).Steps[0].Stats}, {"search", usually(requests, search).Steps[0].Stats}}
		return r
	}
	both := func(path string) SLO {
		return SLOs{OnTarget("chat", NoRegression(path)), OnTarget("search", NoRegression(path))}
	}
	path := storedIn(t, both, mixed(1200, 1, 3), mixed(1210, 1, 3), mixed(1220, 1, 3))
	outcomes := mixed(1230, 1, 4).Check(both(path))
	require.Len(t, outcomes, 2)
	assert.Equal(t, Pass, outcomes[0].Verdict, outcomes[0].Message)
	assert.Equal(t, "no_regression_latency_p95_chat", outcomes[0].Name)
	assert.Equal(t, Fail, outcomes[1].Verdict, outcomes[1].Message)
}

func TestOnlyWholeRunsAreStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capacity.json")
	short := usually(300, 1)
	short.Short = true
	failed := usually(300, 1)
	failed.Outcomes = []Outcome{
		{Name: "no_regression_latency_p95", Step: "users=50", Verdict: NotRun}, {Name: "ttft_p95", Step: "users=50", Verdict: Inconclusive},
		{Name: "failure_rate", Step: "users=50", Verdict: Fail}, {Name: "growth", Verdict: Fail},
	}
	for want, r := range map[string]*Result{
		"it is no measure for later ones, since SLOs failed (namely: users=50/failure_rate, growth)": failed,
		"it was stopped after users=50: the budget of 6,000 requests is spent":                       stopped(usually(300, 1), 60),
		"it was aborted after users=50: a target did not return":                                     aborted(usually(300, 1), 60),
		"it was shortened": short,
		"users=50/latency: a p95 can be proved from 59 independent requests on, and this step has 40": usually(40, 1),
		"nothing was measured for users=50/latency":                                                   madeResult(made{users: 50, requests: 80, failed: 80, median: time.Second}),
		"no step in scope was measured":                                                               madeResult(),
	} {
		assert.ErrorContains(t, tryStore(r, path, NoRegression(path)), want)
		assert.NoFileExists(t, path)
	}
	passed := usually(300, 1)
	passed.Outcomes = failed.Outcomes[:2]
	require.NoError(t, tryStore(passed, path, NoRegression(path)), "nothing is proved against it")
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.ErrorContains(t, tryStore(madeResult(beside(usual, func(m *made) { m.users = 60 })), path, NoRegression(path)), "step 1: users=60: 60 users for 1m0s now, users=50: 50 users for 1m0s stored")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
}
