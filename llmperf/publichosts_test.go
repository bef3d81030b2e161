package llmperf

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// resolvable is all that the tests can resolve: they ask nobody.
var resolvable = map[string]string{
	"llm.internal": "10.1.2.3", "gpu.example.com": "203.0.113.7", "both.example.com": "10.1.2.3 203.0.113.7", "six.example.com": "2001:db8::7",
	"vllm": "172.18.0.5", "overlay.example.com": "100.101.102.103",
}

func init() {
	lookup = func(_ context.Context, host string) (all []netip.Addr, err error) {
		if resolvable[host] == "" {
			return nil, errors.New("no such name")
		}
		for text := range strings.FieldsSeq(resolvable[host]) {
			all = append(all, netip.MustParseAddr(text))
		}
		return all, nil
	}
	proxyOf = func(*http.Request) (*url.URL, error) { return nil, nil }
}

// proxied has the environment name a proxy for all hosts but one, until the test ends.
func proxied(t *testing.T, but string) {
	before := proxyOf
	t.Cleanup(func() { proxyOf = before })
	proxyOf = func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == but {
			return nil, nil
		}
		return &url.URL{Scheme: "http", Host: "proxy.internal:3128", User: url.UserPassword("ann", "pa55word")}, nil
	}
}

func TestAPublicHostIsNotLoadedUnasked(t *testing.T) {
	users := func(n int) Profile { return list{{Users: n, Hold: time.Minute}} }
	rate := func(r float64) Profile { return list{{Rate: r, Hold: time.Minute}} }
	tests := []struct {
		name, base string
		profile    Profile
		named      []string
		want       string // "" for yes
		reason     string
	}{
		{"public", "http://203.0.113.7:8000/v1", users(21), nil, "203.0.113.7 is a public host, and the load goes up to 21 users, past 20 users or 10 requests/s", "it may be somebody's production"},
		{"few users", "http://203.0.113.7/v1", users(20), nil, "", "a hand's work"},
		{"named", "http://203.0.113.7/v1", users(21), []string{"203.0.113.7"}, "", "a yes"},
		{"another named", "http://203.0.113.8/v1", users(21), []string{"203.0.113.7"}, `set scenario.PublicHosts to []string{"203.0.113.8"}`, "a yes to one is none to another"},
		{"rate", "https://gpu.example.com/v1", rate(10.5), nil, "gpu.example.com (203.0.113.7) is a public host, and the load goes up to 10.5 requests/s", "what it resolves to counts"},
		{"low rate", "https://gpu.example.com/v1", rate(10), nil, "", "not past it"},
		{"named in capitals", "https://GPU.example.com./v1", rate(50), []string{"gpu.Example.com"}, "", "names are so compared"},
		{"IPv6", "http://[2001:db8::7]:8000/v1", users(50), nil, "2001:db8::7 is a public host", "as an address"},
		{"IPv6 by name", "http://six.example.com/v1", users(50), nil, "(2001:db8::7) is a public", "or by name"},
		{"IPv6 named", "http://[2001:db8::7]:8000/v1", users(50), []string{"2001:db8::7"}, "", "an address is a name"},
		{"both", "http://both.example.com/v1", users(50), nil, "both.example.com (203.0.113.7) is a public", "one public address is enough"},
		{"highest step", "http://203.0.113.7/v1", StepProfile{StepUsers: 5, StepTime: time.Minute, MaxUsers: 40}, nil, "up to 40 users", "the profile's highest load decides"},
		{"ramp", "http://203.0.113.7/v1", list{{FromUsers: 100, Users: 1, Hold: time.Minute}}, nil, "up to 100 users", "wherever it is"},
		{"shape", "http://203.0.113.7/v1", ShapeFunc(func(at time.Duration) (int, float64, bool) { return 30, 0, at < time.Minute }), nil, "up to 30 users", "of any kind"},
		{"one that decides as it goes", "http://203.0.113.7/v1", decidesUsers{[]int{30}}, nil, "up to 30 users", "its first step is known"},
		{"loopback", "http://127.0.0.1:1/v1", users(5000), nil, "", "this machine"},
		{"loopback, IPv6", "http://[::1]:1/v1", users(5000), nil, "", "this machine"},
		{"mapped", "http://[::ffff:10.0.0.1]/v1", users(5000), nil, "", "the same as 10.0.0.1"},
		{"localhost", "http://LOCALHOST:1/v1", users(5000), nil, "", "by name"},
		{"within localhost", "http://svc.localhost/v1", users(5000), nil, "", "by RFC 6761"},
		{"RFC 1918", "http://192.168.1.2/v1", users(5000), nil, "", "a private network"},
		{"just beside", "http://172.32.0.1/v1", users(5000), nil, "172.32.0.1 is a public host", "172.16.0.0/12 ends before it"},
		{"unique local", "http://[fd00::1]/v1", users(5000), nil, "", "a private network"},
		{"link-local", "http://[fe80::1%25eth0]/v1", users(5000), nil, "", "the same cable"},
		{"shared", "http://overlay.example.com/v1", users(5000), nil, "", "an overlay network's addresses"},
		{"private name", "http://llm.internal/v1", users(5000), nil, "", "what it resolves to counts"},
		{"container", "http://vllm:8000/v1", users(5000), nil, "", "likewise"},
		{"no such name", "http://nowhere.example.com/v1", users(5000), nil, "", "nothing is known of it, and nothing is reached"},
		{"URL as a name", "http://127.0.0.1/v1", users(1), []string{"https://gpu.example.com/v1"}, `scenario.PublicHosts[0] is "https://gpu.example.com/v1": want a host's name`, "it would never be the same"},
		{"port in a name", "http://127.0.0.1/v1", users(1), []string{"gpu.example.com:443"}, `want a host's name`, "ports are not compared"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, target := range []Target{
				OpenAI{BaseURL: tt.base, Model: "m"}, &OpenAI{BaseURL: tt.base, Model: "m"}, Anthropic{BaseURL: strings.TrimSuffix(tt.base, "/v1"), Model: "m"}, Ollama{BaseURL: strings.TrimSuffix(tt.base, "/v1"), Model: "m"},
				Mix{{"a", 1, takes(time.Millisecond)}, {"b", 1, OpenAI{BaseURL: tt.base, Model: "m"}}},
			} {
				_, err := plan(Scenario{Target: target, Profile: tt.profile, PublicHosts: tt.named}, FailureRateBelow(0.5).checks(), time.Time{})
				if tt.want == "" {
					assert.NoError(t, err, tt.reason)
				} else {
					assert.ErrorContains(t, err, tt.want, tt.reason)
				}
			}
		})
	}
}

// decidesUsers is a profile that is not known before the run.
type decidesUsers struct{ users []int }

func (d decidesUsers) Next(done []Step) (Load, bool) {
	if len(done) == len(d.users) {
		return Load{}, false
	}
	return Load{Users: d.users[len(done)], Hold: 300 * time.Millisecond}, true
}

func TestASearchOnAPublicHostIsAsked(t *testing.T) {
	target := OpenAI{BaseURL: "http://203.0.113.7/v1", Model: "m"}
	checks := Latency.P95Below(time.Second).checks()
	_, err := planSearch(Scenario{Target: target}, Search{MaxUsers: 21}, checks, time.Time{})
	assert.ErrorContains(t, err, "up to 21 users")
	_, err = planSearch(Scenario{Target: target}, Search{MaxRate: 40, Looks: []time.Duration{time.Hour}}, checks, time.Time{})
	assert.ErrorContains(t, err, "up to 40 requests/s")
	_, err = planSearch(Scenario{Target: target, PublicHosts: []string{"203.0.113.7"}}, Search{MaxUsers: 21, First: 10}, checks, time.Time{})
	assert.NoError(t, err)
}

// TestARequestToAPublicHostIsNotSent where only the request says where it goes.
func TestARequestToAPublicHostIsNotSent(t *testing.T) {
	var sent atomic.Int64
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		sent.Add(1)
		body := io.NopCloser(strings.NewReader(`data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}` + "\n\n"))
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {eventStream}}, Body: body, Request: r}, nil
	})}
	openAI := OpenAI{BaseURL: "http://gpu.example.com/v1", Model: "m", Client: client}
	any := HTTP{Client: client, New: func(ctx context.Context, _ *Call) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, "http://gpu.example.com/", http.NoBody)
	}}
	heavy := list{{Users: 21, Hold: 300 * time.Millisecond}}
	tests := []struct {
		name    string
		target  Target
		profile Profile
		named   []string
		refused bool
		reason  string
	}{
		{"HTTP", any, heavy, nil, true, "its URL is known when the request is made"},
		{"HTTP, named", any, heavy, []string{"gpu.example.com"}, false, "a yes"},
		{"HTTP, few", any, list{{Users: 2, Hold: 300 * time.Millisecond}}, nil, false, "a hand's work"},
		{"within a function", TargetFunc(openAI.Send), heavy, nil, true, "what is inside is not known before"},
		{"later", openAI, decidesUsers{[]int{1, 30}}, nil, true, "a profile may decide so"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sent.Store(0)
			succeeded := 0
			s := Scenario{Target: tt.target, Profile: tt.profile, PublicHosts: tt.named, Warmup: NoWarmup, Think: Constant(200 * time.Millisecond)}
			s.Observers = []Observer{{Sample: func(s Sample) {
				if s.Failure == "" {
					succeeded++
				}
			}}}
			res, err := Measure(t.Context(), s)
			if !tt.refused {
				require.NotNil(t, res)
				assert.Positive(t, sent.Load(), tt.reason)
				return
			}
			assert.ErrorContains(t, err, "gpu.example.com (203.0.113.7) is a public host", tt.reason)
			if tt.name == "later" {
				assert.EqualValues(t, succeeded, sent.Load(), "those of the one user before")
				assert.Positive(t, succeeded)
			} else {
				assert.Zero(t, sent.Load())
			}
		})
	}
}

// TestARedirectToAPublicHostIsNotFollowed: a private gateway may lead the whole load
// there.
func TestARedirectToAPublicHostIsNotFollowed(t *testing.T) {
	var followed atomic.Int64
	var away roundTripper = func(r *http.Request) (*http.Response, error) {
		if r.URL.Hostname() == "127.0.0.1" {
			return http.DefaultTransport.RoundTrip(r)
		}
		followed.Add(1)
		return nil, errors.New("it is far away")
	}
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	knowing := &http.Client{Transport: away, CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	heavy := list{{Users: 21, Hold: 300 * time.Millisecond}}
	tests := []struct {
		name     string
		client   *http.Client
		to       string
		profile  Profile
		named    []string
		refused  bool
		followed bool
		reason   string
	}{
		{"the target's client", nil, "http://gpu.example.com", heavy, nil, true, false, "it is not private there"},
		{"another's client", &http.Client{Transport: away}, "http://gpu.example.com", heavy, nil, true, false, "which follows redirects as llmperf has it"},
		{"by address", &http.Client{Transport: away}, "http://203.0.113.7", heavy, nil, true, false, "likewise"},
		{"named", &http.Client{Transport: away}, "http://gpu.example.com", heavy, []string{"gpu.example.com"}, false, true, "a yes"},
		{"few users", &http.Client{Transport: away}, "http://gpu.example.com", list{{Users: 2, Hold: 300 * time.Millisecond}}, nil, false, true, "a hand's work"},
		{"to a private one", &http.Client{Transport: away}, "http://llm.internal", heavy, nil, false, true, "it is private there"},
		{"a client that knows", knowing, "http://gpu.example.com", heavy, nil, false, true, "it is left alone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			followed.Store(0)
			gateway := httptest.NewServer(http.RedirectHandler(tt.to+"/v1/chat/completions", http.StatusTemporaryRedirect))
			t.Cleanup(gateway.Close)
			target := OpenAI{BaseURL: gateway.URL + "/v1", Model: "m", Client: tt.client}
			t.Cleanup(target.closeIdle)
			_, err := Measure(t.Context(), Scenario{Target: target, Profile: tt.profile, PublicHosts: tt.named, Warmup: NoWarmup, Think: Constant(200 * time.Millisecond)})
			assert.Equal(t, tt.followed, followed.Load() > 0, tt.reason)
			if tt.refused {
				assert.ErrorContains(t, err, "203.0.113.7", tt.reason)
				assert.ErrorContains(t, err, "is a public host, and the load goes up to 21 users", tt.reason)
			} else if err != nil {
				assert.NotContains(t, err.Error(), "is a public host", tt.reason)
			}
		})
	}
}

func TestNothingIsPublicInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := plan(Scenario{Target: OpenAI{BaseURL: "http://203.0.113.7/v1", Model: "m"}, Profile: list{{Users: 500, Hold: time.Minute}}}, FailureRateBelow(0.5).checks(), time.Time{})
		assert.NoError(t, err)
	})
}

func TestResolvingANameIsBoundedInTime(t *testing.T) {
	before := lookup
	t.Cleanup(func() { lookup = before })
	lookup = func(ctx context.Context, _ string) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := publicAddress("slow.example.com")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, lookupTime, time.Since(begin))
	})
}

func TestANameThatOnlyAProxyMayResolveIsPublic(t *testing.T) {
	proxied(t, "direct.example.com")
	tests := []struct {
		name, base string
		users      int
		named      []string
		want       string // "" for yes
		reason     string
	}{
		{"not known here", "https://gpu.elsewhere.example/v1", 21, nil, "gpu.elsewhere.example cannot be resolved here, and the environment's proxy, which would carry the load there, may know it: it counts as a public host, and the load goes up to 21 users", "behind a company's proxy public names resolve there alone"},
		{"what to do", "https://gpu.elsewhere.example/v1", 21, nil, `if it is yours to load, set scenario.PublicHosts to []string{"gpu.elsewhere.example"}`, "a yes is possible"},
		{"named", "https://gpu.elsewhere.example/v1", 21, []string{"gpu.elsewhere.example"}, "", "a yes"},
		{"few users", "https://gpu.elsewhere.example/v1", 20, nil, "", "a hand's work"},
		{"private", "https://llm.internal/v1", 21, nil, "", "what it resolves to counts, where it does"},
		{"private address", "https://10.1.2.3/v1", 21, nil, "", "an address needs no resolving"},
		{"without the proxy", "https://direct.example.com/v1", 21, nil, "", "nothing is reached"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Scenario{Target: OpenAI{BaseURL: tt.base, Model: "m"}, Profile: list{{Users: tt.users, Hold: time.Minute}}, PublicHosts: tt.named}
			err := s.withDefaults().validate()
			if tt.want == "" {
				assert.NoError(t, err, tt.reason)
				return
			}
			require.ErrorContains(t, err, tt.want, tt.reason)
			assert.NotContains(t, err.Error(), "pa55word", "the proxy's URL may be secret")
		})
	}
}

// resolvingOnceUp has lookup fail, for as long as a name may take, until one of its
// calls, counted from 1, and then return address.
func resolvingOnceUp(t *testing.T, up int64, address string) *atomic.Int64 {
	before := lookup
	t.Cleanup(func() { lookup = before })
	calls := new(atomic.Int64)
	lookup = func(ctx context.Context, _ string) ([]netip.Addr, error) {
		if calls.Add(1) >= up {
			return []netip.Addr{netip.MustParseAddr(address)}, nil
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return calls
}

// heavyCheck is the check of a run with a heavy load, also in virtual time, and what
// it refused.
func heavyCheck() (check *publicCheck, refused *atomic.Int64) {
	refused = new(atomic.Int64)
	check = &publicCheck{known: map[string]judgedHost{}, refuse: func(string, ...any) { refused.Add(1) }}
	check.expect(Load{Users: 21})
	return check, refused
}

func TestALookupThatFailedIsMadeAgain(t *testing.T) {
	for _, tt := range []struct {
		address string
		refused int64
		reason  string
	}{
		{"203.0.113.7", 1, "a resolver that was slow at first does not open the way for the rest of the run"},
		{"10.1.2.3", 0, "nor does it close it"},
	} {
		t.Run(tt.address, func(t *testing.T) {
			calls := resolvingOnceUp(t, 3, tt.address)
			synctest.Test(t, func(t *testing.T) {
				check, refused := heavyCheck()
				where := &url.URL{Scheme: "http", Host: "slow.example.com"}
				require.NoError(t, check.request(where), "nothing is known of it")
				for range 100 {
					require.NoError(t, check.request(where))
				}
				assert.EqualValues(t, 1, calls.Load(), "not each request looks it up")
				time.Sleep(lookupAgain)
				require.NoError(t, check.request(where), "still nothing is known")
				assert.EqualValues(t, 2, calls.Load())
				time.Sleep(lookupAgain)
				for range 3 {
					assert.Equal(t, tt.refused > 0, check.request(where) != nil, tt.reason)
				}
				time.Sleep(time.Hour)
				assert.Equal(t, tt.refused > 0, check.request(where) != nil, tt.reason)
				assert.EqualValues(t, 3, calls.Load(), "what is known stays so")
				assert.EqualValues(t, 4*tt.refused, refused.Load())
			})
		})
	}
}

// TestOthersDoNotWaitForALookupThatIsMadeAgain, or every request would be late by it.
func TestOthersDoNotWaitForALookupThatIsMadeAgain(t *testing.T) {
	calls := resolvingOnceUp(t, 100, "10.1.2.3")
	synctest.Test(t, func(t *testing.T) {
		check, _ := heavyCheck()
		where := &url.URL{Scheme: "http", Host: "slow.example.com"}
		require.NoError(t, check.request(where))
		time.Sleep(lookupAgain)
		var late atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				begin := time.Now()
				assert.NoError(t, check.request(where))
				if time.Since(begin) > 0 {
					late.Add(1)
				}
			})
		}
		all.Wait()
		assert.EqualValues(t, 1, late.Load(), "the one that looks it up")
		assert.EqualValues(t, 2, calls.Load())
	})
}
