package main

import "golang.org/x/sys/unix"

// tryBPF asks the kernel for a map without attributes: EPERM and ENOSYS come
// before it looks at them, EINVAL after (kernel/bpf/syscall.c, Linux 6.18).
func tryBPF() error {
	const mapCreate = 0 // BPF_MAP_CREATE
	_, _, errno := unix.Syscall(unix.SYS_BPF, mapCreate, 0, 0)
	if errno == 0 || errno == unix.EINVAL {
		return nil
	}
	return errno
}
