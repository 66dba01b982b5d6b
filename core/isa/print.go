package isa

import "fmt"

// String returns the instruction in the dialect of Linux and LLVM, for example
// "r1 = *(u64 *)(r6 + 8)" or "if w1 s> 4 goto +3".
func (i Insn) String() string { return i.Format("") }

// Format is String with symbol in place of the operand that a symbol can stand
// for: the target of a jump or call, or the value that an lddw loads (whose
// syntax asks for a final " ll", which Format adds). An empty symbol changes nothing.
func (i Insn) Format(symbol string) string {
	if i.Op >= numOps {
		return i.Op.String()
	}
	return printers[i.Row().Kind](i, i.Row(), symbol)
}

// String returns the register in lower case: "r0" to "r10".
func (r Reg) String() string { return fmt.Sprintf("r%d", uint8(r)) }

// Half returns the name of the register's lower 32 bits: "w0" to "w10".
func (r Reg) Half() string { return fmt.Sprintf("w%d", uint8(r)) }

// named returns the register's name as an operand of width bits.
func (r Reg) named(width uint8) string {
	if width == 32 {
		return r.Half()
	}
	return r.String()
}

// arithText and condText are the operators of the dialect. An arithmetic
// instruction is written dst, operator, operand.
var arithText = [...]string{
	NoArith: "?", Add: "+=", Sub: "-=", Mul: "*=", Div: "/=", SDiv: "s/=", Or: "|=", And: "&=", Lsh: "<<=", Rsh: ">>=",
	Mod: "%=", SMod: "s%=", Xor: "^=", Mov: "=", Arsh: "s>>=",
}

var condText = [...]string{
	NoCond: "?", EQ: "==", NE: "!=", GT: ">", GE: ">=", LT: "<", LE: "<=", SGT: "s>", SGE: "s>=", SLT: "s<", SLE: "s<=", SET: "&",
}

var atomicText = [...]string{NoAtomic: "?", AtomicAdd: "add", AtomicOr: "or", AtomicAnd: "and", AtomicXor: "xor", AtomicXchg: "xchg", AtomicCmpXchg: "cmpxchg"}

// String returns the operator in the dialect of Linux and LLVM: "+=", "s>>=".
func (a Arith) String() string { return arithText[a] }

// String returns the operator in the dialect of Linux and LLVM: "==", "s>".
func (c Cond) String() string { return condText[c] }

// String returns the name of the operation in lower case: "add", "cmpxchg".
func (a AtomicOp) String() string { return atomicText[a] }

// Arith returns the operation that a changes memory by: Mov for AtomicXchg, NoArith for AtomicCmpXchg.
func (a AtomicOp) Arith() Arith {
	return [...]Arith{AtomicAdd: Add, AtomicOr: Or, AtomicAnd: And, AtomicXor: Xor, AtomicXchg: Mov, AtomicCmpXchg: NoArith}[a]
}

// printers has one function for each kind.
var printers = [...]func(i Insn, r *Row, symbol string) string{
	KindInvalid:    printName,
	KindPad:        printName,
	KindALU:        printALU,
	KindNeg:        printNeg,
	KindMovSX:      printMovSX,
	KindEnd:        printEnd,
	KindSwap:       printEnd,
	KindLoadImm64:  printLddw,
	KindLoad:       printLoad,
	KindLoadSX:     printLoad,
	KindStoreImm:   printStore,
	KindStore:      printStore,
	KindAtomic:     printAtomic,
	KindLoadAcq:    printOrdered,
	KindStoreRel:   printOrdered,
	KindLoadAbs:    printPacket,
	KindLoadInd:    printPacket,
	KindJump:       printJump,
	KindBranch:     printBranch,
	KindMayGoto:    printJump,
	KindCallHelper: printCall,
	KindCallLocal:  printCall,
	KindCallKfunc:  printCall,
	KindCallReg:    printThrough,
	KindExit:       printExit,
	KindGotoReg:    printThrough,
	KindAddrSpace:  printAddrSpace,
}

func printName(_ Insn, r *Row, _ string) string { return r.Name }

func printExit(Insn, *Row, string) string { return "exit" }

// second returns the second operand of an ALU or branch instruction.
func (i Insn) second(r *Row) string {
	if r.SrcReg {
		return i.Src.named(r.Width)
	}
	return fmt.Sprint(i.Imm)
}

func printALU(i Insn, r *Row, _ string) string {
	return fmt.Sprintf("%s %s %s", i.Dst.named(r.Width), r.Arith, i.second(r))
}

func printNeg(i Insn, r *Row, _ string) string {
	return fmt.Sprintf("%s = -%[1]s", i.Dst.named(r.Width))
}

func printMovSX(i Insn, r *Row, _ string) string {
	return fmt.Sprintf("%s = (s%d)%s", i.Dst.named(r.Width), int(r.Size)*8, i.Src.named(r.Width))
}

func printEnd(i Insn, r *Row, _ string) string {
	name := "le"
	switch {
	case r.Kind == KindSwap:
		name = "bswap"
	case r.Big:
		name = "be"
	}
	return fmt.Sprintf("%s = %s%d %[1]s", i.Dst, name, int(r.Size)*8)
}

func printLddw(i Insn, r *Row, symbol string) string {
	if symbol == "" {
		symbol = lddwOperand(r.Sub, int32(i.Imm), int32(i.Imm>>32), i.Imm)
	}
	return fmt.Sprintf("%s = %s ll", i.Dst, symbol)
}

// lddwOperand writes the operand of an lddw; low and high are the halves of its immediate.
func lddwOperand(sub uint8, low, high int32, imm int64) string {
	switch sub {
	case SubMapFD:
		return fmt.Sprintf("map[fd:%d]", low)
	case SubMapValueFD:
		return fmt.Sprintf("map[fd:%d][0]%+d", low, high)
	case SubVar:
		return fmt.Sprintf("var[id:%d]%+d", low, high)
	case SubFunc:
		return fmt.Sprintf("func[%+d]", low)
	case SubMapIdx:
		return fmt.Sprintf("map[idx:%d]", low)
	case SubMapValIdx:
		return fmt.Sprintf("map[idx:%d][0]%+d", low, high)
	}
	return fmt.Sprint(imm)
}

// displaced writes a register and a displacement: "r10 - 8".
func displaced(base Reg, off int64) string {
	if off < 0 {
		return fmt.Sprintf("%s - %d", base, -off)
	}
	return fmt.Sprintf("%s + %d", base, off)
}

// place writes the memory operand of an access: "*(u64 *)(r10 - 8)".
func (r *Row) place(base Reg, off int16) string {
	sign := "u"
	if r.Kind == KindLoadSX {
		sign = "s"
	}
	return fmt.Sprintf("*(%s%d *)(%s)", sign, int(r.Size)*8, displaced(base, int64(off)))
}

func printLoad(i Insn, r *Row, _ string) string {
	return fmt.Sprintf("%s = %s", i.Dst, r.place(i.Src, i.Off))
}

func printStore(i Insn, r *Row, _ string) string {
	if r.SrcReg {
		return fmt.Sprintf("%s = %s", r.place(i.Dst, i.Off), i.Src)
	}
	return fmt.Sprintf("%s = %d", r.place(i.Dst, i.Off), i.Imm)
}

func printAtomic(i Insn, r *Row, _ string) string {
	src, at, suffix := i.Src.named(r.Width), displaced(i.Dst, int64(i.Off)), "_64"
	if r.Width == 32 {
		suffix = "32_32"
	}
	switch {
	case r.Atomic == AtomicXchg:
		return fmt.Sprintf("%s = xchg%s(%s, %[1]s)", src, suffix, at)
	case r.Atomic == AtomicCmpXchg:
		return fmt.Sprintf("%s = cmpxchg%s(%s, %[1]s, %[4]s)", R0.named(r.Width), suffix, at, src)
	case r.Fetch:
		return fmt.Sprintf("%s = atomic_fetch_%s((u%d *)(%s), %[1]s)", src, r.Atomic, r.Width, at)
	}
	return fmt.Sprintf("lock %s %s %s", r.place(i.Dst, i.Off), r.Atomic.Arith(), src)
}

func printOrdered(i Insn, r *Row, _ string) string {
	if r.Kind == KindLoadAcq {
		return fmt.Sprintf("%s = load_acquire(%s)", i.Dst, r.place(i.Src, i.Off)[1:])
	}
	return fmt.Sprintf("store_release(%s, %s)", r.place(i.Dst, i.Off)[1:], i.Src)
}

func printPacket(i Insn, r *Row, _ string) string {
	at := fmt.Sprint(i.Imm)
	if r.Kind == KindLoadInd && i.Imm == 0 {
		at = i.Src.String()
	} else if r.Kind == KindLoadInd {
		at = displaced(i.Src, i.Imm)
	}
	return fmt.Sprintf("r0 = *(u%d *)skb[%s]", int(r.Size)*8, at)
}

// jumpOffset returns the offset of a jump in slots.
func (i Insn) jumpOffset() int { t, _ := i.Target(-1); return t }

// target writes where a jump leads.
func (i Insn) target(symbol string) string {
	if symbol != "" {
		return symbol
	}
	return fmt.Sprintf("%+d", i.jumpOffset())
}

func printJump(i Insn, r *Row, symbol string) string {
	name := "goto"
	switch {
	case r.Kind == KindMayGoto:
		name = "may_goto"
	case r.Width == 32:
		name = "gotol"
	}
	return name + " " + i.target(symbol)
}

func printBranch(i Insn, r *Row, symbol string) string {
	return fmt.Sprintf("if %s %s %s goto %s", i.Dst.named(r.Width), r.Cond, i.second(r), i.target(symbol))
}

func printCall(i Insn, r *Row, symbol string) string {
	switch {
	case symbol != "":
		return "call " + symbol
	case r.Kind == KindCallLocal:
		return "call pc" + i.target("")
	case r.Kind == KindCallHelper:
		return fmt.Sprintf("call %d", uint32(i.Imm))
	case i.Off != 0:
		return fmt.Sprintf("call kfunc#%d@%d", uint32(i.Imm), i.Off)
	}
	return fmt.Sprintf("call kfunc#%d", uint32(i.Imm))
}

func printThrough(i Insn, r *Row, _ string) string {
	if r.Kind == KindGotoReg {
		return "gotox " + i.Dst.String()
	}
	return "callx " + i.Dst.String()
}

func printAddrSpace(i Insn, _ *Row, _ string) string {
	return fmt.Sprintf("%s = addr_space_cast(%s, %d, %d)", i.Dst, i.Src, uint16(i.Imm>>16), uint16(i.Imm))
}
