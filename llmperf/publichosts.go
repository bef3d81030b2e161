package llmperf

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"llmperf.dev/llmperf/internal/bubble"
)

// The load past which a public host must be named in [Scenario].PublicHosts.
const (
	mostPublicUsers = 20
	mostPublicRate  = 10 // requests per second
)

const (
	lookupTime  = 2 * time.Second // bounds the resolution of one name
	lookupAgain = time.Second     // from one that failed to the next
)

// lookup resolves a name.
var lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// proxyOf is the proxy that the environment has for a request; nil for none.
var proxyOf = http.ProxyFromEnvironment

// sharedSpace is RFC 6598's, which carriers, clusters and overlay networks use
// within themselves.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// isPrivate reports whether an address is of this machine or of a private network:
// loopback, RFC 1918, unique local, link-local, or shared.
func isPrivate(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() || sharedSpace.Contains(a)
}

// publicAddress is the first public address that a host has, or none. Of a name that
// cannot be resolved, which is the error, nothing is known.
func publicAddress(host string) (netip.Addr, error) {
	if isLocalhost(host) {
		return netip.Addr{}, nil
	}
	addresses := []netip.Addr{}
	if a, err := netip.ParseAddr(host); err == nil {
		addresses = append(addresses, a)
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
		defer cancel()
		if addresses, err = lookup(ctx, host); err != nil {
			return netip.Addr{}, err
		}
	}
	for _, a := range addresses {
		if !isPrivate(a) {
			return a, nil
		}
	}
	return netip.Addr{}, nil
}

// isProxied reports whether a proxy of the environment would carry a request to u.
// It may resolve names that are not known here.
func isProxied(u *url.URL) bool {
	proxy, err := proxyOf(&http.Request{URL: u})
	return err == nil && proxy != nil
}

// isLocalhost reports whether a name is of this machine by definition (RFC 6761, 6.3).
func isLocalhost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// hostOf is a URL's host as it is compared.
func hostOf(u *url.URL) string { return asHost(u.Hostname()) }

func asHost(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// validateHosts says what is wrong with the names of public hosts.
func validateHosts(names []string) error {
	for i, name := range names {
		_, bad := netip.ParseAddr(name)
		if name == "" || bad != nil && strings.ContainsAny(name, ":/@?# ") {
			return fmt.Errorf("scenario.PublicHosts[%d] is %q: want a host's name or address alone, such as %q", i, safeURL(name), "llm.example.com")
		}
	}
	return nil
}

// isHeavy reports whether a load is one that a public host must be named for.
func (l Load) isHeavy() bool {
	if l.open() {
		return l.level() > mostPublicRate
	}
	return l.level() > mostPublicUsers
}

// heaviest is the highest load of a profile, as far as it is known before the run:
// of one that decides as it goes, the first.
func heaviest(p Profile) Load {
	switch p := p.(type) {
	case *prober:
		return p.load(p.ceiling())
	case planner:
		return slices.MaxFunc(p.plan(), func(a, b Load) int { return cmp.Compare(a.level(), b.level()) })
	}
	first, _ := p.Next(nil)
	return first
}

// A publicCheck keeps a load from public hosts that were not named. It is asked
// before each request, since only then some targets say where it goes.
type publicCheck struct {
	named  []string
	refuse func(format string, args ...any) // ends the run
	load   atomic.Pointer[Load]             // the highest so far, if it is heavy

	mu    sync.Mutex
	known map[string]judgedHost // by host
}

// A judgedHost is what is known of a host.
type judgedHost struct {
	err   error     // why the load may not go there; nil if it may
	again time.Time // when it is to be looked up again, since that failed; zero for never
}

// newPublicCheck returns the check of a run; nil for one in virtual time, which
// reaches nobody.
func newPublicCheck(s Scenario, refuse func(string, ...any)) *publicCheck {
	if bubble.Inside() || s.Profile == nil {
		return nil
	}
	c := &publicCheck{refuse: refuse, known: map[string]judgedHost{}}
	for _, name := range s.PublicHosts {
		c.named = append(c.named, asHost(name))
	}
	c.expect(heaviest(s.Profile))
	return c
}

// expect says that a load is to come.
func (c *publicCheck) expect(l Load) {
	if c == nil || !l.isHeavy() {
		return
	}
	if before := c.load.Load(); before == nil || before.level() < l.level() {
		c.load.Store(&l)
	}
}

// host says why a load may not go to the host of a URL. While it is looked up again,
// what was known of it holds for others, whose requests are not to be late.
func (c *publicCheck) host(u *url.URL) error {
	l, host := c.load.Load(), hostOf(u)
	if l == nil || slices.Contains(c.named, host) {
		return nil
	}
	c.mu.Lock()
	found, known := c.known[host]
	if !known {
		defer c.mu.Unlock()
		found = look(u, *l)
		c.known[host] = found
		return found.err
	}
	now := time.Now()
	due := !found.again.IsZero() && !now.Before(found.again)
	if due {
		c.known[host] = judgedHost{found.err, now.Add(lookupTime + lookupAgain)}
	}
	c.mu.Unlock()
	if due {
		found = look(u, *l)
		c.mu.Lock()
		c.known[host] = found
		c.mu.Unlock()
	}
	return found.err
}

// look finds out whether a heavy load may go to the host of a URL, which was not named.
func look(u *url.URL, l Load) (found judgedHost) {
	host, what := hostOf(u), ""
	switch address, err := publicAddress(host); {
	case err != nil:
		found.again = time.Now().Add(lookupAgain)
		if isProxied(u) {
			what = host + " cannot be resolved here, and the environment's proxy, which would carry the load there, may know it: it counts as a public host"
		}
	case address.IsValid() && host != address.String():
		what = fmt.Sprintf("%s (%v) is a public host", host, address)
	case address.IsValid():
		what = host + " is a public host"
	}
	if what != "" {
		found.err = fmt.Errorf("%s, and the load goes up to %s, past %d users or %d requests/s: if it is yours to load, set scenario.PublicHosts to []string{%q}; else load less",
			what, levelText(l.level(), l.open()), mostPublicUsers, mostPublicRate, host)
	}
	return found
}

// request says why a request may not go where it leads, and ends the run.
func (c *publicCheck) request(u *url.URL) error {
	if c == nil || c.load.Load() == nil {
		return nil
	}
	err := c.host(u)
	if err != nil {
		c.refuse("%v", err)
	}
	return err
}

// A placed target knows the URLs that it sends to.
type placed interface{ bases() []string }

// checkPublic refuses a load that a public host of the target was not named for.
func (s Scenario) checkPublic() error {
	target, ok := s.Target.(placed)
	check := newPublicCheck(s, nil)
	if !ok || check == nil {
		return nil
	}
	for _, base := range target.bases() {
		if u, err := url.Parse(base); err == nil {
			if err := check.host(u); err != nil {
				return err
			}
		}
	}
	return nil
}
