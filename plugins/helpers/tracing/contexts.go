package tracing

import "github.com/bpfc/bpfc/core/abi"

// word is the size of a register and of a pointer in bytes, on the 64-bit kernels whose layouts these are.
const word = 8

// registerNames is struct pt_regs of x86-64, in its order (arch/x86/include/uapi/asm/ptrace.h, Linux 6.18).
var registerNames = [...]string{"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8",
	"rax", "rcx", "rdx", "rsi", "rdi", "orig_rax", "rip", "cs", "eflags", "rsp", "ss"}

// The size of struct pt_regs, and of a tracepoint's record at most (PERF_MAX_TRACE_SIZE, include/linux/trace_events.h, Linux 6.18).
const (
	registersSize = len(registerNames) * word
	maxRecord     = 8192
)

// layout makes a context of fields.
func layout(name string, size int, fields ...abi.Field) abi.Context {
	return abi.Context{Kind: abi.CtxStruct, Name: name, Size: uint32(size), Fields: fields}
}

// words is consecutive fields of 8 bytes from offset 0, of which any part may be loaded.
func words(names ...string) []abi.Field {
	out := make([]abi.Field, len(names))
	for i, n := range names {
		out[i] = abi.Field{Name: n, Offset: uint32(i * word), Size: word, Narrow: true}
	}
	return out
}

// registers is the context of kprobes and uprobes: loads of any aligned width,
// no stores (kprobe_prog_is_valid_access, kernel/trace/bpf_trace.c, Linux 6.18).
func registers() abi.Context {
	return layout("pt_regs", registersSize, words(registerNames[:]...)...)
}

// perfData is the context of perf events: whole registers, then two numbers that
// may be read in part (pe_prog_is_valid_access, kernel/trace/bpf_trace.c, Linux 6.18).
func perfData() abi.Context {
	const size = uint32(registersSize)
	return layout("bpf_perf_event_data", registersSize+2*word,
		abi.Field{Name: "regs", Size: size, Unit: word, Struct: "pt_regs"},
		abi.Field{Name: "sample_period", Offset: size, Size: word, Narrow: true},
		abi.Field{Name: "addr", Offset: size + word, Size: word, Narrow: true})
}

// record is the context of a tracepoint whose format is not known: all but the
// first word, which is the kernel's own, may be read at any aligned width
// (tp_prog_is_valid_access, kernel/trace/bpf_trace.c, Linux 6.18). That function
// lets offsets below 0 through; bpfc does not.
func record() abi.Context {
	return layout("trace_entry", maxRecord, abi.Field{Name: "record", Offset: word, Size: maxRecord - word, Unit: word, Narrow: true})
}

// rawArgs is the context of raw tracepoints: MAX_BPF_FUNC_ARGS words
// (raw_tp_prog_is_valid_access, kernel/trace/bpf_trace.c, Linux 6.18).
func rawArgs() abi.Context {
	const args = 12
	return layout("bpf_raw_tracepoint_args", args*word, abi.Field{Name: "args", Size: args * word, Unit: word, Narrow: true})
}

// filterArgs is struct bpf_context of the tracing filters that were proposed in
// 2014: the arguments of what is traced, and its result.
func filterArgs() abi.Context {
	names := []string{"arg1", "arg2", "arg3", "arg4", "arg5", "arg6", "ret"}
	return layout("bpf_context", len(names)*word, words(names...)...)
}

// syscallArgs is the context of programs that user space calls: memory whose
// layout is theirs, which they may write (syscall_prog_is_valid_access,
// kernel/bpf/syscall.c, Linux 6.18). The kernel allows offsets below 65535 that
// are not known when the program is verified; here they are constants.
func syscallArgs() abi.Context {
	const size = 1<<16 - word
	return layout("args", size, abi.Field{Name: "args", Size: size, Unit: word, Access: abi.ReadWrite, Narrow: true, NarrowWrite: true})
}
