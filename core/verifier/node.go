package verifier

import (
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// ref is a value: the index of its node. 0 is no value: a register that was not written.
type ref uint32

// nodeKind says what a value is.
type nodeKind uint8

const (
	isNothing    nodeKind = iota
	isScalar              // a number
	isCtx                 // the context
	isStack               // R10 of activation obj
	isPacket              // the start of the packet
	isPacketEnd           // one past its end
	isPacketMeta          // the start of the metadata before it
	isMemory              // the memory of a program on plain memory
	isMemoryEnd           // one past its end
	isMapValue            // a value of map obj
	isMap                 // map obj
	isData                // data section obj
	isMem                 // size bytes that a helper or the context gave
	isStruct              // structure obj of the set
	isFunc                // function obj
	isDynptr              // on the stack only: one half of a dynptr
	isIter                // on the stack only: an open-coded iterator
)

// kindNames are the kinds in messages, as far as they exist in the kernel's words.
var kindNames = [...]string{isNothing: "nothing", isScalar: "a number", isCtx: "the context", isStack: "a stack address", isPacket: "a packet pointer",
	isPacketEnd: "the end of the packet", isPacketMeta: "a pointer to packet metadata", isMemory: "a memory pointer", isMemoryEnd: "the end of memory",
	isMapValue: "a map value", isMap: "a map", isData: "an address of static data", isMem: "a pointer to memory", isStruct: "a pointer to a structure",
	isFunc: "a function", isDynptr: "a dynptr", isIter: "an iterator"}

// nodeFlags are properties of a value.
type nodeFlags uint16

const (
	orNull    nodeFlags = 1 << iota // the pointer may be null
	readOnly                        // the memory behind it must not be written
	precise                         // a proof relied on the range
	shared                          // more than one register or slot may hold the value or one at a constant distance
	widened                         // made at a loop head to stand for many values
	stale                           // a number that was a packet pointer before the packet moved
	otherHalf                       // the second half of a dynptr
	linked                          // a proof relied on which other values have the same base
	alias                           // the same number as what it was made from, because that is in its range
	recorded                        // memory that must be handed back whole (a record of a ring buffer)
	within                          // a map that another one holds, or may hold
)

// node is a value that some instruction made. Nodes are immutable but for the flags
// precise and shared: a register holds one by its ref, so that copies are the same
// value, and what was derived from what is known without a log of instructions.
type node struct {
	kind  nodeKind
	flags nodeFlags
	cause cause
	pos   ir.Pos
	fn    int32 // function of the instruction at pos
	a, b  ref   // what it was made from
	// num is the range of a number, and of the variable part of a pointer's offset.
	num scalar.Num
	// base and off: a number is that of base plus off; a pointer is its start plus num plus off.
	base ref
	off  int64
	obj  int32  // what the kind refers to
	id   uint32 // identity: pointers of the same kind and id are off apart; or-null pointers are tested together; of a number that a relation narrowed the relation, counted from 1
	held uint32 // the acquired reference that it belongs to, 0 if none
	size uint32 // bytes behind an isMem; kind of a dynptr; of a number that was computed the formula, of one that was narrowed or is an alias its origin
}

// formula says how a number was computed from a and b.
func formula(in *ir.Insn) uint32 { return uint32(in.Op) | uint32(in.Width)<<8 | uint32(in.Size)<<16 }

// compute is the formula of n on other operands.
func (n *node) compute(x, y scalar.Num) scalar.Num {
	op, width, size := ir.Op(n.size), uint8(n.size>>8), uint8(n.size>>16)
	if n.b == 0 {
		return scalar.Unary(op, width, size, x)
	}
	return scalar.Binary(op, width, x, y)
}

// cause says how a node came to be, for explanations.
type cause uint8

const (
	byEntry   cause = iota // a register at the entry of the program
	byInsn                 // the result of an instruction
	byLoad                 // read from memory whose content is not followed
	byCall                 // the result of a call
	byBranch               // narrowed by a comparison
	byLoop                 // widened at the head of a loop
	byContext              // read from the context
	byMove                 // the packet moved
)

// chunk is how many nodes are allocated at a time: 12 KiB, which is enough for most small programs.
const chunk = 1 << 7

// slab owns the nodes of one verification.
type slab struct {
	chunks []*[chunk]node
	n      ref
}

func (s *slab) at(r ref) *node { return &s.chunks[r/chunk][r%chunk] }

// add stores a node; a number without a base is its own.
func (s *slab) add(n node) ref {
	if s.n == 0 {
		s.chunks = append(s.chunks, new([chunk]node))
		s.n = 1
	}
	if s.n%chunk == 0 && int(s.n/chunk) == len(s.chunks) {
		s.chunks = append(s.chunks, new([chunk]node))
	}
	r := s.n
	s.n++
	if n.kind == isScalar && n.base == 0 {
		n.base, n.off = r, 0
	}
	s.chunks[r/chunk][r%chunk] = n
	return r
}

// markPrecise records that a proof relied on the range of r, and so on those that it was
// computed from. What is known of a value that is not bounded relied on nothing but which others have its base; and
// what a comparison has shown of one that others have, too, may have been compared there.
func (a *analysis) markPrecise(r ref, work *[]ref) {
	list := append((*work)[:0], r)
	for len(list) > 0 {
		r := list[len(list)-1]
		list = list[:len(list)-1]
		if r == 0 {
			continue
		}
		n := a.at(r)
		if n.flags&precise != 0 {
			continue
		}
		n.flags |= precise
		if n.kind == isScalar && (n.num.IsUnknown() || n.cause == byBranch && (n.flags|a.at(n.base).flags)&shared != 0) {
			a.at(n.base).flags |= linked
		}
		if n.kind == isScalar && n.num.IsUnknown() {
			continue
		}
		if n.kind == isScalar && n.id != 0 {
			if why := &a.reasons[n.id-1]; a.noteRelation(why) {
				list = append(list, why.from[0], why.from[1])
			}
		}
		x, y := a.sources(n)
		list = append(list, x, y)
	}
	*work = list
}

// sources are the values that the range of n comes from: not those operands of which it would be the same whatever they were.
func (s *slab) sources(n *node) (x, y ref) {
	x, y = n.a, n.b
	if n.kind != isScalar || n.cause != byInsn || n.size == 0 || n.flags&alias != 0 {
		return x, y
	}
	u, v := s.at(x).num, s.at(y).num
	switch any := scalar.Unknown(); {
	case n.compute(any, any).Within(n.num):
		return 0, 0
	case n.compute(any, v).Within(n.num):
		return 0, y
	case n.compute(u, any).Within(n.num):
		return x, 0
	}
	return x, y
}
