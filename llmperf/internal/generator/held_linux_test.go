package generator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestStolenTime(t *testing.T) {
	for _, tt := range []struct {
		name, stat string
		want       time.Duration
	}{
		{"as Linux says it", "cpu  2268375 662198 552345 3359160 2685 0 37204 654 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu1 1 2 3 4 5 6 7 8 9 10\nintr 5\n", 3270 * time.Millisecond},
		{"before Linux 2.6.11", "cpu 2268375 662198 552345 3359160 2685 0 37204\n", 0},
		{"nothing", "", 0},
		{"something else", "intr 1 2 3 4 5 6 7 8 9\n", 0},
		{"no number", "cpu a b c d e f g h\ncpu0 a b c d e f g h\n", 0},
		{"no processor", "cpu 1 2 3 4 5 6 7 8\n", 0},
	} {
		assert.Equal(t, tt.want, stolenOf(tt.stat), tt.name)
	}
}

func TestThrottledTime(t *testing.T) {
	for _, tt := range []struct {
		name, stat string
		want       time.Duration
	}{
		{"version 2", "usage_usec 900\nuser_usec 800\nsystem_usec 100\nnr_periods 40\nnr_throttled 12\nthrottled_usec 340000\n", 340 * time.Millisecond},
		{"version 1", "nr_periods 40\nnr_throttled 12\nthrottled_time 340000000\n", 340 * time.Millisecond},
		{"without a limit", "usage_usec 900\nuser_usec 800\nsystem_usec 100\n", 0},
		{"nothing", "", 0},
	} {
		assert.Equal(t, tt.want, throttledOf(tt.stat), tt.name)
	}
	assert.Equal(t, []string{"/sys/fs/cgroup/system.slice/ci.service/cpu.stat", "/sys/fs/cgroup/cpu.stat"}, statsOf("0::/system.slice/ci.service\n"), "version 2")
	assert.Equal(t, []string{"/sys/fs/cgroup/cpu,cpuacct/docker/1f/cpu.stat", "/sys/fs/cgroup/cpu,cpuacct/cpu.stat"},
		statsOf("4:memory:/docker/1f\n3:cpuset:/docker/1f\n2:cpu,cpuacct:/docker/1f\n"), "version 1")
	assert.Empty(t, statsOf(""))
}
