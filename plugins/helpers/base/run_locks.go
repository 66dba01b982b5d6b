package base

import (
	"runtime"
	"sync/atomic"

	"github.com/bpfc/bpfc/core/codegen"
)

func (s *session) lockTable() table {
	return table{"bpf_spin_lock": s.spinLock, "bpf_spin_unlock": s.spinUnlock}
}

// spinLock makes the word 1 when it is 0 (struct bpf_spin_lock, include/uapi/linux/bpf.h; bpf_spin_lock,
// kernel/bpf/helpers.c, Linux 6.18). Updates of maps with flag 4 do the same. A run holds one lock at most, as the
// verifier sees to, and calls no helper meanwhile, so that waiting is short.
func (s *session) spinLock(c codegen.Call, at, _, _, _, _ uint64) uint64 {
	w, u := c.Word(at), s.cpu(c)
	if w == nil || u.held != 0 {
		return 0
	}
	for !atomic.CompareAndSwapUint32(w, 0, 1) {
		runtime.Gosched()
	}
	u.held = at
	return 0
}

func (s *session) spinUnlock(c codegen.Call, at, _, _, _, _ uint64) uint64 {
	if u := s.cpu(c); at != 0 && u.held == at {
		s.unlock(c)
	}
	return 0
}

// unlock gives back the lock that the run has, if it has one.
func (s *session) unlock(c codegen.Call) {
	u := s.cpu(c)
	if w := c.Word(u.held); u.held != 0 && w != nil {
		atomic.StoreUint32(w, 0)
	}
	u.held = 0
}
