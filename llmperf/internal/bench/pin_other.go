//go:build !linux

package main

import "os/exec"

// cores are those of the generator and of the server: any, where there is no way
// to pin a process.
func cores() (generator, server int, pinned bool) { return -1, -1, false }

// startOn starts a process.
func startOn(_ int, cmd *exec.Cmd) error { return cmd.Start() }
