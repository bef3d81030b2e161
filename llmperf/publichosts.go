package llmperf

import (
	"cmp"
	"context"
	"fmt"
	"net"
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

// lookupTime bounds the resolution of one name.
const lookupTime = 2 * time.Second

// lookup resolves a name.
var lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// sharedSpace is RFC 6598's, which carriers, clusters and overlay networks use
// within themselves.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// isPrivate reports whether an address is of this machine or of a private network:
// loopback, RFC 1918, unique local, link-local, or shared.
func isPrivate(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() || sharedSpace.Contains(a)
}

// publicAddress is the first public address that a host has. Of names that cannot
// be resolved nothing is known.
func publicAddress(host string) (address netip.Addr, public bool) {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return address, false
	}
	addresses := []netip.Addr{}
	if a, err := netip.ParseAddr(host); err == nil {
		addresses = append(addresses, a)
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
		defer cancel()
		addresses, _ = lookup(ctx, host)
	}
	for _, a := range addresses {
		if !isPrivate(a) {
			return a, true
		}
	}
	return address, false
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
	known map[string]error // by host
}

// newPublicCheck returns the check of a run; nil for one in virtual time, which
// reaches nobody.
func newPublicCheck(s Scenario, refuse func(string, ...any)) *publicCheck {
	if bubble.Inside() || s.Profile == nil {
		return nil
	}
	c := &publicCheck{refuse: refuse, known: map[string]error{}}
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

// host says why a load may not go to a host.
func (c *publicCheck) host(host string) error {
	l := c.load.Load()
	if l == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err, known := c.known[host]
	if known || slices.Contains(c.named, host) {
		return err
	}
	if address, public := publicAddress(host); public {
		where := host
		if host != address.String() {
			where = fmt.Sprintf("%s (%v)", host, address)
		}
		err = fmt.Errorf("%s is a public host, and the load goes up to %s, past %d users or %d requests/s: if it is yours to load, set scenario.PublicHosts to []string{%q}; else load less",
			where, levelText(l.level(), l.open()), mostPublicUsers, mostPublicRate, host)
	}
	c.known[host] = err
	return err
}

// request says why a request may not go where it leads, and ends the run.
func (c *publicCheck) request(u *url.URL) error {
	if c == nil || c.load.Load() == nil {
		return nil
	}
	err := c.host(hostOf(u))
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
			if err := check.host(hostOf(u)); err != nil {
				return err
			}
		}
	}
	return nil
}
