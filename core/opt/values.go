package opt

import (
	"math"

	"github.com/bpfc/bpfc/core/ir"
)

// foldValues folds what is known of values into the instructions that use them: constants into operands, sums and scaled
// indexes into memory operands, sums of sums, extensions of what is extended already; and makes one of two instructions
// that compute the same. What nobody uses any more goes.
func (p *program) foldValues() {
	for _, f := range p.out.Funcs {
		foldValues(f)
	}
}

// folder works on one function in SSA form.
type folder struct {
	f     *ir.Func
	defs  []*ir.Insn // by virtual register; nil for parameters
	same  []ir.Reg   // what a value is the same as, None if it is itself
	known map[ir.Insn]computed
	tree  *ir.Tree
}

// computed is a value, and the block that computes it.
type computed struct {
	value ir.Reg
	block ir.BlockID
}

func foldValues(f *ir.Func) {
	post, _ := ir.Postorder(f)
	v := &folder{f: f, defs: make([]*ir.Insn, f.Virtual), same: make([]ir.Reg, f.Virtual), known: map[ir.Insn]computed{},
		tree: ir.Dominance(ir.Dominators(f, post))}
	for i := len(post) - 1; i >= 0; i-- {
		b := f.Blocks[post[i]]
		for j := range b.Insns {
			v.insn(&b.Insns[j], b.ID)
		}
	}
	for _, b := range f.Blocks { // a loop's values reach its head
		for k := range b.Args {
			for j, r := range b.Args[k] {
				b.Args[k][j] = v.find(r)
			}
		}
		for j := range b.Insns {
			v.replace(&b.Insns[j])
		}
	}
	dropUnused(f)
}

func (v *folder) find(r ir.Reg) ir.Reg {
	for r >= ir.FirstVirtual && v.same[r-ir.FirstVirtual] != ir.None {
		r = v.same[r-ir.FirstVirtual]
	}
	return r
}

func (v *folder) replace(in *ir.Insn) {
	in.A, in.B, in.Base, in.Index = v.find(in.A), v.find(in.B), v.find(in.Base), v.find(in.Index)
}

// def is the instruction that computes a value, nil if it is none.
func (v *folder) def(r ir.Reg) *ir.Insn {
	if r < ir.FirstVirtual {
		return nil
	}
	return v.defs[r-ir.FirstVirtual]
}

// constant is the number that a value is.
func (v *folder) constant(r ir.Reg) (n int64, ok bool) { return numberOf(v.def(r)) }

// numberOf is the number that an instruction makes, if it is one that does.
func numberOf(d *ir.Insn) (n int64, ok bool) {
	if d == nil || d.Op != ir.OpMov || d.B != ir.None {
		return 0, false
	}
	if d.Width == 32 {
		return int64(uint32(d.Imm)), true
	}
	return d.Imm, true
}

// plus is the value and the number of which a value is the sum.
func (v *folder) plus(r ir.Reg) (x ir.Reg, n int64, ok bool) {
	d := v.def(r)
	if d == nil || d.Op != ir.OpAdd || d.Width != 64 || d.B != ir.None {
		return r, 0, false
	}
	return d.A, d.Imm, true
}

// insn folds into one instruction; those that compute its operands come before it, but for parameters.
func (v *folder) insn(in *ir.Insn, b ir.BlockID) {
	v.replace(in)
	if in.Op.Info().Has(ir.UseMem) {
		v.address(in)
	}
	v.operands(in)
	if in.Dst < ir.FirstVirtual {
		return
	}
	v.defs[in.Dst-ir.FirstVirtual] = in
	if to := v.already(in); to != ir.None {
		v.same[in.Dst-ir.FirstVirtual] = to
		return
	}
	if !pure(in) || in.Op == ir.OpMov { // constants are cheaper made than kept
		return
	}
	key := *in
	key.Dst, key.Pos = ir.None, 0
	if c, ok := v.known[key]; ok && v.tree.Dominates(c.block, b) {
		v.same[in.Dst-ir.FirstVirtual] = c.value
		return
	}
	v.known[key] = computed{in.Dst, b}
}

// commutes are the operations whose operands may change places.
var commutes = map[ir.Op]bool{ir.OpAdd: true, ir.OpMul: true, ir.OpOr: true, ir.OpAnd: true, ir.OpXor: true}

// operands puts constants in the places of registers, and adds up what is added to sums.
func (v *folder) operands(in *ir.Insn) {
	if in.Op.Info().Effects&ir.OptB == 0 {
		return
	}
	if _, ok := v.constant(in.A); ok && commutes[in.Op] && in.B != ir.None {
		in.A, in.B = in.B, in.A
	}
	if n, ok := v.constant(in.B); ok && in.B != ir.None {
		if in.Width == 32 {
			n = int64(int32(n))
		}
		in.B, in.Imm = ir.None, n
	}
	for in.Op == ir.OpAdd && in.Width == 64 && in.B == ir.None {
		x, n, ok := v.plus(in.A)
		if !ok || !fits(in.Imm+n) {
			break
		}
		in.A, in.Imm = x, in.Imm+n
	}
}

func fits(n int64) bool { return n >= math.MinInt32 && n <= math.MaxInt32 }

// address folds sums and shifts into a memory operand.
func (v *folder) address(in *ir.Insn) {
	for {
		if x, n, ok := v.plus(in.Base); ok && fits(int64(in.Disp)+n) {
			in.Base, in.Disp = x, in.Disp+int32(n)
			continue
		}
		if in.Op == ir.OpZero {
			return
		}
		d := v.def(in.Base)
		switch {
		case in.Index == ir.None && d != nil && d.Op == ir.OpAdd && d.Width == 64 && d.B != ir.None:
			in.Base, in.Index, in.Scale = d.A, d.B, 1
			continue
		case in.Index == ir.None && d != nil && d.Op == ir.OpLea && fits(int64(in.Disp)+int64(d.Disp)):
			in.Base, in.Index, in.Scale, in.Disp = d.Base, d.Index, d.Scale, in.Disp+d.Disp
			continue
		}
		if in.Index == ir.None {
			return
		}
		if x, n, ok := v.plus(in.Index); ok && fits(n) && fits(int64(in.Disp)+n*int64(in.Scale)) {
			in.Index, in.Disp = x, in.Disp+int32(n*int64(in.Scale))
			continue
		}
		if d := v.def(in.Index); d != nil && d.Op == ir.OpLsh && d.Width == 64 && d.B == ir.None && d.Imm >= 0 && d.Imm <= 3 && int64(in.Scale)<<d.Imm <= 8 {
			in.Index, in.Scale = d.A, in.Scale<<d.Imm
			continue
		}
		return
	}
}

// already is a value that in's result is without doing anything, None if there is none.
func (v *folder) already(in *ir.Insn) ir.Reg {
	switch {
	case in.Op == ir.OpAdd && in.Width == 64 && in.B == ir.None && in.Imm == 0:
		return in.A
	case in.Op == ir.OpMov && in.Width == 64 && in.B >= ir.FirstVirtual:
		return in.B
	case in.Op == ir.OpMov && in.Width == 32 && in.B != ir.None && v.upperZero(in.B), in.Op == ir.OpZext && in.Size == 4 && v.upperZero(in.A):
		return in.A | in.B // one of them is None, which is 0
	}
	return ir.None
}

// upperZero reports whether the upper half of a value is 0.
func (v *folder) upperZero(r ir.Reg) bool {
	d := v.def(r)
	switch {
	case d == nil:
		return false
	case d.Op == ir.OpLoad:
		return !d.Sign && d.Size < 8
	case d.Op == ir.OpZext:
		return true
	case d.Op == ir.OpBswap:
		return d.Size < 8
	}
	return d.Op >= ir.OpMov && d.Op <= ir.OpNeg && d.Op != ir.OpAddr && d.Width == 32
}

// definitions are the instructions that compute values, by virtual register; nil for parameters.
func definitions(f *ir.Func) []*ir.Insn {
	defs := make([]*ir.Insn, f.Virtual)
	for _, b := range f.Blocks {
		for j := range b.Insns {
			if in := &b.Insns[j]; in.Dst >= ir.FirstVirtual {
				defs[in.Dst-ir.FirstVirtual] = in
			}
		}
	}
	return defs
}

// dropUnused drops what computes values that nobody uses.
func dropUnused(f *ir.Func) {
	uses := make([]int32, f.Virtual)
	defs := definitions(f)
	count := func(in *ir.Insn, n int32) {
		for _, r := range [...]ir.Reg{in.A, in.B, in.Base, in.Index} {
			if r >= ir.FirstVirtual {
				uses[r-ir.FirstVirtual] += n
			}
		}
	}
	for _, b := range f.Blocks {
		for j := range b.Insns {
			count(&b.Insns[j], 1)
		}
		for _, args := range b.Args {
			for _, r := range args {
				if r >= ir.FirstVirtual {
					uses[r-ir.FirstVirtual]++
				}
			}
		}
	}
	var work []ir.Reg
	for v, d := range defs {
		if d != nil && uses[v] == 0 && pure(d) {
			work = append(work, ir.FirstVirtual+ir.Reg(v))
		}
	}
	for len(work) > 0 {
		d := defs[work[len(work)-1]-ir.FirstVirtual]
		work = work[:len(work)-1]
		count(d, -1)
		for _, r := range [...]ir.Reg{d.A, d.B, d.Base, d.Index} {
			if r >= ir.FirstVirtual && uses[r-ir.FirstVirtual] == 0 && defs[r-ir.FirstVirtual] != nil && pure(defs[r-ir.FirstVirtual]) && r != d.Dst {
				work = append(work, r)
			}
		}
		*d = ir.Insn{Op: ir.OpInvalid}
	}
	for _, b := range f.Blocks {
		kept := b.Insns[:0]
		for j := range b.Insns {
			if b.Insns[j].Op != ir.OpInvalid {
				kept = append(kept, b.Insns[j])
			}
		}
		b.Insns = kept
	}
}
