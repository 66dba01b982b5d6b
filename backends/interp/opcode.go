package interp

// opcode is what the loop dispatches on: an IR op specialised by width, size,
// sign and form of its operands. Within a group opcodes follow the order of the
// IR's ops or conditions, four to each: 64 bits with a register, 64 with an
// immediate (i), 32 with a register, 32 with an immediate.
type opcode uint8

const (
	opStep opcode = iota // calls the observer; only in observed code

	// Dst = a op b.
	opAdd64
	opAdd64i
	opAdd32
	opAdd32i
	opSub64
	opSub64i
	opSub32
	opSub32i
	opMul64
	opMul64i
	opMul32
	opMul32i
	opDiv64
	opDiv64i
	opDiv32
	opDiv32i
	opSDiv64
	opSDiv64i
	opSDiv32
	opSDiv32i
	opMod64
	opMod64i
	opMod32
	opMod32i
	opSMod64
	opSMod64i
	opSMod32
	opSMod32i
	opOr64
	opOr64i
	opOr32
	opOr32i
	opAnd64
	opAnd64i
	opAnd32
	opAnd32i
	opXor64
	opXor64i
	opXor32
	opXor32i
	opLsh64
	opLsh64i
	opLsh32
	opLsh32i
	opRsh64
	opRsh64i
	opRsh32
	opRsh32i
	opArsh64
	opArsh64i
	opArsh32
	opArsh32i

	// if a cond b goto disp.
	opJEQ64
	opJEQ64i
	opJEQ32
	opJEQ32i
	opJNE64
	opJNE64i
	opJNE32
	opJNE32i
	opJGT64
	opJGT64i
	opJGT32
	opJGT32i
	opJGE64
	opJGE64i
	opJGE32
	opJGE32i
	opJLT64
	opJLT64i
	opJLT32
	opJLT32i
	opJLE64
	opJLE64i
	opJLE32
	opJLE32i
	opJSGT64
	opJSGT64i
	opJSGT32
	opJSGT32i
	opJSGE64
	opJSGE64i
	opJSGE32
	opJSGE32i
	opJSLT64
	opJSLT64i
	opJSLT32
	opJSLT32i
	opJSLE64
	opJSLE64i
	opJSLE32
	opJSLE32i
	opJSET64
	opJSET64i
	opJSET32
	opJSET32i

	opJmp

	// Dst = f(a).
	opMov64
	opMov32
	opMovImm
	opNeg64
	opNeg32
	opSext8
	opSext16
	opSext32
	opSext8w // to 32 bits
	opSext16w
	opZext8
	opZext16
	opBswap16
	opBswap32
	opBswap64

	opLea // Dst = a + b<<imm + disp

	// Dst = memory at a + disp; b is the region predicted.
	opLoad8
	opLoad16
	opLoad32
	opLoad64
	opLoad8s
	opLoad16s
	opLoad32s

	// Memory at a + disp = b, or imm; dst is the region predicted.
	opStore8
	opStore16
	opStore32
	opStore64
	opStore8i
	opStore16i
	opStore32i
	opStore64i

	opOrdered  // load-acquire, store-release and atomics, by their IR
	opGuard    // memory at a + disp; dst is the region predicted, b the size, imm 1 for a write
	opOffStack // a + disp, not in the imm bytes of stack
	opAlign    // memory at a + disp; imm is its size less 1
	opZero     // imm bytes at a + disp
	opPoll
	opCall       // function at disp, of a caller with the low half of imm bytes of frame and the high half slots
	opCallHelper // helper imm
	opCPU        // dst = number of the CPU
	opState      // dst = address of the CPU's state
	opSpill      // slot imm = a
	opReload     // dst = slot imm
	opTailCall
	opExit
	opFault // with address a
)
