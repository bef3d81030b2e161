package generator

import (
	"os"
	"path"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/stat: Linux says hundredths of a second to all
// programs, whatever its own clock is.
const clockTick = 10 * time.Millisecond

// stolen is how long this machine's hypervisor has run others while a processor of
// it was ready to run, as the mean of its processors; 0 if that is not known.
func stolen() time.Duration {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	return stolenOf(string(data))
}

func stolenOf(stat string) time.Duration {
	line, rest, _ := strings.Cut(stat, "\n")
	processors := strings.Count("\n"+rest, "\ncpu")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal
	if len(fields) < 9 || fields[0] != "cpu" || processors == 0 {
		return 0
	}
	ticks, err := strconv.ParseInt(fields[8], 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(ticks) * clockTick / time.Duration(processors)
}

// throttled is how long the CPU limit of the container, or the group, that this
// process is in has held it back, of all processors together; 0 if there is none or
// it is not known.
func throttled() time.Duration {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	for _, name := range statsOf(string(groups)) {
		if data, err := os.ReadFile(name); err == nil {
			return throttledOf(string(data))
		}
	}
	return 0
}

// statsOf are the files that may say it: those of the group, which in a container
// are at the root, as it is seen there.
func statsOf(groups string) []string {
	var names []string
	for line := range strings.SplitSeq(groups, "\n") {
		fields := strings.SplitN(line, ":", 3) // hierarchy:controllers:path
		switch {
		case len(fields) < 3:
		case fields[0] == "0" && fields[1] == "":
			names = append(names, path.Join("/sys/fs/cgroup", fields[2], "cpu.stat"), "/sys/fs/cgroup/cpu.stat")
		case strings.Contains(","+fields[1]+",", ",cpu,"):
			at := path.Join("/sys/fs/cgroup", fields[1])
			names = append(names, path.Join(at, fields[2], "cpu.stat"), path.Join(at, "cpu.stat"))
		}
	}
	return names
}

func throttledOf(stat string) time.Duration {
	for line := range strings.SplitSeq(stat, "\n") {
		name, value, _ := strings.Cut(line, " ")
		unit := map[string]time.Duration{"throttled_usec": time.Microsecond, "throttled_time": time.Nanosecond}[name]
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && unit > 0 {
			return time.Duration(n) * unit
		}
	}
	return 0
}
