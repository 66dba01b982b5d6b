package opt

import "github.com/bpfc/bpfc/core/ir"

// checked is a range of addresses that a guard has found inside one region.
type checked struct {
	base, index ir.Reg
	scale       uint8
	write       bool
	lo, hi      int64 // displacements
}

// maxChecked bounds the ranges remembered in a block, so that the pass is linear.
const maxChecked = 8

// ranges are the newest of the ranges checked in a block.
type ranges struct {
	list [maxChecked]checked
	n    int
	next int // the oldest, once all are in use
}

// dropGuards removes guards that an earlier guard in the same block implies: same
// registers, not written in between, and a range that contains theirs.
func (p *program) dropGuards() {
	var known ranges
	for _, f := range p.out.Funcs {
		for _, b := range f.Blocks {
			known.n, known.next = 0, 0
			b.Insns = b.Insns[:known.drop(b.Insns)]
		}
	}
}

// drop removes the guards of one block that earlier ones cover and returns how many instructions are left.
func (r *ranges) drop(insns []ir.Insn) int {
	n := 0
	for i := range insns {
		in := &insns[i]
		if in.Op == ir.OpGuardMem {
			c := checked{in.Base, in.Index, in.Scale, in.Write, int64(in.Disp), int64(in.Disp) + int64(in.Size)}
			if r.cover(&c) {
				continue
			}
			r.add(c)
		} else if r.n > 0 {
			r.forget(in)
		}
		if n != i {
			insns[n] = *in
		}
		n++
	}
	return n
}

// cover reports whether a known range implies c.
func (r *ranges) cover(c *checked) bool {
	for i := range r.list[:r.n] {
		k := &r.list[i]
		if k.base == c.base && k.index == c.index && k.scale == c.scale && k.lo <= c.lo && c.hi <= k.hi && (k.write || !c.write) {
			return true
		}
	}
	return false
}

// add remembers c, in the place of the oldest if there is no other.
func (r *ranges) add(c checked) {
	if r.n < maxChecked {
		r.list[r.n] = c
		r.n++
		return
	}
	r.list[r.next] = c
	r.next = (r.next + 1) % maxChecked
}

// forget drops the ranges whose registers in changes.
func (r *ranges) forget(in *ir.Insn) {
	_, def := in.UseDef()
	if def == 0 {
		return
	}
	n := 0
	for i := range r.list[:r.n] {
		if k := &r.list[i]; (ir.Bit(k.base)|ir.Bit(k.index))&def == 0 {
			r.list[n] = *k
			n++
		}
	}
	r.n, r.next = n, 0
}
