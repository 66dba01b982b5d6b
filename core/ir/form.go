package ir

import "github.com/bpfc/bpfc/core/isa"

// fields says which attributes of Insn, beside its registers and Ref, mean
// something for an op. All others are zero.
type fields uint16

// The attributes.
const (
	fWidth   fields = 1 << iota // Width, 32 or 64; where it means nothing, 0 and 64 are the same
	fSign                       // Sign
	fWrite                      // Write
	fCond                       // Cond
	fImm                        // Imm, always
	fThen                       // Then
	fElse                       // Else
	fRegion                     // Region
	fRule                       // Rule
	fOptAddr                    // A is read unless None, without an immediate in its place
)

// form is the row of an op beside the one in Ops: its attributes and their legal values.
type form struct {
	fields
	sizes  set // of Size
	orders set // of Order
	refs   set // of Ref.Kind
}

func (f *form) has(b fields) bool { return f.fields&b != 0 }

// set is a set of small numbers.
type set uint16

func setOf[T ~uint8](members ...T) set {
	var s set
	for _, m := range members {
		s |= 1 << m
	}
	return s
}

// has reports whether v is a member; the empty set has only 0.
func (s set) has(v uint8) bool {
	if s == 0 {
		return v == 0
	}
	return v < 16 && s>>v&1 != 0
}

// members are the members in ascending order.
func (s set) members() (list []uint8) {
	for v := range uint8(16) {
		if s>>v&1 != 0 {
			list = append(list, v)
		}
	}
	return list
}

// The sizes, in bytes, and orders that ops allow. Read-modify-write is SeqCst
// with fetch and Relaxed without; loads acquire and stores release (Order).
var (
	accessSizes = setOf[uint8](1, 2, 4, 8)
	packetSizes = setOf[uint8](1, 2, 4)
	swapSizes   = setOf[uint8](2, 4, 8)
	atomicSizes = setOf[uint8](4, 8)
	rmwOrders   = setOf(Relaxed, SeqCst)
)

// forms is the table of attributes; checker, printer and parser read it.
var forms = func() (t [numOps]form) {
	arith, atomic := form{fields: fWidth}, form{sizes: atomicSizes, orders: rmwOrders}
	for op := OpAdd; op <= OpArsh; op++ {
		t[op] = arith
	}
	for op := OpAtomicAdd; op <= OpAtomicCmpXchg; op++ {
		t[op] = atomic
	}
	t[OpMov], t[OpNeg] = arith, arith
	t[OpAddr] = form{fields: fImm, refs: setOf(RefMap, RefMapValue, RefData, RefFunc)}
	t[OpSext] = form{fields: fWidth, sizes: packetSizes}
	t[OpZext] = form{sizes: packetSizes}
	t[OpBswap] = form{sizes: swapSizes}
	t[OpLoad] = form{fields: fSign, sizes: accessSizes, orders: setOf(Plain, Relaxed, Acquire, SeqCst)}
	t[OpStore] = form{sizes: accessSizes, orders: setOf(Plain, Relaxed, Release, SeqCst)}
	t[OpLoadAbs] = form{fields: fImm, sizes: packetSizes}
	t[OpLoadInd] = form{fields: fImm, sizes: packetSizes}
	t[OpCall] = form{refs: setOf(RefFunc)}
	t[OpCallHelper] = form{refs: setOf(RefHelper)}
	t[OpJmp] = form{fields: fThen}
	t[OpBr] = form{fields: fWidth | fCond | fThen | fElse}
	t[OpMayGoto] = form{fields: fThen | fElse}
	t[OpGuardMem] = form{fields: fWrite | fRegion | fRule, sizes: accessSizes}
	t[OpGuardAlign] = form{fields: fWrite | fRule, sizes: accessSizes}
	t[OpZero] = form{fields: fImm}
	t[OpFault] = form{fields: fRule | fOptAddr}
	t[OpCPU], t[OpState], t[OpTailCall] = form{}, form{}, form{}
	t[OpTailSlot] = form{fields: fImm, refs: setOf(RefMap)}
	t[OpSpill], t[OpReload] = form{fields: fImm}, form{fields: fImm}
	return t
}()

// valid reports whether the op is one.
func (o Op) valid() bool { return o > OpInvalid && o < numOps }

// readsImm reports whether Imm is an operand of the instruction.
func (i *Insn) readsImm() bool {
	e := Ops[i.Op].Effects
	return forms[i.Op].fields&fImm != 0 || e&OptA != 0 && i.A == None || e&OptB != 0 && i.B == None
}

// readsA reports whether A is an operand of the instruction.
func (i *Insn) readsA() bool {
	optional := Ops[i.Op].Effects&OptA != 0 || forms[i.Op].fields&fOptAddr != 0
	return Ops[i.Op].Effects&UseA != 0 || optional && i.A != None
}

// readsB reports whether B is an operand of the instruction.
func (i *Insn) readsB() bool {
	e := Ops[i.Op].Effects
	return e&UseB != 0 || e&OptB != 0 && i.B != None
}

// validCond reports whether c is a condition.
func validCond(c isa.Cond) bool { return c > isa.NoCond && c <= isa.SET }

// validRule reports whether r is a rule that can be broken.
func validRule(r Rule) bool { return r > NoRule && r <= RuleAlign }
