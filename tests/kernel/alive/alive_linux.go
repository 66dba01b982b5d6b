package alive

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ask gives the kernel a program and a classic filter, both the shortest that there is. What it says of them does not matter.
func ask() {
	insns := []uint64{0xb7, 0x95} // r0 = 0; exit
	license := []byte("GPL\x00")
	var pins runtime.Pinner
	defer pins.Unpin()
	pins.Pin(&insns[0])
	pins.Pin(&license[0])
	// The part of union bpf_attr that BPF_PROG_LOAD needs (include/uapi/linux/bpf.h, Linux 6.18).
	a := struct {
		Type, Count    uint32
		Insns, License uint64
		LogLevel, Size uint32
		Log            uint64
		Version, Flags uint32
	}{Type: unix.BPF_PROG_TYPE_SOCKET_FILTER, Count: 2, Insns: uint64(uintptr(unsafe.Pointer(&insns[0]))), License: uint64(uintptr(unsafe.Pointer(&license[0])))}
	if fd, _, e := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a)); e == 0 {
		_ = unix.Close(int(fd))
	}
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	filter := unix.SockFilter{Code: unix.BPF_RET}
	_ = unix.SetsockoptSockFprog(s, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &filter})
	_ = unix.Close(s)
}

// answers reports whether the child comes back. It has nothing of this process's open, for which others might wait until it ends.
func answers(limit time.Duration) (bool, error) {
	exe, err := os.Executable()
	if err != nil {
		return false, err
	}
	return returns(exec.Command(exe), limit)
}

func returns(c *exec.Cmd, limit time.Duration) (bool, error) {
	c.Env = append(os.Environ(), childVariable+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		return false, err
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	select {
	case err := <-done:
		return err == nil, err
	case <-time.After(limit):
		_ = c.Process.Kill() // for when the kernel is well again
		return false, nil
	}
}

// remembered is the file that says that this kernel, since it was started, does not answer; "" if that has no name.
func remembered() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return filepath.Join(os.TempDir(), "bpfc-kernel-silent-"+strings.TrimSpace(string(id)))
}
