// Package regalloc assigns locations to the virtual registers of selected
// instructions and proves assignments right. It knows no instruction set and no
// IR: it sees instructions through a View, in which they are operands with
// constraints, clobbered registers and moves.
//
// Fixed is the assignment of the direct tier, in which every virtual register
// has one home. Check proves any Result by symbolic data flow.
package regalloc

import (
	"fmt"
	"math/bits"
)

// VReg is a virtual register of a View, 0 to NumVRegs-1. It may be defined any
// number of times; no SSA form is required.
type VReg int32

// String is the register's name in messages: "v3".
func (v VReg) String() string { return fmt.Sprintf("v%d", int32(v)) }

// PReg is a physical register, 0 to MaxPRegs-1, numbered by the back end.
type PReg uint8

// NoPReg is no register.
const NoPReg PReg = 0xff

// MaxPRegs is the number of physical registers that a PRegSet has room for.
const MaxPRegs = 64

// PRegSet is a set of physical registers; bit p is register p.
type PRegSet uint64

// SetOf is the set of the registers.
func SetOf(ps ...PReg) PRegSet {
	var s PRegSet
	for _, p := range ps {
		s |= 1 << p
	}
	return s
}

// Has reports whether p is in the set; NoPReg is in none.
func (s PRegSet) Has(p PReg) bool { return p < MaxPRegs && s>>p&1 != 0 }

// Each calls f with the registers of the set in ascending order.
func (s PRegSet) Each(f func(PReg)) {
	for ; s != 0; s &= s - 1 {
		f(PReg(bits.TrailingZeros64(uint64(s))))
	}
}

// Inst is the number of an instruction in a View.
type Inst int32

// Block is the number of a basic block in a View; block 0 is the entry.
type Block int32

// Constraint says where an operand may live.
type Constraint uint8

// The constraints.
const (
	Any      Constraint = iota // a register or a spill slot
	AnyReg                     // any register
	FixedReg                   // register Operand.PReg
	Tied                       // a definition: where the use with index Operand.Tied is
)

// Kind says whether an operand is read or written. One that is both is a use
// and a definition tied to it.
type Kind uint8

// The kinds.
const (
	Use Kind = iota
	Def
)

// Operand is a virtual register that an instruction reads or writes.
//
// An instruction reads its uses and then writes its definitions. Away says
// that an operand departs from that: a definition that is written while uses are
// still being read (an early clobber; it shares its location with no use), or a use that is
// read when definitions may have been written (a late use; it shares its location with no
// definition and no clobber).
type Operand struct {
	VReg       VReg
	Kind       Kind
	Constraint Constraint
	PReg       PReg  // of FixedReg
	Tied       uint8 // of Tied: index of a use of the same instruction that is not Away
	Away       bool
}

// Entry is a value that exists when the function begins: an argument.
type Entry struct {
	VReg VReg
	PReg PReg
}

// View is a function of selected instructions, read-only. All answers must be
// the same every time. Results are owned by the view and valid until its next call, except
// those of Operands.
type View interface {
	NumVRegs() int
	NumInsts() int
	NumBlocks() int
	// Entries are the values at the begin of block 0, in distinct registers.
	Entries() []Entry
	// Insts is the range of instructions [first, end) of a block. Blocks have
	// ascending, adjacent, non-empty ranges that cover all instructions.
	Insts(Block) (first, end Inst)
	Succs(Block) []Block
	Preds(Block) []Block
	// Params are the block's parameters: virtual registers that each edge to it defines, all at once.
	Params(Block) []VReg
	// Args are the values that the edge to Succs(b)[succ] gives to the parameters there.
	Args(b Block, succ int) []VReg
	// Operands appends the instruction's operands to buf.
	Operands(i Inst, buf []Operand) []Operand
	// Clobbers are registers that the instruction destroys after it has read its uses.
	Clobbers(Inst) PRegSet
	// IsMove reports that the instruction does nothing but copy: it has one use and one
	// definition, which afterwards have the same value in all bits, and no clobbers.
	IsMove(Inst) bool
	// Allocatable is the set of registers that virtual registers may live in.
	Allocatable() PRegSet
	// Pinned is the register, outside Allocatable, that v and only v lives in at all times; NoPReg for most.
	Pinned(v VReg) PReg
}

// Loc is where a value lives: a register or a spill slot. The zero value is nowhere.
type Loc uint32

// InPReg is the location of a register.
func InPReg(p PReg) Loc { return 1 + Loc(p) }

// InSlot is the location of a spill slot; slots are numbered from 0.
func InSlot(n int) Loc { return 1 + MaxPRegs + Loc(n) }

// PReg is the location's register; ok is false if it is none.
func (l Loc) PReg() (p PReg, ok bool) {
	if l == 0 || l > MaxPRegs {
		return NoPReg, false
	}
	return PReg(l - 1), true
}

// Slot is the location's spill slot; ok is false if it is none.
func (l Loc) Slot() (n int, ok bool) { return int(l) - 1 - MaxPRegs, l > MaxPRegs }

// String is the location's name in messages: "p3", "slot 0", "nowhere".
func (l Loc) String() string {
	if p, ok := l.PReg(); ok {
		return fmt.Sprintf("p%d", p)
	}
	if n, ok := l.Slot(); ok {
		return fmt.Sprintf("slot %d", n)
	}
	return "nowhere"
}

// Edit is a move that the assignment adds to the code, before or after an
// instruction. It never goes from slot to slot.
type Edit struct {
	Inst     Inst
	After    bool // never of a block's last instruction
	From, To Loc
}

// Result is an assignment. It is either a table of homes (Table), or locations
// operand by operand (First, Locs) with edits.
type Result struct {
	// Table is the register of each virtual register; nil if Locs says it.
	Table []PReg
	// Locs are the operands' locations; those of instruction i begin at First[i].
	Locs  []Loc
	First []int32
	// Edits are ascending by instruction, before ahead of after; edits of one place are performed in order.
	Edits []Edit
	// NumSlots is the number of spill slots.
	NumSlots int
}

// Fixed is the assignment of the direct tier: v lives in table[v] always.
// It costs nothing; what the view makes of it, Check says. The table is not copied.
func Fixed(table []PReg) *Result { return &Result{Table: table} }

// Loc is the location of operand k of instruction i, whose virtual register is v;
// nowhere if the result has none.
func (r *Result) Loc(i Inst, k int, v VReg) Loc {
	if r.Table != nil {
		return r.home(v)
	}
	if int(i) >= len(r.First) {
		return 0
	}
	at := int(r.First[i]) + k
	if at < 0 || at >= len(r.Locs) {
		return 0
	}
	return r.Locs[at]
}

func (r *Result) home(v VReg) Loc {
	if v < 0 || int(v) >= len(r.Table) || r.Table[v] >= MaxPRegs {
		return 0
	}
	return InPReg(r.Table[v])
}
