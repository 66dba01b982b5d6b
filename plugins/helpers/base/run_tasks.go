package base

import (
	"encoding/binary"
	"slices"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/env"
)

func (s *session) taskTable() table {
	return table{
		"bpf_get_current_pid_tgid":           s.pidTGID,
		"bpf_get_current_uid_gid":            s.uidGID,
		"bpf_get_current_comm":               s.comm,
		"bpf_get_current_task":               s.taskAddress,
		"bpf_get_current_task_btf":           s.taskAddress,
		"bpf_get_ns_current_pid_tgid":        s.namespaceIDs,
		"bpf_get_current_cgroup_id":          s.cgroup,
		"bpf_get_current_ancestor_cgroup_id": s.ancestor,
		"bpf_current_task_under_cgroup":      s.under,
		"bpf_get_cgroup_classid":             s.classID,
		"bpf_get_retval":                     s.getRetval,
		"bpf_set_retval":                     s.setRetval,
	}
}

func (s *session) readTasks(h codegen.Home) error {
	var list []env.Task
	if err := env.Part(h.Env("tasks"), "tasks", &list); err != nil {
		return err
	}
	if list == nil {
		list = []env.Task{env.DefaultTask()}
	}
	tasks, err := env.Tasks(list, len(s.cpus))
	for i := range tasks {
		s.cpus[i].task = tasks[i]
	}
	return err
}

func (s *session) task(c codegen.Call) *env.Task { return &s.cpu(c).task }

func (s *session) pidTGID(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	t := s.task(c)
	return uint64(t.TGID)<<32 | uint64(t.PID)
}

func (s *session) uidGID(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	t := s.task(c)
	return uint64(t.GID)<<32 | uint64(t.UID)
}

// comm fills the whole buffer: bpf_get_current_comm (kernel/bpf/helpers.c, Linux 6.18).
func (s *session) comm(c codegen.Call, buf, size, _, _, _ uint64) uint64 {
	b := c.Bytes(buf, uint64(uint32(size)), true)
	if len(b) == 0 {
		return codegen.EINVAL.Ret()
	}
	n := copy(b[:len(b)-1], s.task(c).Comm)
	clear(b[n:])
	return 0
}

func (s *session) taskAddress(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	return uint64(s.task(c).Address)
}

// namespaceIDs is bpf_get_ns_current_pid_tgid (kernel/bpf/helpers.c, Linux 6.18).
func (s *session) namespaceIDs(c codegen.Call, dev, ino, buf, size, _ uint64) uint64 {
	const infoBytes = 8 // struct bpf_pidns_info, include/uapi/linux/bpf.h
	b := c.Bytes(buf, uint64(uint32(size)), true)
	if b == nil {
		return codegen.EINVAL.Ret()
	}
	clear(b)
	ns := s.task(c).Namespace
	if len(b) != infoBytes || ns.Dev != dev || ns.Ino != ino {
		return codegen.EINVAL.Ret()
	}
	binary.LittleEndian.PutUint32(b, ns.PID)
	binary.LittleEndian.PutUint32(b[4:], ns.TGID)
	return 0
}

func (s *session) cgroup(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	path := s.task(c).Cgroups
	return path[len(path)-1]
}

// ancestor is 0 for a level that the task's group does not have.
func (s *session) ancestor(c codegen.Call, level, _, _, _, _ uint64) uint64 {
	path := s.task(c).Cgroups
	if n := int32(level); n >= 0 && int(n) < len(path) {
		return path[n]
	}
	return 0
}

// under is bpf_current_task_under_cgroup (kernel/bpf/cgroup.c, Linux 6.18). The map holds numbers of groups.
func (s *session) under(c codegen.Call, table, index, _, _, _ uint64) uint64 {
	m := c.Map(table)
	if m == nil {
		return codegen.EINVAL.Ret()
	}
	if uint32(index) >= m.Spec().MaxEntries {
		return codegen.E2BIG.Ret()
	}
	group, err := m.Get(binary.LittleEndian.AppendUint32(nil, uint32(index)))
	if err != codegen.OK || len(group) < 4 {
		return codegen.EAGAIN.Ret()
	}
	return truth(slices.Contains(s.task(c).Cgroups, uint64(binary.LittleEndian.Uint32(group))))
}

func (s *session) classID(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	return uint64(s.task(c).ClassID)
}

// getRetval is what the run has set last, 0 at first (kernel/bpf/cgroup.c, Linux 6.18: there it may also be what other programs of a group have set).
func (s *session) getRetval(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	return uint64(int64(s.cpu(c).retval))
}

func (s *session) setRetval(c codegen.Call, value, _, _, _, _ uint64) uint64 {
	s.cpu(c).retval = int32(value)
	c.Record(codegen.Record{Helper: "bpf_set_retval", Args: []uint64{uint64(int64(int32(value)))}, CPU: c.CPU()})
	return 0
}
