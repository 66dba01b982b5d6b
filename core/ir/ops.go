package ir

// Op is an operation; its row in Ops says what it reads and writes.
type Op uint8

// The operations. Dst, A, B, … are fields of Insn.
const (
	OpInvalid Op = iota

	// Moves and constants.
	OpMov  // Dst = B|Imm, Width 32 zero-extends (Imm: 64 bits)
	OpAddr // Dst = address of Ref plus Imm; RefFunc: the function's value, FuncValue plus its index in Program.Funcs; RefMap: an opaque value

	// Arithmetic, Width 32 or 64: Dst = A op B|Imm.
	OpAdd
	OpSub
	OpMul
	OpDiv
	OpSDiv
	OpMod
	OpSMod
	OpOr
	OpAnd
	OpXor
	OpLsh
	OpRsh
	OpArsh

	// Unary: Dst = op A.
	OpNeg
	OpSext  // sign-extend the low Size bytes to Width
	OpZext  // zero-extend the low Size bytes
	OpBswap // reverse the low Size bytes, zero-extend

	// Memory: Size bytes at Base + Index*Scale + Disp.
	OpLoad  // Dst = memory, zero-extended, or with Sign sign-extended to 64 bits
	OpStore // memory = A, or Imm if A is None

	// Atomics, Size 4 or 8, on memory with A. Without Dst nothing is returned; with Dst the old value, zero-extended.
	OpAtomicAdd
	OpAtomicOr
	OpAtomicAnd
	OpAtomicXor
	OpAtomicXchg    // Dst = old, memory = A
	OpAtomicCmpXchg // if memory == B then memory = A; Dst = old, zero-extended. Register form: Dst and B are R0 (Size 4: the low half of B is compared)

	// Packet access of classic BPF (RFC 9669 section 5.5): Dst is R0, address Imm (+ A).
	OpLoadAbs
	OpLoadInd

	// Calls: read their callee's arguments from R1 up, write R0, clobber R1 to R5.
	OpCall       // function Ref
	OpCallHelper // helper Ref
	OpCallReg    // the function whose value is A

	// Terminators.
	OpJmp     // to Then
	OpBr      // if A Cond B|Imm to Then, else to Else
	OpMayGoto // to Then when the function's loop budget is used up, else to Else
	OpExit    // return R0

	// Lowering only.
	OpLea        // Dst = Base + Index*Scale + Disp, 64 bits; no memory is touched
	OpGuardMem   // check that Size bytes at Base + Index*Scale + Disp are in a region (Write: a writable one), else fault Rule
	OpGuardAlign // check that the address Base + Index*Scale + Disp is a multiple of Size, else fault Rule (a locked access across cache lines may trap on amd64)
	OpPoll       // count down the slice; at zero the code exits and may be resumed
	OpZero       // zero Imm bytes (multiple of 8) at Base + Disp
	OpFault      // terminator: end the run with fault Rule; address is A, if any
	OpCPU        // Dst = number of the virtual CPU
	OpState      // Dst = address of what the virtual CPU keeps from run to run: package codegen has its layout
	OpSpill      // slot Imm of the function = A; register form only
	OpReload     // Dst = slot Imm of the function; register form only
	OpTailCall   // go on in the program at index R3 (32 bits) of the prog array R2, with R1, in this function's place; falls through if there is none, or after ir.MaxTailCalls
	OpTailSlot   // the same with the slot Imm, which it has, of the prog array Ref

	numOps
)

// Effects of an op.
type Effects uint16

// The effects and operand forms.
const (
	DefDst   Effects = 1 << iota // writes Dst
	OptDst                       // writes Dst unless it is None
	UseA                         // reads A
	OptA                         // reads A, or Imm if A is None
	UseB                         // reads B
	OptB                         // reads B, or Imm if B is None
	UseMem                       // reads Base, and Index unless None, as an address
	UseRef                       // has a Ref
	CallsOut                     // a call: reads R1 up, writes R0, clobbers R1 to R5
	MayFault                     // may end the run with a fault
	MayExit                      // may leave machine code and be resumed
	Term                         // ends a block
	Writes                       // writes memory
	Reads                        // reads memory
	Lowered                      // appears only after lowering
)

// OpInfo is the row of an op.
type OpInfo struct {
	Name string
	Effects
}

// Has reports whether all effects of f are set.
func (e Effects) Has(f Effects) bool { return e&f == f }

// Ops is the op table; parser, printer, checker, interpreter and back ends read it.
var Ops = [numOps]OpInfo{
	OpMov:           {"mov", DefDst | OptB},
	OpAddr:          {"addr", DefDst | UseRef},
	OpAdd:           {"add", DefDst | UseA | OptB},
	OpSub:           {"sub", DefDst | UseA | OptB},
	OpMul:           {"mul", DefDst | UseA | OptB},
	OpDiv:           {"div", DefDst | UseA | OptB},
	OpSDiv:          {"sdiv", DefDst | UseA | OptB},
	OpMod:           {"mod", DefDst | UseA | OptB},
	OpSMod:          {"smod", DefDst | UseA | OptB},
	OpOr:            {"or", DefDst | UseA | OptB},
	OpAnd:           {"and", DefDst | UseA | OptB},
	OpXor:           {"xor", DefDst | UseA | OptB},
	OpLsh:           {"lsh", DefDst | UseA | OptB},
	OpRsh:           {"rsh", DefDst | UseA | OptB},
	OpArsh:          {"arsh", DefDst | UseA | OptB},
	OpNeg:           {"neg", DefDst | UseA},
	OpSext:          {"sext", DefDst | UseA},
	OpZext:          {"zext", DefDst | UseA},
	OpBswap:         {"bswap", DefDst | UseA},
	OpLoad:          {"load", DefDst | UseMem | Reads | MayFault},
	OpStore:         {"store", OptA | UseMem | Writes | MayFault},
	OpAtomicAdd:     {"atomic.add", OptDst | UseA | UseMem | Reads | Writes | MayFault},
	OpAtomicOr:      {"atomic.or", OptDst | UseA | UseMem | Reads | Writes | MayFault},
	OpAtomicAnd:     {"atomic.and", OptDst | UseA | UseMem | Reads | Writes | MayFault},
	OpAtomicXor:     {"atomic.xor", OptDst | UseA | UseMem | Reads | Writes | MayFault},
	OpAtomicXchg:    {"atomic.xchg", DefDst | UseA | UseMem | Reads | Writes | MayFault},
	OpAtomicCmpXchg: {"atomic.cmpxchg", DefDst | UseA | UseB | UseMem | Reads | Writes | MayFault},
	OpLoadAbs:       {"ld.abs", DefDst | Reads | MayExit},
	OpLoadInd:       {"ld.ind", DefDst | UseA | Reads | MayExit},
	OpCall:          {"call", UseRef | CallsOut},
	OpCallHelper:    {"call.helper", UseRef | CallsOut | MayExit},
	OpCallReg:       {"call.reg", UseA | CallsOut | MayFault},
	OpJmp:           {"jmp", Term},
	OpBr:            {"br", UseA | OptB | Term},
	OpMayGoto:       {"maygoto", Term},
	OpExit:          {"exit", Term},
	OpLea:           {"lea", DefDst | UseMem | Lowered},
	OpGuardMem:      {"guard.mem", UseMem | MayFault | Lowered},
	OpGuardAlign:    {"guard.align", UseMem | MayFault | Lowered},
	OpPoll:          {"poll", MayExit | Lowered},
	OpZero:          {"zero", UseMem | Writes | Lowered},
	OpFault:         {"fault", MayFault | Term | Lowered},
	OpCPU:           {"cpu", DefDst | Lowered},
	OpState:         {"state", DefDst | Lowered},
	OpSpill:         {"spill", UseA | Lowered},
	OpReload:        {"reload", DefDst | Lowered},
	OpTailCall:      {"tailcall", CallsOut | Lowered},
	OpTailSlot:      {"tailslot", UseRef | CallsOut | Lowered},
}

// Info returns the op's row.
func (o Op) Info() *OpInfo { return &Ops[o] }

// String is the op's name in the text form.
func (o Op) String() string { return Ops[o].Name }

// Uses calls f with every register that the instruction reads, those of a call
// (R1 to R5) and of exit (R0) included.
func (i *Insn) Uses(f func(Reg)) {
	e := i.Op.Info().Effects
	if e&(UseA|OptA) != 0 || i.Op == OpFault {
		use(f, i.A)
	}
	if e&(UseB|OptB) != 0 {
		use(f, i.B)
	}
	if e&UseMem != 0 {
		use(f, i.Base)
		use(f, i.Index)
	}
	if e&CallsOut != 0 {
		for r := R1; r <= R5; r++ {
			f(r)
		}
	}
	if i.Op == OpExit {
		f(R0)
	}
}

func use(f func(Reg), r Reg) {
	if r != None {
		f(r)
	}
}

// Def returns the register that the instruction writes with a value, None if
// there is none. A call writes R0 and also clobbers R1 to R5.
func (i *Insn) Def() Reg {
	e := i.Op.Info().Effects
	switch {
	case e&(DefDst|OptDst) != 0:
		return i.Dst
	case e&CallsOut != 0:
		return R0
	}
	return None
}

// Terminator returns the block's last instruction. The block must not be empty.
func (b *Block) Terminator() *Insn { return &b.Insns[len(b.Insns)-1] }

// Succs returns the block's successors in s[:n], without allocation.
func (b *Block) Succs() (s [2]BlockID, n int) {
	switch t := b.Terminator(); t.Op {
	case OpJmp:
		return [2]BlockID{t.Then}, 1
	case OpBr, OpMayGoto:
		return [2]BlockID{t.Then, t.Else}, 2
	}
	return s, 0
}
