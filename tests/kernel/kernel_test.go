package kernel_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/tests/kernel"
)

func TestMain(m *testing.M) { kernel.Main(m) }

func TestGate(t *testing.T) {
	abs, ind := isa.LoadAbs(0, 1), isa.LoadInd(isa.R1, 0, 2)
	call, value := isa.CallFunc(0), isa.LoadFunc(isa.R2, 1)
	for _, c := range []struct {
		name  string
		insns []isa.Insn
		shut  bool
	}{
		{"packet loads alone", isa.Prog(abs, ind, isa.Return()), false},
		{"calls alone", isa.Prog(call, value, isa.Return()), false},
		{"helpers beside packet loads", isa.Prog(abs, isa.CallHelper(1), isa.Return()), false},
		{"constants beside packet loads", isa.Prog(abs, isa.LoadImm64(isa.R1, 0x2000000020), isa.Return()), false},
		{"LD_ABS and a call", isa.Prog(abs, call, isa.Return()), true},
		{"a call, then LD_IND", isa.Prog(call, isa.Return(), ind, isa.Return()), true},
		{"LD_IND and a function value", isa.Prog(value, isa.Return(), ind, isa.Return()), true},
		{"LD_ABS and callx", isa.Prog(abs, isa.CallThrough(isa.R1), isa.Return()), true},
	} {
		b, err := isa.Encode(c.insns)
		require.NoError(t, err, c.name)
		if c.shut {
			require.ErrorIs(t, kernel.Gate(b), kernel.ErrGate, c.name)
		} else {
			require.NoError(t, kernel.Gate(b), c.name)
		}
	}
}

// The gate stands before the kernel: what it refuses is no question of permission.
func TestGateIsAsked(t *testing.T) {
	b, err := isa.Encode(isa.Prog(isa.LoadAbs(0, 1), isa.CallFunc(1), isa.Return(), isa.Return()))
	require.NoError(t, err)
	var o kernel.Oracle
	a := o.Ask(kernel.Question{Code: &kernel.Code{Type: 1, Insns: b}})
	require.Equal(t, kernel.Environment, a.Verdict)
	require.Equal(t, kernel.ErrGate.Error(), a.Message)
	require.NoError(t, o.Close())
}

func TestSectionType(t *testing.T) {
	for _, c := range []struct {
		section      string
		kind, attach uint32
	}{
		{"xdp", 6, 0}, {"xdp/devmap", 6, 33}, {"?xdp.frags", 6, 0}, {"xdp_redirect_map", 6, 0},
		{"kretprobe/sys_read", 2, 0}, {"tp/syscalls/sys_enter_open", 5, 0}, {"cgroup/connect4", 18, 10}, {"classifier/to", 3, 0},
	} {
		kind, attach, ok := kernel.SectionType(c.section)
		require.True(t, ok, c.section)
		require.Equal(t, [2]uint32{c.kind, c.attach}, [2]uint32{kind, attach}, c.section)
	}
	_, _, ok := kernel.SectionType("other")
	require.False(t, ok)
}

// code assembles a program of a type.
func code(t *testing.T, kind uint32, text string) *kernel.Code {
	o, err := builtin.ReadObject(context.Background(), "x.s", []byte(text), builtin.ReadOptions{Dialect: "kernel"})
	require.NoError(t, err)
	return codeOf(t, o, kind)
}

func codeOf(t *testing.T, o *obj.Object, kind uint32) *kernel.Code {
	c, err := kernel.CodeOf(o, &o.Programs[0], nil)
	require.NoError(t, err)
	c.Type = kind
	return c
}

const (
	socketFilter = 1
	schedCls     = 3
	xdp          = 6
)

func TestVerdicts(t *testing.T) {
	o := kernel.Need(t)
	for _, c := range []struct {
		name, text string
		kind       uint32
		want       kernel.Verdict
		errno      string
		insn       int
		message    string
	}{
		{"shortest", "r0 = 0\nexit", schedCls, kernel.Accepted, "", -1, ""},
		{"uninitialised", "r0 = r3\nexit", schedCls, kernel.Rejected, "EACCES", 0, "R3 !read_ok"},
		{"unchecked pointer", "r0 = 0\nr1 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r1 + 0)\nexit", xdp, kernel.Rejected, "EACCES", 2, "invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0); R1 offset is outside of the packet"},
		{"a function", "r1 = 4\ncall f\nexit\nf: r0 = r1\nexit", schedCls, kernel.Accepted, "", -1, ""},
		{"a map", ".map m, type=array, key=4, value=8, entries=1\nr1 = map[m][0] ll\nr0 = *(u64 *)(r1 + 0)\nexit", schedCls, kernel.Accepted, "", -1, ""},
		{"past a value", ".map m, type=array, key=4, value=8, entries=1\nr1 = map[m][0] ll\nr0 = *(u64 *)(r1 + 8)\nexit", schedCls, kernel.Rejected, "EACCES", 2, "invalid access to map value, value_size=8 off=8 size=8; R1 min value is outside of the allowed memory range"},
		{"a packet load", "r6 = r1\nr0 = *(u8 *)skb[0]\nexit", socketFilter, kernel.Accepted, "", -1, ""},
		{"no such type", "r0 = 0\nexit", 1000, kernel.Environment, "EINVAL", -1, "invalid argument"},
	} {
		a := o.Ask(kernel.Question{Code: code(t, c.kind, c.text)})
		require.Equal(t, []any{c.want, c.errno, c.insn, c.message}, []any{a.Verdict, a.Errno, a.Insn, a.Message}, c.name)
		if a.Verdict == kernel.Accepted {
			require.NotZero(t, a.Processed, c.name)
			require.NotZero(t, a.Time, c.name)
		}
	}
}

// bpf_loop(1, f, NULL, 0): the kernel wants types where a function is a value.
func TestCallback(t *testing.T) {
	o := kernel.Need(t)
	insns := isa.Prog(
		isa.Mov64Imm(isa.R1, 1), isa.LoadFunc(isa.R2, 0), isa.Mov64Imm(isa.R3, 0), isa.Mov64Imm(isa.R4, 0),
		isa.CallHelper(181), isa.Mov64Imm(isa.R0, 0), isa.Return(),
		isa.Mov64Imm(isa.R0, 0), isa.Return(),
	)
	p := obj.Program{Name: "p", Insns: insns, Refs: []obj.Ref{{Slot: 1, Kind: obj.RefFunc, Index: 8}}}
	c := codeOf(t, &obj.Object{Programs: []obj.Program{p}}, schedCls)
	require.Equal(t, []kernel.Func{{Slot: 0}, {Slot: 8}}, c.Funcs)
	a := o.Ask(kernel.Question{Code: c})
	require.Equal(t, kernel.Accepted, a.Verdict, a.Message)
}

// A global function is verified alone: that its only caller passes 8 does not help it.
func TestGlobalFunctions(t *testing.T) {
	o := kernel.Need(t)
	for _, c := range []struct {
		name   string
		caller isa.Insn // sets R1
		load   isa.Insn // the function's
		params []obj.Param
		want   kernel.Verdict
	}{
		{"context", isa.Mov64Reg(isa.R1, isa.R1), isa.LoadMem(isa.R0, isa.R1, 0, 4), []obj.Param{{Kind: obj.ParamCtx}}, kernel.Accepted},
		{"past the context", isa.Mov64Reg(isa.R1, isa.R1), isa.LoadMem(isa.R0, isa.R1, 1000, 4), []obj.Param{{Kind: obj.ParamCtx}}, kernel.Rejected},
		{"number", isa.Mov64Imm(isa.R1, 8), isa.Mov64Reg(isa.R0, isa.R1), []obj.Param{{Kind: obj.ParamScalar}}, kernel.Accepted},
		{"a number is no address", isa.Mov64Imm(isa.R1, 8), isa.LoadMem(isa.R0, isa.R1, 0, 4), []obj.Param{{Kind: obj.ParamScalar}}, kernel.Rejected},
		{"memory", isa.Mov64Reg(isa.R1, isa.R10), isa.LoadMem(isa.R0, isa.R1, 0, 4), []obj.Param{{Kind: obj.ParamMem, Size: 4, NonNull: true}}, kernel.Accepted},
		{"memory or null", isa.Mov64Reg(isa.R1, isa.R10), isa.LoadMem(isa.R0, isa.R1, 0, 4), []obj.Param{{Kind: obj.ParamMem, Size: 4}}, kernel.Rejected},
	} {
		p := obj.Program{
			Name: "p",
			Insns: isa.Prog(isa.StoreImm(isa.R10, -8, 0, 8), c.caller, isa.NE.Imm(isa.R1, 0, 0), isa.Add.Imm(isa.R1, 0), isa.CallFunc(2), isa.Mov64Imm(isa.R0, 0), isa.Return(),
				c.load, isa.Return()),
			Funcs: []obj.FuncInfo{{Slot: 0, Name: "p"}, {Slot: 7, Name: "f", Global: true, Params: c.params}},
		}
		if c.params[0].Kind == obj.ParamMem {
			p.Insns[3] = isa.Add.Imm(isa.R1, -8)
		}
		a := o.Ask(kernel.Question{Code: codeOf(t, &obj.Object{Programs: []obj.Program{p}}, schedCls)})
		require.Equal(t, c.want, a.Verdict, "%s: %s", c.name, a.Message)
	}
}

// The kernel's own functions are called by the numbers of their types.
func TestKfunc(t *testing.T) {
	o := kernel.Need(t)
	iterator := func(name string) obj.Program {
		return obj.Program{
			Name: "p",
			Insns: isa.Prog(isa.Mov64Reg(isa.R1, isa.R10), isa.Add.Imm(isa.R1, -8), isa.Mov64Imm(isa.R2, 0), isa.Mov64Imm(isa.R3, 4), isa.CallHelper(0),
				isa.Mov64Reg(isa.R1, isa.R10), isa.Add.Imm(isa.R1, -8), isa.CallHelper(0), isa.Mov64Imm(isa.R0, 0), isa.Return()),
			Refs: []obj.Ref{{Slot: 4, Kind: obj.RefKfunc, Name: "bpf_iter_num_new"}, {Slot: 7, Kind: obj.RefKfunc, Name: name}},
		}
	}
	for name, want := range map[string]kernel.Verdict{
		"bpf_iter_num_destroy": kernel.Accepted, "bpf_iter_num_next": kernel.Rejected, "bpf_no_such_function": kernel.Environment,
	} {
		a := o.Ask(kernel.Question{Code: codeOf(t, &obj.Object{Programs: []obj.Program{iterator(name)}}, schedCls)})
		require.Equal(t, want, a.Verdict, "%s: %s", name, a.Message)
	}
}

// Objects as the library presents them and as our front end does get the same
// verdict for the same reason. Every second program of some is enough, and quick.
func TestBytecodeAgrees(t *testing.T) {
	o := kernel.Need(t)
	v, err := kernel.New()
	require.NoError(t, err)
	compared := 0
	for _, name := range []string{"globals", "callbacks", "memory", "types"} {
		path := filepath.Join("../corpus/lang", name+".o")
		object, unread := v.Read(path)
		require.Nil(t, unread)
		for i := 0; i < len(object.Programs); i += 2 {
			p := &object.Programs[i]
			c, err := kernel.CodeOf(object, p, v.Set)
			require.NoError(t, err)
			one, other := o.Ask(kernel.Question{Object: path, Program: p.Name}), o.Ask(kernel.Question{Code: c})
			if one.Verdict == kernel.Environment || other.Verdict == kernel.Environment {
				t.Logf("not compared: %s %s: %s %s", path, p.Name, one.Message, other.Message)
				continue
			}
			compared++
			require.Equal(t, [3]any{one.Verdict, one.Errno, one.Insn}, [3]any{other.Verdict, other.Errno, other.Insn}, "%s %s: %s", path, p.Name, other.Message)
		}
	}
	require.Greater(t, compared, 20)
}

// A value with a lock needs types, too.
func TestSpecialFields(t *testing.T) {
	o := kernel.Need(t)
	m := abi.MapSpec{Name: "m", Type: 2, KeySize: 4, ValueSize: 24, MaxEntries: 1 << 30, Special: []abi.Special{{Kind: abi.SpecialLock, Offset: 8, Size: 4}}}
	insns := isa.Prog(isa.LoadMapFD(isa.R1, 0), isa.StoreImm(isa.R10, -4, 0, 4), isa.Mov64Reg(isa.R2, isa.R10), isa.Add.Imm(isa.R2, -4),
		isa.CallHelper(1), isa.NE.Imm(isa.R0, 0, 2), isa.Mov64Imm(isa.R0, 0), isa.Return(),
		isa.Mov64Reg(isa.R1, isa.R0), isa.LoadMem(isa.R0, isa.R1, 8, 4), isa.Return())
	p := obj.Program{Name: "p", Insns: insns, Refs: []obj.Ref{{Slot: 0, Kind: obj.RefMap}}}
	a := o.Ask(kernel.Question{Code: codeOf(t, &obj.Object{Maps: []abi.MapSpec{m}, Programs: []obj.Program{p}}, schedCls)})
	require.Equal(t, kernel.Rejected, a.Verdict, a.Message)
	require.Contains(t, a.Message, "bpf_spin_lock")
}

func TestReadOnlyData(t *testing.T) {
	o := kernel.Need(t)
	for _, c := range []struct {
		readOnly bool
		want     kernel.Verdict
	}{{true, kernel.Rejected}, {false, kernel.Accepted}} {
		p := obj.Program{Name: "p", Refs: []obj.Ref{{Slot: 0, Kind: obj.RefData}},
			Insns: isa.Prog(isa.LoadImm64(isa.R1, 0), isa.StoreImm(isa.R1, 0, 1, 1), isa.Mov64Imm(isa.R0, 0), isa.Return())}
		d := obj.Data{Name: ".data", Bytes: []byte{1, 2, 3, 4}, ReadOnly: c.readOnly, Align: 4}
		a := o.Ask(kernel.Question{Code: codeOf(t, &obj.Object{Data: []obj.Data{d}, Programs: []obj.Program{p}}, schedCls)})
		require.Equal(t, c.want, a.Verdict, a.Message)
	}
}

func TestRun(t *testing.T) {
	o := kernel.Need(t)
	text := `r0 = 2
r2 = *(u32 *)(r1 + 4)
r1 = *(u32 *)(r1 + 0)
r3 = r1
r3 += 14
if r3 > r2 goto out
r0 = 1
*(u8 *)(r1 + 0) = 9
out: exit
`
	a := o.Ask(kernel.Question{Code: code(t, xdp, text), Run: &kernel.Run{Data: make([]byte, 20)}})
	require.Equal(t, kernel.Accepted, a.Verdict, a.Message)
	require.Empty(t, a.Ran.Err)
	require.EqualValues(t, 1, a.Ran.Ret)
	require.Equal(t, append([]byte{9}, make([]byte, 19)...), a.Ran.Data)
}

func TestLog(t *testing.T) {
	o := kernel.Need(t)
	a := o.Ask(kernel.Question{Code: code(t, schedCls, "r0 = 0\nexit"), Log: true, Repeat: 3})
	require.Equal(t, kernel.Accepted, a.Verdict)
	require.Contains(t, a.Log, "0: (b7) r0 = 0                        ; R0=0")
	require.Equal(t, -1, a.Insn)
}
