package opt

import (
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/verifier"
)

// mayGotoTurns is how often the may_gotos of one frame go on (BPF_MAX_LOOPS, Linux 6.18, include/linux/bpf.h).
const mayGotoTurns = 8 << 20

// lower rewrites every function of the program.
func (p *program) lower() {
	src := p.v.Program()
	p.out.Funcs = make([]*ir.Func, len(src.Funcs))
	p.live = make([][]ir.RegSet, len(src.Funcs))
	taken := p.taken()
	for i, f := range src.Funcs {
		l := &lowering{program: p, src: f, fi: i, facts: p.v.Func(i), callees: taken}
		p.out.Funcs[i] = l.run()
		p.live[i] = l.live
	}
	p.lowerTemplates()
}

// taken are the functions whose address is taken.
func (p *program) taken() (funcs []int32) {
	for i := range p.v.Program().Funcs {
		if p.v.Func(i).AddressTaken {
			funcs = append(funcs, int32(i))
		}
	}
	return funcs
}

// lowering rewrites one function. Its blocks will lie in the order in which they are written, but for those that are
// seldom entered, which follow; what no path reaches is left out. Until then the old ones keep their IDs.
type lowering struct {
	*program
	src   *ir.Func
	fi    int
	facts *verifier.FuncFacts
	out   *ir.Func
	slab  []ir.Insn // instructions of the block at hand; earlier blocks own what lies before it
	first int       // where the block at hand begins in slab
	block *ir.Block
	order []ir.BlockID // of the blocks as they were written
	cold  []ir.BlockID // those of them that are seldom entered
	live  []ir.RegSet  // as the verifier found it; nil if the blocks are not those that it saw
	turns int32        // displacement from R10 of the counter of may_goto, 0 if there is none
	// callees are the functions that calls through registers may reach.
	callees []int32
}

func (l *lowering) run() *ir.Func {
	n := len(l.facts.Insns)
	blocks := make([]ir.Block, len(l.src.Blocks))
	l.out = &ir.Func{Name: l.src.Name, Pos: l.src.Pos, Frame: l.facts.Frame, Blocks: make([]*ir.Block, len(blocks))}
	for i := range blocks {
		blocks[i].ID = ir.BlockID(i)
		l.out.Blocks[i] = &blocks[i]
	}
	if l.usesMayGoto() {
		l.out.Frame += 8
		l.turns = -l.out.Frame
	}
	l.slab = make([]ir.Insn, 0, n+n/2+16)
	dead := false
	for i, b := range l.src.Blocks {
		l.begin(&blocks[i])
		dead = !l.lowerBlock(i, b) || dead
		l.end()
	}
	if len(l.out.Blocks) == len(blocks) && !dead {
		l.live = l.facts.Live
		return l.out
	}
	ir.Renumber(l.out, append(l.order, l.cold...))
	if dead {
		ir.DropUnreached(l.out)
	}
	return l.out
}

// lowerBlock rewrites block i. It reports whether a path reaches the block: of one that
// none does nothing is left.
func (l *lowering) lowerBlock(i int, b *ir.Block) bool {
	base := int(l.facts.Start[i])
	if i == 0 {
		l.prologue()
	}
	if l.fi >= 0 && l.v.Polled(l.fi, i) && !l.opts.unguarded {
		l.emit(ir.Insn{Op: ir.OpPoll, Pos: b.Insns[0].Pos})
	}
	for j := range b.Insns {
		fact := &l.facts.Insns[base+j]
		if fact.Dead {
			l.emit(ir.Insn{Op: ir.OpFault, Rule: ir.RuleCall, Pos: b.Insns[j].Pos})
			return j > 0
		}
		l.insn(&b.Insns[j], fact)
	}
	return true
}

// usesMayGoto reports whether the function has a may_goto.
func (l *lowering) usesMayGoto() bool {
	for _, b := range l.src.Blocks {
		if b.Terminator().Op == ir.OpMayGoto {
			return true
		}
	}
	return false
}

// begin begins the next block.
func (l *lowering) begin(b *ir.Block) {
	l.block, l.first = b, len(l.slab)
	l.order = append(l.order, b.ID)
}

// beginCold begins a block that is seldom entered.
func (l *lowering) beginCold(b *ir.Block) {
	l.block, l.first = b, len(l.slab)
	l.cold = append(l.cold, b.ID)
}

func (l *lowering) end() { l.block.Insns = l.slab[l.first:len(l.slab):len(l.slab)] }

func (l *lowering) emit(in ir.Insn) { l.slab = append(l.slab, in) }

// newBlock adds a block, which is to be begun some time.
func (l *lowering) newBlock() *ir.Block {
	b := &ir.Block{ID: ir.BlockID(len(l.out.Blocks))}
	l.out.Blocks = append(l.out.Blocks, b)
	return b
}

// prologue zeroes what may be read before it is written. In a program that lets
// a stack address out any byte of the frame may be.
func (l *lowering) prologue() {
	pos := l.src.Pos
	l.zeroRegs(l.facts.ZeroEntry, pos)
	if l.facts.Frame > 0 && (l.facts.ZeroFrame || l.v.Exposed()) {
		l.emit(ir.Insn{Op: ir.OpZero, Base: ir.R10, Disp: -l.out.Frame, Imm: int64(l.out.Frame), Pos: pos})
	}
	if l.turns != 0 {
		l.emit(ir.Insn{Op: ir.OpStore, Size: 8, Base: ir.R10, Disp: l.turns, Imm: -mayGotoTurns, Pos: pos})
	}
}

func (l *lowering) zeroRegs(set ir.RegSet, pos ir.Pos) {
	for r := ir.R0; r < ir.R10 && set != 0; r++ {
		if set.Has(r) {
			l.emit(ir.Insn{Op: ir.OpMov, Width: 64, Dst: r, Pos: pos})
		}
	}
}

// insn lowers one instruction.
func (l *lowering) insn(in *ir.Insn, fact *verifier.InsnFact) {
	switch e := in.Op.Info().Effects; {
	case in.Op == ir.OpBr && (fact.Sides == 1 || fact.Sides == 2):
		l.decided(in, fact.Sides)
	case in.Op == ir.OpMayGoto:
		l.mayGoto(in)
	case in.Op == ir.OpCallReg:
		l.callReg(in, fact)
	case in.Op == ir.OpCallHelper:
		l.callHelper(in, fact)
	case in.Op == ir.OpLoadAbs || in.Op == ir.OpLoadInd:
		l.loadPacket(in)
	case e&ir.CallsOut != 0:
		l.emit(*in)
		l.zeroRegs(fact.ZeroAfter, in.Pos)
	case fact.Moved != 0:
		l.pointer(in, fact.Moved)
	case e&ir.UseMem != 0:
		l.guards(in, e, fact)
		l.emit(*in)
	default:
		l.emit(*in)
	}
}

// pointer loads a packet pointer from where the host's form of the context has it, whole.
func (l *lowering) pointer(in *ir.Insn, by int32) {
	out := *in
	out.Disp, out.Size = out.Disp+by, 8
	l.emit(out)
}

// decided makes a jump of a branch of which one side is possible.
func (l *lowering) decided(in *ir.Insn, sides uint8) {
	to := in.Then
	if sides == 2 {
		to = in.Else
	}
	l.emit(ir.Insn{Op: ir.OpJmp, Width: 64, Then: to, Pos: in.Pos})
}

// guards checks what is not proved of a memory access.
func (l *lowering) guards(in *ir.Insn, e ir.Effects, fact *verifier.InsnFact) {
	if l.opts.unguarded {
		return
	}
	g := ir.Insn{Op: ir.OpGuardMem, Size: in.Size, Base: in.Base, Index: in.Index, Scale: in.Scale, Disp: in.Disp, Write: e.Has(ir.Writes), Pos: in.Pos}
	if in.Order != ir.Plain && in.Size > 1 && !fact.Aligned {
		a := g
		a.Op, a.Rule = ir.OpGuardAlign, ir.RuleAlign
		l.emit(a)
	}
	if !fact.Proved {
		g.Region, g.Rule = fact.Region, ir.RuleMemory
		l.emit(g)
	}
}

// mayGoto counts the frame's turns in its hidden stack slot, from -mayGotoTurns
// up to 0, where it stays: then every may_goto of the frame leaves its loop.
//
//	T0 = turns; T1 = the upper half of turns: -1 below 0, else 0; turns = T0 - T1
func (l *lowering) mayGoto(in *ir.Insn) {
	slot := ir.Insn{Size: 8, Base: ir.R10, Disp: l.turns, Pos: in.Pos}
	load, upper, store := slot, slot, slot
	load.Op, load.Dst = ir.OpLoad, ir.T0
	upper.Op, upper.Dst, upper.Size, upper.Sign, upper.Disp = ir.OpLoad, ir.T1, 4, true, l.turns+4
	store.Op, store.A = ir.OpStore, ir.T0
	l.emit(load)
	l.emit(upper)
	l.emit(ir.Insn{Op: ir.OpSub, Width: 64, Dst: ir.T0, A: ir.T0, B: ir.T1, Pos: in.Pos})
	l.emit(store)
	l.emit(ir.Insn{Op: ir.OpBr, Width: 64, Cond: isa.EQ, A: ir.T1, Then: in.Then, Else: in.Else, Pos: in.Pos})
}

// callReg compares the value with every function that it may be and calls
// the one that matches; none is a fault. Back ends need no indirect call for it.
func (l *lowering) callReg(in *ir.Insn, fact *verifier.InsnFact) {
	done := l.newBlock()
	var arms []*ir.Block
	for i, callee := range l.callees {
		arm, next := l.newBlock(), l.newBlock()
		l.emit(ir.Insn{Op: ir.OpAddr, Dst: ir.T0, Ref: ir.Ref{Kind: ir.RefFunc, Index: callee}, Pos: in.Pos})
		l.emit(ir.Insn{Op: ir.OpBr, Width: 64, Cond: isa.EQ, A: in.A, B: ir.T0, Then: arm.ID, Else: next.ID, Pos: in.Pos})
		l.end()
		if i < len(l.callees)-1 {
			l.begin(next)
		} else {
			l.beginCold(next)
		}
		arms = append(arms, arm)
	}
	l.emit(ir.Insn{Op: ir.OpFault, A: in.A, Rule: ir.RuleCall, Pos: in.Pos})
	l.end()
	for i, arm := range arms {
		l.begin(arm)
		l.emit(ir.Insn{Op: ir.OpCall, Ref: ir.Ref{Kind: ir.RefFunc, Index: l.callees[i]}, Width: 64, Pos: in.Pos})
		l.emit(ir.Insn{Op: ir.OpJmp, Then: done.ID, Pos: in.Pos})
		l.end()
	}
	l.begin(done)
	l.zeroRegs(fact.ZeroAfter, in.Pos)
}
