//go:build !linux

package generator

// Ports and sockets are not known.
func Ports() int   { return 0 }
func sockets() int { return 0 }
