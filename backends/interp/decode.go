package interp

import (
	"math/bits"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/runtime"
)

// program is a decoded program. It is immutable.
type program struct {
	entry int // index in Artifact.Entries
	image *runtime.Image
	code  []inst
	sites []site // of each of code
	slots int    // that a function has at most
}

// site is where an inst comes from.
type site struct {
	fn   *ir.Func
	insn *ir.Insn
}

// decode flattens a checked program: functions and blocks one after the other,
// branches resolved. Observed code has an opStep before each instruction of the
// IR, and every guard; other code lacks guards that the access after them makes itself.
func decode(p *ir.Program, entry int, img *runtime.Image, observed bool) *program {
	d := &decoder{out: &program{entry: entry, image: img}, observed: observed, entries: make([]int32, len(p.Funcs))}
	for i, f := range p.Funcs {
		d.entries[i] = int32(len(d.out.code))
		d.function(f)
	}
	for _, at := range d.calls {
		in := &d.out.code[at]
		in.disp = d.entries[in.disp]
	}
	return d.out
}

// decoder builds a program.
type decoder struct {
	out      *program
	observed bool
	entries  []int32 // index in code of each function
	calls    []int   // opCalls whose disp is the index of a function
	f        *ir.Func
	jumps    []int   // instructions of f whose disp is a block
	blocks   []int32 // index in code of each block of f
	// region is what the guards in this block predict for accesses by each register.
	region [ir.T2 + 1]uint8
}

func (d *decoder) function(f *ir.Func) {
	if f.Virtual != 0 {
		f = spilled(f)
		d.out.slots = max(d.out.slots, int(f.Slots))
	}
	d.f, d.jumps, d.blocks = f, d.jumps[:0], make([]int32, len(f.Blocks))
	for i, b := range f.Blocks {
		d.blocks[i] = int32(len(d.out.code))
		d.guess()
		for j := range b.Insns {
			d.insn(b, j)
		}
	}
	for _, at := range d.jumps {
		in := &d.out.code[at]
		in.disp = d.blocks[in.disp]
	}
}

// guess sets what is predicted without a guard: the frame for R10, else the memory of the run.
func (d *decoder) guess() {
	for r := range d.region {
		d.region[r] = ir.RegionMemory
	}
	d.region[ir.R10] = ir.RegionStack
}

func (d *decoder) emit(i *ir.Insn, in inst) {
	d.out.code = append(d.out.code, in)
	d.out.sites = append(d.out.sites, site{d.f, i})
}

// jump emits an instruction that branches to a block.
func (d *decoder) jump(i *ir.Insn, in inst, to ir.BlockID) {
	d.jumps = append(d.jumps, len(d.out.code))
	in.disp = int32(to)
	d.emit(i, in)
}

// insn emits instruction j of block b.
func (d *decoder) insn(b *ir.Block, j int) {
	i := &b.Insns[j]
	if d.observed {
		d.emit(i, inst{op: opStep})
	}
	decoders[i.Op](d, b, j)
	if r := i.Dst; r != ir.None {
		d.region[r] = ir.RegionMemory
	}
}

// decoders says for every op how instruction j of a block is decoded. An op
// without an entry is refused when it is compiled or loaded.
var decoders = func() (t [256]func(d *decoder, b *ir.Block, j int)) {
	for _, op := range []ir.Op{ir.OpMov, ir.OpAddr, ir.OpNeg, ir.OpSext, ir.OpZext, ir.OpBswap} {
		t[op] = (*decoder).move
	}
	for op := ir.OpAdd; op <= ir.OpArsh; op++ {
		t[op] = (*decoder).arithmetic
	}
	for op := ir.OpAtomicAdd; op <= ir.OpAtomicCmpXchg; op++ {
		t[op] = (*decoder).memory
	}
	t[ir.OpLoad], t[ir.OpStore], t[ir.OpZero] = (*decoder).memory, (*decoder).memory, (*decoder).memory
	t[ir.OpLea], t[ir.OpGuardMem], t[ir.OpGuardAlign] = (*decoder).lea, (*decoder).guard, (*decoder).align
	t[ir.OpCall], t[ir.OpCallHelper], t[ir.OpPoll] = (*decoder).call, (*decoder).helper, (*decoder).poll
	t[ir.OpCPU], t[ir.OpState], t[ir.OpTailCall], t[ir.OpTailSlot] = (*decoder).cpu, (*decoder).state, (*decoder).tailCall, (*decoder).tailSlot
	t[ir.OpSpill], t[ir.OpReload] = (*decoder).slot, (*decoder).slot
	t[ir.OpJmp], t[ir.OpBr], t[ir.OpExit], t[ir.OpFault] = (*decoder).jmp, (*decoder).branch, (*decoder).exit, (*decoder).end
	return t
}()

func reg(r ir.Reg) uint8 { return uint8(r) }

// variant is the place of an opcode among its four.
func variant(i *ir.Insn) (v opcode) {
	if i.Width == 32 {
		v += 2
	}
	if i.B == ir.None {
		v++
	}
	return v
}

func (d *decoder) arithmetic(b *ir.Block, j int) {
	i := &b.Insns[j]
	op := opAdd64 + opcode(4*(i.Op-ir.OpAdd)) + variant(i)
	d.emit(i, inst{op: op, dst: reg(i.Dst), a: reg(i.A), b: reg(i.B), imm: uint64(i.Imm)})
}

func (d *decoder) branch(b *ir.Block, j int) {
	i := &b.Insns[j]
	op := opJEQ64 + opcode(4*(i.Cond-isa.EQ)) + variant(i)
	d.jump(i, inst{op: op, a: reg(i.A), b: reg(i.B), imm: uint64(i.Imm)}, i.Then)
	if i.Else != b.ID+1 {
		d.jump(i, inst{op: opJmp}, i.Else)
	}
}

func (d *decoder) jmp(b *ir.Block, j int) {
	if i := &b.Insns[j]; i.Then != b.ID+1 {
		d.jump(i, inst{op: opJmp}, i.Then)
	}
}

func (d *decoder) exit(b *ir.Block, j int) { d.emit(&b.Insns[j], inst{op: opExit}) }
func (d *decoder) poll(b *ir.Block, j int) { d.emit(&b.Insns[j], inst{op: opPoll}) }

func (d *decoder) cpu(b *ir.Block, j int) {
	d.emit(&b.Insns[j], inst{op: opCPU, dst: reg(b.Insns[j].Dst)})
}

func (d *decoder) state(b *ir.Block, j int) {
	d.emit(&b.Insns[j], inst{op: opState, dst: reg(b.Insns[j].Dst)})
}

// slot decodes spills and reloads.
func (d *decoder) slot(b *ir.Block, j int) {
	i := &b.Insns[j]
	op := opSpill
	if i.Op == ir.OpReload {
		op = opReload
	}
	d.emit(i, inst{op: op, dst: reg(i.Dst), a: reg(i.A), imm: uint64(i.Imm)})
}

func (d *decoder) tailCall(b *ir.Block, j int) { d.emit(&b.Insns[j], inst{op: opTailCall}) }

// tailSlot is a tail call whose array and index nobody has put into R2 and R3.
func (d *decoder) tailSlot(b *ir.Block, j int) {
	i := &b.Insns[j]
	d.emit(i, inst{op: opMovImm, dst: reg(ir.R2), imm: d.symbol(i.Ref)})
	d.emit(i, inst{op: opMovImm, dst: reg(ir.R3), imm: uint64(i.Imm)})
	d.tailCall(b, j)
}

func (d *decoder) end(b *ir.Block, j int) {
	i := &b.Insns[j]
	d.emit(i, inst{op: opFault, a: reg(i.A)})
}

func (d *decoder) info() *codegen.EntryInfo {
	return &d.out.image.Artifact.Entries[d.out.entry].EntryInfo
}

// guard emits a guard, unless the next instruction is the very access that it
// guards: that one checks itself, and faults alike but on a stack that is no region.
func (d *decoder) guard(b *ir.Block, j int) {
	g, next := &b.Insns[j], &b.Insns[j+1]
	d.region[g.Base] = uint8(g.Region)
	if !d.observed && guards(g, next) {
		if e := d.info(); e.StackRegion == 0 && e.StackSize != 0 {
			d.emit(g, d.address(g, inst{op: opOffStack, imm: uint64(e.StackSize)}))
		}
		return
	}
	in := d.address(g, inst{op: opGuard, dst: uint8(g.Region), b: g.Size})
	if g.Write {
		in.imm = 1
	}
	d.emit(g, in)
}

// guards reports whether access i faults when and as guard g does.
func guards(g, i *ir.Insn) bool {
	e := i.Op.Info().Effects
	return e&(ir.Reads|ir.Writes) != 0 && e.Has(ir.UseMem) && g.Rule == ir.RuleMemory && i.Pos == g.Pos &&
		e.Has(ir.Writes) == g.Write && i.Size == g.Size &&
		i.Base == g.Base && i.Index == g.Index && i.Scale == g.Scale && i.Disp == g.Disp
}

// address completes in with the memory operand of i, and emits the sum that an index needs.
func (d *decoder) address(i *ir.Insn, in inst) inst {
	in.a, in.disp = reg(i.Base), i.Disp
	if i.Index != ir.None {
		d.emit(i, inst{op: opLea, dst: indexed, a: reg(i.Base), b: reg(i.Index), imm: shift(i.Scale)})
		in.a = indexed
	}
	return in
}

func (d *decoder) lea(b *ir.Block, j int) {
	i := &b.Insns[j]
	d.emit(i, inst{op: opLea, dst: reg(i.Dst), a: reg(i.Base), b: reg(i.Index), imm: shift(i.Scale), disp: i.Disp})
}

func (d *decoder) align(b *ir.Block, j int) {
	i := &b.Insns[j]
	d.emit(i, d.address(i, inst{op: opAlign, imm: uint64(i.Size) - 1}))
}

// shift is the logarithm of a scale: 0 without an index, which then reads as 0.
func shift(scale uint8) uint64 { return uint64(bits.TrailingZeros8(max(scale, 1))) }

// The plain accesses by size, without and with sign or immediate.
var (
	loads  = [9][2]opcode{1: {opLoad8, opLoad8s}, 2: {opLoad16, opLoad16s}, 4: {opLoad32, opLoad32s}, 8: {opLoad64, opLoad64}}
	stores = [9][2]opcode{1: {opStore8, opStore8i}, 2: {opStore16, opStore16i}, 4: {opStore32, opStore32i}, 8: {opStore64, opStore64i}}
)

func (d *decoder) memory(b *ir.Block, j int) {
	i := &b.Insns[j]
	hint := d.region[i.Base]
	in := inst{op: opOrdered, dst: hint}
	plain := i.Order <= ir.Relaxed
	switch {
	case i.Op == ir.OpZero:
		in = inst{op: opZero, imm: uint64(i.Imm)}
	case i.Op == ir.OpLoad && plain:
		in = inst{op: loads[i.Size][index(i.Sign)], dst: reg(i.Dst), b: hint}
	case i.Op == ir.OpStore && plain:
		in = inst{op: stores[i.Size][index(i.A == ir.None)], dst: hint, b: reg(i.A), imm: uint64(i.Imm)}
	}
	d.emit(i, d.address(i, in))
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (d *decoder) helper(b *ir.Block, j int) {
	i := &b.Insns[j]
	d.emit(i, inst{op: opCallHelper, imm: uint64(i.Ref.Index)})
}

func (d *decoder) call(b *ir.Block, j int) {
	i := &b.Insns[j]
	d.calls = append(d.calls, len(d.out.code))
	d.emit(i, inst{op: opCall, disp: i.Ref.Index, imm: uint64(d.f.Frame) | uint64(d.f.Slots)<<32})
}

// unary are the ops of one operand, by width (64, 32) and size.
var unary = map[ir.Op][2][9]opcode{
	ir.OpNeg:   {{0: opNeg64}, {0: opNeg32}},
	ir.OpSext:  {{1: opSext8, 2: opSext16, 4: opSext32}, {1: opSext8w, 2: opSext16w, 4: opMov32}},
	ir.OpZext:  {{1: opZext8, 2: opZext16, 4: opMov32}},
	ir.OpBswap: {{2: opBswap16, 4: opBswap32, 8: opBswap64}},
}

// move decodes moves, constants and ops of one operand.
func (d *decoder) move(b *ir.Block, j int) {
	i := &b.Insns[j]
	in := inst{dst: reg(i.Dst)}
	w32 := index(i.Width == 32)
	switch {
	case i.Op == ir.OpAddr:
		in.op, in.imm = opMovImm, d.symbol(i.Ref)+uint64(i.Imm)
	case i.Op == ir.OpMov && i.B == ir.None:
		in.op, in.imm = opMovImm, [...]uint64{uint64(i.Imm), uint64(uint32(i.Imm))}[w32]
	case i.Op == ir.OpMov:
		in.op, in.a = [...]opcode{opMov64, opMov32}[w32], reg(i.B)
	default:
		in.op, in.a = unary[i.Op][w32][i.Size], reg(i.A)
	}
	d.emit(i, in)
}

// symbol is the value of a reference.
func (d *decoder) symbol(r ir.Ref) uint64 {
	switch r.Kind {
	case ir.RefData:
		return d.out.image.Data[r.Index]
	case ir.RefMapValue:
		return d.out.image.MapValues[r.Index]
	case ir.RefMap:
		return d.out.image.MapAddrs[r.Index]
	}
	return uint64(ir.FuncValue) + uint64(r.Index)
}

// fault describes the end of a run by the instruction at pc.
func (p *program) fault(pc int, addr uint64) error {
	i := p.sites[pc].insn
	x := codegen.Exit{Code: codegen.ExitFault, Rule: i.Rule, Size: i.Size, Prog: int32(p.entry), Pos: i.Pos}
	x.Write = i.Write || i.Op.Info().Has(ir.Writes)
	if i.Rule == ir.NoRule {
		x.Rule = ir.RuleMemory
	}
	return p.image.Fault(x, addr)
}
