// Package alive is for tests that give the running kernel programs: through bpf(2), as filters of sockets, or as filters of
// system calls. It says whether the kernel answers at all, and keeps tests from asking faster than it can forget.
//
// A kernel that does not answer keeps the caller in a sleep from which no signal wakes it, kill(2) included (state D), and with
// it the test, `go test`, and what waits for that. So a child asks first: this binary once more, which asks when this package is
// initialised. A child that is not back in time is left behind.
package alive

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Limit is how long the kernel has to answer the child. It needs less than a millisecond.
const Limit = 10 * time.Second

// memory is how long the answer "none" holds for the processes that come next, so that only one of them waits and leaves a child behind.
const memory = 10 * time.Minute

// childVariable is set in the environment of the child.
const childVariable = "BPFC_KERNEL_ALIVE_CHILD"

func init() {
	if os.Getenv(childVariable) == "" {
		return
	}
	ask()
	os.Exit(0)
}

var errSilent = fmt.Errorf("the kernel does not answer bpf() within %v: tests that ask it are skipped", Limit)

// Check skips the test if the kernel does not answer. That it refuses is an answer.
func Check(t testing.TB) {
	t.Helper()
	if err := Err(); err != nil {
		t.Skip(err)
	}
}

// Err is nil if the kernel answers; it is asked once per process. It is safe for concurrent use.
var Err = sync.OnceValue(func() error { return find(remembered(), answers) })

// find asks, unless a file says that the kernel does not answer, and writes that file. Without a path nothing is remembered.
func find(file string, answers func(time.Duration) (bool, error)) error {
	if i, err := os.Stat(file); err == nil && time.Since(i.ModTime()) < memory {
		return fmt.Errorf("%w (%s says so)", errSilent, file)
	}
	switch ok, err := answers(Limit); {
	case err != nil:
		return fmt.Errorf("whether the kernel answers: %w", err)
	case ok:
		return nil
	}
	if file != "" {
		_ = os.Remove(file) // its time is to be this one
		_ = os.WriteFile(file, nil, 0o644)
	}
	return errSilent
}

// A kernel frees programs later, in work of its own, on a queue that does 1,024 at a time: if it has that many, and memory is
// to be unmapped, Linux 6.18 waits for itself for ever (bpf_prog_free_deferred, kernel/bpf/core.c).
const (
	pace  = 64
	pause = 20 * time.Millisecond
)

var given atomic.Uint64

// Pace is called before each program that the kernel gets, and after every 64th gives it time to free those before.
func Pace() {
	if given.Add(1)%pace == 0 {
		time.Sleep(pause)
	}
}
