package verifier

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/asm"
	"github.com/bpfc/bpfc/tests/kernel"
)

// codeOf is the code with which the built-in sets' program of a source is refused, "" if it is accepted.
func codeOf(t *testing.T, text, typ string) verifier.Code {
	t.Helper()
	o, err := asm.Parse("x.s", []byte(text+"\n"), asm.Options{Dialect: asm.Kernel})
	require.NoError(t, err, text)
	reports, err := core.Verify(o, builtinSets(t), core.Options{Type: typ})
	require.NoError(t, err)
	if e := reports[0].Err; e != nil {
		return e.Code
	}
	return ""
}

// Frames are counted as Linux 6.18 counts them: in units of 16, with those of callbacks that run during the
// call; the larger ones of probes have memory of their own, if the program has no tail call; without the slots around
// calls that keep registers.
func TestFrames(t *testing.T) {
	const (
		callee   = "*(u64 *)(r10 - OUTER) = 0\ncall f\nr0 = 0\nexit\nf: *(u64 *)(r10 - INNER) = 0\nr0 = 0\nexit"
		callback = "*(u64 *)(r10 - OUTER) = 0\nr1 = 4\nr2 = f ll\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\nf: *(u64 *)(r10 - INNER) = 0\nr0 = 0\nexit"
		tail     = ".map j, type=prog_array, key=4, value=4, entries=4\n*(u64 *)(r10 - OUTER) = 0\ncall f\nr0 = 0\nexit\n" +
			"f: *(u64 *)(r10 - INNER) = 0\nr2 = map[j] ll\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit"
		spilled = "*(u64 *)(r10 - OUTER) = 0\ncall f\nr0 = 0\nexit\nf: r1 = 1\n*(u64 *)(r10 - 8) = r1\ncall bpf_get_smp_processor_id\n" +
			"r1 = *(u64 *)(r10 - 8)\nINNER\nr0 = r1\nexit"
	)
	for _, c := range []struct {
		text, typ, outer, inner string
		code                    verifier.Code
	}{
		{callee, "xdp", "496", "16", ""},
		{callee, "xdp", "496", "24", verifier.CodeStackLimit},
		{callee, "xdp", "504", "8", verifier.CodeStackLimit},
		{callee, "kprobe", "512", "512", ""},
		{callee, "raw_tracepoint", "512", "64", ""},
		{callee, "tracepoint", "512", "48", ""},
		{callee, "kprobe", "40", "480", ""},
		{spilled, "xdp", "512", "", ""},
		{spilled, "xdp", "512", "r2 = *(u8 *)(r10 - 8)", verifier.CodeStackLimit},
		{spilled, "xdp", "512", "*(u64 *)(r10 - 8) = r1\ncall bpf_get_prandom_u32\nr1 = *(u64 *)(r10 - 8)", verifier.CodeStackLimit},
		{callback, "xdp", "256", "256", ""},
		{callback, "xdp", "264", "248", verifier.CodeStackLimit},
		{callback, "perf_event", "504", "504", ""},
		{tail, "xdp", "240", "272", ""},
		{tail, "xdp", "248", "8", verifier.CodeStackLimit},
		{tail, "kprobe", "240", "280", verifier.CodeStackLimit},
	} {
		text := strings.NewReplacer("OUTER", c.outer, "INNER", c.inner).Replace(c.text)
		require.Equal(t, c.code, codeOf(t, text, c.typ), "%s: %s", c.typ, text)
	}
}

// What keeps registers over calls that leave them alone is stack only if the kernel, too, keeps it.
func TestFramesOfSpillsAreTheKernels(t *testing.T) {
	o := kernel.Need(t)
	const text = "*(u64 *)(r10 - 512) = 0\ncall f\nr0 = 0\nexit\nf: r1 = 1\n*(u64 *)(r10 - 8) = r1\ncall bpf_get_smp_processor_id\n" +
		"r1 = *(u64 *)(r10 - 8)\nMORE\nr0 = r1\nexit"
	for more, want := range map[string]kernel.Verdict{
		"r2 = 1":                        kernel.Accepted,
		"*(u64 *)(r10 - 16) = r1":       kernel.Rejected, // then the spills are not the lowest
		"r2 = *(u8 *)(r10 - 8)":         kernel.Rejected,
		"r2 = r10\n*(u8 *)(r2 - 1) = 1": kernel.Rejected,
		"*(u64 *)(r10 - 8) = r1\ncall bpf_get_smp_processor_id\nr1 = *(u64 *)(r10 - 8)": kernel.Accepted,
		"*(u64 *)(r10 - 8) = r1\ncall bpf_get_prandom_u32\nr1 = *(u64 *)(r10 - 8)":      kernel.Rejected,
	} {
		source := strings.ReplaceAll(text, "MORE", more)
		p, err := asm.Parse("x.s", []byte(source+"\n"), asm.Options{Dialect: asm.Kernel})
		require.NoError(t, err)
		c, err := kernel.CodeOf(p, &p.Programs[0], builtinSets(t))
		require.NoError(t, err)
		c.Type = 6 // xdp
		answer := o.Ask(kernel.Question{Code: c})
		require.Equal(t, want, answer.Verdict, "%s: %s", more, answer.Message)
		require.Equal(t, want == kernel.Accepted, codeOf(t, source, "xdp") == "", more)
	}
}

// A tail call in a function that was called ends this function alone: what it leads to returns anything
// to the caller, and may have moved the packet.
func TestTailCallReturns(t *testing.T) {
	const (
		jump    = ".map j, type=prog_array, key=4, value=4, entries=4\n.map a, type=array, key=4, value=8, entries=1\n"
		checked = "r6 = *(u32 *)(r1 + 76)\nr7 = *(u32 *)(r1 + 80)\nr2 = r6\nr2 += 14\nif r2 > r7 goto out\n"
		fn      = "f: r2 = map[j] ll\nr3 = 0\ncall bpf_tail_call\nr0 = 1\nexit"
	)
	for _, c := range []struct {
		name, text string
		code       verifier.Code
	}{
		{"packet", jump + checked + "call f\nr0 = *(u8 *)(r6 + 0)\nout: r0 = 0\nexit\n" + fn, verifier.CodeStale},
		{"packet, in the function itself", jump + checked + "r2 = map[j] ll\nr3 = 0\ncall bpf_tail_call\nr0 = *(u8 *)(r6 + 0)\nout: r0 = 0\nexit", ""},
		{"result", jump + "call f\nr1 = map[a][0] ll\nr1 += r0\nr0 = *(u8 *)(r1 + 0)\nexit\n" + fn, verifier.CodeUnbounded},
		{"result, checked", jump + "call f\nif r0 > 7 goto out\nr1 = map[a][0] ll\nr1 += r0\nr0 = *(u8 *)(r1 + 0)\nexit\nout: r0 = 0\nexit\n" + fn, ""},
		{"in a callback", jump + "*(u64 *)(r10 - 8) = r1\nr1 = 4\nr2 = f ll\nr3 = r10\nr3 += -8\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\nf: r1 = *(u64 *)(r2 + 0)\nr2 = map[j] ll\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit", verifier.CodeReturn},
	} {
		require.Equal(t, c.code, codeOf(t, c.text, "sched_cls"), c.name)
	}
}
