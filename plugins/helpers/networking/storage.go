package networking

import "github.com/bpfc/bpfc/core/codegen"

// storageCreate is BPF_SK_STORAGE_GET_F_CREATE: make the value if there is none.
const storageCreate = 1

// updateNew is BPF_NOEXIST.
const updateNew = 1

// storageGo are the helpers of values that belong to sockets and cgroups
// (net/core/bpf_sk_storage.c and kernel/bpf/cgroup.c, Linux 6.18).
func (n *network) storageGo() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{
		"bpf_sk_storage_get":    n.socketStorage,
		"bpf_sk_storage_delete": n.dropStorage,
		"bpf_get_local_storage": n.cgroupStorage,
	}
}

// key is the key of the socket's value in a map of kind sk_storage.
func (s *socket) key() []byte { return little.AppendUint64(nil, s.addr) }

// socketStorage is bpf_sk_storage_get.
func (n *network) socketStorage(c codegen.Call, addr, sk, value, flags, _ uint64) uint64 {
	if sk == 0 || flags > storageCreate {
		return 0
	}
	m, s := c.Map(addr), n.of(c, sk)
	if !s.full() {
		return 0
	}
	at := m.Lookup(s.key(), c.CPU())
	if at != 0 || flags != storageCreate {
		return at
	}
	first := make([]byte, m.Spec().ValueSize)
	if value != 0 {
		copy(first, c.Bytes(value, uint64(len(first)), false))
	}
	if e := m.Update(s.key(), first, updateNew, codegen.AllCPUs); e != codegen.OK && e != codegen.EEXIST {
		return 0
	}
	return m.Lookup(s.key(), c.CPU())
}

// dropStorage is bpf_sk_storage_delete.
func (n *network) dropStorage(c codegen.Call, addr, sk, _, _, _ uint64) uint64 {
	s := n.of(c, sk)
	if sk == 0 || !s.full() {
		return codegen.EINVAL.Ret()
	}
	return c.Map(addr).Delete(s.key()).Ret()
}

// cgroupStorage is bpf_get_local_storage: the value of the cgroup that the run's
// socket is in, and of the kind of attachment if the map tells them apart. It is
// zero at first. A run that finds no room for it ends.
func (n *network) cgroupStorage(c codegen.Call, addr, _, _, _, _ uint64) uint64 {
	m, s := c.Map(addr), n.own(c)
	key := make([]byte, m.Spec().KeySize) // a cgroup's number, or struct bpf_cgroup_storage_key
	little.PutUint64(key, s.Cgroups[len(s.Cgroups)-1])
	if len(key) > 8 {
		setWord(key, 8, n.attach[c.Entry().Type])
	}
	if at := m.Lookup(key, c.CPU()); at != 0 {
		return at
	}
	m.Update(key, make([]byte, m.Spec().ValueSize), updateNew, c.CPU())
	at := m.Lookup(key, c.CPU())
	if at == 0 {
		c.End(0)
	}
	return at
}
