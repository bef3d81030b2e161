package generator

import (
	"fmt"
	"os"
	"strings"
)

// Ports is how many local ports there are for connections to one address; 0 if
// that is not known.
func Ports() int {
	data, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0
	}
	var first, last int
	if n, _ := fmt.Sscan(string(data), &first, &last); n != 2 {
		return 0
	}
	return last - first + 1
}

// sockets is how many TCP sockets this machine, or its network namespace, has, those
// included that are closed and keep their port for a while; 0 if that is not known.
func sockets() int {
	data, err := os.ReadFile("/proc/self/net/sockstat")
	if err != nil {
		return 0
	}
	_, tcp, found := strings.Cut(string(data), "\nTCP: ")
	if !found {
		return 0
	}
	var used, orphans, waiting int
	if n, _ := fmt.Sscanf(tcp, "inuse %d orphan %d tw %d", &used, &orphans, &waiting); n != 3 {
		return 0
	}
	return used + waiting
}
