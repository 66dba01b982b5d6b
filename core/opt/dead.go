package opt

import "github.com/bpfc/bpfc/core/ir"

// deadCode drops what computes a value that nobody reads. Loads stay: they may
// fault. What the verifier found live at the start of blocks still holds: no pass
// before this one makes a block read a register that it did not read or write already.
func (p *program) deadCode() {
	for i, f := range p.out.Funcs {
		live := p.live[i]
		if live == nil {
			post, _ := ir.Postorder(f)
			live = ir.Liveness(f, post, nil)
		}
		for _, b := range f.Blocks {
			dropDead(b, ir.LiveOut(b, live))
		}
	}
}

// everything is the set of all registers.
const everything = ^ir.RegSet(0)

// dropDead drops the dead instructions of b, after which the registers in out are read.
func dropDead(b *ir.Block, out ir.RegSet) {
	dropped := 0
	for i := len(b.Insns) - 1; i >= 0; i-- {
		in := &b.Insns[i]
		use, def := in.UseDef()
		if pure(in) && out&def == 0 {
			in.Op = ir.OpInvalid
			dropped++
			continue
		}
		out = out&^def | use
	}
	if dropped == 0 {
		return
	}
	kept := b.Insns[:0]
	for i := range b.Insns {
		if b.Insns[i].Op != ir.OpInvalid {
			kept = append(kept, b.Insns[i])
		}
	}
	b.Insns = kept
}

// pure reports whether in does nothing but to compute its result.
func pure(in *ir.Insn) bool {
	const effects = ir.Reads | ir.Writes | ir.MayFault | ir.MayExit | ir.CallsOut | ir.Term
	e := in.Op.Info().Effects
	return e&ir.DefDst != 0 && e&effects == 0
}
