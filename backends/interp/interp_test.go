package interp_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/backends/interp"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/runtime"
)

// unit parses programs in the text form and makes a unit of them, tables as those of the first.
func unit(t testing.TB, texts ...string) *codegen.Unit {
	t.Helper()
	u := &codegen.Unit{Name: "test"}
	for i, text := range texts {
		p, err := ir.Parse(fmt.Sprintf("test%d.ir", i), text)
		require.NoError(t, err)
		if i == 0 {
			u.Maps, u.Data, u.Helpers = p.Maps, p.Data, p.Helpers
		}
		p.Maps, p.Data, p.Helpers = u.Maps, u.Data, u.Helpers
		u.Programs = append(u.Programs, p)
		u.Entries = append(u.Entries, codegen.EntryInfo{Name: fmt.Sprint("p", i), Type: "mem", Context: abi.CtxMemory, StackSize: 512, StackRegion: 512, Lines: p.Lines})
	}
	return u
}

func compile(t testing.TB, u *codegen.Unit) *codegen.Artifact {
	t.Helper()
	a, err := interp.New().Compile(context.Background(), u, codegen.Options{})
	require.NoError(t, err)
	return a
}

var goHelpers = map[string]codegen.GoHelper{
	"test/identity": func(_ codegen.Call, r1, _, _, _, _ uint64) uint64 { return r1 },
	"test/mix": func(_ codegen.Call, r1, r2, r3, r4, r5 uint64) uint64 {
		return r1 + 10*r2 + 100*r3 + 1000*r4 + 10000*r5
	},
}

// load compiles and loads programs.
func load(t testing.TB, l interp.Loader, texts ...string) []*runtime.Program {
	t.Helper()
	rt, err := runtime.New(runtime.Options{Spec: codegen.Spec{CPUs: 2, Helpers: goHelpers}, Reserve: 64 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, rt.Close()) })
	ps, err := rt.Load(compile(t, unit(t, texts...)), l)
	require.NoError(t, err)
	return ps
}

// body is a program of one function with 64 bytes of frame.
func body(lines string) string {
	return "func@0 \"main\" pos 0 frame 64 {\nb0:\n" + lines + "\n}\n"
}

// run runs the program observed and not, in one runtime: with one result.
func run(t testing.TB, mem []byte, text string) (uint64, error) {
	t.Helper()
	return runUnit(t, mem, unit(t, text))
}

func runUnit(t testing.TB, mem []byte, u *codegen.Unit) (uint64, error) {
	t.Helper()
	rt, err := runtime.New(runtime.Options{Spec: codegen.Spec{CPUs: 1, Helpers: goHelpers}, Reserve: 64 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, rt.Close()) })
	before := append([]byte(nil), mem...)
	var rets []uint64
	var errs []error
	for _, l := range []interp.Loader{{Observer: &watcher{}}, {}} {
		copy(mem, before)
		ps, err := rt.Load(compile(t, u), l)
		require.NoError(t, err)
		ret, err := ps[0].Run(mem)
		rets, errs = append(rets, ret), append(errs, err)
		require.NoError(t, ps[0].Unload(context.Background())) // the next one is placed at the same address
	}
	require.Equal(t, rets[0], rets[1])
	require.Equal(t, errs[0], errs[1])
	return rets[1], errs[1]
}

func TestPrograms(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		mem        []byte
		want       uint64
	}{
		{"exit with what R0 is", body("exit"), nil, 0},
		{"r2 is the length", body("r0 = mov64 r2\nexit"), make([]byte, 9), 9},
		{"load", body("r0 = load.u16 [r1+1]\nexit"), []byte{1, 2, 3}, 0x0302},
		{"load indexed", body("r3 = mov64 1\nr0 = load.s8 [r1+r3*2+1]\nexit"), []byte{0, 0, 0, 0xfe}, ^uint64(1)},
		{"load over its base", body("r1 = load.u8 [r1]\nr0 = mov64 r1\nexit"), []byte{77}, 77},
		{"stack", body("r3 = mov64 0x1122334455667788\nstore.u64 [r10-8], r3\nr0 = load.u32 [r10-6]\nexit"), nil, 0x33445566},
		{"store immediate", body("store.u64 [r10-8], -2\nr0 = load.u64 [r10-8]\nexit"), nil, ^uint64(1)},
		{"zero", body("store.u64 [r10-16], -1\nstore.u64 [r10-8], -1\nzero [r10-16], 8\nr0 = load.u64 [r10-16]\nr1 = load.u64 [r10-8]\nr0 = sub64 r0, r1\nexit"), nil, 1},
		{"acquire and release", body("r3 = mov64 -3\nstore.u32.release [r10-8], r3\nr0 = load.s32.acquire [r10-8]\nexit"), nil, ^uint64(2)},
		{"release of an immediate", body("store.u16.release [r10-8], 515\nr0 = load.u16.acquire [r10-8]\nexit"), nil, 515},
		{"relaxed", body("store.u64.relaxed [r10-8], 7\nr0 = load.u64.relaxed [r10-8]\nexit"), nil, 7},
		{"helper", "helper \"test/mix\"(any, any, any, any, any) ret integer impl go\n" +
			body("r1 = mov64 1\nr2 = mov64 2\nr3 = mov64 3\nr4 = mov64 4\nr5 = mov64 5\ncall.helper helper@0\nr0 = add64 r0, r1\nr0 = add64 r0, r5\nexit"), nil, 54321},
		{"data", "data \".data\" align 8\nbytes \"0100000002000000\"\ndata \".rodata\" align 1 readonly\nbytes \"2a\"\n" +
			body("r1 = addr data@0, 4\nr0 = load.u32 [r1]\nstore.u8 [r1], 9\nr2 = addr data@1, 0\nr2 = load.u8 [r2]\nr0 = add64 r0, r2\nr1 = load.u8 [r1]\nr0 = add64 r0, r1\nexit"), nil, 53},
		{"map value", "map \"m\" type 2 key 4 value 16 entries 2\n" +
			body("r1 = addr value@0, 8\nr0 = load.u64 [r1]\nstore.u32 [r1+16], 6\nr0 = load.u64 [r1+16]\nexit"), nil, 6},
		{"function value", body("r0 = addr func@1, 0\nexit") + "func@1 \"f\" pos 3 frame 0 {\nb0:\nexit\n}", nil, uint64(ir.FuncValue) + 1},
		{"lea", body("r3 = mov64 5\nr4 = mov64 100\nr0 = lea [r4+r3*8-7]\nr4 = lea [r4+1]\nr0 = add64 r0, r4\nexit"), nil, 133 + 101},
		{"aligned", body("guard.align.w64 [r10-16], rule alignment\nr3 = mov64 2\nguard.align.r32 [r10+r3*2], rule alignment\nr0 = mov64 1\nexit"), nil, 1},
		{"guard that holds", body("guard.mem.r32 [r1], region 1, rule memory @1\nr3 = mov64 0 @1\nr0 = load.u32 [r1] @2\nexit"), []byte{1, 0, 0, 0}, 1},
		{"guard of another region", body("guard.mem.w64 [r10-8], region 63, rule memory @1\nstore.u64 [r10-8], 4 @1\nr0 = load.u64 [r10-8]\nexit"), nil, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := run(t, tt.mem, tt.text)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

// Blocks in an order that needs and spares jumps: a sum of 1 to n, with the exit first.
func TestLoop(t *testing.T) {
	const text = `func@0 "sum" pos 0 frame 0 {
b0:
  r0 = mov64 0
  jmp -> b3
b1:
  exit
b2:
  r0 = add64 r0, r2
  r2 = sub64 r2, 1
  jmp -> b3
b3:
  poll
  br64 ne r2, 0 -> b2, b1
}`
	got, err := run(t, make([]byte, 100), text)
	require.NoError(t, err)
	require.EqualValues(t, 5050, got)
}

func TestCalls(t *testing.T) {
	got, err := run(t, nil, `func@0 "main" pos 0 frame 16 {
b0:
  r6 = mov64 6
  r9 = mov64 9
  store.u64 [r10-8], 100
  r1 = mov64 5
  call func@1
  r3 = load.u64 [r10-8]
  r0 = add64 r0, r3
  r0 = add64 r0, r6
  r0 = add64 r0, r9
  r0 = add64 r0, r1
  exit
}
func@1 "callee" pos 20 frame 32 {
b0:
  r6 = mov64 r10
  r9 = mov64 -1
  store.u64 [r10-8], 7
  call func@2
  r1 = load.u64 [r10-8]
  r0 = add64 r0, r1
  exit
}
func@2 "leaf" pos 40 frame 8 {
b0:
  r0 = sub64 r6, r10
  store.u64 [r10-8], 55
  r6 = mov64 0
  exit
}`)
	require.NoError(t, err)
	require.EqualValues(t, 32+7+100+6+9, got)
}

func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		mem        []byte
		want       codegen.Fault
		off        bool // want.Address is relative to the memory
	}{
		{"null", body("r0 = load.u32 [r0+4] @3\nexit"), nil, codegen.Fault{Rule: ir.RuleMemory, Insn: 3, Address: 4, Size: 4}, false},
		{"beyond", body("r0 = load.u64 [r1+1] @2\nexit"), make([]byte, 8), codegen.Fault{Rule: ir.RuleMemory, Insn: 2, Address: 1, Size: 8}, true},
		{"before", body("store.u8 [r1-1], 1 @7\nexit"), make([]byte, 8), codegen.Fault{Rule: ir.RuleMemory, Insn: 7, Address: ^uint64(0), Size: 1, Write: true}, true},
		{"indexed", body("r3 = mov64 2\nstore.u16 [r1+r3*4], r3 @1\nexit"), make([]byte, 8), codegen.Fault{Rule: ir.RuleMemory, Insn: 1, Address: 8, Size: 2, Write: true}, true},
		{"base overwritten", body("r1 = load.u64 [r1+8] @1\nexit"), make([]byte, 8), codegen.Fault{Rule: ir.RuleMemory, Insn: 1, Address: 8, Size: 8}, true},
		{"guard", body("guard.mem.w16 [r1+7], region 1, rule memory @5\nexit"), make([]byte, 8), codegen.Fault{Rule: ir.RuleMemory, Insn: 5, Address: 7, Size: 2, Write: true}, true},
		{"guarded access", body("guard.mem.w16 [r1+7], region 1, rule memory @5\nstore.u16 [r1+7], 1 @5\nexit"), make([]byte, 8), codegen.Fault{Rule: ir.RuleMemory, Insn: 5, Address: 7, Size: 2, Write: true}, true},
		{"guard of another size", body("guard.mem.r64 [r1+7], region 1, rule memory @5\nr0 = load.u8 [r1+7] @5\nexit"), make([]byte, 8), codegen.Fault{Rule: ir.RuleMemory, Insn: 5, Address: 7, Size: 8}, true},
		{"atomic", body("atomic.add.u64.relaxed [r1+4], r2 @5\nexit"), make([]byte, 8), codegen.Fault{Rule: ir.RuleMemory, Insn: 5, Address: 4, Size: 8, Write: true}, true},
		{"unaligned", body("r3 = mov64 3\nguard.align.w32 [r1+r3*2], rule alignment @5\nexit"), make([]byte, 8), codegen.Fault{Rule: ir.RuleAlign, Insn: 5, Address: 6, Size: 4, Write: true}, true},
		{"acquire", body("r0 = load.u32.acquire [r1+6] @5\nexit"), make([]byte, 8), codegen.Fault{Rule: ir.RuleMemory, Insn: 5, Address: 6, Size: 4}, true},
		{"release", body("store.u32.release [r1+6], 1 @5\nexit"), make([]byte, 8), codegen.Fault{Rule: ir.RuleMemory, Insn: 5, Address: 6, Size: 4, Write: true}, true},
		{"fault", body("fault rule call @6"), nil, codegen.Fault{Rule: ir.RuleCall, Insn: 6}, false},
		{"fault with a value", body("r3 = mov64 77\nfault r3, rule call @6"), nil, codegen.Fault{Rule: ir.RuleCall, Insn: 6, Address: 77}, false},
		{"read-only data", "data \".rodata\" readonly\nbytes \"00\"\n" + body("r1 = addr data@0, 0\nr0 = load.u8 [r1]\nr1 = sub64 r1, r1\nstore.u8 [r1], 0 @9\nexit"), nil, codegen.Fault{Rule: ir.RuleMemory, Insn: 9, Size: 1, Write: true}, false},
		{"source line", "line 0 \"a.c\" 1 1 \"x\"\nline 4 \"a.c\" 2 1 \"y\"\n" + body("r0 = load.u8 [r0] @5\nexit"), nil,
			codegen.Fault{Rule: ir.RuleMemory, Insn: 5, Size: 1, Source: &obj.Line{Slot: 4, File: "a.c", Line: 2, Col: 1, Text: "y"}}, false},
		{"other function", body("call func@1 @1\nexit") + "func@1 \"f\" pos 8 frame 0 {\nb0:\nr0 = load.u8 [r0] @9\nexit\n}", nil, codegen.Fault{Rule: ir.RuleMemory, Insn: 9, Size: 1}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := uint64(0)
			if tt.off {
				base = addressOf(t, tt.mem)
			}
			_, err := run(t, tt.mem, tt.text)
			var f *codegen.Fault
			require.ErrorAs(t, err, &f)
			tt.want.Program, tt.want.Address = "p0", tt.want.Address+base
			require.Equal(t, &tt.want, f)
		})
	}
}

// addressOf is what a program gets as R1 for mem.
func addressOf(t *testing.T, mem []byte) uint64 {
	a, err := run(t, mem, body("r0 = mov64 r1\nexit"))
	require.NoError(t, err)
	return a
}

// A write to read-only data faults; a write beyond the frame of the entry too.
func TestContainment(t *testing.T) {
	for _, text := range []string{
		"data \".rodata\" readonly\nbytes \"00\"\n" + body("r1 = addr data@0, 0\nstore.u8 [r1], 1 @2\nexit"),
		body("store.u8 [r10], 1\nexit"),
		body("store.u64 [r10-520], 1\nexit"),
		body("zero [r10-8], 16\nexit"),
	} {
		_, err := run(t, nil, text)
		var f *codegen.Fault
		require.ErrorAs(t, err, &f, text)
		require.Equal(t, ir.RuleMemory, f.Rule)
		require.True(t, f.Write)
	}
}

// Where the stack is no region, guards refuse it though accesses reach it.
func TestHiddenStack(t *testing.T) {
	for _, tt := range []struct {
		insn string
		ok   bool
	}{
		{"store.u64 [r10-8], 7 @1", true},
		{"guard.mem.w64 [r10-8], region 0, rule memory @1\nstore.u64 [r10-8], 7 @1", false},
		{"guard.mem.w64 [r10-8], region 1, rule memory @1\nstore.u64 [r10-8], 7 @1", false},
		{"guard.mem.w64 [r10-512], region 1, rule memory @1\nstore.u64 [r10-512], 7 @1", false},
		{"r3 = mov64 1\nguard.mem.w64 [r10+r3*8-16], region 1, rule memory @1\nstore.u64 [r10+r3*8-16], 7 @1", false},
		{"guard.mem.w64 [r10-8], region 1, rule memory @1\npoll\nstore.u64 [r10-8], 7 @1", false},
		{"guard.mem.w64 [r1], region 1, rule memory @1\nstore.u64 [r1], 7 @1", true},
		{"guard.mem.w64 [r1], region 0, rule memory @1\nstore.u64 [r1], 7 @1", true},
		{"guard.mem.w64 [r1+1], region 1, rule memory @1\nstore.u64 [r1+1], 7 @1", false},
	} {
		u := unit(t, body(tt.insn+"\nexit"))
		u.Entries[0].StackRegion = 0
		_, err := runUnit(t, make([]byte, 8), u)
		if tt.ok {
			require.NoError(t, err, tt.insn)
			continue
		}
		var f *codegen.Fault
		require.ErrorAs(t, err, &f, tt.insn)
		require.Equal(t, codegen.Fault{Rule: ir.RuleMemory, Program: "p0", Insn: 1, Address: f.Address, Size: 8, Write: true}, *f)
	}
}

const endless = `func@0 "main" pos 0 frame 0 {
b0:
  r0 = load.u64 [r1]
  r0 = add64 r0, 1
  store.u64 [r1], r0
  poll @4
  jmp -> b0
}`

func TestFuelIsExact(t *testing.T) {
	p := load(t, interp.Loader{}, endless)[0]
	for _, fuel := range []int64{1, 2, 1000, runtime.SliceTurns - 1, runtime.SliceTurns, runtime.SliceTurns + 1} {
		w, err := p.Worker(context.Background())
		require.NoError(t, err)
		w.SetFuel(fuel)
		mem := make([]byte, 8)
		_, err = w.Run(mem)
		w.Release()
		var f *codegen.Fault
		require.ErrorAs(t, err, &f)
		require.Equal(t, &codegen.Fault{Rule: ir.RuleFuel, Program: "p0", Insn: 4}, f)
		require.EqualValues(t, fuel+1, binary.LittleEndian.Uint64(mem), "turns")
	}
}

func TestUnsupported(t *testing.T) {
	deep := func(n int) string {
		text := ""
		for i := range n {
			text += fmt.Sprintf("func@%d \"f%d\" pos 0 frame 8 {\nb0:\n", i, i)
			if i < n-1 {
				text += fmt.Sprintf("call func@%d\n", i+1)
			}
			text += "exit\n}\n"
		}
		return text
	}
	for _, tt := range []struct{ text, want string }{
		{body("maygoto -> b0, b0 @2"), "may_goto (program , function main, insn 2) is not supported: the interpreter runs lowered programs without it"},
		{body("call.reg r1 @2\nexit"), "callx (program , function main, insn 2)"},
		{body("r0 = ld.abs.u16 4 @2\nexit"), "ld_abs"},
		{body("r0 = ld.ind.u16 r1, 4 @2\nexit"), "ld_ind"},
		{body("call func@0\nexit"), "function main calls itself, or calls nested deeper than 16"},
		{deep(17), "function f0 calls itself, or calls nested deeper than 16"},
	} {
		_, err := interp.New().Compile(context.Background(), unit(t, tt.text), codegen.Options{})
		var e *codegen.UnsupportedError
		require.ErrorAs(t, err, &e, tt.text)
		require.Contains(t, err.Error(), tt.want)
	}
	_, err := run(t, nil, deep(8))
	require.NoError(t, err)
	for _, o := range []codegen.Options{{Opt: 1}, {Object: true}} {
		_, err := interp.New().Compile(context.Background(), unit(t, body("exit")), o)
		var e *codegen.UnsupportedError
		require.ErrorAs(t, err, &e)
	}
}

// Every op of the IR runs or is refused by name; what runs is what these tests run.
func TestEveryOp(t *testing.T) {
	refused := []ir.Op{ir.OpLoadAbs, ir.OpLoadInd, ir.OpCallReg, ir.OpMayGoto}
	for op := ir.OpInvalid + 1; int(op) < len(ir.Ops); op++ {
		require.Equal(t, !slices.Contains(refused, op), interp.Runs(op), "%s: decode it and test it, or refuse it", op)
	}
}

func TestCompileRefusesBadIR(t *testing.T) {
	u := unit(t, body("exit"))
	u.Programs[0].Funcs[0].Blocks[0].Insns = nil
	_, err := interp.New().Compile(context.Background(), u, codegen.Options{})
	var e *ir.CheckError
	require.ErrorAs(t, err, &e)
	_, err = interp.New().Compile(context.Background(), &codegen.Unit{Entries: make([]codegen.EntryInfo, 1)}, codegen.Options{})
	require.ErrorContains(t, err, "0 programs with 1 entries")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = interp.New().Compile(ctx, unit(t, body("exit")), codegen.Options{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestArtifact(t *testing.T) {
	text := "data \".data\" align 8\nbytes \"" + fmt.Sprintf("%02000x", 1) + "\"\n" + body("r0 = mov64 1\nexit")
	u := unit(t, text, body("r0 = mov64 2\nexit"))
	a, b := compile(t, u), compile(t, u)
	require.Equal(t, a, b, "same unit, same bytes")
	require.NoError(t, a.CheckDigest())
	require.Less(t, len(a.Code), 200, "data is not in the code as well")
	require.EqualValues(t, 512, a.StackSize)

	rt, err := runtime.New(runtime.Options{Reserve: 64 << 20})
	require.NoError(t, err)
	defer rt.Close()
	ps, err := rt.Load(a, interp.Loader{})
	require.NoError(t, err)
	for i, p := range ps {
		got, err := p.Run(nil)
		require.NoError(t, err)
		require.EqualValues(t, i+1, got)
	}
}

// Whatever the code of an artifact is, loading it works or ends with an error.
func TestLoadRefusesGarbage(t *testing.T) {
	rt, err := runtime.New(runtime.Options{Reserve: 64 << 20})
	require.NoError(t, err)
	defer rt.Close()
	good := compile(t, unit(t, body("r0 = mov64 1\nexit")))
	for _, change := range []func(a *codegen.Artifact){
		func(a *codegen.Artifact) { a.Code = nil },
		func(a *codegen.Artifact) { a.Code = a.Code[:len(a.Code)-1] },
		func(a *codegen.Artifact) { a.Target = "amd64" },
		func(a *codegen.Artifact) { a.Version = "0" },
		func(a *codegen.Artifact) { a.Entries = append(a.Entries, a.Entries[0]) },
		func(a *codegen.Artifact) { a.Code = ir.Marshal(&ir.Program{}) },
	} {
		bad := *good
		change(&bad)
		bad.Seal()
		_, err := rt.Load(&bad, interp.Loader{})
		require.Error(t, err)
	}
	for at := range good.Code {
		bad := *good
		bad.Code = append([]byte(nil), good.Code...)
		bad.Code[at] ^= 0x55
		bad.Seal()
		if ps, err := rt.Load(&bad, interp.Loader{}); err == nil {
			_, _ = ps[0].Run(nil)
		}
	}
}

// watcher counts instructions, and ends the run when it has seen enough.
type watcher struct {
	steps, limit int
	last         interp.State
}

var errEnough = errors.New("enough")

func (w *watcher) Step(s *interp.State) error {
	if w.steps++; w.steps == w.limit {
		return errEnough
	}
	w.last = *s
	return nil
}

func TestObserver(t *testing.T) {
	const text = `func@0 "main" pos 0 frame 16 {
b0:
  r6 = mov64 1 @0
  store.u64 [r10-8], 3 @1
  call func@1 @2
  jmp -> b1 @3
b1:
  exit @4
}
func@1 "f" pos 8 frame 8 {
b0:
  r0 = mov64 r6 @8
  exit @9
}`
	o := &watcher{}
	got, err := load(t, interp.Loader{Observer: o}, text)[0].Run(nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, got)
	require.Equal(t, 7, o.steps)
	require.Equal(t, ir.OpExit, o.last.Insn.Op)
	require.Equal(t, "main", o.last.Func.Name)
	v, ok := o.last.Mem.Load64(ir.RegionStack, o.last.Regs[ir.R10]-8)
	require.True(t, ok)
	require.EqualValues(t, 3, v)

	o = &watcher{limit: 5}
	_, err = load(t, interp.Loader{Observer: o}, text)[0].Run(nil)
	require.ErrorIs(t, err, errEnough)
	require.Equal(t, 1, o.last.Depth)
	require.Equal(t, "f", o.last.Func.Name)
}

func TestSession(t *testing.T) {
	ctx := context.Background()
	s, err := interp.New().Open(ctx, codegen.Spec{CPUs: 1, Helpers: goHelpers})
	require.NoError(t, err)
	a := compile(t, unit(t, "line 0 \"a.c\" 1 1 \"x\"\n"+body("r0 = load.u8 [r1] @0\nr0 = add64 r0, 1 @1\nexit @2")))
	ids, err := s.Load(ctx, a)
	require.NoError(t, err)
	res, err := s.Run(ctx, ids[0], codegen.Batch{Inputs: []codegen.Input{{Mem: []byte{4}}, {}}, Trace: true})
	require.NoError(t, err)
	require.EqualValues(t, 5, res.Results[0].Ret)
	require.Len(t, res.Results[0].Trace, 3)
	require.EqualValues(t, 5, res.Results[0].Trace[1].Regs[0])
	require.Equal(t, "a.c", res.Results[1].Fault.Source.File)
	require.NoError(t, s.Unload(ctx, ids[0]))
	require.NoError(t, s.Close())
}

// A trace is bounded: a run without end is ended, soon and by name, and its worker runs on.
func TestLongTrace(t *testing.T) {
	ctx := context.Background()
	s, err := interp.New().Open(ctx, codegen.Spec{CPUs: 1})
	require.NoError(t, err)
	defer s.Close()
	ids, err := s.Load(ctx, compile(t, unit(t, body("jmp -> b1 @0\nb1:\npoll @1\njmp -> b1 @1"))))
	require.NoError(t, err)
	in := codegen.Batch{Inputs: []codegen.Input{{}}, Fuel: -1, Trace: true}
	var long *codegen.UnsupportedError
	_, err = s.Run(ctx, ids[0], in)
	require.ErrorAs(t, err, &long)
	require.ErrorContains(t, err, "a trace of more than")

	in.Fuel, in.Trace = 10, false
	res, err := s.Run(ctx, ids[0], in)
	require.NoError(t, err)
	require.Equal(t, ir.RuleFuel, res.Results[0].Fault.Rule)
}

// A helper without an implementation is refused when it is loaded, by name.
func TestHelperMissing(t *testing.T) {
	rt, err := runtime.New(runtime.Options{Reserve: 64 << 20})
	require.NoError(t, err)
	defer rt.Close()
	_, err = rt.Load(compile(t, unit(t, "helper \"test/identity\"(any) ret integer impl go\n"+body("call.helper helper@0\nexit"))), interp.Loader{})
	var e *codegen.UnsupportedError
	require.ErrorAs(t, err, &e)
	require.Contains(t, err.Error(), "test/identity")
}

// Cancellation ends a run at its next poll.
func TestCancel(t *testing.T) {
	s, err := interp.New().Open(context.Background(), codegen.Spec{CPUs: 1})
	require.NoError(t, err)
	defer s.Close()
	ids, err := s.Load(context.Background(), compile(t, unit(t, endless)))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(time.Millisecond, cancel)
	_, err = s.Run(ctx, ids[0], codegen.Batch{Inputs: []codegen.Input{{Mem: make([]byte, 8)}}, Fuel: -1})
	require.ErrorIs(t, err, context.Canceled)
}
