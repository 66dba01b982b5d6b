// Package ir is the intermediate representation: what programs are verified,
// optimised, interpreted and compiled in.
//
// A function is in one of two forms, which Check enforces. In register form it has
// BPF's own registers, assigned freely; calls take R1 to R5 by position. Required lowerings may
// use the temporaries T0 to T2, which are dead at the end of the source instruction (Pos) they belong to.
//
// In SSA form (Func.Virtual is not 0) values are virtual registers, each defined once, by an instruction or as a
// parameter of a block, and used only where its definition dominates. R10 may be read anywhere. R0 to R5 are how
// values come and go, and live inside one block: a function begins with moves from R1 to R5, moves to R1 to R5 precede a call and a move
// from R0 follows it, a move to R0 precedes exit.
//
// Meanings belong to ops, not to back ends: 32-bit results are zero-extended;
// shift amounts are masked by Width-1; x/0 = 0; x%0 = x (32-bit: low half, upper
// half zero); MIN/-1 = MIN; MIN%-1 = 0. Memory is little-endian.
package ir

import (
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// Reg is a register of the IR. The zero value is no register.
type Reg int32

// The registers: BPF's own and three temporaries for lowerings.
const (
	None Reg = iota
	R0
	R1
	R2
	R3
	R4
	R5
	R6
	R7
	R8
	R9
	R10
	T0
	T1
	T2
	// FirstVirtual is the first virtual register of the SSA form.
	FirstVirtual Reg = 32
)

// FromBPF is the IR's name of a BPF register.
func FromBPF(r isa.Reg) Reg { return R0 + Reg(r) }

// FuncValue is the value of function 0 as a number; that of function i is i more.
// It is above all helper numbers, so that a call through a register can tell them apart.
const FuncValue = int64(1) << 32

// Pos is the BPF instruction (slot number in the program) that an Insn comes from.
type Pos int32

// NoPos marks instructions that come from no instruction of the program, as those of a helper's body.
const NoPos Pos = -1

// BlockID is the index of a block in Func.Blocks.
type BlockID int32

// Program is one BPF program: its entry function (Funcs[0]) and all functions
// it reaches. Maps, Data and Helpers are shared by the programs of one object
// and must not be modified through a Program.
type Program struct {
	Name    string
	Section string
	Type    string // program type, "mem/64"
	Funcs   []*Func
	Maps    []abi.MapSpec
	Data    []obj.Data
	Helpers []abi.Helper // prototypes that RefHelper refers to
	Lines   []obj.Line   // source lines, ascending by slot
	License string       // of the object; GPL-only helpers ask for it
	// Absent are the calls that cannot be made, and why: legal only where no path leads.
	Absent map[Pos]*LiftError
}

// Func is a function. Blocks[0] is its entry; Blocks[i].ID == i.
type Func struct {
	Name   string
	Pos    Pos // its first slot
	Blocks []*Block
	// Virtual is the number of virtual registers, FirstVirtual up; 0 in register form.
	Virtual int32
	// Slots is the number of words beside the BPF stack that spill and reload name, of a function whose registers were
	// allocated. What back ends make of a function has them, what they are given has none.
	Slots int32
	// Frame is the BPF stack that the function uses below R10, in bytes, a
	// multiple of 8; set by the lowering from the verifier's facts.
	Frame int32
	// Global functions are verified alone, for all arguments that Params allow.
	Global bool
	Params []obj.Param
}

// Block is a basic block. The last Insn, and only it, is a terminator.
type Block struct {
	ID     BlockID
	Params []Reg // SSA form only
	// Args are what the edges to the successors, in the order of Succs, give to the parameters there.
	Args  [2][]Reg
	Insns []Insn
}

// Insn is one instruction, flat: no slice, no allocation, and 64 bytes, a cache line.
// Which fields mean something is in the op's row of Ops.
type Insn struct {
	Op     Op
	Width  uint8    // 32 or 64: of the operation (arithmetic, branches, movs)
	Size   uint8    // 1, 2, 4, 8: bytes of a memory access; 1, 2, 4 of sext and zext; 2, 4, 8 of bswap
	Sign   bool     // loads: sign-extend to 64 bits
	Write  bool     // guard.mem, guard.align: the access is a write
	Cond   isa.Cond // br
	Order  Order    // atomic order of load, store and atomics
	Scale  uint8    // of Index: 1, 2, 4, 8
	Dst    Reg      // the register written
	A      Reg      // first operand
	B      Reg      // second operand; None: Imm is the operand (where the op allows it)
	Base   Reg      // memory operand: Base + Index*Scale + Disp
	Index  Reg      //
	Disp   int32    //
	Imm    int64    // immediate operand; addend of Ref
	Ref    Ref      // symbolic operand
	Then   BlockID  // jmp, br taken
	Else   BlockID  // br not taken
	Pos    Pos      // BPF instruction
	Region uint16   // guard.mem: the region predicted; a wrong guess costs time, never safety
	Rule   Rule     // fault, guard.mem, guard.align: the rule that is broken if it fails
}

// Order is the memory order of an access.
type Order uint8

// The memory orders. Atomic read-modify-write is SeqCst with fetch, Relaxed without (RFC 9669 section 5.3;
// Linux: Documentation/atomic_t.txt).
const (
	Plain Order = iota
	Relaxed
	Acquire
	Release
	SeqCst
)

// Ref is a symbolic operand: an index into the table that Kind names.
type Ref struct {
	Kind  RefKind
	Index int32
}

// RefKind says which table a Ref indexes.
type RefKind uint8

// The kinds of references.
const (
	RefNone     RefKind = iota
	RefMap              // Program.Maps
	RefMapValue         // Program.Maps, Imm bytes into its value
	RefData             // Program.Data, Imm bytes into it
	RefFunc             // Program.Funcs
	RefHelper           // Program.Helpers
)

// Rule names the rule that a fault reports.
type Rule uint8

// The rules.
const (
	NoRule     Rule = iota
	RuleMemory      // an access touches a byte outside the regions of the run, or writes read-only data
	RuleCall        // a call through a register whose value is no function
	RuleFuel        // the run used up its budget
	RuleAlign       // an atomic access whose address is not a multiple of its size
)

// String is the rule's name in messages and JSON.
func (r Rule) String() string {
	return [...]string{"none", "memory", "call", "fuel", "alignment"}[r]
}

// Limits of a program and the functions it calls (Linux 6.18: MAX_BPF_STACK in
// include/linux/filter.h, MAX_CALL_FRAMES in include/linux/bpf_verifier.h).
const (
	MaxStack  = 512 // bytes of BPF stack, all frames together
	MaxFrames = 8   // functions active at a time
	// MaxActive is the same of a lowered program: between two of its functions there may be one that the lowering added.
	MaxActive = 2 * MaxFrames
	// MaxTailCalls is how many tail calls a run makes (MAX_TAIL_CALL_CNT, include/linux/bpf.h).
	MaxTailCalls = 33
)

// Regions of a run that every program has. The value of map i is region RegionMaps+i.
const (
	RegionStack  = 0 // the BPF stack
	RegionMemory = 1 // the memory or packet of the run
	RegionData   = 2 // writable data sections
	RegionRodata = 3 // read-only data sections
	RegionMaps   = 4
	MaxRegions   = 64
)

// Source returns the source line of the instruction at pos, nil if it is not known.
func (p *Program) Source(pos Pos) *obj.Line {
	i, exact := slices.BinarySearchFunc(p.Lines, int(pos), func(l obj.Line, slot int) int { return l.Slot - slot })
	if !exact {
		i--
	}
	if pos < 0 || i < 0 {
		return nil
	}
	return &p.Lines[i]
}
