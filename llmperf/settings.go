package llmperf

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// settingsOf is what makes a target another one beside its kind, as stored runs
// name it: its Extra, or what a String method of the user's own says. It holds no
// hosts and no secrets, and is "" where nothing is known.
func settingsOf(t Target, secrets []string) string {
	switch t := t.(type) {
	case OpenAI:
		return extraText(t.Extra)
	case Anthropic:
		return extraText(t.Extra)
	case Ollama:
		return extraText(t.Extra)
	case HTTP:
		return ""
	case Mix:
		var all []string
		for _, s := range t {
			if text := settingsOf(s.Target, secrets); text != "" {
				all = append(all, s.Name+": "+text)
			}
		}
		return strings.Join(all, "; ")
	default:
		return loopback.ReplaceAllString(hostInURL.ReplaceAllString(saysOfItself(t, secrets), "://…"), "$1$2")
	}
}

// extraText names the members of an Extra. Of their values, which may be secret, it
// has but a hash.
func extraText(extra map[string]any) string {
	if len(extra) == 0 {
		return "no Extra"
	}
	data, _ := json.Marshal(extra) // which sorts it; what cannot be sent was refused
	h := fnv.New32a()
	h.Write(data)
	return fmt.Sprintf("Extra %s (%08x)", strings.Join(slices.Sorted(maps.Keys(extra)), ", "), h.Sum32())
}

// saysOfItself is what a target's String method says, without secrets; "" if it has
// none, or one that does not return.
func saysOfItself(t Target, secrets []string) (text string) {
	if s, ok := t.(fmt.Stringer); ok {
		_ = try(func() { text = redactText(oneLine(s.String()), secrets) }) // the run says so of its own target
	}
	return text
}

// hostInURL matches the host of a URL within a text, and its port.
var hostInURL = regexp.MustCompile(`://(?:[^\s/?#@"'<>()]*@)?([^\s/?#@"'<>(),;]+)`)

// hostsOf are the hosts that a target sends to, as far as it says so: "loopback" for
// those of this machine, whatever the port.
func hostsOf(t Target, secrets []string) string {
	var all []string
	for _, raw := range urlsOf(t, secrets) {
		if u, err := url.Parse(raw); err == nil && u.Host != "" {
			all = append(all, hostText(u))
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// urlsOf are the URLs that a target says it sends to, as they are needed for hosts.
func urlsOf(t Target, secrets []string) (all []string) {
	switch t := t.(type) {
	case Mix:
		for _, s := range t {
			all = append(all, urlsOf(s.Target, secrets)...)
		}
		return all
	case placed:
		return t.bases()
	default:
		for _, found := range hostInURL.FindAllStringSubmatch(saysOfItself(t, secrets), -1) {
			all = append(all, "http://"+found[1])
		}
		return all
	}
}

func hostText(u *url.URL) string {
	host := hostOf(u)
	address, err := netip.ParseAddr(host)
	switch {
	case err == nil && address.Unmap().IsLoopback(), isLocalhost(host):
		return "loopback"
	case u.Port() == "":
		return host
	default:
		return net.JoinHostPort(host, u.Port())
	}
}
