package llmperf

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// madeCapacity is the capacity that a search finds by the given probes.
func madeCapacity(s Search, slo SLO, probes ...made) *Capacity {
	res := madeResult(probes...)
	res.Elapsed = time.Duration(len(probes)) * time.Minute
	p := newProber(s.withDefaults(), uniqueNames(slo.checks()), res.scenario.Confidence)
	for i := range res.Steps {
		step := &res.Steps[i]
		step.Begin, step.From, step.Until = time.Duration(i)*time.Minute, time.Duration(i)*time.Minute+15*time.Second, time.Duration(i+1)*time.Minute-15*time.Second
		step.trial, _ = p.decide(step, 1)
	}
	return p.capacity(res)
}

// probed is a probe of so many users, whose p95 is near 1.64 s times slower.
func probed(users int, slower float64) made {
	return made{users: users, requests: 20 * users, median: time.Duration(slower * float64(time.Second)), sigma: 0.3}
}

var capacityMessages = []struct {
	file, reason string
	capacity     func() *Capacity
	atLeast      float64
	want         Verdict
}{
	{"capacity_pass", "the claimed load was probed, and holds", func() *Capacity {
		return madeCapacity(Search{MaxUsers: 200, AtLeast: 80}, Latency.P95Below(2*time.Second), probed(10, 0.9), probed(20, 0.9), probed(40, 0.95), probed(80, 1.1), probed(160, 2), probed(120, 1.5), probed(100, 1.3), probed(90, 1.24))
	}, 80, Pass},
	{"capacity_fail", "the claimed load was probed, and does not hold", func() *Capacity {
		return madeCapacity(Search{MaxUsers: 200, AtLeast: 100}, Latency.P95Below(2*time.Second), probed(10, 0.9), probed(20, 0.9), probed(40, 0.95), probed(80, 1.1), probed(100, 1.4), probed(90, 1.24))
	}, 100, Fail},
	{"capacity_inconclusive", "the claimed load was probed, and is as much as the service takes", func() *Capacity {
		return madeCapacity(Search{MaxUsers: 200, AtLeast: 90}, Latency.P95Below(2*time.Second), probed(10, 0.9), probed(20, 0.9), probed(40, 0.95), probed(80, 1.1), probed(90, 1.22), probed(180, 2), probed(135, 1.6), probed(112, 1.4), probed(101, 1.3))
	}, 90, Inconclusive},
	{"capacity_pass_below", "what holds at 80 users holds below", func() *Capacity {
		return madeCapacity(Search{MaxUsers: 200}, Latency.P95Below(2*time.Second), probed(40, 0.95), probed(80, 1.1), probed(160, 2))
	}, 30, Pass},
	{"capacity_fail_above", "what fails at 160 users fails above", func() *Capacity {
		return madeCapacity(Search{MaxUsers: 200}, Latency.P95Below(2*time.Second), probed(40, 0.95), probed(80, 1.1), probed(160, 2))
	}, 200, Fail},
	{"capacity_between", "no probe tells", func() *Capacity {
		return madeCapacity(Search{MaxUsers: 200}, Latency.P95Below(2*time.Second), probed(40, 0.95), probed(80, 1.1), probed(160, 2))
	}, 100, Inconclusive},
	{"capacity_failing", "requests fail from a load on, and latency stays", func() *Capacity {
		shed := func(users, failed int) made {
			return beside(probed(users, 0.9), func(m *made) { m.failed = failed })
		}
		return madeCapacity(Search{MaxUsers: 200, AtLeast: 40}, SLOs{Latency.P95Below(2 * time.Second), FailureRateBelow(0.01)}, shed(10, 0), shed(20, 0), shed(40, 0), shed(80, 400), shed(60, 100), shed(50, 15), shed(45, 0))
	}, 40, Pass},
	{"capacity_failure_astray", "a failure that was chance limits nothing", func() *Capacity {
		return madeCapacity(Search{MaxUsers: 200}, SLOs{FailureRateBelow(0.001), Latency.P95Below(2 * time.Second)}, beside(probed(10, 0.9), func(m *made) { m.failed = 1 }), probed(20, 2))
	}, 20, Fail},
	{"capacity_failures_early", "where the fit sees failures from the start on, what held counts", func() *Capacity {
		failing := func(users, failed int) made {
			return beside(probed(users, 0.9), func(m *made) { m.failed = failed })
		}
		return madeCapacity(Search{MaxUsers: 200}, FailureRateBelow(0.001), failing(10, 1), failing(20, 0), failing(40, 20))
	}, 20, Inconclusive},
	{"capacity_failures_together", "no probe has enough failures, all of them together do", func() *Capacity {
		failing := func(users, failed int) made {
			return beside(probed(users, 0.9), func(m *made) { m.failed = failed })
		}
		return madeCapacity(Search{MaxUsers: 40}, FailureRateBelow(0.01), failing(10, 4), failing(20, 7), failing(40, 12))
	}, 40, Fail},
	{"capacity_failures_few", "so few requests don't prove that hardly any fail", func() *Capacity {
		return madeCapacity(Search{MaxUsers: 200, AtLeast: 20}, SLOs{Latency.P95Below(2 * time.Second), FailureRateBelow(0.001)}, probed(10, 0.9), probed(20, 0.9), probed(40, 2))
	}, 20, Inconclusive},
	{"capacity_ceiling", "it holds as far as was tried", func() *Capacity {
		return madeCapacity(Search{MaxUsers: 40, AtLeast: 20}, Latency.P95Below(2*time.Second), probed(10, 0.9), probed(20, 0.9), probed(40, 0.9))
	}, 20, Pass},
	{"capacity_nothing", "it does not even hold for one user", func() *Capacity {
		return madeCapacity(Search{MaxUsers: 40, AtLeast: 1}, Latency.P95Below(time.Second), beside(probed(1, 2), func(m *made) { m.requests = 80 }))
	}, 1, Fail},
	{"capacity_not_measured", "the search ended before its first look", func() *Capacity {
		res := madeResult()
		res.Aborted = "all of the first 30 requests failed: status 401"
		p := newProber(Search{MaxUsers: 40}.withDefaults(), Latency.P95Below(time.Second).checks(), 0.95)
		return p.capacity(res)
	}, 1, Fail},
	{"capacity_of_what", "no service takes fewer than no users", func() *Capacity {
		return madeCapacity(Search{MaxUsers: 40}, Latency.P95Below(2*time.Second), probed(10, 0.9))
	}, -1, Fail},
}

func TestCapacityMessages(t *testing.T) {
	for _, tt := range capacityMessages {
		t.Run(tt.file, func(t *testing.T) {
			c := tt.capacity()
			o := c.AtLeast(tt.atLeast)
			text := fmt.Sprintf("%v\n%s\n", c, o.Message)
			assert.Equal(t, tt.want, o.Verdict, "%s: %s", tt.reason, text)
			for _, wrong := range []string{"%!", "NaN", "Inf"} {
				assert.NotContains(t, text, wrong)
			}
			golden(t, filepath.Join("messages", tt.file+".txt"), strings.TrimLeft(text, "\n"))
		})
	}
}
