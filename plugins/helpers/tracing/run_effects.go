package tracing

import (
	"encoding/binary"
	"slices"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/env"
)

// effectTable is helpers that change what lies outside the run: they leave records.
func (s *session) effectTable() table {
	return table{
		"bpf_send_signal":         signal("bpf_send_signal"),
		"bpf_send_signal_thread":  signal("bpf_send_signal_thread"),
		"bpf_override_return":     overrideReturn,
		"bpf_copy_from_user":      s.copyFromUser,
		"bpf_copy_from_user_task": s.copyFromTask,
	}
}

// signal is bpf_send_signal_common (kernel/trace/bpf_trace.c, Linux 6.18).
func signal(helper string) codegen.GoHelper {
	const lastSignal = 64 // _NSIG, arch/x86/include/asm/signal.h
	return func(c codegen.Call, number, _, _, _, _ uint64) uint64 {
		n := uint64(uint32(number))
		switch {
		case n > lastSignal:
			return codegen.EINVAL.Ret()
		case !c.Record(codegen.Record{Helper: helper, Args: []uint64{n}, CPU: c.CPU()}):
			return codegen.EBUSY.Ret() // as where the list of signals to send is full
		}
		return 0
	}
}

// overrideReturn is bpf_override_return (kernel/trace/bpf_trace.c, Linux 6.18): the record has what the function
// would return, and the program sees it in the register.
func overrideReturn(c codegen.Call, _, value, _, _, _ uint64) uint64 {
	at := slices.Index(registerNames[:], "rax") * word
	if ctx := c.Context(); len(ctx) >= at+word {
		binary.LittleEndian.PutUint64(ctx[at:], value)
	}
	c.Record(codegen.Record{Helper: "bpf_override_return", Args: []uint64{value}, CPU: c.CPU()})
	return 0
}

// userEnd is where the addresses of processes end on x86-64 (TASK_SIZE_MAX, arch/x86/include/asm/page_64.h, Linux 6.18).
const userEnd = 1<<47 - 4096

// copyFromUser is bpf_copy_from_user (kernel/bpf/helpers.c, Linux 6.18): all of the buffer is 0 if it fails.
func (s *session) copyFromUser(c codegen.Call, buf, size, addr, _, _ uint64) uint64 {
	if size = uint64(uint32(size)); size == 0 {
		return 0
	}
	dst := c.Bytes(buf, size, true)
	if dst == nil {
		return codegen.EFAULT.Ret()
	}
	if addr >= userEnd || s.memory.Read(dst, addr) < len(dst) {
		clear(dst)
		return codegen.EFAULT.Ret()
	}
	return 0
}

// copyFromTask is bpf_copy_from_user_task (kernel/bpf/helpers.c, Linux 6.18). All tasks have the same memory here.
func (s *session) copyFromTask(c codegen.Call, buf, size, addr, _, flags uint64) uint64 {
	if flags != 0 {
		return codegen.EINVAL.Ret()
	}
	return s.copyFromUser(c, buf, size, addr, 0, 0)
}

func (s *session) counterTable() table {
	return table{
		"bpf_perf_event_read":       s.readCounter,
		"bpf_perf_event_read_value": s.readValue,
		"bpf_perf_prog_read_value":  s.readOwn,
	}
}

// counter finds the counter that flags name in a map (get_map_perf_counter, kernel/trace/bpf_trace.c, Linux 6.18).
// Counters count on all CPUs.
func (s *session) counter(c codegen.Call, table, flags uint64) (*env.Counter, codegen.Errno) {
	const indexMask, currentCPU = 1<<32 - 1, 1<<32 - 1
	m := c.Map(table)
	if m == nil || flags&^indexMask != 0 {
		return nil, codegen.EINVAL
	}
	index := uint32(flags)
	if index == currentCPU {
		index = uint32(c.CPU())
	}
	if n := m.Spec().MaxEntries; n != 0 && index >= n {
		return nil, codegen.E2BIG
	}
	i := slices.IndexFunc(s.counters, func(p env.Counter) bool { return p.Map == m.Spec().Name && p.Index == index })
	if i < 0 {
		return nil, codegen.ENOENT
	}
	return &s.counters[i], codegen.OK
}

// readCounter is bpf_perf_event_read, whose errors look like counters (kernel/trace/bpf_trace.c, Linux 6.18).
func (s *session) readCounter(c codegen.Call, table, flags, _, _, _ uint64) uint64 {
	p, err := s.counter(c, table, flags)
	if err != codegen.OK {
		return err.Ret()
	}
	return p.Counter
}

// readValue is bpf_perf_event_read_value (kernel/trace/bpf_trace.c, Linux 6.18).
func (s *session) readValue(c codegen.Call, table, flags, buf, size, _ uint64) uint64 {
	p, err := s.counter(c, table, flags)
	return giveValue(c, p, err, buf, size)
}

// readOwn is bpf_perf_prog_read_value (kernel/trace/bpf_trace.c, Linux 6.18): of the event that runs the program.
func (s *session) readOwn(c codegen.Call, _, buf, size, _, _ uint64) uint64 {
	i := slices.IndexFunc(s.counters, func(p env.Counter) bool { return p.Map == "" })
	if i < 0 {
		return giveValue(c, nil, codegen.EINVAL, buf, size)
	}
	return giveValue(c, &s.counters[i], codegen.OK, buf, size)
}

// giveValue writes struct bpf_perf_event_value; all of the buffer is 0 if that fails.
func giveValue(c codegen.Call, p *env.Counter, err codegen.Errno, buf, size uint64) uint64 {
	const valueBytes = 24 // struct bpf_perf_event_value, include/uapi/linux/bpf.h
	dst := c.Bytes(buf, uint64(uint32(size)), true)
	clear(dst)
	switch {
	case len(dst) != valueBytes:
		return codegen.EINVAL.Ret()
	case err != codegen.OK:
		return err.Ret()
	}
	for i, v := range []uint64{p.Counter, p.Enabled, p.Running} {
		binary.LittleEndian.PutUint64(dst[8*i:], v)
	}
	return 0
}
