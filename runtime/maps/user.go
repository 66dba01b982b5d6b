package maps

import (
	"sync/atomic"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// User is a map as user space has it: the bpf system call's operations, with its checks of flags and permissions
// (kernel/bpf/syscall.c, Linux 6.18). It is safe for concurrent use.
type User struct {
	m      Map
	kind   *kind
	lock   bool // values have one
	frozen atomic.Bool
}

// ForUser is the map's face to user space. Freezing it does not concern others.
func ForUser(m Map) *User {
	u := &User{m: m, kind: kindOf(m.Spec().Type)}
	for _, f := range m.Spec().Special {
		u.lock = u.lock || f.Kind == abi.SpecialLock
	}
	return u
}

// Map is the map itself.
func (u *User) Map() Map { return u.m }

// Freeze forbids writing by user space for ever (BPF_MAP_FREEZE).
func (u *User) Freeze() codegen.Errno {
	switch {
	case len(u.m.Spec().Special) > 0:
		return codegen.ENOTSUPP
	case !u.canWrite():
		return codegen.EPERM
	}
	u.frozen.Store(true)
	return codegen.OK
}

func (u *User) canRead() bool { return u.m.Spec().Flags&FlagWriteOnly == 0 }

func (u *User) canWrite() bool { return u.m.Spec().Flags&FlagReadOnly == 0 && !u.frozen.Load() }

// flags checks the flags of an operation that reads, and its permission.
func (u *User) flags(flags uint64, allowed bool) codegen.Errno {
	switch {
	case flags&^updateLock != 0:
		return codegen.EINVAL
	case !allowed:
		return codegen.EPERM
	}
	return u.lockFlag(flags)
}

func (u *User) lockFlag(flags uint64) codegen.Errno {
	if flags&updateLock != 0 && !u.lock {
		return codegen.EINVAL
	}
	return codegen.OK
}

// Get is BPF_MAP_LOOKUP_ELEM. Of a queue or stack it is the first value, without a key; of a bloom filter, key is the value.
func (u *User) Get(key []byte, flags uint64) ([]byte, codegen.Errno) {
	if errno := u.flags(flags, u.canRead()); errno != codegen.OK {
		return nil, errno
	}
	return u.m.Get(key)
}

// Update is BPF_MAP_UPDATE_ELEM.
func (u *User) Update(key, value []byte, flags uint64) codegen.Errno {
	if !u.canWrite() {
		return codegen.EPERM
	}
	if errno := u.lockFlag(flags); errno != codegen.OK {
		return errno
	}
	return u.m.Update(key, value, flags, codegen.AllCPUs)
}

// Delete is BPF_MAP_DELETE_ELEM.
func (u *User) Delete(key []byte) codegen.Errno {
	if !u.canWrite() {
		return codegen.EPERM
	}
	return u.m.Delete(key)
}

// Next is BPF_MAP_GET_NEXT_KEY.
func (u *User) Next(key []byte) ([]byte, codegen.Errno) {
	if !u.canRead() {
		return nil, codegen.EPERM
	}
	return u.m.Next(key)
}

// Take is BPF_MAP_LOOKUP_AND_DELETE_ELEM.
func (u *User) Take(key []byte, flags uint64) ([]byte, codegen.Errno) {
	if errno := u.flags(flags, u.canRead() && u.canWrite()); errno != codegen.OK {
		return nil, errno
	}
	if !u.kind.take {
		return nil, codegen.ENOTSUPP
	}
	return u.m.Take(key)
}

// Entry is a key with its value.
type Entry struct{ Key, Value []byte }

// GetBatch is BPF_MAP_LOOKUP_BATCH: up to n elements behind the key from, nil for the first. With fewer than n it ends with
// ENOENT: there are no more.
func (u *User) GetBatch(from []byte, n int) (batch []Entry, errno codegen.Errno) {
	if u.kind.batch == noBatch {
		return nil, codegen.ENOTSUPP
	}
	for key := from; len(batch) < n; {
		if key, errno = u.Next(key); errno != codegen.OK {
			return batch, errno
		}
		v, errno := u.Get(key, 0)
		switch errno {
		case codegen.OK:
			batch = append(batch, Entry{key, v})
		case codegen.ENOENT: // it has gone, or an entry is not in use
		default:
			return batch, errno
		}
	}
	return batch, codegen.OK
}

// UpdateBatch is BPF_MAP_UPDATE_BATCH: it stops at the first error, and says how many it did.
func (u *User) UpdateBatch(batch []Entry, flags uint64) (n int, errno codegen.Errno) {
	if errno := u.writeBatch(flags, getBatch); errno != codegen.OK {
		return 0, errno
	}
	return forBatch(batch, func(e *Entry) codegen.Errno { return u.Update(e.Key, e.Value, flags) })
}

// DeleteBatch is BPF_MAP_DELETE_BATCH, of the entries' keys.
func (u *User) DeleteBatch(batch []Entry) (n int, errno codegen.Errno) {
	if errno := u.writeBatch(0, allBatch); errno != codegen.OK {
		return 0, errno
	}
	return forBatch(batch, func(e *Entry) codegen.Errno { return u.Delete(e.Key) })
}

// writeBatch checks what batches that write have in common.
func (u *User) writeBatch(flags uint64, need batches) codegen.Errno {
	switch {
	case !u.canWrite():
		return codegen.EPERM
	case u.kind.batch < need:
		return codegen.ENOTSUPP
	case flags&^updateLock != 0:
		return codegen.EINVAL
	}
	return u.lockFlag(flags)
}

func forBatch(batch []Entry, f func(*Entry) codegen.Errno) (int, codegen.Errno) {
	for i := range batch {
		if errno := f(&batch[i]); errno != codegen.OK {
			return i, errno
		}
	}
	return len(batch), codegen.OK
}
