package tracing

import (
	"slices"

	"github.com/bpfc/bpfc/core/abi"
)

// Numbers of enum bpf_prog_type (include/uapi/linux/bpf.h, Linux 6.18).
const (
	progKprobe                = 2
	progTracepoint            = 5
	progPerfEvent             = 7
	progRawTracepoint         = 17
	progRawTracepointWritable = 24
	progTracing               = 26
	progStructOps             = 27
	progExt                   = 28
	progLSM                   = 29
	progSyscall               = 31
	progNetfilter             = 32
)

// Numbers of enum bpf_attach_type (include/uapi/linux/bpf.h, Linux 6.18).
const (
	attachTraceRawTP    = 23
	attachFentry        = 24
	attachFexit         = 25
	attachModifyReturn  = 26
	attachLSM           = 27
	attachIter          = 28
	attachKprobeMulti   = 42
	attachLSMCgroup     = 43
	attachNetfilter     = 45
	attachUprobeMulti   = 48
	attachKprobeSession = 56
	attachUprobeSession = 57
)

// decided is the program types that can be verified.
func decided() []abi.ProgType {
	probe := slices.Concat(shared, []string{"get_stackid", "get_stack", "get_func_ip", "get_attach_cookie", "probe_write_user"})
	kprobe := slices.Concat(probe, []string{"override_return"})
	sleepable := slices.Concat(kprobe, sleeping)
	perf := slices.Concat(probe, []string{"perf_prog_read_value", "read_branch_records"})
	// Whether the traced function runs is what session programs return at its
	// entry (check_return_code, kernel/bpf/verifier.c, Linux 6.18).
	session := abi.Range{Min: 0, Max: 1}
	return []abi.ProgType{
		{Name: "kprobe", Kernel: progKprobe, Context: registers(), Helpers: kprobe,
			Sections: sections("kprobe", "kretprobe", "uprobe", "uretprobe", "ksyscall", "kretsyscall", "usdt")},
		{Name: "kprobe.multi", Kernel: progKprobe, Attach: attachKprobeMulti, Context: registers(), Helpers: kprobe,
			Sections: sections("kprobe.multi", "kretprobe.multi")},
		{Name: "kprobe.session", Kernel: progKprobe, Attach: attachKprobeSession, Context: registers(), Helpers: kprobe,
			Sections: sections("kprobe.session"), Returns: session},
		{Name: "uprobe.s", Kernel: progKprobe, Context: registers(), Helpers: sleepable,
			Sections: sections("uprobe.s", "uretprobe.s", "usdt.s")},
		{Name: "uprobe.multi", Kernel: progKprobe, Attach: attachUprobeMulti, Context: registers(), Helpers: kprobe,
			Sections: sections("uprobe.multi", "uretprobe.multi")},
		{Name: "uprobe.multi.s", Kernel: progKprobe, Attach: attachUprobeMulti, Context: registers(), Helpers: sleepable,
			Sections: sections("uprobe.multi.s", "uretprobe.multi.s")},
		{Name: "uprobe.session", Kernel: progKprobe, Attach: attachUprobeSession, Context: registers(), Helpers: kprobe,
			Sections: sections("uprobe.session"), Returns: session},
		{Name: "uprobe.session.s", Kernel: progKprobe, Attach: attachUprobeSession, Context: registers(), Helpers: sleepable,
			Sections: sections("uprobe.session.s"), Returns: session},
		{Name: "tracepoint", Kernel: progTracepoint, Context: record(), Helpers: probe,
			Sections: sections("tracepoint", "tp")},
		{Name: "raw_tracepoint", Kernel: progRawTracepoint, Context: rawArgs(), Helpers: probe,
			Sections: sections("raw_tracepoint", "raw_tp")},
		{Name: "perf_event", Kernel: progPerfEvent, Context: perfData(), Helpers: perf,
			Sections: sections("perf_event")},
		{Name: "syscall", Kernel: progSyscall, Context: syscallArgs(), Helpers: slices.Concat(shared, sleeping, loader),
			Sections: sections("syscall")},
		{Name: "tracefilter", Context: filterArgs(), Helpers: filterHelpers(),
			Sections: append(sections("tracefilter"), "events/*", "e *")},
	}
}

// sections is the patterns that libbpf writes NAME+: the name alone, or with a target.
func sections(names ...string) (out []string) {
	for _, n := range names {
		out = append(out, n, n+"/*")
	}
	return out
}
