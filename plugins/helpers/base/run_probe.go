package base

import (
	"bytes"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/env"
)

func (s *session) probeTable() table {
	return table{
		"bpf_probe_read":            s.reader(either, (*session).copyBytes),
		"bpf_probe_read_kernel":     s.reader(kernel, (*session).copyBytes),
		"bpf_probe_read_user":       s.reader(user, (*session).copyBytes),
		"bpf_probe_read_str":        s.reader(either, (*session).copyText),
		"bpf_probe_read_kernel_str": s.reader(kernel, (*session).copyText),
		"bpf_probe_read_user_str":   s.reader(user, (*session).copyText),
	}
}

func (s *session) readMemory(h codegen.Home) (err error) {
	var list []env.Block
	if err := env.Part(h.Env("memory"), "memory", &list); err != nil {
		return err
	}
	s.memory, err = env.NewMemory(list)
	return err
}

// space is which addresses a helper may read.
type space uint8

// The spaces. What the run can reach itself (its stack, values of maps, …) is memory of the kernel, whatever its address.
const (
	kernel space = iota
	user
	either // as the address says
)

// Where the addresses of processes end on x86-64, and where those of the kernel begin (TASK_SIZE_MAX,
// arch/x86/include/asm/page_64.h, Linux 6.18).
const (
	userEnd     = 1<<47 - 4096
	kernelBegin = 0xffff_8000_0000_0000
)

// own reports whether the run can reach an address itself.
func own(c codegen.Call, addr uint64) bool { return c.Bytes(addr, 1, false) != nil }

// of is the space in which an address is read.
func (sp space) of(c codegen.Call, addr uint64) space {
	switch {
	case sp != either:
		return sp
	case addr < userEnd && !own(c, addr):
		return user
	}
	return kernel
}

// may is the error of an address that a helper does not even try to read: copy_from_kernel_nofault_allowed
// (arch/x86/mm/maccess.c) and access_ok, which __copy_from_user_nofault (mm/maccess.c, Linux 6.18) asks.
func (sp space) may(c codegen.Call, addr uint64) codegen.Errno {
	switch {
	case sp == kernel && addr < kernelBegin && !own(c, addr):
		return codegen.ERANGE
	case sp == user && (addr >= userEnd || own(c, addr)):
		return codegen.EFAULT
	}
	return codegen.OK
}

// see is memory at an address, as much as lies there in one piece and at most n bytes; none if it cannot be read.
func (s *session) see(c codegen.Call, sp space, addr uint64, n int) []byte {
	for k := n; sp == kernel && k > 0; k /= 2 {
		if b := c.Bytes(addr, uint64(k), false); b != nil {
			return b
		}
	}
	if (sp == user) != (addr < userEnd) {
		return nil
	}
	return s.memory.At(addr, n)
}

// copier fills dst from an address, and returns the helper's result; a fault is an error.
type copier func(s *session, c codegen.Call, sp space, dst []byte, addr uint64) (uint64, codegen.Errno)

// reader is a helper that fills a buffer (R1, R2) from an address (R3): all of the buffer is 0 if it fails.
func (s *session) reader(sp space, from copier) codegen.GoHelper {
	return func(c codegen.Call, buf, size, addr, _, _ uint64) uint64 {
		return s.fill(c, sp, from, buf, size, addr)
	}
}

func (s *session) fill(c codegen.Call, sp space, from copier, buf, size, addr uint64) uint64 {
	dst := []byte(nil)
	if size = uint64(uint32(size)); size != 0 {
		if dst = c.Bytes(buf, size, true); dst == nil {
			return codegen.EFAULT.Ret()
		}
	}
	n, err := from(s, c, sp, dst, addr)
	if err != codegen.OK {
		clear(dst)
		return err.Ret()
	}
	return n
}

// copyBytes is bpf_probe_read_kernel_common and bpf_probe_read_user_common (kernel/trace/bpf_trace.c, Linux 6.18).
func (s *session) copyBytes(c codegen.Call, sp space, dst []byte, addr uint64) (uint64, codegen.Errno) {
	sp = sp.of(c, addr)
	if err := sp.may(c, addr); err != codegen.OK {
		return 0, err
	}
	for n := 0; n < len(dst); {
		b := s.see(c, sp, addr+uint64(n), len(dst)-n)
		if len(b) == 0 {
			return 0, codegen.EFAULT
		}
		n += copy(dst[n:], b)
	}
	return 0, codegen.OK
}

// copyText copies up to a zero, and returns the length with it. What does not fit is cut off
// (bpf_probe_read_kernel_str_common and bpf_probe_read_user_str_common, kernel/trace/bpf_trace.c, Linux 6.18).
func (s *session) copyText(c codegen.Call, sp space, dst []byte, addr uint64) (uint64, codegen.Errno) {
	const piece = 64
	if len(dst) == 0 {
		return 0, codegen.OK
	}
	sp = sp.of(c, addr)
	if err := sp.may(c, addr); err != codegen.OK {
		return 0, err
	}
	for n := 0; n < len(dst); {
		b := s.see(c, sp, addr+uint64(n), min(piece, len(dst)-n))
		if len(b) == 0 {
			return 0, codegen.EFAULT
		}
		if end := bytes.IndexByte(b, 0); end >= 0 {
			copy(dst[n:], b[:end+1])
			return uint64(n + end + 1), codegen.OK
		}
		n += copy(dst[n:], b)
	}
	dst[len(dst)-1] = 0
	return uint64(len(dst)), codegen.OK
}
