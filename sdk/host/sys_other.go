//go:build unix && !linux

package host

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// processAttributes put the plugin into a process group of its own. It watches
// its host by itself (sdk/plugin).
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// setLimits does nothing: only Linux can limit another process. The plugin's Go
// runtime keeps to the limit of memory as far as it can (GOMEMLIMIT).
func setLimits(int, Options) error { return nil }

// bury waits for the end of the process and kills what it leaves behind.
func (r *runner) bury() {
	_ = r.cmd.Wait() // how it ended is in the state
	r.killGroup()
	r.setPID(0)
}

// killProcessGroup kills the group whose leader is pid.
func killProcessGroup(pid int) { _ = unix.Kill(-pid, unix.SIGKILL) }
