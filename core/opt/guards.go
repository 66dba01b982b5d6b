package opt

import "github.com/bpfc/bpfc/core/ir"

// checked is a range of addresses that a guard has found inside one region.
type checked struct {
	base   ir.Reg
	lo, hi int32
	write  bool
}

// maxChecked bounds the ranges remembered in a block, so that the pass is linear.
const maxChecked = 8

// dropGuards removes guards that an earlier guard in the same block implies: same
// base register, not written in between, and a range that contains theirs.
func (p *program) dropGuards() {
	var known []checked
	for _, f := range p.out.Funcs {
		for _, b := range f.Blocks {
			known = known[:0]
			kept := b.Insns[:0]
			for i := range b.Insns {
				in := &b.Insns[i]
				if in.Op == ir.OpGuardMem && in.Index == ir.None {
					c := checked{in.Base, in.Disp, in.Disp + int32(in.Size), in.Write}
					if covered(known, c) {
						continue
					}
					if len(known) == maxChecked {
						known = known[1:]
					}
					known = append(known, c)
				} else if len(known) > 0 {
					known = forget(known, in)
				}
				kept = append(kept, *in)
			}
			b.Insns = kept
		}
	}
}

// covered reports whether a known range implies c.
func covered(known []checked, c checked) bool {
	for _, k := range known {
		if k.base == c.base && k.lo <= c.lo && c.hi <= k.hi && (k.write || !c.write) {
			return true
		}
	}
	return false
}

// forget drops the ranges whose base in changes.
func forget(known []checked, in *ir.Insn) []checked {
	calls := in.Op.Info().Effects&ir.CallsOut != 0
	def := in.Def()
	if def == ir.None {
		return known
	}
	kept := known[:0]
	for _, k := range known {
		if k.base == def || calls && k.base <= ir.R5 {
			continue
		}
		kept = append(kept, k)
	}
	return kept
}
