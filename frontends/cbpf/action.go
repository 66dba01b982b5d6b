package cbpf

import "fmt"

// actions are the actions of filters of system calls, the high 16 bits of what they return (SECCOMP_RET_*,
// include/uapi/linux/seccomp.h, Linux 6.18). data: the low 16 bits mean something.
var actions = map[uint32]struct {
	name string
	data bool
}{
	0x80000000: {"kill_process", false}, 0x00000000: {"kill_thread", false}, 0x00030000: {"trap", true}, 0x00050000: {"errno", true},
	0x7fc00000: {"user_notif", false}, 0x7ff00000: {"trace", true}, 0x7ffc0000: {"log", false}, 0x7fff0000: {"allow", false},
}

// Action is what a filter of system calls has returned, in words: the action and, of actions that use it, the data. What is
// no action kills the process (seccomp_run_filters and __seccomp_filter, kernel/seccomp.c).
func Action(ret uint32) string {
	a, ok := actions[ret&0xffff0000]
	switch {
	case !ok:
		return "kill_process"
	case a.data:
		return fmt.Sprintf("%s(%d)", a.name, ret&0xffff)
	}
	return a.name
}
