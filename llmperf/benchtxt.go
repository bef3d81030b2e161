package llmperf

import (
	"bytes"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"time"

	"llmperf.dev/llmperf/internal/record"
)

const (
	// benchParts is how many samples a step is to benchstat, which takes 6 for a 95 %
	// confidence interval of a median.
	benchParts = 6
	// benchLeast is how many successful requests a sample has at least: of fewer, the
	// highest is the p95.
	benchLeast = 20
)

// benchText is bench.txt: the steps in the Go benchmark format
// (https://go.dev/design/14313-benchmark-format), so that benchstat compares runs.
//
// A step is a benchmark, and six lines of it, or fewer where a line would have
// less than 20 successful requests, are six equal parts of the time measured, by
// when requests were sent. So one run is enough for benchstat to tell a difference
// from how the service varies within a step. Runs also differ by what they have in
// common in all their parts, such as the state of a machine: concatenate the files
// of several to take that into account.
//
// The first number is the requests sent, and ns/op the mean latency of those that
// succeeded. Configuration is what two runs must have in common to be compared; of
// a loopback address the port is left out, and in virtual time so is the machine.
//
// Of a step that is invalid there is a comment only.
func (r *Result) benchText() ([]byte, error) {
	var text bytes.Buffer
	kept := "real"
	if r.Virtual {
		kept = "virtual"
	} else {
		fmt.Fprintf(&text, "goos: %s\ngoarch: %s\n", runtime.GOOS, runtime.GOARCH)
	}
	for _, c := range [][2]string{{"pkg", r.pkg}, {"target", loopback.ReplaceAllString(oneLine(r.Target), "$1$2")}, {"time", kept}} {
		if c[1] != "" {
			fmt.Fprintf(&text, "%s: %s\n", c[0], c[1])
		}
	}
	for _, c := range benchColumns {
		fmt.Fprintf(&text, "Unit %s better=%s\n", c.unit, c.better)
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.Invalid != "" { // a line of no benchmark, which benchstat leaves out
			fmt.Fprintf(&text, "# %s is invalid: %s\n", benchName(r.Name, s.Name), oneLine(s.Invalid))
			continue
		}
		for _, part := range s.parts() {
			fmt.Fprintf(&text, "%s\t%8d", benchName(r.Name, s.Name), part.Requests)
			for _, c := range benchColumns {
				if v, known := c.value(&part); known {
					fmt.Fprintf(&text, "\t%12s %s", v, c.unit)
				}
			}
			fmt.Fprintln(&text)
		}
	}
	return text.Bytes(), nil
}

// loopback matches an address of this machine.
var loopback = regexp.MustCompile(`(^|[^\w.-])(localhost|127\.0\.0\.1|\[::1\]):\d+`)

// benchColumns are the figures of a line.
var benchColumns = []struct {
	unit, better string
	value        func(*Stats) (v string, known bool)
}{
	{"ns/op", "lower", func(s *Stats) (string, bool) { return nanoseconds(s.Latency.Mean, &s.Latency) }},
	{"p50-ns", "lower", func(s *Stats) (string, bool) { return nanoseconds(s.Latency.P50, &s.Latency) }},
	{"p95-ns", "lower", func(s *Stats) (string, bool) { return nanoseconds(s.Latency.P95, &s.Latency) }},
	{"ttft-p50-ns", "lower", func(s *Stats) (string, bool) { return nanoseconds(s.TTFT.P50, &s.TTFT) }},
	{"ttft-p95-ns", "lower", func(s *Stats) (string, bool) { return nanoseconds(s.TTFT.P95, &s.TTFT) }},
	{"itl-p50-ns", "lower", func(s *Stats) (string, bool) { return nanoseconds(s.ITL.P50, &s.ITL) }},
	{"itl-p95-ns", "lower", func(s *Stats) (string, bool) { return nanoseconds(s.ITL.P95, &s.ITL) }},
	{"req/s", "higher", func(s *Stats) (string, bool) { return fmt.Sprintf("%.4g", s.Throughput), true }},
	{"tokens/s", "higher", func(s *Stats) (string, bool) {
		return fmt.Sprintf("%.5g", s.OutputTokensPerSecond), s.OutputTokens > 0
	}},
	{"failed-%", "lower", func(s *Stats) (string, bool) { return fmt.Sprintf("%.4g", 100*s.FailureRate), true }},
}

func nanoseconds(d time.Duration, of *Distribution) (string, bool) {
	return fmt.Sprint(d.Nanoseconds()), of.N > 0
}

// parts are equal parts of the time that the step was measured, but for those in
// which nothing was sent.
func (s *Step) parts() []Stats {
	n := min(benchParts, max(1, s.Succeeded()/benchLeast))
	length := (s.Until - s.From) / time.Duration(n)
	sent := make([][]record.Sample, n)
	for _, sample := range s.samples {
		i := int((time.Duration(sample.Sent) - s.From) / max(length, 1))
		i = max(0, min(i, n-1)) // the last part has what is left of the division
		sent[i] = append(sent[i], sample)
	}
	var parts []Stats
	noGaps := record.NewHistogram()
	for _, samples := range sent {
		if len(samples) > 0 {
			parts = append(parts, sumUp(samples, noGaps, length, 0))
		}
	}
	return parts
}

// processors matches a name that ends as Go's benchmarks do on several processors.
var processors = regexp.MustCompile(`-(\d+)$`)

// benchName is the name of a step as a benchmark: BenchmarkCapacity/users=50.
func benchName(test, step string) string {
	return "Benchmark" + strings.TrimPrefix(test, "Test") + "/" + processors.ReplaceAllString(step, "_$1")
}
