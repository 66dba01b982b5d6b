package kernel

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestAnswerOfOutcome(t *testing.T) {
	figures := []string{"verification time 120 usec", "stack depth 8+0", "processed 42 insns (limit 1000000) max_states_per_insn 0"}
	for _, c := range []struct {
		name    string
		err     error
		said    []string
		want    Verdict
		errno   string
		message string
	}{
		{"accepted", nil, nil, Accepted, "", ""},
		{"rejected", unix.EACCES, []string{"R0 !read_ok"}, Rejected, "EACCES", "R0 !read_ok"},
		{"wrapped", fmt.Errorf("load: %w", unix.EINVAL), []string{"unreachable insn 3"}, Rejected, "EINVAL", "unreachable insn 3"},
		{"two lines", unix.EACCES, []string{"first", "  second"}, Rejected, "EACCES", "first; second"},
		{"source", unix.EACCES, []string{"; x = *p;", "Validating f() func#1...", "R0 !read_ok", "; y"}, Rejected, "EACCES", "R0 !read_ok"},
		{"without new line", unix.EINVAL, []string{"wrong mapverification time 120 usec"}, Rejected, "EINVAL", "wrong map"},
		{"too complex", unix.E2BIG, []string{"BPF program is too large."}, Rejected, "E2BIG", "BPF program is too large."},
		{"too many jumps", unix.ENOMEM, []string{"The sequence of 8193 jumps is too complex."}, Rejected, "ENOMEM", "The sequence of 8193 jumps is too complex."},
		{"no memory", unix.ENOMEM, nil, Environment, "ENOMEM", unix.ENOMEM.Error()},
		{"too long", unix.E2BIG, nil, Rejected, "E2BIG", unix.E2BIG.Error()},
		{"nothing said", unix.EINVAL, nil, Environment, "EINVAL", unix.EINVAL.Error()},
		{"not permitted", unix.EPERM, []string{"something"}, Environment, "EPERM", "something"},
		{"the kernel's mistake", unix.EFAULT, []string{"verifier bug: error"}, Environment, "EFAULT", "verifier bug: error"},
		{"not supported", unix.Errno(524), []string{"JIT"}, Environment, "524", "JIT"},
		{"no such target", unix.EINVAL, []string{"attach_btf_id 3 is invalid"}, Environment, "EINVAL", "attach_btf_id 3 is invalid"},
		{"not asked", errors.New("no such kfunc"), nil, Environment, "", "no such kfunc"},
	} {
		o := outcome{err: c.err, log: append(append([]string(nil), c.said...), figures...)}
		a := o.answer()
		require.Equal(t, Answer{Verdict: c.want, Errno: c.errno, Message: c.message, Insn: -1, Processed: 42, Time: 120 * time.Microsecond}, a, c.name)
	}
}

func TestStoppedAt(t *testing.T) {
	require.Equal(t, 12, stoppedAt([]string{"0: R1=ctx()", "11: (b7) r0 = 0   ; R0=0", "12: (71) r0 = *(u8 *)(r1 +0)", "R1 invalid mem access 'scalar'", "processed 13 insns"}))
	require.Equal(t, -1, stoppedAt([]string{"unreachable insn 3"}))
}

// Whatever a map asks for, what is created is small.
func TestTame(t *testing.T) {
	for _, c := range []struct {
		name string
		m    ebpf.MapSpec
		want uint32 // entries
	}{
		{"large", ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1 << 24}, 4096},
		{"small", ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 7}, 7},
		{"long values", ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 1<<20 - 4, MaxEntries: 4096}, 16},
		{"ring buffer", ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 1 << 28}, 4096},
		{"left open", ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8}, 1},
		{"without size", ebpf.MapSpec{Type: ebpf.SkStorage, KeySize: 4, ValueSize: 8}, 0},
	} {
		c.m.Pinning = ebpf.PinByName
		require.NoError(t, tame(&c.m), c.name)
		require.Equal(t, c.want, c.m.MaxEntries, c.name)
		require.Equal(t, ebpf.PinNone, c.m.Pinning, c.name)
	}
	require.Error(t, tame(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 1 << 30, MaxEntries: 1}))
	inner := &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1 << 24}
	require.NoError(t, tame(&ebpf.MapSpec{Type: ebpf.HashOfMaps, KeySize: 4, MaxEntries: 2, InnerMap: inner}))
	require.EqualValues(t, 4096, inner.MaxEntries)
}

// The gate stands before the library's loads, too.
func TestGateOfObjects(t *testing.T) {
	packet := asm.LoadAbs(0, asm.Byte)
	call := asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoCall}
	value := asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Src: asm.PseudoFunc}
	for _, c := range []struct {
		insns asm.Instructions
		shut  bool
	}{
		{asm.Instructions{packet, asm.Return()}, false},
		{asm.Instructions{call, value, asm.Return()}, false},
		{asm.Instructions{packet, asm.FnMapLookupElem.Call(), asm.Return()}, false},
		{asm.Instructions{packet, call, asm.Return()}, true},
		{asm.Instructions{value, asm.LoadInd(asm.R0, asm.R1, 0, asm.Word), asm.Return()}, true},
	} {
		err := gateProgram(&ebpf.ProgramSpec{Instructions: c.insns})
		require.Equal(t, c.shut, errors.Is(err, ErrGate), "%v", c.insns)
	}
}

// A child that dies costs one answer.
func TestDeadChildIsReplaced(t *testing.T) {
	o := Need(t)
	require.NoError(t, o.child.cmd.Process.Kill())
	require.Equal(t, Lost, o.Ask(probe()).Verdict)
	require.Equal(t, Accepted, o.Ask(probe()).Verdict)
}

// A child that does not answer in time is ended.
func TestTimeLimit(t *testing.T) {
	Need(t)
	c, err := start(false)
	require.NoError(t, err)
	_, err = c.ask(Question{Code: probe().Code, Repeat: 1 << 40}, 50*time.Millisecond)
	require.ErrorContains(t, err, "no answer within 50ms")
	c.kill()
}
