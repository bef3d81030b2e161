// Bench measures what llmperf costs its machine and how true its times are,
// beside loops of bare net/http and other people's load generators:
//
//	go run . [-short] [-only requests,streams,memory] [-md]
//
// The server is a process of its own, which records when it wrote each event.
// On Linux the generator is pinned to one core and the server to another, which
// also sets GOMAXPROCS of both to 1. Contenders take turns, and each figure is
// the median of its rounds; only the ratios of one run are to be relied on. The
// output is in the format of Go benchmarks, which benchstat reads, with a table
// of ratios below, or with -md the table alone.
//
// It is a module of its own so that consumers of llmperf.dev never see the
// dependencies that takes.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// roleEnv says which process this is; empty for the one that starts the others.
const roleEnv = "LLMPERF_BENCH_ROLE"

// Options are what the command line asks for.
type options struct {
	short bool
	md    bool
	only  string
}

func (o options) wants(suite string) bool {
	return o.only == "" || strings.Contains(","+o.only+",", ","+suite+",")
}

func main() {
	var o options
	flag.BoolVar(&o.short, "short", false, "fewer rounds and no more than 1,000 streams")
	flag.BoolVar(&o.md, "md", false, "print the table alone")
	flag.StringVar(&o.only, "only", "", "suites to run, of requests, streams and memory, joined by commas; all by default")
	flag.Parse()
	var err error
	switch os.Getenv(roleEnv) {
	case "server":
		err = serve(os.Stdin, os.Stdout)
	case "generator":
		err = generate(o, flag.Arg(0))
	default:
		err = orchestrate()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// orchestrate starts the server and the generator, each on a core of its own.
func orchestrate() error {
	generator, server, pinned := cores()
	srv := child("server")
	in, err := srv.StdinPipe() // whose end ends the server
	if err != nil {
		return err
	}
	out, err := srv.StdoutPipe()
	if err != nil {
		return err
	}
	if err := startOn(server, srv); err != nil {
		return err
	}
	defer func() {
		in.Close()
		_ = srv.Wait()
	}()
	var address string
	if _, err := fmt.Fscanln(out, &address); err != nil {
		return fmt.Errorf("the server did not say its address: %w", err)
	}
	if !pinned {
		fmt.Println("unit: generator and server share the machine's cores: pinning needs Linux and two cores")
	}
	gen := child("generator", append(os.Args[1:], address)...)
	gen.Stdout = os.Stdout
	if err := startOn(generator, gen); err != nil {
		return err
	}
	return gen.Wait()
}

func child(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// generate runs the suites.
func generate(o options, address string) error {
	began := time.Now()
	var out io.Writer = os.Stdout
	if o.md {
		out = io.Discard
	}
	fmt.Fprintf(out, "goos: %s\ngoarch: %s\npkg: llmperf.dev/llmperf/internal/bench\n", runtime.GOOS, runtime.GOARCH)
	r := &report{lines: out}
	s := &stand{address: address, control: newClient()}
	for _, suite := range []struct {
		name string
		run  func(*stand, *report, bool) error
	}{{"requests", measureRequests}, {"streams", measureStreams}, {"memory", measureMemory}} {
		if o.wants(suite.name) {
			if err := suite.run(s, r, o.short); err != nil {
				return fmt.Errorf("%s: %w", suite.name, err)
			}
		}
	}
	if !o.md {
		fmt.Printf("PASS\nok  \tllmperf.dev/llmperf/internal/bench\t%.1fs\n\n", time.Since(began).Seconds())
	}
	r.table(os.Stdout)
	return nil
}
