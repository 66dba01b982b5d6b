package opt

import (
	"math"

	"github.com/bpfc/bpfc/core/ir"
)

// address is the sum base + index*scale + disp over the current values of
// registers, modulo 2^64. Without base it is only a part of an address: no memory
// operand is made of it.
type address struct {
	base, index ir.Reg
	scale       uint8
	disp        int32
}

// regs are the registers that the sum reads.
func (a address) regs() ir.RegSet { return ir.Bit(a.base) | ir.Bit(a.index) }

// plus returns a + n, false if the displacement does not fit.
func (a address) plus(n int64) (address, bool) {
	d := int64(a.disp) + n
	if d != int64(int32(d)) {
		return a, false
	}
	a.disp = int32(d)
	return a, true
}

// add returns a + b, false if one address cannot express it.
func (a address) add(b address) (address, bool) {
	if a.index != ir.None || a.base == ir.None {
		a, b = b, a
	}
	switch {
	case a.index != ir.None || a.base == ir.None:
		return a, false
	case b.base == ir.None || b.index == ir.None:
		a.index, a.scale = b.index, b.scale
		if b.index == ir.None {
			a.index, a.scale = b.base, 1
		}
		return a.plus(int64(b.disp))
	}
	return a, false
}

// shifted returns a << n for n from 1 to 3.
func (a address) shifted(n int64) (address, bool) {
	switch {
	case a.index == ir.None:
		a.base, a.index, a.scale = ir.None, a.base, 1
	case a.base != ir.None:
		return a, false
	}
	scale, disp := int64(a.scale)<<n, int64(a.disp)<<n
	if scale > 8 || disp != int64(int32(disp)) {
		return a, false
	}
	a.scale, a.disp = uint8(scale), int32(disp)
	return a, true
}

// addresses is what is known in a block: the sums that registers hold.
type addresses struct {
	of    [ir.T2 + 1]address
	known ir.RegSet // registers with an entry in of
}

// foldAddresses lets memory operands take part in computing addresses: what
// `r3 = r1; r3 += r2; r0 = *(r3 + 8)` spells out is one operand, [r1+r2+8].
// Guard and access see the same registers and so get the same operand.
func (p *program) foldAddresses() {
	for _, f := range p.out.Funcs {
		for _, b := range f.Blocks {
			var known addresses
			for i := range b.Insns {
				known.step(&b.Insns[i])
			}
		}
	}
}

// step rewrites in and follows its effect.
func (k *addresses) step(in *ir.Insn) {
	e := in.Op.Info().Effects
	if e&ir.UseMem != 0 && in.Op != ir.OpZero {
		k.foldOperand(in)
	}
	sum, ok := k.eval(in)
	if ok {
		k.rewrite(in, sum)
	}
	_, def := in.UseDef()
	if def == 0 {
		return
	}
	k.forget(def)
	if ok && sum.regs()&(def|ir.TempRegs) == 0 && in.Dst <= ir.R10 {
		k.of[in.Dst], k.known = sum, k.known|ir.Bit(in.Dst)
	}
}

// forget drops the sums that read registers of def, and those of these registers.
func (k *addresses) forget(def ir.RegSet) {
	k.known &^= def
	for r, rest := ir.R0, k.known; rest != 0; r, rest = r+1, rest>>1 {
		if rest&1 != 0 && k.of[r].regs()&def != 0 {
			k.known &^= ir.Bit(r)
		}
	}
}

// sum is what r holds: the sum known of it, else r itself.
func (k *addresses) sum(r ir.Reg) address {
	if k.known.Has(r) {
		return k.of[r]
	}
	return address{base: r}
}

// foldOperand replaces the base of a memory operand by the sum that it holds.
func (k *addresses) foldOperand(in *ir.Insn) {
	if !k.known.Has(in.Base) {
		return
	}
	a, ok := k.of[in.Base].plus(int64(in.Disp))
	if ok && in.Index != ir.None {
		a, ok = a.add(address{index: in.Index, scale: in.Scale})
	}
	if ok && a.base != ir.None {
		in.Base, in.Index, in.Scale, in.Disp = a.base, a.index, a.scale, a.disp
	}
}

// eval returns the sum that in computes, false if it computes none.
func (k *addresses) eval(in *ir.Insn) (address, bool) {
	if in.Width != 64 {
		return address{}, false
	}
	switch {
	case in.Op == ir.OpMov && in.B != ir.None:
		return k.copied(in.B), true
	case in.Op == ir.OpAdd && in.B != ir.None:
		return k.sum(in.A).add(k.sum(in.B))
	case in.Op == ir.OpAdd:
		return k.sum(in.A).plus(in.Imm)
	case in.Op == ir.OpSub && in.B == ir.None && in.Imm != math.MinInt64:
		return k.sum(in.A).plus(-in.Imm)
	case in.Op == ir.OpLsh && in.B == ir.None && in.Imm >= 1 && in.Imm <= 3:
		return k.sum(in.A).shifted(in.Imm)
	case in.Op == ir.OpLea:
		return address{in.Base, in.Index, in.Scale, in.Disp}, true
	}
	return address{}, false
}

// copied is the sum of a copy of r. One with an index costs more in every use than r itself.
func (k *addresses) copied(r ir.Reg) address {
	if a := k.sum(r); a.index == ir.None && a.base != ir.None {
		return a
	}
	return address{base: r}
}

// rewrite lets in compute its sum from the registers that the sum reads, so that
// what in has read so far may become dead.
func (k *addresses) rewrite(in *ir.Insn, a address) {
	if in.Op != ir.OpAdd && in.Op != ir.OpSub || a.base == ir.None || !k.known.Has(in.A) && !k.cheap(in.B) {
		return
	}
	if a.base == in.Dst && a.index != ir.None && a.scale == 1 && a.disp == 0 {
		in.Op, in.A, in.B, in.Imm = ir.OpAdd, a.base, a.index, 0
		return
	}
	*in = ir.Insn{Op: ir.OpLea, Width: 64, Dst: in.Dst, Base: a.base, Index: a.index, Scale: a.scale, Disp: a.disp, Pos: in.Pos}
}

// cheap reports whether adding the sum that r holds costs no more than adding r.
func (k *addresses) cheap(r ir.Reg) bool { return k.known.Has(r) && k.of[r].disp == 0 }
