package llmperf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// lockEnv switches off that a load waits for those of other processes.
const lockEnv = "LLMPERF_LOCK"

// Of processes that want to put a load on, one does and the others wait.
var errLocked = errors.New("another process has the lock")

const lockTry = 100 * time.Millisecond // between two tries to get it

// loaded is the test whose load is on in this process, in real time; nil for none.
var loaded atomic.Pointer[string]

// refuseParallel ends a test that runs beside others and calls what. Only
// t.Setenv knows: it panics in such a test, and in one whose parent is one; and it
// lets a later t.Parallel panic.
func refuseParallel(t *testing.T, what string) {
	t.Helper()
	defer func() {
		t.Helper()
		if recover() != nil {
			t.Fatalf("llmperf: %s puts a load on in real time, and this test, or one that it is a subtest of, has called t.Parallel: loads that are on at once measure each other; leave t.Parallel out, or use virtual time, which tests may share", what)
		}
	}()
	t.Setenv(lockEnv, os.Getenv(lockEnv))
}

// alone makes a load of at least the given length the only one that is on in real
// time, until it is released: in this process any other is refused, and those of
// other processes of the same user are waited for, if there is time.
func alone(t *testing.T, length time.Duration) (release func()) {
	t.Helper()
	name := t.Name()
	if !loaded.CompareAndSwap(nil, &name) {
		other := "another"
		if on := loaded.Load(); on != nil {
			other = *on
		}
		t.Fatalf("llmperf: nothing was sent, since the load of %s is on in this process: loads that are on at once measure each other; call one after the other has returned, or make them the targets of one llmperf.Mix", other)
	}
	unlock := func() {}
	release = func() {
		unlock()
		loaded.Store(nil)
	}
	got := false
	defer func() {
		if !got {
			release()
		}
	}()
	switch text := os.Getenv(lockEnv); text {
	case "":
		unlock = lockOut(t, length)
	case "off":
	default:
		t.Fatalf("llmperf: %s is %q: want off to put a load on whatever other processes do, or nothing", lockEnv, text)
	}
	got = true
	return release
}

// lockOut waits until no other process has a load on, and lets none begin one. The
// system takes the lock of a process that dies.
func lockOut(t *testing.T, length time.Duration) (unlock func()) {
	t.Helper()
	latest := time.Time{}
	if deadline, limited := t.Deadline(); limited {
		latest = deadline.Add(-deadlineMargin - length)
	}
	dir, err := sharedFolder()
	holder := filepath.Join(dir, "holder")
	for waited := false; ; waited = true {
		var lock *os.File
		if err == nil {
			lock, err = tryLock(filepath.Join(dir, "lock"))
		}
		switch {
		case err == nil:
			_ = writeWhole(holder, fmt.Appendf(nil, "%s in %s, pid %d", t.Name(), caller().pkg, os.Getpid())) // for messages alone
			return func() { lock.Close() }
		case !errors.Is(err, errLocked):
			t.Logf("llmperf: this load cannot wait for those of other processes: %v", err)
			return func() {}
		}
		err = nil
		other := "another process"
		if text, err := os.ReadFile(holder); err == nil {
			other = strings.TrimSpace(string(text))
		}
		if !latest.IsZero() && time.Now().After(latest) {
			t.Fatalf("llmperf: nothing was sent, since the load of %s is on, and after it there would be no time for this one, which takes %v: give go test a longer -timeout, or test packages one after the other, with go test -p 1", other, length)
		}
		if !waited {
			t.Logf("waiting for the load of %s, since loads that are on at once measure each other; %s=off does not wait", other, lockEnv)
		}
		time.Sleep(lockTry)
	}
}

// sharedFolder is a folder of this user's that all processes find.
func sharedFolder() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("llmperf-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return dir, err
	}
	info, err := os.Lstat(dir)
	if err == nil && !(info.IsDir() && isOwn(info)) {
		err = fmt.Errorf("%s is no folder of this user's", dir)
	}
	return dir, err
}
