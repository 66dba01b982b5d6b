package base

import (
	"sync"

	"github.com/bpfc/bpfc/core/codegen"
)

func (s *session) lockTable() table {
	return table{"bpf_spin_lock": s.spinLock, "bpf_spin_unlock": s.spinUnlock}
}

// locks is the locks that somebody holds or waits for, by the address of their word in a map's value. The word itself
// stays 0. (The kernel makes a lock of the word: bpf_spin_lock, kernel/bpf/helpers.c, Linux 6.18.)
type locks struct {
	sync.Mutex
	at map[uint64]*lock
}

// lock is a lock with the number of those that hold it or wait for it.
type lock struct {
	sync.Mutex
	users int
}

// spinLock waits for the lock. A run holds one at most, as the verifier sees to.
func (s *session) spinLock(c codegen.Call, at, _, _, _, _ uint64) uint64 {
	u := s.cpu(c)
	if at == 0 {
		return 0
	}
	if u.held != 0 {
		s.unlock(u)
	}
	s.locks.use(at).Lock()
	u.held = at
	return 0
}

// use is the lock at an address, with one user more.
func (k *locks) use(at uint64) *lock {
	k.Lock()
	defer k.Unlock()
	l := k.at[at]
	if l == nil {
		l = &lock{}
		if k.at == nil {
			k.at = map[uint64]*lock{}
		}
		k.at[at] = l
	}
	l.users++
	return l
}

func (s *session) spinUnlock(c codegen.Call, at, _, _, _, _ uint64) uint64 {
	if u := s.cpu(c); at != 0 && u.held == at {
		s.unlock(u)
	}
	return 0
}

// unlock gives back the lock that the run has.
func (s *session) unlock(u *cpu) {
	s.locks.Lock()
	l := s.locks.at[u.held]
	if l.users--; l.users == 0 {
		delete(s.locks.at, u.held)
	}
	s.locks.Unlock()
	u.held = 0
	l.Unlock()
}
