package host

import (
	"errors"
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// processAttributes put the plugin into a process group of its own, which takes
// its children along and keeps the terminal's Ctrl-C from it, and have the kernel
// kill it when the host dies, however that happens and whatever the plugin does.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// setLimits bounds memory and processor time of a process.
//
// The limit of memory is RLIMIT_DATA, which counts private writable mappings
// since Linux 4.7, so what the plugin has allocated. RLIMIT_AS would count what
// is merely reserved: Go's heap arenas, and 2 GiB for code and maps where programs run.
func setLimits(pid int, o Options) error {
	var errs []error
	if o.Memory > 0 {
		errs = append(errs, setLimit(pid, unix.RLIMIT_DATA, uint64(o.Memory)))
	}
	if o.CPUTime > 0 {
		errs = append(errs, setLimit(pid, unix.RLIMIT_CPU, uint64(math.Ceil(o.CPUTime.Seconds()))))
	}
	if err := errors.Join(errs...); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// setLimit sets both limits, the soft and the hard one: at the hard limit of
// processor time the kernel kills (setrlimit(2)), at the soft one it only asks.
func setLimit(pid, resource int, v uint64) error {
	return unix.Prlimit(pid, resource, &unix.Rlimit{Cur: v, Max: v}, nil)
}

// bury waits for the end of the process and kills what it leaves behind. The
// group is killed before the process is reaped, while its number still is its own.
func (r *runner) bury() {
	for errors.Is(unix.Waitid(unix.P_PID, r.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
	r.killGroup()
	r.setPID(0)
	_ = r.cmd.Wait() // how it ended is in the state
}

// killProcessGroup kills the group whose leader is pid.
func killProcessGroup(pid int) { _ = unix.Kill(-pid, unix.SIGKILL) }
