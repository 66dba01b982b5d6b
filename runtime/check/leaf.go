package check

import (
	"slices"

	"github.com/bpfc/bpfc/core/codegen"
)

// A leaf is an entry whose code needs nothing of a worker: it may be called on any stack, with LeafStack bytes below its
// return address, and LeafFrame bytes of BPF stack below rbp.
//
//   - It does not name the run context, and goes nowhere but forward in its own code: it has no exit, poll, guard, helper,
//     call or tail call. So it ends, after LeafInsns instructions at most.
//   - On the control stack it saves registers, and restores as many before it returns.
//   - It reads and writes the BPF stack at constant offsets inside of LeafFrame bytes, and does nothing else with its address,
//     which is not that of a worker's.
//   - It refers to no map, and to no data that holds addresses or fields that only helpers may touch: what it reaches
//     lives as long as its code.
//
// The code is asked, not the back end that made it.
const (
	LeafInsns = 1 << 12
	LeafFrame = 512
	LeafStack = 64
)

// leaf reports whether the entry at the offset is a leaf.
func (m *image) leaf(off uint32) bool {
	first, _ := slices.BinarySearch(m.at, off)
	depths := map[int64]int{int64(off): 0} // of the control stack where control still goes
	for i := first; i < len(m.insns) && i-first < LeafInsns; i++ {
		in, at := &m.insns[i], int64(m.at[i])
		depth, reached := depths[at]
		if !reached {
			continue
		}
		delete(depths, at)
		if !m.leafInsn(in, m.at[i]) {
			return false
		}
		if depth += in.pushed(); depth < 0 || depth > LeafStack {
			return false
		}
		goes := func(to int64) bool {
			d, known := depths[to]
			depths[to] = depth
			return to > at && (!known || d == depth)
		}
		switch end := at + int64(in.len); {
		case in.isRel && !goes(end+in.rel), !in.has(last) && !goes(end), in.has(last) && !in.isRel && depth != 0:
			return false
		case len(depths) == 0:
			return true
		}
	}
	return false
}

// pushed is by how many bytes the control stack grows.
func (i *insn) pushed() int {
	switch {
	case !i.has(stack):
		return 0
	case i.has(first):
		return -8
	}
	return 8
}

// pushedAndPopped are the registers that the instruction saves or restores.
func pushedAndPopped(in *insn) uint16 {
	if in.has(stack) {
		return in.values
	}
	return 0
}

// addressed are the registers of an address that becomes a value.
func addressed(in *insn) uint16 {
	if in.hasMem && in.has(address) {
		return in.names
	}
	return 0
}

// leafInsn reports whether a leaf may have the instruction.
func (m *image) leafInsn(in *insn, off uint32) bool {
	if in.has(call|filler) || in.has(transfer) && !in.isRel || in.has(stack) && in.hasMem || in.names&(1<<regRSP|1<<regR12) != 0 {
		return false
	}
	if (in.values&^pushedAndPopped(in)|addressed(in))&(1<<regRBP) != 0 {
		return false
	}
	if in.hasMem && in.mem.base == regRBP && (in.mem.index != noReg || in.mem.disp < -LeafFrame || int(in.mem.disp)+in.memBytes > 0) {
		return false
	}
	r, relocated := m.relocAt(off + uint32(in.field))
	if in.field == 0 || !relocated {
		return true
	}
	switch x := &m.a.Relocs[r]; x.Kind {
	case codegen.RelocRodata:
		return true
	case codegen.RelocData:
		d := &m.a.Data[x.Index]
		return len(d.Relocs) == 0 && len(d.Special) == 0
	}
	return false
}
