package tracing

import "github.com/bpfc/bpfc/core/abi"

// Why programs of a type cannot be decided.
const (
	whyBTF       = "its arguments have the types of kernel functions, which only the running kernel's BTF describes: bpfc decides kprobe, tracepoint and raw_tracepoint programs"
	whyLSM       = "its arguments have the types of a security hook of the kernel, which only the running kernel's BTF describes"
	whyIter      = "its context has pointers to the kernel's objects, whose fields only the running kernel's BTF describes"
	whyStructOps = "it implements an operation of a structure of the kernel, whose prototype only the running kernel's BTF describes"
	whyExt       = "it replaces a function of a program that is loaded already, and has that function's prototype"
	whyInfrared  = "programs that decode the signals of remote controls are not compared with a kernel that runs them"
	whyWritable  = "how much of the buffer behind its first argument may be written is known to the tracepoint alone"
)

// undecided is the program types that bpfc knows by name, as libbpf 1.5 names
// their sections, and answers "unsupported" to. Their contexts are not described,
// and any helper will do: that a program is refused for one would be wrong as often as right.
func undecided() []abi.ProgType {
	rows := []struct {
		name           string
		kernel, attach uint32
		why            string
		sections       []string
	}{
		{"fentry", progTracing, attachFentry, whyBTF, []string{"fentry", "fentry.s"}},
		{"fexit", progTracing, attachFexit, whyBTF, []string{"fexit", "fexit.s"}},
		{"fsession", progTracing, 0, whyBTF, []string{"fsession", "fsession.s"}},
		{"fmod_ret", progTracing, attachModifyReturn, whyBTF, []string{"fmod_ret", "fmod_ret.s"}},
		{"tp_btf", progTracing, attachTraceRawTP, whyBTF, []string{"tp_btf"}},
		{"iter", progTracing, attachIter, whyIter, []string{"iter", "iter.s"}},
		{"raw_tracepoint.w", progRawTracepointWritable, 0, whyWritable, []string{"raw_tracepoint.w", "raw_tp.w"}},
		{"lsm", progLSM, attachLSM, whyLSM, []string{"lsm", "lsm.s"}},
		{"lsm_cgroup", progLSM, attachLSMCgroup, whyLSM, []string{"lsm_cgroup"}},
		{"struct_ops", progStructOps, 0, whyStructOps, []string{"struct_ops", "struct_ops.s"}},
		{"lirc_mode2", progLircMode2, attachLircMode2, whyInfrared, []string{"lirc_mode2"}},
		{"ext", progExt, 0, whyExt, []string{"freplace"}},
	}
	out := make([]abi.ProgType, len(rows))
	for i, r := range rows {
		out[i] = abi.ProgType{Name: r.name, Kernel: r.kernel, Attach: r.attach, Unsupported: r.why, Sections: sections(r.sections...),
			Helpers: []string{"*"}, Context: abi.Context{Kind: abi.CtxStruct, Name: r.name, Opaque: true}}
	}
	return out
}
