package cbpf

import "fmt"

// value is a number that a filter computes from what it is given, as a tree. Equal trees of one walk are one pointer.
type value struct {
	kind valueKind
	op   Op     // of valueArith and valueCompare
	a, b *value // operands; of loads a is the address
	k    uint32 // the number; where the address counts from: 0, NetBase or LinkBase; an Anc; which random number
	size uint8  // bytes of a load
}

type valueKind uint8

const (
	valueNumber   valueKind = iota
	valueLoad               // bytes of the packet, a word of the data of seccomp
	valueInside             // 1 if such a load is possible, else 0
	valueCaptured           // how many bytes of the packet there are
	valueLength             // how many there were on the wire
	valueDevice             // 0 without a device
	valueAnc                // what an ancillary load gives, of a and b if it has operands
	valueArith              // a op b
	valueCompare            // 1 if a op b, else 0
)

// node is a value with what is derived from it.
type node struct {
	id    int    // in the order in which a walk met them
	max   uint32 // the largest that it can be
	nodes int    // of its tree
}

// values are those of one walk.
type values struct {
	known map[value]*value
	nodes map[*value]*node
}

func newValues() *values { return &values{map[value]*value{}, map[*value]*node{}} }

// of returns the value that equals v.
func (s *values) of(v value) *value {
	if old, ok := s.known[v]; ok {
		return old
	}
	n := &node{id: len(s.known), max: v.bound(s), nodes: 1}
	for _, o := range [2]*value{v.a, v.b} {
		if o != nil {
			n.nodes += s.nodes[o].nodes
		}
	}
	p := &v
	s.known[v], s.nodes[p] = p, n
	return p
}

func (s *values) number(k uint32) *value { return s.of(value{kind: valueNumber, k: k}) }

// bound is the largest number that v can be.
func (v *value) bound(s *values) uint32 {
	switch {
	case v.kind == valueNumber:
		return v.k
	case v.kind == valueInside, v.kind == valueCompare:
		return 1
	case v.kind == valueLoad && v.size < 4:
		return 1<<(8*v.size) - 1
	case v.kind == valueArith && v.op != OpNeg:
		return arithBound(v.op, s.nodes[v.a].max, s.nodes[v.b].max, v.b.kind == valueNumber)
	}
	return 1<<32 - 1
}

// arith is a op b; for the dialects whose shifts take the amount modulo 32, b has been masked.
func (s *values) arith(op Op, a, b *value) *value {
	number := b.kind == valueNumber
	switch {
	case number && a.kind == valueNumber:
		return s.number(calculate(op, a.k, b.k))
	case op == OpAnd && number && a.kind == valueArith && a.op == OpAnd && a.b.kind == valueNumber:
		return s.arith(OpAnd, a.a, s.number(a.b.k&b.k))
	case op == OpAnd && number && b.k == 0, op == OpMul && number && b.k == 0:
		return b
	case op == OpAnd && number && s.covers(b.k, a):
		return a
	case number && b.k == 0 && (op == OpAdd || op == OpSub || op == OpOr || op == OpXor || op == OpLsh || op == OpRsh):
		return a
	}
	return s.of(value{kind: valueArith, op: op, a: a, b: b})
}

// covers reports whether a mask leaves a as it is: it has all bits below its highest, and a no others.
func (s *values) covers(mask uint32, a *value) bool {
	return mask&(mask+1) == 0 && s.nodes[a].max <= mask
}

// calculate is a op b on numbers; division by 0 does not come here, and shifts by 32 and more give 0.
func calculate(op Op, a, b uint32) uint32 {
	switch op {
	case OpAdd:
		return a + b
	case OpSub:
		return a - b
	case OpMul:
		return a * b
	case OpDiv:
		return a / b
	case OpMod:
		return a % b
	case OpAnd:
		return a & b
	case OpOr:
		return a | b
	case OpXor:
		return a ^ b
	case OpLsh:
		return a << b
	case OpRsh:
		return a >> b
	}
	return -a
}

// compares reports whether a op b holds.
func compares(op Op, a, b uint32) bool {
	switch op {
	case OpJeq:
		return a == b
	case OpJgt:
		return a > b
	case OpJge:
		return a >= b
	}
	return a&b != 0
}

// opText are the operators as they are written.
var opText = map[Op]string{
	OpAdd: "+", OpSub: "-", OpMul: "*", OpDiv: "/", OpMod: "%", OpAnd: "&", OpOr: "|", OpXor: "^", OpLsh: "<<", OpRsh: ">>", OpJeq: "==", OpJgt: ">", OpJge: ">=",
}

// opposite are the comparisons that hold where those of opText do not.
var opposite = map[Op]string{OpJeq: "!=", OpJgt: "<=", OpJge: "<"}

// text writes a value; what it is an operand of puts parentheses around a sum, a product and the like.
func (v *value) text(d Dialect) string {
	switch v.kind {
	case valueNumber:
		return numberText(uint64(v.k))
	case valueLoad:
		return v.loadText(d)
	case valueInside:
		return v.loadText(d) + " is in the packet"
	case valueCaptured:
		return "captured"
	case valueLength:
		return "length"
	case valueDevice:
		return "device"
	case valueAnc:
		return v.ancText(d)
	}
	if v.op == OpNeg {
		return "-" + v.a.operandText(d)
	}
	return fmt.Sprintf("%s %s %s", v.a.operandText(d), opText[v.op], v.b.operandText(d))
}

func (v *value) operandText(d Dialect) string {
	if v.kind == valueArith || d == Seccomp && v.kind == valueLoad && v.a.k >= dataIP {
		return "(" + v.text(d) + ")"
	}
	return v.text(d)
}

// loadText is [offset:size], with the header that the offset counts from.
func (v *value) loadText(d Dialect) string {
	if d == Seccomp {
		return wordName(v.a.k)
	}
	base := map[uint32]string{NetBase: "net", LinkBase: "link"}[v.k]
	at := v.a.text(d)
	if v.a.kind == valueNumber {
		at = fmt.Sprint(v.a.k)
	}
	return fmt.Sprintf("%s[%s:%d]", base, at, v.size)
}

func (v *value) ancText(d Dialect) string {
	name := Anc(v.k & 0xff).String()
	switch {
	case v.a != nil:
		return fmt.Sprintf("%s(%s, %s)", name, v.a.text(d), v.b.text(d))
	case v.k > 0xff:
		return fmt.Sprintf("%s#%d", name, v.k>>8)
	}
	return name
}

// numberText writes small numbers in decimal, others in hex.
func numberText(n uint64) string {
	if n < 1024 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%#x", n)
}

// The words of struct seccomp_data: the call, the architecture, the address it comes from and six arguments, of 64 bits each
// (include/uapi/linux/seccomp.h, Linux 6.18).
const (
	dataNr   = 0
	dataArch = 4
	dataIP   = 8
	dataArgs = 16
)

// wordName names a word of 32 bits of the data of seccomp.
func wordName(at uint32) string {
	switch {
	case at == dataNr:
		return "nr"
	case at == dataArch:
		return "arch"
	case at%8 != 0:
		return pairName(at) + " >> 32"
	}
	return pairName(at) + " & 0xffffffff"
}

// pairName names the number of 64 bits that a word is a half of.
func pairName(at uint32) string {
	if at < dataArgs {
		return "ip"
	}
	return fmt.Sprintf("args[%d]", (at-dataArgs)/8)
}
