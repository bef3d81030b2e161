package llmperf_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"llmperf.dev/llmperf"
)

// How the generator of the load fared is beside what it measured.
func ExampleGeneratorStats() {
	scenario := moment
	res, err := llmperf.Measure(context.Background(), scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	step := res.Steps[0]
	fmt.Println("it was measured:", step.Generator.Lag.N > 0)
	fmt.Println("the step is valid:", step.Invalid == "")
	// Output:
	// it was measured: true
	// the step is valid: true
}

// A service that answers in a few milliseconds can be measured only by a generator
// that is never late by more than a few hundred microseconds.
func ExampleGeneratorLimits() {
	scenario := moment
	scenario.Generator = llmperf.GeneratorLimits{Share: 0.05, Floor: 200 * time.Microsecond}
	fmt.Println(scenario.Generator.Share, scenario.Generator.Floor)
	// Output: 0.05 200µs
}

// A request that this machine could not send is no failure of the service, and its
// step is invalid: it neither passes nor fails.
func ExampleFailureClass_generator() {
	scenario := moment
	scenario.Target = llmperf.TargetFunc(func(_ context.Context, c *llmperf.Call) error {
		if c.Number()%5 == 4 {
			return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)}
		}
		time.Sleep(5 * time.Millisecond)
		return nil
	})
	res, err := llmperf.Measure(context.Background(), scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	step := res.Steps[0]
	fmt.Println("failed:", step.Failed)
	fmt.Println("failed on this machine:", step.GeneratorFailures > 0)
	fmt.Println(res.Check(llmperf.ThroughputAbove(1))[0].Verdict)
	// Output:
	// failed: 0
	// failed on this machine: true
	// invalid
}
