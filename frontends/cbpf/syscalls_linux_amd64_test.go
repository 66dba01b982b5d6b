package cbpf_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bpfc/bpfc/frontends/cbpf"
)

// Names of system calls are those of this machine's numbers.
func TestSyscallNames(t *testing.T) {
	for name, nr := range map[string]uint32{
		"read": unix.SYS_READ, "pread64": unix.SYS_PREAD64, "execve": unix.SYS_EXECVE, "_sysctl": unix.SYS__SYSCTL, "openat": unix.SYS_OPENAT, "seccomp": unix.SYS_SECCOMP,
		"bpf": unix.SYS_BPF, "rseq": unix.SYS_RSEQ, "pidfd_send_signal": unix.SYS_PIDFD_SEND_SIGNAL, "clone3": unix.SYS_CLONE3, "file_setattr": unix.SYS_FILE_SETATTR,
	} {
		f, err := cbpf.Parse("text", fmt.Appendf(nil, "ld [4] jne #0xc000003e, no ld [0] jeq #%d, yes no: ret #0 yes: ret #0x7fff0000", nr), cbpf.Asm)
		require.NoError(t, err)
		require.Contains(t, cbpf.Decide(f.Insns, cbpf.Seccomp).String(), "nr == "+name+"\n")
	}
}
