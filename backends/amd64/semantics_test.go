package amd64

import (
	"context"
	"encoding/binary"
	"fmt"
	goruntime "runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpfc/bpfc/backends/interp"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/regalloc"
	"github.com/bpfc/bpfc/runtime"
)

// The memory of a run: what registers hold before the instructions under test,
// what these may touch, and what registers hold afterwards.
const (
	memBefore = 0
	memData   = 128
	memAfter  = 256
	memSize   = 512
	dataSize  = memAfter - memData
)

// general are the registers that instructions may name: all but R10. lasting
// are those of them that outlive an instruction, as temporaries do not all.
var (
	general = []ir.Reg{ir.R0, ir.R1, ir.R2, ir.R3, ir.R4, ir.R5, ir.R6, ir.R7, ir.R8, ir.R9, ir.T0, ir.T1, ir.T2}
	lasting = general[:10]
)

// The stack of a run: the address of its memory, the mark of the branch that was
// taken, the temporaries, the registers.
const (
	slotMemory = -8
	slotMark   = -16
	slotTemp   = -40 // and the two above
	slotRegs   = -40
	frameSize  = 128
)

// body draws straight code, all of it of BPF instruction 1, so that temporaries live throughout.
type body struct {
	*rapid.T
	regs  []ir.Reg // to draw from
	insns []ir.Insn
}

// operands are the registers that an instruction may always name: none that its own code may use.
func operands(op ir.Op) (regs []ir.Reg) {
	for _, r := range general {
		if !clobbers[op].Has(regalloc.PReg(reg(r))) {
			regs = append(regs, r)
		}
	}
	return regs
}

func (b *body) emit(in ir.Insn) {
	in.Pos = 1
	if in.Width == 0 {
		in.Width = 64
	}
	b.insns = append(b.insns, in)
}

func (b *body) reg(label string) ir.Reg { return rapid.SampledFrom(b.regs).Draw(b.T, label) }

func (b *body) width() uint8 { return rapid.SampledFrom([]uint8{32, 64}).Draw(b.T, "width") }

// immediates are where encodings and meanings change.
var immediates = []int64{0, 1, 2, 3, 8, -1, -2, 31, 32, 33, 63, 64, 127, 128, -128, -129, 255, 256, 65535, 1<<31 - 1, -1 << 31, 1 << 31, 1<<32 - 1, 1 << 32, 1<<63 - 1, -1 << 63}

func (b *body) imm() int64 {
	if rapid.Bool().Draw(b.T, "edge") {
		return rapid.SampledFrom(immediates).Draw(b.T, "imm")
	}
	return rapid.Int64().Draw(b.T, "imm")
}

// second draws a second operand, a register or an immediate.
func (b *body) second(in *ir.Insn) {
	if rapid.Bool().Draw(b.T, "immediate") {
		in.Imm = b.imm()
		return
	}
	in.B = b.reg("b")
}

// address makes base, and index if there is one, an address within the data, and returns the operand.
func (b *body) address(size uint8, aligned bool) ir.Insn {
	in := ir.Insn{Base: b.reg("base"), Size: size}
	at := int64(rapid.IntRange(0, dataSize-16).Draw(b.T, "at")) &^ 7
	scale := rapid.SampledFrom([]uint8{1, 2, 4, 8}).Draw(b.T, "scale")
	if !aligned {
		at += int64(rapid.IntRange(0, 8).Draw(b.T, "odd"))
	} else {
		scale = 8
	}
	b.emit(ir.Insn{Op: ir.OpLoad, Size: 8, Dst: in.Base, Base: ir.R10, Disp: slotMemory})
	if index := b.reg("index"); index != in.Base && rapid.Bool().Draw(b.T, "indexed") {
		n := int64(rapid.IntRange(-2, 2).Draw(b.T, "n"))
		b.emit(ir.Insn{Op: ir.OpMov, Dst: index, Imm: n})
		in.Index, in.Scale = index, scale
		at -= n * int64(scale)
	}
	in.Disp = int32(memData + at)
	if rapid.Bool().Draw(b.T, "based") {
		b.emit(ir.Insn{Op: ir.OpLea, Dst: in.Base, Base: in.Base, Disp: in.Disp})
		in.Disp = 0
	}
	return in
}

func (b *body) size() uint8 { return rapid.SampledFrom([]uint8{1, 2, 4, 8}).Draw(b.T, "size") }

// rmw draws an atomic operation.
func (b *body) rmw(op ir.Op, fetch bool) {
	size := rapid.SampledFrom([]uint8{4, 8}).Draw(b.T, "size")
	in := b.address(size, true)
	in.Op, in.A, in.Order = op, b.reg("a"), ir.Relaxed
	if fetch {
		in.Dst, in.Order = b.reg("dst"), ir.SeqCst
	}
	if op == ir.OpAtomicCmpXchg {
		in.Dst, in.B = ir.R0, ir.R0
	}
	b.emit(in)
}

func arith(op ir.Op) func(*body) {
	return func(b *body) {
		in := ir.Insn{Op: op, Width: b.width(), Dst: b.reg("dst"), A: b.reg("a")}
		b.second(&in)
		b.emit(in)
	}
}

func unary(op ir.Op, sizes ...uint8) func(*body) {
	return func(b *body) {
		in := ir.Insn{Op: op, Dst: b.reg("dst"), A: b.reg("a")}
		if len(sizes) > 0 {
			in.Size = rapid.SampledFrom(sizes).Draw(b.T, "size")
		}
		if op == ir.OpNeg || op == ir.OpSext {
			in.Width = b.width()
		}
		b.emit(in)
	}
}

func atomic(op ir.Op, fetch bool) func(*body) { return func(b *body) { b.rmw(op, fetch) } }

// draws has a generator for each thing that an emitter may be asked.
var draws = []struct {
	op   ir.Op
	name string
	draw func(*body)
}{
	{ir.OpAdd, "add", arith(ir.OpAdd)}, {ir.OpSub, "sub", arith(ir.OpSub)}, {ir.OpMul, "mul", arith(ir.OpMul)},
	{ir.OpDiv, "div", arith(ir.OpDiv)}, {ir.OpSDiv, "sdiv", arith(ir.OpSDiv)}, {ir.OpMod, "mod", arith(ir.OpMod)}, {ir.OpSMod, "smod", arith(ir.OpSMod)},
	{ir.OpOr, "or", arith(ir.OpOr)}, {ir.OpAnd, "and", arith(ir.OpAnd)}, {ir.OpXor, "xor", arith(ir.OpXor)},
	{ir.OpLsh, "lsh", arith(ir.OpLsh)}, {ir.OpRsh, "rsh", arith(ir.OpRsh)}, {ir.OpArsh, "arsh", arith(ir.OpArsh)},
	{ir.OpNeg, "neg", unary(ir.OpNeg)}, {ir.OpSext, "sext", unary(ir.OpSext, 1, 2, 4)}, {ir.OpZext, "zext", unary(ir.OpZext, 1, 2, 4)}, {ir.OpBswap, "bswap", unary(ir.OpBswap, 2, 4, 8)},
	{ir.OpMov, "mov", func(b *body) {
		in := ir.Insn{Op: ir.OpMov, Width: b.width(), Dst: b.reg("dst")}
		b.second(&in)
		b.emit(in)
	}},
	{ir.OpAddr, "addr", func(b *body) {
		b.emit(ir.Insn{Op: ir.OpAddr, Dst: b.reg("dst"), Ref: ir.Ref{Kind: ir.RefFunc}})
	}},
	{ir.OpLea, "lea", func(b *body) {
		in := ir.Insn{Op: ir.OpLea, Dst: b.reg("dst"), Base: b.reg("base"), Disp: rapid.Int32().Draw(b.T, "disp")}
		if rapid.Bool().Draw(b.T, "indexed") {
			in.Index, in.Scale = b.reg("index"), rapid.SampledFrom([]uint8{1, 2, 4, 8}).Draw(b.T, "scale")
		}
		b.emit(in)
	}},
	{ir.OpLoad, "load", func(b *body) {
		in := b.address(b.size(), false)
		in.Op, in.Dst, in.Sign = ir.OpLoad, b.reg("dst"), in.Size < 8 && rapid.Bool().Draw(b.T, "sign")
		b.emit(in)
	}},
	{ir.OpLoad, "load.acquire", func(b *body) {
		in := b.address(b.size(), true)
		in.Op, in.Dst, in.Order = ir.OpLoad, b.reg("dst"), ir.Acquire
		b.emit(in)
	}},
	{ir.OpStore, "store", func(b *body) {
		in := b.address(b.size(), false)
		in.Op = ir.OpStore
		if rapid.Bool().Draw(b.T, "immediate") {
			in.Imm = b.imm()
		} else {
			in.A = b.reg("a")
		}
		b.emit(in)
	}},
	{ir.OpStore, "store.seqcst", func(b *body) {
		in := b.address(b.size(), true)
		in.Op, in.A, in.Order = ir.OpStore, b.reg("a"), ir.SeqCst
		b.emit(in)
	}},
	{ir.OpAtomicAdd, "atomic.add", atomic(ir.OpAtomicAdd, false)}, {ir.OpAtomicAdd, "atomic.add.fetch", atomic(ir.OpAtomicAdd, true)},
	{ir.OpAtomicOr, "atomic.or", atomic(ir.OpAtomicOr, false)}, {ir.OpAtomicOr, "atomic.or.fetch", atomic(ir.OpAtomicOr, true)},
	{ir.OpAtomicAnd, "atomic.and", atomic(ir.OpAtomicAnd, false)}, {ir.OpAtomicAnd, "atomic.and.fetch", atomic(ir.OpAtomicAnd, true)},
	{ir.OpAtomicXor, "atomic.xor", atomic(ir.OpAtomicXor, false)}, {ir.OpAtomicXor, "atomic.xor.fetch", atomic(ir.OpAtomicXor, true)},
	{ir.OpAtomicXchg, "atomic.xchg", atomic(ir.OpAtomicXchg, true)}, {ir.OpAtomicCmpXchg, "atomic.cmpxchg", atomic(ir.OpAtomicCmpXchg, true)},
	{ir.OpGuardMem, "guard.mem", func(b *body) { // mostly passes: a fault ends the run
		in := b.address(b.size(), false)
		in.Op, in.Write, in.Rule = ir.OpGuardMem, rapid.Bool().Draw(b.T, "write"), ir.RuleMemory
		in.Region = rapid.SampledFrom([]uint16{ir.RegionStack, ir.RegionMemory, ir.RegionData, ir.RegionRodata}).Draw(b.T, "region")
		if rapid.IntRange(0, 9).Draw(b.T, "stray") == 0 {
			in.Disp += int32(rapid.IntRange(-memSize, memSize).Draw(b.T, "by"))
		}
		b.emit(in)
	}},
	{ir.OpGuardAlign, "guard.align", func(b *body) {
		in := b.address(rapid.SampledFrom([]uint8{2, 4, 8}).Draw(b.T, "size"), true)
		in.Op, in.Rule, in.Write = ir.OpGuardAlign, ir.RuleAlign, rapid.Bool().Draw(b.T, "write")
		if rapid.IntRange(0, 9).Draw(b.T, "stray") == 0 {
			in.Disp += int32(rapid.IntRange(0, 8).Draw(b.T, "by"))
		}
		b.emit(in)
	}},
	{ir.OpPoll, "poll", func(b *body) { b.emit(ir.Insn{Op: ir.OpPoll}) }},
}

// program wraps drawn code: registers are loaded, the code runs, a branch on a
// condition of its own is taken or not, and the registers in observed are stored. The others are dead.
func (b *body) program(observed []ir.Reg) *ir.Program {
	code := b.insns
	b.insns = nil
	b.emit(ir.Insn{Op: ir.OpStore, Size: 8, Base: ir.R10, Disp: slotMemory, A: ir.R1})
	for i := range int32(3) {
		b.emit(ir.Insn{Op: ir.OpStore, Size: 8, Base: ir.R10, Disp: slotTemp + 8*i})
	}
	for i, r := range general {
		if r != ir.R1 {
			b.emit(ir.Insn{Op: ir.OpLoad, Size: 8, Dst: r, Base: ir.R1, Disp: memBefore + 8*int32(i)})
		}
	}
	b.emit(ir.Insn{Op: ir.OpLoad, Size: 8, Dst: ir.R1, Base: ir.R1, Disp: memBefore + 8})
	b.insns = append(b.insns, code...)
	last := b.insns[len(b.insns)-1].Dst
	if len(b.regs) > len(lasting) {
		b.storeTemps(&code[len(code)-1])
	}
	if last >= ir.T0 {
		last = ir.None
	}
	b.regs = lasting
	br := ir.Insn{Op: ir.OpBr, Width: b.width(), Cond: rapid.SampledFrom(conds).Draw(b.T, "cond"), A: b.reg("a"), Then: 2, Else: 1}
	if rapid.Bool().Draw(b.T, "swapped") {
		br.Then, br.Else = 1, 2
	}
	if rapid.Bool().Draw(b.T, "zero") {
		if last != ir.None {
			br.A = last // whose flags may be known
		}
	} else {
		b.second(&br)
	}
	b.emit(br)
	f := &ir.Func{Name: "test", Frame: frameSize, Blocks: []*ir.Block{{ID: 0, Insns: b.insns}}}
	for i := range 2 {
		b.insns = nil
		b.emit(ir.Insn{Op: ir.OpStore, Size: 8, Base: ir.R10, Disp: slotMark, Imm: int64(i)})
		b.emit(ir.Insn{Op: ir.OpJmp, Then: 3})
		f.Blocks = append(f.Blocks, &ir.Block{ID: ir.BlockID(i + 1), Insns: b.insns})
	}
	f.Blocks = append(f.Blocks, &ir.Block{ID: 3, Insns: b.store(observed)})
	return &ir.Program{Name: "test", Section: "mem", Type: "mem", Funcs: []*ir.Func{f}}
}

// storeTemps stores the temporaries that survive in, by the table of what its code destroys.
func (b *body) storeTemps(in *ir.Insn) {
	for i := range 3 {
		if r := ir.T0 + ir.Reg(i); r == in.Dst || !clobbered(in).Has(regalloc.PReg(reg(r))) {
			b.emit(ir.Insn{Op: ir.OpStore, Size: 8, Base: ir.R10, Disp: slotTemp + 8*int32(i), A: r})
		}
	}
}

var conds = []isa.Cond{isa.EQ, isa.NE, isa.GT, isa.GE, isa.LT, isa.LE, isa.SGT, isa.SGE, isa.SLT, isa.SLE, isa.SET}

// store is the end of the program.
func (b *body) store(observed []ir.Reg) []ir.Insn {
	b.insns = nil
	for i, r := range observed {
		b.emit(ir.Insn{Op: ir.OpStore, Size: 8, Base: ir.R10, Disp: slotRegs - 8*int32(i+1), A: r})
	}
	b.emit(ir.Insn{Op: ir.OpLoad, Size: 8, Dst: ir.R1, Base: ir.R10, Disp: slotMemory})
	for i := range observed {
		b.emit(ir.Insn{Op: ir.OpLoad, Size: 8, Dst: ir.R0, Base: ir.R10, Disp: slotRegs - 8*int32(i+1)})
		b.emit(ir.Insn{Op: ir.OpStore, Size: 8, Base: ir.R1, Disp: memAfter + 8*int32(i), A: ir.R0})
	}
	for i := range int32(3) {
		b.emit(ir.Insn{Op: ir.OpLoad, Size: 8, Dst: ir.R0, Base: ir.R10, Disp: slotTemp + 8*i})
		b.emit(ir.Insn{Op: ir.OpStore, Size: 8, Base: ir.R1, Disp: memSize - 24 + 8*i, A: ir.R0})
	}
	b.emit(ir.Insn{Op: ir.OpLoad, Size: 8, Dst: ir.R0, Base: ir.R10, Disp: slotMark})
	b.emit(ir.Insn{Op: ir.OpExit})
	return b.insns
}

// drawMemory draws what registers and data hold at the start: often an edge.
func drawMemory(t *rapid.T, mem []byte) {
	values := rapid.SliceOfN(rapid.OneOf(rapid.Int64(), rapid.SampledFrom(immediates)), memAfter/8, memAfter/8)
	for i, v := range values.Draw(t, "memory") {
		binary.LittleEndian.PutUint64(mem[8*i:], uint64(v))
	}
	clear(mem[memAfter:])
}

// engine is a back end with a home for its artifacts.
type engine struct {
	name    string
	backend codegen.Backend
	opts    codegen.Options
	session codegen.Session
}

// digits is the Go helper of the tests: R1 to R5 as decimal digits.
func digits(_ codegen.Call, r1, r2, r3, r4, r5 uint64) (n uint64) {
	for _, d := range [...]uint64{r1, r2, r3, r4, r5} {
		n = n*10 + d
	}
	return n
}

func engines(t *testing.T) []engine {
	if goruntime.GOOS != "linux" || goruntime.GOARCH != "amd64" {
		t.Skip("amd64 machine code runs on linux/amd64 only")
	}
	all := []engine{{name: "interp", backend: interp.New()}, {name: "amd64", backend: &Backend{CheckAllocation: true}}}
	for _, level := range levels[1:] {
		if runtime.HostCPU() >= level { // the names are in the order of the levels
			all = append(all, engine{name: level, backend: &Backend{CheckAllocation: true}, opts: codegen.Options{CPU: level}})
		}
	}
	for i := range all {
		s, err := all[i].backend.(codegen.Runner).Open(context.Background(), codegen.Spec{CPUs: 1, Helpers: map[string]codegen.GoHelper{"test/go": digits}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		all[i].session = s
	}
	return all
}

// outcome is all that a run lets out. All engines run on the same buffer, so addresses are the same.
type outcome struct {
	Ret   uint64
	Fault *codegen.Fault
	Mem   string
}

func (e *engine) run(t require.TestingT, u *codegen.Unit, mem []byte) outcome {
	ctx := context.Background()
	a, err := e.backend.Compile(ctx, u, e.opts)
	require.NoError(t, err)
	ids, err := e.session.Load(ctx, a)
	require.NoError(t, err)
	res, err := e.session.Run(ctx, ids[0], codegen.Batch{Inputs: []codegen.Input{{Mem: mem}}})
	require.NoError(t, err)
	require.NoError(t, e.session.Unload(ctx, ids[0]))
	r := res.Results[0]
	return outcome{r.Ret, r.Fault, fmt.Sprintf("%x", mem)}
}

// agree runs the program on all engines and compares what they let out.
func agree(t *rapid.T, all []engine, p *ir.Program, mem []byte) {
	require.NoError(t, ir.Check(p, ir.StageLowered))
	before := append([]byte(nil), mem...)
	var want outcome
	for i := range all {
		copy(mem, before)
		got := all[i].run(t, unit(p), mem)
		if i == 0 {
			want = got
		}
		require.Equal(t, want, got, "%s\n%s", all[i].name, ir.String(p))
	}
}

// buffer is aligned, so that atomic operations do not cross cache lines.
func buffer() []byte {
	b := make([]byte, memSize+64)
	off := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) & 63
	return b[off : off+memSize : off+memSize]
}

func drawObserved(t *rapid.T) []ir.Reg {
	if rapid.Bool().Draw(t, "all") {
		return lasting
	}
	return rapid.SliceOfNDistinct(rapid.SampledFrom(lasting), 0, len(lasting), rapid.ID[ir.Reg]).Draw(t, "observed")
}

// Each emitter computes what the interpreter does, whatever registers it is given.
func TestEmittersAgreeWithTheInterpreter(t *testing.T) {
	all, mem := engines(t), buffer()
	for _, d := range draws {
		t.Run(d.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				drawMemory(t, mem)
				b := &body{T: t, regs: operands(d.op)}
				d.draw(b)
				require.Equal(t, d.op, b.insns[len(b.insns)-1].Op)
				agree(t, all, b.program(drawObserved(t)), mem)
			})
		})
	}
}

// So do sequences of them, in which one may see what another has left behind.
func TestSequencesAgreeWithTheInterpreter(t *testing.T) {
	all, mem := engines(t), buffer()
	rapid.Check(t, func(t *rapid.T) {
		drawMemory(t, mem)
		b := &body{T: t, regs: lasting}
		for range rapid.IntRange(2, 30).Draw(t, "length") {
			draws[rapid.IntRange(0, len(draws)-1).Draw(t, "op")].draw(b)
		}
		agree(t, all, b.program(drawObserved(t)), mem)
	})
}

// What is not drawn above has a test elsewhere, or never reaches a back end.
func TestEveryOpIsDrawn(t *testing.T) {
	known := map[ir.Op]bool{
		ir.OpBr: true, ir.OpJmp: true, ir.OpExit: true, // of every program above
		ir.OpZero: true, ir.OpCall: true, ir.OpCallHelper: true, ir.OpFault: true, // calls_test.go
		ir.OpCPU: true, ir.OpTailCall: true, ir.OpTailSlot: true, // tests/tails
		ir.OpState: true,                    // tests/helpers
		ir.OpSpill: true, ir.OpReload: true, // tests/diff, at level 2
		ir.OpCallReg: true, ir.OpMayGoto: true, ir.OpLoadAbs: true, ir.OpLoadInd: true, // TestRefused
	}
	for _, d := range draws {
		known[d.op] = true
	}
	for op := ir.OpInvalid + 1; int(op) < len(ir.Ops); op++ {
		require.True(t, known[op], "%s", op)
	}
}

// across keeps T0 across a guard whose prediction is wrong, which calls the search.
const across = `
	t0 = mov64 5 @1
	guard.mem.r8 [r1], region 2, rule memory @1
	r0 = mov64 t0 @1
	exit @1`

// The check refuses what the table of clobbers says is destroyed; with a table
// that says too little it would pass, and the code would be wrong: the semantics
// tests, which look at every register that is said to survive, would tell.
func TestCheckKnowsOnlyWhatTheTableSays(t *testing.T) {
	all, mem := engines(t), buffer()
	p := parse(t, 0, across)
	u := unit(p)
	_, err := (&Backend{CheckAllocation: true}).Compile(context.Background(), u, codegen.Options{})
	require.ErrorContains(t, err, "test")
	require.EqualValues(t, 5, all[0].run(t, u, mem).Ret)

	table := clobbers[ir.OpGuardMem]
	defer func() { clobbers[ir.OpGuardMem] = table }()
	clobbers[ir.OpGuardMem] = 0
	require.NotEqualValues(t, 5, all[1].run(t, u, mem).Ret)
}
