package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the processor time of this thread: what others do on the machine is not in it.
func cpuTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
