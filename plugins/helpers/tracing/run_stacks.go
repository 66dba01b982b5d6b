package tracing

import (
	"encoding/binary"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/env"
)

func (s *session) stackTable() table {
	return table{"bpf_get_stackid": s.stackID, "bpf_get_stack": s.stack, "bpf_get_task_stack": s.taskStack}
}

// Flags of the helpers of stacks, and of their maps (include/uapi/linux/bpf.h, Linux 6.18).
const (
	skipMask     = 0xff
	userStack    = 1 << 8
	fastCompare  = 1 << 9
	reuseID      = 1 << 10
	userBuildID  = 1 << 11
	stackBuildID = 1 << 5 // BPF_F_STACK_BUILD_ID of a map
)

// Bytes of a frame: an address, or struct bpf_stack_build_id, which here always says that there is only an address.
const (
	buildIDBytes  = 32
	buildIDStatus = 2 // BPF_STACK_BUILD_ID_IP
	buildIDAt     = 24
)

// maxDepth is the frames that a stack has at most (sysctl_perf_event_max_stack, kernel/events/callchain.c, Linux 6.18).
const maxDepth = 127

// frames is the frames of a stack behind those that the flags skip, at most n. There is none if all are skipped.
func (s *session) frames(flags uint64, n int) (list []env.Word, found bool) {
	list = s.stacks.Kernel
	if flags&userStack != 0 {
		list = s.stacks.User
	}
	skip := int(flags & skipMask)
	list = list[:min(len(list), maxDepth, n+skip)]
	if len(list) < skip {
		return nil, false
	}
	return list[skip:], list != nil
}

// frameBytes is frames as they lie in memory.
func frameBytes(list []env.Word, size int) []byte {
	out := make([]byte, len(list)*size)
	for i, ip := range list {
		b := out[i*size:]
		if size == buildIDBytes {
			b[0] = buildIDStatus
			b = b[buildIDAt:]
		}
		binary.LittleEndian.PutUint64(b, uint64(ip))
	}
	return out
}

// stack is bpf_get_stack (__bpf_get_stack, kernel/bpf/stackmap.c, Linux 6.18). Files have no build IDs here.
func (s *session) stack(c codegen.Call, _, buf, size, flags, _ uint64) uint64 {
	return s.getStack(c, buf, size, flags)
}

// taskStack is bpf_get_task_stack. There is one task to ask about: the current one.
func (s *session) taskStack(c codegen.Call, _, buf, size, flags, _ uint64) uint64 {
	return s.getStack(c, buf, size, flags)
}

func (s *session) getStack(c codegen.Call, buf, size, flags uint64) uint64 {
	dst := c.Bytes(buf, uint64(uint32(size)), true)
	if uint32(size) != 0 && dst == nil {
		return codegen.EFAULT.Ret()
	}
	clear(dst)
	frame := word
	if flags&userBuildID != 0 {
		frame = buildIDBytes
	}
	switch {
	case flags&^(skipMask|userStack|userBuildID) != 0,
		flags&userBuildID != 0 && flags&userStack == 0,
		len(dst)%frame != 0:
		return codegen.EINVAL.Ret()
	}
	list, found := s.frames(flags, len(dst)/frame)
	if !found {
		return codegen.EFAULT.Ret()
	}
	return uint64(copy(dst, frameBytes(list, frame)))
}

// stackID is bpf_get_stackid (kernel/bpf/stackmap.c, Linux 6.18). A map with build IDs has room for fewer frames.
func (s *session) stackID(c codegen.Call, _, table, flags, _, _ uint64) uint64 {
	m, isTrace := c.Map(table).(codegen.StackTrace)
	if !isTrace || flags&^(skipMask|userStack|fastCompare|reuseID) != 0 {
		return codegen.EINVAL.Ret()
	}
	frame := word
	if m.Spec().Flags&stackBuildID != 0 {
		frame = buildIDBytes
	}
	list, _ := s.frames(flags, int(m.Spec().ValueSize)/frame)
	if len(list) == 0 {
		return codegen.EFAULT.Ret()
	}
	stack := make([]uint64, len(list))
	for i, ip := range list {
		stack[i] = uint64(ip)
	}
	id, err := m.Store(stack, flags)
	if err != codegen.OK {
		return err.Ret()
	}
	return uint64(id)
}
