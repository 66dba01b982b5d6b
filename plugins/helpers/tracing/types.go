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
	progLircMode2             = 20
	progRawTracepointWritable = 24
	progTracing               = 26
	progStructOps             = 27
	progExt                   = 28
	progLSM                   = 29
	progSyscall               = 31
)

// Numbers of enum bpf_attach_type (include/uapi/linux/bpf.h, Linux 6.18).
const (
	attachLircMode2     = 16
	attachTraceRawTP    = 23
	attachFentry        = 24
	attachFexit         = 25
	attachModifyReturn  = 26
	attachLSM           = 27
	attachIter          = 28
	attachKprobeMulti   = 42
	attachLSMCgroup     = 43
	attachUprobeMulti   = 48
	attachKprobeSession = 56
	attachUprobeSession = 57
)

// decided is the program types that can be verified.
func decided() []abi.ProgType {
	probe := slices.Concat(shared, []string{"bpf_get_stackid", "bpf_get_stack", "bpf_get_func_ip", "bpf_get_attach_cookie", "bpf_probe_write_user"})
	kprobe := slices.Concat(probe, []string{"bpf_override_return"})
	perf := slices.Concat(probe, []string{"bpf_perf_prog_read_value", "bpf_read_branch_records"})
	// Whether the traced function runs is what session programs return at its
	// entry (check_return_code, kernel/bpf/verifier.c, Linux 6.18).
	session := abi.Range{Min: 0, Max: 1}
	multi, pe := free("bpf_get_func_ip"), free("bpf_get_stackid")
	return []abi.ProgType{
		{Name: "kprobe", Kernel: progKprobe, Context: registers(), Helpers: kprobe,
			Sections: sections("kprobe", "kretprobe", "uprobe", "uretprobe", "ksyscall", "kretsyscall", "usdt")},
		{Name: "kprobe.multi", Kernel: progKprobe, Attach: attachKprobeMulti, Variants: multi, Context: registers(), Helpers: kprobe,
			Sections: sections("kprobe.multi", "kretprobe.multi")},
		{Name: "kprobe.session", Kernel: progKprobe, Attach: attachKprobeSession, Variants: multi, Context: registers(), Helpers: kprobe,
			Sections: sections("kprobe.session"), Returns: session},
		{Name: "uprobe.s", Kernel: progKprobe, Context: registers(), Helpers: kprobe, Sleepable: true,
			Sections: sections("uprobe.s", "uretprobe.s", "usdt.s")},
		{Name: "uprobe.multi", Kernel: progKprobe, Attach: attachUprobeMulti, Variants: multi, Context: registers(), Helpers: kprobe,
			Sections: sections("uprobe.multi", "uretprobe.multi")},
		{Name: "uprobe.multi.s", Kernel: progKprobe, Attach: attachUprobeMulti, Variants: multi, Context: registers(), Helpers: kprobe, Sleepable: true,
			Sections: sections("uprobe.multi.s", "uretprobe.multi.s")},
		{Name: "uprobe.session", Kernel: progKprobe, Attach: attachUprobeSession, Variants: multi, Context: registers(), Helpers: kprobe,
			Sections: sections("uprobe.session"), Returns: session},
		{Name: "uprobe.session.s", Kernel: progKprobe, Attach: attachUprobeSession, Variants: multi, Context: registers(), Helpers: kprobe, Sleepable: true,
			Sections: sections("uprobe.session.s"), Returns: session},
		{Name: "tracepoint", Kernel: progTracepoint, Context: record(), Helpers: probe,
			Sections: sections("tracepoint", "tp")},
		{Name: "raw_tracepoint", Kernel: progRawTracepoint, Context: rawArgs(), Helpers: probe,
			Sections: sections("raw_tracepoint", "raw_tp")},
		{Name: "perf_event", Kernel: progPerfEvent, Context: perfData(), Helpers: perf, Variants: pe,
			Sections: sections("perf_event")},
		{Name: "syscall", Kernel: progSyscall, Context: syscallArgs(), Helpers: slices.Concat(shared, loader), Sleepable: true,
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

// free is the helpers of the names as types have them that let programs of any
// licence call them (bpf_get_func_ip_proto_kprobe_multi and _uprobe_multi,
// bpf_get_stackid_proto_pe, kernel/trace/bpf_trace.c, kernel/bpf/stackmap.c, Linux 6.18).
func free(names ...string) (out []abi.Helper) {
	for _, h := range helpers() {
		if slices.Contains(names, h.Name) {
			h.Flags &^= abi.FlagGPL
			out = append(out, h)
		}
	}
	return out
}
