package interp

import "github.com/bpfc/bpfc/core/ir"

// The registers through which the operands of an instruction go that names virtual ones.
const (
	throughA, throughB, throughDst = ir.T0, ir.T1, ir.T2
	throughBase, throughIndex      = ir.R6, ir.R7
)

// spilled is a function in SSA form in register form, in the plainest way: each value has a slot, from which it is
// reloaded for every use. Behind the values' slots are those in which the values of an edge wait.
func spilled(f *ir.Func) *ir.Func {
	out := *f
	out.Virtual, out.Blocks = 0, nil
	s := &spiller{f: f, out: &out}
	widest := 0
	for _, b := range f.Blocks {
		widest = max(widest, len(b.Params))
	}
	out.Slots = f.Virtual + int32(widest)
	for _, b := range f.Blocks {
		out.Blocks = append(out.Blocks, &ir.Block{ID: b.ID})
	}
	for i, b := range f.Blocks {
		s.block(out.Blocks[i], b)
	}
	return &out
}

// spiller builds the function.
type spiller struct {
	f, out *ir.Func
	insns  []ir.Insn
}

func (s *spiller) block(to, from *ir.Block) {
	s.insns = nil
	last := len(from.Insns) - 1
	for i := range from.Insns[:last] {
		s.insn(from.Insns[i])
	}
	t := from.Insns[last]
	switch t.Op {
	case ir.OpJmp:
		s.edge(from.Args[0], t.Then, t.Pos)
	case ir.OpBr:
		t.Then = s.edgeBlock(from.Args[0], t.Then, t.Pos)
		t.Else = s.edgeBlock(from.Args[1], t.Else, t.Pos)
	}
	s.insn(t)
	to.Insns = s.insns
}

// edgeBlock is where an edge leads: a block of its own if it gives values.
func (s *spiller) edgeBlock(args []ir.Reg, to ir.BlockID, pos ir.Pos) ir.BlockID {
	if len(args) == 0 {
		return to
	}
	kept := s.insns
	s.insns = nil
	s.edge(args, to, pos)
	b := &ir.Block{ID: ir.BlockID(len(s.out.Blocks)), Insns: append(s.insns, ir.Insn{Op: ir.OpJmp, Width: 64, Then: to, Pos: pos})}
	s.out.Blocks = append(s.out.Blocks, b)
	s.insns = kept
	return b.ID
}

// edge gives values to the parameters of a block, all at once.
func (s *spiller) edge(args []ir.Reg, to ir.BlockID, pos ir.Pos) {
	for i, a := range args {
		s.spill(s.through(a, throughA, pos), int64(s.f.Virtual)+int64(i), pos)
	}
	for i, p := range s.f.Blocks[to].Params {
		s.insns = append(s.insns, ir.Insn{Op: ir.OpReload, Width: 64, Dst: throughA, Imm: int64(s.f.Virtual) + int64(i), Pos: pos})
		s.spill(throughA, slotOf(p), pos)
	}
}

func slotOf(r ir.Reg) int64 { return int64(r - ir.FirstVirtual) }

func (s *spiller) spill(r ir.Reg, slot int64, pos ir.Pos) {
	s.insns = append(s.insns, ir.Insn{Op: ir.OpSpill, Width: 64, A: r, Imm: slot, Pos: pos})
}

// through is the register that has the value of r: itself, unless it is virtual.
func (s *spiller) through(r, by ir.Reg, pos ir.Pos) ir.Reg {
	if r < ir.FirstVirtual {
		return r
	}
	s.insns = append(s.insns, ir.Insn{Op: ir.OpReload, Width: 64, Dst: by, Imm: slotOf(r), Pos: pos})
	return by
}

func (s *spiller) insn(in ir.Insn) {
	in.A, in.B = s.through(in.A, throughA, in.Pos), s.through(in.B, throughB, in.Pos)
	in.Base, in.Index = s.through(in.Base, throughBase, in.Pos), s.through(in.Index, throughIndex, in.Pos)
	v := in.Dst
	if v >= ir.FirstVirtual {
		in.Dst = throughDst
	}
	s.insns = append(s.insns, in)
	if v >= ir.FirstVirtual {
		s.spill(throughDst, slotOf(v), in.Pos)
	}
}
